# call_ahead_lab.sh - the lab of postfix_lab.sh without a list: policyd asks
# the primary. To be sourced by bash after postfix_lab.sh. The Postfix files are
# those of postfix-examples/basic, as the READMEs of the examples that use this
# say; CALL_AHEAD_EXAMPLE names the one whose backupmx.conf is loaded.

CALL_AHEAD_EXAMPLE=${CALL_AHEAD_EXAMPLE:-call-ahead}
# the examples' 30 s would make each step of a test that long
CALL_AHEAD_INTERVAL=${CALL_AHEAD_INTERVAL:-2s}
LAB_CONF=$LAB_SOURCE/postfix-examples/$CALL_AHEAD_EXAMPLE/backupmx.conf

# postqueue is set-gid, and would refuse the lab's directory to another user.
LAB_POLICYD_USER=root

# After lab_policyd_configure: what of the example depends on the place.
call_ahead_configure() {
	local conf=$LAB_DIR/policyd/backupmx.conf
	sed -i -e "s|\"/usr/sbin/postqueue\", |&\"-c\", \"$LAB_DIR/backup/conf\", |" \
		-e "s|\(check_interval *= \).*|\1$CALL_AHEAD_INTERVAL|" "$conf"
}

# There is no list to ask about: postmaster is always valid.
lab_policyd_answers() {
	lab_policy "postmaster@$LAB_DOMAIN" 2>/dev/null | grep -q .
}

# The state of the primary as the administrator sees it.
call_ahead_state() {
	lab_ctl status "$LAB_DOMAIN" | sed -n 's/^  primary: \([a-z]*\).*/\1/p'
}

call_ahead_state_is() { [ "$(call_ahead_state)" = "$1" ]; }

# As lab_ask, for a client of its own network, so that the unknown users that
# a test asks for are not all one client's.
call_ahead_ask() { # RECIPIENT
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" \
		--from "127.7.$((RANDOM % 250)).9" "$(lab_address backup)" \
		"$LAB_PORT" stranger@world.test "$1"
}

# Messages in a row: call_ahead_load COUNT PREFIX RECIPIENT...
call_ahead_load() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_load.py" \
		"$(lab_address backup)" "$LAB_PORT" "$@"
}

# How often each message with that prefix is in a mailbox: "COUNT TIMES", as
# "200 1" when all 200 were delivered once.
call_ahead_deliveries() { # PREFIX
	grep -hrs "^X-Lab-Id: $1-" "$LAB_DIR/mail" | sort | uniq -c |
		awk '{ times[$1]++ } END { for (t in times) print times[t], t }' |
		sort -n | paste -sd' '
}
