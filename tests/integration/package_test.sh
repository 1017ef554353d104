#!/usr/bin/env bash
# The Debian package: built, judged by lintian and systemd-analyze, installed
# into a small system of its own with nothing but what it depends on and
# Postfix, used there without systemd, and purged without a trace.
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/../support/check.sh"

EXPOSURE=15 # tenths: what systemd-analyze security may say at most
BACKUP=127.0.0.1 # of its own network
UNITS="backupmx-policyd.service backupmx-milter.service
	backupmx-policyd.socket backupmx-milter.socket"

[ "$(id -u)" = 0 ] || check_skip "only root may make a root directory"
for program in dpkg-buildpackage dh ninja; do
	command -v $program >/dev/null ||
		check_skip "$program is not installed (debhelper, ninja-build)"
done
# A network and processes of its own: the package's default ports, and nothing
# is left running whatever happens.
if [ -z "${PACKAGE_TEST_INSIDE:-}" ]; then
	unshare --mount --pid --net --fork true 2>/dev/null ||
		check_skip "namespaces cannot be made here"
	PACKAGE_TEST_INSIDE=1 exec unshare --mount --pid --net --fork \
		--kill-child --mount-proc "$0" "$@"
fi

work=$(mktemp -d /tmp/bmx-package-XXXXXX) || exit 1
root=$work/root
trap 'cd /; umount -R "$root/dev" "$root/proc" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"; }

wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

build_package() {
	# Fast rather than small; fortified all the same.
	DEB_CFLAGS_APPEND="-O1 -g0" \
		DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=2" \
		"$top/packaging/build-deb" "$work/deb" >"$work/build.log" 2>&1
	check_equal "the package builds" $? 0
	deb=$(echo "$work"/deb/backupmx_*.deb)
	[ -f "$deb" ] || { tail -n 40 "$work/build.log"; exit 1; }
}

test_contents() {
	local file contents
	contents=$(dpkg-deb -c "$deb" | awk '{ print $1, $6 }')
	for file in usr/sbin/backupmx-policyd usr/sbin/backupmx-milter \
		usr/sbin/backupmxctl etc/backupmx/backupmx.conf \
		etc/backupmx/conf.d/ usr/lib/sysusers.d/backupmx.conf \
		usr/lib/tmpfiles.d/backupmx.conf \
		usr/share/bash-completion/completions/backupmxctl \
		usr/share/man/man5/backupmx.conf.5.gz \
		usr/share/man/man8/backupmx-policyd.8.gz \
		usr/share/man/man8/backupmx-milter.8.gz \
		usr/share/man/man8/backupmxctl.8.gz \
		usr/share/doc/backupmx/README.md \
		usr/share/doc/backupmx/CHANGELOG.md \
		usr/share/doc/backupmx/docs/log.md \
		usr/share/doc/backupmx/docs/operations.md \
		usr/share/doc/backupmx/monitoring/backupmx.rules.yml \
		usr/share/doc/backupmx/monitoring/backupmx.json \
		usr/share/doc/backupmx/postfix-examples/basic/backup/main.cf; do
		# the whole name: a .gz behind it is another file
		check_match "it has $file" "$contents"$'\n' "* ./$file"$'\n*'
	done
	for file in $UNITS; do
		check_match "it has $file" "$contents" \
			"* ./lib/systemd/system/$file*"
	done
	check_equal "its conffiles" "$(dpkg-deb -I "$deb" conffiles)" \
		/etc/backupmx/backupmx.conf
}

test_lintian() {
	if ! command -v lintian >/dev/null; then
		echo "skip lintian: it is not installed"
		return
	fi
	check_equal "lintian has no errors and no warnings" \
		"$(lintian --allow-root "$work"/deb/*.changes 2>&1)" ""
}

test_units() {
	local units=$work/units unit seen
	if ! command -v systemd-analyze >/dev/null; then
		echo "skip units: systemd-analyze is not installed"
		return
	fi
	dpkg-deb -x "$deb" "$work/files"
	mkdir "$units"
	for unit in $UNITS; do
		sed "s|/usr/sbin/backupmx|$work/files&|" \
			"$work/files/lib/systemd/system/$unit" >"$units/$unit"
	done
	seen=$(cd "$units" && systemd-analyze verify --man=no \
		$(printf './%s ' $UNITS) 2>&1 | grep -i backupmx)
	check_equal "systemd-analyze finds no mistake in the units" "$seen" ""
	for unit in backupmx-policyd.service backupmx-milter.service; do
		seen=$(systemd-analyze security --offline=true --no-pager \
			--threshold=$EXPOSURE "$units/$unit" 2>&1)
		check_equal "exposure of $unit is at most $EXPOSURE tenths" $? 0
		echo "     ${seen##*→ }"
	done
}

make_root() {
	local said
	mkdir "$root"
	said=$("$here/../support/minimal_root.py" "$root" "$deb" postfix 2>&1)
	case $? in
	0) echo "     the root has $said" ;;
	75) check_skip "$said" ;;
	*) check_fail "a small system is made" "$said" ""; exit 1 ;;
	esac
	mount -t tmpfs none "$root/dev" && mount -t proc none "$root/proc" ||
		check_skip "nothing can be mounted here"
	mknod -m 666 "$root/dev/null" c 1 3
	mknod -m 666 "$root/dev/urandom" c 1 9
	mknod -m 666 "$root/dev/random" c 1 8
	python3 - <<'PY'
import fcntl, socket, struct
request = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")  # IFF_UP, RUNNING
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    fcntl.ioctl(sock, 0x8914, request)  # SIOCSIFFLAGS
PY
}

# Postfix as Debian ships it, with smtpd in its chroot.
configure_postfix() {
	cp "$root/usr/share/postfix/master.cf.dist" "$root/etc/postfix/master.cf"
	cat >"$root/etc/postfix/main.cf" <<CF
compatibility_level = 3.6
myhostname = backup.example.test
mydestination =
mynetworks = 192.0.2.1/32
inet_interfaces = loopback-only
inet_protocols = ipv4
relay_domains = example.test
maillog_file = /var/log/mail.log
alias_maps =
local_recipient_maps =
smtpd_milters = unix:backupmx/milter.sock
milter_default_action = tempfail
smtpd_recipient_restrictions = reject_unauth_destination,
  check_policy_service { unix:backupmx/policyd.sock, timeout=10s }
CF
	check_match "smtpd is chrooted, as shipped" \
		"$(grep -E '^smtp +inet' "$root/etc/postfix/master.cf")" \
		'smtp*inet*n*-*y*-*-*smtpd'
	# What Postfix's own postinst would do.
	cp /etc/postfix/dynamicmaps.cf "$root/etc/postfix/"
	ln -s /usr/share/postfix/makedefs.out "$root/etc/postfix/"
	inside postfix post-install create-missing >"$work/postfix.log" 2>&1
	inside /usr/lib/postfix/configure-instance.sh - >>"$work/postfix.log" 2>&1
	inside postfix start >>"$work/postfix.log" 2>&1
	check_equal "Postfix starts" $? 0 || cat "$work/postfix.log"
}

# All that is there, but what dpkg and Postfix write in any case.
tree() {
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o \
		-path ./var/log -o -path ./var/lib/dpkg -o \
		-path ./var/lib/postfix -o -path ./var/cache/ldconfig -o \
		\( -path './var/spool/postfix/*' \
			! -path './var/spool/postfix/backupmx*' \) \) -prune -o \
		-printf '%p %y %m %u %g %s %l\n' | grep -v '^\./tmp ' |
		sed -E 's/ d ([0-9]+ [^ ]+ [^ ]+) [0-9]+ $/ d \1/' |
		grep -vE '^\./etc/(passwd|group|shadow|gshadow|subuid|subgid)-? ' |
		grep -vE '^\./(etc/\.pwd\.lock|run/adduser) ' | LC_ALL=C sort)
	(cd "$root/etc" && sed -s '/^backupmx:/d' passwd group shadow gshadow)
	(cd "$root/var/lib/dpkg" && ls info)
}

install_package() {
	cat >"$root/usr/sbin/policy-rc.d" <<'SH'
#!/bin/sh
exit 101
SH
	chmod 755 "$root/usr/sbin/policy-rc.d"
	mkdir -p "$root/tmp/deb"
	cp "$deb" "$root/tmp/deb/"
	inside dpkg --configure -a >/dev/null 2>&1 # triggers of the copy
	tree >"$work/before"
	inside dpkg -i "/tmp/deb/${deb##*/}" >"$work/install.log" 2>&1
	check_equal "it is installed" $? 0
	check_equal "without a complaint" \
		"$(grep -vE '^(Selecting|\(Reading|Preparing|Unpacking|Setting up|Processing triggers)' "$work/install.log")" ""
}

stat_of() { inside stat -c '%U:%G %a' "$1"; }

test_installed() {
	check_match "the user cannot log in" \
		"$(inside getent passwd backupmx)" \
		'backupmx:*:/var/lib/backupmx:/*/nologin'
	check_equal "the state's directory" "$(stat_of /var/lib/backupmx)" \
		"backupmx:backupmx 750"
	check_equal "the sockets' directory" \
		"$(stat_of /var/spool/postfix/backupmx)" "backupmx:postfix 2750"
	check_equal "the seal's key" "$(stat_of /var/lib/backupmx/seal.key)" \
		"backupmx:backupmx 600"
	check_match "is an ID and 64 digits" \
		"$(sed -E 's/^[0-9a-f]{8} [0-9a-f]{64}$/good/' "$root/var/lib/backupmx/seal.key")" good
	check_match "the configuration is fine" \
		"$(inside backupmxctl config check 2>&1)" '*'
	inside backupmxctl config check >/dev/null 2>&1
	check_equal "says backupmxctl" $? 0
	if [ -d "$root/lib/systemd/system" ]; then
		check_match "the units are enabled" "$(ls "$root"/etc/systemd/system/*.wants)" \
			'*backupmx-milter*backupmx-policyd*'
	fi
}

test_again() {
	local key
	key=$(cat "$root/var/lib/backupmx/seal.key")
	inside dpkg -i "/tmp/deb/${deb##*/}" >"$work/again.log" 2>&1
	check_equal "it can be installed over itself" $? 0
	check_equal "and the key stays" \
		"$(cat "$root/var/lib/backupmx/seal.key")" "$key"
	rmdir "$root/var/spool/postfix/backupmx"
	inside dpkg-trigger --by-package=postfix /usr/sbin/postfix
	inside dpkg --configure --pending >/dev/null 2>&1
	check_equal "Postfix that comes later brings the sockets' directory" \
		"$(stat_of /var/spool/postfix/backupmx 2>&1)" "backupmx:postfix 2750"
}

write_domain() {
	echo alice@example.test >"$root/etc/backupmx/lists/example.test"
	inside backupmxctl init --yes --domain example.test --recipients \
		file:/etc/backupmx/lists/example.test >"$work/init.log" 2>&1
	check_equal "backupmxctl init takes the package's configuration" $? 0
	check_match "and says what brings it into force" "$(cat "$work/init.log")" \
		'*systemctl reload-or-restart backupmx-policyd backupmx-milter*'
	check_equal "and puts the domain beside it" \
		"$(ls "$root/etc/backupmx/conf.d")" example.test.conf
}

rcpt() { # ADDRESS: the reply to RCPT
	python3 - "$BACKUP" "$1" <<'PY'
import smtplib
import sys
with smtplib.SMTP(sys.argv[1], 25, timeout=30) as smtp:
    smtp.ehlo("client.test")
    smtp.mail("ann@world.test")
    code, text = smtp.rcpt(sys.argv[2])
    print(code, text.decode())
PY
}

refused() { rcpt "$1" 2>/dev/null | grep -q '^550 5\.1\.1 '; }

# The kernel keeps 15 octets of a name.
pids() { ps -C backupmx-policy,backupmx-milter -o pid=; }
gone() { [ -z "$(pids)" ]; }

test_use() {
	check_match "without a domain policyd starts, and says so" \
		"$(inside timeout 3 backupmx-policyd -f 2>&1)" \
		'*ev=no-domain*ev=stopping*'
	write_domain
	inside backupmx-policyd 2>"$work/policyd.log"
	check_equal "policyd starts without systemd" $? 0
	inside backupmx-milter 2>"$work/milter.log"
	check_equal "and the milter" $? 0
	check_equal "the socket for Postfix" \
		"$(stat_of /var/spool/postfix/backupmx/policyd.sock)" \
		"backupmx:postfix 660"
	wait_for 20 refused nobody@example.test
	check_match "an unknown user is refused, through the chroot" \
		"$(rcpt nobody@example.test)" '550 5.1.1 *User unknown*'
	check_match "a known one is taken" "$(rcpt alice@example.test)" '250 *'
	check_match "backupmxctl lookup knows" \
		"$(inside backupmxctl lookup nobody@example.test 2>&1)" '*550 5.1.1*'
	check_equal "Postfix had no trouble with either" \
		"$(grep -E 'warning: (connect to|milter|problem)' "$root/var/log/mail.log")" ""
}

stop_daemons() {
	kill $(pids) 2>/dev/null
	wait_for 20 gone
	check_equal "both end when told to" "$(pids)" ""
	check_equal "and leave no sockets" \
		"$(ls -A "$root/var/spool/postfix/backupmx")" ""
}

test_removal() {
	inside dpkg -r backupmx >"$work/remove.log" 2>&1
	check_equal "it is removed" $? 0
	check_equal "its configuration stays" \
		"$(ls "$root/etc/backupmx/backupmx.conf")" \
		"$root/etc/backupmx/backupmx.conf"
	check_equal "and its key" "$(stat_of /var/lib/backupmx/seal.key)" \
		"backupmx:backupmx 600"
	inside dpkg -P backupmx >"$work/purge.log" 2>&1
	check_equal "it is purged" $? 0
	check_equal "without a complaint" \
		"$(grep -vE '^(\(Reading|Removing|Purging|Processing triggers)' "$work/remove.log" "$work/purge.log")" ""
	tree >"$work/after"
	check_equal "nothing is left of it" \
		"$(diff "$work/before" "$work/after")" ""
	check_match "but its user" "$(inside getent passwd backupmx)" 'backupmx:*'
}

build_package
test_contents
test_lintian
test_units
make_root
configure_postfix
install_package
test_installed
test_again
test_use
stop_daemons
test_removal
inside postfix stop >/dev/null 2>&1
check_end
