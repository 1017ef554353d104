#!/usr/bin/env bash
# The milter before a real Postfix, with the very files of
# postfix-examples/milter, a real DNS server and clients by XCLIENT: every SPF
# result with every action, the header as other parsers read it, who is not
# checked, and policyd, the milter or DNS killed, paused and restarted under
# load. In a build with the preset tsan (or asan) the daemons' logs must hold no
# report: libmilter is not instrumented, its locks are seen all the same, and
# what it does wrong by itself at the end is in tsan.supp.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"

export TSAN_OPTIONS="suppressions=$LAB_SOURCE/tests/support/tsan.supp"

CLIENT=192.0.2.1
OTHER=198.51.100.7
FORGED_SPF='192.0.2.1 is 100% wrong for fail.test'

start_all() {
	lab_create || exit 1
	trap lab_stop_milter EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_milter_listener
	lab_policyd_configure
	lab_milter_configure
	lab_dns_start && lab_policyd_start && lab_milter_start &&
		lab_postfix_start primary && lab_postfix_start backup || exit 1
}

lab_stop_milter() {
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

ask() { lab_milter_client ask "$LAB_MILTER_PORT" "$@"; }
send() { lab_milter_client send "$LAB_MILTER_PORT" "$@" </dev/null; }

sender_of() { # RESULT
	case $1 in
	temperror) echo "a@refused.invalid.example" ;;
	*) echo "a@$1.test" ;;
	esac
}

# --- each result, each action ----------------------------------------------

# The reply that ACTION gives to RESULT; "taken" for a 250.
reply_to() { # ACTION RESULT
	case $1:$2 in
	reject:fail) echo "550 5.7.23 SPF validation failed: $FORGED_SPF" ;;
	reject:softfail) echo "550 5.7.23 SPF validation failed" ;;
	reject:*error) echo "550 5.7.24 SPF validation error in your record" ;;
	defer:*fail) echo "451 4.7.23 SPF validation failed, try again later" ;;
	defer:*error) echo "451 4.7.24 SPF validation error, try again later" ;;
	*) echo taken ;;
	esac
}

told() { # ACTION RESULT: is the result in the header?
	case $1:$2 in
	ignore:*fail | ignore:*error) return 1 ;;
	esac
}

check_header() { # NAME ID RESULT SENDER
	local want="spf=$3 ip=$CLIENT from=$4 helo=helo.test identity=mailfrom"
	want="$want receiver=backup.example.test order=SA"
	want="$want auth=backup.example.test:spf=$3:smtp.mailfrom=$4"
	check_equal "$1" "$(lab_header alice "$2")" "$want"
}

check_action() { # ACTION RESULT
	local sender want id="spf-$1-$2"
	sender=$(sender_of "$2")
	want=$(reply_to "$1" "$2")
	if [ "$want" != taken ]; then
		check_equal "$1, $2" \
			"$(ask "$CLIENT" "$sender" alice@example.test)" "$want"
		return
	fi
	check_match "$1, $2: taken" \
		"$(send "$CLIENT" "$sender" alice@example.test "$id")" '250 2.0.0 *'
	check_within "$1, $2: delivered" 20 lab_delivered_id alice "$id"
	if told "$1" "$2"; then
		check_header "$1, $2: in the header" "$id" "$2" "$sender"
	else
		check_equal "$1, $2: not in the header" \
			"$(lab_header alice "$id")" \
			"spf=absent order=none auth=absent"
	fi
}

test_actions() {
	local action result
	for action in reject defer tag ignore; do
		echo "# every result: $action"
		lab_milter_configure "$action"
		check_within "reload" 10 lab_milter_reload
		for result in pass fail softfail neutral none temperror permerror; do
			check_action "$action" "$result"
		done
	done
}

# --- recipients ------------------------------------------------------------

test_recipients() {
	echo "# recipients, without the policy service"
	lab_milter_configure reject
	lab_milter_reload
	check_equal "an unknown user" \
		"$(ask "$CLIENT" a@pass.test nobody@example.test)" \
		"550 5.1.1 User unknown"
	check_equal "an unknown user is told before SPF" \
		"$(ask "$CLIENT" a@fail.test nobody@example.test)" \
		"550 5.1.1 User unknown"
	check_match "a user" \
		"$(ask "$CLIENT" a@pass.test alice@example.test)" '250 2.1.5 Ok'
	check_match "needless quotes are no part of the name" \
		"$(ask "$CLIENT" a@pass.test '"alice"@example.test')" '250 2.1.5 Ok'
	check_equal "quotes within quotes are" \
		"$(ask "$CLIENT" a@pass.test '"\"alice\""@example.test')" \
		"550 5.1.1 User unknown"
	check_match "another domain is Postfix's own refusal" \
		"$(ask "$CLIENT" a@pass.test alice@other.test)" \
		'554 5.7.1 *Relay access denied'
	check_match "with the policy service: an unknown user" \
		"$(lab_milter_client ask "$LAB_PORT" "$CLIENT" a@pass.test nobody@example.test)" \
		'550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown'
	check_match "with the policy service: SPF" \
		"$(lab_milter_client ask "$LAB_PORT" "$CLIENT" a@softfail.test alice@example.test)" \
		'550 5.7.23 SPF validation failed'
	check_equal "the null sender is judged by HELO" \
		"$(ask "$OTHER" '' alice@example.test)" \
		"550 5.7.23 SPF validation failed"
	check_match "and passes by it" \
		"$(send "$CLIENT" '' alice@example.test null-1)" '250 2.0.0 *'
	check_within "the null sender: delivered" 20 \
		lab_delivered_id alice null-1
	check_match "the null sender: in the header" \
		"$(lab_header alice null-1)" \
		"spf=pass ip=$CLIENT * identity=helo *:spf=pass:smtp.helo=helo.test"
}

# --- who is not checked ----------------------------------------------------

test_unchecked() {
	echo "# clients that are not checked"
	check_match "a trusted one" \
		"$(send 127.9.9.9 a@fail.test alice@example.test trusted-1)" \
		'250 2.0.0 *'
	check_match "an authenticated one" \
		"$(send "$OTHER" a@fail.test alice@example.test login-1 joe)" \
		'250 2.0.0 *'
	check_within "trusted: delivered" 20 lab_delivered_id alice trusted-1
	check_within "authenticated: delivered" 20 lab_delivered_id alice login-1
	check_equal "trusted: no header" "$(lab_header alice trusted-1)" \
		"spf=absent order=none auth=absent"
	check_equal "authenticated: no header" "$(lab_header alice login-1)" \
		"spf=absent order=none auth=absent"
}

# --- forged fields ---------------------------------------------------------

forged_fields() {
	cat <<-'FIELDS'
	Authentication-Results: first.test; spf=pass smtp.mailfrom=x@first.test
	Authentication-Results: backup.example.test; spf=pass smtp.mailfrom=forged
	AUTHENTICATION-RESULTS: Backup.Example.TEST; dkim=pass header.d=forged
	Authentication-Results: (a comment)
	 backup.example.test
	 ; dkim=pass header.d=forged
	Authentication-Results:
	  "backup.example.test"; dkim=pass header.d=forged
	authentication-results: backup.example.test 1; dkim=pass header.d=forged
	Authentication-Results: second.test; spf=fail smtp.mailfrom=x@second.test
	Authentication-Results : backup.example.test; dkim=pass header.d=forged
	Authentication-Results: backup.example.test.evil.test; spf=none smtp.mailfrom=x@third.test
	FIELDS
}

test_forged() {
	local got
	echo "# forged fields"
	check_match "a message full of them: taken" \
		"$(forged_fields | lab_milter_client send "$LAB_MILTER_PORT" \
			"$CLIENT" a@pass.test alice@example.test forged-1)" '250 2.0.0 *'
	check_within "delivered" 20 lab_delivered_id alice forged-1
	got=$(lab_header alice forged-1)
	check_match "ours on top, the foreign ones as they were" "$got" \
		'* auth=backup.example.test:spf=pass:smtp.mailfrom=a@pass.test first.test:spf=pass:* second.test:spf=fail:* backup.example.test.evil.test:*'
	check_equal "no forged one is left" \
		"$(grep -ci 'forged$' "$(lab_message alice forged-1)")" 0
}

# --- trouble under load ----------------------------------------------------

# Runs the load for some seconds while TROUBLE happens; all of it is checked
# for what may never be said.
under_load() { # NAME SECONDS TROUBLE
	local prefix=$LAB_DIR/$1 load
	lab_milter_client load "$LAB_MILTER_PORT" "$2" \
		"${LOAD_THREADS:-8}" "$prefix" \
		>"$prefix.replies" &
	load=$!
	sleep 2
	"$3"
	wait "$load"
	check_equal "$1: no user was refused for good" \
		"$(grep -E '^[0-9]+ known 5' "$prefix.replies")" ""
	check_equal "$1: no unknown user was taken" \
		"$(grep -E '^[0-9]+ unknown 2' "$prefix.replies")" ""
	check_equal "$1: unknown users are refused as such or deferred" \
		"$(grep -E '^[0-9]+ unknown 5' "$prefix.replies" |
			grep -v ' unknown 550 5.1.1 User unknown$')" ""
	check_match "$1: mail was taken as well" \
		"$(grep ' known 250 2.0.0 Ok: *' "$prefix.replies")" '[1-9]*'
	check_equal "$1: nobody was turned away at the door" \
		"$(grep -E '^[0-9]+ open ' "$prefix.replies" | grep -v ' open 4')" ""
	check_clean "$1"
	check_within "$1: all that was taken is delivered" 60 \
		all_delivered "$prefix.ids"
	sed 's/^/     /' "$prefix.replies"
}

# One look at the mailbox for all of them: there are thousands.
all_delivered() { # FILE of ids
	lab_flush_until_empty
	grep -rhs '^X-Lab-Id: ' "$LAB_DIR/mail/alice/new" | cut -d' ' -f2 |
		sort >"$1.delivered"
	[ -z "$(sort "$1" | comm -23 - "$1.delivered")" ]
}

next_session_clean() {
	ask "$CLIENT" a@pass.test alice@example.test | grep -q '^250 2.1.5 Ok$' &&
		ask "$CLIENT" a@pass.test nobody@example.test |
		grep -q '^550 5.1.1 User unknown$'
}

check_clean() { check_within "$1: the next session is clean" 10 next_session_clean; }

kill_policyd() {
	kill -9 "$(lab_policyd_pid)"
	wait "$(lab_policyd_pid)" 2>/dev/null
	check_match "policyd gone: a user is deferred" \
		"$(ask "$CLIENT" a@pass.test alice@example.test)" \
		"451 4.3.0 Temporary recipient lookup failure"
	check_match "policyd gone: so is an unknown one" \
		"$(ask "$CLIENT" a@pass.test nobody@example.test)" \
		"451 4.3.0 Temporary recipient lookup failure"
	lab_policyd_start
	check_clean "policyd is back"
}

pause_policyd() {
	local begin=$SECONDS
	kill -STOP "$(lab_policyd_pid)"
	check_match "policyd paused: a user is deferred" \
		"$(ask "$CLIENT" a@pass.test alice@example.test)" \
		"451 4.3.0 Temporary recipient lookup failure"
	check_equal "policyd paused: within its deadline and one second" \
		"$((SECONDS - begin <= 8))" 1
	kill -CONT "$(lab_policyd_pid)"
	check_clean "policyd goes on"
}

restart_policyd() {
	lab_policyd_stop
	lab_policyd_start
}

kill_milter() {
	kill -9 "$(lab_milter_pid)"
	wait "$(lab_milter_pid)" 2>/dev/null
	check_match "the milter gone: deferred" \
		"$(ask "$CLIENT" a@pass.test alice@example.test)" '451 4.7.1 *'
	lab_milter_start
	check_clean "the milter is back"
}

restart_milter() {
	lab_stop_pid milter
	lab_milter_start
}

# Long enough for commands to come to their 20 s.
black_hole_dns() {
	local begin=$SECONDS
	kill -STOP "$(cat "$LAB_DIR/dns.pid")"
	check_equal "DNS away: deferred, as told for temperror" \
		"$(ask "$CLIENT" a@black-hole.any.test alice@example.test)" \
		"451 4.7.24 SPF validation error, try again later"
	check_equal "DNS away: within 22 s" "$((SECONDS - begin <= 22))" 1
	check_match "DNS away: an unknown user is told" \
		"$(ask "$CLIENT" a@black-hole.any.test nobody@example.test)" \
		"550 5.1.1 User unknown"
	kill -CONT "$(cat "$LAB_DIR/dns.pid")"
	check_clean "DNS is back"
}

# Under ThreadSanitizer this is where most of its work is done.
test_many() {
	echo "# 100 sessions at once"
	LOAD_THREADS=100 under_load many 10 lab_milter_reload
}

check_sanitizers() {
	local log
	for log in "$LAB_DIR/milter/log" "$LAB_DIR/policyd/log"; do
		sed -n '/Sanitizer: /,/^SUMMARY: /s/^/     /p' "$log"
	done
	check_equal "no sanitizer has anything to say" \
		"$(grep -E 'WARNING: ThreadSanitizer|ERROR: .*Sanitizer|runtime error' \
			"$LAB_DIR/milter/log" "$LAB_DIR/policyd/log")" ""
}

test_trouble() {
	echo "# trouble under load"
	lab_milter_configure defer
	lab_milter_reload
	under_load policyd-killed 8 kill_policyd
	under_load policyd-paused 12 pause_policyd
	under_load policyd-restarted 6 restart_policyd
	under_load milter-killed 8 kill_milter
	under_load milter-restarted 12 restart_milter
	under_load dns-away 30 black_hole_dns
}

# --- start and end ---------------------------------------------------------

test_metrics() {
	echo "# what it counts and logs"
	check_match "SPF results" \
		"$(lab_milter_metric 'backupmx_check_total{check="spf",result="pass"}')" '[1-9]*'
	check_match "decisions" \
		"$(lab_milter_metric 'backupmx_decisions_total{domain="example.test",action="accept",reason="clean"}')" \
		'[1-9]*'
	check_match "a decision is one line with fixed keys" \
		"$(grep 'why=spf' "$LAB_DIR/milter/log" | head -n 1)" \
		'*id=* ev=decision client=192.0.2.1 sender=<*> rcpt=<alice@example.test> act=* why=spf check=spf result=* reply="*" ms=*'
}

background_pid() {
	pgrep -f "backupmx-milter -u $LAB_USER -c $LAB_DIR/policyd/backupmx.conf"
}

# Without -f: in the background only once it serves.
test_background() {
	local status pid
	echo "# the end, and a start in the background"
	pid=$(lab_milter_pid)
	kill -TERM "$pid"
	check_within "SIGTERM ends it" 15 lab_gone "$pid"
	wait "$pid"
	check_equal "with status 0" "$?" 0
	check_equal "its socket is gone" "$(ls "$(lab_milter_socket)" 2>/dev/null)" ""
	"$LAB_BUILD/milter/backupmx-milter" -u "$LAB_USER" \
		-c "$LAB_DIR/policyd/backupmx.conf" </dev/null
	check_equal "in the background: status 0" "$?" 0
	check_clean "in the background: at once"
	background_pid >"$LAB_DIR/milter.pid"
	lab_stop_pid milter
	"$LAB_BUILD/milter/backupmx-milter" -u no-such-user \
		-c "$LAB_DIR/policyd/backupmx.conf" </dev/null \
		2>"$LAB_DIR/milter/failed"
	status=$?
	check_match "a start that fails says so" \
		"$(cat "$LAB_DIR/milter/failed")" '*no-such-user*'
	check_equal "and has a status of its own" "$((status >= 64))" 1
}

reason=$(lab_milter_missing) && check_skip "this test needs: $reason"
start_all
test_actions
test_recipients
test_unchecked
test_forged
test_many
test_trouble
test_metrics
test_background
check_sanitizers
check_end
