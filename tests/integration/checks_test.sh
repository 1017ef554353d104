#!/usr/bin/env bash
# Each check of the milter before a real Postfix and a real DNS server: what it
# refuses, what it lets through, and that a failed look-up refuses nobody. The
# domain's section is all that differs between the rows.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"

export TSAN_OPTIONS="suppressions=$LAB_SOURCE/tests/support/tsan.supp"

RCPT=alice@example.test
TAKEN='250 2.1.5 Ok'
LISTED='550 5.7.1 Client host rejected: on a DNS block list'
LATER='451 4.4.3 Temporary lookup failure'

start_all() {
	lab_create || exit 1
	trap lab_stop_checks EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_milter_listener
	# A second domain, for one message to two; clients over IPv6.
	sed -i "s|^relay_domains = .*|& second.test|" "$LAB_DIR/backup/conf/main.cf"
	echo "  -o inet_protocols=all" >>"$LAB_DIR/backup/conf/master.cf"
	lab_policyd_configure
	lab_milter_configure
	lab_dns_start && lab_milter_start &&
		lab_postfix_start primary && lab_postfix_start backup || exit 1
}

lab_stop_checks() {
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

# Recipients are not asked for: this is about the checks.
section() { # OPTIONS of example.test's section
	local conf=$LAB_DIR/policyd/backupmx.conf
	lab_milter_configure tag
	sed -i -e 's|^\(\tpolicy  *= \).*|\1""|' \
		-e "s|^domain \"example.test\" {|&\n$1|" "$conf"
	echo 'domain "second.test" { }' >>"$conf"
}

with() { # NAME OPTIONS
	echo "# $1"
	section "$2"
	check_within "$1: reload" 10 lab_milter_reload
}

ask() { lab_milter_client ask "$LAB_MILTER_PORT" "$@"; }
send() { lab_milter_client send "$LAB_MILTER_PORT" "$@" </dev/null; }

says() { # NAME REPLY CLIENT SENDER [RECIPIENT]
	check_equal "$1" "$(ask "$3" "$4" "${5:-$RCPT}")" "$2"
}

log_has() { # NAME PATTERN
	check_match "$1" "$(grep -e "$2" "$LAB_DIR/milter/log" | tail -n 1)" '?*'
}

test_off() {
	with "everything off" ""
	says "nothing is refused" "$TAKEN" 192.0.2.1 a@nullmx.test
	LAB_CLIENT_HELO=backup.example.test \
		says "not even our name" "$TAKEN" 192.0.2.3 joe
}

test_dnsbl() {
	with "DNS lists" 'dnsbl { zones = {"a.bl.test=127.0.0.[2..9]*2", "wl.test*-1"} threshold = 2 }'
	says "listed" "$LISTED" 192.0.2.1 a@pass.test
	says "listed, the null sender" "$LISTED" 192.0.2.1 ""
	says "listed, but not for what counts" "$TAKEN" 192.0.2.2 a@pass.test
	says "listed, and allowed" "$TAKEN" 192.0.2.3 a@pass.test
	says "not listed" "$TAKEN" 192.0.2.4 a@pass.test
	says "IPv6, listed" "$LISTED" 2001:db8::11 a@pass.test
	says "IPv6, not listed" "$TAKEN" 2001:db8::12 a@pass.test
	log_has "the log names the list" \
		'client=192.0.2.1 .*why=dnsbl .*checks=dnsbl:fail:a.bl.test '
	with "DNS lists, deferred" 'dnsbl { zones = {"a.bl.test"} action = "defer" }'
	says "listed" "450${LISTED:3:1}4${LISTED:5}" 192.0.2.1 a@pass.test
	with "lists that lie" 'dnsbl { zones = {"bl.lies.test", "refused.lies.test"} }'
	says "an address of the Internet, an error code" "$TAKEN" 192.0.2.1 a@pass.test
	with "lists that fail" 'dnsbl { zones = {"bl.invalid.example"} temperror = "defer" }'
	says "defer was asked for" "$LATER" 192.0.2.1 a@pass.test
	for _ in 1 2 3 4; do ask 192.0.2.5 a@pass.test "$RCPT" >/dev/null; done
	says "left out after some failures" "$TAKEN" 192.0.2.6 a@pass.test
	log_has "and that is logged" 'ev=dnsbl-skipped domain=bl.invalid.example'
}

test_sender_domain() {
	with "the sender's domain" 'sender_domain { null_mx = "reject" unknown = "defer" unqualified = "reject" literal = "reject" }'
	says "null MX" "550 5.7.27 Sender address has a null MX" 192.0.2.1 a@nullmx.test
	says "a name that does not exist" \
		"450 4.1.8 Sender address rejected: Domain not found" 192.0.2.1 a@nowhere.test
	says "a name without MX and address" \
		"450 4.1.8 Sender address rejected: Domain not found" 192.0.2.1 a@void.test
	says "no domain" \
		"550 5.1.7 Sender address rejected: need a fully-qualified domain" 192.0.2.1 joe
	says "a literal" \
		"550 5.1.7 Sender address rejected: need a fully-qualified domain" \
		192.0.2.1 'joe@[192.0.2.1]'
	says "an MX" "$TAKEN" 192.0.2.1 a@mx.test
	says "an address" "$TAKEN" 192.0.2.1 a@none.test
	says "the null sender" "$TAKEN" 192.0.2.1 ""
	says "DNS fails" "$TAKEN" 192.0.2.1 a@refused.invalid.example
	with "the sender's domain, DNS failures deferred" 'sender_domain { temperror = "defer" }'
	says "DNS fails" "$LATER" 192.0.2.1 a@refused.invalid.example
	says "DNS works" "$TAKEN" 192.0.2.1 a@nullmx.test
}

helo_says() { # NAME REPLY HELO
	LAB_CLIENT_HELO=$3 says "$1" "$2" 192.0.2.1 a@mx.test
}

test_helo() {
	with "HELO" 'helo { invalid = "reject" unqualified = "reject" own = "reject" unknown = "defer" }'
	helo_says "our name" "550 5.7.1 Helo command rejected: that is our name" \
		backup.example.test
	helo_says "our address" "550 5.7.1 Helo command rejected: that is our name" \
		"[$(lab_address backup)]"
	helo_says "no name" "501 5.5.2 Helo command rejected: Invalid name" 192.0.2.1
	helo_says "one label" \
		"504 5.5.2 Helo command rejected: need fully-qualified hostname" pc
	helo_says "a name that does not exist" \
		"450 4.7.1 Helo command rejected: Host not found" no.test
	helo_says "a name" "$TAKEN" client.test
	helo_says "a literal" "$TAKEN" '[192.0.2.1]'
	helo_says "DNS fails" "$TAKEN" refused.invalid.example
}

test_reverse_dns() {
	with "reverse DNS" 'reverse_dns { missing = "defer" unconfirmed = "reject" }'
	says "no name" \
		"450 4.7.25 Client host rejected: cannot find your reverse hostname" \
		192.0.2.3 a@mx.test
	says "a name that leads elsewhere" \
		"550 5.7.25 Client host rejected: cannot find your hostname" \
		192.0.2.2 a@mx.test
	says "a name that leads back" "$TAKEN" 192.0.2.1 a@mx.test
	says "DNS fails" "$TAKEN" 198.51.100.1 a@mx.test
	check_match "a message" \
		"$(send 192.0.2.1 a@pass.test "$RCPT" iprev-1)" '250 2.0.0 *'
	check_within "delivered" 20 lab_delivered_id alice iprev-1
	check_match "in the header, as other parsers read it" \
		"$(lab_header alice iprev-1)" \
		'* auth=backup.example.test:spf=pass:*;iprev=pass:policy.iprev=192.0.2.1'
	log_has "and in the message's line" \
		'ev=message .*checks=reverse-dns:pass,spf:pass'
}

test_size() {
	with "size" 'size = 4K'
	check_match "small" "$(send 192.0.2.1 a@pass.test "$RCPT" size-1)" '250 2.0.0 *'
	check_match "just below" \
		"$(LAB_CLIENT_OCTETS=3840 send 192.0.2.1 a@pass.test "$RCPT" size-2)" \
		'250 2.0.0 *'
	check_equal "too large" \
		"$(LAB_CLIENT_OCTETS=4096 send 192.0.2.1 a@pass.test "$RCPT" size-3)" \
		"552 5.3.4 Message size exceeds the limit of the primary MX"
	LAB_CLIENT_SIZE=5000 says "by its own word" \
		"552 5.3.4 Message size exceeds the limit of the primary MX" \
		192.0.2.1 a@pass.test
	says "a second domain with other rules" \
		"452 4.5.3 Too many recipients: send to this one separately" \
		192.0.2.1 a@pass.test "$RCPT,bob@second.test"
	says "a second user of the same" "$TAKEN" \
		192.0.2.1 a@pass.test "$RCPT,bob@example.test"
	with "no size" ''
	check_match "no limit" \
		"$(LAB_CLIENT_OCTETS=4096 send 192.0.2.1 a@pass.test "$RCPT" size-4)" \
		'250 2.0.0 *'
	says "a second domain" "$TAKEN" \
		192.0.2.1 a@pass.test "$RCPT,bob@second.test"
	check_within "what was taken is delivered" 20 lab_delivered_id alice size-4
	check_equal "what was refused is not" \
		"$(lab_message alice size-3)" ""
}

test_access() {
	local dir=$LAB_DIR/milter reloads
	cat >"$dir/clients" <<-'FILE'
	# as on the primary
	good.test	OK
	bad.test	550 5.7.9 100% unwelcome
	192.0.2.4	REJECT
	FILE
	printf 'if 198.51.100.0/24\n!198.51.100.0/25 DEFER busy\nendif\n' >"$dir/cidr"
	printf 'spam@ REJECT\n<> REJECT no bounces\nfriend@nullmx.test OK\n' >"$dir/senders"
	with "access files" "client_access = {\"cidr:$dir/cidr\", \"hash:$dir/clients\"} sender_access = {\"$dir/senders\"} sender_domain { null_mx = \"reject\" }"
	LAB_CLIENT_NAME=mail.bad.test says "by name, with the file's words" \
		"550 5.7.9 100% unwelcome" 192.0.2.1 a@mx.test
	LAB_CLIENT_NAME='[UNAVAILABLE]' says "by address" \
		"554 5.7.1 Access denied" 192.0.2.4 a@mx.test
	says "by network" "450 4.7.1 busy" 198.51.100.200 a@mx.test
	says "outside of it" "$TAKEN" 198.51.100.1 a@mx.test
	says "by sender" "554 5.7.1 Access denied" 192.0.2.1 spam@mx.test
	says "the null sender" "554 5.7.1 no bounces" 192.0.2.1 ""
	LAB_CLIENT_NAME=good.test says "a client that is OK" "$TAKEN" \
		192.0.2.1 spam@nullmx.test
	says "a sender that is OK" "$TAKEN" 192.0.2.1 friend@nullmx.test
	says "one that is not" "550 5.7.27 Sender address has a null MX" \
		192.0.2.1 foe@nullmx.test
	echo "spam@ HOLD" >>"$dir/senders"
	check_match "a mistake has a file and a line" \
		"$("$LAB_BUILD/milter/backupmx-milter" -t -c "$LAB_DIR/policyd/backupmx.conf" 2>&1)" \
		"*$dir/senders:4: \"HOLD\" is not supported*"
	reloads=$(lab_milter_reloads)
	kill -USR1 "$(lab_milter_pid)"
	check_within "the reload says so" 10 grep -q 'ev=reload-failed' "$dir/log"
	log_has "with file and line" "ev=config-problem path=.*/senders line=4"
	check_equal "nothing was reloaded" "$(lab_milter_reloads)" "$reloads"
	says "the old files stay in force" "554 5.7.1 Access denied" \
		192.0.2.1 spam@mx.test
}

test_score() {
	with "points" 'score_threshold = 5 helo { unqualified = "score=3" } reverse_dns { missing = "score=2" }'
	LAB_CLIENT_HELO=pc says "below" "$TAKEN" 192.0.2.1 a@mx.test
	LAB_CLIENT_HELO=pc says "together" \
		"550 5.7.1 Refused after several checks together" 192.0.2.3 a@mx.test
}

test_observe() {
	section 'dnsbl { zones = {"a.bl.test"} } size = 64'
	echo "# observe"
	sed -i 's|"enforce"|"observe"|' "$LAB_DIR/policyd/backupmx.conf"
	check_within "reload" 10 lab_milter_reload
	check_match "listed and too large, and taken" \
		"$(send 192.0.2.1 a@pass.test "$RCPT" observe-1)" '250 2.0.0 *'
	log_has "what would have been said is logged" \
		'act=observe why=dnsbl .*reply="550 5.7.1"'
}

test_metrics() {
	echo "# metrics"
	check_match "results" \
		"$(lab_milter_metric 'backupmx_check_total{check="dnsbl",result="fail"}')" '[1-9]*'
	check_match "answers of a list" \
		"$(lab_milter_metric 'backupmx_dnsbl_answers_total{zone="a.bl.test",result="listed"}')" '[1-9]*'
	check_match "a list that was left out" \
		"$(lab_milter_metric 'backupmx_dnsbl_answers_total{zone="bl.invalid.example",result="skipped"}')" '[1-9]*'
	check_match "answers that were not believed" \
		"$(lab_milter_metric 'backupmx_dnsbl_answers_total{zone="bl.lies.test",result="distrusted"}')" '[1-9]*'
}

# Whatever a session has started is given back.
test_end() {
	local pid
	pid=$(lab_milter_pid)
	echo "# the end"
	kill -TERM "$pid"
	check_within "SIGTERM ends it" 15 lab_gone "$pid"
	check_equal "no sanitizer has anything to say" \
		"$(grep -E 'WARNING: ThreadSanitizer|ERROR: .*Sanitizer|runtime error' \
			"$LAB_DIR/milter/log")" ""
}

reason=$(lab_milter_missing) && check_skip "this test needs: $reason"
start_all
test_off
test_dnsbl
test_sender_domain
test_helo
test_reverse_dns
test_size
test_access
test_score
test_observe
test_metrics
test_end
check_end
