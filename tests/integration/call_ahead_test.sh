#!/usr/bin/env bash
# postfix-examples/call-ahead with a real Postfix primary and backup and no
# list: what the primary says counts while it is up, what was learnt counts in
# an outage, and the queue drains when it is back.
#
# Longer runs by hand: CALL_AHEAD_QUEUE messages (200) wait, the outage lasts
# CALL_AHEAD_OUTAGE_S seconds more (0), CALL_AHEAD_INTERVAL (2s) is the example's
# check_interval.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/call_ahead_lab.sh"
. "$here/../support/check.sh"

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'
UNSURE='450 4.1.1 <*>: Recipient address rejected: Unverified address, try again later'
STRANGER=stranger@world.test
QUEUE=${CALL_AHEAD_QUEUE:-200}
OUTAGE_S=${CALL_AHEAD_OUTAGE_S:-0}
SETTLE_S=150 # three checks of the default interval, and some
USERS="alice bob carol dave erin frank grace heidi ivan judy"

# A second domain has a list that ages fast and nobody to ask beside it.
add_listed_domain() {
	printf 'zoe@listed.test\nyan@listed.test\n' \
		>"$LAB_DIR/policyd/lists/listed.test"
	cat >>"$LAB_DIR/policyd/backupmx.conf" <<-CONF
	domain "listed.test" {
		primary = {"[$(lab_address primary)]:$LAB_PORT"}
		recipients = "file:$LAB_DIR/policyd/lists/listed.test"
		refresh = 1s
		list_max_age = 4s
		call_ahead = false
		check_interval = $CALL_AHEAD_INTERVAL
	}
	CONF
}

start_all() {
	lab_create || exit 1
	trap 'lab_stop_pid policyd2; lab_down' EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_policyd_configure
	call_ahead_configure
	add_listed_domain
	lab_postfix_start primary && lab_policyd_start &&
		lab_postfix_start backup || exit 1
	check_within "the primary is found to be up" $SETTLE_S \
		call_ahead_state_is up
}

origin() { lab_decision_key src "$1@$LAB_DOMAIN"; }

send_known() { # NAME RECIPIENT MAILBOX
	check_match "$1: taken" "$(lab_send backup "$STRANGER" "$2" "cold-$2")" \
		'250 2.0.0 *'
	check_within "$1: delivered" 20 lab_delivered_id "$3" "cold-$2"
}

test_cold() {
	echo "# the primary is up, nothing is known"
	check_match "an unknown user is refused" \
		"$(call_ahead_ask nobody@example.test)" "$UNKNOWN"
	check_equal "by the primary's word" "$(origin nobody)" call-ahead
	check_match "and again" "$(call_ahead_ask nobody@example.test)" "$UNKNOWN"
	check_equal "from the cache" "$(origin nobody)" cache
	check_match "with an extension, too" \
		"$(call_ahead_ask nobody+x@example.test)" "$UNKNOWN"
	check_match "and to the null sender" \
		"$(lab_ask backup "" nemo@example.test)" "$UNKNOWN"
	send_known "a user" alice@example.test alice
	check_equal "by the primary's word" "$(origin alice)" call-ahead
	send_known "upper case" BOB@EXAMPLE.TEST bob
	send_known "an extension" carol+news@example.test carol
	send_known "an alias" info@example.test alice
	send_known "postmaster" postmaster@example.test alice
	check_match "another domain is Postfix's own refusal" \
		"$(lab_ask backup "$STRANGER" alice@other.test)" \
		'554 5.7.1 *Relay access denied'
}

test_commands() {
	local probe
	echo "# what the administrator sees"
	probe=$(lab_ctl probe dave@example.test)
	check_match "probe shows the dialogue" "$probe" \
		'*> EHLO backup.example.test*> MAIL FROM:<>*> RCPT TO:<dave@example.test>*< 250 2.1.5 Ok*> RCPT TO:<bmx-*@example.test>*< 550 5.1.1 *> QUIT*'
	check_match "and its result" "$probe" '*result: *valid*accepts all: test refused*'
	check_match "of an unknown user" "$(lab_ctl probe nix@example.test)" \
		'*result: *unknown*decided by: *550 5.1.1 *'
	check_equal "parity: both say the same" \
		"$(printf '# a list\ndave@example.test OK\nnix@example.test\n' |
			lab_ctl parity)" \
		"2 same, 0 leak, 0 loss, 0 delay, 0 soft, 0 untold"
	check_match "parity: who was never asked for is deferred here" \
		"$(echo stranger@example.test | lab_ctl parity)" \
		'soft *stranger@example.test: the primary says 550 *; here: DEFER_IF_PERMIT *1 soft*'
	check_match "lookup explains" "$(lab_ctl lookup alice@example.test)" \
		'*fresh-valid*verdict:    valid (from cache)*'
	check_match "status" "$(lab_ctl status example.test)" \
		"*example.test (enforce)*primary: up for *\\[$(lab_address primary)\\]:$LAB_PORT*offers: *SIZE *probes: *unknown *breaker closed*"
}

# Users come and go at the primary.
set_user() { # add | remove USER
	local map=$LAB_DIR/primary/conf/vmailbox
	sed -i "/^$2@/d" "$map"
	[ "$1" = remove ] || echo "$2@$LAB_DOMAIN $2/" >>"$map"
	postfix -c "$LAB_DIR/primary/conf" reload \
		>>"$LAB_DIR/primary/log/command.log" 2>&1
}

primary_says() { # GLOB USER
	# shellcheck disable=SC2254 # the pattern is meant
	case $(lab_ask primary "$STRANGER" "$2@$LAB_DOMAIN") in
	$1) return 0 ;;
	*) return 1 ;;
	esac
}

test_changes() {
	echo "# users come and go"
	check_match "a user that will go" "$(call_ahead_ask judy@example.test)" '250 *'
	check_match "one that is to come" "$(call_ahead_ask kim@example.test)" "$UNKNOWN"
	set_user remove judy
	set_user add kim
	check_within "the primary knows of it" 10 primary_says '550 *' judy
	check_within "of both" 10 primary_says '250 *' kim
	check_match "the old word counts for a while" \
		"$(call_ahead_ask kim@example.test)" "$UNKNOWN"
	lab_ctl forget judy@example.test >/dev/null
	lab_ctl forget kim@example.test >/dev/null
	check_match "forgotten: the one that went is refused" \
		"$(call_ahead_ask judy@example.test)" "$UNKNOWN"
	check_match "forgotten: the new one is taken" \
		"$(call_ahead_ask kim@example.test)" '250 *'
	set_user add judy
	check_within "the primary has the first again" 10 primary_says '250 *' judy
	lab_ctl forget example.test >/dev/null
	check_match "a domain is forgotten" "$(call_ahead_ask judy@example.test)" '250 *'
}

warm() {
	local user
	for user in $USERS; do
		check_match "$user is seen" "$(call_ahead_ask "$user@example.test")" '250 *'
	done
	for user in nobody none; do
		check_match "$user is seen to be unknown" \
			"$(call_ahead_ask "$user@example.test")" "$UNKNOWN"
	done
}

# In an outage; NAME tells when.
check_outage() { # NAME
	local user
	for user in $USERS; do
		check_match "$1: $user is taken" \
			"$(call_ahead_ask "$user@example.test")" '250 *'
	done
	for user in nobody none; do
		check_match "$1: $user is refused" \
			"$(lab_ask backup forged@victim.test "$user@example.test")" \
			"$UNKNOWN"
	done
	check_match "$1: one never seen is deferred" \
		"$(call_ahead_ask never@example.test)" "$UNSURE"
	check_equal "$1: since nobody can be asked" \
		"$(lab_decision_key why never@example.test)" primary-down
	check_equal "$1: the list is frozen, an unknown user refused" \
		"$(lab_policy xeno@listed.test)" "550 5.1.1 User unknown"
	check_equal "$1: by that list" \
		"$(lab_decision_key authority xeno@listed.test)" frozen
}

test_outage() {
	echo "# an outage"
	check_equal "a list that is fresh" "$(lab_policy xeno@listed.test)" \
		"550 5.1.1 User unknown"
	lab_postfix_stop primary
	check_within "the primary is found to be down" $SETTLE_S \
		call_ahead_state_is down
	rm "$LAB_DIR/policyd/lists/listed.test"
	sleep 5 # older than list_max_age
	check_outage "down"
}

test_restart() {
	local before
	echo "# policyd is restarted in the outage"
	before=$(lab_ctl cache dump | grep -c '^verification ')
	lab_policyd_stop
	lab_policyd_start
	check_equal "the primary is down at once" "$(call_ahead_state)" down
	check_outage "restarted"
	check_equal "nothing of the cache is lost" \
		"$(lab_ctl cache dump | grep -c '^verification ')" "$before"
}

other_policy() { # RECIPIENT
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/policy_client.py" \
		"$LAB_DIR/other/policyd.sock" "$1"
}

other_answers() { other_policy postmaster@example.test >/dev/null 2>&1; }

start_other() {
	local conf=$LAB_DIR/other/backupmx.conf
	mkdir -p "$LAB_DIR/other/state" "$LAB_DIR/other/run"
	sed -e "s|$(lab_policyd_socket)|$LAB_DIR/other/policyd.sock|" \
		-e "s|$LAB_DIR/policyd/|$LAB_DIR/other/|" -e "s|:9517|:9519|" \
		"$LAB_DIR/policyd/backupmx.conf" >"$conf"
	"$LAB_BUILD/policyd/backupmx-policyd" -f -u root -c "$conf" \
		>"$LAB_DIR/other/log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/policyd2.pid"
	lab_wait 20 other_answers
}

test_dump_and_load() {
	local ctl=$LAB_BUILD/ctl/backupmxctl
	echo "# a second backup is given what the first has learnt"
	start_other
	check_equal "at first it knows nobody" \
		"$(other_policy alice@example.test)" \
		"DEFER_IF_PERMIT 4.1.1 Unverified address, try again later"
	lab_ctl cache dump example.test >"$LAB_DIR/other/dump"
	check_match "the dump is loaded" \
		"$("$ctl" -c "$LAB_DIR/other/backupmx.conf" cache load \
			"$LAB_DIR/other/dump")" '* lines'
	check_equal "then a user is taken" "$(other_policy alice@example.test)" DUNNO
	check_equal "and an unknown one refused" \
		"$(other_policy nobody@example.test)" "550 5.1.1 User unknown"
	lab_stop_pid policyd2
}

any_delivery() {
	grep -qrs '^X-Lab-Id: queue-' "$LAB_DIR/mail"
}

all_deliveries() { [ "$(call_ahead_deliveries queue)" = "$QUEUE 1" ]; }

test_recovery() {
	local addresses=() user begun
	echo "# the primary is back"
	for user in $USERS; do addresses+=("$user@example.test"); done
	check_equal "$QUEUE messages are taken" \
		"$(call_ahead_load "$QUEUE" queue "${addresses[@]}")" "$QUEUE"
	check_equal "and wait" "$(lab_queue_length backup)" "$QUEUE"
	sleep "$OUTAGE_S"
	begun=$(date +%s%N)
	lab_postfix_start primary
	check_within "the first is delivered within 60 s" 60 any_delivery
	echo "     first delivery after $((($(date +%s%N) - begun) / 1000000)) ms"
	check_within "and all of them" 120 all_deliveries
	echo "     all $QUEUE after $((($(date +%s%N) - begun) / 1000000)) ms"
	sleep 2
	check_equal "none twice" "$(call_ahead_deliveries queue)" "$QUEUE 1"
	check_equal "the queue is empty" "$(lab_queue_length backup)" 0
	check_within "the primary is up" $SETTLE_S call_ahead_state_is up
	check_match "the hook was run" \
		"$(grep "ev=recovery domain=$LAB_DOMAIN " "$LAB_DIR/policyd/log" | tail -n 1)" \
		'*domain=example.test result=ok*'
	check_match "who never was seen is asked for" \
		"$(call_ahead_ask never@example.test)" "$UNKNOWN"
	check_match "the list of old is stale now" "$(lab_policy xeno@listed.test)" \
		"DEFER_IF_PERMIT 4.1.1 *"
	check_equal "no bounce left the two hosts" "$(lab_bounces)" 0
}

reason=$(lab_missing) && check_skip "this test needs: $reason"
start_all
test_cold
test_commands
test_changes
warm
test_outage
test_restart
test_dump_and_load
test_recovery
check_end
