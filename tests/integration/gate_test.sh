#!/usr/bin/env bash
# postfix-examples/gate with a real Postfix primary and backup: while the
# primary is up, strangers are sent there, who comes back passes, who passed
# once always does, and unknown users are refused first; when it is down there
# is no gate.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
CALL_AHEAD_EXAMPLE=gate
. "$here/../support/call_ahead_lab.sh"
. "$here/../support/check.sh"

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'
GATE='451 4.3.2 <*>: Recipient address rejected: The primary MX is up, deliver there'
INTERVAL_S=${CALL_AHEAD_INTERVAL%s}
DELAY_S=3

# Strangers have addresses of the world: XCLIENT.
lab_backup_tail() {
	cat <<-TAIL
	transport_maps = inline:{ { $LAB_DOMAIN = relay:[$(lab_address primary)]:$LAB_PORT } }
	smtpd_authorized_xclient_hosts = 127.0.0.0/8
	TAIL
}

start_all() {
	lab_create || exit 1
	trap lab_down EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_policyd_configure
	call_ahead_configure
	sed -i "s|\(gate_delay *= \).*|\1${DELAY_S}s|" \
		"$LAB_DIR/policyd/backupmx.conf"
	lab_postfix_start primary && lab_policyd_start &&
		lab_postfix_start backup || exit 1
	check_within "the primary is found to be up" 20 call_ahead_state_is up
}

from() { # CLIENT SENDER RECIPIENT
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/milter_client.py" ask \
		"$(lab_address backup)" "$LAB_PORT" "$1" "$2" "$3"
}

from_passes() { from "$@" | grep -q '^250 '; }

test_strangers() {
	echo "# a stranger, while the primary is up"
	check_match "is sent to the primary" \
		"$(from 192.0.2.1 ann@world.test alice@example.test)" "$GATE"
	check_equal "since that is up" \
		"$(lab_decision_key why alice@example.test)" primary-up
	check_match "and again when it comes back at once" \
		"$(from 192.0.2.1 ann@world.test alice@example.test)" "$GATE"
	check_match "but an unknown user is refused first" \
		"$(from 192.0.2.1 ann@world.test nobody@example.test)" "$UNKNOWN"
	sleep $((DELAY_S + 1))
	check_match "a retry passes" \
		"$(from 192.0.2.1 ann@world.test alice@example.test)" '250 *'
	check_match "then the client's network passes at once" \
		"$(from 192.0.2.77 bob@other.test bob@example.test)" '250 *'
	check_match "but not to an unknown user" \
		"$(from 192.0.2.77 bob@other.test nobody@example.test)" "$UNKNOWN"
	check_match "another network is a stranger" \
		"$(from 198.51.100.7 ann@world.test alice@example.test)" "$GATE"
	check_match "with another sender it is one still" \
		"$(from 198.51.100.7 eve@world.test alice@example.test)" "$GATE"
	check_match "postmaster is no exception" \
		"$(from 203.0.113.1 ann@world.test postmaster@example.test)" "$GATE"
}

test_exempt() {
	echo "# who is exempt"
	check_match "trusted clients" \
		"$(lab_ask backup ann@world.test alice@example.test)" '250 *'
	check_match "authenticated ones" "$("$LAB_PYTHON" \
		"$LAB_SOURCE/tests/support/milter_client.py" ask \
		"$(lab_address backup)" "$LAB_PORT" 203.0.113.2 a@world.test \
		dave@example.test someone)" '250 *'
	check_equal "as such" "$(lab_decision_key gate dave@example.test)" exempt
}

test_restart() {
	echo "# policyd is restarted"
	lab_policyd_stop
	lab_policyd_start
	check_within "the primary is up" 20 call_ahead_state_is up
	check_match "who passed before passes" \
		"$(from 192.0.2.78 cat@world.test bob@example.test)" '250 *'
	check_match "a stranger does not" \
		"$(from 198.18.1.9 ann@world.test alice@example.test)" "$GATE"
}

test_outage() {
	echo "# the primary goes down"
	lab_postfix_stop primary
	check_within "within one check interval there is no gate" \
		$((INTERVAL_S + 1)) \
		from_passes 198.18.2.10 ann@world.test alice@example.test
	check_match "unknown users are refused" \
		"$(from 198.18.2.10 ann@world.test nobody@example.test)" "$UNKNOWN"
	check_within "it is found to be down" 20 call_ahead_state_is down
	check_match "no gate, still" \
		"$(from 198.18.2.11 ann@world.test alice@example.test)" '250 *'
	lab_postfix_start primary
	check_within "it is back" 20 call_ahead_state_is up
	check_match "and so is the gate" \
		"$(from 198.18.3.11 ann@world.test alice@example.test)" "$GATE"
}

observes() {
	from_passes 198.18.4.12 ann@world.test alice@example.test
}

test_observe() {
	echo "# observe"
	sed -i 's/\(mode *= \)"enforce"/\1"observe"/' \
		"$LAB_DIR/policyd/backupmx.conf"
	lab_ctl reload >/dev/null
	check_within "a stranger passes" 10 observes
	check_match "and the log tells what would be" \
		"$(lab_decision alice@example.test)" '*act=warn*why=primary-up*'
	check_match "an unknown user, too" \
		"$(from 198.18.4.12 ann@world.test nobody@example.test)" '250 *'
}

reason=$(lab_missing) && check_skip "this test needs: $reason"
start_all
test_strangers
test_exempt
test_restart
test_outage
test_observe
check_end
