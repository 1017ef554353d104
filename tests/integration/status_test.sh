#!/usr/bin/env bash
# What an administrator sees of an outage: backupmxctl status, check and report
# beside real Postfixes, policyd and the milter. Mail that waits for a primary
# that is down is no fault; mail that waits though it is up is one.
# With SCREENSHOTS=DIR what is shown is written there, for
# docs/screenshots/render.py.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/milter_lab.sh"
. "$here/../support/check.sh"

SPAMMERS=(198.51.100.7 198.51.100.8 203.0.113.9)
# Nobody listens here.
CLOSED_PORT=24401

lab_stop_milter() {
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

start_all() {
	lab_create || exit 1
	trap lab_stop_milter EXIT
	trap 'exit 130' INT TERM
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_policyd_configure
	sed -i -e 's/^\tmode .*/&\n\tcheck_interval = 1s/' \
		-e "s|^policyd {|&\n\ton_recovery = {\"/bin/true\"}|" \
		"$LAB_DIR/policyd/backupmx.conf"
	lab_milter_configure
	lab_dns_start && lab_policyd_start && lab_milter_start &&
		lab_postfix_start primary && lab_postfix_start backup || exit 1
}

offer() { # CLIENT SENDER RECIPIENT
	lab_milter_client send "$LAB_PORT" "$1" "$2" "$3" "status-$((sent++))" \
		</dev/null >/dev/null
}

traffic() {
	local user spammer
	for user in alice bob carol info; do
		offer 192.0.2.1 ann@pass.test "$user@$LAB_DOMAIN"
	done
	for spammer in "${SPAMMERS[@]}"; do
		for user in aaron nobody sales; do
			offer "$spammer" spam@none.test "$user@$LAB_DOMAIN"
		done
	done
	offer 198.51.100.7 boss@fail.test "alice@$LAB_DOMAIN"
}

status() { lab_ctl status --config-dir "$LAB_DIR/backup/conf" "$@"; }

lab_check() { lab_ctl check "$@" --config-dir "$LAB_DIR/backup/conf"; }

state_is() { status "$LAB_DOMAIN" | grep -q "primary: $1 "; }

queue_is() { status | grep -q "^queue    $1 messages"; }

# What a command prints, under its prompt.
shot() { # FILE COMMAND OPTIONS...
	[ -n "${SCREENSHOTS:-}" ] || return 0
	local file=$SCREENSHOTS/$1.txt
	{
		echo "# backupmxctl ${*:2}"
		cat
	} >"$file"
}

# The daemons' lines as syslog writes them.
maillog() {
	local program
	for program in policyd milter; do
		sed "s/^/$(LC_ALL=C date '+%b %e %H:%M:%S') backup /" \
			"$LAB_DIR/$program/log"
	done
}

test_up() {
	echo "# the primary is up"
	check_within "the primary is known to be up" 20 state_is up
	traffic
	check_within "all is delivered" 20 queue_is 0
	check_match "the screen" "$(status)" \
		"backupmx * policyd up *milter up*DOMAIN*
$LAB_DOMAIN *fresh *up *queue    0 messages*today    *refused (unknown *"
	check_match "service" "$(lab_check service)" "BACKUPMX OK - policyd up *, milter up | *"
	check_match "lists" "$(lab_check lists)" "BACKUPMX OK - 1 lists, *"
	check_match "queue" "$(lab_check queue)" "BACKUPMX OK - 0 messages queued | *"
}

test_down() {
	echo "# the primary is down"
	lab_postfix_stop primary
	offer 192.0.2.1 ann@pass.test "alice@$LAB_DOMAIN"
	offer 192.0.2.1 ann@pass.test "bob@$LAB_DOMAIN"
	check_within "the primary is known to be down" 30 state_is down
	check_within "mail waits" 20 queue_is 2
	status | shot status status
	check_match "the screen says it" "$(status)" \
		"*$LAB_DOMAIN *down *2 *queue    2 messages*"
	check_match "at length, why" "$(status "$LAB_DOMAIN")" \
		"*primary: down *queue:   2 messages, 2 recipients, oldest *waits:   *"
	check_match "mail that waits for it is no fault" \
		"$(lab_check queue --max-age 0s)" "BACKUPMX OK - 2 messages queued*"
	check_match "that it is down is one" \
		"$(lab_check primary --warning 0s; echo "$?")" \
		"BACKUPMX WARNING - $LAB_DOMAIN: the primary has been down for *
1"
}

# The primary is back, and the backup sends elsewhere.
test_stuck() {
	echo "# the primary is up, and mail waits all the same"
	sed -i "s|relay:\[.*\]:$LAB_PORT|relay:[127.0.240.20]:$CLOSED_PORT|" \
		"$LAB_DIR/backup/conf/main.cf"
	postfix -c "$LAB_DIR/backup/conf" reload >/dev/null 2>&1
	lab_postfix_start primary
	check_within "it is up" 20 state_is up
	lab_queue_flush backup
	sleep 1
	check_match "the queue has not been for long" "$(lab_check queue)" \
		"BACKUPMX OK - *"
	check_match "but for longer than it may" \
		"$(lab_check queue --max-age 1s; echo "$?")" \
		"BACKUPMX CRITICAL - $LAB_DOMAIN: the primary is up, but 2 messages wait, for *: *127.0.240.20*refused | queued=2;*waiting=*
2"
}

test_away() {
	echo "# the daemons are away"
	lab_stop_pid milter
	check_match "the milter" "$(lab_check service; echo "$?")" \
		"BACKUPMX CRITICAL - milter is away: *
2"
	lab_policyd_stop
	check_match "policyd" "$(lab_check; echo "$?")" \
		"BACKUPMX CRITICAL - policyd is away: *
2"
	check_match "the queue is shown all the same" "$(status 2>&1)" \
		"*policyd AWAY*queue    2 messages*policyd cannot be asked*"
}

test_report() {
	local report
	echo "# the day"
	maillog >"$LAB_DIR/mail.log"
	report=$(lab_ctl report --date today "$LAB_DIR/mail.log")
	echo "$report" | shot report report
	check_match "recipients" "$report" \
		"*Recipients (policyd)*accepted *listed *refused *unknown 9*
  $LAB_DOMAIN *9*"
	check_match "who was refused" "$report" \
		"*Refused recipients*3  aaron@$LAB_DOMAIN*Refused clients*198.51.100.7*Refused senders*spam@none.test*"
	check_match "checks of the milter" "$report" "*Checks*spf:*"
	check_match "the outage" "$report" "*Away*$LAB_DOMAIN *"
	check_match "as JSON" "$(lab_ctl report --json "$LAB_DIR/mail.log")" \
		'*"what": "'"$LAB_DOMAIN"'"*'
}

missing=$(lab_milter_missing) && check_skip "missing: $missing"
sent=0
start_all
test_up
test_down
test_stuck
test_away
test_report
check_end
