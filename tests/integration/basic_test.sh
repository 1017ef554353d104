#!/usr/bin/env bash
# The main job with a real Postfix primary and backup, both from
# postfix-examples/basic: the backup refuses whom the primary refuses, primary
# up or away, loses nothing and bounces nothing; and what policyd's own trouble
# looks like to a client.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'
TROUBLE='450 4.3.0 <*>: Recipient address rejected: Temporary recipient lookup failure'
STRANGER=stranger@world.test
sent=0

start_all() {
	lab_create || exit 1
	trap lab_down EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_policyd_configure
	lab_policyd_start && lab_postfix_start primary &&
		lab_postfix_start backup || exit 1
}

ask_refused() { lab_ask backup "$STRANGER" "$1" | grep -q '^550 5\.1\.1 '; }
ask_taken() { lab_ask backup "$STRANGER" "$1" | grep -q '^250 '; }

# Sends to a known recipient: taken, and in the mailbox at the primary.
send_known() { # NAME RECIPIENT MAILBOX
	sent=$((sent + 1))
	check_match "$1: taken" "$(lab_send backup "$STRANGER" "$2" "known-$sent")" \
		'250 2.0.0 *'
	check_within "$1: delivered" 20 lab_delivered_id "$3" "known-$sent"
}

test_primary_up() {
	echo "# the primary is up"
	send_known "a user" alice@example.test alice
	send_known "upper case" BOB@EXAMPLE.TEST bob
	send_known "an extension" carol+news@example.test carol
	send_known "an alias" info@example.test alice
	send_known "postmaster" postmaster@example.test alice
	check_match "an unknown user is refused" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" "$UNKNOWN"
	check_match "as the primary does" \
		"$(lab_ask primary "$STRANGER" nobody@example.test)" '550 5.1.1 *'
	check_match "an unknown user with an extension is refused" \
		"$(lab_ask backup "$STRANGER" nobody+x@example.test)" "$UNKNOWN"
	check_match "an unknown user is refused to the null sender" \
		"$(lab_ask backup "" nobody@example.test)" "$UNKNOWN"
	check_match "another domain is Postfix's own refusal" \
		"$(lab_ask backup "$STRANGER" alice@other.test)" \
		'554 5.7.1 *Relay access denied'
}

test_outage() {
	local i
	echo "# the primary is away"
	lab_postfix_stop primary
	for i in alice bob carol; do
		check_match "mail to $i is queued" \
			"$(lab_send backup forged@victim.test "$i@example.test" "outage-$i")" \
			'250 2.0.0 *'
	done
	check_match "an unknown user is refused all the same" \
		"$(lab_send backup forged@victim.test nobody@example.test x)" "$UNKNOWN"
	check_equal "three messages wait" "$(lab_queue_length backup)" 3
	lab_postfix_start primary
	check_within "the queue empties" 60 lab_flush_until_empty
	for i in alice bob carol; do
		check_within "mail to $i is delivered" 20 \
			lab_delivered_id "$i" "outage-$i"
	done
}

test_list_changes() {
	local list new
	list=$(lab_list)
	new=$list.new
	echo "# the list changes"
	check_match "a new user is unknown at first" \
		"$(lab_ask backup "$STRANGER" kim@example.test)" "$UNKNOWN"
	echo kim@example.test >>"$list"
	check_within "added by a write in place: within 10 s" 10 \
		ask_taken kim@example.test
	{ grep -v '^judy@' "$list"; echo lena@example.test; } >"$new"
	mv "$new" "$list"
	check_within "removed by a rename: within 10 s" 10 \
		ask_refused judy@example.test
	check_within "added by a rename: within 10 s" 10 \
		ask_taken lena@example.test
	grep -v '^lena@' "$list" >"$new"
	cat "$new" >"$list"
	rm "$new"
	check_within "removed by a write in place: within 10 s" 10 \
		ask_refused lena@example.test
}

test_bad_lists() {
	local list good
	list=$(lab_list)
	good=$(cat "$list")
	echo "# a list that cannot be right is not taken over"
	: >"$list"
	check_within "an empty list is logged" 10 \
		grep -qE 'ev=[a-z-]+ .*domain=example\.test' "$LAB_DIR/policyd/log"
	sleep 2
	check_equal "an empty list: a user stays" \
		"$(lab_policy alice@example.test)" DUNNO
	printf 'alice@example.test\n' >"$list"
	sleep 3
	check_equal "a list that lost most: a user stays" \
		"$(lab_policy bob@example.test)" DUNNO
	printf '%s\n%s\n' "$good" 'not an address at all' >"$list"
	sleep 3
	check_equal "a list with a garbage line: a user stays" \
		"$(lab_policy alice@example.test)" DUNNO
	check_equal "and the unknown stay unknown" \
		"$(lab_policy nobody@example.test)" "550 5.1.1 User unknown"
	printf '%s\n' "$good" mona@example.test >"$list"
	check_within "a good list counts again" 10 ask_taken mona@example.test
}

test_trouble() {
	echo "# policyd's own trouble"
	kill -9 "$(lab_policyd_pid)"
	wait "$(lab_policyd_pid)" 2>/dev/null
	rm "$LAB_DIR/policyd.pid"
	check_match "policyd gone: a user is deferred" \
		"$(lab_ask backup "$STRANGER" alice@example.test)" "$TROUBLE"
	check_match "policyd gone: an unknown user is deferred" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" "$TROUBLE"
	check_match "policyd gone: relaying stays refused" \
		"$(lab_ask backup "$STRANGER" alice@other.test)" '554 5.7.1 *'
	lab_policyd_start # over the socket that the dead one left
	send_known "policyd is back: a user" alice@example.test alice
	check_match "policyd is back: an unknown user is refused" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" "$UNKNOWN"
}

test_reload() {
	local conf=$LAB_DIR/policyd/backupmx.conf
	echo "# reload"
	cp "$conf" "$conf.good"
	echo 'no_such_option = 1' >>"$conf"
	kill -HUP "$(lab_policyd_pid)"
	check_within "a bad file is named in the log" 10 \
		grep -q no_such_option "$LAB_DIR/policyd/log"
	check_equal "a bad file: the old settings stay (a user)" \
		"$(lab_policy alice@example.test)" DUNNO
	check_equal "a bad file: the old settings stay (unknown)" \
		"$(lab_policy nobody@example.test)" "550 5.1.1 User unknown"
	sed 's/mode .*= "enforce"/mode = "observe"/' "$conf.good" >"$conf"
	kill -HUP "$(lab_policyd_pid)"
	check_within "a good file is taken over (observe)" 10 observes
	check_match "observe: nobody is refused" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" '250 *'
	mv "$conf.good" "$conf"
	kill -USR1 "$(lab_policyd_pid)"
	check_within "and back (enforce, by SIGUSR1)" 10 \
		ask_refused nobody@example.test
}

observes() { lab_policy nobody@example.test | grep -q '^WARN backupmx would'; }

test_log() {
	echo "# the log"
	check_match "a decision is one line with fixed keys" \
		"$(lab_decision nobody@example.test)" \
		'*id=* ev=decision client=* sender=* rcpt=<nobody@example.test> act=reject why=* src=list authority=fresh age=*s ms=*'
}

test_end() {
	local pid status
	echo "# the end"
	pid=$(lab_policyd_pid)
	kill -TERM "$pid"
	check_within "SIGTERM ends policyd" 10 lab_gone "$pid"
	wait "$pid"
	status=$?
	rm -f "$LAB_DIR/policyd.pid"
	check_equal "with status 0" "$status" 0
	lab_wait 10 lab_queue_empty backup
	lab_wait 10 lab_queue_empty primary
	check_equal "the backup's queue is empty" "$(lab_queue_length backup)" 0
	check_equal "the primary's queue is empty" "$(lab_queue_length primary)" 0
	check_equal "no bounce left the two hosts" "$(lab_bounces)" 0
}

reason=$(lab_missing) && check_skip "this test needs: $reason"
start_all
test_primary_up
test_outage
test_list_changes
test_bad_lists
test_trouble
test_reload
test_log
test_end
check_end
