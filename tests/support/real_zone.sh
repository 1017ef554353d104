# real_zone.sh - the DNS of real_primaries.sh, signed by knotd on the fly.
# Sourced by real_primaries.sh.
#
#	real.test      signed; see real_primaries.sh, and for DANE at the port
#	               "plain" of each SERVER, one domain a case:
#	    SERVER.real.test             TLSA 3 1 1 of its certificate
#	    ta.SERVER.real.test          MX ta-host...: TLSA 2 1 1 of the CA; the
#	                                 name is not the certificate's
#	    bad.SERVER.real.test         MX bad-host...: TLSA 3 1 1 of another key
#	    without.SERVER.real.test     MX without-host...: no TLSA
#	    unusable.SERVER.real.test    MX unusable-host...: TLSA 1 1 1
#	unsigned.test  SERVER.unsigned.test: MX and a right TLSA, but not signed
#	bogus.test     the same, signed with a key that is not the anchor's
#
# Anchors of real.test, and a wrong one of bogus.test: real_zone_anchors. The
# server: real_zone_resolver, as backupmx.conf's `resolver` wants it.

REAL_ZONE_PORT=5353

real_zone_resolver() { echo "$(real_address zone)@$REAL_ZONE_PORT"; }

real_zone_anchors() { echo "$LAB_DIR/real-zone/anchors"; }

real_zone_head() { # ORIGIN
	cat <<-ZONE
	\$ORIGIN $1.
	\$TTL 300
	@ SOA ns hostmaster 1 3600 600 86400 60
	@ NS ns
	ns A $(real_address zone)
	ZONE
}

# A case of DANE: real_zone_dane SERVER CASE "TLSA DATA" or ""
real_zone_dane() {
	local host=$2-host.$1 port
	port=$(real_port plain)
	echo "$2.$1 MX 10 $host"
	echo "$host A $(real_address "$1")"
	[ -z "$3" ] || echo "_$port._tcp.$host TLSA $3"
}

real_zone_server() { # SERVER
	local kind key ca
	key=$(real_key_digest "$(real_cert_file "$1")")
	ca=$(real_key_digest "$(real_ca_file)")
	echo "$1 A $(real_address "$1")"
	echo "_$(real_port plain)._tcp.$1 TLSA 3 1 1 $key"
	for kind in $REAL_KINDS; do
		echo "$kind.$1 MX 10 $1"
	done
	real_zone_dane "$1" ta "2 1 1 $ca"
	real_zone_dane "$1" bad \
		"3 1 1 $(real_key_digest "$(real_cert_file other)")"
	real_zone_dane "$1" without ""
	real_zone_dane "$1" unusable "1 1 1 $key"
}

real_zone_other() { # SERVER
	echo "$1 MX 10 $1"
	echo "$1 A $(real_address "$1")"
	echo "_$(real_port plain)._tcp.$1 TLSA 3 1 1" \
		"$(real_key_digest "$(real_cert_file "$1")")"
}

real_zone_conf() {
	local dir=$1
	cat <<-CONF
	server:
	  listen: $(real_zone_resolver)
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
	  - domain: $REAL_DOMAIN
	    file: real
	    dnssec-signing: on
	  - domain: bogus.test
	    file: bogus
	    dnssec-signing: on
	  - domain: unsigned.test
	    file: unsigned
	CONF
}

# The DS record of a zone, once knotd has made its key.
real_zone_ds() {
	keymgr -c "$LAB_DIR/real-zone/knot.conf" "$1" ds 2>/dev/null |
		grep ' DS '
}

real_zone_write_anchors() {
	local ds
	ds=$(real_zone_ds "$REAL_DOMAIN") && [ -n "$(real_zone_ds bogus.test)" ] ||
		return 1
	{
		echo "$ds"
		echo "${ds//$REAL_DOMAIN/bogus.test}"
	} >"$(real_zone_anchors)"
}

real_zone_start() {
	local dir=$LAB_DIR/real-zone server
	rm -rf "$dir"
	mkdir -p "$dir/log"
	real_zone_head "$REAL_DOMAIN" >"$dir/real"
	real_zone_head unsigned.test >"$dir/unsigned"
	real_zone_head bogus.test >"$dir/bogus"
	for server in $REAL_SERVERS; do
		real_zone_server "$server" >>"$dir/real"
		real_zone_other "$server" | tee -a "$dir/unsigned" >>"$dir/bogus"
	done
	real_zone_conf "$dir" >"$dir/knot.conf"
	knotd -c "$dir/knot.conf" >"$dir/log/knotd" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/real-zone.pid"
	lab_wait 20 lab_listens "$(real_address zone)" "$REAL_ZONE_PORT" &&
		lab_wait 20 real_zone_write_anchors && return 0
	tail -n 20 "$dir/log/knotd" >&2
	lab_fail "knotd did not start"
}

real_zone_stop() { lab_stop_pid real-zone; }
