#!/usr/bin/env bash
# milter_bench.sh [ROUNDS [MESSAGES]]: what the milter costs a real smtpd.
#
# smtp-source against four listeners of one Postfix, in turn in each round: no
# milter; two libmilter milters that do nothing (milter_noop), one that
# negotiates every step away and one that is told every step; backupmx-milter
# with SPF on, DNS warm and recipients asked of policyd. Prints the median of
# messages a second of each and the ratios to those that do nothing; the aim is
# 0.9. Once with a new session for each message, once with
# 20 sessions that send all. With BENCH_CHECKS=on all envelope checks and the
# size are on as well, with two DNS lists; the aim is 0.85 then. As root; LAB_BUILD names the build directory
# (default build/release). The queue is on tmpfs where there is one.
here=$(cd "$(dirname "$0")" && pwd)
[ -w /dev/shm ] && export TMPDIR=/dev/shm
. "$here/../support/postfix_lab.sh"
. "$here/../support/milter_lab.sh"

ROUNDS=${1:-7}
MESSAGES=${2:-2000}
KINDS="none away sees backupmx"

port_of() {
	case $1 in
	none) echo 2530 ;;
	away) echo 2531 ;;
	sees) echo 2532 ;;
	backupmx) echo 2533 ;;
	esac
}

milter_of() {
	case $1 in
	none) echo ;;
	*) echo "unix:backupmx/$1.sock" ;;
	esac
}

# Four smtpd beside each other, and nothing behind the queue but a sink hole.
configure() {
	local kind
	lab_postfix_configure backup
	for kind in $KINDS; do
		cat <<-SERVICE
		$(lab_address backup):$(port_of "$kind") inet n - y - - smtpd
		  -o smtpd_recipient_restrictions=reject_unauth_destination
		  -o smtpd_milters=$(milter_of "$kind")
		SERVICE
	done >>"$LAB_DIR/backup/conf/master.cf"
	echo "relay_transport = discard:" >>"$LAB_DIR/backup/conf/main.cf"
	sed -i '/^transport_maps/d' "$LAB_DIR/backup/conf/main.cf"
	lab_policyd_configure
	lab_milter_configure
	sed -i -e 's|milter\.sock|backupmx.sock|' \
		-e 's|trusted .*|trusted = {}|' "$LAB_DIR/policyd/backupmx.conf"
	[ "$BENCH_CHECKS" != on ] && return
	echo "203.0.113.1 REJECT" >"$LAB_DIR/milter/access"
	sed -i "s|^domain \"example.test\" {|&$(all_checks)|" \
		"$LAB_DIR/policyd/backupmx.conf"
}

# Each check has an answer, so each runs; nothing is refused.
all_checks() {
	echo -n " size = 50M client_access = {\"$LAB_DIR/milter/access\"}" \
		"sender_access = {\"$LAB_DIR/milter/access\"}" \
		'dnsbl { zones = {"a.bl.test*2", "wl.test*-1"} threshold = 9 }' \
		'helo { invalid = "tag" own = "tag" unknown = "tag" }' \
		'reverse_dns { missing = "tag" unconfirmed = "tag" }' \
		'sender_domain { null_mx = "tag" unknown = "tag" }'
}

lab_milter_socket() { echo "$LAB_DIR/backup/queue/backupmx/backupmx.sock"; }

start() {
	configure
	lab_dns_start && lab_policyd_start && lab_milter_start || exit 1
	local kind
	for kind in away sees; do
		"$LAB_BUILD/tests/bench/milter_noop" "$kind" \
			"unix:$LAB_DIR/backup/queue/backupmx/$kind.sock" &
		echo $! >"$LAB_DIR/$kind.pid"
	done
	lab_postfix_start backup || exit 1
}

stop() {
	lab_postfix_stop backup
	lab_stop_pid away
	lab_stop_pid sees
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

# Messages a second of one run: run KIND MESSAGES OPTIONS...
run() {
	local begin end
	begin=$(date +%s%N)
	smtp-source -s 20 -m "$2" -l 2000 "${@:3}" -f a@bench.test \
		-t alice@example.test \
		"inet:$(lab_address backup):$(port_of "$1")" >&2 || exit 1
	end=$(date +%s%N)
	echo "$(($2 * 1000000000 / (end - begin)))"
}

# Clock ticks that all of the lab has taken so far: Postfix's processes, those
# that have ended among them, the milters and policyd.
ticks() {
	local pids=" "
	pids+="$(lab_postfix_pid backup) $(pgrep -P "$(lab_postfix_pid backup)" |
		paste -sd' ') $(cat "$LAB_DIR"/{away,sees,milter,policyd}.pid | paste -sd' ')"
	# shellcheck disable=SC2086 # words are meant
	cat $(printf '/proc/%s/stat ' $pids) 2>/dev/null |
		awk '{t += $14 + $15 + ($2 == "(master)" ? $16 + $17 : 0)}
			END {print t}'
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

measure() { # NAME OPTIONS...
	local round kind before
	for kind in $KINDS; do
		run "$kind" 200 "${@:2}" >/dev/null
		: >"$LAB_DIR/$kind.rates"
		: >"$LAB_DIR/$kind.ticks"
	done
	for round in $(seq "$ROUNDS"); do
		for kind in $KINDS; do
			before=$(ticks)
			run "$kind" "$MESSAGES" "${@:2}" >>"$LAB_DIR/$kind.rates"
			lab_wait 60 lab_queue_empty backup
			echo "$(($(ticks) - before))" >>"$LAB_DIR/$kind.ticks"
		done
	done
	report "$1"
}

# Microseconds of CPU a message; on a busy machine a better guide than rates.
cpu_of() { # KIND
	echo "$(($(median <"$LAB_DIR/$1.ticks") * 1000000 / $(getconf CLK_TCK) / MESSAGES))"
}

report() { # NAME
	local kind
	for kind in $KINDS; do
		printf '%s, %-8s %6d messages/s (%s), %d us of CPU a message\n' \
			"$1" "$kind" "$(median <"$LAB_DIR/$kind.rates")" \
			"$(paste -sd' ' "$LAB_DIR/$kind.rates")" "$(cpu_of "$kind")"
	done
	for kind in away sees; do
		awk -v ours="$(median <"$LAB_DIR/backupmx.rates")" \
			-v noop="$(median <"$LAB_DIR/$kind.rates")" \
			-v name="$1" -v kind="$kind" \
			-v our_cpu="$(cpu_of backupmx)" \
			-v noop_cpu="$(cpu_of "$kind")" \
			'BEGIN {printf "%s, backupmx / %s: %.3f (by CPU: %.3f)\n",
				name, kind, ours / noop, noop_cpu / our_cpu}'
	done
}

memory() { # FIELD of /proc/PID/status, in KiB
	awk -v field="$1:" '$1 == field {print $2}' \
		"/proc/$(lab_milter_pid)/status"
}

flat() { # MESSAGES
	local part
	for part in $(seq 10); do
		run backupmx "$(($1 / 10))" -d >/dev/null
		lab_wait 120 lab_queue_empty backup
		printf '%8d messages: RssAnon %6d KiB, VmRSS %6d KiB\n' \
			"$((part * $1 / 10))" "$(memory RssAnon)" "$(memory VmRSS)"
	done
}

if reason=$(lab_milter_missing); then
	echo "milter_bench.sh: this needs: $reason" >&2
	exit 69
fi
lab_create || exit 1
trap stop EXIT
trap 'exit 130' INT TERM
start
if [ -n "${BENCH_FLAT:-}" ]; then
	flat "$BENCH_FLAT"
	exit
fi
measure "one message a session"
measure "all in 20 sessions" -d
lab_milter_metric 'backupmx_check_total{check="spf",result="pass"}' |
	sed 's/^/SPF passes seen by the milter: /'
