#!/usr/bin/env bash
# Parity with the measuring lab, where that lies beside the checkout (or in
# BMX_SHARED): 1,000 sessions with the primary up, and again in an outage.
#
#	lab_test.sh list | call-ahead
#
# list: the lab's own list. call-ahead: none; the primary is asked, cold at
# first, and what was learnt counts in the outage.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"

MODE=${1:-list}
[ "$MODE" = call-ahead ] || MODE=list # ctest's argument is a program
PROBE_RATE=${BMX_LAB_PROBE_RATE:-200}
SHARED=${BMX_SHARED:-$LAB_SOURCE/../shared}
SESSIONS=${BMX_LAB_SESSIONS:-1000}

reason=$(lab_missing) && check_skip "this test needs: $reason"
[ -x "$SHARED/lab/lab.sh" ] || check_skip "no measuring lab in $SHARED/lab"
command -v knotd >/dev/null 2>&1 || check_skip "the measuring lab needs knotd"
postconf -m | grep -qx lmdb || check_skip "the measuring lab needs postfix-lmdb"
export PYTHONDONTWRITEBYTECODE=1

shared_lab() { "$SHARED/lab/lab.sh" "$@"; }

stop_all() {
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

play() { # PHASE
	local name
	"$LAB_PYTHON" "$SHARED/lab/parity.py" --phase "$1" -n "$SESSIONS" \
		--label backupmx --out "$LAB_DIR/out" >"$LAB_DIR/$1.txt" 2>&1
	check_equal "$1: the sessions were played" "$?" 0
	cat "$LAB_DIR/$1.txt"
	for name in leak leak4 loss wanted_lost bounced_local refused_at_relay \
		backscatter dsn_genuine stuck; do
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
write_config >"$LAB_DIR/backupmx.conf"
write_postfix >"$LAB_DIR/backup.cf"
shared_lab backup-config "$LAB_DIR/backup.cf" || exit 1
start_policyd
for phase in parity outage; do
	play "$phase"
done
check_end
