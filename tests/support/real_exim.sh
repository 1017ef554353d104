# real_exim.sh - Exim 4 as a primary. Sourced by real_primaries.sh.
#
# Replies are Exim's own where it has some: an unknown user is "550
# Unrouteable address", without an enhanced code.

real_exim_domains() { # KIND...
	local kind list=
	for kind in "$@"; do
		list="$list : $(real_mail_domain exim "$kind")"
	done
	echo "${list# : }"
}

real_exim_interfaces() {
	local kind list="<;"
	for kind in plain tls other none nohelo; do
		list="$list $(real_address exim).$(real_port "$kind") ;"
	done
	echo "${list% ;}"
}

real_exim_main() {
	cat <<-CONF
	primary_hostname = $(real_host exim)
	local_interfaces = $(real_exim_interfaces)
	daemon_smtp_ports =
	spool_directory = /var/spool/exim4
	log_file_path = /var/spool/exim4/%slog
	host_lookup =
	rfc1413_hosts =
	dns_dnssec_ok = -1
	never_users = root
	keep_environment =
	smtp_accept_max = 0
	domainlist local_domains = $(real_exim_domains $REAL_KINDS)
	tls_advertise_hosts = \${if eq{\$received_port}{$(real_port none)}{}{*}}
	tls_certificate = /tls/\${if eq{\$received_port}{$(real_port other)}{other}{exim}}.pem
	tls_privatekey = /tls/\${if eq{\$received_port}{$(real_port other)}{other}{exim}}.key
	acl_smtp_helo = acl_helo
	acl_smtp_mail = acl_mail
	acl_smtp_rcpt = acl_rcpt
	CONF
}

real_exim_acls() {
	cat <<-CONF
	begin acl
	acl_helo:
	  deny condition = \${if eq{\$received_port}{$(real_port nohelo)}}
	  accept
	acl_mail:
	  deny condition = \${if eq{\$received_port}{$(real_port tls)}}
	       !encrypted = *
	       message = 530 5.7.0 Must issue a STARTTLS command first
	  accept
	acl_rcpt:
	  deny domains = $(real_exim_domains helo)
	       condition = \${if eqi{\$sender_helo_name}{$REAL_BAD_HELO}}
	       message = HELO/EHLO argument \$sender_helo_name is not accepted
	  deny domains = $(real_exim_domains null)
	       senders = :
	       message = null sender is not accepted
	  defer domains = $(real_exim_domains grey)
	       !seen = -${REAL_GREY_S}s / key=\${sender_address}_\$local_part@\$domain
	       message = 450 4.7.1 Greylisted, try again later
	  require domains = +local_domains
	       message = relay not permitted
	  require verify = recipient
	  accept
	CONF
}

real_exim_delivery() {
	cat <<-CONF
	begin routers
	alias:
	  driver = redirect
	  domains = $(real_exim_domains users virtual grey helo null)
	  data = \${if eqi{\$local_part}{info}{alice@\$domain}}
	user:
	  driver = accept
	  domains = $(real_exim_domains users virtual grey helo null)
	  local_parts = alice : bob : postmaster
	  transport = maildir
	all:
	  driver = accept
	  domains = $(real_exim_domains all)
	  transport = maildir
	begin transports
	maildir:
	  driver = appendfile
	  user = vmail
	  group = vmail
	  maildir_format
	  create_directory
	  directory = /mail/\$domain_data
	  delivery_date_add
	begin retry
	* * F,2h,1m
	CONF
}

real_exim_start() {
	local root
	root=$(real_make_root exim) || return 1
	mkdir -p "$root/etc/exim4" "$root/var/spool/exim4"
	chown 902:902 "$root/var/spool/exim4" "$root"/tls/*
	{
		real_exim_main
		real_exim_acls
		real_exim_delivery
	} >"$root/etc/exim4/exim4.conf"
	real_copy_libraries "$root" "$root/usr/sbin/exim4"
	# -q: what it has taken is delivered again soon
	real_run exim /usr/sbin/exim4 -bdf -q5s
}

real_exim_stop() { lab_stop_pid real-exim; }
