# postfix_lab.sh - a disposable mail world on loopback, for ./run and the
# integration tests: a Postfix primary, a Postfix backup, backupmx-policyd
# beside it, and a sink that stands for the rest of the world (whatever bounces
# arrives there). To be sourced by bash, as root. Nothing outside LAB_DIR is
# written, and lab_down leaves nothing running.
#
#	. tests/support/postfix_lab.sh
#	lab_create || exit; trap lab_down EXIT
#	lab_postfix_configure primary; lab_postfix_configure backup
#	lab_policyd_configure; lab_policyd_start
#	lab_postfix_start primary; lab_postfix_start backup
#	lab_send backup sender@world.test alice@example.test
#
# Read by it: LAB_EXAMPLE (directory with the Postfix files and backupmx.conf),
# LAB_BUILD (build directory with the programs), LAB_CONF (another
# backupmx.conf), LAB_POLICYD_USER.
# Set by it: LAB_DIR, LAB_NET, LAB_PORT.

LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_EXAMPLE=${LAB_EXAMPLE:-$LAB_SOURCE/postfix-examples/basic}
LAB_BUILD=${LAB_BUILD:-$LAB_SOURCE/build/release}
LAB_PORT=2525
LAB_DOMAIN=example.test
# An unprivileged user that every system has; the real one is "backupmx".
LAB_USER=nobody
LAB_DIR=
LAB_NET=
LAB_PYTHON=/usr/bin/python3
[ -x "$LAB_PYTHON" ] || LAB_PYTHON=python3
PATH=$PATH:/usr/sbin:/sbin

lab_fail() { echo "lab: $*" >&2; return 1; }

lab_address() { # primary | backup | sink | metrics
	case $1 in
	primary) echo "$LAB_NET.1" ;;
	backup) echo "$LAB_NET.2" ;;
	*) echo "$LAB_NET.3" ;;
	esac
}

lab_missing() { # says what the lab lacks; fails when it lacks something
	local missing=
	[ "$(id -u)" = 0 ] || missing="$missing; root rights"
	command -v postfix >/dev/null 2>&1 || missing="$missing; postfix"
	command -v "$LAB_PYTHON" >/dev/null 2>&1 || missing="$missing; python3"
	[ -x "$LAB_BUILD/policyd/backupmx-policyd" ] ||
		missing="$missing; $LAB_BUILD/policyd/backupmx-policyd"
	[ -z "$missing" ] && return 1
	echo "${missing#; }"
}

# Waits until a command succeeds: lab_wait SECONDS COMMAND...
lab_wait() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

lab_alive() { # a process that is there and no zombie
	local state
	state=$(ps -o stat= -p "$1" 2>/dev/null) || return 1
	case $state in Z*) return 1 ;; esac
}

lab_gone() { ! lab_alive "$1"; }

lab_listens() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# Ends a process that the lab started, by the name of its pid file.
lab_stop_pid() {
	local pid file=$LAB_DIR/$1.pid
	[ -s "$file" ] || return 0
	pid=$(cat "$file")
	rm -f "$file"
	kill "$pid" 2>/dev/null || return 0
	lab_wait 10 lab_gone "$pid" || kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	return 0
}

# Makes LAB_DIR and takes a block of loopback addresses: who can listen on the
# sink's address has the block.
lab_create() {
	local base=${TMPDIR:-/tmp} block pid
	[ ${#base} -le 40 ] || base=/tmp # a unix socket's path has 107 octets
	LAB_DIR=$(mktemp -d "$base/backupmx.XXXXXX") || return 1
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR/mail"
	chown "$LAB_USER" "$LAB_DIR/mail"
	for block in $(seq 42 120); do
		LAB_NET=127.0.$block
		lab_listens "$LAB_NET.1" "$LAB_PORT" && continue
		lab_listens "$LAB_NET.2" "$LAB_PORT" && continue
		lab_sink_start && return 0
	done
	lab_fail "no free block of loopback addresses"
}

lab_sink_start() {
	local pid
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_sink.py" \
		"$(lab_address sink)" "$LAB_PORT" "$LAB_DIR/sink.jsonl" \
		>"$LAB_DIR/sink.log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$LAB_DIR/sink.pid"
	lab_wait 20 lab_sink_settled "$pid"
	grep -q ready "$LAB_DIR/sink.log" && return 0
	rm -f "$LAB_DIR/sink.pid"
	return 1
}

lab_sink_settled() {
	grep -qs ready "$LAB_DIR/sink.log" || lab_gone "$1"
}

# Bounces that any of the two hosts sent out.
lab_bounces() { grep -c '"from": ""' "$LAB_DIR/sink.jsonl" || true; }

# --- Postfix ---------------------------------------------------------------

# The services of Debian's master.cf other than the listener.
lab_master_services() {
	cat <<-'SERVICES'
	pickup    unix  n - y 60 1 pickup
	cleanup   unix  n - y - 0 cleanup
	qmgr      unix  n - n 300 1 qmgr
	tlsmgr    unix  - - y 1000? 1 tlsmgr
	rewrite   unix  - - y - - trivial-rewrite
	bounce    unix  - - y - 0 bounce
	defer     unix  - - y - 0 bounce
	trace     unix  - - y - 0 bounce
	verify    unix  - - y - 1 verify
	flush     unix  n - y 1000? 0 flush
	proxymap  unix  - - n - - proxymap
	proxywrite unix - - n - 1 proxymap
	smtp      unix  - - y - - smtp
	relay     unix  - - y - - smtp
	showq     unix  n - y - - showq
	error     unix  - - y - - error
	retry     unix  - - y - - error
	discard   unix  - - y - - discard
	local     unix  - n n - - local
	virtual   unix  - n n - - virtual
	lmtp      unix  - - y - - lmtp
	anvil     unix  - - y - 1 anvil
	scache    unix  - - y - 1 scache
	postlog   unix-dgram n - n - 1 postlogd
	SERVICES
}

# What every instance needs to live beside others, behind the example's lines.
lab_main_tail() {
	local name=$1 dir=$LAB_DIR/$1
	cat <<-TAIL

	# --- generated: this instance's place
	compatibility_level = 3.6
	myhostname = $name.$LAB_DOMAIN
	mydomain = $LAB_DOMAIN
	mydestination = $name.$LAB_DOMAIN
	# no client is ours
	mynetworks = [::1]/128
	queue_directory = $dir/queue
	data_directory = $dir/data
	maillog_file = $dir/log/mail.log
	maillog_file_prefixes = $dir/log
	syslog_name = postfix-$name
	# only 127.0.0.1 is on an interface: the listener is in master.cf
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	smtp_bind_address = $(lab_address "$name")
	smtpd_peername_lookup = no
	smtp_dns_support_level = disabled
	smtp_host_lookup = native
	local_recipient_maps =
	local_transport = discard:
	alias_maps =
	alias_database =
	biff = no
	append_dot_mydomain = no
	# whatever is for the world, that is bounces, goes to the sink
	relayhost = [$(lab_address sink)]:$LAB_PORT
	# every client has a loopback address
	smtpd_client_connection_count_limit = 0
	in_flow_delay = 0
	TAIL
}

lab_primary_tail() {
	cat <<-TAIL
	virtual_mailbox_base = $LAB_DIR/mail
	virtual_uid_maps = static:$(id -u "$LAB_USER")
	virtual_gid_maps = static:$(id -g "$LAB_USER")
	TAIL
}

lab_backup_tail() {
	cat <<-TAIL
	# in place of the MX records
	transport_maps = inline:{ { $LAB_DOMAIN = relay:[$(lab_address primary)]:$LAB_PORT } }
	TAIL
}

# The tables of the primary: the users of the example's list, and one alias.
lab_primary_tables() {
	local conf=$LAB_DIR/primary/conf
	sed -n 's/^\([a-z.]*\)@\(.*\)$/\1@\2 \1\//p' \
		"$LAB_EXAMPLE/$LAB_DOMAIN.list" | grep -v '^info@' \
		>"$conf/vmailbox"
	echo "info@$LAB_DOMAIN alice@$LAB_DOMAIN" >"$conf/valias"
	echo "postmaster@$LAB_DOMAIN alice@$LAB_DOMAIN" >>"$conf/valias"
	echo "abuse@$LAB_DOMAIN alice@$LAB_DOMAIN" >>"$conf/valias"
}

# Configures primary or backup from the example's very files.
lab_postfix_configure() {
	local name=$1 dir=$LAB_DIR/$1 file
	mkdir -p "$dir/conf" "$dir/queue/etc" "$dir/data" "$dir/log"
	chmod 755 "$dir" "$dir/conf" "$dir/queue"
	chown postfix "$dir/data"
	# chrooted daemons read these inside the queue directory
	for file in hosts nsswitch.conf services resolv.conf localtime; do
		[ -r "/etc/$file" ] && cp -L "/etc/$file" "$dir/queue/etc/$file"
	done
	{
		sed "s/^smtp  *inet/$(lab_address "$name"):$LAB_PORT inet/" \
			"$LAB_EXAMPLE/$name/master.cf"
		lab_master_services
	} >"$dir/conf/master.cf"
	{
		cat "$LAB_EXAMPLE/$name/main.cf"
		lab_main_tail "$name"
		"lab_${name}_tail"
	} >"$dir/conf/main.cf"
	lab_postfix_settled "$name"
	if [ "$name" = primary ]; then
		lab_primary_tables
	else # as packaging/backupmx.tmpfiles makes it
		mkdir -p "$dir/queue/backupmx"
		chown "$LAB_USER:postfix" "$dir/queue/backupmx"
		chmod 2750 "$dir/queue/backupmx"
	fi
}

# Postfix's programs wait for a main.cf that is younger than two seconds.
lab_postfix_settled() { touch -d '1 hour ago' "$LAB_DIR/$1/conf/main.cf"; }

lab_postfix_pid() {
	local pid
	pid=$(tr -dc 0-9 2>/dev/null <"$LAB_DIR/$1/queue/pid/master.pid")
	[ -n "$pid" ] && lab_alive "$pid" &&
		[ "$(ps -o comm= -p "$pid")" = master ] && echo "$pid"
}

lab_postfix_start() {
	lab_postfix_settled "$1" # a test may have changed it
	postfix -c "$LAB_DIR/$1/conf" start >>"$LAB_DIR/$1/log/command.log" 2>&1 &&
		lab_wait 20 lab_listens "$(lab_address "$1")" "$LAB_PORT" &&
		return 0
	tail -n 20 "$LAB_DIR/$1/log/command.log" "$LAB_DIR/$1/log/mail.log" >&2
	lab_fail "Postfix $1 did not start"
}

lab_postfix_stop() {
	local pid
	pid=$(lab_postfix_pid "$1") || return 0
	postfix -c "$LAB_DIR/$1/conf" stop >>"$LAB_DIR/$1/log/command.log" 2>&1 ||
		postfix -c "$LAB_DIR/$1/conf" abort >/dev/null 2>&1
	lab_wait 20 lab_gone "$pid" || lab_fail "Postfix $1 did not stop"
}

lab_queue_length() {
	local queue=$LAB_DIR/$1/queue
	find "$queue/incoming" "$queue/active" "$queue/deferred" \
		"$queue/maildrop" "$queue/hold" -type f 2>/dev/null | wc -l
}

lab_queue_empty() { [ "$(lab_queue_length "$1")" -eq 0 ]; }

lab_queue_flush() { postqueue -c "$LAB_DIR/$1/conf" -f; }

lab_flush_until_empty() {
	lab_queue_empty backup && return 0
	lab_queue_flush backup
	sleep 0.5
	lab_queue_empty backup
}

# How many messages a user's mailbox at the primary holds.
lab_mailbox() { find "$LAB_DIR/mail/$1/new" -type f 2>/dev/null | wc -l; }

lab_mailbox_has() { # USER COUNT
	[ "$(lab_mailbox "$1")" -ge "$2" ]
}

lab_delivered_id() { # USER ID: is that very message in the mailbox?
	grep -qrs "^X-Lab-Id: $2\$" "$LAB_DIR/mail/$1/new"
}

# --- policyd ---------------------------------------------------------------

lab_list() { echo "$LAB_DIR/policyd/lists/$LAB_DOMAIN"; }

# The example's own backupmx.conf with this lab's paths and addresses.
lab_policyd_configure() {
	local dir=$LAB_DIR/policyd
	mkdir -p "$dir/state" "$dir/run" "$dir/lists"
	chown "$LAB_USER" "$dir/state" "$dir/run"
	cp "$LAB_EXAMPLE/$LAB_DOMAIN.list" "$(lab_list)"
	sed -e "s|/var/spool/postfix/backupmx/|$LAB_DIR/backup/queue/backupmx/|" \
		-e "s|/var/lib/backupmx|$dir/state|" \
		-e "s|/run/backupmx/|$dir/run/|" \
		-e "s|/etc/backupmx/lists/|$dir/lists/|" \
		-e "s|127.0.0.1:9517|$(lab_address metrics):9517|" \
		-e "s|\"mx\"|\"[$(lab_address primary)]:$LAB_PORT\"|" \
		"${LAB_CONF:-$LAB_EXAMPLE/backupmx.conf}" >"$dir/backupmx.conf"
}

lab_policyd_socket() { echo "$LAB_DIR/backup/queue/backupmx/policyd.sock"; }

lab_policyd_start() {
	local pid
	"$LAB_BUILD/policyd/backupmx-policyd" -f \
		-u "${LAB_POLICYD_USER:-$LAB_USER}" \
		-c "$LAB_DIR/policyd/backupmx.conf" \
		>>"$LAB_DIR/policyd/log" 2>&1 </dev/null &
	pid=$!
	echo "$pid" >"$LAB_DIR/policyd.pid"
	lab_wait 20 lab_policyd_settled "$pid"
	lab_policyd_answers && return 0
	tail -n 20 "$LAB_DIR/policyd/log" >&2
	lab_fail "backupmx-policyd did not start"
}

lab_policyd_settled() { lab_policyd_answers || lab_gone "$1"; }

# Does it answer, and from its list? An address of the list is asked for.
lab_policyd_answers() {
	lab_policy "$(sed -n '/^[a-z]/{p;q}' "$(lab_list)")" 2>/dev/null |
		grep -q DUNNO
}

lab_policyd_stop() { lab_stop_pid policyd; }

lab_policyd_pid() { cat "$LAB_DIR/policyd.pid"; }

# Asks policyd itself about a recipient; prints the action.
lab_policy() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/policy_client.py" \
		"$(lab_policyd_socket)" "$1"
}

lab_ctl() {
	"$LAB_BUILD/ctl/backupmxctl" -c "$LAB_DIR/policyd/backupmx.conf" "$@"
}

# What policyd logged last about a recipient, as key=value words.
lab_decision() {
	grep -F "ev=decision" "$LAB_DIR/policyd/log" | grep -iF "rcpt=<$1>" |
		tail -n 1
}

lab_decision_key() { # KEY RECIPIENT
	lab_decision "$2" | grep -o " $1=[^ ]*" | cut -d= -f2-
}

# --- mail ------------------------------------------------------------------

# Sends a message: lab_send HOST SENDER RECIPIENT [ID]; prints the reply.
lab_send() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" --to-data \
		"$(lab_address "$1")" "$LAB_PORT" "${@:2}"
}

# As lab_send, but leaves after RCPT.
lab_ask() {
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/smtp_client.py" \
		"$(lab_address "$1")" "$LAB_PORT" "${@:2}"
}

# --- the end ---------------------------------------------------------------

lab_stop_all() {
	[ -n "$LAB_DIR" ] && [ -d "$LAB_DIR" ] || return 0
	lab_postfix_stop backup
	lab_postfix_stop primary
	lab_policyd_stop
	lab_stop_pid sink
}

# Processes that still have the lab's directory in their command line, other
# than this shell and its children.
lab_left_over() {
	ps -eo pid=,args= | grep -F "$LAB_DIR" |
		grep -vF -e 'grep -F' -e show.sh || true
}

lab_down() {
	[ -n "$LAB_DIR" ] && [ -d "$LAB_DIR" ] || return 0
	lab_stop_all
	rm -rf "$LAB_DIR"
}
