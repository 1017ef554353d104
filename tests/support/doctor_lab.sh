# doctor_lab.sh - a world for `backupmxctl doctor` to look at: a signed zone
# with one domain for each mistake, a Postfix that is primary under several
# addresses, and an HTTPS server for MTA-STS policies. To be sourced by bash,
# as root, after postfix_lab.sh. Standard ports on 127.0.220.x: nothing but
# root is needed, and nothing outside LAB_DIR is written.
#
#	. tests/support/postfix_lab.sh; . tests/support/doctor_lab.sh
#	why=$(doctor_missing) && check_skip "$why"
#	doctor_create || exit; trap doctor_down EXIT
#	doctor_rows DOMAIN      # names of rows that are no good ones, sorted

DOCTOR_NET=127.0.220
DOCTOR_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Addresses: 2 the backup; 11 the good primary; 12 an old one; 13 one in
# clear; 14 DNS; 15 a loop; 16 HTTPS; 17 a primary that turns away; 18 one
# that takes no HELO; 19 nothing at all; 20 one with bad habits; 41 and on
# those of DOCTOR_FAULTS.

# What is wrong with a primary, in the order of their addresses: FAULT.fault.test
# with a '-' for each ':' has the one with that fault.
DOCTOR_FAULTS="deaf mute garbage flood trickle drip 421 drop:EHLO hang:RCPT"

doctor_missing() {
	local program
	[ "$(id -u)" = 0 ] || { echo "needs root rights"; return 0; }
	for program in postfix knotd keymgr openssl python3; do
		command -v "$program" >/dev/null ||
			{ echo "$program is not installed"; return 0; }
	done
	lab_listens "$DOCTOR_NET.14" 53 &&
		{ echo "another run has the addresses $DOCTOR_NET.x"; return 0; }
	return 1
}

# --- certificates ----------------------------------------------------------

doctor_ca() {
	mkdir -p "$LAB_DIR/tls"
	openssl ecparam -name prime256v1 -genkey -noout -out "$LAB_DIR/tls/ca.key" &&
		openssl req -x509 -new -key "$LAB_DIR/tls/ca.key" -days 90 \
			-subj "/CN=backupmx test CA" \
			-addext basicConstraints=critical,CA:TRUE \
			-addext keyUsage=critical,keyCertSign \
			-out "$LAB_DIR/tls/ca.pem" 2>/dev/null
}

doctor_cert() { # NAME DAYS HOST...
	local stem=$LAB_DIR/tls/$1 days=$2 names
	shift 2
	names=$(printf ',DNS:%s' "$@")
	openssl ecparam -name prime256v1 -genkey -noout -out "$stem.key" &&
		openssl req -new -key "$stem.key" -subj "/CN=$1" \
			-out "$stem.csr" 2>/dev/null &&
		openssl x509 -req -in "$stem.csr" -days "$days" \
			-CA "$LAB_DIR/tls/ca.pem" -CAkey "$LAB_DIR/tls/ca.key" \
			-CAcreateserial -extfile <(echo "subjectAltName=${names#,}") \
			-out "$stem.pem" 2>/dev/null
}

# The SHA-256 of a certificate's public key, as in TLSA 3 1 1.
doctor_digest() { # NAME
	openssl x509 -in "$LAB_DIR/tls/$1.pem" -noout -pubkey |
		openssl pkey -pubin -outform DER 2>/dev/null |
		openssl dgst -sha256 -r | cut -d' ' -f1
}

# --- DNS -------------------------------------------------------------------

doctor_zone_head() { # ORIGIN NS TTL
	cat <<-ZONE
	\$ORIGIN $1.
	\$TTL $3
	@ SOA $2 hostmaster.test. 1 3600 600 86400 60
	@ NS $2
	ZONE
}

doctor_zone_faults() {
	local fault n=41
	for fault in $DOCTOR_FAULTS; do
		echo "host-${fault/:/-} A $DOCTOR_NET.$n"
		echo "${fault/:/-}.fault MX 10 host-${fault/:/-}"
		echo "${fault/:/-}.fault MX 20 backup"
		n=$((n + 1))
	done
}

doctor_zone_test() {
	local n=$DOCTOR_NET
	doctor_zone_head test ns.test. 3600
	cat <<-ZONE
	ns A $n.14
	backup A $n.2
	backup TXT "v=spf1 a -all"
	mx1 A $n.11
	mx2 A $n.11
	old A $n.12
	clear A $n.13
	loop A $n.15
	turns A $n.17
	nohelo A $n.18
	dead A $n.19
	habits A $n.20
	half A $n.11
	half A $n.19
	elsewhere A $n.11
	secure A $n.11
	_25._tcp.secure TLSA 3 1 1 $(doctor_digest mx1)
	_25._tcp.backup TLSA 3 1 1 $(doctor_digest backup)
	mismatch A $n.11
	_25._tcp.mismatch TLSA 3 1 1 $(doctor_digest old)
	alias CNAME mx1
	; the good one, with all there can be
	good MX 10 mx1
	good MX 20 backup
	_mta-sts.good TXT "v=STSv1; id=1;"
	mta-sts.good A $n.16
	; mistakes, each in a domain of its own
	missing A $n.11
	null MX 0 .
	nullmixed MX 0 .
	nullmixed MX 10 mx1
	nullmixed MX 20 backup
	unlisted MX 10 mx1
	best MX 10 backup
	best MX 20 mx1
	equal MX 10 backup
	equal MX 10 mx1
	pair MX 10 backup
	pair MX 10 mx1
	gateway MX 10 backup
	aliased MX 10 alias
	aliased MX 20 backup
	address MX 5 $n.11.
	address MX 10 mx1
	address MX 20 backup
	noaddress MX 5 nowhere
	noaddress MX 10 mx1
	noaddress MX 20 backup
	bestgone MX 10 nowhere
	bestgone MX 20 backup
	usbefore MX 10 self
	usbefore MX 20 backup
	self A $n.2
	otherprimary MX 10 mx1
	otherprimary MX 20 backup
	dane MX 10 secure
	dane MX 20 backup
	danebad MX 10 mismatch
	danebad MX 20 backup
	danenone MX 10 mx1
	danenone MX 20 backup
	dead.example MX 10 dead
	dead.example MX 20 backup
	half.example MX 10 half
	half.example MX 20 backup
	loop.example MX 10 loop
	loop.example MX 20 backup
	turns.example MX 10 turns
	turns.example MX 20 backup
	nohelo.example MX 10 nohelo
	nohelo.example MX 20 backup
	clear.example MX 10 clear
	clear.example MX 20 backup
	old.example MX 10 old
	old.example MX 20 backup
	verify MX 10 old
	verify MX 20 backup
	all MX 10 mx1
	all MX 20 backup
	listed MX 10 mx1
	listed MX 20 backup
	grey MX 10 mx1
	grey MX 20 backup
	rate MX 10 mx1
	rate MX 20 backup
	blocked MX 10 mx1
	blocked MX 20 backup
	unclear MX 10 mx1
	unclear MX 20 backup
	nopostmaster MX 10 mx1
	nopostmaster MX 20 backup
	foreign MX 10 mx1
	foreign MX 20 backup
	habits.example MX 10 habits
	habits.example MX 20 backup
	stsnotus MX 10 mx1
	stsnotus MX 20 backup
	_mta-sts.stsnotus TXT "v=STSv1; id=1;"
	mta-sts.stsnotus A $n.16
	ststesting MX 10 mx1
	ststesting MX 20 backup
	_mta-sts.ststesting TXT "v=STSv1; id=1;"
	mta-sts.ststesting A $n.16
	stsbad MX 10 mx1
	stsbad MX 20 backup
	_mta-sts.stsbad TXT "v=STSv1; id=1;"
	mta-sts.stsbad A $n.16
	stsgone MX 10 mx1
	stsgone MX 20 backup
	_mta-sts.stsgone TXT "v=STSv1;"
	mta-sts.stsgone A $n.16
	stscert MX 10 old
	stscert MX 20 backup
	_mta-sts.stscert TXT "v=STSv1; id=1;"
	mta-sts.stscert A $n.16
	$(doctor_zone_faults)
	; names that this host might say it has
	named A 192.0.2.8
	mistaken A 192.0.2.9
	nameless A 192.0.2.10
	refused A $n.2
	refused TXT "v=spf1 -all"
	; DNS lists
	2.0.0.127.bl A 127.0.0.2
	2.0.0.127.shut A 127.255.255.254
	*.all-bl A 127.0.0.2
	ZONE
}

doctor_zone_small() { # DOMAIN NS TTL
	doctor_zone_head "$1" "$2" 3600
	echo "@ $3 MX 10 mx1.test."
	echo "@ $3 MX 20 backup.test."
}

doctor_zones() {
	local dir=$LAB_DIR/zone
	doctor_zone_test >"$dir/test"
	doctor_zone_small short.test ns.test. 30 >"$dir/short.test"
	doctor_zone_small long.test ns.test. 1209600 >"$dir/long.test"
	doctor_zone_small onesite.test mx1.test. 3600 >"$dir/onesite.test"
	{
		doctor_zone_head example.com ns.test. 3600
		echo '@ TXT "v=spf1 -all"'
	} >"$dir/example.com"
	{
		doctor_zone_head 2.0.192.in-addr.arpa ns.test. 3600
		echo "9 PTR mx1.test."
		echo "8 PTR named.test."
	} >"$dir/2.0.192.in-addr.arpa"
}

doctor_knot_conf() {
	local dir=$LAB_DIR/zone file
	cat <<-CONF
	server:
	  listen: $DOCTOR_NET.14@53
	  rundir: $dir
	database:
	  storage: $dir
	log:
	  - target: stderr
	    any: info
	template:
	  - id: default
	    storage: $dir
	    zonefile-sync: -1
	    zonefile-load: difference
	    journal-content: all
	zone:
	CONF
	for file in test short.test long.test onesite.test example.com \
		2.0.192.in-addr.arpa; do
		echo "  - domain: $file"
		echo "    file: $file"
		[ "$file" != test ] || echo "    dnssec-signing: on"
	done
}

doctor_anchor() {
	keymgr -c "$LAB_DIR/zone/knot.conf" test ds 2>/dev/null | grep ' DS ' \
		>"$LAB_DIR/zone/anchor"
}

doctor_zone_start() {
	local dir=$LAB_DIR/zone
	mkdir -p "$dir"
	doctor_zones
	doctor_knot_conf >"$dir/knot.conf"
	knotd -c "$dir/knot.conf" >"$dir/log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/knot.pid"
	lab_wait 20 lab_listens "$DOCTOR_NET.14" 53 &&
		lab_wait 20 doctor_anchor && return 0
	tail -n 20 "$dir/log" >&2
	lab_fail "knotd did not start"
}

# --- Postfix ---------------------------------------------------------------

doctor_smtpd() { # LAST-OCTET CERTIFICATE|none OPTIONS...
	local address=$DOCTOR_NET.$1:25 tls="-o smtpd_tls_security_level=none"
	[ "$2" = none ] ||
		tls="-o smtpd_tls_chain_files=$LAB_DIR/tls/$2.key,$LAB_DIR/tls/$2.pem"
	shift 2
	echo "$address inet n - n - - smtpd $tls $*"
}

doctor_master() {
	local now="-o smtpd_delay_reject=no"
	doctor_smtpd 2 backup -o myhostname=backup.test
	doctor_smtpd 11 mx1
	doctor_smtpd 12 old
	doctor_smtpd 13 none
	doctor_smtpd 15 mx1 -o smtpd_banner=backup.test
	doctor_smtpd 17 mx1 $now -o smtpd_client_restrictions=reject
	doctor_smtpd 18 mx1 $now -o smtpd_helo_restrictions=reject
	doctor_smtpd 20 mx1 -o message_size_limit=1000000 \
		-o smtpd_discard_ehlo_keywords=smtputf8,8bitmime \
		-o smtpd_sender_restrictions=habits
	lab_master_services | sed 's/ y / n /'
}

doctor_main() {
	local dir=$LAB_DIR/postfix domain domains=
	for domain in $DOCTOR_DOMAINS; do
		[ "$domain" = foreign.test ] || domains="$domains $domain"
	done
	cat <<-MAIN
	compatibility_level = 3.6
	myhostname = mx1.test
	mydestination =
	mynetworks = [::1]/128
	queue_directory = $dir/queue
	data_directory = $dir/data
	maillog_file = $dir/log/mail.log
	maillog_file_prefixes = $dir/log
	syslog_name = doctor-primary
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	smtpd_peername_lookup = no
	local_transport = discard:
	local_recipient_maps =
	alias_maps =
	alias_database =
	smtpd_client_connection_count_limit = 0
	smtpd_tls_security_level = may
	virtual_mailbox_domains =$domains
	virtual_mailbox_base = $LAB_DIR/mail
	virtual_mailbox_maps = texthash:$dir/conf/mailboxes
	virtual_uid_maps = static:$(id -u "$LAB_USER")
	virtual_gid_maps = static:$(id -g "$LAB_USER")
	smtpd_restriction_classes = habits
	habits = check_sender_access inline:{{<>=REJECT},{example.com=550 5.7.23 SPF fail}}
	smtpd_recipient_restrictions = reject_unauth_destination, check_recipient_access texthash:$dir/conf/recipients, check_sender_access inline:{{spf.test=REJECT}}
	MAIN
}

doctor_tables() { # DIRECTORY
	local domain
	for domain in $DOCTOR_DOMAINS; do
		[ "$domain" = nopostmaster.test ] ||
			echo "postmaster@$domain $domain/"
	done >"$1/mailboxes"
	echo "@all.test all/" >>"$1/mailboxes"
	echo "@listed.test listed/" >>"$1/mailboxes"
	cat >"$1/recipients" <<-TABLE
	grey.test 450 4.7.1 Greylisted, come back in 300 s
	rate.test 450 4.7.1 Too many recipients from you
	blocked.test 554 5.7.1 Service unavailable; client blocked using bl.test
	postmaster@unclear.test OK
	unclear.test 550 5.7.1 no
	TABLE
}

doctor_postfix_start() {
	local dir=$LAB_DIR/postfix
	mkdir -p "$dir/conf" "$dir/queue" "$dir/data" "$dir/log"
	chmod 755 "$LAB_DIR" "$dir" "$dir/conf" "$dir/queue"
	chown postfix "$dir/data"
	doctor_master >"$dir/conf/master.cf"
	doctor_main >"$dir/conf/main.cf"
	doctor_tables "$dir/conf"
	postfix -c "$dir/conf" start >>"$dir/log/command.log" 2>&1 &&
		lab_wait 20 lab_listens "$DOCTOR_NET.11" 25 && return 0
	tail -n 20 "$dir/log/command.log" "$dir/log/mail.log" >&2
	lab_fail "Postfix did not start"
}

# Of the backup only the settings are there: what postconf says of them.
doctor_backup_conf() {
	mkdir -p "$LAB_DIR/backup"
	cat >"$LAB_DIR/backup/main.cf" <<-MAIN
	compatibility_level = 3.6
	myhostname = backup.test
	proxy_interfaces = $DOCTOR_NET.2
	queue_directory = $LAB_DIR/postfix/queue
	MAIN
	: >"$LAB_DIR/backup/master.cf"
}

# --- HTTPS -----------------------------------------------------------------

doctor_https_start() {
	"$LAB_PYTHON" "$DOCTOR_HERE/https_pages.py" "$DOCTOR_NET.16" 443 \
		"$LAB_DIR/tls/https.pem" "$LAB_DIR/tls/https.key" \
		"$LAB_DIR/pages" >"$LAB_DIR/https.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/https.pid"
	lab_wait 20 lab_listens "$DOCTOR_NET.16" 443 ||
		lab_fail "the HTTPS server did not start"
}

doctor_page() { # DOMAIN, the page on standard input
	cat >"$LAB_DIR/pages/mta-sts.$1"
}

doctor_pages() {
	mkdir -p "$LAB_DIR/pages"
	printf 'version: STSv1\r\nmode: enforce\r\nmx: *.test\r\nmax_age: 604800\r\n' |
		tee "$LAB_DIR/pages/mta-sts.stscert.test" | doctor_page good.test
	printf 'version: STSv1\nmode: enforce\nmx: mx1.test\nmax_age: 604800' |
		doctor_page stsnotus.test
	printf 'version: STSv1\nmode: testing\nmx: backup.test\nmax_age: 604800\n' |
		doctor_page ststesting.test
	printf '<html>no such page</html>\n' | doctor_page stsbad.test
}

# --- primaries that go wrong ------------------------------------------------

doctor_faults_start() {
	local fault n=41 words=
	for fault in $DOCTOR_FAULTS; do
		words="$words $DOCTOR_NET.$n=$fault"
		n=$((n + 1))
	done
	# shellcheck disable=SC2086 # several words are meant
	"$LAB_PYTHON" "$DOCTOR_HERE/faulty_primaries.py" 25 $words \
		>"$LAB_DIR/faults.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/faults.pid"
	lab_wait 20 grep -qs ready "$LAB_DIR/faults.log" ||
		lab_fail "the faulty primaries did not start"
}

# --- all of it -------------------------------------------------------------

DOCTOR_DOMAINS="good.test missing.test null.test nullmixed.test unlisted.test
	best.test equal.test pair.test gateway.test aliased.test address.test
	noaddress.test bestgone.test usbefore.test otherprimary.test dane.test
	danebad.test danenone.test dead.example.test half.example.test
	loop.example.test turns.example.test nohelo.example.test
	clear.example.test old.example.test verify.test all.test listed.test
	grey.test rate.test blocked.test unclear.test nopostmaster.test
	foreign.test habits.example.test stsnotus.test ststesting.test
	stsbad.test stsgone.test stscert.test short.test long.test
	onesite.test nosuch.test"
for fault in $DOCTOR_FAULTS; do
	DOCTOR_DOMAINS="$DOCTOR_DOMAINS ${fault/:/-}.fault.test"
done

# What a domain's section has beside the common lines.
doctor_section() {
	case $1 in
	pair.test | gateway.test) echo 'primary = {"mx1.test"}' ;;
	otherprimary.test) echo 'primary = {"192.0.2.1"}' ;;
	dane.test | danebad.test | danenone.test) echo 'tls = "dane"' ;;
	verify.test) echo 'tls = "verify"' ;;
	listed.test) echo 'recipients = "file:/nonexistent"' ;;
	esac
}

doctor_conf() {
	local domain
	cat <<-CONF
	hostname = "backup.test"
	resolver = {"$DOCTOR_NET.14@53"}
	trust_anchor = "$LAB_DIR/zone/anchor"
	state_dir = "$LAB_DIR/state"
	policyd { control = "unix:$LAB_DIR/control.sock" }
	CONF
	for domain in $DOCTOR_DOMAINS; do
		echo "domain \"$domain\" {"
		echo "    tls_ca_file = \"$LAB_DIR/tls/ca.pem\""
		doctor_section "$domain" | sed 's/^/    /'
		echo "}"
	done
}

doctor_create() {
	LAB_DIR=$(mktemp -d /tmp/backupmx.XXXXXX) || return 1
	mkdir "$LAB_DIR/state" "$LAB_DIR/mail"
	doctor_ca && doctor_cert mx1 90 mx1.test mx2.test secure.test &&
		doctor_cert backup 90 backup.test && doctor_cert old 5 other.test &&
		doctor_cert https 90 mta-sts.good.test mta-sts.stsnotus.test \
			mta-sts.ststesting.test mta-sts.stsbad.test \
			mta-sts.stsgone.test mta-sts.stscert.test || return 1
	doctor_pages
	doctor_backup_conf
	doctor_conf >"$LAB_DIR/backupmx.conf"
	doctor_zone_start && doctor_postfix_start && doctor_https_start &&
		doctor_faults_start
}

doctor_down() {
	[ -n "$LAB_DIR" ] && [ -d "$LAB_DIR" ] || return 0
	postfix -c "$LAB_DIR/postfix/conf" stop >/dev/null 2>&1
	lab_stop_pid faults
	lab_stop_pid https
	lab_stop_pid knot
	rm -rf "$LAB_DIR"
}

doctor_command() {
	echo "$LAB_BUILD/ctl/backupmxctl" \
		"-c ${LAB_CONF:-$LAB_DIR/backupmx.conf} doctor" \
		"--config-dir $LAB_DIR/backup"
}

doctor_run() { # WORD...
	# shellcheck disable=SC2046 # several words are meant
	$(doctor_command) "$@"
}
