# real_postfix.sh - Postfix as a primary with the users that the others have.
# Sourced by real_primaries.sh.

real_postfix_services() {
	local address restrict="-o smtpd_delay_reject=no"
	address=$(real_address postfix)
	restrict="$restrict -o smtpd_helo_restrictions=reject"
	cat <<-SERVICES
	$address:$(real_port plain) inet n - n - - smtpd
	$address:$(real_port tls) inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
	$address:$(real_port other) inet n - n - - smtpd -o smtpd_tls_chain_files=$(real_key_file other),$(real_cert_file other)
	$address:$(real_port none) inet n - n - - smtpd -o smtpd_tls_security_level=none
	$address:$(real_port nohelo) inet n - n - - smtpd $restrict
	grey unix - n n - - spawn user=$LAB_USER argv=$LAB_PYTHON $REAL_HERE/greylist_policy.py $LAB_DIR/real-postfix/grey $REAL_GREY_S
	SERVICES
}

real_postfix_main() {
	local dir=$1 kind domains=
	for kind in $REAL_KINDS; do
		domains="$domains $(real_mail_domain postfix "$kind")"
	done
	cat <<-MAIN
	compatibility_level = 3.6
	myhostname = $(real_host postfix)
	mydestination =
	mynetworks = [::1]/128
	queue_directory = $dir/queue
	data_directory = $dir/data
	maillog_file = $dir/log/mail.log
	maillog_file_prefixes = $dir/log
	syslog_name = real-postfix
	inet_interfaces = 127.0.0.1
	inet_protocols = ipv4
	smtpd_peername_lookup = no
	local_transport = discard:
	local_recipient_maps =
	alias_maps =
	alias_database =
	smtpd_client_connection_count_limit = 0
	smtpd_tls_security_level = may
	smtpd_tls_chain_files = $(real_key_file postfix), $(real_cert_file postfix)
	virtual_mailbox_domains =$domains
	virtual_mailbox_base = $LAB_DIR/mail
	virtual_mailbox_maps = texthash:$dir/conf/mailboxes
	virtual_alias_maps = texthash:$dir/conf/aliases
	virtual_uid_maps = static:$(id -u "$LAB_USER")
	virtual_gid_maps = static:$(id -g "$LAB_USER")
	smtpd_restriction_classes = grey, bad_helo, null_sender
	grey = check_policy_service unix:private/grey
	bad_helo = check_helo_access inline:{{$REAL_BAD_HELO=REJECT}}
	null_sender = check_sender_access inline:{{<>=REJECT}}
	smtpd_recipient_restrictions = reject_unauth_destination, check_recipient_access texthash:$dir/conf/classes
	MAIN
}

real_postfix_tables() { # DIRECTORY
	local kind domain user
	for kind in users virtual grey helo null; do
		domain=$(real_mail_domain postfix "$kind")
		for user in alice bob postmaster; do
			echo "$user@$domain $domain/"
		done >>"$1/mailboxes"
		echo "info@$domain alice@$domain" >>"$1/aliases"
	done
	domain=$(real_mail_domain postfix all)
	echo "@$domain $domain/" >>"$1/mailboxes"
	cat >"$1/classes" <<-CLASSES
	$(real_mail_domain postfix grey) grey
	$(real_mail_domain postfix helo) bad_helo
	$(real_mail_domain postfix null) null_sender
	CLASSES
}

real_postfix_start() {
	local dir
	dir=$(real_dir postfix)
	rm -rf "$dir"
	mkdir -p "$dir/conf" "$dir/queue" "$dir/data" "$dir/log" "$dir/grey"
	chmod 755 "$dir" "$dir/conf" "$dir/queue"
	chown postfix "$dir/data"
	chown "$LAB_USER" "$dir/grey"
	{
		real_postfix_services
		lab_master_services | sed 's/ y / n /'
	} >"$dir/conf/master.cf"
	real_postfix_main "$dir" >"$dir/conf/main.cf"
	real_postfix_tables "$dir/conf"
	postfix -c "$dir/conf" start >>"$dir/log/command.log" 2>&1
}

real_postfix_stop() { lab_postfix_stop real-postfix; }
