#!/usr/bin/env bash
# Parity with the measuring lab, where that lies beside the checkout (or in
# BMX_SHARED): 1,000 sessions with the primary up, and again in an outage.
#
#	lab_test.sh list | call-ahead | full
#
# list: the lab's own list, and of the rest what Postfix can. call-ahead: the
# same without a list; the primary is asked, cold at first, and what was learnt
# counts in the outage. full: the example of that name, milter and all.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/scanner_lab.sh"

MODE=${1:-list}
case $MODE in call-ahead | full) ;; *) MODE=list ;; esac # ctest: a program
PROBE_RATE=${BMX_LAB_PROBE_RATE:-200}
SHARED=${BMX_SHARED:-$LAB_SOURCE/../shared}
SESSIONS=${BMX_LAB_SESSIONS:-1000}

reason=$(lab_missing) && check_skip "this test needs: $reason"
[ -x "$SHARED/lab/lab.sh" ] || check_skip "no measuring lab in $SHARED/lab"
command -v knotd >/dev/null 2>&1 || check_skip "the measuring lab needs knotd"
[ "$MODE" != full ] || command -v rspamd >/dev/null 2>&1 ||
	check_skip "rspamd is not installed (Debian package rspamd)"
postconf -m | grep -qx lmdb || check_skip "the measuring lab needs postfix-lmdb"
export PYTHONDONTWRITEBYTECODE=1

shared_lab() { "$SHARED/lab/lab.sh" "$@"; }

stop_all() {
	lab_stop_pid milter
	lab_stop_pid rspamd
	lab_stop_pid policyd
	shared_lab down >/dev/null 2>&1
	rm -rf "$LAB_DIR"
}

# The lab's own list of users in the form that policyd reads. Its second domain
# takes every local part.
write_lists() {
	mkdir -p "$LAB_DIR/lists" "$LAB_DIR/state"
	awk '!/^#/ && $1 ~ /@example\.test$/ { print $1 }' \
		"$LAB_DIR/gen/relay_recipients" >"$LAB_DIR/lists/example.test"
	echo "@catchall.test" >"$LAB_DIR/lists/catchall.test"
}

# The lab plays a day's sessions in seconds: the default of probe_rate is for
# what a day's sessions are.
source_of() { # DOMAIN
	if [ "$MODE" = list ]; then
		echo "recipients = \"file:$LAB_DIR/lists/$1\""
	else
		echo "probe_rate = $PROBE_RATE"
	fi
}

write_config() {
	local domain
	cat <<-CONF
	hostname = "backup.example.test"
	state_dir = "$LAB_DIR/state"
	log = "stderr"
	policyd {
		listen = {"unix:$LAB_BACKUP_SOCKETS/policyd.sock"}
		metrics = ""
		control = "unix:$LAB_DIR/state/control.sock"
	}
	# all clients of the lab are of two networks, which would be taken for
	# harvesters
	milter { trusted = {"198.51.100.0/24", "203.0.113.0/24"} }
	CONF
	for domain in example.test catchall.test; do
		cat <<-CONF
		domain "$domain" {
			primary = {"[$LAB_PRIMARY_HOST]:$LAB_PRIMARY_PORT"}
			$(source_of "$domain")
		}
		CONF
	done
}

# The best that stock Postfix does, with policyd in place of its copied table
# of recipients: the service as the example has it.
write_postfix() {
	local spf=
	[ -x "$LAB_DIR/policyd-spf" ] &&
		spf='check_policy_service unix:private/policyd-spf,'
	cat <<-CF
	smtpd_recipient_restrictions = reject_non_fqdn_sender,
	    reject_unauth_destination,
	    check_policy_service { unix:backupmx/policyd.sock, timeout=10s,
	    { default_action = DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure } },
	    reject_unknown_sender_domain, reject_rbl_client dnsbl.test, $spf
	message_size_limit = 1000000
	header_checks = regexp:\$config_directory/header_checks
	body_checks = regexp:\$config_directory/body_checks
	CF
}

# --- full: the example's files with this lab's places ----------------------

# bounce_guard: the lab waits until the queue is empty, and held bounces stay in
# it. trusted: one of the lab's listed clients is 127.0.0.66.

FULL=$LAB_SOURCE/postfix-examples/full

lab_scanner_address() { echo "$LAB_NET.14"; }

full_section() { # DOMAIN
	sed -n '/^domain "example.test"/,/^}/p' "$FULL/backupmx.conf" |
		sed -e "s|example\.test|$1|g"
}

full_config() {
	{
		echo "resolver = {\"$LAB_DNS@53\"}"
		cat "$FULL/backupmx.conf"
		full_section catchall.test
	} | sed -e 's|bounce_guard = "quarantine"|bounce_guard = "discard"|' \
		-e 's|^\(\ttrusted *= \).*|\1{"::1/128"}|' \
		-e "s|/var/spool/postfix/backupmx/|$LAB_BACKUP_SOCKETS/|" \
		-e "s|/var/lib/backupmx|$LAB_DIR/state|" \
		-e "s|/run/backupmx/|$LAB_DIR/state/|" \
		-e "s|/etc/backupmx/lists/|$LAB_DIR/lists/|" \
		-e "s|\"inet:127.0.0.1:951[78]\"|\"\"|" \
		-e "s|\"mx\"|\"[$LAB_PRIMARY_HOST]:$LAB_PRIMARY_PORT\"|" \
		-e "s|^\(\tsize *= \).*|\11000000|" \
		-e "s|zones *=.*|zones = {\"dnsbl.test*2\"}|" \
		-e "s|http://rspamd[^\"]*|http://$LAB_PRIMARY_HOST:1|" \
		-e "s|127.0.0.1:11333|$(lab_scanner_address):$LAB_RSPAMD_PORT|"
}

full_postfix() {
	sed -e "s|^relay_domains = .*|& catchall.test|" \
		-e "s|^message_size_limit = .*|message_size_limit = 1000000|" \
		"$FULL/backup/main.cf"
}

# rspamd knows two of the primary's three rules about content.
full_scanner() {
	LAB_SCANNER_DNS=$LAB_DNS:53
	lab_rspamd_configure
	cat >>"$LAB_DIR/rspamd/rspamd.local.lua" <<-'LUA'
	rspamd_config:register_symbol({
	  name = 'LAB_RULES',
	  type = 'prefilter',
	  callback = function(task)
	    local mark = task:get_header('X-Spam-Test')
	    if (mark and mark:find('LAB-GTUBE-HEADER-7f3a91', 1, true)) or
	        task:get_rawbody():str():find('LAB*C4JDBQADN1*GTUBE-LIKE-BODY-MARK', 1, true) then
	      task:set_pre_result({action = 'reject', message = 'content', module = 'lab'})
	    end
	  end,
	})
	LUA
	lab_rspamd_start
}

start_milter() {
	"$LAB_BUILD/milter/backupmx-milter" -f -u "$LAB_USER" \
		-c "$LAB_DIR/backupmx.conf" >>"$LAB_DIR/milter.log" 2>&1 \
		</dev/null &
	echo $! >"$LAB_DIR/milter.pid"
	lab_wait 20 test -S "$LAB_BACKUP_SOCKETS/milter.sock"
}

# --- the phases ------------------------------------------------------------

start_policyd() {
	chown "$LAB_USER" "$LAB_DIR/state"
	chown "$LAB_USER:postfix" "$LAB_BACKUP_SOCKETS"
	"$LAB_BUILD/policyd/backupmx-policyd" -f -u "$LAB_USER" \
		-c "$LAB_DIR/backupmx.conf" >>"$LAB_DIR/policyd.log" 2>&1 \
		</dev/null &
	echo $! >"$LAB_DIR/policyd.pid"
	lab_wait 20 test -S "$LAB_BACKUP_SOCKETS/policyd.sock"
}

# One figure of a phase's results.
figure() {
	"$LAB_PYTHON" -c 'import json, sys
print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
		"$LAB_DIR/out/backupmx.$1.json" "$2"
}

# Leaks and refusals at the relay but for those of the class that a rule of the
# primary alone refuses.
leaks() { # PHASE
	"$LAB_PYTHON" -c 'import json, sys
result = json.load(open(sys.argv[1]))
late = result["by_class"]["new_rule"]["leak"] if sys.argv[2] == "full" else 0
print(result["leak"] - late, result["refused_at_relay"] - late)' \
		"$LAB_DIR/out/backupmx.$1.json" "$MODE"
}

play() { # PHASE
	local name
	"$LAB_PYTHON" "$SHARED/lab/parity.py" --phase "$1" -n "$SESSIONS" \
		--label backupmx --out "$LAB_DIR/out" >"$LAB_DIR/$1.txt" 2>&1
	check_equal "$1: the sessions were played" "$?" 0
	cat "$LAB_DIR/$1.txt"
	check_equal "$1: leak, refused at the relay" "$(leaks "$1")" "0 0"
	for name in leak4 loss wanted_lost bounced_local backscatter \
		dsn_genuine stuck; do
		check_equal "$1: $name" "$(figure "$1" $name)" 0
	done
	check_equal "$1: every wanted recipient has the mail" \
		"$(figure "$1" wanted_delivered)" "$(figure "$1" wanted)"
}

LAB_DIR=$(mktemp -d /tmp/backupmx.XXXXXX) || exit 1
chmod 755 "$LAB_DIR"
export LAB_DIR LAB_NET=${BMX_LAB_NET:-127.0.140} LAB_PORT=2525
trap stop_all EXIT
trap 'exit 130' INT TERM
shared_lab up || exit 1
eval "$(shared_lab env)"
LAB_PRIMARY_HOST=${LAB_PRIMARY%:*}
LAB_PRIMARY_PORT=${LAB_PRIMARY##*:}
write_lists
if [ "$MODE" = full ]; then
	full_config >"$LAB_DIR/backupmx.conf"
	full_postfix >"$LAB_DIR/backup.cf"
	full_scanner || exit 1
else
	write_config >"$LAB_DIR/backupmx.conf"
	write_postfix >"$LAB_DIR/backup.cf"
fi
shared_lab backup-config "$LAB_DIR/backup.cf" || exit 1
start_policyd
[ "$MODE" != full ] || start_milter
for phase in parity outage; do
	play "$phase"
done
check_end
