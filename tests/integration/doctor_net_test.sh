#!/usr/bin/env bash
# backupmxctl doctor, groups dns and primary: each planted mistake is found by
# its row and by no other, and a good set-up has none. The domains are those of
# tests/support/doctor_lab.sh.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/doctor_lab.sh"
. "$here/../support/check.sh"

# The names of what is wrong in these groups, sorted, in one line: of the JSON
# on standard input.
rows() {
	"$LAB_PYTHON" -c '
import json, sys
findings = json.load(sys.stdin)["findings"]
names = {f["row"] for f in findings if f["severity"] != "good"}
print(*sorted(n for n in names if n.split(".")[0] in ("dns", "primary")))'
}

found() { # WORD...
	doctor_run --json "$@" | rows
}

# All domains, several at a time: most of it is waiting.
ask_all() {
	mkdir "$LAB_DIR/said"
	# shellcheck disable=SC2086 # several words are meant
	printf '%s\n' $DOCTOR_DOMAINS | xargs -P 8 -I '{}' sh -c \
		"$(doctor_command) --json '{}' >'$LAB_DIR/said/{}'"
}

# check_rows NAME DOMAIN ROW...
check_rows() {
	local name=$1 domain=$2
	shift 2
	check_equal "$name" "$(rows <"$LAB_DIR/said/$domain")" "$*"
}

check_sets() {
	check_rows "a good set-up" good.test
	check_rows "a pair of equal hosts" pair.test
	check_rows "a gateway" gateway.test
	check_rows "no such domain" nosuch.test dns.no-domain primary.no-host
	check_rows "no MX records" missing.test dns.mx-missing primary.no-host
	check_rows "null MX" null.test dns.mx-null primary.no-host
	check_rows "null MX among others" nullmixed.test dns.mx-null-mixed
	check_rows "we are not in the set" unlisted.test dns.mx-not-listed
	check_rows "we are the best" best.test dns.mx-best primary.no-host
	check_rows "we are as good as the best" equal.test dns.mx-equal \
		primary.no-host
	check_rows "an alias" aliased.test dns.mx-alias
	check_rows "an address" address.test dns.mx-address
	check_rows "a host without address" noaddress.test dns.mx-no-address
	check_rows "no primary has one" bestgone.test dns.best-no-address \
		dns.mx-no-address primary.no-host
	check_rows "we under another name before us" usbefore.test \
		dns.best-is-us primary.loop
	check_rows "another primary than the MX" otherprimary.test \
		dns.primary-not-mx primary.unreachable
	check_rows "short TTL" short.test dns.ttl-short
	check_rows "long TTL" long.test dns.ttl-long
	check_rows "name server and primary in one" onesite.test \
		dns.name-servers
}

check_primaries() {
	check_rows "nothing listens" dead.example.test primary.unreachable
	check_rows "one of two addresses is dead" half.example.test \
		primary.address-unreachable
	check_rows "it says that it is us" loop.example.test primary.loop
	check_rows "it turns us away" turns.example.test \
		primary.refuses-connection
	check_rows "it refuses our name" nohelo.example.test \
		primary.ehlo-refused
	check_rows "no STARTTLS" clear.example.test primary.no-starttls
	check_rows "a certificate of five days" old.example.test \
		primary.certificate-expires
	check_rows "a certificate for another name" verify.test \
		primary.certificate primary.certificate-expires
	check_rows "DANE that is right" dane.test
	check_rows "DANE of another key" danebad.test primary.dane-mismatch
	check_rows "DANE without records" danenone.test primary.dane-missing
	check_rows "size, keywords, null sender and SPF" habits.example.test \
		primary.no-8bitmime primary.no-smtputf8 \
		primary.null-sender-refused primary.size-smaller \
		primary.spf-not-exempt
}

# What hangs or breaks ends in time, and in one line.
check_faults() {
	local fault
	check_rows "it is deaf" deaf.fault.test primary.unreachable
	check_rows "it hangs up with 421" 421.fault.test \
		primary.refuses-connection
	for fault in mute garbage flood trickle drip drop-EHLO hang-RCPT; do
		check_match "it is faulty: $fault" \
			"$(rows <"$LAB_DIR/said/$fault.fault.test")" \
			"*primary.session-broken*"
	done
}

check_envelopes() {
	check_rows "it accepts all" all.test primary.accept-all
	check_rows "it accepts all, but there is a list" listed.test
	check_rows "greylisting" grey.test primary.greylisted
	check_rows "a rate limit" rate.test primary.rate-limited
	check_rows "a block list" blocked.test primary.blocklisted
	check_rows "an unclear refusal" unclear.test primary.unknown-unclear
	check_rows "no postmaster" nopostmaster.test \
		primary.postmaster-refused
	check_rows "not its domain" foreign.test primary.not-its-domain
}

check_policies() {
	check_rows "MTA-STS without us" stsnotus.test primary.sts-not-us
	check_rows "MTA-STS in testing" ststesting.test primary.sts-testing
	check_rows "MTA-STS that is none" stsbad.test primary.sts-malformed
	check_rows "MTA-STS that cannot be had" stsgone.test \
		primary.sts-record primary.sts-unavailable
	check_rows "MTA-STS and a wrong certificate" stscert.test \
		primary.certificate-expires primary.sts-certificate
}

# A configuration with other lines: check_with NAME SED-SCRIPT ROW...
check_with() {
	local name=$1 script=$2 conf=$LAB_DIR/backupmx.conf
	shift 2
	cp "$conf" "$conf.kept"
	sed -i "$script" "$conf"
	check_equal "$name" "$(found good.test)" "$*"
	mv "$conf.kept" "$conf"
}

says() { # NAME; more lines of sed for the set to stay as it is
	echo "s/^hostname.*/hostname = \"$1\"\nmx_names = {\"backup.test\"}/"
}

# A host that has private addresses alone may be behind NAT: then it cannot
# tell that an address is not its own.
has_public_address() {
	local address
	for address in $(hostname -I); do
		case $address in
		10.* | 192.168.* | 172.1[6-9].* | 172.2?.* | 172.3[01].* | f[cde]*:*) ;;
		100.6[4-9].* | 100.[789]?.* | 100.1[01]?.* | 100.12[0-7].*) ;;
		169.254.*) ;;
		*) return 0 ;;
		esac
	done
	return 1
}

elsewhere() { ! has_public_address || echo dns.hostname-elsewhere; }

no_way_here() {
	if has_public_address; then
		echo dns.mx-best dns.not-here
	else
		echo dns.behind-nat dns.mx-best
	fi
}

zone() { # ZONE
	echo "/^domain \"good.test\"/a dnsbl { zones = {\"$1\"} }"
}

check_names() {
	check_with "a name without address" "$(says nowhere.test)" \
		dns.hostname-no-address
	check_with "the name of another host" "$(says named.test)" \
		$(elsewhere)
	check_with "no reverse name" "$(says nameless.test)" \
		$(elsewhere) dns.reverse-missing
	check_with "a reverse name that does not lead back" \
		"$(says mistaken.test)" $(elsewhere) dns.reverse-mismatch
	check_with "SPF that refuses ourselves" "$(says refused.test)" \
		dns.spf-hostname
	check_with "our MX name leads elsewhere" \
		"s/^hostname.*/hostname = \"backup.test\"\nmx_names = {\"mx1.test\"}/" \
		$(no_way_here) primary.no-host
	check_with "a DNS list" "$(zone bl.test)"
	check_with "a DNS list that refuses our resolver" "$(zone shut.test)" \
		dns.dnsbl-blocked
	check_with "a DNS list that has ended" "$(zone gone.test)" \
		dns.dnsbl-dead
	check_with "a DNS list that lists all" "$(zone all-bl.test)" \
		dns.dnsbl-lists-all
}

# With all name servers gone every wait ends in time. That is waited for beside
# the others.
start_silence() {
	local conf=$LAB_DIR/silent.conf
	sed "s/@53/@54/; $(zone bl.test)" "$LAB_DIR/backupmx.conf" >"$conf"
	(
		SECONDS=0
		LAB_CONF=$conf doctor_run --json good.test >"$LAB_DIR/silent"
		echo "$SECONDS" >"$LAB_DIR/silent.s"
	) &
}

check_silence() {
	lab_wait 90 [ -s "$LAB_DIR/silent.s" ]
	check_equal "no DNS at all" "$(rows <"$LAB_DIR/silent")" \
		"dns.dnsbl-silent dns.no-answer primary.no-host"
	check_equal "and that in time" \
		"$(($(cat "$LAB_DIR/silent.s") < 60))" 1
}

why=$(doctor_missing) && check_skip "$why"
trap doctor_down EXIT
trap 'exit 130' INT TERM
doctor_create || exit 1
from=$SECONDS
start_silence
ask_all
check_equal "no domain hangs" "$((SECONDS - from < 100))" 1
check_sets
check_primaries
check_faults
check_envelopes
check_policies
check_names
check_silence
check_end
