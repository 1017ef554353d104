#!/usr/bin/env bash
# Call-ahead at real primaries: what policyd says of known and unknown users,
# and what of a primary that greylists, refuses our name or the null sender,
# wants TLS, or has the wrong certificate; by RCPT and by `backupmxctl probe`.
#
#	primaries_test.sh postfix | exim | opensmtpd
#
# Each round is a policyd with a new state and its own settings for the same
# domains (tests/support/real_primaries.sh).
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/real_primaries.sh"
. "$here/../support/check.sh"

SERVER=$1
CACHE=${REAL_PACKAGES:-$LAB_BUILD/packages}
TAKEN=DUNNO
UNKNOWN='550 5.1.1 User unknown'
UNSURE='DEFER_IF_PERMIT 4.1.1 Unverified address, try again later'

lab_policyd_socket() { echo "$LAB_DIR/policyd/policyd.sock"; }

lab_policyd_answers() { lab_policy postmaster@elsewhere.test >/dev/null 2>&1; }

# --- a round: round HOSTNAME; section KIND HOST PORT TLS [LINE]...; play ----

round() { # HOSTNAME
	lab_policyd_stop
	rm -rf "$LAB_DIR/policyd"
	mkdir -p "$LAB_DIR/policyd/state"
	chown -R "$LAB_USER" "$LAB_DIR/policyd"
	cat >"$LAB_DIR/policyd/backupmx.conf" <<-CONF
	hostname = "$1"
	state_dir = "$LAB_DIR/policyd/state"
	log = "stderr"
	resolver = {"$(real_zone_resolver)"}
	$([ -z "$HAS_ZONE" ] || echo "trust_anchor = \"$(real_zone_anchors)\"")
	policyd {
		listen = {"unix:$(lab_policyd_socket)"}
		socket_group = ""
		metrics = ""
		control = "unix:$LAB_DIR/policyd/control.sock"
		on_recovery = {}
	}
	CONF
}

section() { # KIND HOST PORT TLS [LINE]...
	cat >>"$LAB_DIR/policyd/backupmx.conf" <<-CONF
	domain "$(real_mail_domain "$SERVER" "$1")" {
		primary = {"$2:$(real_port "$3")"}
		tls = "$4"
		tls_ca_file = "$(real_ca_file)"
		probe_rate = 100
		check_interval = 1h
		${*:5}
	}
	CONF
}

hosts_known() {
	lab_ctl status --json >"$LAB_DIR/status" 2>&1 &&
		! grep -q '"targets": "loading"' "$LAB_DIR/status"
}

play() {
	lab_policyd_start || exit 1
	lab_wait 10 hosts_known
}

address() { echo "$1@$(real_mail_domain "$SERVER" "$2")"; } # LOCAL KIND

# RCPT first, as nothing is cached then: check NAME LOCAL KIND ACTION RESULT
check() {
	local what
	what=$(address "$2" "$3")
	check_equal "$1: RCPT" "$(lab_policy "$what")" "$4"
	check_match "$1: probe" "$(lab_ctl probe "$what" 2>&1 | tail -n 3 |
		paste -sd' ')" "*result: *$5*"
}

# --- the rounds ------------------------------------------------------------

no_answer() { # KIND: UNKNOWN for OpenSMTPD's virtual table is 524 5.2.4
	if [ "$SERVER" = opensmtpd ]; then
		check "unknown in a virtual table" nobody virtual "$UNSURE" \
			"unsure (rcpt-other)"
	else
		check "unknown in a virtual table" nobody virtual "$UNKNOWN" \
			unknown
	fi
}

grey_passes() { [ "$(lab_policy "$(address alice grey)")" = "$TAKEN" ]; }

users_round() {
	local kind host refusal=rcpt-policy
	echo "# users"
	host="[$(real_address "$SERVER")]"
	round "$REAL_BAD_HELO"
	for kind in $REAL_KINDS; do section "$kind" "$host" plain may; done
	play
	check "a user" alice users "$TAKEN" valid
	if [ "$SERVER" = opensmtpd ]; then # has subaddressing by itself
		check "an extension" bob+news users "$TAKEN" valid
	else
		check "an extension" bob+news users "$UNKNOWN" unknown
	fi
	check "an alias" info users "$TAKEN" valid
	check "an unknown user" nobody users "$UNKNOWN" unknown
	check "known in a virtual table" alice virtual "$TAKEN" valid
	no_answer
	check "catch-all" nobody all "$TAKEN" accepts-all
	check "greylisted" alice grey "$UNSURE" "unsure (rcpt-temporary)"
	check_within "and then not" $((REAL_GREY_S + 10)) grey_passes
	# Exim says a bare 550 of these, to postmaster as well.
	[ "$SERVER" = exim ] && refusal=no-postmaster
	check "our name is refused at RCPT" alice helo "$UNSURE" \
		"unsure ($refusal)"
	check "the null sender is refused at RCPT" alice null "$UNSURE" \
		"unsure ($refusal)"
}

# Who cannot be asked by TLS: OpenSMTPD, see real_primaries.sh.
check_by_tls() { # NAME LOCAL KIND ACTION RESULT
	if [ "$SERVER" = opensmtpd ]; then
		check "$1" "$2" "$3" "$UNSURE" "unsure (refused-tls)"
	else
		check "$@"
	fi
}

tls_round() {
	local host
	echo "# TLS"
	host=$(real_host "$SERVER")
	round good.real.test
	section users "$host" tls encrypt
	section virtual "$host" other verify
	section helo "$host" nohelo may
	section null "$host" other encrypt 'probe_sender = "probe@real.test"'
	section all "$host" plain none 'accept_all = "defer"'
	play
	check_by_tls "required, and made: a user" alice users "$TAKEN" valid
	check_by_tls "an unknown one" nobody users "$UNKNOWN" unknown
	check "another name's certificate, under verify" alice virtual \
		"$UNSURE" "unsure (refused-tls)"
	check_by_tls "and under encrypt" alice null "$TAKEN" valid
	check "any name of ours is refused" alice helo "$UNSURE" \
		"unsure (refused-helo)"
	check "catch-all that is deferred" nobody all "$UNSURE" accepts-all
}

more_tls_round() {
	local host
	echo "# TLS, once more"
	host=$(real_host "$SERVER")
	round good.real.test
	section users "$host" plain verify
	section virtual "$host" tls none
	section helo "$host" none encrypt
	section null "$host" none may 'probe_sender = "probe@real.test"'
	play
	check_by_tls "the right certificate, under verify" alice users \
		"$TAKEN" valid
	check_by_tls "an unknown user" nobody users "$UNKNOWN" unknown
	check "required, and not made" alice virtual "$UNSURE" \
		"unsure (refused-sender)"
	check "not offered, under encrypt" alice helo "$UNSURE" \
		"unsure (refused-tls)"
	check "not offered, under may; a sender that is accepted" alice null \
		"$TAKEN" valid
}

dane_round() {
	local host=$SERVER.real.test
	echo "# DANE"
	round good.real.test
	section users "$host" plain dane
	section virtual "bad-host.$host" plain dane
	section helo "ta-host.$host" plain dane
	section null "without-host.$host" plain dane 'probe_sender = "probe@real.test"'
	play
	check_by_tls "the right key" alice users "$TAKEN" valid
	check_by_tls "an unknown user" nobody users "$UNKNOWN" unknown
	check "another key" alice virtual "$UNSURE" "unsure (refused-tls)"
	# RFC 7672 section 3.2.3: the name counts with DANE-TA(2)
	check "the right authority, another name" alice helo "$UNSURE" \
		"unsure (refused-tls)"
	check "no TLSA" alice null "$UNSURE" "unsure (refused-tls)"
}

bad_dane_round() {
	echo "# DANE that proves nothing"
	round good.real.test
	section users "unusable-host.$SERVER.real.test" plain dane
	section virtual "$SERVER.unsigned.test" plain dane
	section helo "$SERVER.bogus.test" plain dane
	play
	check "a TLSA that cannot be used" alice users "$UNSURE" \
		"unsure (refused-tls)"
	check "a zone that is not signed" alice virtual "$UNSURE" \
		"unsure (refused-tls)"
	check_equal "a zone with a wrong key: RCPT" \
		"$(lab_policy "$(address alice helo)")" "$UNSURE"
}

case $SERVER in
postfix | exim | opensmtpd) ;;
*) echo "usage: $0 postfix | exim | opensmtpd" >&2; exit 64 ;;
esac
why=$(real_missing "$CACHE" "$SERVER") && check_skip "$why"
[ -x "$LAB_BUILD/policyd/backupmx-policyd" ] ||
	check_skip "this test needs: $LAB_BUILD/policyd/backupmx-policyd"
why=$(real_missing "$CACHE" zone) && check_skip "$why"
HAS_ZONE=1
trap 'lab_policyd_stop; real_down; lab_down' EXIT
trap 'exit 130' INT TERM
lab_create && real_create "$CACHE" && real_start "$SERVER" &&
	real_zone_start || exit 1
users_round
tls_round
more_tls_round
dane_round
bad_dane_round
check_end
