#!/usr/bin/env bash
# The scenario guides of postfix-examples: each configuration is loaded as it
# is, before a real Postfix, and does what its README says. What "*" does in
# isp is any_domain_test.sh's.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/zone_lab.sh"
. "$here/../support/check.sh"
ZONE_LAB_ADDRESS=127.0.245.54
REDIS_ADDRESS=127.0.245.55
REDIS_PORT=24510
LAB_POLICYD_USER=root # postqueue is set-gid: see call_ahead_lab.sh

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'

# Any answer: not every scenario has a list.
lab_policyd_answers() {
	lab_policy "postmaster@$LAB_DOMAIN" 2>/dev/null | grep -q .
}

ask() { # RECIPIENT, from a network of its own
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" \
		--from "127.9.$((RANDOM % 250)).9" "$(lab_address backup)" \
		"$LAB_PORT" stranger@world.test "$1"
}

# The MX set of example.test: "PREFERENCE HOST" each; all hosts but the primary
# are at the backup's address.
zone_of() {
	local mx records=("primary A $(lab_address primary)")
	for mx in "$@"; do
		records+=("@ MX $mx")
		[ "${mx#* }" = primary ] ||
			records+=("${mx#* } A $(lab_address backup)")
	done
	zone_lab_stop
	zone_lab_domain example.test "${records[@]}"
	zone_lab_domain one.test "@ MX 10 primary.example.test." \
		"@ MX 20 backup.example.test."
	zone_lab_start
}

# What of an example depends on the place; lab_policyd_configure did the rest.
adapt() { # CONF
	sed -i -e "s|\"\[$(lab_address primary)\]:$LAB_PORT\"|\"mx:$LAB_PORT\"|" \
		-e "s|\"/usr/sbin/postqueue\", |&\"-c\", \"$LAB_DIR/backup/conf\", |" \
		-e "s|127.0.0.1:6379|$REDIS_ADDRESS:$REDIS_PORT|" "$1"
	echo "resolver = {\"$(zone_lab_resolver)\"}" >>"$1"
}

begin() { # SCENARIO [CONF]
	local conf
	echo "# $1"
	LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/$1
	LAB_CONF=$LAB_EXAMPLE/${2:-backupmx.conf}
	for conf in "$LAB_EXAMPLE"/backupmx.conf "$LAB_EXAMPLE"/*/backupmx.conf; do
		[ -f "$conf" ] || continue
		check_match "$1: ${conf#"$LAB_EXAMPLE/"} as it is" \
			"$("$LAB_BUILD/ctl/backupmxctl" -c "$conf" config check 2>&1)" \
			'*fine*'
	done
	lab_policyd_configure
	rm -rf "$LAB_DIR/policyd/state"/* "$LAB_DIR/policyd/conf.d"
	adapt "$LAB_DIR/policyd/backupmx.conf"
	[ "$1" != isp ] || adapt_customers
	lab_policyd_start || exit 1
}

adapt_customers() {
	mkdir "$LAB_DIR/policyd/conf.d"
	sed "s|/etc/backupmx/lists/|$LAB_DIR/policyd/lists/|" \
		"$LAB_EXAMPLE/conf.d/example.test.conf" \
		>"$LAB_DIR/policyd/conf.d/example.test.conf"
}

end() { lab_policyd_stop; }

# A second policyd, of another backup, without a Postfix of its own.
other_start() { # CONF
	local dir=$LAB_DIR/policyd/other
	rm -rf "$dir"
	mkdir -p "$dir/state" "$dir/run"
	sed -e "s|/var/spool/postfix/backupmx/|$dir/run/|" \
		-e "s|/var/lib/backupmx|$dir/state|" -e "s|/run/backupmx/|$dir/run/|" \
		-e "s|\"inet:127.0.0.1:9517\"|\"\"|" \
		-e "s|\"mx\"|\"mx:$LAB_PORT\"|" "$1" >"$dir/backupmx.conf"
	adapt "$dir/backupmx.conf"
	"$LAB_BUILD/policyd/backupmx-policyd" -f -u root \
		-c "$dir/backupmx.conf" >"$dir/log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/other.pid"
	lab_wait 20 test -S "$dir/run/policyd.sock"
}

other_ask() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/policy_client.py" \
		"$LAB_DIR/policyd/other/run/policyd.sock" "$1"
}

other_source() { # RECIPIENT
	grep -F "rcpt=<$1>" "$LAB_DIR/policyd/other/log" | tail -n 1 |
		grep -o ' src=[^ ]*'
}

backup_start() { # SCENARIO
	local conf=$LAB_DIR/backup/conf
	LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/$1
	lab_postfix_configure backup
	sed -i "s|hash:/etc/postfix/|texthash:$conf/|" "$conf/main.cf"
	[ ! -f "$LAB_EXAMPLE/backup/customers" ] ||
		cp "$LAB_EXAMPLE/backup/customers" "$conf/customers"
	lab_postfix_start backup || exit 1
}

test_isp() {
	zone_of "10 primary" "20 backup"
	backup_start isp
	begin isp
	check_match "a customer with a list" "$(ask nobody@example.test)" "$UNKNOWN"
	check_equal "that decided" "$(lab_decision_key src nobody@example.test)" list
	check_equal "a customer of \"*\"" "$(ask nobody@one.test >/dev/null
		grep -c 'domain=one.test act=serve' "$LAB_DIR/policyd/log")" 1
	check_match "who has not ordered" "$(ask alice@three.test)" \
		'554 5.7.1 *Relay access denied'
	lab_postfix_stop backup
	end
}

redis_start() {
	redis-server --bind "$REDIS_ADDRESS" --port "$REDIS_PORT" --save "" \
		--maxmemory-policy noeviction --dir "$LAB_DIR" \
		>"$LAB_DIR/redis.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/redis.pid"
	lab_wait 10 lab_listens "$REDIS_ADDRESS" "$REDIS_PORT"
}

test_equal_pair() {
	zone_of "10 primary" "20 backup1" "20 backup2"
	redis_start
	begin equal-pair
	sed 's/backup1/backup2/' "$LAB_EXAMPLE/backupmx.conf" >"$LAB_DIR/backup2.conf"
	other_start "$LAB_DIR/backup2.conf"
	check_within "both have Redis" 10 grep -qs redis-up \
		"$LAB_DIR/policyd/other/log"
	check_match "the primary is the one better host" \
		"$(lab_ctl status example.test)" \
		"*primary: *, primary.example.test:$LAB_PORT
*"
	check_match "one asks it" "$(ask nobody@example.test)" "$UNKNOWN"
	check_equal "over SMTP" "$(lab_decision_key src nobody@example.test)" \
		call-ahead
	check_match "the other knows" "$(other_ask nobody@example.test)" '550 5.1.1 *'
	check_equal "from Redis" "$(other_source nobody@example.test)" ' src=cache'
	check_match "a user at the other" "$(other_ask alice@example.test)" DUNNO
	lab_stop_pid other
	end
	lab_stop_pid redis
}

test_tiers() {
	zone_of "10 primary" "20 first" "30 second"
	begin tiers first/backupmx.conf
	other_start "$LAB_EXAMPLE/second/backupmx.conf"
	check_match "the first has its list" "$(ask nobody@example.test)" "$UNKNOWN"
	check_match "the second asks the primary" "$(other_ask nobody@example.test)" \
		'550 5.1.1 *'
	check_equal "over SMTP" "$(other_source nobody@example.test)" \
		' src=call-ahead'
	lab_postfix_stop primary
	check_match "the primary is gone: it asks the first" \
		"$(other_ask nemo@example.test)" '550 5.1.1 *'
	check_match "which knows the users" "$(other_ask bob@example.test)" DUNNO
	lab_postfix_stop backup
	check_match "that is gone, too: what was learnt counts" \
		"$(other_ask bob@example.test)" DUNNO
	check_match "and nobody else is let in" "$(other_ask carol@example.test)" \
		'DEFER_IF_PERMIT 4.1.1 *'
	lab_postfix_start primary && lab_postfix_start backup
	lab_stop_pid other
	end
}

primary_refusals() { grep -c 'reject: RCPT' "$LAB_DIR/primary/log/mail.log"; }

test_lists() { # SCENARIO
	local before
	before=$(primary_refusals)
	zone_of "10 primary" "20 backup"
	begin "$1"
	check_within "a user" 10 lab_policy_is DUNNO alice@example.test
	check_match "passes Postfix" "$(ask alice@example.test)" '250 *'
	check_match "an unknown user" "$(ask nobody@example.test)" "$UNKNOWN"
	check_equal "by the list" "$(lab_decision_key src nobody@example.test)" list
	check_equal "and the primary was not asked" "$(primary_refusals)" "$before"
	end
}

lab_policy_is() { [ "$(lab_policy "$2")" = "$1" ]; }

missing=$(lab_missing) && check_skip "$missing"
missing=$(zone_lab_missing)
[ -z "$missing" ] || check_skip "$missing"
command -v redis-server >/dev/null || check_skip "redis-server"
lab_create || exit 1
trap 'lab_stop_pid other; lab_stop_pid redis; zone_lab_stop; lab_down' EXIT
trap 'exit 130' INT TERM
LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/basic
lab_postfix_configure primary
lab_postfix_start primary || exit 1
test_isp
backup_start equal-pair
test_equal_pair
test_tiers
test_lists fetched-catchall
test_lists hosted
check_end
