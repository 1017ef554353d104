#!/usr/bin/env bash
# The primaries of tests/support/real_primaries.sh say what its head promises:
# what other tests build on, and what real servers reply. Packages that are not
# installed are kept in REAL_PACKAGES, by default below the build directory.
#
#	real_primaries_test.sh postfix | exim | opensmtpd | zone
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/real_primaries.sh"
. "$here/../support/check.sh"

SENDER=someone@world.test
SERVER=$1
CACHE=${REAL_PACKAGES:-$LAB_BUILD/packages}

# Replies that are each server's own: to a RCPT that is accepted, unknown, and
# unknown in the domain "virtual"; UNKNOWN and the like hold glob patterns.
replies_of() {
	case $1 in
	postfix)
		OK="250 2.1.5 Ok"
		UNKNOWN="550 5.1.1 <*>: Recipient address rejected: User unknown in virtual mailbox table"
		VIRTUAL=$UNKNOWN
		NULL="554 5.7.1 <>: Sender address rejected: Access denied"
		HELO="554 5.7.1 <$REAL_BAD_HELO>: Helo command rejected: Access denied"
		NOHELO="554 5.7.1 <client.test>: Helo command rejected: Access denied"
		NOTLS="530 5.7.0 Must issue a STARTTLS command first"
		RELAY="454 4.7.1 <*>: Relay access denied"
		;;
	exim)
		OK="250 Accepted"
		UNKNOWN="550 Unrouteable address"
		VIRTUAL=$UNKNOWN
		NULL="550 null sender is not accepted"
		HELO="550 HELO/EHLO argument $REAL_BAD_HELO is not accepted"
		NOHELO="550 Administrative prohibition"
		NOTLS="530 5.7.0 Must issue a STARTTLS command first"
		RELAY="550 Administrative prohibition"
		;;
	opensmtpd)
		OK="250 2.1.5 Destination address valid: Recipient ok"
		UNKNOWN="550 Invalid recipient: <*>"
		VIRTUAL="524 5.2.4 Mailing list expansion problem: <*>"
		NULL="550 5.7.1 null sender is not accepted"
		HELO="550 5.7.1 HELO name is not accepted"
		NOHELO="550 EHLO is not accepted"
		NOTLS="530 5.5.1 Invalid command: Must issue a STARTTLS command first"
		RELAY="550 Invalid recipient: <*>"
		;;
	esac
}

address() { echo "$1@$(real_mail_domain "$SERVER" "$2")"; } # LOCAL KIND

ask() { # LOCAL KIND
	real_ask "$SERVER" plain "$SENDER" "$(address "$1" "$2")"
}

# As ask, with the HELO name that is refused.
ask_bad_helo() {
	"$LAB_PYTHON" - "$(real_address "$SERVER")" "$(real_port plain)" \
		"$REAL_BAD_HELO" "$(address alice helo)" <<-'PYTHON'
	import smtplib, sys
	host, port, helo, recipient = sys.argv[1:]
	client = smtplib.SMTP(host, int(port), local_hostname=helo)
	client.ehlo()
	client.mail("someone@world.test")
	code, text = client.rcpt(recipient)
	print(code, text.decode())
	client.quit()
	PYTHON
}

check_recipients() {
	local user kind
	for user in alice bob info postmaster; do
		check_equal "$user is known" "$(ask $user users)" "$OK"
	done
	check_match "another is unknown" "$(ask nobody users)" "$UNKNOWN"
	check_equal "known in a virtual table" "$(ask alice virtual)" "$OK"
	check_match "unknown in a virtual table" "$(ask nobody virtual)" \
		"$VIRTUAL"
	check_equal "catch-all" "$(ask nobody all)" "$OK"
	check_match "no relay" "$(real_ask "$SERVER" plain "$SENDER" \
		alice@else.test)" "$RELAY"
	for kind in helo null; do
		check_equal "$kind: who pleases" "$(ask alice $kind)" "$OK"
	done
}

grey_passes() { [ "$(ask alice grey)" = "$OK" ]; }

check_policies() {
	check_match "null sender" "$(real_ask "$SERVER" plain "" \
		"$(address alice null)")" "$NULL"
	check_equal "null sender elsewhere" "$(real_ask "$SERVER" plain "" \
		"$(address alice users)")" "$OK"
	check_match "our HELO name" "$(ask_bad_helo)" "$HELO"
	check_match "any HELO" "$(real_ask "$SERVER" nohelo "$SENDER" \
		"$(address alice users)")" "$NOHELO"
	check_match "greylisted" "$(ask alice grey)" "450 4.7.1 *Greylisted*"
	check_within "and then not" $((REAL_GREY_S + 10)) grey_passes
}

# What openssl finds out about STARTTLS at a port.
handshake() { # PORT
	echo QUIT | timeout 10 openssl s_client -starttls smtp -brief \
		-connect "$(real_address "$SERVER"):$(real_port "$1")" \
		-CAfile "$(real_ca_file)" -verify_return_error \
		-verify_hostname "$(real_host "$SERVER")" 2>&1 | tr '\n' ' '
}

check_tls() {
	local port good="*Verification: OK*"
	[ "$SERVER" = opensmtpd ] && good="*alert internal error*"
	check_match "TLS is required" "$(real_ask "$SERVER" tls "$SENDER" \
		"$(address alice users)")" "$NOTLS"
	check_equal "no TLS at all" "$(real_ask "$SERVER" none "$SENDER" \
		"$(address alice users)")" "$OK"
	for port in plain tls; do
		check_match "handshake at $port" "$(handshake $port)" "$good"
	done
	check_match "another name's certificate" "$(handshake other)" \
		"*hostname mismatch*"
	check_match "nothing to shake at none" "$(handshake none)" \
		"*find STARTTLS in server response*"
}

delivered() {
	grep -qrs "^X-Lab-Id: real-$SERVER" \
		"$LAB_DIR/mail/$(real_mail_domain "$SERVER" users)" \
		"$(real_dir "$SERVER")/root/mail"
}

check_delivery() {
	check_match "takes a message" "$("$LAB_PYTHON" \
		"$here/../support/smtp_client.py" --to-data \
		"$(real_address "$SERVER")" "$(real_port plain)" "$SENDER" \
		"$(address info users)" "real-$SERVER")" "250 *"
	check_within "and delivers it" 20 delivered
}

check_server() {
	replies_of "$SERVER"
	if real_start "$SERVER"; then
		check_pass "starts"
	else
		check_fail "starts" "no" "yes"
		return
	fi
	check_recipients
	check_policies
	check_tls
	check_delivery
	real_stop "$SERVER"
	check_within "ends" 10 not_listening
}

not_listening() {
	! lab_listens "$(real_address "$SERVER")" "$(real_port plain)"
}

check_zone() {
	if real_zone_start; then
		check_pass "starts"
	else
		check_fail "starts" "no" "yes"
		return
	fi
	check_equal "anchors of two zones" \
		"$(cut -d' ' -f1 "$(real_zone_anchors)" | sort -u | tr '\n' ' ')" \
		"bogus.test. real.test. "
	check_match "the wrong one is not the zone's own" \
		"$(grep -cxFf <(real_zone_ds bogus.test) "$(real_zone_anchors)")" 0
	check_match "real.test is signed" "$(zone_keys real.test)" \
		"*KSK*"
	real_zone_stop
}

zone_keys() { keymgr -c "$LAB_DIR/real-zone/knot.conf" "$1" list 2>&1; }

case $SERVER in
postfix | exim | opensmtpd | zone) ;;
*) echo "usage: $0 postfix | exim | opensmtpd | zone" >&2; exit 64 ;;
esac
why=$(real_missing "$CACHE" "$SERVER") && check_skip "$why"
trap 'real_down; lab_down' EXIT
trap 'exit 130' INT TERM
lab_create || exit 1
real_create "$CACHE" || exit 1
case $SERVER in
zone) check_zone ;;
*) check_server ;;
esac
check_end
