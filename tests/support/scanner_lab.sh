# scanner_lab.sh - real scanners on loopback for the lab of postfix_lab.sh,
# which is to be sourced first. To be sourced by bash.

LAB_RSPAMD_PORT=11333
LAB_RSPAMD_MILTER_PORT=11332
LAB_SPAMD_PORT=1783
LAB_CLAMD_PORT=13310

LAB_GTUBE='XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'
# In two parts: this file is no virus.
LAB_EICAR_HEAD='X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-'
LAB_EICAR_TAIL='ANTIVIRUS-TEST-FILE!$H+H*'

lab_scanner_address() { lab_address metrics; }

# rspamd's stock configuration without what would talk to the world. A message
# says in X-Lab-Want which action it is to get. LAB_SCANNER_DNS: another DNS
# server than the lab's.
lab_rspamd_configure() {
	local dir=$LAB_DIR/rspamd address
	address=$(lab_scanner_address)
	mkdir -p "$dir/override.d" "$dir/local.d" "$dir/db"
	chown -R _rspamd "$dir/db"
	echo test >"$dir/tld" # the whole list takes long to compile
	echo "bind_socket = \"$address:$LAB_RSPAMD_PORT\"; count = 1;" \
		>"$dir/override.d/worker-normal.inc"
	echo "bind_socket = \"$address:$LAB_RSPAMD_MILTER_PORT\"; count = 1;
		upstream \"local\" { default = yes; self_scan = yes; }" \
		>"$dir/override.d/worker-proxy.inc"
	echo 'count = -1;' >"$dir/override.d/worker-controller.inc"
	echo 'type = "console";' >"$dir/override.d/logging.inc"
	echo 'enabled = false;' >"$dir/override.d/fuzzy_check.conf"
	echo 'use = ["x-spamd-result", "x-spam-status"];' \
		>"$dir/local.d/milter_headers.conf"
	cat >"$dir/override.d/options.inc" <<-OPTIONS
	filters = "regexp";
	disable_hyperscan = true;
	enable_test_patterns = true;
	url_tld = "$dir/tld";
	control_socket = "$dir/db/control.sock mode=0600";
	dns { nameserver = ["${LAB_SCANNER_DNS:-$address:$LAB_DNS_PORT}"]; retransmits = 1; timeout = 0.2s; }
	OPTIONS
	cat >"$dir/rspamd.local.lua" <<-'LUA'
	rspamd_config:register_symbol({
	  name = 'LAB_WANT',
	  type = 'prefilter',
	  callback = function(task)
	    local want = task:get_header('X-Lab-Want')
	    if want then
	      task:set_pre_result({
	        action = want, message = 'The lab wants ' .. want, module = 'lab',
	      })
	    end
	    if task:get_header('X-Lab-Edit') then
	      task:set_milter_reply({
	        add_headers = {['X-Lab-Added'] = {value = 'first\nsecond', order = 0}},
	        remove_headers = {['X-Lab-Edit'] = 0, ['X-Lab-Two'] = 2},
	      })
	    end
	  end,
	})
	LUA
	LAB_RSPAMD_PLACES=("--var=LOCAL_CONFDIR=$dir" "--var=DBDIR=$dir/db"
		"--var=RUNDIR=$dir/db" "--var=LOGDIR=$dir/db")
}

lab_rspamd_answers() {
	curl -s -o /dev/null "http://$(lab_scanner_address):$LAB_RSPAMD_PORT/ping" &&
		lab_listens "$(lab_scanner_address)" "$LAB_RSPAMD_MILTER_PORT"
}

lab_rspamd_start() {
	rspamd "${LAB_RSPAMD_PLACES[@]}" -f -u _rspamd -g _rspamd \
		>"$LAB_DIR/rspamd.log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/rspamd.pid"
	lab_wait 60 lab_rspamd_answers && return 0
	tail -n 20 "$LAB_DIR/rspamd.log" >&2
	lab_fail "rspamd did not start"
}

# SpamAssassin with the few rules of a file of ours: its own take minutes.
lab_spamd_start() {
	local dir=$LAB_DIR/spamd
	mkdir -p "$dir/site" "$dir/rules" "$dir/home"
	chown "$LAB_USER" "$dir/home"
	echo 'loadplugin Mail::SpamAssassin::Plugin::Check' >"$dir/site/v.pre"
	cat >"$dir/rules/rules.cf" <<-'RULES'
	body GTUBE /XJS\*C4JDBQADN1\.NSBN3\*2IDNEN\*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL\*C\.34X/
	score GTUBE 1000
	header LAB_ENVELOPE Return-Path =~ /spammer\@lab\.test/
	score LAB_ENVELOPE 100
	RULES
	HOME=$dir/home /usr/sbin/spamd -L -x -m 2 --min-children=1 \
		-i "$(lab_scanner_address):$LAB_SPAMD_PORT" \
		-A 127.0.0.0/8 -u "$LAB_USER" -C "$dir/rules" \
		--siteconfigpath="$dir/site" -s stderr -r "$dir/pid" \
		>"$dir/log" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/spamd.pid"
	lab_wait 40 lab_listens "$(lab_scanner_address)" "$LAB_SPAMD_PORT" &&
		return 0
	tail -n 20 "$dir/log" >&2
	lab_fail "spamd did not start"
}

# clamd with one signature: the octets of EICAR, anywhere.
lab_clamd_start() {
	local dir=$LAB_DIR/clamd
	mkdir -p "$dir/db"
	printf 'Lab.Eicar:0:*:%s\n' "$(printf '%s' "$LAB_EICAR_HEAD$LAB_EICAR_TAIL" |
		od -An -v -tx1 | tr -d ' \n')" >"$dir/db/lab.ndb"
	chown -R "$LAB_USER" "$dir"
	cat >"$dir/conf" <<-CONF
	DatabaseDirectory $dir/db
	TCPSocket $LAB_CLAMD_PORT
	TCPAddr $(lab_scanner_address)
	LocalSocket $dir/sock
	LocalSocketMode 666
	User $LAB_USER
	Foreground yes
	LogFile $dir/log
	StreamMaxLength 4M
	CONF
	/usr/sbin/clamd -c "$dir/conf" >"$dir/out" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/clamd.pid"
	lab_wait 40 lab_listens "$(lab_scanner_address)" "$LAB_CLAMD_PORT" &&
		return 0
	tail -n 20 "$dir/out" "$dir/log" >&2
	lab_fail "clamd did not start"
}

# Writes COUNT messages of many kinds into FOLDER, one a file.
lab_corpus() { # FOLDER COUNT
	"$LAB_PYTHON" "$LAB_SOURCE/tests/support/scan_corpus.py" "$1" "$2"
}
