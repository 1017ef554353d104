#!/usr/bin/env bash
# The bounce guard before a real Postfix, with the very files of
# postfix-examples/bounce-guard: what the primary refuses late, after an
# outage, by a rule that only it has, becomes no bounce to a forged sender;
# who is proven gets one; with the milter away Postfix waits.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"

LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/bounce-guard
export TSAN_OPTIONS="suppressions=$LAB_SOURCE/tests/support/tsan.supp"
MESSAGES=${BMX_GUARD_MESSAGES:-200}
CLIENT=192.0.2.1
RCPT=alice@example.test
LATE="X-Late: yes"

start_all() {
	lab_create || exit 1
	trap lab_stop_milter EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_late_rule
	lab_milter_listener
	lab_policyd_configure
	lab_milter_configure tag
	lab_dns_start && lab_policyd_start && lab_milter_start &&
		lab_postfix_start backup || exit 1
}

lab_stop_milter() {
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

# What only the primary knows is wrong.
lab_late_rule() {
	local conf=$LAB_DIR/primary/conf
	echo '/^X-Late:/ REJECT 5.7.1 we do not like this' >"$conf/late"
	echo "header_checks = regexp:$conf/late" >>"$conf/main.cf"
}

send() { # CLIENT SENDER RECIPIENT ID [LOGIN]
	echo "$LATE" | lab_milter_client send "$LAB_MILTER_PORT" "$@"
}

# Sends many from forged senders, all different.
send_many() { # COUNT
	echo "$LATE" | lab_milter_client many "$LAB_MILTER_PORT" "$CLIENT" \
		'forged-#@none.test' "$RCPT" "$1"
}

bounces_to() { # ADDRESS
	grep '"from": ""' "$LAB_DIR/sink.jsonl" | grep -cF "\"$1\"" || true
}

bounce_at_sink() { [ "$(bounces_to "$1")" -ge 1 ]; }

held() { find "$LAB_DIR/backup/queue/hold" -type f | wc -l; }

held_are() { [ "$(held)" -ge "$1" ]; }

waiting() {
	local queue=$LAB_DIR/backup/queue
	find "$queue/incoming" "$queue/active" "$queue/deferred" \
		"$queue/maildrop" -type f | wc -l
}

# Flushes when nothing is under way: each flush starts all over.
nothing_waits() {
	local queue=$LAB_DIR/backup/queue
	[ "$(waiting)" -eq 0 ] && return 0
	[ -n "$(find "$queue/active" "$queue/incoming" -type f | head -n 1)" ] ||
		lab_queue_flush backup
	sleep 0.5
	[ "$(waiting)" -eq 0 ]
}

judged() { # ACTION
	lab_milter_metric "backupmx_bounces_total{action=\"$1\"}"
}

log_has() { # NAME PATTERN
	if grep -qE "$2" "$LAB_DIR/milter/log"; then
		check_pass "$1"
	else
		check_fail "$1" "$(grep ev=bounce "$LAB_DIR/milter/log" | tail -2)" "$2"
	fi
}

set_mode() { # MODE
	local conf=$LAB_DIR/policyd/backupmx.conf
	sed -i "s/\(bounce_guard *= \)\".*\"/\1\"$1\"/" "$conf"
	check_within "reload with $1" 10 lab_milter_reload
}

drop_held() { postsuper -c "$LAB_DIR/backup/conf" -d ALL hold >/dev/null 2>&1; }

# --- an outage, and what was taken meanwhile ---------------------------------

test_outage() {
	echo "# the primary is away"
	check_equal "forged senders are taken" \
		"$(send_many "$MESSAGES")" "$MESSAGES"
	check_match "one with an SPF pass" \
		"$(send "$CLIENT" true@pass.test "$RCPT" true-1)" "250 *"
	check_match "one that logged in" \
		"$(send 192.0.2.9 login@none.test "$RCPT" login-1 user)" "250 *"
	check_match "one of a trusted client" \
		"$(send 127.0.0.9 inside@none.test "$RCPT" inside-1)" "250 *"
	check_match "one with a seal of its own" \
		"$(printf 'X-Backupmx-Seal: v=1 k=a t=1 i=b c=- r=trusted h=00\n%s\n' "$LATE" |
			lab_milter_client send "$LAB_MILTER_PORT" "$CLIENT" \
				liar@none.test "$RCPT" liar-1)" "250 *"
	lab_postfix_start primary || exit 1
	echo "# the primary is back and refuses all of it"
	check_within "the queue is worked off" "$((120 + MESSAGES / 5))" nothing_waits
	check_within "true sender: bounced" 20 bounce_at_sink true@pass.test
	check_within "logged in: bounced" 20 bounce_at_sink login@none.test
	check_within "trusted client: bounced" 20 bounce_at_sink inside@none.test
	check_equal "nobody else got a bounce" "$(lab_bounces)" 3
	check_equal "the others are held" "$(held)" "$((MESSAGES + 1))"
	check_equal "counted: quarantined" "$(judged quarantine)" "$((MESSAGES + 1))"
	check_equal "counted: let go" "$(judged pass)" 3
	log_has "logged" "ev=bounce original=[^ ]+ sender=<true@pass.test> rcpt=<$RCPT> count=1 status=5\.[0-9.]+ act=pass why=spf"
	log_has "logged" "sender=<liar@none.test> .*act=quarantine why=unproven"
	check_equal "backupmxctl shows the last 1000" \
		"$(lab_ctl bounces --json | "$LAB_PYTHON" -c 'import json,sys; print(len(json.load(sys.stdin)["bounces"]))')" \
		"$((MESSAGES + 4 < 1000 ? MESSAGES + 4 : 1000))"
}

# --- the milter away -----------------------------------------------------------

test_milter_away() {
	echo "# the milter away"
	lab_postfix_stop primary
	drop_held
	check_match "taken" "$(send "$CLIENT" away@none.test "$RCPT" away-1)" "250 *"
	check_match "taken" "$(send "$CLIENT" away@pass.test "$RCPT" away-2)" "250 *"
	lab_stop_pid milter
	lab_postfix_start primary || exit 1
	lab_queue_flush backup
	check_within "Postfix cannot make the bounces" 20 grep -qE \
		'(bounce|cleanup).*(milter|4\.7\.1|Service unavailable)' \
		"$LAB_DIR/backup/log/mail.log"
	sleep 2
	check_equal "nothing has left" "$(lab_bounces)" 3
	check_equal "the originals wait" "$(waiting)" 2
	lab_milter_start || exit 1
	check_within "the queue is worked off" 60 nothing_waits
	check_within "the true sender got a bounce" 20 bounce_at_sink away@pass.test
	check_equal "and nobody else" "$(lab_bounces)" 4
	check_equal "the other is held" "$(held)" 1
}

# --- without the header ---------------------------------------------------------

# Here Postfix takes the seal out of the header again: the one that is kept by
# queue id decides.
test_store() {
	local conf=$LAB_DIR/backup/conf
	echo "# bounces that bring no seal"
	lab_postfix_stop primary
	drop_held
	echo '/^X-Backupmx-Seal:/ IGNORE' >"$conf/strip"
	postconf -c "$conf" -e "milter_header_checks=regexp:$conf/strip"
	postfix -c "$conf" reload >/dev/null 2>&1
	check_match "taken" "$(send "$CLIENT" kept@pass.test "$RCPT" kept-1)" "250 *"
	check_match "taken" "$(send "$CLIENT" kept@none.test "$RCPT" kept-2)" "250 *"
	lab_postfix_start primary || exit 1
	check_within "the queue is worked off" 60 nothing_waits
	check_within "the true sender got a bounce" 20 bounce_at_sink kept@pass.test
	check_equal "it has no seal" \
		"$(grep -F '"kept@pass.test"' "$LAB_DIR/sink.jsonl" | grep -c X-Backupmx-Seal)" 0
	check_equal "the other did not" "$(bounces_to kept@none.test)" 0
	check_equal "it is held" "$(held)" 1
	drop_held
}

test_discard() {
	echo "# discard"
	lab_postfix_stop primary
	set_mode discard
	check_match "taken" "$(send "$CLIENT" drop@none.test "$RCPT" drop-1)" "250 *"
	check_match "taken" "$(send "$CLIENT" drop@pass.test "$RCPT" drop-2)" "250 *"
	lab_postfix_start primary || exit 1
	check_within "the queue is worked off" 60 nothing_waits
	check_within "the true sender got a bounce" 20 bounce_at_sink drop@pass.test
	check_equal "the other's is gone" "$(bounces_to drop@none.test)" 0
	check_equal "nothing is held" "$(held)" 0
	check_match "counted" "$(judged discard)" 1
}

# --- users that the primary no longer knows ------------------------------------

gone_is() { # RESULT COUNT
	[ "$(curl -s "http://$(lab_address metrics):9517/metrics" |
		grep -F "backupmx_gone_total{result=\"$1\"} " | cut -d' ' -f2)" = "$2" ]
}

# All of the list but alice are gone; the senders are proven.
test_gone() {
	local user n=0
	echo "# a primary without its users"
	lab_postfix_stop primary
	set_mode quarantine
	drop_held
	: >"$LAB_DIR/sink.jsonl"
	for user in $(sed -n 's/^\([a-z.]*\)@.*/\1/p' "$(lab_list)" |
		grep -v alice | head -5); do
		n=$((n + 1))
		check_match "taken for $user" \
			"$(lab_milter_client send "$LAB_MILTER_PORT" "$CLIENT" \
				"gone-$n@pass.test" "$user@example.test" "gone-$n" </dev/null)" "250 *"
	done
	: >"$LAB_DIR/primary/conf/vmailbox"
	echo "$RCPT alice/" >"$LAB_DIR/primary/conf/vmailbox"
	: >"$LAB_DIR/primary/conf/valias"
	lab_postfix_start primary || exit 1
	check_within "the queue is worked off" 60 nothing_waits
	check_within "policyd was told of each" 10 gone_is noted 2
	check_within "and says from the third on that they be held" 10 gone_is hold "$((n - 2))"
	check_equal "two bounces left" "$(lab_bounces)" 2
	check_equal "the others are held" "$(held)" "$((n - 2))"
	log_has "and say why" "status=5.1.1 act=quarantine why=lost-users"
	check_match "policyd raises an alarm" \
		"$(grep -c 'error: ev=lost-users' "$LAB_DIR/policyd/log")" '[1-9]*'
	drop_held
}

# With policyd away the seal alone decides, in time.
test_policyd_away() {
	echo "# policyd away"
	lab_postfix_stop primary
	check_match "taken" "$(lab_milter_client send "$LAB_MILTER_PORT" "$CLIENT" \
		alone@pass.test postmaster@example.test alone-1 </dev/null)" "250 *"
	kill -STOP "$(lab_policyd_pid)"
	lab_postfix_start primary || exit 1
	check_within "the queue is worked off" 60 nothing_waits
	check_within "the true sender got a bounce" 20 bounce_at_sink alone@pass.test
	kill -CONT "$(lab_policyd_pid)"
}

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
test_outage
test_milter_away
test_store
test_discard
test_gone
test_policyd_away
test_end
check_end
