#!/usr/bin/env bash
# postfix-examples/primary-trust, each file with the program that reads it: the
# same mail is refused when a stranger brings it, and taken when the backup
# does. DNS is a table on loopback, which also tells who was asked about.
#
#	primary_trust_test.sh postfix | policyd-spf | rspamd | spamassassin
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"

TRUST=$LAB_SOURCE/postfix-examples/primary-trust
# What the example's files call the backup, and a stranger's address.
BACKUP=192.0.2.20
BACKUP6=2001:db8:0:2::20
STRANGER=192.0.2.99
SENDER=someone@genuine.test
ALICE=alice@example.test

need() { # PROGRAM PACKAGE
	command -v "$1" >/dev/null 2>&1 ||
		check_skip "$1 is not installed (Debian package $2)"
}

need_root() { [ "$(id -u)" = 0 ] || check_skip "needs root rights"; }

start() {
	lab_create || exit 1
	trap end EXIT
	trap 'exit 130' INT TERM
	DNS=$LAB_NET.4
}

end() {
	lab_stop_pid rspamd
	lab_stop_pid dns
	lab_down
}

dns_settled() { grep -qs ready "$LAB_DIR/dns.out" || lab_gone "$1"; }

# A DNS server at $DNS port $1: genuine.test lets 198.51.100.7 send, no other.
# More lines of the table come on standard input.
dns_start() {
	local pid
	{
		echo "genuine.test TXT v=spf1 ip4:198.51.100.7 -all"
		echo "genuine.test A 198.51.100.7"
		cat
	} >"$LAB_DIR/zone"
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/dns_server.py" "$DNS" "$1" \
		"$LAB_DIR/zone" "$LAB_DIR/dns.log" >"$LAB_DIR/dns.out" 2>&1 \
		</dev/null &
	pid=$!
	echo "$pid" >"$LAB_DIR/dns.pid"
	lab_wait 10 dns_settled "$pid"
	grep -q ready "$LAB_DIR/dns.out" ||
		check_skip "port $1 of $DNS cannot be had for a DNS server"
}

# Python programs read resolv.conf; this points them to our server.
dns_for_python() {
	mkdir -p "$LAB_DIR/python"
	printf 'import DNS\nDNS.defaults["server"] = ["%s"]\n' "$DNS" \
		>"$LAB_DIR/python/sitecustomize.py"
}

# Was a DNSBL asked about the address, given as its reversed octets?
dns_asked_about() { grep -q "^$1\.[a-z]" "$LAB_DIR/dns.log"; }
yes_if() { if "$@"; then echo yes; else echo no; fi; }

# A message that came from CLIENT by way of the backup, as the primary's filter
# sees it ("primary": with the primary's own field on top).
message() { # CLIENT [primary]
	[ "${2-}" != primary ] || cat <<-FIELD
	Received: from backup.example.test (backup.example.test [$BACKUP])
	 by primary.example.test (Postfix) with ESMTP id 4BACKUP
	 for <$ALICE>; Sat, 21 Nov 2026 06:16:38 +0000 (UTC)
	FIELD
	cat <<-MESSAGE
	Received: from mail.genuine.test (mail.genuine.test [$1])
	 by backup.example.test (Postfix) with ESMTP id 4CLIENT
	 for <$ALICE>; Sat, 21 Nov 2026 06:16:37 +0000 (UTC)
	From: <$SENDER>
	To: <$ALICE>
	Subject: test
	Date: Sat, 21 Nov 2026 06:16:37 +0000
	Message-ID: <1@genuine.test>

	text
	MESSAGE
}

# --- policyd-spf -----------------------------------------------------------

# Asks it over the policy protocol about a client that brings SENDER's mail.
spf_ask() { # CONFIGURATION CLIENT
	printf '%s\n' request=smtpd_access_policy protocol_state=RCPT \
		protocol_name=ESMTP "client_address=$2" client_name=unknown \
		helo_name=backup.example.test "sender=$SENDER" \
		"recipient=$ALICE" queue_id= "instance=$2" "" |
		PYTHONPATH=$LAB_DIR/python timeout 20 policyd-spf "$1" 2>&1 |
		head -n 1
}

test_policyd_spf() {
	local ours=$TRUST/policyd-spf.conf stock=$LAB_DIR/stock.conf
	need policyd-spf postfix-policyd-spf-python
	need_root # DNS is on port 53
	start
	dns_start 53 </dev/null
	dns_for_python
	grep -v '^Whitelist' "$ours" >"$stock"
	check_match "without the exemption the backup is refused" \
		"$(spf_ask "$stock" $BACKUP)" 'action=550 5.7.23 *'
	check_match "with it the backup passes" \
		"$(spf_ask "$ours" $BACKUP)" 'action=prepend * SPF skipped *'
	check_match "over IPv6 too" \
		"$(spf_ask "$ours" $BACKUP6)" 'action=prepend * SPF skipped *'
	check_match "a stranger is refused as ever" \
		"$(spf_ask "$ours" $STRANGER)" 'action=550 5.7.23 *'
	check_match "the sender's own host passes" \
		"$(spf_ask "$ours" 198.51.100.7)" 'action=prepend Received-SPF: Pass*'
}

# --- rspamd ----------------------------------------------------------------

# Its stock configuration with the example's local.d; only DNS, places and what
# would talk to the world are set, in override.d.
rspamd_configure() {
	local dir=$LAB_DIR/rspamd
	mkdir -p "$dir/override.d" "$dir/db"
	cp -r "$TRUST/rspamd/local.d" "$dir/"
	chown -R _rspamd "$dir/db"
	echo test >"$dir/tld" # the whole list takes long to compile
	echo 'bind_socket = "'"$DNS"':11333"; count = 1;' \
		>"$dir/override.d/worker-normal.inc"
	echo 'count = -1;' | tee "$dir/override.d/worker-controller.inc" \
		>"$dir/override.d/worker-proxy.inc"
	echo 'type = "console";' >"$dir/override.d/logging.inc"
	echo 'enabled = false;' >"$dir/override.d/fuzzy_check.conf"
	cat >"$dir/override.d/options.inc" <<-OPTIONS
	filters = "regexp";
	disable_hyperscan = true;
	url_tld = "$dir/tld";
	control_socket = "$dir/db/control.sock mode=0600";
	dns { nameserver = ["$DNS:5353"]; retransmits = 1; }
	OPTIONS
	RSPAMD_PLACES=("--var=LOCAL_CONFDIR=$dir" "--var=DBDIR=$dir/db"
		"--var=RUNDIR=$dir/db" "--var=LOGDIR=$dir/db")
}

rspamd_answers() { rspamd_ask $BACKUP 198.51.100.7 2>/dev/null | grep -q Symbol; }

rspamd_start() {
	rspamd "${RSPAMD_PLACES[@]}" -f -u _rspamd -g _rspamd \
		>"$LAB_DIR/rspamd.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/rspamd.pid"
	lab_wait 40 rspamd_answers && return
	tail -n 20 "$LAB_DIR/rspamd.log" >&2
	exit 1
}

# What rspamd says of a message: action and symbols, on one line. A failed SPF
# check weighs so much that alone it refuses.
rspamd_ask() { # CLIENT-OF-THE-PRIMARY CLIENT-OF-THE-BACKUP
	message "$2" >"$LAB_DIR/message"
	rspamc -h "$DNS:11333" -t 20 --ip "$1" --helo backup.example.test \
		--hostname backup.example.test --from "$SENDER" --rcpt "$ALICE" \
		--header 'Settings={"scores":{"R_SPF_FAIL":50}}' \
		"$LAB_DIR/message" |
		grep -E '^(Action|Symbol): ' | tr '\n' ' '
}

test_rspamd() {
	local said
	need rspamd rspamd
	need_root # to become _rspamd
	start
	dns_start 5353 </dev/null
	rspamd_configure
	check_match "rspamd takes the files" \
		"$(rspamadm "${RSPAMD_PLACES[@]}" configtest 2>&1 | tail -n 1)" \
		'syntax OK'
	rspamd_start
	said=$(rspamd_ask $BACKUP 198.51.100.7)
	check_match "by the backup: SPF judges its client, pass" \
		"$said" '*BACKUP_MX *R_SPF_ALLOW*+ip4:198.51.100.7*'
	check_equal "DNSBLs are asked about its client" \
		"$(yes_if dns_asked_about 7.100.51.198)" yes
	check_equal "and not about the backup" \
		"$(yes_if dns_asked_about 20.2.0.192)" no
	said=$(rspamd_ask $BACKUP6 198.51.100.7)
	check_match "over IPv6 too" "$said" '*BACKUP_MX *R_SPF_ALLOW*'
	said=$(rspamd_ask $BACKUP 198.51.100.66)
	check_match "by the backup: SPF judges its client, fail" \
		"$said" '*BACKUP_MX *R_SPF_FAIL*'
	check_match "which marks, and does not refuse" \
		"$said" 'Action: add header *'
	said=$(rspamd_ask $STRANGER 198.51.100.7)
	check_match "a stranger with the same Received field is not believed" \
		"$said" 'Action: reject *R_SPF_FAIL*'
}

# --- SpamAssassin ----------------------------------------------------------

# The last external client, as SpamAssassin sees it.
sa_last_external() {
	message 198.51.100.7 primary | HOME=$LAB_DIR/sa spamassassin -t -x \
		--siteconfigpath="$LAB_DIR/sa/site" 2>&1 |
		sed -n 's/^X-Spam-Last: //p'
}

test_spamassassin() {
	local site
	need spamassassin spamassassin
	start
	dns_start 5353 </dev/null
	site=$LAB_DIR/sa/site
	mkdir -p "$site"
	cp /etc/spamassassin/*.pre "$site/"
	printf '%s\n' "add_header all Last _LASTEXTERNALIP_" "use_bayes 0" \
		"dns_server [$DNS]:5353" >"$site/test.cf"
	check_equal "without the file the backup is the client" \
		"$(sa_last_external)" "$BACKUP"
	check_equal "and DNSBLs are asked about it" \
		"$(yes_if dns_asked_about 20.2.0.192)" yes
	: >"$LAB_DIR/dns.log"
	cp "$TRUST/spamassassin/local.cf" "$site/local.cf"
	check_equal "spamassassin takes the file" \
		"$(HOME=$LAB_DIR/sa spamassassin --lint -x \
			--siteconfigpath="$site" 2>&1)" ""
	check_equal "with it the backup's client is" \
		"$(sa_last_external)" 198.51.100.7
	check_equal "and DNSBLs are asked about that one" \
		"$(yes_if dns_asked_about 7.100.51.198)" yes
	check_equal "and not about the backup" \
		"$(yes_if dns_asked_about 20.2.0.192)" no
}

# --- Postfix ---------------------------------------------------------------

# Clients by the last octet of their address: the backup, who has no reverse
# DNS, stands on the DNSBL and in nobody's SPF record, and four strangers.
POSTFIX_CLEAN=5 POSTFIX_LISTED=6 POSTFIX_NAMELESS=7 POSTFIX_FORGER=8

postfix_zone() {
	local octet net=${LAB_NET#127.0.}
	for octet in $POSTFIX_CLEAN $POSTFIX_LISTED $POSTFIX_FORGER; do
		echo "$octet.$net.0.127.in-addr.arpa PTR c$octet.world.test"
		echo "c$octet.world.test A $LAB_NET.$octet"
	done
	for octet in 2 $POSTFIX_LISTED; do
		echo "$octet.$net.0.127.zen.spamhaus.org A 127.0.0.2"
	done
	echo "client.test A $LAB_NET.$POSTFIX_CLEAN"
	echo "world.test A $LAB_NET.$POSTFIX_CLEAN"
	echo "world.test TXT v=spf1 ip4:$LAB_NET.$POSTFIX_CLEAN -all"
}

# The basic example's primary with the lines of this one behind it.
postfix_configure() {
	local conf=$LAB_DIR/primary/conf file
	lab_postfix_configure primary
	for file in backup_mx.cidr postscreen_access.cidr; do
		sed "s/^$BACKUP /$(lab_address backup) /" \
			"$TRUST/postfix/$file" >"$conf/$file"
	done
	cat "$TRUST/postfix/main.cf" >>"$conf/main.cf"
	cat >>"$conf/main.cf" <<-TAIL
	smtpd_peername_lookup = yes
	smtpd_client_message_rate_limit = 1
	smtpd_error_sleep_time = 0
	TAIL
	sed "s|user=.*|user=$LAB_USER argv=/usr/bin/env PYTHONPATH=$LAB_DIR/python /usr/bin/policyd-spf $LAB_DIR/policyd-spf.conf|" \
		"$TRUST/postfix/master.cf" >>"$conf/master.cf"
	# every client here is on loopback, which policyd-spf leaves alone
	sed 's/127.0.0.0.8,.*104,//' "$TRUST/policyd-spf.conf" \
		>"$LAB_DIR/policyd-spf.conf"
	# the resolver's files as the chrooted smtpd sees them
	echo "nameserver $DNS" >"$LAB_DIR/primary/queue/etc/resolv.conf"
	echo "hosts: files dns" >"$LAB_DIR/primary/queue/etc/nsswitch.conf"
}

# The primary's answer to a client at a source address.
postfix_ask() { # OCTET SENDER RECIPIENT
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" \
		--from "$LAB_NET.$1" --to-data "$(lab_address primary)" \
		"$LAB_PORT" "$2" "$3" trust
}

test_postfix() {
	local i
	need postfix postfix
	need_root
	start
	dns_start 53 < <(postfix_zone)
	dns_for_python
	postfix_configure
	lab_postfix_start primary || exit 1

	check_match "a stranger on the DNSBL is refused" \
		"$(postfix_ask $POSTFIX_LISTED x@world.test $ALICE)" \
		'554 5.7.1 *blocked using zen.spamhaus.org*'
	check_match "a stranger without a name is refused" \
		"$(postfix_ask $POSTFIX_NAMELESS x@world.test $ALICE)" \
		'450 4.7.1 *cannot find your reverse hostname*'
	if command -v policyd-spf >/dev/null 2>&1; then
		check_match "a stranger whom SPF does not know is refused" \
			"$(postfix_ask $POSTFIX_FORGER x@world.test $ALICE)" \
			'550 5.7.23 *SPF fail*'
		check_match "a client that SPF knows is taken" \
			"$(postfix_ask $POSTFIX_CLEAN x@world.test $ALICE)" \
			'250 2.0.0 *'
		check_match "but not twice in a minute" \
			"$(postfix_ask $POSTFIX_CLEAN x@world.test $ALICE)" \
			'450 4.7.1 *too much mail*'
	else
		echo "skipped: policyd-spf is not installed, SPF is left out"
	fi
	for i in 1 2 3; do
		check_match "the backup is taken, listed and nameless, $i" \
			"$(postfix_ask 2 x@world.test $ALICE)" '250 2.0.0 *'
	done
	check_match "even with a sender's domain that does not exist" \
		"$(postfix_ask 2 x@nowhere.invalid $ALICE)" '250 2.0.0 *'
	check_match "its unknown users are refused" \
		"$(postfix_ask 2 x@world.test nobody@example.test)" '550 5.1.1 *'
	check_match "it may not relay to others" \
		"$(postfix_ask 2 x@world.test x@other.test)" \
		'554 5.7.1 *Relay access denied*'
	check_match "it may say whom it has the mail from" \
		"$(postfix_keywords 2)" '*XFORWARD*'
	check_match "a stranger may not" \
		"$(postfix_keywords $POSTFIX_CLEAN)" '250-primary.example.test*PIPELINING*SIZE*250*'
	check_equal "nor name an XFORWARD" \
		"$(postfix_keywords $POSTFIX_CLEAN | grep -c XFORWARD)" 0
}

postfix_keywords() { # OCTET
	"$LAB_PYTHON" - "$LAB_NET.$1" "$(lab_address primary)" "$LAB_PORT" <<-'CODE'
	import smtplib, sys
	session = smtplib.SMTP(sys.argv[2], int(sys.argv[3]), "client.test",
	                       source_address=(sys.argv[1], 0))
	print("250-" + session.ehlo()[1].decode().replace("\n", "\n250-"))
	CODE
}

case ${1-} in
postfix) test_postfix ;;
policyd-spf) test_policyd_spf ;;
rspamd) test_rspamd ;;
spamassassin) test_spamassassin ;;
*) echo "usage: $0 postfix | policyd-spf | rspamd | spamassassin" >&2; exit 64 ;;
esac
check_end
