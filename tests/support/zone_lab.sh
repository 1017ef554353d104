# zone_lab.sh - a DNS server (knotd) for tests in bash, with one zone file a
# domain. To be sourced after postfix_lab.sh.
#
#	zone_lab_domain one.test "@ MX 10 mail" "mail A 192.0.2.1"
#	zone_lab_start; ...; zone_lab_stop

ZONE_LAB_ADDRESS=${ZONE_LAB_ADDRESS:-127.0.245.53}
ZONE_LAB_PORT=${ZONE_LAB_PORT:-24553}

zone_lab_missing() {
	[ -x /usr/sbin/knotd ] || echo "knotd (package knot)"
}

# As backupmx.conf's `resolver` wants it.
zone_lab_resolver() { echo "$ZONE_LAB_ADDRESS@$ZONE_LAB_PORT"; }

# A domain and its records, relative to it; without any it is a zone that the
# server cannot load, which it answers with SERVFAIL.
zone_lab_domain() { # DOMAIN RECORD...
	local domain=$1 file=$LAB_DIR/zones/$1
	shift
	mkdir -p "$LAB_DIR/zones"
	echo "$domain" >>"$LAB_DIR/zones.list"
	[ $# -gt 0 ] || return 0
	{
		printf '$ORIGIN %s.\n$TTL 60\n' "$domain"
		echo "@ SOA ns h $((++ZONE_LAB_SERIAL)) 3600 600 86400 60"
		echo "@ NS ns"
		echo "ns A $ZONE_LAB_ADDRESS"
		printf '%s\n' "$@"
	} >"$file"
}

zone_lab_start() {
	local dir=$LAB_DIR/zones domain
	{
		printf 'server:\n  rundir: %s\n  listen: %s\n' "$dir" \
			"$(zone_lab_resolver)"
		printf 'database:\n  storage: %s\n' "$dir"
		printf 'log:\n  - target: %s/log\n    any: warning\nzone:\n' "$dir"
		sort -u "$LAB_DIR/zones.list" | while read -r domain; do
			printf '  - domain: %s\n    file: %s/%s\n' "$domain" \
				"$dir" "$domain"
		done
	} >"$dir/knot.conf"
	/usr/sbin/knotd -c "$dir/knot.conf" >>"$dir/out" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/zone-lab.pid"
	lab_wait 20 lab_listens "$ZONE_LAB_ADDRESS" "$ZONE_LAB_PORT" && return 0
	tail -n 5 "$dir/out" >&2
	lab_fail "knotd did not start"
}

zone_lab_stop() { lab_stop_pid zone-lab; }
