#!/usr/bin/env bash
# Real scanners behind the milter and a real Postfix: what they find is refused,
# the next one is asked when one is away, and rspamd's verdicts come out as they
# do through rspamd's own milter.
#
#	scanners_test.sh rspamd | spamd | clamd
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"
. "$here/../support/scanner_lab.sh"

export TSAN_OPTIONS="suppressions=$LAB_SOURCE/tests/support/tsan.supp"

RCPT=alice@example.test
SENDER=a@any.test
TAKEN='250 2.0.0 *'
OTHER_MILTER_PORT=2527
# How many messages are compared, and how many come at a time.
CORPUS=${SCAN_CORPUS:-60}
CROWD=${SCAN_CROWD:-20}

need() { # PROGRAM PACKAGE
	command -v "$1" >/dev/null 2>&1 ||
		check_skip "$1 is not installed (Debian package $2)"
}

# The example's files, and what it takes over from the example "milter".
merge_examples() {
	LAB_EXAMPLE=$LAB_DIR/example
	mkdir -p "$LAB_EXAMPLE"
	cp -rL "$LAB_SOURCE/postfix-examples/milter/." "$LAB_EXAMPLE"
	cp -rL "$LAB_SOURCE/postfix-examples/rspamd/." "$LAB_EXAMPLE"
}

# Beside our listeners one whose milter is rspamd's own.
other_listener() {
	cat >>"$LAB_DIR/backup/conf/master.cf" <<-SERVICE
	$(lab_address backup):$OTHER_MILTER_PORT inet n - y - - smtpd
	  -o smtpd_recipient_restrictions=reject_unauth_destination
	  -o smtpd_milters={inet:$(lab_scanner_address):$LAB_RSPAMD_MILTER_PORT,default_action=tempfail}
	SERVICE
}

start_all() {
	lab_create || exit 1
	trap stop_all EXIT
	trap 'exit 130' INT TERM
	merge_examples
	lab_postfix_configure primary
	lab_postfix_configure backup
	lab_milter_listener
	other_listener
	# A second domain, with other content rules.
	sed -i "s|^relay_domains = .*|& second.test|" "$LAB_DIR/backup/conf/main.cf"
	lab_policyd_configure
	lab_milter_configure
	lab_dns_start || exit 1
}

start_mail() {
	lab_milter_start && lab_postfix_start primary &&
		lab_postfix_start backup || exit 1
}

stop_all() {
	lab_stop_pid milter
	lab_stop_pid rspamd
	lab_stop_pid spamd
	lab_stop_pid clamd
	lab_stop_pid dns
	lab_down
}

# Recipients are not asked for, and SPF refuses nobody: this is about content.
# SCANNER replaces the example's section when given.
section() { # [SCANNER]
	local conf=$LAB_DIR/policyd/backupmx.conf
	lab_milter_configure tag
	sed -i -e 's|^\(\tpolicy  *= \).*|\1""|' "$conf"
	if [ $# -gt 0 ]; then
		sed -i '/^\tscanner/,/^\t}/d' "$conf"
		sed -i "s|^domain \"example.test\" {|&\n$1|" "$conf"
	else # only the addresses are the lab's
		sed -i -e "s|rspamd.example.test:11333|$AWAY|" \
			-e "s|127.0.0.1:11333|$HERE|" "$conf"
	fi
	echo 'domain "second.test" { }' >>"$conf"
}

with() { # NAME [SCANNER]
	echo "# $1"
	section "${@:2}"
	check_within "$1: reload" 10 lab_milter_reload
}

scanner() { # TYPE URL [OPTIONS]
	echo "scanner \"lab\" { type = \"$1\" urls = {\"$2\"} $3 }"
}

send() { # ID [FIELDS-AND-BODY]
	printf 'Subject: lab\nX-Lab-Id: @ID@\n%b' "${2:-\nwanted\n}" \
		>"$LAB_DIR/message"
	LAB_CLIENT_FILE=$LAB_DIR/message send_file "$LAB_MILTER_PORT" "$1"
}

send_file() { # PORT ID
	lab_milter_client send "$1" 192.0.2.1 "$SENDER" "$RCPT" "$2" </dev/null
}

log_has() { # NAME PATTERN
	check_match "$1" "$(grep -e "$2" "$LAB_DIR/milter/log" | tail -n 1)" '?*'
}

delivered() { # NAME ID
	check_within "$1" 20 lab_delivered_id alice "$2"
}

took_less() { # NAME MS START-IN-NS
	local ms=$((($(date +%s%N) - $3) / 1000000))
	[ "$ms" -lt "$2" ] && check_pass "$1 ($ms ms)" ||
		check_fail "$1" "$ms ms" "less than $2 ms"
}

metric() { lab_milter_metric "backupmx_check_total{check=\"scanner:$1\",result=\"$2\"}"; }

# A port where nobody listens, and the scanner's own.
places() { # PORT
	AWAY=$(lab_address primary):1
	HERE=$(lab_scanner_address):$1
}

unavailable() { # TYPE PREFIX
	with "nobody there" "$(scanner "$1" "$2$AWAY")"
	check_equal "deferred" "$(send gone-1)" \
		"451 4.7.1 Message content cannot be checked now, try again later"
	with "nobody there, and it may pass" \
		"$(scanner "$1" "$2$AWAY" 'unavailable = "accept"')"
	check_match "taken" "$(send gone-2)" "$TAKEN"
	log_has "the log says so" 'ev=message .*act=accept .*checks=.*scanner:lab:away'
	with "observe" "$(scanner "$1" "$2$AWAY")"
	sed -i 's|"enforce"|"observe"|' "$LAB_DIR/policyd/backupmx.conf"
	check_within "reload" 10 lab_milter_reload
	check_match "taken, and logged" "$(send gone-3)" "$TAKEN"
	log_has "the log says so" 'ev=message .*act=observe .*scanner:lab:away'
}

rspamd_basics() {
	local before
	check_equal "GTUBE" "$(send gtube-1 "\n$LAB_GTUBE\n")" \
		"550 5.7.1 Message content rejected: Gtube pattern"
	log_has "the log has it" 'ev=message .*act=reject .*checks=.*scanner:rspamd:reject:reject/'
	before=$(date +%s%N)
	check_match "wanted mail" "$(send wanted-1)" "$TAKEN"
	took_less "the first URL is away: the second one at once" 1000 "$before"
	log_has "and the log names it" "ev=scanner-failed peer=http://$AWAY"
	delivered "is delivered" wanted-1
	check_equal "soft reject" "$(send soft-1 'X-Lab-Want: soft reject\n\nx\n')" \
		"451 4.7.1 Message content deferred: The lab wants soft reject"
	check_match "the count of refusals" "$(metric rspamd reject)" '[1-9]*'
}

rspamd_edits() {
	local header
	check_match "a marked message is taken" "$(send mark-1 \
		'X-Lab-Want: add header\nX-Lab-Edit: yes\nX-Lab-Two: a\nX-Lab-Two: b\nX-Spam: forged\nX-Lab-Edit: again\nAuthentication-Results: backup.example.test; spf=pass\n\nx\n')" \
		"$TAKEN"
	delivered "and delivered" mark-1
	header=$(sed '/^$/q' "$(lab_message alice mark-1)")
	check_match "with rspamd's mark" "$header" '*X-Spam: Yes*'
	check_equal "once" "$(echo "$header" | grep -c '^X-Spam:')" 1
	check_equal "fields are gone: all of a name" \
		"$(echo "$header" | grep -c '^X-Lab-Edit')" 0
	check_equal "the second of a name" \
		"$(echo "$header" | grep '^X-Lab-Two')" "X-Lab-Two: a"
	check_match "a field is added, folded" "$header" \
		'*X-Lab-Added: first?'$'\t''second*'
	check_equal "one Authentication-Results, ours" \
		"$(echo "$header" | grep -c '^Authentication-Results: backup.example.test')" 1
}

rspamd_rules() {
	check_equal "a recipient with other rules comes later" \
		"$(lab_milter_client ask "$LAB_MILTER_PORT" 192.0.2.1 "$SENDER" \
			"$RCPT,bob@second.test")" \
		"452 4.5.3 Too many recipients: send to this one separately"
	check_match "a domain without scanners" \
		"$(LAB_CLIENT_FILE=$LAB_DIR/message lab_milter_client ask \
			"$LAB_MILTER_PORT" 192.0.2.1 "$SENDER" bob@second.test)" \
		'250 *'
}

rspamd_large() {
	local body
	body=$(head -c 600000 /dev/zero | tr '\0' 'x' | fold -w 70)
	check_match "through a file" \
		"$(send large-1 "X-Lab-Want: reject\n\n$body\n")" '550 5.7.1 *lab wants*'
	check_equal "no file is left" \
		"$(find /proc/"$(lab_milter_pid)"/fd -lname '/tmp/*deleted*' | wc -l)" 0
	with "a limit" "$(scanner rspamd "http://$HERE" 'max_size = 100K')"
	check_match "a larger one is not scanned" \
		"$(send large-2 "X-Lab-Want: reject\n\n$body\n")" "$TAKEN"
	log_has "the log says so" 'ev=message .*scanner:lab:skipped'
}

# One word for what became of a message, and its marks.
outcome() { # REPLY ID
	local file
	case $1 in
	2*) file=$(lab_message alice "$2")
		[ -n "$file" ] || { echo lost; return; }
		echo "taken $(sed '/^$/q' "$file" |
			grep -E '^(X-Spam|X-Lab-Added|X-Lab-Edit|X-Lab-Two):' |
			sort | tr '\n' ' ')" ;;
	*) echo "${1%% *} ${1##*: }" | sed -e 's/^5[0-9]*/refused/' \
		-e 's/^4[0-9]*/deferred/' -e 's/5\.7\.1 //' -e 's/4\.7\.1 //' \
		-e 's/^\(refused\|deferred\) [0-9]* /\1 /' ;;
	esac
}

parity() {
	local dir=$LAB_DIR/corpus file name ours theirs differ=0
	lab_corpus "$dir" "$CORPUS"
	for file in "$dir"/????; do
		name=$(basename "$file")
		LAB_CLIENT_FILE=$file send_file "$LAB_MILTER_PORT" "o$name" >"$file.ours"
		LAB_CLIENT_FILE=$file send_file "$OTHER_MILTER_PORT" "t$name" >"$file.theirs"
	done
	check_within "all is delivered" 60 lab_queue_empty backup
	for file in "$dir"/????; do
		name=$(basename "$file")
		ours=$(outcome "$(cat "$file.ours")" "o$name")
		theirs=$(outcome "$(cat "$file.theirs")" "t$name")
		echo "$ours" >>"$dir/outcomes"
		[ "$ours" = "$theirs" ] && continue
		differ=$((differ + 1))
		echo "     $name: ours: $ours"
		echo "     $name: theirs: $theirs"
	done
	cut -d' ' -f1,2 "$dir/outcomes" | sort | uniq -c
	check_equal "of $CORPUS messages so many differ" "$differ" 0
}

# Many large messages at a time: they are on disk, not in memory.
memory() {
	local i pids=() peak
	mkdir -p "$LAB_DIR/crowd"
	for i in $(seq "$CROWD"); do
		LAB_CLIENT_OCTETS=5000000 lab_milter_client send \
			"$LAB_MILTER_PORT" 192.0.2.1 "$SENDER" "$RCPT" "crowd-$i" \
			</dev/null >"$LAB_DIR/crowd/$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$(lab_milter_pid)/status")
	echo "     $CROWD messages of 5 MB at a time: at most $peak KiB in memory"
	check_equal "all are answered" \
		"$(cat "$LAB_DIR/crowd/"* | grep -c '^[24]')" "$CROWD"
	# Sanitizers have a memory of their own.
	ldd "$LAB_BUILD/milter/backupmx-milter" | grep -q 'lib[at]san' ||
		check_equal "in less than 256 MiB" "$((peak < 262144))" 1
}

test_rspamd() {
	need rspamd rspamd
	start_all
	places "$LAB_RSPAMD_PORT"
	lab_rspamd_configure
	lab_rspamd_start || exit 1
	section
	start_mail
	echo "# the example"
	rspamd_basics
	rspamd_edits
	rspamd_rules
	rspamd_large
	with "rspamd alone" "$(scanner rspamd "http://$HERE")"
	parity
	memory
	unavailable rspamd http://
}

test_spamd() {
	need spamd spamd
	start_all
	places "$LAB_SPAMD_PORT"
	lab_spamd_start || exit 1
	section "$(scanner spamd "inet:$AWAY\", \"inet:$HERE")"
	start_mail
	echo "# spamd"
	check_equal "GTUBE" "$(send gtube-1 "\n$LAB_GTUBE\n")" \
		"550 5.7.1 Message content rejected"
	log_has "the log has it" 'scanner:lab:reject:1000.0'
	check_match "wanted mail" "$(send wanted-1)" "$TAKEN"
	delivered "is delivered" wanted-1
	SENDER=spammer@lab.test
	check_match "the envelope's sender counts" "$(send envelope-1)" '550 5.7.1 *'
	SENDER=a@any.test
	with "tagged" "$(scanner spamd "inet:$HERE" 'action = "tag"')"
	check_match "taken" "$(send gtube-2 "\n$LAB_GTUBE\n")" "$TAKEN"
	log_has "the log says so" 'scanner:lab:tag:1000.0'
	with "deferred" "$(scanner spamd "inet:$HERE" 'action = "defer"')"
	check_match "deferred" "$(send gtube-3 "\n$LAB_GTUBE\n")" '451 4.7.1 *'
	unavailable spamd inet:
}

test_clamd() {
	local eicar="\n${LAB_EICAR_HEAD//\\/\\\\}$LAB_EICAR_TAIL\n"
	need clamd clamav-daemon
	start_all
	places "$LAB_CLAMD_PORT"
	lab_clamd_start || exit 1
	section "$(scanner clamd "inet:$AWAY\", \"inet:$HERE")"
	start_mail
	echo "# clamd"
	check_match "EICAR" "$(send eicar-1 "$eicar")" \
		"550 5.7.1 Message content rejected: Lab.Eicar*"
	log_has "the log has it" 'scanner:lab:reject:Lab.Eicar'
	check_match "wanted mail" "$(send wanted-1)" "$TAKEN"
	delivered "is delivered" wanted-1
	with "a unix socket" "$(scanner clamd "unix:$LAB_DIR/clamd/sock")"
	check_match "EICAR" "$(send eicar-2 "$eicar")" '550 5.7.1 *'
	check_match "more than clamd takes is not scanned, so it waits" \
		"$(LAB_CLIENT_OCTETS=5000000 lab_milter_client send "$LAB_MILTER_PORT" \
			192.0.2.1 "$SENDER" "$RCPT" large-1 </dev/null)" '451 4.7.1 *'
	unavailable clamd inet:
}

# Whatever a session has started is given back.
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
case $1 in
rspamd) test_rspamd ;;
spamd) test_spamd ;;
clamd) test_clamd ;;
*) echo "usage: $0 rspamd | spamd | clamd" >&2; exit 64 ;;
esac
test_end
check_end
