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
primary=
checks=0
failures=0

clean_up() {
	for process in $daemon $primary; do
		{ kill "$process" && wait "$process"; } 2>/dev/null
	done
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

# A primary that knows u and postmaster; its port is in a file.
cat >primary.py <<'END'
import os, socketserver
class Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 primary.test ESMTP\r\n")
        for line in self.rfile:
            word = line.upper().split()[0] if line.split() else b""
            known = b"<u@" in line or b"<postmaster@" in line
            if word == b"EHLO":
                reply = b"250-primary.test\r\n250 SIZE 1000"
            elif word == b"RCPT" and not known:
                reply = b"550 5.1.1 no \x1b[31msuch user"
            else:
                reply = b"221 bye" if word == b"QUIT" else b"250 ok"
            self.wfile.write(reply + b"\r\n")
            if word == b"QUIT":
                return
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
with Server(("127.0.0.1", 0), Session) as server:
    with open("port.new", "w") as out:
        out.write(str(server.server_address[1]))
    os.rename("port.new", "port")
    server.serve_forever()
END
python3 primary.py 2>primary.log &
primary=$!
for _ in $(seq 100); do
	[ ! -f port ] || break
	sleep 0.1
done

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
domain "p.test" { primary = {"[127.0.0.1]:$(cat port)"}  tls = "none" }
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
check "probe of nothing" 64 "usage:" "${run[@]}" probe ""
check "probe of two" 64 "usage:" "${run[@]}" probe a@b.test c@b.test
check "forget nothing" 64 "usage:" "${run[@]}" forget
check "cache of what" 64 "usage:" "${run[@]}" cache
check "cache, unknown word" 64 "usage:" "${run[@]}" cache drop
check "cache dump of no domain" 64 "is no domain" "${run[@]}" cache dump a..b
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
check "load from Redis without Redis" 64 "needs a section redis" \
	"${run[@]}" load a.test --from redis:
check "publish without a source" 64 "usage:" "${run[@]}" publish a.test
check "publish without Redis" 64 "needs a section redis" \
	"${run[@]}" publish a.test --from "file:$folder/first"
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
	for words in "list a.test" "list --json" "doctor --rows --json" \
		"report --json /dev/null" "status --json"; do
		check "output that cannot be written: $words" 74 "not be written" \
			bash -c "'$ctl' -c backupmx.conf $words >/dev/full"
	done
fi

echo "options with ="
check "doctor --config-dir=" 66 "none: not a directory" \
	"${run[@]}" doctor --config-dir=none
check "doctor --config-dir, nothing behind it" 64 "usage" \
	"${run[@]}" doctor --config-dir
check "status --watch=, not a number" 64 "usage" "${run[@]}" status --watch=x
check "status --watch=, out of range" 64 "usage" "${run[@]}" status --watch=0
if [ -w /dev/full ]; then
	check "status --watch=" 74 "not be written" \
		bash -c "'$ctl' -c backupmx.conf status --watch=1 >/dev/full"
fi

echo "no configuration"
check "what to do is told" 78 "init writes one" "$ctl" -c none.conf status

echo "check"
json "check --json, wrong words" "d['exit'] == 3 and d['state'] == 'UNKNOWN'" \
	"${run[@]}" check nonsense --json
check "check, a limit of another check" 3 "--max-age is of the check queue" \
	"${run[@]}" check lists --max-age 1h
json "check --json, no configuration" "d['exit'] == 3 and d['problems']" \
	"$ctl" -c none.conf check --json

echo "bounces"
check "bounces, the milter has made no file" 66 "seals.mdb" "${run[@]}" bounces
check "bounces, a word too many" 64 "bounces [--json]" "${run[@]}" bounces x

echo "report"
cat >day.log <<'END'
Nov 20 10:57:10 mx2 backupmx-policyd[812]: id=1.1 ev=decision client=192.0.2.7 sender=<a@b.test> rcpt=<alice@a.test> act=accept why=listed ms=0.2
Nov 20 10:57:11 mx2 backupmx-policyd[812]: id=1.2 ev=decision client=192.0.2.8 sender=<> rcpt=<no@a.test> act=reject why=unknown ms=1.5
Nov 21 10:57:11 mx2 backupmx-policyd[812]: id=1.3 ev=decision client=192.0.2.8 sender=<> rcpt=<no@a.test> act=reject why=unknown ms=1.5
Nov 20 10:57:12 mx2 postfix/smtpd[1]: helo=<backupmx-policyd: ev=decision act=reject why=unknown>
END
gzip -k day.log
check "report of a file" 0 "all days: 3 lines" "${run[@]}" report day.log
check "of a packed one" 0 "all days: 3 lines" "${run[@]}" report day.log.gz
check "of both" 0 "6 lines" "${run[@]}" report day.log day.log.gz
check "of one day" 0 "2024-11-20: 2 lines" \
	"${run[@]}" report --date 2024-11-20 day.log
check "of a day without lines" 0 ": 0 lines" \
	"${run[@]}" report --date=2024-11-19 day.log
json "report --json" "d['decisions']['total'] == 3 and
	d['refused_clients']['rows'][0] == {'key': '192.0.2.8', 'count': 2}" \
	"${run[@]}" report --json day.log
check "report, no such file" 66 "none: No such file" "${run[@]}" report none
check "report, no such packed file" 66 "none.gz: No such file" \
	"${run[@]}" report none.gz
printf 'no gzip' >bad.gz
check "report, not packed" 74 "zcat failed" "${run[@]}" report bad.gz
printf '\0\0\0%s\n' "$(head -1 day.log)" >nul.log
head -3 day.log | tail -2 >>nul.log
check "report, NULs that a crash left" 0 "3 lines" "${run[@]}" report nul.log
printf '%s\n%20000d\n%s' "$(head -1 day.log)" 0 "$(head -2 day.log | tail -1)" \
	>long.log
check "report, a long line and one that has no end" 0 "2 lines" \
	"${run[@]}" report long.log
check "report, nothing to read" 0 "no line of 1999-01-02 in " \
	"${run[@]}" report --date 1999-01-02
for date in 2024-02-30 2024-1-1 20241120 tomorrow ""; do
	check "report, date \"$date\"" 64 "usage" \
		"${run[@]}" report --date "$date" day.log
done
check "report, no date" 64 "usage" "${run[@]}" report day.log --date
check "report, an option" 64 "usage" "${run[@]}" report --what day.log
check "report, too many lines" 64 "usage" "${run[@]}" report --top 1001

# A postqueue of our own, and a postconf.
mkdir bin
cat >bin/postqueue <<'END'
#!/bin/sh
[ ! -e fails ] || { echo "postqueue: fatal: Queue report unavailable" >&2; exit 69; }
cat queue.json
END
cat >bin/postconf <<'END'
#!/bin/sh
echo /
END
chmod +x bin/postqueue bin/postconf
PATH=$PWD/bin:$PATH
cat >queue.json <<'END'
{"queue_name": "deferred", "queue_id": "A", "arrival_time": 1000000000, "message_size": 2048, "forced_expire": false, "sender": "s@w.test", "recipients": [{"address": "u@p.test", "delay_reason": "no route"}]}
{"queue_name": "hold", "queue_id": "B", "arrival_time": 1000000000, "message_size": 10, "forced_expire": false, "sender": "MAILER-DAEMON", "recipients": [{"address": "x@w.test"}]}
END

echo "check, policyd is away"
check "check" 2 "BACKUPMX CRITICAL - policyd is away" "${run[@]}" check
check "check lists" 3 "BACKUPMX UNKNOWN - policyd cannot be asked" \
	"${run[@]}" check lists
check "check disk" 0 "BACKUPMX OK" \
	"${run[@]}" check disk --warning 1 --critical 0
check "check disk, full" 2 "BACKUPMX CRITICAL - disk: " \
	"${run[@]}" check disk --warning 101 --critical=101
check "check bounces, none yet" 0 "held=0;20;200;0" "${run[@]}" check bounces
check "check, no such check" 3 "BACKUPMX UNKNOWN" "${run[@]}" check what
check "check, limits of all" 3 "are of one check" \
	"${run[@]}" check --warning 5
check "check, no duration" 3 "expected a duration" \
	"${run[@]}" check queue --max-age 5
check "check, the wrong way round" 3 "must not be reached" \
	"${run[@]}" check queue --warning 2h --critical 1h
check "check, no configuration" 3 "BACKUPMX UNKNOWN" \
	"$ctl" -c none check
json "check --json" "d['state'] == 'CRITICAL' and d['exit'] == 2 and
	d['problems'][0]['check'] == 'service'" "${run[@]}" check --json

echo "policyd is away"
check "status still shows the queue" 75 "2 messages, 3 KiB" "${run[@]}" status
touch fails
check "a queue that cannot be read" 75 "Queue report unavailable" \
	"${run[@]}" status
check "check queue, likewise" 3 "Queue report unavailable" \
	"${run[@]}" check queue
rm fails
check "lookup" 75 "policyd cannot be asked" "${run[@]}" lookup one@a.test
check "status" 75 "policyd cannot be asked" "${run[@]}" status
check "reload" 75 "policyd cannot be asked" "${run[@]}" reload
check "probe" 75 "policyd cannot be asked" "${run[@]}" probe u@p.test
check "forget" 75 "policyd cannot be asked" "${run[@]}" forget u@p.test
cat >records <<END
# what an earlier backup knew
verification v@p.test result=valid state=active by=call-ahead checked_at=$(date +%s)000

verification w@p.test result=unknown state=active by=call-ahead checked_at=$(date +%s)000
END
printf 'verification v@p.test result=perhaps\n' >records.bad
printf 'verification v@zz.test result=valid state=active by=call-ahead checked_at=1000\n' \
	>records.other
check "cache load" 75 "records:2: not taken" "${run[@]}" cache load records
check "cache load, no such file" 66 "No such file" "${run[@]}" cache load none
check "cache load, a folder" 74 "directory" "${run[@]}" cache load state

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
check "status" 0 "DOMAIN" "${run[@]}" status
check "status of a domain" 0 "a.test (enforce)" "${run[@]}" status A.test
json "status --json" "len(d['domains']) == 4" "${run[@]}" status --json
json "and what else is in it" "d['queue']['messages'] == 2 and
	d['today']['total'] == 0 and d['feedback']['lost_users'] == 0 and
	len(d['disk']) == 2 and not d['milter']['up']" \
	"${run[@]}" status --json
check "status of a domain that is not served" 78 "serves no domain" \
	"${run[@]}" status zz.test
check "status of no domain" 64 "usage" "${run[@]}" status a..test
check "status of two" 64 "usage" "${run[@]}" status a.test b.test
check "status --watch 0" 64 "usage" "${run[@]}" status --watch 0
check "status --watch ends" 0 "DOMAIN" timeout --preserve-status -s INT 2.5 \
	"${run[@]}" status --watch 1
[ "$(grep -c "^DOMAIN" out)" -ge 2 ] || fail "status --watch" "shown once"
check "check service" 0 "BACKUPMX OK - policyd up" "${run[@]}" check service
check "check lists" 0 "BACKUPMX OK - 2 lists" "${run[@]}" check lists
check "check redis" 0 "BACKUPMX OK - nothing to see" "${run[@]}" check redis
for _ in $(seq 100); do # until its hosts are known
	"${run[@]}" probe u@p.test >out 2>&1 && break
	sleep 0.1
done
check "probe, valid" 0 "> RCPT TO:<u@p.test>" "${run[@]}" probe u@p.test
check "probe, unknown" 1 "< 550 5.1.1 no ?[31msuch user" \
	"${run[@]}" probe Nobody@P.test
check "probe --json" 1 '"outcome": "unknown"' \
	"${run[@]}" probe nobody@p.test --json
check "probe of a domain that is not served" 75 "no section" \
	"${run[@]}" probe x@zz.test
check "probe of no mailbox" 75 "no mailbox" "${run[@]}" probe a%b@p.test
check "what a probe found is known" 0 "DUNNO" "${run[@]}" lookup u@p.test
check "so is what it did not find" 1 "550 5.1.1" \
	"${run[@]}" lookup nobody@p.test
for _ in $(seq 100); do # two good checks
	"${run[@]}" status p.test | grep -q "primary: up" && break
	sleep 0.1
done
check "the domain's queue" 0 "waits:   no route" "${run[@]}" status p.test
check "mail waits, the primary has just come up" 0 "BACKUPMX OK" \
	"${run[@]}" check queue
check "mail waits though the primary is up" 2 \
	"p.test: the primary is up, but 1 messages wait" \
	"${run[@]}" check queue --max-age 0s
json "the primary in the status" "[x['primary']['targets'] for x in
	d['domains'] if x['name'] == 'p.test'] == ['ready']" \
	"${run[@]}" status --json
check "forget an address" 0 "" "${run[@]}" forget NOBODY@p.test
check "it is forgotten" 75 "4.1.1" "${run[@]}" lookup nobody@p.test
check "forget what is not served" 69 "no section" "${run[@]}" forget x@zz.test
check "cache load, a bad line" 65 "records.bad:1:" \
	"${run[@]}" cache load records.bad
check "cache load, not served" 69 "no section" \
	"${run[@]}" cache load records.other
check "cache load, good" 0 "lines" "${run[@]}" cache load records
check "what was loaded is known" 0 "DUNNO" "${run[@]}" lookup v@p.test
check "of unknown ones too" 1 "550" "${run[@]}" lookup w@p.test
for _ in $(seq 50); do # records are written in batches
	"${run[@]}" cache dump >out 2>&1
	! grep -q "w@p.test" out || break
	sleep 0.1
done
check "cache dump" 0 "verification v@p.test result=valid" \
	"${run[@]}" cache dump P.test
check "of another domain" 0 "" "${run[@]}" cache dump b.test
equal "of another domain" ""
"${run[@]}" cache dump p.test >dumped
check "what was dumped loads" 0 "lines" "${run[@]}" cache load dumped
if [ -w /dev/full ]; then
	check "a dump that cannot be written" 74 "" \
		bash -c "'$ctl' -c backupmx.conf cache dump >/dev/full"
fi
check "forget a domain" 0 "" "${run[@]}" forget p.test
check "all of it is forgotten" 75 "4.1.1" "${run[@]}" lookup v@p.test
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
