#!/usr/bin/env bash
# doctor on a good set-up, which it finds nothing wrong with, and on the same
# with one mistake after the other: each is found under its own name, with
# advice, and is gone when the mistake is. Real Postfix primary and backup, real
# daemons, real DNS.
#
# doctor reads Postfix's settings from a copy of its directory, so that each
# mistake is made there and Postfix itself goes on.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../support/postfix_lab.sh"
. "$here/../support/check.sh"
. "$here/../support/milter_lab.sh"

LAB_EXAMPLE=$LAB_SOURCE/postfix-examples/bounce-guard

# --- the set-up ------------------------------------------------------------

# All there is, from the root down: what is not here does not exist, and no
# resolver waits for an answer.
doctor_zone() {
	cat <<-ZONE
	\$ORIGIN .
	@ 3600 SOA ns.dns.test. h.test. 1 3600 600 86400 60
	@ 3600 NS ns.dns.test.
	ns.dns.test. 3600 A $(lab_address metrics)
	\$ORIGIN $LAB_DOMAIN.
	@ 3600 MX 10 primary
	@ 3600 MX 20 backup
	primary 3600 A $(lab_address primary)
	backup 3600 A $(lab_address backup)
	\$ORIGIN ${LAB_NET##*.}.0.127.in-addr.arpa.
	1 3600 PTR primary.$LAB_DOMAIN.
	2 3600 PTR backup.$LAB_DOMAIN.
	ZONE
}

doctor_dns_start() {
	local dir=$LAB_DIR/dns
	mkdir -p "$dir"
	doctor_zone >"$dir/zone"
	cat >"$dir/knot.conf" <<-CONF
	server:
	    rundir: "$dir"
	    listen: $(lab_address metrics)@$LAB_DNS_PORT
	database:
	    storage: "$dir"
	log:
	  - target: "$dir/log"
	    any: warning
	template:
	  - id: default
	    zonefile-sync: -1
	    zonefile-load: whole
	    journal-content: none
	zone:
	  - domain: .
	    file: "$dir/zone"
	CONF
	/usr/sbin/knotd -c "$dir/knot.conf" >>"$dir/out" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/dns.pid"
	lab_wait 20 lab_listens "$(lab_address metrics)" "$LAB_DNS_PORT" ||
		lab_fail "knotd did not start"
}

# A certificate for the primary, valid for that many days.
doctor_certificate() { # DAYS
	local conf=$LAB_DIR/primary/conf
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days "$1" -subj "/CN=primary.$LAB_DOMAIN" \
		-addext "subjectAltName=DNS:primary.$LAB_DOMAIN" \
		-keyout "$conf/key.pem" -out "$conf/cert.pem" 2>/dev/null
	cat "$conf/key.pem" "$conf/cert.pem" >"$conf/chain.pem.new"
	mv "$conf/chain.pem.new" "$conf/chain.pem"
}

# What of the lab is not as on a real host, in the copy that doctor reads.
doctor_copy() {
	local conf=$LAB_DIR/doctor
	cp -r "$LAB_DIR/backup/conf" "$conf"
	echo "smtp inet n - y - - smtpd" >>"$conf/master.cf"
	postconf -c "$conf" -e inet_interfaces=all \
		"proxy_interfaces=$(lab_address backup)"
	lab_ctl postfix --config-dir "$conf" --apply >"$LAB_DIR/applied" 2>&1 ||
		{ cat "$LAB_DIR/applied"; return 1; }
}

configure() {
	lab_postfix_configure primary
	lab_postfix_configure backup
	doctor_certificate 90
	cat >>"$LAB_DIR/primary/conf/main.cf" <<-MAIN
	smtpd_tls_chain_files = $LAB_DIR/primary/conf/chain.pem
	smtpd_tls_security_level = may
	smtpd_authorized_xforward_hosts = $(lab_address backup)
	MAIN
	lab_policyd_configure
	lab_milter_configure
}

start_all() {
	lab_create || exit 1
	trap stop_all EXIT
	trap 'exit 130' INT TERM
	configure
	lab_postfix_start primary && doctor_dns_start && lab_policyd_start &&
		lab_milter_start && lab_postfix_start backup && doctor_copy ||
		exit 1
	DOCTOR_CONF=$LAB_DIR/policyd/backupmx.conf
}

stop_all() {
	lab_stop_pid redis
	lab_stop_pid milter
	lab_stop_pid dns
	lab_down
}

# --- what doctor says ------------------------------------------------------

doctor() { lab_ctl doctor --config-dir "$LAB_DIR/doctor" --json; }

# The rows that are wrong, sorted, then the first advice of the row named: of
# the JSON on standard input.
rows() { # ROW
	"$LAB_PYTHON" -c '
import json, sys
found = [f for f in json.load(sys.stdin)["findings"] if f["severity"] != "good"]
print(*sorted({f["row"] for f in found}))
print(*[f["advice"] for f in found if f["row"] == sys.argv[1]][:1])' "$1"
}

# check_found NAME ADVICE-GLOB ROW...: just these rows, and the first's advice
check_found() {
	local name=$1 advice=$2 said
	shift 2
	said=$(doctor | rows "${1:-none}")
	check_equal "$name" "$(head -n 1 <<<"$said")" \
		"$(printf '%s\n' "$@" | sort | xargs)"
	[ $# -eq 0 ] || check_match "$name: what to do" \
		"$(tail -n +2 <<<"$said")" "$advice"
}

finds() { # ROW: is it among what is wrong?
	doctor | rows none | head -n 1 | grep -qwF "$1"
}

check_clean() { # NAME
	check_found "$1" ''
}

# --- mistakes in main.cf and master.cf -------------------------------------

# Postfix waits for up to two seconds before it believes a file that has just
# been changed.
settled() { touch -d '1 hour ago' "$LAB_DIR"/doctor/*.cf; }

doctor_restore() {
	mkdir -p "$LAB_DIR/doctor"
	cp "$LAB_DIR/main.cf.good" "$LAB_DIR/doctor/main.cf"
	cp "$LAB_DIR/master.cf.good" "$LAB_DIR/doctor/master.cf"
	settled
}

set_main() { # SETTING
	postconf -c "$LAB_DIR/doctor" -e "$1"
	settled
}

add_to_master() { # LINE
	echo "$1" >>"$LAB_DIR/doctor/master.cf"
	settled
}

# plant NAME ADVICE-GLOB SETTING ROW...: one setting of main.cf
plant() {
	local name=$1 advice=$2 setting=$3
	shift 3
	set_main "$setting"
	check_found "$name" "$advice" "$@"
	doctor_restore
}

in_force() { postconf -c "$LAB_DIR/doctor" -hx "$1"; }

plant_in() { # NAME ADVICE-GLOB PARAMETER SED-SCRIPT ROW...
	plant "$1" "$2" "$3 = $(in_force "$3" | sed "$4")" "${@:5}"
}

test_domains() {
	plant "not relayed" '*postfix --apply*' "relay_domains =" \
		postfix.relay-domains
	plant "a domain of this host" 'Take the domain out*' \
		"mydestination = localhost, $LAB_DOMAIN" postfix.local-domain
	plant "a domain without a section" 'Add a section*' \
		"relay_domains = $LAB_DOMAIN, other.test" \
		postfix.relay-domain-unserved
	plant "thrown away" 'Correct transport_maps*' \
		"transport_maps = inline:{ { $LAB_DOMAIN = discard: } }" \
		postfix.transport
	plant "a loop" 'Let the transport*' \
		"transport_maps = inline:{ { $LAB_DOMAIN = relay:[backup.$LAB_DOMAIN] } }" \
		postfix.mail-loop
	plant "another host" '*relayhost*' \
		"transport_maps = inline:{ { other.test = smtp: } }" \
		postfix.other-host
}

test_policy() {
	local list=smtpd_recipient_restrictions
	plant "policyd is not asked" '*postfix --apply*' \
		"$list = reject_unauth_destination" postfix.policy-missing
	plant_in "a permit before policyd" 'Put check_policy_service before*' \
		$list 's/check_policy/permit, &/' postfix.policy-bypassed
	plant_in "policyd only warns" '*warn_if_reject*' \
		$list 's/check_policy/warn_if_reject &/' postfix.policy-warn-only
	plant_in "no patience" '*timeout=10s*' \
		$list 's/timeout=10s/timeout=2s/' postfix.policy-timeout
	plant_in "open without policyd" '*default_action = DEFER*' \
		$list 's/DEFER_IF_PERMIT [^}]*/DUNNO/' \
		postfix.policy-default-action
	plant_in "a path out of the chroot" '*below queue_directory*' \
		$list "s|unix:|&$LAB_DIR/backup/queue/|" postfix.policy-socket
	plant "permit_mx_backup" 'Take permit_mx_backup out*' \
		"smtpd_relay_restrictions = permit_mx_backup, reject_unauth_destination" \
		postfix.permit-mx-backup
	add_to_master " -o $list=permit_mynetworks,reject_unauth_destination"
	check_found "restrictions in master.cf" 'Take the -o option out*' \
		postfix.policy-override
	doctor_restore
}

test_milter() {
	plant "the milter is not asked" '*postfix --apply*' "smtpd_milters =" \
		postfix.milter-missing
	plant_in "open without the milter" '*default_action=tempfail*' \
		smtpd_milters 's/tempfail/accept/' \
		postfix.milter-default-action
	plant_in "no time for the milter" '*command_timeout=25s*' \
		smtpd_milters 's/command_timeout=25s/command_timeout=5s/' \
		postfix.milter-timeout
	plant "bounces pass unseen" '*non_smtpd_milters*' \
		"non_smtpd_milters =" postfix.bounce-guard-unwired
	plant "bounces of no class" '*internal_mail_filter_classes=bounce*' \
		"internal_mail_filter_classes =" postfix.bounce-class
	add_to_master " -o smtpd_milters="
	check_found "no milter in master.cf" 'Take the -o option out*' \
		postfix.milter-override
	doctor_restore
}

test_settings() {
	plant "loopback only" '*inet_interfaces=all*' \
		"inet_interfaces = loopback-only" postfix.loopback-only
	plant "the world is ours" '*mynetworks*' "mynetworks = 0.0.0.0/0" \
		postfix.wide-mynetworks
	plant "another name" '*hostname in backupmx.conf*' \
		"myhostname = mail.$LAB_DOMAIN" postfix.myhostname
	plant "a second list" 'Give that table to policyd*' \
		"relay_recipient_maps = inline:{ { a@$LAB_DOMAIN = x } }" \
		postfix.relay-recipient-maps
	plant "a day's queue" '*maximal_queue_lifetime=10d*' \
		"maximal_queue_lifetime = 1d" postfix.queue-lifetime
	plant "SRS" 'Take it out of sender_canonical_maps*' \
		"sender_canonical_maps = tcp:localhost:10001" postfix.srs
	plant "soft_bounce" '*soft_bounce*' "soft_bounce = yes" \
		postfix.soft-bounce
	plant "delivery is stopped" '*defer_transports*' \
		"defer_transports = relay" postfix.deferred-transport
	plant "larger than the primary" '*message_size_limit*' \
		"message_size_limit = 20480000" primary.size-smaller
}

test_postfix_itself() {
	# DNS then has findings, too: proxy_interfaces is not known
	add_to_master "smtp inet"
	check_match "a broken master.cf" "$(doctor | rows postfix.unreadable)" \
		'*postfix.unreadable*postfix check*'
	rm "$LAB_DIR"/doctor/*.cf
	check_match "no Postfix" "$(doctor | rows postfix.not-installed)" \
		'*postfix.not-installed*--config-dir*'
	doctor_restore
	lab_postfix_stop backup
	check_found "Postfix is down" '*start postfix*' postfix.not-running
	lab_postfix_start backup
}

# --- mistakes of daemons, files and rights ---------------------------------

test_files() {
	local state=$LAB_DIR/policyd/state sockets
	sockets=$LAB_DIR/backup/queue/backupmx
	chmod 700 "$sockets"
	check_found "a closed folder of sockets" '*install -d*' \
		postfix.policy-socket postfix.milter-socket
	chmod 2750 "$sockets"
	chown root "$state/list.mdb"
	check_found "a file of root's" 'chown*' service.file-owner
	chown "$LAB_USER" "$state/list.mdb"
	chmod 644 "$state/list.mdb"
	check_found "a list that all may read" 'chmod 0640*' service.file-mode
	chmod 640 "$state/list.mdb"
	chmod 644 "$state/seal.key"
	check_found "a key that all may read" 'chmod 0600*' \
		service.seal-key-mode
	chmod 600 "$state/seal.key"
	mv "$state/seal.key" "$state/seal.key.away"
	check_found "no seal key" 'Restart backupmx-milter*' \
		service.seal-key-missing
	mv "$state/seal.key.away" "$state/seal.key"
	touch "$state/list.mdb.bad-1"
	check_found "a damaged database" '*disk errors*' service.file-set-aside
	rm "$state/list.mdb.bad-1"
	touch -d tomorrow "$state/seals.mdb" # no mail comes, nobody writes it
	check_found "a file of tomorrow" 'Set the clock*' service.clock-back
	touch "$state/seals.mdb"
}

reload() { lab_ctl reload >/dev/null; }

test_configuration() {
	cp "$DOCTOR_CONF" "$DOCTOR_CONF.good"
	sed -i 's/list_max_age *= *24h/list_max_age = 12h/' "$DOCTOR_CONF"
	check_found "a reload that was forgotten" '*backupmxctl reload*' \
		service.reload-forgotten
	sed -i 's/"enforce"/"observe"/' "$DOCTOR_CONF"
	reload
	check_found "nobody is refused" '*enforce*' service.observe
	cp "$DOCTOR_CONF.good" "$DOCTOR_CONF"
	reload
	sed -i 's|^policyd {|&\n\ton_recovery = {"/nonexistent/postqueue"}|' \
		"$DOCTOR_CONF"
	check_found "a program that is not there" 'Correct policyd.on_recovery*' \
		service.on-recovery service.reload-forgotten
	cp "$DOCTOR_CONF.good" "$DOCTOR_CONF"
	echo 'no_such_option = 1' >>"$DOCTOR_CONF"
	lab_ctl doctor >/dev/null 2>"$LAB_DIR/said"
	check_equal "a mistake in the file: status" $? 78
	check_match "a mistake in the file" "$(cat "$LAB_DIR/said")" \
		'*no_such_option*'
	cp "$DOCTOR_CONF.good" "$DOCTOR_CONF"
}

test_lists() {
	local list
	list=$(lab_list)
	cp "$list" "$list.good"
	: >"$list"
	check_within "the list's source is empty" 10 finds service.sync-failing
	cp "$list.good" "$list"
	echo "@$LAB_DOMAIN" >>"$list"
	check_within "a wildcard in the list" 10 finds service.list-wildcard
	sed -i '/^@/d' "$list"
	check_within "both are gone" 10 clean
}

clean() { [ -z "$(doctor | rows none)" ]; }

test_daemons() {
	kill -9 "$(lab_milter_pid)"
	lab_wait 5 lab_gone "$(lab_milter_pid)"
	check_found "the milter died" '*start backupmx-milter*' \
		service.milter-away postfix.milter-socket
	lab_milter_start
	lab_policyd_stop
	check_found "policyd is not running" '*start backupmx-policyd*' \
		service.policyd-away postfix.policy-socket
	sed -i '1i redis { servers = {"'"$(lab_address sink)"':22599"} }' \
		"$DOCTOR_CONF"
	lab_policyd_start
	check_found "no Redis" 'Start Redis*' service.redis-away
	test_redis
	lab_policyd_stop
	cp "$DOCTOR_CONF.good" "$DOCTOR_CONF"
	lab_policyd_start
}

test_redis() {
	command -v redis-server >/dev/null || return 0
	redis-server --bind "$(lab_address sink)" --port 22599 --save '' \
		--maxmemory-policy allkeys-lru --maxmemory 10mb \
		--dir "$LAB_DIR" >"$LAB_DIR/redis.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/redis.pid"
	check_within "a Redis that throws away" 15 finds service.redis-eviction
	check_found "a Redis that throws away" '*noeviction*' \
		service.redis-eviction
	lab_stop_pid redis
}

test_rights() {
	local said
	said=$(setpriv --reuid=daemon --regid=daemon --clear-groups \
		"$LAB_BUILD/ctl/backupmxctl" -c "$DOCTOR_CONF" doctor \
		--config-dir "$LAB_DIR/doctor" --json | rows service.rights)
	check_equal "another user" "$(head -n 1 <<<"$said")" service.rights
	check_match "another user: what to do" "$said" '*as root*'
}

# --- mistakes of DNS and of the primary ------------------------------------

zone_says() { # SED-SCRIPT
	local dir=$LAB_DIR/dns
	doctor_zone | sed "$1" >"$dir/zone"
	kill -HUP "$(cat "$LAB_DIR/dns.pid")"
}

test_dns() {
	zone_says '/MX 20/d'
	check_within "we are not in the MX set" 5 finds dns.mx-not-listed
	zone_says 's/^primary.*A .*/primary CNAME real\nreal A '"$(lab_address primary)/"
	check_within "an MX that is an alias" 5 finds dns.mx-alias
	zone_says 's/MX 20/MX 5/'
	check_within "we are the best MX" 5 finds dns.mx-best
	zone_says ''
	check_within "DNS is as it was" 5 clean
}

test_primary() {
	local conf=$LAB_DIR/primary/conf
	doctor_certificate 5
	postfix -c "$conf" reload >/dev/null 2>&1
	check_within "a certificate that expires" 5 finds \
		primary.certificate-expires
	lab_postfix_stop primary
	check_within "the primary is down" 5 finds primary.unreachable
	doctor_certificate 90
	lab_postfix_start primary
	check_within "the primary is as it was" 20 clean
}

# --- all of it -------------------------------------------------------------

test_words() {
	doctor >/dev/null
	check_equal "nothing wrong is status 0" $? 0
	lab_ctl doctor --config-dir "$LAB_DIR/doctor" "$LAB_DOMAIN" >"$LAB_DIR/said"
	check_match "in words" "$(cat "$LAB_DIR/said")" 'nothing is wrong: * things looked at'
	lab_ctl doctor nowhere.test >/dev/null 2>&1
	check_equal "no such domain" $? 78
	lab_ctl doctor a b >/dev/null 2>&1
	check_equal "wrong words" $? 64
	set_main "soft_bounce = yes"
	doctor >/dev/null
	check_equal "a warning is status 1" $? 1
	set_main "relay_domains ="
	doctor >/dev/null
	check_equal "an error is status 2" $? 2
	doctor_restore
}

reason=$(lab_milter_missing) && check_skip "this test needs: $reason"
command -v openssl >/dev/null || check_skip "openssl is not installed"
start_all
cp "$LAB_DIR/doctor/main.cf" "$LAB_DIR/main.cf.good"
cp "$LAB_DIR/doctor/master.cf" "$LAB_DIR/master.cf.good"
doctor_restore
lab_wait 20 clean
check_clean "a good set-up"
for part in ${DOCTOR_PARTS:-words domains policy milter settings postfix_itself files \
	configuration lists daemons rights dns primary}; do
	"test_$part"
done
check_clean "all is as it was"
check_end
