# real_primaries.sh - real mail servers as primaries, on loopback: Postfix,
# Exim 4 and OpenSMTPD, all with the same users, and a DNSSEC-signed zone that
# names them. To be sourced by bash, as root, after postfix_lab.sh. The two
# that cannot be installed beside Postfix are unpacked and run in a directory
# of their own (chroot). Nothing outside LAB_DIR and the cache is written, and
# real_down leaves nothing running.
#
#	. tests/support/postfix_lab.sh
#	. tests/support/real_primaries.sh
#	why=$(real_missing CACHE exim) && check_skip "$why"
#	lab_create || exit; trap 'real_down; lab_down' EXIT
#	real_create CACHE
#	real_start postfix; real_start exim; real_start opensmtpd
#	real_zone_start            # anchors in real_zone_anchors
#
# SERVER is postfix, exim or opensmtpd; its host name is SERVER.real.test. The
# domains that it takes mail for, all with MX 10 SERVER.real.test:
#
#	users.SERVER.real.test  alice, bob, postmaster; info is an alias; others
#	                        are unknown
#	virtual.SERVER...       as users; OpenSMTPD finds them in a virtual table
#	                        and so has another reply for unknown ones
#	all.SERVER.real.test    takes every local part
#	grey.SERVER.real.test   as users, but a sender's first try at a recipient
#	                        gets 450 4.7.1 until REAL_GREY_S seconds later
#	helo.SERVER.real.test   as users, but refuses at RCPT whoever said
#	                        REAL_BAD_HELO as HELO name
#	null.SERVER.real.test   as users, but refuses the sender <>
#
# Its ports, see real_port: plain (STARTTLS offered), tls (required before
# MAIL), other (a certificate for another name), none (no STARTTLS), nohelo
# (refuses every HELO).
#
# OpenSMTPD 6.8.0p2 of Debian 12 does not work with OpenSSL 3: it offers
# STARTTLS and then fails every handshake with an alert
# (https://github.com/OpenSMTPD/OpenSMTPD/issues/1171). Only in clear can it be
# asked; what needs TLS has to end in "cannot say".

REAL_SERVERS="postfix exim opensmtpd"
REAL_DOMAIN=real.test
REAL_GREY_S=${REAL_GREY_S:-2}
REAL_BAD_HELO=${REAL_BAD_HELO:-backup.real.test}
REAL_KINDS="users virtual all grey helo null"
REAL_CACHE=
REAL_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$REAL_HERE/real_packages.sh"
. "$REAL_HERE/real_postfix.sh"
. "$REAL_HERE/real_exim.sh"
. "$REAL_HERE/real_opensmtpd.sh"
. "$REAL_HERE/real_zone.sh"

# Prints what is lacking to run a server ("zone" is one, too), and succeeds
# when something is: real_missing CACHE SERVER.
real_missing() {
	[ "$(id -u)" = 0 ] || { echo "needs root rights"; return 0; }
	command -v openssl >/dev/null || { echo "openssl is not installed"; return 0; }
	case $2 in
	postfix)
		command -v postfix >/dev/null ||
			{ echo "postfix is not installed"; return 0; }
		;;
	zone)
		if ! command -v knotd >/dev/null || ! command -v keymgr >/dev/null; then
			echo "knotd is not installed (Debian package knot)"
			return 0
		fi
		;;
	*)
		real_fetch "$1" "$2" >/dev/null 2>&1 && return 1
		echo "the Debian package of $2 cannot be fetched"
		return 0
		;;
	esac
	return 1
}

real_address() { # SERVER | zone
	case $1 in
	postfix) echo "$LAB_NET.11" ;;
	exim) echo "$LAB_NET.12" ;;
	opensmtpd) echo "$LAB_NET.13" ;;
	*) echo "$LAB_NET.14" ;;
	esac
}

real_port() { # plain | tls | other | none | nohelo
	case $1 in
	plain) echo 2525 ;;
	tls) echo 2526 ;;
	other) echo 2527 ;;
	none) echo 2528 ;;
	nohelo) echo 2529 ;;
	esac
}

real_host() { echo "$1.$REAL_DOMAIN"; }

real_mail_domain() { echo "$2.$(real_host "$1")"; } # SERVER KIND

real_dir() { echo "$LAB_DIR/real-$1"; }

# --- certificates ----------------------------------------------------------

real_ca_file() { echo "$LAB_DIR/tls/ca.pem"; }

real_cert_file() { echo "$LAB_DIR/tls/$1.pem"; } # SERVER | other

real_key_file() { echo "$LAB_DIR/tls/$1.key"; }

real_make_ca() {
	mkdir -p "$LAB_DIR/tls"
	openssl req -x509 -newkey rsa:2048 -nodes \
		-days 30 -subj "/CN=backupmx test CA" \
		-addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign \
		-keyout "$LAB_DIR/tls/ca.key" -out "$(real_ca_file)" 2>/dev/null
}

# A certificate of the test CA, with the CA behind it: real_make_cert NAME HOST
real_make_cert() {
	local stem=$LAB_DIR/tls/$1
	openssl req -newkey rsa:2048 -nodes \
		-subj "/CN=$2" -keyout "$stem.key" -out "$stem.csr" 2>/dev/null &&
		openssl x509 -req -in "$stem.csr" -days 30 -CA "$(real_ca_file)" \
			-CAkey "$LAB_DIR/tls/ca.key" -CAcreateserial \
			-extfile <(printf 'subjectAltName=DNS:%s\n' "$2") \
			-out "$stem.leaf" 2>/dev/null &&
		cat "$stem.leaf" "$(real_ca_file)" >"$stem.pem"
	chmod 600 "$stem.key"
}

# The SHA-256 of a certificate's public key, as in TLSA 3 1 1 and 2 1 1.
real_key_digest() { # FILE
	openssl x509 -in "$1" -noout -pubkey |
		openssl pkey -pubin -outform DER 2>/dev/null |
		sha256sum | cut -d' ' -f1
}

# --- all of it -------------------------------------------------------------

real_create() { # CACHE
	local server
	REAL_CACHE=$1
	real_make_ca && real_make_cert other elsewhere.test || return 1
	for server in $REAL_SERVERS; do
		real_make_cert "$server" "$(real_host "$server")" || return 1
	done
}

real_listens() { # SERVER
	local kind
	for kind in plain tls other none nohelo; do
		lab_listens "$(real_address "$1")" "$(real_port "$kind")" ||
			return 1
	done
}

# Ports of it that nobody may have before it starts.
real_start() { # SERVER
	"real_$1_start" && lab_wait 20 real_listens "$1" && return 0
	real_log "$1" | tail -n 20 >&2
	lab_fail "$1 did not start"
}

real_stop() { "real_$1_stop"; }

# What a server logged.
real_log() { # SERVER
	cat "$(real_dir "$1")"/log/* \
		"$(real_dir "$1")"/root/var/spool/exim4/{main,reject,panic}log 2>/dev/null
}

real_down() {
	local server
	[ -n "$LAB_DIR" ] && [ -d "$LAB_DIR" ] || return 0
	for server in $REAL_SERVERS; do
		real_stop "$server"
	done
	real_zone_stop
}

# Asks a server about a recipient and prints its reply; its exit status is
# smtp_client.py's: real_ask SERVER PORT SENDER RECIPIENT
real_ask() {
	"$LAB_PYTHON" "$REAL_HERE/smtp_client.py" "$(real_address "$1")" \
		"$(real_port "$2")" "$3" "$4"
}
