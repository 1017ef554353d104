#!/usr/bin/env bash
# An administrator's way: init, postfix --apply, the first refusal, --undo; on
# a Postfix as Debian ships it. What must go wrong is tried, too.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"

UNKNOWN='550 5.1.1 <*>: Recipient address rejected: User unknown'
CTL=$LAB_BUILD/ctl/backupmxctl
STRANGER=stranger@world.test

# The backup begins with Debian's main.cf, which knows nothing of us.
make_example() {
	local example=$LAB_DIR/example
	mkdir -p "$example/backup"
	cp -r "$LAB_EXAMPLE/primary" "$example/"
	cp "$LAB_EXAMPLE/$LAB_DOMAIN.list" "$example/"
	cp "$LAB_EXAMPLE/backup/master.cf" "$example/backup/"
	cat >"$example/backup/main.cf" <<-'MAIN'
	# See /usr/share/postfix/main.cf.dist for a commented version
	smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
	readme_directory = no
	smtpd_relay_restrictions = permit_mynetworks
	    permit_sasl_authenticated
	    # those of others
	    defer_unauth_destination
	relay_domains = other.test
	MAIN
	LAB_EXAMPLE=$example
}

start_lab() {
	lab_create || exit 1
	trap 'lab_stop_pid milter; lab_down' EXIT
	trap 'exit 130' INT TERM
	make_example
	lab_postfix_configure primary
	lab_postfix_configure backup
	CONF=$LAB_DIR/backup/conf
	chown root:postfix "$CONF/main.cf"
	chmod 640 "$CONF/main.cf"
	cp -p "$CONF/main.cf" "$LAB_DIR/main.cf.before"
}

# As the package ships it: no domain, and conf.d included.
policyd_configure() {
	local dir=$LAB_DIR/policyd
	mkdir -p "$dir/state" "$dir/run" "$dir/lists"
	chown "$LAB_USER" "$dir/state" "$dir/run"
	cp "$LAB_EXAMPLE/$LAB_DOMAIN.list" "$(lab_list)"
	cat >"$dir/backupmx.conf" <<-CONF
	hostname = "backup.example.test"
	state_dir = "$dir/state"
	include("conf.d/*.conf")
	policyd {
		listen = {"unix:$(lab_policyd_socket)"}
		metrics = ""
		control = "unix:$dir/run/control.sock"
	}
	milter {
		listen = "unix:$LAB_DIR/backup/queue/backupmx/milter.sock"
		metrics = ""
	}
	CONF
	# The daemons of the lab have a user of their own.
	umask 022
}

# Postfix's programs wait for a main.cf that is younger than two seconds.
settle() {
	[ -h "$CONF/main.cf" ] || touch -d '1 minute ago' "$CONF/main.cf"
}

ctl_postfix() {
	local status
	settle
	lab_ctl postfix --config-dir "$CONF" "$@" 2>&1
	status=$?
	settle
	return "$status"
}

edit_main() { # NAME=VALUE...
	settle
	postconf -c "$CONF" -e "$@"
	settle
}

status_of() { # prints the exit status of a command
	"$@" >/dev/null 2>&1
	echo $?
}

talk() { "$LAB_PYTHON" "$LAB_SOURCE/tests/support/terminal.py" "$@"; }

main_cf_is() { # NAME FILE
	local same
	same=$(cmp "$CONF/main.cf" "$2" 2>&1) &&
		same=$(stat -c '%U:%G %a' "$CONF/main.cf")
	check_equal "$1" "$same" "$(stat -c '%U:%G %a' "$LAB_DIR/main.cf.before")"
}

test_init_new() {
	local file=$LAB_DIR/new/backupmx.conf out
	echo "# init: a new configuration"
	out=$(talk 'backup MX for=..' 'backup MX for=Shop.TEST' \
		'primary MX=[192.0.2.1]:25' 'recipients come from=ftp://x' \
		'recipients come from=file:/etc/backupmx/lists/shop.test' \
		'called in SMTP=mx2.shop.test' 'Write that=y' -- \
		"$CTL" -c "$file" init)
	check_equal "questions are answered" $? 0
	check_match "a wrong domain is told" "$out" '*is no domain: expected*'
	check_match "a wrong source is told" "$out" '*bad value "ftp://x"*'
	check_match "what to do next is told" "$out" \
		'*start the daemons with -c and this file*postfix --apply*'
	check_equal "it is what was said" "$("$CTL" -c "$file" config dump)" \
		'hostname = "mx2.shop.test"
domain "shop.test" {
	primary = {"[192.0.2.1]:25"}
	recipients = "file:/etc/backupmx/lists/shop.test"
}'
	check_equal "it can be checked" \
		"$("$CTL" -c "$file" config check 2>&1)" 'configuration is fine'
	check_match "nobody else writes to it" "$(stat -c %a "$file")" '6[04][04]'
	cp "$file" "$file.before"
	check_equal "never over one that is there" \
		"$(status_of "$CTL" -c "$file" init --domain shop.test --yes)" 73
	check_equal "and it is as it was" "$(cmp "$file" "$file.before")" ''
}

test_init_refused() {
	local dir=$LAB_DIR/refused
	mkdir -p "$dir"
	echo "# init: what it refuses"
	talk 'Write that=n' -- "$CTL" -c "$dir/no.conf" init --domain a.test \
		--primary mx --recipients '' --hostname '' >/dev/null
	check_equal "no means no" "$(ls -A "$dir")" ''
	talk 'backup MX for=EOF' -- "$CTL" -c "$dir/no.conf" init >/dev/null
	check_equal "an end of input" "$?" 69
	talk 'MX for=..' 'MX for=..' 'MX for=..' -- \
		"$CTL" -c "$dir/no.conf" init >/dev/null
	check_equal "three wrong answers" "$?" 65
	check_equal "no terminal and no domain" \
		"$(status_of "$CTL" -c "$dir/no.conf" init </dev/null)" 64
	ln -s nowhere "$dir/link.conf"
	check_equal "a link that leads nowhere" \
		"$(status_of "$CTL" -c "$dir/link.conf" init --domain a.test --yes)" 73
	echo 'domain "b.test" { }' >"$dir/alone.conf"
	check_match "one that includes nothing" \
		"$("$CTL" -c "$dir/alone.conf" init --domain a.test --yes 2>&1)" \
		'*does not include conf.d/*domain "a.test" {*'
	echo 'domain "b.test" { nonsense = 1 }' >"$dir/broken.conf"
	check_equal "a broken one" \
		"$(status_of "$CTL" -c "$dir/broken.conf" init --domain a.test --yes)" 78
	check_equal "nothing was left behind" "$(ls -A "$dir" | tr '\n' ' ')" \
		'alone.conf broken.conf link.conf '
}

test_init_beside() {
	local out
	echo "# init: beside the package's configuration"
	out=$(lab_ctl init --domain "$LAB_DOMAIN" --yes \
		--primary "[$(lab_address primary)]:$LAB_PORT" \
		--recipients "file:$(lab_list)")
	check_match "a file of its own" "$out" "wrote */conf.d/$LAB_DOMAIN.conf*"
	check_match "which is served" "$(lab_ctl config dump)" \
		'*domain "example.test" {*'
	# The user of the lab is not in the group backupmx.
	chmod 644 "$LAB_DIR/policyd/conf.d/$LAB_DOMAIN.conf"
	check_equal "once only" \
		"$(status_of lab_ctl init --domain "$LAB_DOMAIN" --yes)" 73
}

test_print() {
	local out
	echo "# postfix: what is to be changed"
	out=$(ctl_postfix --without-milter)
	check_match "policyd is wired" "$out" "*
postconf -c $CONF -e 'smtpd_recipient_restrictions = check_policy_service {*"
	check_match "the domain is added" "$out" \
		"*postconf -c * -e 'relay_domains = other.test, example.test'*"
	main_cf_is "printing changes nothing" "$LAB_DIR/main.cf.before"
	check_equal "the milter is left out" "$(grep -c milter <<<"$out")" 0
	check_match "the milter is wired" "$(ctl_postfix)" \
		"*-e 'smtpd_milters = { unix:backupmx/milter.sock,*"
	check_match "as JSON" "$(ctl_postfix --json | "$LAB_PYTHON" -c '
import json, sys
answer = json.load(sys.stdin)
print(answer["applied"], [w["name"] for w in answer["wanted"]][0])')" \
		'False relay_domains'
}

test_apply_refused() {
	echo "# postfix --apply: what it refuses"
	check_match "a daemon that is away" "$(ctl_postfix --apply)" \
		'*backupmx-policyd does not answer*'
	check_equal "its status" "$(status_of ctl_postfix --apply)" 69
	check_equal "a folder that is not there" \
		"$(status_of lab_ctl postfix --config-dir /nonexistent)" 66
	check_equal "a folder without main.cf" \
		"$(status_of lab_ctl postfix --config-dir "$LAB_DIR/mail")" 66
	mkdir -p "$LAB_DIR/nested"
	{
		echo 'warned = $undefined'
		echo 'nested = $nested'
	} >"$LAB_DIR/nested/main.cf"
	cp "$CONF/master.cf" "$LAB_DIR/nested/"
	touch -d '1 minute ago' "$LAB_DIR/nested/main.cf"
	check_match "what is wrong, not what is warned of before it" \
		"$(lab_ctl postfix --config-dir "$LAB_DIR/nested" 2>&1)" \
		"*(postconf -c $LAB_DIR/nested -x says it all): fatal: *"
	check_equal "words that do not go together" \
		"$(status_of ctl_postfix --apply --undo)" 64
	check_equal "nothing to undo" "$(status_of ctl_postfix --undo)" 66
	main_cf_is "nothing was changed" "$LAB_DIR/main.cf.before"
}

# `postfix check` says no the second time it is asked.
test_check_fails() {
	local bin=$LAB_DIR/bin out
	mkdir -p "$bin"
	cat >"$bin/postfix" <<-SCRIPT
	#!/bin/sh
	echo x >>$bin/calls
	[ \$(wc -l <$bin/calls) -lt \$LIMIT ] && exit 0
	echo "postfix: fatal: planted" >&2
	exit 1
	SCRIPT
	chmod 755 "$bin/postfix"
	out=$(LIMIT=2 PATH=$bin:$PATH ctl_postfix --apply --without-milter)
	check_match "a check that fails behind it" "$out" \
		'*main.cf is as it was before, since postfix failed*planted*'
	main_cf_is "main.cf is put back" "$LAB_DIR/main.cf.before"
	rm "$bin/calls"
	out=$(LIMIT=1 PATH=$bin:$PATH ctl_postfix --apply --without-milter)
	check_match "a check that fails before it" "$out" \
		'*nothing was changed: mend first*planted*'
	main_cf_is "main.cf was not touched" "$LAB_DIR/main.cf.before"
	check_equal "and nothing is left" "$(ls "$CONF" | tr '\n' ' ')" \
		'main.cf master.cf '
}

test_apply() {
	local out
	echo "# postfix --apply"
	out=$(ctl_postfix --apply --without-milter)
	check_equal "main.cf is changed" $? 0
	check_match "the backup is named" "$out" '*as it was: */main.cf.backupmx-2*'
	check_equal "the backup is main.cf as it was" \
		"$(cmp "$LAB_DIR/main.cf.before" "$CONF"/main.cf.backupmx-*[0-9])" ''
	check_equal "its mode is the same" \
		"$(stat -c '%U:%G %a' "$CONF/main.cf" "$CONF"/main.cf.backupmx-*[0-9] | uniq)" \
		"$(stat -c '%U:%G %a' "$LAB_DIR/main.cf.before")"
	cp -p "$CONF/main.cf" "$LAB_DIR/main.cf.applied"
	check_match "a second time there is nothing to do" \
		"$(ctl_postfix --apply --without-milter)" '*nothing to change*'
	check_equal "and nothing is done" \
		"$(cmp "$CONF/main.cf" "$LAB_DIR/main.cf.applied")" ''
	# What is printed, given to a shell, does the same.
	cp -p "$LAB_DIR/main.cf.before" "$CONF/main.cf"
	ctl_postfix --without-milter | sh
	settle
	out=$(postconf -c "$CONF" -n)
	cp -p "$LAB_DIR/main.cf.applied" "$CONF/main.cf"
	check_equal "the commands that are printed do the same" "$out" \
		"$(postconf -c "$CONF" -n)"
}

test_mail() {
	echo "# mail"
	lab_postfix_start primary && lab_postfix_start backup || exit 1
	check_match "an unknown user is refused" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" "$UNKNOWN"
	check_match "a known one is taken" \
		"$(lab_send backup "$STRANGER" alice@example.test setup-1)" \
		'250 2.0.0 *'
	check_within "and delivered" 20 lab_delivered_id alice setup-1
	check_match "another domain is not relayed" \
		"$(lab_ask backup "$STRANGER" alice@elsewhere.test)" \
		'454 4.7.1 *Relay access denied'
	lab_policyd_stop
	check_match "with policyd away the reply is a 4xx" \
		"$(lab_ask backup "$STRANGER" nobody@example.test)" \
		'450 4.3.0 *'
	lab_policyd_start || exit 1
}

test_notes() {
	local name
	echo "# postfix: what it warns of"
	name=$(lab_address backup):$LAB_PORT/inet
	postconf -c "$CONF" -P "$name/smtpd_recipient_restrictions=permit_mynetworks"
	check_match "an override in master.cf, by its name" \
		"$(ctl_postfix --without-milter)" \
		"*# note: $name -o smtpd_recipient_restrictions: replaces*"
	postconf -c "$CONF" -PX "$name/smtpd_recipient_restrictions"
	check_match "none without it" "$(ctl_postfix --without-milter)" \
		'# main.cf is as it should be*'
}

lab_milter_answers() { [ -S "$LAB_DIR/backup/queue/backupmx/milter.sock" ]; }

sealed() { grep -qrs '^X-Backupmx-Seal: ' "$LAB_DIR/mail/$1/new"; }

# A second change on top of the first one.
test_milter() {
	local pid
	echo "# postfix: the milter"
	check_match "a milter that is away" "$(ctl_postfix --apply)" \
		'*backupmx-milter does not answer*'
	"$LAB_BUILD/milter/backupmx-milter" -f -u "$LAB_USER" \
		-c "$LAB_DIR/policyd/backupmx.conf" \
		>"$LAB_DIR/milter.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/milter.pid"
	lab_wait 20 lab_milter_answers || exit 1
	edit_main 'smtpd_milters = inet:127.0.0.1:1' \
		'milter_default_action = accept'
	cp -p "$CONF/main.cf" "$LAB_DIR/main.cf.other"
	check_match "it stands before the one that is there" \
		"$(ctl_postfix --apply --reload)" \
		'*smtpd_milters = { unix:backupmx/milter.sock, * }, inet:127.0.0.1:1
*'
	check_match "mail passes through it" \
		"$(lab_send backup "$STRANGER" bob@example.test setup-2)" \
		'250 2.0.0 *'
	check_within "and arrives" 20 lab_delivered_id bob setup-2
	check_equal "sealed" "$(sealed bob; echo $?)" 0
	ctl_postfix --undo --reload >/dev/null
	check_equal "undone" "$(cmp "$CONF/main.cf" "$LAB_DIR/main.cf.other")" ''
	lab_stop_pid milter
}

test_tables() {
	echo "# postfix: a domain in a table"
	echo 'example.test x' >"$CONF/relay"
	edit_main "relay_domains = texthash:$CONF/relay"
	check_match "is found" "$(ctl_postfix --without-milter)" \
		'# main.cf is as it should be*'
	echo 'else.test x' >"$CONF/relay"
	check_match "one that lacks it" "$(ctl_postfix --without-milter)" \
		"*-e 'relay_domains = texthash:$CONF/relay, example.test'*"
	rm "$CONF/relay"
}

test_undo() {
	local out
	echo "# postfix --undo"
	cp -p "$LAB_DIR/main.cf.applied" "$CONF/main.cf"
	ctl_postfix --undo >/dev/null
	main_cf_is "main.cf is what it was, octet by octet" "$LAB_DIR/main.cf.before"
	check_equal "once" "$(status_of ctl_postfix --undo)" 66
	sleep 1 # another second, another name
	ctl_postfix --apply --without-milter --reload >/dev/null
	edit_main 'maximal_queue_lifetime = 7d' 'mail_name = Mine'
	chown root:postfix "$CONF/main.cf"
	chmod 640 "$CONF/main.cf"
	out=$(ctl_postfix --undo)
	check_match "what was changed since is named" "$out" \
		'*left, as they were changed since: maximal_queue_lifetime
*'
	check_equal "what others have set stays" \
		"$(postconf -c "$CONF" -nh maximal_queue_lifetime mail_name | tr '\n' ' ')" \
		'7d Mine '
	check_equal "ours is taken back" \
		"$(postconf -c "$CONF" -n | grep -c -e check_policy -e example.test,)" 0
	check_equal "what was there is back" \
		"$(postconf -c "$CONF" -nh relay_domains)" other.test
	check_equal "its mode is the same" "$(stat -c '%U:%G %a' "$CONF/main.cf")" \
		"$(stat -c '%U:%G %a' "$LAB_DIR/main.cf.before")"
}

test_link() {
	echo "# main.cf as a symbolic link"
	mv "$CONF/main.cf" "$CONF/real.cf"
	ln -s real.cf "$CONF/main.cf"
	check_match "is not replaced" \
		"$(ctl_postfix --apply --without-milter)" '*is a symbolic link*'
	check_equal "is still one" "$(readlink "$CONF/main.cf")" real.cf
}

# The examples are wired: nothing is to do.
test_examples() {
	local name dir=$LAB_DIR/examples out
	echo "# the examples"
	for name in basic milter bounce-guard rspamd full; do
		mkdir -p "$dir/$name"
		cp -p "$LAB_SOURCE/postfix-examples/$name/backup/main.cf" \
			"$dir/$name/"
		cp -p "$LAB_SOURCE/postfix-examples/basic/backup/master.cf" "$dir/$name/"
		echo 'domain "example.test" { }' >"$dir/conf"
		echo 'milter { bounce_guard = "off" }' >>"$dir/conf"
		case $name in bounce-guard | full)
			echo 'domain "example.test" { }' >"$dir/conf"
			;;
		esac
		out=$("$CTL" -c "$dir/conf" postfix --config-dir "$dir/$name" |
			sed -n "s/^postconf .* -e '\([a-z_]*\) = .*/\1/p")
		[ "$name" != basic ] ||
			out=$("$CTL" -c "$dir/conf" postfix --without-milter \
				--config-dir "$dir/$name" |
				sed -n "s/^postconf .* -e '\([a-z_]*\) = .*/\1/p")
		check_equal "$name: nothing is to be changed" "$out" ""
	done
}

missing=$(lab_missing) && check_skip "$missing"
start_lab
test_init_new
test_init_refused
policyd_configure
test_init_beside
test_examples
test_print
test_apply_refused
lab_policyd_start || exit 1
test_check_fails
test_apply
test_mail
test_notes
test_milter
test_tables
test_undo
test_link
check_end
