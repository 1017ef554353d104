# milter_lab.sh - the milter and a DNS server for the lab of postfix_lab.sh,
# which is to be sourced first. To be sourced by bash.
#
# The backup has a second listener, LAB_MILTER_PORT, on which no policy service
# is asked: there the milter alone stands before the primary's users.

LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/milter
LAB_MILTER_PORT=2526
LAB_DNS_PORT=2553
LAB_METRICS_PORT=9518

lab_milter_missing() {
	local missing
	missing=$(lab_missing)
	[ -x /usr/sbin/knotd ] || missing="$missing; knotd (package knot)"
	"$LAB_PYTHON" -c 'import authres, spf' 2>/dev/null ||
		missing="$missing; python3-authres and python3-spf"
	[ -x "$LAB_BUILD/milter/backupmx-milter" ] ||
		missing="$missing; $LAB_BUILD/milter/backupmx-milter"
	[ -z "$missing" ] && return 1
	echo "${missing#; }"
}

# --- DNS -------------------------------------------------------------------

# Senders' domains, one for each result; *.any.test passes and is never cached
# under a name that was not asked for. Outside test. the server refuses to
# answer, which a resolver reports as SERVFAIL.
lab_zone() {
	cat <<-'ZONE'
	$ORIGIN test.
	@ 300 SOA ns h 1 3600 600 86400 60
	@ 300 NS ns
	ns 300 A 127.0.0.1
	pass 300 TXT "v=spf1 ip4:192.0.2.1 -all"
	fail 300 TXT "v=spf1 -all exp=why.fail.test"
	why.fail 300 TXT "%{i} is 100%% wrong for %{d}"
	softfail 300 TXT "v=spf1 ~all"
	neutral 300 TXT "v=spf1 ?all"
	none 300 A 192.0.2.9
	permerror 300 TXT "v=spf1 no-such-mechanism:x -all"
	any 300 A 192.0.2.9
	*.any 300 TXT "v=spf1 ip4:192.0.2.0/24 -all"
	*.any 300 A 192.0.2.9
	bench 300 TXT "v=spf1 ip4:127.0.0.0/8 -all"
	helo 300 TXT "v=spf1 ip4:192.0.2.1 -all"
	helo 300 A 192.0.2.1
	client 300 A 192.0.2.1
	mx 300 MX 10 client
	nullmx 300 MX 0 .
	void 300 TXT "no mail here"
	1.2.0.192.a.bl 300 A 127.0.0.2
	2.2.0.192.a.bl 300 A 127.0.0.20
	3.2.0.192.a.bl 300 A 127.0.0.2
	3.2.0.192.wl 300 A 127.0.0.2
	$ORIGIN 0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.a.bl.test.
	1.1.0.0.0.0.0.0.0.0.0.0 300 A 127.0.0.3
	$ORIGIN lies.test.
	*.bl 300 A 192.0.2.99
	*.refused 300 A 127.255.255.254
	ZONE
}

# The names of 192.0.2.0/24: one leads back, one does not, the rest have none.
lab_reverse_zone() {
	cat <<-'ZONE'
	$ORIGIN 2.0.192.in-addr.arpa.
	@ 300 SOA ns.test. h.test. 1 3600 600 86400 60
	@ 300 NS ns.test.
	1 300 PTR client.test.
	2 300 PTR client.test.
	ZONE
}

lab_dns_start() {
	local dir=$LAB_DIR/dns
	mkdir -p "$dir"
	lab_zone >"$dir/test.zone"
	lab_reverse_zone >"$dir/reverse.zone"
	cat >"$dir/knot.conf" <<-CONF
	server:
	    rundir: "$dir"
	    listen: $(lab_address metrics)@$LAB_DNS_PORT
	database:
	    storage: "$dir"
	log:
	  - target: "$dir/log"
	    any: warning
	zone:
	  - domain: test.
	    file: "$dir/test.zone"
	  - domain: 2.0.192.in-addr.arpa.
	    file: "$dir/reverse.zone"
	CONF
	/usr/sbin/knotd -c "$dir/knot.conf" >>"$dir/out" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/dns.pid"
	lab_wait 20 lab_listens "$(lab_address metrics)" "$LAB_DNS_PORT" ||
		lab_fail "knotd did not start"
}

# --- the milter ------------------------------------------------------------

# lab_policyd_configure wrote the example's file; this adds what the lab needs.
lab_milter_configure() { # [ACTION]: what every SPF result does
	local conf=$LAB_DIR/policyd/backupmx.conf
	mkdir -p "$LAB_DIR/milter"
	[ -s "$conf.example" ] || cp "$conf" "$conf.example"
	{
		echo "resolver = {\"$(lab_address metrics)@$LAB_DNS_PORT\"}"
		sed -e "s|127.0.0.1:9518|$(lab_address metrics):$LAB_METRICS_PORT|" \
			${1:+-e "s/\(fail\|softfail\|temperror\|permerror\)\( *= \)\".*\"/\1\2\"$1\"/"} \
			"$conf.example"
	} >"$conf"
}

lab_milter_socket() { echo "$LAB_DIR/backup/queue/backupmx/milter.sock"; }

lab_milter_healthy() {
	[ -S "$(lab_milter_socket)" ] &&
		lab_listens "$(lab_address metrics)" "$LAB_METRICS_PORT"
}

lab_milter_settled() { lab_milter_healthy || lab_gone "$1"; }

lab_milter_start() {
	local pid
	"$LAB_BUILD/milter/backupmx-milter" -f -u "$LAB_USER" \
		-c "$LAB_DIR/policyd/backupmx.conf" \
		>>"$LAB_DIR/milter/log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$LAB_DIR/milter.pid"
	lab_wait 20 lab_milter_settled "$pid"
	lab_milter_healthy && lab_alive "$pid" && return 0
	tail -n 20 "$LAB_DIR/milter/log" >&2
	lab_fail "backupmx-milter did not start"
}

lab_milter_pid() { cat "$LAB_DIR/milter.pid"; }

lab_milter_reloads() { grep -c 'ev=reloaded' "$LAB_DIR/milter/log"; }

lab_milter_reloaded() { [ "$(lab_milter_reloads)" -gt "$1" ]; }

lab_milter_reload() {
	local before
	before=$(lab_milter_reloads)
	kill -USR1 "$(lab_milter_pid)"
	lab_wait 10 lab_milter_reloaded "$before"
}

lab_milter_metric() { # NAME{LABELS}
	curl -s "http://$(lab_address metrics):$LAB_METRICS_PORT/metrics" |
		grep -F "$1 " | cut -d' ' -f2
}

# --- Postfix: what postfix_lab.sh asks for ---------------------------------

lab_backup_tail() {
	cat <<-TAIL
	transport_maps = inline:{ { $LAB_DOMAIN = relay:[$(lab_address primary)]:$LAB_PORT } }
	smtpd_authorized_xclient_hosts = 127.0.0.0/8
	smtpd_sasl_auth_enable = yes
	default_process_limit = 200
	TAIL
}

# Behind the example's own line: the same smtpd without the policy service.
lab_milter_listener() {
	cat >>"$LAB_DIR/backup/conf/master.cf" <<-SERVICE
	$(lab_address backup):$LAB_MILTER_PORT inet n - y - - smtpd
	  -o smtpd_recipient_restrictions=reject_unauth_destination
	SERVICE
}

# The file of a delivered message, when it is there.
lab_message() { # USER ID
	grep -lrs "^X-Lab-Id: $2\$" "$LAB_DIR/mail/$1/new" | head -n 1
}

lab_header() { # USER ID
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/milter_header.py" \
		"$(lab_message "$1" "$2")"
}

lab_milter_client() { # VERB PORT ARGUMENTS...
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/milter_client.py" "$1" \
		"$(lab_address backup)" "$2" "${@:3}"
}
