# real_packages.sh - servers from Debian packages that are unpacked, not
# installed, each run in a root directory of its own. Sourced by
# real_primaries.sh.
#
# CACHE/debs holds the packages, CACHE/SERVER what was in them; a cache that is
# complete needs no network.

real_package() { # SERVER
	case $1 in
	exim) echo exim4-daemon-light ;;
	opensmtpd) echo opensmtpd ;;
	esac
}

real_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The libraries that a package depends on and this system lacks.
real_libraries() {
	local library
	apt-cache depends "$1" | sed -n 's/^ *|\?Depends: \(lib.*\)/\1/p' |
		sort -u | while read -r library; do
		real_is_installed "$library" || echo "$library"
	done
}

# Downloads and unpacks a server: real_fetch CACHE SERVER
real_fetch() {
	local cache=$1 server=$2 package debs
	[ -e "$cache/$server/.complete" ] && return 0
	package=$(real_package "$server")
	debs=$cache/debs/$server
	mkdir -p "$debs" && rm -rf "${cache:?}/$server" &&
		mkdir "$cache/$server" || return 1
	# shellcheck disable=SC2046 # several words are meant
	(cd "$debs" && apt-get -q download "$package" \
		$(real_libraries "$package")) || return 1
	for package in "$debs"/*.deb; do
		dpkg -x "$package" "$cache/$server" || return 1
	done
	touch "$cache/$server/.complete"
}

# Copies a program of this system, or what its libraries are, into a root:
# real_copy_libraries ROOT PROGRAM
real_copy_libraries() {
	local root=$1 program=$2 file
	LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/$(uname -m)-linux-gnu \
		ldd "$program" | grep -o '/[^ ]*' | while read -r file; do
		case $file in "$root"/*) continue ;; esac
		[ -e "$root$file" ] && continue
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
}

real_copy_program() { # ROOT PROGRAM
	mkdir -p "$1$(dirname "$2")"
	cp -L "$2" "$1$2"
	real_copy_libraries "$1" "$2"
}

# A character device where that is allowed, a file where not: what is written
# there is seen by nobody.
real_make_device() { # FILE MINOR
	mknod -m 666 "$1" c 1 "$2" 2>/dev/null || : >"$1"
}

# Prints the root of a server, made anew from the cache with users, TLS keys
# and what name look-ups read: real_make_root SERVER
real_make_root() {
	local server=$1 root
	root=$(real_dir "$server")/root
	mkdir -p "$root" && chmod 755 "$(real_dir "$server")" "$root"
	cp -a "$REAL_CACHE/$server/." "$root/"
	mkdir -p "$root"/{etc,dev,tmp,run,var/spool,var/mail,tls,mail,bin}
	[ -e "$root/var/run" ] || ln -s ../run "$root/var/run"
	[ -e "$root/lib64" ] || mkdir "$root/lib64"
	chmod 1777 "$root/tmp"
	real_make_device "$root/dev/null" 3
	real_make_device "$root/dev/urandom" 9
	cp -L /etc/services /etc/hosts "$root/etc/"
	echo "hosts: files" >"$root/etc/nsswitch.conf"
	real_users >"$root/etc/passwd"
	sed 's/^\([^:]*\):x:\([0-9]*\):.*/\1:x:\2:/' "$root/etc/passwd" \
		>"$root/etc/group"
	cp "$LAB_DIR"/tls/*.pem "$LAB_DIR"/tls/*.key "$root/tls/"
	chown 901 "$root/mail"
	echo "$root"
}

# Numbers that are free everywhere, as nobody else sees them.
real_users() {
	cat <<-'USERS'
	root:x:0:0:root:/:/bin/sh
	vmail:x:901:901:mail:/mail:/bin/sh
	Debian-exim:x:902:902:Exim:/var/spool/exim4:/bin/sh
	opensmtpd:x:903:903:OpenSMTPD:/var/lib/opensmtpd/empty:/bin/sh
	opensmtpq:x:904:904:OpenSMTPD queue:/var/lib/opensmtpd/empty:/bin/sh
	USERS
}

# Runs a server in its root in the background, its pid in LAB_DIR:
# real_run SERVER COMMAND...
real_run() {
	local server=$1
	shift
	mkdir -p "$(real_dir "$server")/log"
	chroot "$(real_dir "$server")/root" "$@" \
		>>"$(real_dir "$server")/log/$server" 2>&1 </dev/null &
	echo $! >"$LAB_DIR/real-$server.pid"
}
