#!/bin/bash
# backupmxctl and policyd, run as an administrator would. Each check is one
# line: a name, the exit status that is wanted, a text that the output has to
# hold (or "" for none), and the command.
# Usage: ctl_test.sh BACKUPMXCTL POLICYD
set -u

ctl=$1
policyd=$2
folder=$(mktemp -d "${TMPDIR:-/tmp}/bmx-ctl-XXXXXX") || exit 1
daemon=
checks=0
failures=0

clean_up() {
	[ -z "$daemon" ] || { kill "$daemon" && wait "$daemon"; } 2>/dev/null
	rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
	printf 'FAILED %s: %s\n' "$1" "$2"
	[ ! -f out ] || sed 's/^/    /' out
	failures=$((failures + 1))
}

# check NAME STATUS TEXT COMMAND [WORD ...]
check() {
	local name=$1 want=$2 text=$3 got
	shift 3
	checks=$((checks + 1))
	"$@" >out 2>&1 </dev/null
	got=$?
	if [ "$got" -ne "$want" ]; then
		fail "$name" "exit status $got, wanted $want"
	elif [ -n "$text" ] && ! grep -qF -e "$text" out; then
		fail "$name" "no \"$text\" in the output"
	fi
}

# equal NAME WANT: what the last command wrote
equal() {
	checks=$((checks + 1))
	[ "$(cat out)" = "$2" ] || fail "$1" "other output than \"$2\""
}

# json NAME EXPRESSION COMMAND ...: an expression over the answer d is true
json() {
	local name=$1 expression=$2
	shift 2
	checks=$((checks + 1))
	"$@" >out 2>/dev/null </dev/null
	python3 -c "import json, sys
d = json.load(open('out'))
sys.exit(0 if ($expression) else 1)" 2>>out ||
		fail "$name" "not true: $expression"
}

command -v python3 >/dev/null || {
	echo "python3 is not installed: skipped"
	exit 77
}
cd "$folder" || exit 1
mkdir state

cat >backupmx.conf <<END
hostname = "backup.test"
state_dir = "$folder/state"
log = stderr
policyd {
	listen = {"unix:$folder/policyd.sock"}
	socket_group = ""
	metrics = ""
	control = "unix:$folder/control.sock"
}
domain "a.test" { max_shrink = 50 }
domain "b.test" { }
domain "s.test" { recipients = "file:$folder/synced"  refresh = 1h }
END
printf 'one@a.test\ntwo@a.test disabled\n"t t"@a.test full\nx@o.test\n' >first
printf 'one@a.test\ntwo@a.test\n"t t"@a.test full\nfour@a.test\n' >second
printf 'one@a.test\ntwo@a.test\nfour@a.test\nfive@a.test\n' >third
printf '@a.test\none@a.test\ntwo@a.test\nfour@a.test\n' >fourth
printf 'one@a.test\n' >small
printf 'one@a.test\nno address\n' >garbage
: >empty
printf 'x@o.test\n' >others
printf 's@s.test\n' >synced
run=("$ctl" -c backupmx.conf)

echo "the command line"
check "nothing" 64 "usage:" "$ctl"
check "help" 0 "rollback" "$ctl" -h
check "version" 0 "backupmxctl" "$ctl" -V
check "unknown subcommand, nearest name" 64 'did you mean "lookup"?' \
	"${run[@]}" lokup
check "unknown subcommand, none is near" 64 "there is no command" \
	"${run[@]}" zzzzzzzz
check "no file" 78 "No such file" "$ctl" -c none.conf list
check "load without a source" 64 "usage:" "${run[@]}" load a.test
check "list of two" 64 "usage:" "${run[@]}" list a.test b.test
check "lookup of nothing" 64 "usage:" "${run[@]}" lookup ""

echo "config"
check "config check" 0 "fine" "${run[@]}" config check
check "config, unknown word" 64 "usage:" "${run[@]}" config chek
check "config dump" 0 "max_shrink = 50" "${run[@]}" config dump
check "config dump, defaults left out" 0 "" "${run[@]}" config dump
! grep -q "list_max_age" out || fail "config dump" "a default was printed"
check "config dump --all" 0 "list_max_age" "${run[@]}" config dump --all
cp out dumped.conf
check "what was dumped loads" 0 "fine" "$ctl" -c dumped.conf config check
equal "and has no warning" "configuration is fine"
printf 'deadlin = 5s\npolicyd { deadline = 5 }\n' >bad.conf
check "config check, mistakes" 78 'bad.conf:1: error: unknown key "deadlin"' \
	"$ctl" -c bad.conf config check
check "config check, all of them" 78 "bad.conf:2: error:" \
	"$ctl" -c bad.conf config check

echo "lists without policyd"
check "list before a load" 0 "" "${run[@]}" list
equal "list before a load" ""
json "list --json before a load" "d == []" "${run[@]}" list --json
check "one list before a load" 66 "has no list" "${run[@]}" list a.test
check "dry run before a load" 0 "+one@a.test" \
	"${run[@]}" load a.test --from "file:$folder/first" --dry-run
[ ! -e state/list.mdb ] || fail "dry run" "it made a store"
check "load, unknown domain" 78 'no section "c.test"' \
	"${run[@]}" load c.test --from "file:$folder/first"
check "load, no domain" 64 "not a domain name" \
	"${run[@]}" load "a..test" --from "file:$folder/first"
check "load, unknown source" 64 "unknown list source" \
	"${run[@]}" load a.test --from "$folder/first"
check "load, no such file" 66 "$folder/none: No such file" \
	"${run[@]}" load a.test --from "file:$folder/none"
check "load" 0 "a.test: +3 -0" \
	"${run[@]}" load a.test --from "file:$folder/first"
check "list" 0 "a.test generation=1 entries=3" "${run[@]}" list
check "one list" 0 "" "${run[@]}" list a.test
equal "one list" 'one@a.test
"t t"@a.test full
two@a.test disabled'
cp out printed
check "what was printed loads as the same" 0 "a.test: +0 -0, 0 changed" \
	"${run[@]}" load a.test --from "file:$folder/printed"
json "one list --json" "len(d) == 3 and d[2]['state'] == 'disabled'" \
	"${run[@]}" list a.test --json
check "dry run" 0 "+four@a.test" \
	"${run[@]}" load a.test --from "file:$folder/second" --dry-run
check "dry run wrote nothing" 0 "generation=1 entries=3" "${run[@]}" list
json "dry run --json" "d['added'] == 1 and d['changed'] == 1 and d['dry_run']" \
	"${run[@]}" load a.test --from "file:$folder/second" --dry-run --json
check "second load" 0 "generation 2" \
	"${run[@]}" load a.test --from "file:$folder/second"
for from in small empty others; do
	check "refused: $from" 3 "nothing was changed" \
		"${run[@]}" load a.test --from "file:$folder/$from"
	check "dry run refused: $from" 3 "nothing was changed" \
		"${run[@]}" load a.test --from "file:$folder/$from" --dry-run
done
check "garbage" 65 "garbage:2: expected an address" \
	"${run[@]}" load a.test --from "file:$folder/garbage"
check "refused loads changed nothing" 0 "a.test generation=2 entries=4" \
	"${run[@]}" list
check "third load" 0 "generation 3" \
	"${run[@]}" load a.test --from "file:$folder/third"
check "fourth load, with a wildcard" 0 "generation 4" \
	"${run[@]}" load a.test --from "file:$folder/fourth"
check "the wildcard" 0 "" "${run[@]}" list a.test
grep -qx '@a.test' out || fail "the wildcard" "it is not printed"

echo "rollback"
check "first" 0 "generation 5" "${run[@]}" rollback a.test
check "the third list is back" 0 "five@a.test" "${run[@]}" list a.test
check "held" 0 "held" "${run[@]}" list
check "the held list is refused" 3 "rollback" \
	"${run[@]}" load a.test --from "file:$folder/fourth"
json "second, --json" "d['generation'] == 6" "${run[@]}" rollback a.test --json
check "third" 0 "generation 7" "${run[@]}" rollback a.test
check "the first list is back" 0 "two@a.test disabled" "${run[@]}" list a.test
check "there is no fourth" 66 "no earlier list" "${run[@]}" rollback a.test
check "of a domain without a list" 66 "no earlier list" \
	"${run[@]}" rollback b.test
check "--force takes the held one" 0 "generation 8" \
	"${run[@]}" load a.test --from "file:$folder/fourth" --force
check "and goes back to the second" 0 "generation 9" \
	"${run[@]}" load a.test --from "file:$folder/second" --force
if [ -w /dev/full ]; then
	check "output that cannot be written" 74 "" \
		bash -c "'$ctl' -c backupmx.conf list a.test >/dev/full"
fi

echo "policyd is away"
check "lookup" 75 "policyd cannot be asked" "${run[@]}" lookup one@a.test
check "status" 75 "policyd cannot be asked" "${run[@]}" status
check "reload" 75 "policyd cannot be asked" "${run[@]}" reload

echo "policyd runs"
start=("$policyd" -c backupmx.conf -f)
[ "$(id -u)" -ne 0 ] || start+=(-u "$(id -un)")
"${start[@]}" >daemon.log 2>&1 &
daemon=$!
for _ in $(seq 100); do
	"${run[@]}" lookup s@s.test >out 2>&1 && break
	sleep 0.1
done
check "valid" 0 "DUNNO" "${run[@]}" lookup one@a.test
check "with an extension" 0 "DUNNO" "${run[@]}" lookup one+x@a.test
check "unknown" 1 "550 5.1.1 User unknown" "${run[@]}" lookup nobody@a.test
check "--json first" 1 '"exit": 1' "${run[@]}" lookup --json nobody@a.test
check "--json last" 1 '"exit": 1' "${run[@]}" lookup nobody@a.test --json
check "cannot say" 75 "4.1.1" "${run[@]}" lookup x@b.test
check "not served" 75 "no section" "${run[@]}" lookup x@zz.test
check "a local part with a dash" 1 "550" "${run[@]}" lookup -x@a.test
check "synced from its source" 0 "DUNNO" "${run[@]}" lookup s@s.test
check "status" 0 "a.test (enforce)" "${run[@]}" status
json "status --json" "len(d['domains']) == 3" "${run[@]}" status --json
check "a load while it runs" 0 "generation 10" \
	"${run[@]}" load a.test --from "file:$folder/third"
check "counts at once" 0 "DUNNO" "${run[@]}" lookup five@a.test
check "and so does a rollback" 0 "" "${run[@]}" rollback a.test
check "the address is gone" 1 "550" "${run[@]}" lookup five@a.test
printf 's@s.test\nt@s.test\n' >elsewhere
check "a load from elsewhere" 0 "policyd loads this list from" \
	"${run[@]}" load s.test --from "file:$folder/elsewhere"
check "reload" 0 "new configuration" "${run[@]}" reload
cp backupmx.conf good.conf
echo 'milter { listen = "inet:127.0.0.1:1" }' >>backupmx.conf
check "reload, the milter's options do not concern it" 0 "new configuration" \
	"${run[@]}" reload
cp good.conf backupmx.conf
sed -i 's/log = stderr/log = syslog/' backupmx.conf
check "reload, needs a restart" 69 "log has changed" "${run[@]}" reload
echo 'x = 1' >>good.conf
cp good.conf backupmx.conf
check "reload, mistakes" 78 "unknown key" "${run[@]}" reload

[ "$failures" -eq 0 ] || sed 's/^/policyd: /' daemon.log
echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]
