# real_opensmtpd.sh - OpenSMTPD as a primary. Sourced by real_primaries.sh.
#
# What depends on the recipient's domain is said by opensmtpd_filter.sh, which
# dash runs in the server's root; all other replies are OpenSMTPD's own.

real_opensmtpd_conf() {
	local address host kind action
	address=$(real_address opensmtpd)
	host=$(real_host opensmtpd)
	cat <<-CONF
	pki good cert "/tls/opensmtpd.pem"
	pki good key "/tls/opensmtpd.key"
	pki other cert "/tls/other.pem"
	pki other key "/tls/other.key"
	table anyone { "0.0.0.0/0" }
	table everyone file:/etc/virtual
	table aliases { "info" = "alice", "postmaster" = "bob" }
	table accounts { "alice" = "901:901:/mail/alice", "bob" = "901:901:/mail/bob" }
	filter "lab" proc-exec "/bin/filter $REAL_GREY_S $REAL_BAD_HELO"
	filter "nohelo" phase helo match src <anyone> reject "550 HELO is not accepted"
	filter "noehlo" phase ehlo match src <anyone> reject "550 EHLO is not accepted"
	filter "no" chain { "nohelo", "noehlo" }
	smtp max-message-size 20M
	listen on $address port $(real_port plain) tls pki good hostname $host filter "lab"
	listen on $address port $(real_port tls) tls-require pki good hostname $host filter "lab"
	listen on $address port $(real_port other) tls pki other hostname $host filter "lab"
	listen on $address port $(real_port none) hostname $host filter "lab"
	listen on $address port $(real_port nohelo) hostname $host filter "no"
	action "users" maildir "/mail/%{rcpt.domain}" userbase <accounts> alias <aliases>
	action "listed" maildir "/mail/%{rcpt.domain}" virtual <everyone>
	CONF
	for kind in $REAL_KINDS; do
		action=users
		case $kind in all | virtual) action=listed ;; esac
		echo "match from any for domain" \
			"\"$(real_mail_domain opensmtpd "$kind")\" action \"$action\""
	done
}

real_opensmtpd_virtual() {
	local domain user
	domain=$(real_mail_domain opensmtpd virtual)
	for user in alice bob postmaster; do
		echo "$user@$domain vmail"
	done
	echo "info@$domain alice@$domain"
	echo "@$(real_mail_domain opensmtpd all) vmail"
}

real_opensmtpd_start() {
	local root file
	root=$(real_make_root opensmtpd) || return 1
	mkdir -p "$root/var/lib/opensmtpd/empty" "$root/var/spool/smtpd" \
		"$root/etc/ssl/certs"
	chmod 711 "$root/var/spool/smtpd"
	cp "$(real_ca_file)" "$root/etc/ssl/certs/ca-certificates.crt"
	real_host opensmtpd >"$root/etc/mailname"
	real_opensmtpd_conf >"$root/etc/smtpd.conf"
	real_opensmtpd_virtual >"$root/etc/virtual"
	chmod 644 "$root/etc/smtpd.conf"
	real_copy_program "$root" /bin/dash
	ln -sf dash "$root/bin/sh"
	install -m 755 "$REAL_HERE/opensmtpd_filter.sh" "$root/bin/filter"
	mkdir -p "$root/grey" && chown 903 "$root/grey"
	for file in "$root/usr/sbin/smtpd" "$root"/usr/libexec/opensmtpd/*; do
		real_copy_libraries "$root" "$file"
	done
	real_run opensmtpd /usr/sbin/smtpd -d
}

real_opensmtpd_stop() { lab_stop_pid real-opensmtpd; }
