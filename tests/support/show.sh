#!/usr/bin/env bash
# show.sh [--keep]: the story that ./run tells, as root, with the programs of
# build/release. show.sh --end DIR ends a world that --keep left running.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/postfix_lab.sh"
. "$here/milter_lab.sh"
. "$here/show_table.sh"

LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/bounce-guard
WRONG=0      # lines that were not as they should be
TAKEN=0      # messages that the backup took
KEEP=

say() { printf '%s\n' "$*"; }
heading() { printf '\n%s\n%s\n' "$1" "${1//?/-}"; }

expect() { # NAME GOT GLOB
	# shellcheck disable=SC2254 # the pattern is meant
	case $2 in
	$3) ;;
	*)
		WRONG=$((WRONG + 1))
		say "  WRONG: $1: got \"$2\", expected \"$3\""
		;;
	esac
}

lab_show_missing() {
	local missing
	missing=$(lab_missing)
	[ -x /usr/sbin/knotd ] || missing="$missing; knotd (package knot)"
	[ -x "$LAB_BUILD/milter/backupmx-milter" ] ||
		missing="$missing; $LAB_BUILD/milter/backupmx-milter"
	[ -z "$missing" ] && return 1
	echo "${missing#; }"
}

# --- what stands where -----------------------------------------------------

start_world() {
	lab_create || exit 1
	say "Starting a primary MX, a backup MX with both daemons, and a DNS server ..."
	lab_postfix_configure primary
	lab_postfix_configure backup
	primary_rule
	lab_policyd_configure
	lab_milter_configure
	block_list
	lab_dns_start && lab_policyd_start && lab_milter_start &&
		lab_postfix_start primary && lab_postfix_start backup || exit 1
	cat <<-WORLD

	  primary MX   $(lab_address primary):$LAB_PORT   Postfix; has the users of $LAB_DOMAIN
	  backup MX    $(lab_address backup):$LAB_PORT   Postfix; backupmx-policyd and backupmx-milter beside it
	  the world    $(lab_address sink):$LAB_PORT   takes every bounce that the two would send, and counts
	WORLD
}

# What the primary refuses in a message's header, and the backup does not know.
primary_rule() {
	local conf=$LAB_DIR/primary/conf
	echo '/^X-Late:/ REJECT 5.7.1 we do not like this' >"$conf/late"
	echo "header_checks = regexp:$conf/late" >>"$conf/main.cf"
}

# A DNS list for the milter, of the lab's own zone.
block_list() {
	sed -i 's|^domain .*{|&\n\tdnsbl { zones = {"a.bl.test=127.0.0.20"} }|' \
		"$LAB_DIR/policyd/backupmx.conf"
}

# --- one message a line ----------------------------------------------------

# Offers one message to both hosts and prints a line. The primary is only
# asked; the backup is given the message.
offer() { # SENDER RECIPIENT EXPECTED-BACKUP-REPLY
	local primary backup
	primary=$(lab_ask primary "$1" "$2")
	backup=$(lab_send backup "$1" "$2" "show-$TAKEN")
	case $backup in 250*) TAKEN=$((TAKEN + 1)) ;; esac
	table_row "$1" "$2" "$primary" "$backup" "$(reason "$2" "$backup")"
	expect "$1 to $2" "$backup" "$3"
	[ "$PRIMARY_UP" = 0 ] ||
		expect "$2: the backup as the primary" "${backup:0:9}" \
			"${primary:0:3}*"
}

# A message from a client of the world, which the milter judges by SPF.
offer_as() { # CLIENT SENDER RECIPIENT EXPECTED-REPLY EXPECTED-RESULT
	local reply result
	reply=$(lab_milter_client send "$LAB_PORT" "$1" "$2" "$3" "show-$TAKEN" \
		</dev/null)
	result=$(lab_spf_result "$2")
	case $reply in 250*) TAKEN=$((TAKEN + 1)) ;; esac
	spf_row "$1" "$2" "$reply" "${result:-nothing}"
	expect "$2 from $1" "$reply" "$4"
	expect "SPF of $2 from $1" "$result" "$5"
}

# A client that a DNS list names.
offer_listed() { # CLIENT SENDER RECIPIENT EXPECTED-REPLY
	local reply
	reply=$(lab_milter_client send "$LAB_PORT" "$1" "$2" "$3" listed \
		</dev/null)
	spf_row "$1" "$2" "$reply" "listed"
	expect "a listed client" "$reply" "$4"
}

# A message that the primary's own rule will refuse.
offer_late() { # SENDER RECIPIENT
	local reply
	reply=$(echo "X-Late: yes" | lab_milter_client send "$LAB_PORT" \
		198.51.100.7 "$1" "$2" "show-late")
	table_row "$1" "$2" "421 no connection" "$reply" \
		"the primary will refuse its content"
	expect "$1 to $2" "$reply" '250 *'
}

# What the milter logged last about a sender.
lab_spf_result() { # SENDER
	grep -F "sender=<$1>" "$LAB_DIR/milter/log" | tail -n 1 |
		grep -o ' result=[^ ]*' | cut -d= -f2
}

# Why the backup said so, in a few words, from policyd's log.
reason() { # RECIPIENT REPLY
	local why act authority
	act=$(lab_decision_key act "$1")
	why=$(lab_decision_key why "$1")
	authority=$(lab_decision_key authority "$1")
	case $2 in
	554*) echo "not a domain it is a backup for (Postfix)" ;;
	*) case $act:$why in
	reject:unknown) echo "not on the primary's list ($authority)" ;;
	accept:* | dunno:*) case ${1%@*} in
		postmaster | abuse) echo "always valid (RFC 5321)" ;;
		*) echo "on the primary's list ($authority)" ;;
		esac ;;
	*) echo "policyd: ${act:-nothing} ${why}" ;;
	esac ;;
	esac
}

# --- the story -------------------------------------------------------------

primary_up() {
	heading "1. The primary is up; spammers write to the backup all the same"
	PRIMARY_UP=1
	table_head
	offer ann@world.test alice@example.test '250 *'
	offer ann@world.test Bob@EXAMPLE.TEST '250 *'
	offer shop@world.test carol+shop@example.test '250 *'
	offer ann@world.test info@example.test '250 *'
	offer ann@world.test postmaster@example.test '250 *'
	offer spam@forged.test nobody@example.test '550 5.1.1 *'
	offer spam@forged.test aaron@example.test '550 5.1.1 *'
	offer '' j.doe@example.test '550 5.1.1 *'
	offer spam@forged.test alice@elsewhere.test '554 5.7.1 *'
}

spf() {
	heading "2. The milter: may that client send for that domain (SPF)? Is it on a DNS list?"
	spf_head
	offer_as 192.0.2.1 ann@pass.test alice@example.test '250 *' pass
	offer_as 198.51.100.7 ann@pass.test alice@example.test '550 5.7.23 *' fail
	offer_as 198.51.100.7 boss@fail.test alice@example.test '550 5.7.23 *' fail
	offer_as 198.51.100.7 bob@softfail.test alice@example.test '250 *' softfail
	offer_as 198.51.100.7 bob@none.test alice@example.test '250 *' none
	offer_listed 192.0.2.2 ann@none.test alice@example.test '550 5.7.1 *'
}

# The primary sees the backup's address, so the result travels in the message.
spf_header() {
	local message
	message=$(grep -rls 'spf=pass' "$LAB_DIR/mail/alice/new" | head -n 1)
	say ""
	say "  at the top of the message from ann@pass.test in alice's mailbox:"
	[ -n "$message" ] &&
		awk '/^$/ { exit }
		     /^[^ \t]/ { ours = /^(Received-SPF|Authentication-Results):/ }
		     ours { print "    " $0 }' "$message"
	expect "the header of the delivered message" "${message:+there}" there
}

outage() {
	heading "3. The primary is stopped"
	lab_postfix_stop primary
	PRIMARY_UP=0
	table_head
	offer ann@world.test alice@example.test '250 *'
	offer ann@world.test heidi@example.test '250 *'
	offer spam@forged.test nobody@example.test '550 5.1.1 *'
	offer spam@forged.test xyz@example.test '550 5.1.1 *'
	offer_late victim@none.test alice@example.test
	WAITING=$(lab_queue_length backup)
	say "  waiting in the backup's queue: $WAITING"
	expect "messages that wait" "$WAITING" 3
}

recovery() {
	heading "4. The primary is back"
	lab_postfix_start primary || exit 1
	lab_wait 60 flush_until_judged
	lab_wait 20 all_delivered
	HELD=$(held)
	LEFT=$(($(lab_queue_length backup) - HELD))
	DELIVERED=$(delivered)
	BOUNCES=$(lab_bounces)
	say "  taken by the backup:           $((TAKEN + 1))"
	say "  delivered by the primary:      $DELIVERED"
	say "  refused by the primary's rule: 1"
	say "  still in the backup's queue:   $LEFT"
	say "  bounces held by the milter:    $HELD"
	say "  bounces sent to anybody:       $BOUNCES"
	expect "delivered" "$DELIVERED" "$TAKEN"
	expect "queue" "$LEFT" 0
	expect "held" "$HELD" 1
	expect "bounces" "$BOUNCES" 0
	late_refusal
	spf_header
}

# victim@none.test never wrote: the bounce was looked at, and did not leave.
late_refusal() {
	say ""
	say "  backupmxctl bounces, about the message that the primary refused:"
	lab_ctl bounces | sed 's/^/    /'
	expect "the bounce to victim@none.test" \
		"$(grep -c 'ev=bounce .*sender=<victim@none.test>.* act=quarantine' \
			"$LAB_DIR/milter/log")" 1
}

delivered() { find "$LAB_DIR"/mail/*/new -type f 2>/dev/null | wc -l; }
held() { find "$LAB_DIR/backup/queue/hold" -type f | wc -l; }

flush_until_judged() {
	[ "$(($(lab_queue_length backup) - $(held)))" -eq 0 ] && return 0
	lab_queue_flush backup
	sleep 0.5
	return 1
}

all_delivered() { [ "$(delivered)" -ge "$TAKEN" ]; }

summary() {
	heading "Summary"
	if [ "$WRONG" -eq 0 ]; then
		say "As it should be: every unknown user was refused with 550 by the backup"
		say "itself, as were clients that may not send for their sender's domain or"
		say "are on a DNS list. What was taken arrived, but for the message that the"
		say "primary refused by a rule of its own: its bounce, to a sender who may be"
		say "forged, was held. Nothing bounced."
	else
		say "$WRONG line(s) were not as they should be; see WRONG above."
	fi
}

# --- the end ---------------------------------------------------------------

end_world() {
	local left
	[ -n "$LAB_DIR" ] && [ -d "$LAB_DIR" ] || return 0
	lab_stop_pid milter
	lab_stop_pid dns
	lab_stop_all
	left=$(lab_left_over)
	if [ -n "$left" ]; then
		say "Still running: $left" >&2
		WRONG=$((WRONG + 1))
	fi
	rm -rf "$LAB_DIR"
}

on_exit() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	[ -n "$KEEP" ] && [ "$status" -eq 0 ] && exit 0
	end_world
	[ "$status" -ne 0 ] || [ "$WRONG" -eq 0 ] || status=1
	exit "$status"
}

keep_note() {
	cat <<-NOTE

	It is still running.
	  talk to the backup:   swaks --server $(lab_address backup):$LAB_PORT --to alice@$LAB_DOMAIN
	                        (or: telnet $(lab_address backup) $LAB_PORT)
	  the list of users:    $(lab_list)
	                        (write to it; it counts within seconds)
	  the daemons' logs:    $LAB_DIR/policyd/log $LAB_DIR/milter/log
	  ask policyd:          $LAB_BUILD/ctl/backupmxctl -c $LAB_DIR/policyd/backupmx.conf lookup alice@$LAB_DOMAIN
	  stop the primary:     postfix -c $LAB_DIR/primary/conf stop
	  the backup's queue:   postqueue -c $LAB_DIR/backup/conf -p
	  end it all:           $here/show.sh --end $LAB_DIR
	NOTE
}

# Ends what --keep left: only a directory that lab_create made.
end_kept() {
	case $1 in
	*/backupmx.??????) ;;
	*)
		say "show.sh: $1 is no directory of mine" >&2
		exit 64
		;;
	esac
	[ -s "$1/sink.pid" ] || { say "show.sh: nothing runs in $1"; exit 0; }
	LAB_DIR=$1
	end_world
	say "Ended."
	exit "$((WRONG > 0))"
}

case ${1:-} in
--keep) KEEP=1 ;;
--end) end_kept "${2:-}" ;;
esac
if reason=$(lab_show_missing); then
	say "show.sh: this needs: $reason" >&2
	exit 69
fi
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
start_world
primary_up
spf
outage
recovery
summary
if [ "$WRONG" -eq 0 ] && [ -n "$KEEP" ]; then
	keep_note
fi
[ "$WRONG" -eq 0 ]
