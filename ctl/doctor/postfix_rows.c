#include "ctl/doctor/postfix_rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR BMXCTL_ERROR
#define WARNING BMXCTL_WARNING
#define ROW(name) [BMXCTL_POSTFIX_##name]

static const struct bmxctl_row rows[BMXCTL_POSTFIX_ROWS] = {
	ROW(ABSENT) = {"postfix.not-installed", ERROR,
                       "backupmx is asked by Postfix; without it nothing is "
                       "protected.",
                       "apt install postfix, or name the folder of main.cf "
                       "with --config-dir."},
	ROW(UNREADABLE) =
		{"postfix.unreadable", ERROR,
                 "What Postfix's own postconf cannot read Postfix cannot use "
                 "either.",
                 "Run postfix check, and mend the line that it names."},
	ROW(OLD) = {"postfix.too-old", ERROR,
                    "Settings of a single policy service or milter came with "
                    "Postfix 3.0.",
                    "Install a Postfix that is still maintained."},
	ROW(DOWN) = {"postfix.not-running", ERROR,
                     "While Postfix is down the backup takes no mail and "
                     "delivers none.",
                     "Run systemctl start postfix; journalctl -u postfix@- "
                     "says why it "
                     "ended."},
	ROW(MYHOSTNAME) = {"postfix.myhostname", WARNING,
                           "Mail is delivered under one name and the primary "
                           "is asked under another, "
                           "and what we write into Authentication-Results "
                           "bears the second.",
                           "Set hostname in backupmx.conf and myhostname in "
                           "main.cf to the name in "
                           "this host's MX record."},
	ROW(LOOPBACK) = {"postfix.loopback-only", ERROR,
                         "Postfix listens to this host alone: no stranger can "
                         "deliver here.",
                         "postconf -e inet_interfaces=all, see that master.cf "
                         "has smtp inet, and "
                         "restart Postfix."},
	ROW(NETWORKS) = {"postfix.wide-mynetworks", ERROR,
                         "Everybody in mynetworks may relay to the whole world "
                         "and is not "
                         "checked.",
                         "Set mynetworks to your own addresses, or "
                         "mynetworks_style = host."},
	ROW(XCLIENT) =
		{"postfix.wide-xclient", ERROR,
                 "Everybody there may say to come from another address, and so "
                 "pass all "
                 "checks of addresses.",
                 "Name the hosts that are allowed to, or leave it empty."},
	ROW(OPEN_RELAY) =
		{"postfix.open-relay", ERROR,
                 "No list refuses strangers who write to domains that are not "
                 "yours.",
                 "postconf -e 'smtpd_relay_restrictions = permit_mynetworks, "
                 "reject_unauth_destination'"},
	ROW(MX_BACKUP) = {"postfix.permit-mx-backup", ERROR,
                          "Whoever lets an MX record point here can use this "
                          "host, past policyd.",
                          "Take permit_mx_backup out; relay_domains says whom "
                          "you serve."},
	ROW(POLICY_MISSING) = {"postfix.policy-missing", ERROR,
                               "Postfix does not ask policyd: mail for unknown "
                               "users is accepted and "
                               "bounces later.",
                               "Run backupmxctl postfix --apply, or add "
                               "check_policy_service to "
                               "smtpd_recipient_restrictions."},
	ROW(POLICY_PLACE) = {"postfix.policy-bypassed", ERROR,
                             "A list ends at the first permit: who is "
                             "permitted there is never asked "
                             "about.",
                             "Put check_policy_service before it: behind "
                             "reject_unauth_destination; "
                             "backupmxctl postfix --apply does it."},
	ROW(POLICY_WARNS) = {"postfix.policy-warn-only", ERROR,
                             "With warn_if_reject what policyd refuses is "
                             "logged and accepted.",
                             "Take warn_if_reject away; to try policyd without "
                             "effect there is mode = "
                             "\"observe\"."},
	ROW(POLICY_TIMEOUT) = {"postfix.policy-timeout", ERROR,
                               "Postfix gives up before policyd's deadline: "
                               "recipients that the primary "
                               "is asked about are deferred.",
                               "Give the service timeout=10s in its braces: "
                               "policyd.deadline and some "
                               "seconds."},
	ROW(POLICY_PATIENCE) = {"postfix.policy-patience", WARNING,
                                "If policyd hangs, every client is held so "
                                "long, twice, before it gets an "
                                "answer: smtpd processes run out.",
                                "Give the service timeout=10s in its braces."},
	ROW(POLICY_ACTION) = {"postfix.policy-default-action", ERROR,
                              "This is what counts while policyd is away: "
                              "unknown users are let in, or "
                              "good ones refused for good.",
                              "Give the service { default_action = "
                              "DEFER_IF_PERMIT 4.3.0 Temporary "
                              "recipient lookup failure }."},
	ROW(POLICY_SOCKET) =
		{"postfix.policy-socket", ERROR,
                 "Postfix's user cannot reach policyd: every recipient is "
                 "deferred.",
                 "See policyd.listen, socket_group and the folder's mode: "
                 "install -d -o backupmx -g postfix -m 2750 "
                 "/var/spool/postfix/backupmx; "
                 "from a chroot only what is below queue_directory can be "
                 "reached."},
	ROW(POLICY_OVERRIDE) = {"postfix.policy-override", ERROR,
                                "This service has its own restrictions: "
                                "policyd is not asked about what "
                                "comes in there.",
                                "Take the -o option out of master.cf, or add "
                                "check_policy_service to it."},
	ROW(VERIFY) = {"postfix.double-verification", ERROR,
                       "Postfix asks the primary itself, a second time, and in "
                       "an outage answers "
                       "450 for every recipient that it has not asked about: "
                       "the backup takes no "
                       "mail when it is needed.",
                       "Take reject_unverified_recipient out: policyd calls "
                       "ahead, and knows what "
                       "an outage is."},
	ROW(MILTER_MISSING) =
		{"postfix.milter-missing", WARNING,
                 "The milter runs, but Postfix does not show it any mail.",
                 "Run backupmxctl postfix --apply, or stop backupmx-milter if "
                 "it is not "
                 "wanted."},
	ROW(MILTER_ORDER) = {"postfix.milter-order", WARNING,
                             "What the milters before it add or change is seen "
                             "as the client's; what "
                             "it refuses they have scanned for nothing.",
                             "Put it first in smtpd_milters."},
	ROW(MILTER_ACTION) =
		{"postfix.milter-default-action", ERROR,
                 "This is what counts while the milter is away: all mail is "
                 "let in "
                 "unchecked, or refused for good.",
                 "Give it default_action=tempfail in its braces, or set "
                 "milter_default_action."},
	ROW(MILTER_TIMEOUT) = {"postfix.milter-timeout", ERROR,
                               "Postfix gives the milter up before it is "
                               "through: the mail is deferred "
                               "over and over.",
                               "Give it command_timeout=25s and "
                               "content_timeout=70s in its braces."},
	ROW(MILTER_PROTOCOL) =
		{"postfix.milter-protocol", ERROR,
                 "The milter needs version 6 of the protocol and refuses an "
                 "older one.",
                 "postconf -X milter_protocol: 6 is the default."},
	ROW(MILTER_SOCKET) = {"postfix.milter-socket", ERROR,
                              "Postfix is to ask the milter and cannot reach "
                              "it: all mail is deferred.",
                              "Start backupmx-milter; see milter.listen, "
                              "socket_group and the folder's "
                              "mode, as with postfix.policy-socket."},
	ROW(MILTER_OVERRIDE) = {"postfix.milter-override", WARNING,
                                "This service has its own milters: what comes "
                                "in there is not checked and "
                                "not sealed, so its bounces are held.",
                                "Take the -o option out of master.cf, or add "
                                "the milter to it."},
	ROW(BOUNCES_UNSEEN) =
		{"postfix.bounce-guard-unwired", WARNING,
                 "bounce_guard is on, but bounces do not pass the milter: they "
                 "go to forged "
                 "senders.",
                 "Run backupmxctl postfix --apply, or set non_smtpd_milters = "
                 "$smtpd_milters; without it: bounce_guard = \"off\"."},
	ROW(BOUNCE_CLASS) = {"postfix.bounce-class", WARNING,
                             "Postfix shows the bounces that it makes itself "
                             "to no milter unless told "
                             "to.",
                             "postconf -e internal_mail_filter_classes=bounce"},
	ROW(QUEUE_IDS) =
		{"postfix.short-queue-ids", WARNING,
                 "Seals are kept by queue id, and short ones come again: a "
                 "bounce may be taken for that of another message.",
                 "postconf -e enable_long_queue_ids=yes"},
	ROW(CONTENT_FILTER) = {"postfix.content-filter", WARNING,
                               "What the filter gives back has another queue "
                               "id, which no seal is for: "
                               "all its bounces are held.",
                               "Use a milter or smtpd_proxy_filter, or set "
                               "bounce_guard = \"off\"."},
	ROW(DELAY_REJECT) =
		{"postfix.delay-reject", WARNING,
                 "Clients are refused before the recipient is named, so the "
                 "log does not "
                 "say whose mail it was, and postmaster cannot be exempted.",
                 "postconf -X smtpd_delay_reject: yes is the default."},
	ROW(SOFT_BOUNCE) =
		{"postfix.soft-bounce", WARNING,
                 "Every refusal becomes a 4xx: who writes to an unknown user "
                 "tries for "
                 "days, and mail that the primary refuses stays in the queue.",
                 "postconf -X soft_bounce"},
	ROW(UNKNOWN_CODE) = {"postfix.unknown-code", WARNING,
                             "Unknown users are told to try again: a setting "
                             "for the first day of a "
                             "server.",
                             "postconf -X it: 550 is the default."},
	ROW(VRFY) = {"postfix.vrfy", WARNING,
                     "VRFY tells strangers about users, past policyd.",
                     "postconf -e disable_vrfy_command=yes"},
	ROW(DSN) = {"postfix.dsn", WARNING,
                    "A stranger can order delivery reports on what is relayed, "
                    "to a forged "
                    "address.",
                    "postconf -e 'smtpd_discard_ehlo_keywords = "
                    "silent-discard, dsn'"},
	ROW(RECIPIENT_MAPS) =
		{"postfix.relay-recipient-maps", WARNING,
                 "It is a second list of recipients that nobody brings up to "
                 "date: who is "
                 "missing in it is refused, whatever policyd says.",
                 "Give that table to policyd (recipients) and postconf -e "
                 "relay_recipient_maps="},
	ROW(QUEUE_LIFETIME) = {"postfix.queue-lifetime", WARNING,
                               "In a longer outage of the primary the mail "
                               "that waits here is returned.",
                               "postconf -e maximal_queue_lifetime=10d"},
	ROW(BOUNCE_LIFETIME) =
		{"postfix.bounce-lifetime", WARNING,
                 "Bounces are tried once only, or longer than mail itself.",
                 "postconf -e bounce_queue_lifetime=1d"},
	ROW(NOTIFY) = {"postfix.notify-classes", WARNING,
                       "postmaster gets a copy of every such event: spam "
                       "brings thousands, with "
                       "the mail's own text in them.",
                       "postconf -X notify_classes: resource, software is the "
                       "default."},
	ROW(SRS) = {"postfix.srs", WARNING,
                    "SRS gives relayed mail a sender of yours: SPF and DMARC "
                    "fail at the "
                    "primary, and bounces come to you.",
                    "Take it out of sender_canonical_maps: a backup passes "
                    "mail on as it "
                    "came, and the primary trusts it."},
	ROW(XFORWARD) = {"postfix.xforward", WARNING,
                         "The primary's log and filters see this host in place "
                         "of the client.",
                         "postconf -e smtp_send_xforward_command=yes, and name "
                         "this host in the "
                         "primary's smtpd_authorized_xforward_hosts."},
	ROW(TLS_NONE) =
		{"postfix.tls-off", WARNING,
                 "All mail goes to the primary in clear.",
                 "postconf -e smtp_tls_security_level=may, or dane with "
                 "smtp_dns_support_level=dnssec."},
	ROW(TLS_WEAKER) = {"postfix.tls-weaker", WARNING,
                           "backupmx.conf asks for more when recipients are "
                           "asked about than Postfix "
                           "does for the mail itself.",
                           "Set smtp_tls_security_level (or "
                           "smtp_tls_policy_maps) to what tls says: "
                           "encrypt, verify or dane."},
	ROW(TLS_DANE) = {"postfix.tls-dane", ERROR,
                         "DANE needs DNSSEC: without smtp_dns_support_level = "
                         "dnssec Postfix treats "
                         "the level as encrypt or defers.",
                         "postconf -e smtp_dns_support_level=dnssec, with a "
                         "validating resolver on "
                         "this host."},
	ROW(RELAY_SERVICE) = {"postfix.relay-service", ERROR,
                              "relay_transport names a service that master.cf "
                              "does not have: mail for "
                              "the primary stays in the queue.",
                              "postconf -X relay_transport, or bring the line "
                              "back into master.cf."},
	ROW(DEFERRED) =
		{"postfix.deferred-transport", ERROR,
                 "Mail for the primary waits until the setting is taken back.",
                 "When its reason is gone: postconf -X defer_transports, then "
                 "postqueue "
                 "-f."},
	ROW(QUEUE_FULL) = {"postfix.queue-full", ERROR,
                           "With less than 1.5 times message_size_limit free "
                           "Postfix takes no mail "
                           "(452 4.3.1).",
                           "Make room where queue_directory is."},
	ROW(QUEUE_ROOM) =
		{"postfix.queue-room", WARNING,
                 "An outage of days must fit in there: mail is refused when it "
                 "is full.",
                 "Make room where queue_directory is; a GB at least."},
	ROW(UNSERVED) = {"postfix.relay-domain-unserved", WARNING,
                         "Postfix relays for this domain and policyd has no "
                         "section for it: every "
                         "recipient of it is accepted.",
                         "Add a section domain \"NAME\" (or \"*\") to "
                         "backupmx.conf, or take it out "
                         "of relay_domains."},
	ROW(RELAY_DOMAINS) = {"postfix.relay-domains", ERROR,
                              "Postfix does not take mail for it: \"554 Relay "
                              "access denied\".",
                              "Run backupmxctl postfix --apply, or add it to "
                              "relay_domains."},
	ROW(LOCAL_DOMAIN) = {"postfix.local-domain", ERROR,
                             "Postfix delivers the domain's mail here, and "
                             "never to the primary.",
                             "Take the domain out of that list; it belongs to "
                             "relay_domains alone."},
	ROW(TRANSPORT) = {"postfix.transport", ERROR,
                          "The domain's mail does not go to its primary.",
                          "Correct transport_maps: relay:[HOST], or no entry "
                          "at all for what MX "
                          "records say."},
	ROW(OTHER_HOST) = {"postfix.other-host", WARNING,
                           "The domain's mail goes to a host that "
                           "backupmx.conf does not name: it is "
                           "asked about recipients here, and gets them there.",
                           "Let primary in backupmx.conf and relayhost or "
                           "transport_maps say the "
                           "same; mail to relayhost is stopped by an entry in "
                           "transport_maps."},
	ROW(LOOP) = {"postfix.mail-loop", ERROR,
                     "The domain's mail is sent to this very host: it loops, "
                     "then bounces.",
                     "Let the transport name the primary, or nothing."},
	ROW(NO_DNS) = {"postfix.no-mx-lookup", ERROR,
                       "Without DNS Postfix cannot follow the MX records to "
                       "the primary.",
                       "postconf -e smtp_dns_support_level=enabled, or name "
                       "the primary in "
                       "transport_maps: relay:[HOST]."},
	ROW(FAST_FLUSH) = {"postfix.fast-flush", WARNING,
                           "postqueue -s does not work for this domain: when "
                           "the primary is back its "
                           "mail waits for Postfix's own retry.",
                           "postconf -X fast_flush_domains: $relay_domains is "
                           "the default."},
};

const char *const bmxctl_postfix_lists[BMXCTL_POSTFIX_LISTS] = {
	"smtpd_client_restrictions",    "smtpd_helo_restrictions",
	"smtpd_sender_restrictions",    "smtpd_relay_restrictions",
	"smtpd_recipient_restrictions",
};

struct bmxctl_rows
bmxctl_doctor_postfix_rows(void)
{
	return (struct bmxctl_rows){rows, BMXCTL_POSTFIX_ROWS};
}

const struct bmxctl_row *
bmxctl_postfix_row(enum bmxctl_postfix_row row)
{
	return &rows[row];
}

void
bmxctl_postfix_found(struct bmxctl_findings *findings,
                     enum bmxctl_postfix_row row, const char *subject,
                     const char *seen, ...)
{
	char text[600];
	va_list args;

	va_start(args, seen);
	(void)vsnprintf(text, sizeof(text), seen, args);
	va_end(args);
	bmxctl_found(findings, &rows[row], subject, "%s", text);
}
