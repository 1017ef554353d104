#!/usr/bin/env bash
# The example with every check, with its very files: Postfix, rspamd and both
# daemons. One message for each check that refuses; then an outage, after which
# a rule that only the primary has refuses what the backup took.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"
. "$here/../support/scanner_lab.sh"

LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/full
export TSAN_OPTIONS="suppressions=$LAB_SOURCE/tests/support/tsan.supp"
RCPT=alice@example.test
TAKEN='250 2.0.0 *'
# A client that no check minds, and who may send from its address.
CLIENT=192.0.2.5
LATE="X-Late: yes"

configure() {
	local conf=$LAB_DIR/primary/conf
	lab_postfix_configure primary
	lab_postfix_configure backup
	# What only the primary knows is wrong.
	echo '/^X-Late:/ REJECT 5.7.1 we do not like this' >"$conf/late"
	echo "header_checks = regexp:$conf/late" >>"$conf/main.cf"
	lab_policyd_configure
	lab_milter_configure
	# Its scanners, and its lists by the names of this lab's zone.
	sed -i -e "s|rspamd.example.test:11333|$(lab_address primary):1|" \
		-e "s|127.0.0.1:11333|$(lab_scanner_address):$LAB_RSPAMD_PORT|" \
		-e 's|zen.spamhaus.org|a.bl.test|' -e 's|bl.spamcop.net|wl.test|' \
		"$LAB_DIR/policyd/backupmx.conf"
}

start_all() {
	lab_create || exit 1
	trap stop_all EXIT
	trap 'exit 130' INT TERM
	configure
	lab_rspamd_configure
	lab_dns_start && lab_rspamd_start && lab_policyd_start &&
		lab_milter_start && lab_postfix_start primary &&
		lab_postfix_start backup || exit 1
}

stop_all() {
	lab_stop_pid milter
	lab_stop_pid rspamd
	lab_stop_pid dns
	lab_down
}

send() { # CLIENT SENDER RECIPIENT ID [FIELD]
	printf '%s\n' "${5:-}" | lab_milter_client send "$LAB_PORT" "${@:1:4}"
}

says() { # NAME REPLY-GLOB CLIENT SENDER [RECIPIENT] [FIELD]
	check_match "$1" "$(send "$3" "$4" "${5:-$RCPT}" \
		"full-$((ID += 1))" "${6:-}")" "$2"
}

content() { # TEXT
	printf 'X-Lab-Id: @ID@\n\n%s\n' "$1" >"$LAB_DIR/message"
	LAB_CLIENT_FILE=$LAB_DIR/message send "$CLIENT" a@b.any.test "$RCPT" \
		"full-$((ID += 1))"
}

larger_than_the_limit() {
	{
		printf 'X-Lab-Id: @ID@\n\n'
		head -c 10300000 /dev/zero | tr '\0' 'x' | fold -w 900
	} >"$LAB_DIR/message"
	LAB_CLIENT_FILE=$LAB_DIR/message send "$CLIENT" a@b.any.test "$RCPT" \
		"full-$((ID += 1))"
}

test_checks() {
	ID=0
	says "wanted mail" "$TAKEN" "$CLIENT" a@b.any.test
	says "an unknown user" '550 5.1.1 *' "$CLIENT" a@b.any.test \
		nobody@example.test
	says "SPF" '550 5.7.23 *' "$CLIENT" a@fail.test
	says "a DNS list" '550 5.7.1 *' 192.0.2.1 a@pass.test
	says "a null MX" '550 5.7.27 *' "$CLIENT" a@nullmx.test
	says "no such domain" '450 4.1.8 *' "$CLIENT" a@nowhere.test
	LAB_CLIENT_HELO=backup.example.test \
		says "our own name" '550 5.7.1 *' "$CLIENT" a@b.any.test
	check_match "content" "$(content "$LAB_GTUBE")" '550 5.7.1 *'
	check_match "size" "$(larger_than_the_limit)" '552 5.3.4 *'
}

log_line() {
	check_match "one line has every check's result" \
		"$(grep 'ev=message .*act=accept' "$LAB_DIR/milter/log" | tail -n 1)" \
		'*checks=*reverse-dns:*scanner:rspamd:*'
}

bounced_to() { grep '"from": ""' "$LAB_DIR/sink.jsonl" | grep -qF "\"$1\""; }

held() { find "$LAB_DIR/backup/queue/hold" -type f | wc -l; }

# Held is what stays; all else has left.
only_held_are_left() {
	[ "$(($(lab_queue_length backup) - $(held)))" -eq 0 ] && return 0
	lab_queue_flush backup
	sleep 0.5
	return 1
}

test_late_refusal() {
	lab_postfix_stop primary
	says "the outage, a forged sender" "$TAKEN" "$CLIENT" victim@none.test \
		"$RCPT" "$LATE"
	says "a sender whom SPF proves" "$TAKEN" "$CLIENT" true@b.any.test \
		"$RCPT" "$LATE"
	says "an unknown user" '550 5.1.1 *' "$CLIENT" a@b.any.test \
		nobody@example.test
	lab_postfix_start primary || exit 1
	check_within "the primary is back, the queue drains" 60 only_held_are_left
	check_within "the true sender has the bounce" 20 bounced_to true@b.any.test
	check_equal "nobody else" "$(lab_bounces)" 1
	check_equal "the other bounce is held" "$(held)" 1
	check_within "wanted mail has arrived" 20 lab_delivered_id alice full-1
}

reason=$(lab_milter_missing) && check_skip "this test needs: $reason"
command -v rspamd >/dev/null 2>&1 ||
	check_skip "rspamd is not installed (Debian package rspamd)"
start_all
test_checks
log_line
test_late_refusal
check_end
