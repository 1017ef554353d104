#!/usr/bin/env bash
# Wrong configuration and wrong surroundings: backupmx-policyd says in one
# clear line what is wrong and where, ends with a sysexits status, and changes
# nothing. Without Postfix; as root, since it drops root.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"

EX_USAGE=64 EX_DATAERR=65 EX_NOINPUT=66 EX_UNAVAILABLE=69 EX_NOPERM=77 EX_CONFIG=78
POLICYD=$LAB_BUILD/policyd/backupmx-policyd
running=

[ "$(id -u)" = 0 ] || check_skip "this test needs: root rights"
[ -x "$POLICYD" ] || check_skip "this test needs: $POLICYD"

DIR=$(mktemp -d /tmp/backupmx.XXXXXX) || exit 1
chmod 755 "$DIR"
trap stop_all EXIT
trap 'exit 130' INT TERM

stop_all() {
	end_policyd
	rm -rf "$DIR"
}

end_policyd() {
	[ -n "$running" ] || return 0
	kill "$running" 2>/dev/null
	wait "$running" 2>/dev/null
	running=
}

# Fresh surroundings with a good configuration.
prepare() {
	end_policyd
	rm -rf "${DIR:?}"/*
	mkdir "$DIR/state" "$DIR/sockets"
	chown "$LAB_USER" "$DIR/state" "$DIR/sockets"
	printf 'alice@example.test\nbob@example.test\n' >"$DIR/list"
	cat >"$DIR/conf" <<-CONF
	hostname = "backup.example.test"
	state_dir = "$DIR/state"
	policyd {
		listen = {"unix:$DIR/sockets/policyd.sock"}
		socket_group = ""
		metrics = ""
		control = "unix:$DIR/sockets/control.sock"
	}
	domain "example.test" {
		recipients = "file:$DIR/list"
		call_ahead = false
	}
	CONF
}

change() { sed -i "$1" "$DIR/conf"; }

# Starts policyd, which is to fail: a status, and a line that names the fault.
refuses() { # NAME STATUS GLOB [ARGUMENT...]
	local name=$1 status=$2 glob=$3 output got
	shift 3
	output=$(timeout 20 "$POLICYD" -f -c "$DIR/conf" -u "$LAB_USER" "$@" 2>&1)
	got=$?
	check_equal "$name: status" "$got" "$status"
	check_match "$name: says so" "$output" "$glob"
	check_match "$name: in one line" "$(printf '%s\n' "$output" |
		grep -c 'fatal:\|error:\|^backupmx-policyd: [^i]')" '[12]'
}

# Starts policyd, which is to work; its log is in DIR/log.
starts() {
	"$POLICYD" -f -c "$DIR/conf" -u "$LAB_USER" >"$DIR/log" 2>&1 </dev/null &
	running=$!
	lab_wait 20 answers
}

answers() { lab_gone "$running" || ask alice@example.test >/dev/null; }

ask() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/policy_client.py" \
		"$DIR/sockets/policyd.sock" "$1" 2>/dev/null
}

test_configuration() {
	prepare
	change '/^state_dir/a stat_dir = "x"'
	refuses "an unknown key" $EX_CONFIG '*conf line=3 *stat_dir*state_dir*'
	prepare
	change '/call_ahead/a refresh = 5'
	refuses "a number without unit" $EX_CONFIG '*conf line=12 *refresh*'
	prepare
	change 's/call_ahead = false/refresh = 5fortnights/'
	refuses "a bad unit" $EX_CONFIG '*conf line=11 *'
	prepare
	change 's/call_ahead = false/max_shrink = 101/'
	refuses "a value out of range" $EX_CONFIG '*conf line=11 *max_shrink*'
	prepare
	change '/^hostname/p'
	refuses "a key given twice" $EX_CONFIG '*conf line=2 *hostname*'
	prepare
	change 's/"unix:.*policyd.sock"/"tcp:12"/'
	refuses "no socket" $EX_CONFIG '*conf line=4 *tcp:12*'
	prepare
	rm "$DIR/conf"
	refuses "no file" $EX_NOINPUT "*$DIR/conf*"
	prepare
	refuses "an unknown option" $EX_USAGE '*unknown option*' -x
}

test_two_mistakes() {
	local output
	prepare
	change '/^state_dir/a stat_dir = "x"'
	change 's/call_ahead = false/max_shrink = 101/'
	output=$("$POLICYD" -t -c "$DIR/conf" 2>&1)
	check_equal "two mistakes: -t: status" "$?" $EX_CONFIG
	check_match "two mistakes: -t: both in one run" "$output" \
		'*conf line=3 *stat_dir*max_shrink*'
	prepare
	"$POLICYD" -t -c "$DIR/conf" >/dev/null 2>&1
	check_equal "a good file: -t: status" "$?" 0
	check_equal "a good file: -t: nothing made" \
		"$(find "$DIR/state" "$DIR/sockets" -mindepth 1)" ""
}

test_sockets() {
	prepare
	change "s|$DIR/sockets/policyd|$DIR/nowhere/policyd|"
	refuses "no socket directory" $EX_NOINPUT "*$DIR/nowhere*"
	prepare
	echo precious >"$DIR/sockets/policyd.sock"
	refuses "a file in the socket's place" $EX_DATAERR \
		"*$DIR/sockets/policyd.sock*"
	check_equal "a file in the socket's place: stays" \
		"$(cat "$DIR/sockets/policyd.sock")" precious
	prepare
	starts
	cp "$DIR/conf" "$DIR/conf2"
	sed -i "s|/state\"|/state2\"|; s|control.sock|control2.sock|" "$DIR/conf2"
	mkdir "$DIR/state2" && chown "$LAB_USER" "$DIR/state2"
	refuses "another one listens on the socket" $EX_UNAVAILABLE \
		"*$DIR/sockets/policyd.sock*" -c "$DIR/conf2"
	check_equal "and goes on to answer" "$(ask alice@example.test)" DUNNO
}

test_port_in_use() {
	prepare
	change 's/metrics = ""/metrics = "inet:127.0.0.1:39517"/'
	"$LAB_PYTHON" -c 'import socket, time
s = socket.create_server(("127.0.0.1", 39517))
time.sleep(60)' &
	running=$!
	lab_wait 10 lab_listens 127.0.0.1 39517
	refuses "the metrics port is in use" $EX_UNAVAILABLE '*39517*'
	end_policyd
}

test_stale_socket() {
	prepare
	starts
	kill -9 "$running"
	wait "$running" 2>/dev/null
	check_equal "a socket is left" \
		"$([ -S "$DIR/sockets/policyd.sock" ] && echo yes)" yes
	starts
	check_equal "a socket that is left is taken over" \
		"$(ask alice@example.test)" DUNNO
}

test_rights() {
	prepare
	chown root "$DIR/state"
	chmod 700 "$DIR/state"
	refuses "a state directory of another user" $EX_NOPERM "*$DIR/state*"
	prepare
	output=$(timeout 20 "$POLICYD" -f -c "$DIR/conf" -u no-such-user 2>&1)
	check_match "an unknown user: status" "$?" '6[67]'
	check_match "an unknown user: says so" "$output" '*no-such-user*'
	prepare
	change 's/socket_group = ""/socket_group = "no-such-group"/'
	refuses "an unknown group" $EX_NOINPUT '*no-such-group*'
}

# A list that cannot be read is no reason to stay away: nobody can be refused
# yet, and policyd says 4xx until there is a list.
test_lists() {
	local unsure='DEFER_IF_PERMIT 4.1.1 *'
	prepare
	printf 'alice@example.test\nbob@example.test extra words\n' >"$DIR/list"
	starts
	check_within "a garbage line: its number is logged" 10 \
		grep -q "$DIR/list:2" "$DIR/log"
	check_match "a garbage line: nothing of the list is applied" \
		"$(ask alice@example.test)" "$unsure"
	prepare
	chmod 600 "$DIR/list"
	starts
	check_within "an unreadable list is named" 10 \
		grep -q "$DIR/list" "$DIR/log"
	check_match "an unreadable list: nobody is refused" \
		"$(ask nobody@example.test)" "$unsure"
	prepare
	rm "$DIR/list"
	starts
	check_within "a missing list is named" 10 grep -q "$DIR/list" "$DIR/log"
	check_match "a missing list: nobody is refused" \
		"$(ask nobody@example.test)" "$unsure"
	echo alice@example.test >"$DIR/list"
	check_within "it counts as soon as it is there" 10 known alice@example.test
}

known() { [ "$(ask "$1")" = DUNNO ]; }

test_configuration
test_two_mistakes
test_sockets
test_port_in_use
test_stale_socket
test_rights
test_lists
check_end
