#!/usr/bin/env bash
# Section "*" in the files of postfix-examples/isp, with a real Postfix primary
# and backup and real zones: which domains are served, what counts while DNS
# fails, a reload, a restart, and the milter beside it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/zone_lab.sh"
. "$here/../support/check.sh"
LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/isp
LAB_POLICYD_USER=root # postqueue is set-gid: see call_ahead_lab.sh

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'
TROUBLE='450 4.3.0 <*>: Recipient address rejected: Temporary recipient lookup failure'
MILTER_PORT=2526
SERVED="one two three"

# What is in the customers' table; all but the last few are at our primary.
customers() {
	local domain
	for domain in $SERVED late own; do echo "$domain.test ordered"; done
	echo "example.test ordered"
	for domain in foreign best equal null nomx gone.nomx broken; do
		echo "$domain.test ordered"
	done
}

host_records() {
	echo "mail A $(lab_address primary)"
	echo "us A $(lab_address backup)"
}

zones() {
	local domain records
	mapfile -t records < <(host_records)
	zone_lab_domain example.test "@ MX 10 primary" "@ MX 20 backup" \
		"primary A $(lab_address primary)" \
		"backup A $(lab_address backup)"
	for domain in $SERVED late own; do
		zone_lab_domain "$domain.test" "@ MX 10 mail" \
			"@ MX 20 Backup.Example.Test." "${records[@]}"
	done
	zone_lab_domain foreign.test "@ MX 10 mail" "${records[@]}"
	zone_lab_domain best.test "@ MX 10 backup.example.test." "@ MX 20 mail" \
		"${records[@]}"
	zone_lab_domain equal.test "@ MX 10 backup.example.test." "@ MX 10 mail" \
		"${records[@]}"
	zone_lab_domain null.test "@ MX 0 ."
	zone_lab_domain nomx.test "@ A $(lab_address primary)"
	zone_lab_domain broken.test
	zone_lab_domain fail.test '@ TXT "v=spf1 -all"'
}

# The primary has the same users in each of its domains.
primary_tables() {
	local domain conf=$LAB_DIR/primary/conf
	for domain in $SERVED late own; do
		printf '%s@%s.test %s/\n' alice "$domain" "alice" >>"$conf/vmailbox"
		printf 'postmaster@%s.test alice@%s.test\n' "$domain" "$domain" \
			>>"$conf/valias"
	done
	echo "virtual_mailbox_domains = example.test $(
		for domain in $SERVED late own; do echo "$domain.test"; done |
			paste -sd' ')" >>"$conf/main.cf"
}

backup_tables() {
	local conf=$LAB_DIR/backup/conf
	sed -i "s|hash:/etc/postfix/|texthash:$conf/|" "$conf/main.cf"
	customers >"$conf/customers"
	cat >>"$conf/main.cf" <<-CONF
	relay_transport = relay:[$(lab_address primary)]:$LAB_PORT
	transport_maps =
	CONF
	cat >>"$conf/master.cf" <<-CONF
	$(lab_address backup):$MILTER_PORT inet n - y - - smtpd
	  -o smtpd_milters=unix:backupmx/milter.sock
	  -o smtpd_recipient_restrictions=reject_unauth_destination
	  -o milter_default_action=tempfail
	CONF
}

configure_policyd() {
	local conf=$LAB_DIR/policyd/backupmx.conf
	lab_policyd_configure
	mkdir -p "$LAB_DIR/policyd/conf.d"
	sed -e "s|/etc/backupmx/lists/|$LAB_DIR/policyd/lists/|" \
		-e "s|\"mx\"|\"mx:$LAB_PORT\"|" \
		"$LAB_EXAMPLE/conf.d/example.test.conf" \
		>"$LAB_DIR/policyd/conf.d/example.test.conf"
	sed -i -e "s|primary .*|primary = {\"mx:$LAB_PORT\"} check_interval = 2s|" \
		-e "s|\"/usr/sbin/postqueue\", |&\"-c\", \"$LAB_DIR/backup/conf\", |" "$conf"
	cat >>"$conf" <<-CONF
	resolver = {"$(zone_lab_resolver)"}
	milter {
		listen = "unix:$LAB_DIR/backup/queue/backupmx/milter.sock"
		policy = ""
		metrics = ""
		trusted = {}
	}
	CONF
}

milter_start() {
	"$LAB_BUILD/milter/backupmx-milter" -f -u "$LAB_USER" \
		-c "$LAB_DIR/policyd/backupmx.conf" \
		>>"$LAB_DIR/policyd/milter.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/milter.pid"
	lab_wait 20 test -S "$LAB_DIR/backup/queue/backupmx/milter.sock"
}

start_all() {
	lab_create || exit 1
	trap 'lab_stop_pid milter; zone_lab_stop; lab_down' EXIT
	trap 'exit 130' INT TERM
	zones
	lab_postfix_configure primary
	primary_tables
	lab_postfix_configure backup
	backup_tables
	configure_policyd
	zone_lab_start && lab_postfix_start primary && lab_policyd_start &&
		milter_start && lab_postfix_start backup || exit 1
}

ask() { # RECIPIENT, from a network of its own
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" \
		--from "127.8.$((RANDOM % 250)).9" "$(lab_address backup)" \
		"${PORT:-$LAB_PORT}" "${SENDER:-stranger@world.test}" "$1"
}

answers() { # GLOB RECIPIENT
	# shellcheck disable=SC2254 # the pattern is meant
	case $(ask "$2") in
	$1) return 0 ;;
	*) return 1 ;;
	esac
}

metric() { # NAME
	exec 3<>"/dev/tcp/$(lab_address metrics)/9517"
	printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
	sed -n "s/^$1 //p" <&3
	exec 3<&-
}

test_which() {
	local domain
	echo "# which domains are served"
	check_match "a customer's unknown user" "$(ask nobody@one.test)" "$UNKNOWN"
	check_match "and a user" "$(ask alice@one.test)" '250 *'
	check_match "the name in capitals" "$(ask nobody@TWO.test)" "$UNKNOWN"
	check_match "postmaster" "$(ask postmaster@two.test)" '250 *'
	check_equal "one line a domain taken up" \
		"$(grep -c 'ev=any-domain domain=one.test act=serve why=backup' \
			"$LAB_DIR/policyd/log")" 1
	for domain in foreign best equal null nomx gone.nomx; do
		check_match "$domain.test is not served" \
			"$(ask "nobody@$domain.test")" '250 *'
	done
	check_match "DNS cannot say: later" "$(ask nobody@broken.test)" "$TROUBLE"
	check_match "a section of its own, with a list" \
		"$(ask nobody@example.test)" "$UNKNOWN"
	check_equal "that decided" \
		"$(lab_decision_key src nobody@example.test)" list
	check_match "who has not ordered has no relay" \
		"$(ask alice@other.test)" '554 5.7.1 *Relay access denied'
	check_equal "the gauge" "$(metric backupmx_any_domains)" 2
	check_match "a message goes through" \
		"$(lab_send backup stranger@world.test alice@two.test any-1)" '250 *'
	check_within "and arrives" 20 lab_delivered_id alice any-1
}

test_commands() {
	echo "# what the administrator sees"
	check_match "lookup of a domain that nobody has asked for" \
		"$(lab_ctl lookup nobody@three.test)" \
		'*domain:     three.test (served by "\*")*verdict: *'
	check_match "lookup of one that is not ours" \
		"$(lab_ctl lookup x@foreign.test)" \
		'*served:     no*one of "\*" *no, by its MX set*not served*'
	check_match "and of one that nobody can tell of" \
		"$(lab_ctl lookup x@broken.test)" \
		'*served: *not known, DNS cannot say*verdict: *unsure*'
	check_match "status" "$(lab_ctl status --config-dir "$LAB_DIR/backup/conf")" \
		'*\* *3 domains by their MX records*one.test *three.test *queue    0 messages*'
	check_match "status of the section" "$(lab_ctl status '*')" \
		'\* (enforce)*domains: 3*'
	check_match "status of a customer" "$(lab_ctl status one.test)" \
		'one.test (enforce, served by "\*")*primary: *'
	check_match "probe" "$(lab_ctl probe nobody@one.test)" \
		'*result: *unknown*'
	check_equal "forget" "$(lab_ctl forget one.test && echo done)" 'done'
	check_match "of one that is not ours" "$(lab_ctl forget foreign.test 2>&1)" \
		'*no section for that domain, and it is not known to be one of "\*"'
	check_match "config check" "$("$LAB_BUILD/ctl/backupmxctl" \
		-c "$LAB_DIR/policyd/backupmx.conf" config check 2>&1)" '*fine*'
}

test_reload() {
	echo "# a reload"
	cat >"$LAB_DIR/policyd/conf.d/own.test.conf" <<-CONF
	domain "own.test" { primary = {"mx:$LAB_PORT"} mode = "observe" }
	CONF
	check_equal "is taken" "$(lab_ctl reload >/dev/null && echo done)" 'done'
	check_match "what was served is so at once" "$(ask nobody@one.test)" "$UNKNOWN"
	check_match "a new section counts" "$(ask nobody@own.test)" '250 *'
	check_equal "all three are there" "$(metric backupmx_any_domains)" 3
}

test_milter() {
	local PORT=$MILTER_PORT SENDER=forged@fail.test
	echo "# the milter"
	check_match "a customer's domain has the checks of \"*\"" \
		"$(ask alice@one.test)" '550 5.7.23 *'
	check_match "another has none" "$(ask alice@foreign.test)" '250 *'
	check_match "one that nobody can tell of is deferred" \
		"$(ask alice@broken.test)" '451 4.4.3 *'
}

test_dns_away() {
	echo "# DNS is away"
	zone_lab_stop
	lab_postfix_stop primary
	check_match "a known domain is served on" "$(ask nobody@one.test)" "$UNKNOWN"
	check_match "a new one is deferred" "$(ask nobody@late.test)" "$TROUBLE"
	check_match "by the milter, too" \
		"$(PORT=$MILTER_PORT ask nobody@late.test)" '451 4.4.3 *'
	lab_policyd_stop
	lab_policyd_start || exit 1
	check_match "after a restart all are deferred, none is let in" \
		"$(ask nobody@one.test)" "$TROUBLE"
	zone_lab_start
	lab_postfix_start primary
	check_within "DNS is back: served" 30 answers "$UNKNOWN" nobody@late.test
	check_within "and the others" 30 answers "$UNKNOWN" nobody@one.test
}

missing=$(lab_missing) && check_skip "$missing"
missing=$(zone_lab_missing)
[ -z "$missing" ] || check_skip "$missing"
[ -x "$LAB_BUILD/milter/backupmx-milter" ] || check_skip "no milter was built"
start_all
test_which
test_commands
test_reload
test_milter
test_dns_away
check_end
