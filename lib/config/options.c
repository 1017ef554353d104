/*
 * The option table: checks, `config dump`, the restart rule and the lint of
 * the manual all come from here.
 */
#include "config_priv.h"

#define S INT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

static const char *const log_words[] = {
	[BMX_LOG_TO_STDERR] = "stderr", [BMX_LOG_TO_SYSLOG] = "syslog", NULL};
static const char *const mode_words[] = {
	[BMX_MODE_ENFORCE] = "enforce", [BMX_MODE_OBSERVE] = "observe", NULL};
static const char *const tls_words[] = {
	[BMX_TLS_NONE] = "none",       [BMX_TLS_MAY] = "may",
	[BMX_TLS_ENCRYPT] = "encrypt", [BMX_TLS_VERIFY] = "verify",
	[BMX_TLS_DANE] = "dane",       NULL};
static const char *const accept_all_words[] = {[BMX_ACCEPT_ALL_ACCEPT] =
                                                       "accept",
                                               [BMX_ACCEPT_ALL_DEFER] = "defer",
                                               NULL};
static const char *const primary_up_words[] = {[BMX_PRIMARY_UP_ACCEPT] =
                                                       "accept",
                                               [BMX_PRIMARY_UP_DEFER] = "defer",
                                               [BMX_PRIMARY_UP_GATE] = "gate",
                                               NULL};
static const char *const bounce_words[] = {
	[BMX_BOUNCE_GUARD_OFF] = "off",
	[BMX_BOUNCE_GUARD_QUARANTINE] = "quarantine",
	[BMX_BOUNCE_GUARD_DISCARD] = "discard",
	NULL};
static const char *const action_words[] = {[BMX_ACTION_IGNORE] = "ignore",
                                           [BMX_ACTION_TAG] = "tag",
                                           [BMX_ACTION_DEFER] = "defer",
                                           [BMX_ACTION_REJECT] = "reject",
                                           NULL};

/* A failed look-up is nothing to refuse for good for. */
static const char *const temperror_words[] = {[BMX_ACTION_IGNORE] = "ignore",
                                              [BMX_ACTION_TAG] = "tag",
                                              [BMX_ACTION_DEFER] = "defer",
                                              NULL};

static const char *const scanner_words[] = {[BMX_SCANNER_RSPAMD] = "rspamd",
                                            [BMX_SCANNER_SPAMD] = "spamd",
                                            [BMX_SCANNER_CLAMD] = "clamd",
                                            NULL};
static const char *const unavailable_words[] = {
	[BMX_UNAVAILABLE_DEFER] = "defer",
	[BMX_UNAVAILABLE_ACCEPT] = "accept",
	NULL};

#define SUB(type, field)                                                       \
	offsetof(struct type, field), sizeof(((struct type *)0)->field)

/* clang-format off */
const struct config_section_row config_sections[CONFIG_SECTIONS] = {
	[CONFIG_ROOT]    = {"",        CONFIG_ROOT,   false, 0, sizeof(struct bmx_config), "the top level"},
	[CONFIG_POLICYD] = {"policyd", CONFIG_ROOT,   false, SUB(bmx_config, policyd), "backupmx-policyd"},
	[CONFIG_MILTER]  = {"milter",  CONFIG_ROOT,   false, SUB(bmx_config, milter), "backupmx-milter"},
	[CONFIG_REDIS]   = {"redis",   CONFIG_ROOT,   false, SUB(bmx_config, redis), "what backups share; absent: LMDB alone"},
	[CONFIG_DOMAIN]  = {"domain",  CONFIG_ROOT,   true,  0, sizeof(struct bmx_config_domain), "a domain that is backed up"},
	[CONFIG_SPF]     = {"spf",     CONFIG_DOMAIN, false, SUB(bmx_config_domain, spf), "what an SPF result does"},
	[CONFIG_DNSBL]   = {"dnsbl",   CONFIG_DOMAIN, false, SUB(bmx_config_domain, dnsbl), "DNS block lists"},
	[CONFIG_HELO]    = {"helo",    CONFIG_DOMAIN, false, SUB(bmx_config_domain, helo), "what a bad HELO name does"},
	[CONFIG_REVERSE_DNS] = {"reverse_dns", CONFIG_DOMAIN, false, SUB(bmx_config_domain, reverse_dns), "what a client without a confirmed name gets"},
	[CONFIG_SENDER_DOMAIN] = {"sender_domain", CONFIG_DOMAIN, false, SUB(bmx_config_domain, sender_domain), "what a sender whose domain takes no mail gets"},
	[CONFIG_SCANNER] = {"scanner", CONFIG_DOMAIN, true,  0, sizeof(struct bmx_config_scanner), "a content scanner"},
	[CONFIG_FETCH]   = {"fetch",   CONFIG_DOMAIN, false, SUB(bmx_config_domain, fetch), "how the recipient list is fetched"},
};

#define AT(type, field) offsetof(struct type, field), 0
#define AT2(type, field, second) offsetof(struct type, field), offsetof(struct type, second)
#define RELOAD true
#define RESTART false
#define POLICYD_SOCKET "unix:/var/spool/postfix/backupmx/policyd.sock"

const struct config_row config_rows[] = {
	{CONFIG_ROOT, "hostname", CONFIG_STRING, AT(bmx_config, hostname), "", 1, 253, NULL, RELOAD, "EHLO name and authserv-id; by default the system's host name"},
	{CONFIG_ROOT, "state_dir", CONFIG_STRING, AT(bmx_config, state_dir), "/var/lib/backupmx", 1, 512, NULL, RESTART, "folder of the LMDB files"},
	{CONFIG_ROOT, "log", CONFIG_ENUM, AT(bmx_config, log), "syslog", 0, 0, log_words, RESTART, "where log lines go"},
	{CONFIG_ROOT, "resolver", CONFIG_STRINGS, AT(bmx_config, resolver), "{}", 0, 16, NULL, RESTART, "DNS servers as address@port; none: resolv.conf"},
	{CONFIG_ROOT, "trust_anchor", CONFIG_STRING, AT(bmx_config, trust_anchor), "", 0, 1000, NULL, RESTART, "file with DNSSEC trust anchors; empty: /usr/share/dns/root.key when it is there"},
	{CONFIG_ROOT, "mx_names", CONFIG_STRINGS, AT(bmx_config, mx_names), "{}", 0, 64, NULL, RELOAD, "names in MX records that mean this host; none: hostname"},

	{CONFIG_POLICYD, "policyd.listen", CONFIG_ENDPOINTS, AT2(bmx_config_policyd, listen, listen_count), "{\"" POLICYD_SOCKET "\"}", 1, 16, NULL, RESTART, "sockets that Postfix asks"},
	{CONFIG_POLICYD, "policyd.socket_mode", CONFIG_MODE, AT(bmx_config_policyd, socket_mode), "0660", 0, 0777, NULL, RESTART, "mode of unix sockets"},
	{CONFIG_POLICYD, "policyd.socket_group", CONFIG_STRING, AT(bmx_config_policyd, socket_group), "postfix", 0, 64, NULL, RESTART, "group of unix sockets; empty: the process's own"},
	{CONFIG_POLICYD, "policyd.deadline", CONFIG_DURATION, AT(bmx_config_policyd, deadline_ms), "5s", 100, 30 * S, NULL, RELOAD, "reply to one RCPT, call-ahead included"},
	{CONFIG_POLICYD, "policyd.metrics", CONFIG_ENDPOINT_OR_OFF, AT2(bmx_config_policyd, metrics, metrics_on), "inet:127.0.0.1:9517", 0, 0, NULL, RESTART, "Prometheus text and /healthz; empty: off"},
	{CONFIG_POLICYD, "policyd.control", CONFIG_ENDPOINT_OR_OFF, AT2(bmx_config_policyd, control, control_on), "unix:/run/backupmx/control.sock", 0, 0, NULL, RESTART, "socket that backupmxctl asks; empty: off"},
	{CONFIG_POLICYD, "policyd.on_recovery", CONFIG_STRINGS, AT(bmx_config_policyd, on_recovery), "{\"/usr/sbin/postqueue\", \"-s\"}", 0, 16, NULL, RELOAD, "program and arguments run with a domain whose primary is back; none: nothing"},

	{CONFIG_MILTER, "milter.listen", CONFIG_ENDPOINT, AT(bmx_config_milter, listen), "unix:/var/spool/postfix/backupmx/milter.sock", 0, 0, NULL, RESTART, "socket of smtpd_milters"},
	{CONFIG_MILTER, "milter.socket_mode", CONFIG_MODE, AT(bmx_config_milter, socket_mode), "0660", 0, 0777, NULL, RESTART, "mode of a unix socket"},
	{CONFIG_MILTER, "milter.socket_group", CONFIG_STRING, AT(bmx_config_milter, socket_group), "postfix", 0, 64, NULL, RESTART, "group of a unix socket; empty: the process's own"},
	{CONFIG_MILTER, "milter.policy", CONFIG_ENDPOINT_OR_OFF, AT2(bmx_config_milter, policy, policy_on), POLICYD_SOCKET, 0, 0, NULL, RELOAD, "where recipients are asked for; empty: left to check_policy_service"},
	{CONFIG_MILTER, "milter.metrics", CONFIG_ENDPOINT_OR_OFF, AT2(bmx_config_milter, metrics, metrics_on), "inet:127.0.0.1:9518", 0, 0, NULL, RESTART, "Prometheus text and /healthz; empty: off"},
	{CONFIG_MILTER, "milter.trusted", CONFIG_NETWORKS, AT2(bmx_config_milter, trusted, trusted_count), "{\"127.0.0.0/8\", \"::1/128\"}", 0, 1024, NULL, RELOAD, "clients that are not checked"},
	{CONFIG_MILTER, "milter.bounce_guard", CONFIG_ENUM, AT(bmx_config_milter, bounce_guard), "quarantine", 0, 0, bounce_words, RELOAD, "what happens to a bounce to an unauthenticated sender"},
	{CONFIG_MILTER, "milter.seal_key_file", CONFIG_STRING, AT(bmx_config_milter, seal_key_file), "", 0, 1000, NULL, RELOAD, "file with the keys of seals; empty: seal.key in state_dir"},
	{CONFIG_MILTER, "milter.seal_keep", CONFIG_DURATION, AT(bmx_config_milter, seal_keep_ms), "30d", 1 * H, 365 * D, NULL, RELOAD, "how long it is kept who sent a message"},

	{CONFIG_REDIS, "redis.servers", CONFIG_STRINGS, AT(bmx_config_redis, servers), "{\"unix:/run/redis/redis-server.sock\"}", 0, 64, NULL, RESTART, "tried in order"},
	{CONFIG_REDIS, "redis.sentinels", CONFIG_STRINGS, AT(bmx_config_redis, sentinels), "{}", 0, 64, NULL, RESTART, "Sentinels, instead of servers"},
	{CONFIG_REDIS, "redis.master_name", CONFIG_STRING, AT(bmx_config_redis, master_name), "", 0, 255, NULL, RESTART, "the name Sentinels know the server by"},
	{CONFIG_REDIS, "redis.cluster", CONFIG_BOOL, AT(bmx_config_redis, cluster), "false", 0, 0, NULL, RESTART, "follow MOVED and ASK"},
	{CONFIG_REDIS, "redis.username", CONFIG_STRING, AT(bmx_config_redis, username), "", 0, 255, NULL, RESTART, "user for AUTH"},
	{CONFIG_REDIS, "redis.password_file", CONFIG_STRING, AT(bmx_config_redis, password_file), "", 0, 1000, NULL, RESTART, "file with the password for AUTH"},
	{CONFIG_REDIS, "redis.sentinel_username", CONFIG_STRING, AT(bmx_config_redis, sentinel_username), "", 0, 255, NULL, RESTART, "user for AUTH at the Sentinels"},
	{CONFIG_REDIS, "redis.sentinel_password_file", CONFIG_STRING, AT(bmx_config_redis, sentinel_password_file), "", 0, 1000, NULL, RESTART, "file with the password for AUTH at the Sentinels"},
	{CONFIG_REDIS, "redis.database", CONFIG_NUMBER, AT(bmx_config_redis, database), "0", 0, 1023, NULL, RESTART, "number for SELECT"},
	{CONFIG_REDIS, "redis.prefix", CONFIG_STRING, AT(bmx_config_redis, prefix), "bmx", 1, 64, NULL, RESTART, "what every key begins with"},
	{CONFIG_REDIS, "redis.timeout", CONFIG_DURATION, AT(bmx_config_redis, timeout_ms), "250ms", 10, 10 * S, NULL, RESTART, "longest wait for one answer"},
	{CONFIG_REDIS, "redis.tls_ca_file", CONFIG_STRING, AT(bmx_config_redis, tls_ca_file), "", 0, 1000, NULL, RESTART, "certificate authorities for rediss://; empty: the system's"},

	{CONFIG_DOMAIN, "domain.mode", CONFIG_ENUM, AT(bmx_config_domain, mode), "enforce", 0, 0, mode_words, RELOAD, "observe: log what would be refused, refuse nothing"},
	{CONFIG_DOMAIN, "domain.primary", CONFIG_STRINGS, AT(bmx_config_domain, primary), "{\"mx\"}", 1, 64, NULL, RELOAD, "the primary's hosts; mx: the MX hosts better than ours"},
	{CONFIG_DOMAIN, "domain.tls", CONFIG_ENUM, AT(bmx_config_domain, tls), "may", 0, 0, tls_words, RELOAD, "TLS of call-ahead"},
	{CONFIG_DOMAIN, "domain.tls_ca_file", CONFIG_STRING, AT(bmx_config_domain, tls_ca_file), "", 0, 1000, NULL, RELOAD, "certificate authorities; empty: the system's"},
	{CONFIG_DOMAIN, "domain.accept_all", CONFIG_ENUM, AT(bmx_config_domain, accept_all), "accept", 0, 0, accept_all_words, RELOAD, "when the primary takes any local part"},
	{CONFIG_DOMAIN, "domain.recipients", CONFIG_STRING, AT(bmx_config_domain, recipients), "", 0, 1000, NULL, RELOAD, "source of the recipient list; empty: none"},
	{CONFIG_DOMAIN, "domain.refresh", CONFIG_DURATION, AT(bmx_config_domain, refresh_ms), "5m", 1 * S, 7 * D, NULL, RELOAD, "how often the list is fetched"},
	{CONFIG_DOMAIN, "domain.list_max_age", CONFIG_DURATION, AT(bmx_config_domain, list_max_age_ms), "24h", 1 * S, 365 * D, NULL, RELOAD, "an older list may no longer refuse while the primary is up"},
	{CONFIG_DOMAIN, "domain.max_shrink", CONFIG_PERCENT, AT(bmx_config_domain, max_shrink), "20", 0, 100, NULL, RELOAD, "per cent: a new list that loses more is refused"},
	{CONFIG_DOMAIN, "domain.call_ahead", CONFIG_BOOL, AT(bmx_config_domain, call_ahead), "true", 0, 0, NULL, RELOAD, "ask the primary over SMTP when the list cannot tell"},
	{CONFIG_DOMAIN, "domain.probe_rate", CONFIG_NUMBER, AT(bmx_config_domain, probe_rate), "5", 1, 1000, NULL, RELOAD, "recipients asked of one primary in a second"},
	{CONFIG_DOMAIN, "domain.probe_connections", CONFIG_NUMBER, AT(bmx_config_domain, probe_connections), "2", 1, 20, NULL, RELOAD, "connections to one primary at a time"},
	{CONFIG_DOMAIN, "domain.probe_sender", CONFIG_STRING, AT(bmx_config_domain, probe_sender), "", 0, 320, NULL, RELOAD, "MAIL FROM of call-ahead; empty: the null sender"},
	{CONFIG_DOMAIN, "domain.check_interval", CONFIG_DURATION, AT(bmx_config_domain, check_interval_ms), "30s", 1 * S, 1 * H, NULL, RELOAD, "how often the primary is checked"},
	{CONFIG_DOMAIN, "domain.primary_up", CONFIG_ENUM, AT(bmx_config_domain, primary_up), "accept", 0, 0, primary_up_words, RELOAD, "what a known recipient gets while the primary is up"},
	{CONFIG_DOMAIN, "domain.gate_tries", CONFIG_NUMBER, AT(bmx_config_domain, gate_tries), "2", 2, 100, NULL, RELOAD, "gate: a stranger passes at this try"},
	{CONFIG_DOMAIN, "domain.gate_delay", CONFIG_DURATION, AT(bmx_config_domain, gate_delay_ms), "10m", 1 * S, 24 * H, NULL, RELOAD, "gate: and no sooner than this after the first"},
	{CONFIG_DOMAIN, "domain.gate_memory", CONFIG_DURATION, AT(bmx_config_domain, gate_memory_ms), "30d", 1 * M, 31 * D, NULL, RELOAD, "gate: how long a client that passed is let through at once"},
	{CONFIG_DOMAIN, "domain.recipient_delimiter", CONFIG_STRING, AT(bmx_config_domain, recipient_delimiter), "+", 0, 8, NULL, RELOAD, "characters that part a local part from its extension"},
	{CONFIG_DOMAIN, "domain.case_sensitive", CONFIG_BOOL, AT(bmx_config_domain, case_sensitive), "false", 0, 0, NULL, RELOAD, "case of local parts counts"},
	{CONFIG_DOMAIN, "domain.size", CONFIG_SIZE, AT(bmx_config_domain, size), "0", 0, INT64_C(1) << 40, NULL, RELOAD, "octets of a message that the primary takes; 0: no limit here"},
	{CONFIG_DOMAIN, "domain.client_access", CONFIG_STRINGS, AT(bmx_config_domain, client_access), "{}", 0, 16, NULL, RELOAD, "access(5) or cidr_table(5) files about clients, as hash:/path or cidr:/path"},
	{CONFIG_DOMAIN, "domain.sender_access", CONFIG_STRINGS, AT(bmx_config_domain, sender_access), "{}", 0, 16, NULL, RELOAD, "access(5) files about senders, as hash:/path"},
	{CONFIG_DOMAIN, "domain.score_threshold", CONFIG_NUMBER, AT(bmx_config_domain, score_threshold), "0", 0, 1000000, NULL, RELOAD, "points from which a client is refused; 0: points do nothing"},

	{CONFIG_SPF, "domain.spf.fail", CONFIG_RESPONSE, AT(bmx_config_spf, fail), "reject", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what SPF fail does"},
	{CONFIG_SPF, "domain.spf.softfail", CONFIG_RESPONSE, AT(bmx_config_spf, softfail), "tag", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what SPF softfail does"},
	{CONFIG_SPF, "domain.spf.temperror", CONFIG_RESPONSE, AT(bmx_config_spf, temperror), "tag", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what SPF temperror does"},
	{CONFIG_SPF, "domain.spf.permerror", CONFIG_RESPONSE, AT(bmx_config_spf, permerror), "tag", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what SPF permerror does"},

	{CONFIG_DNSBL, "domain.dnsbl.zones", CONFIG_STRINGS, AT(bmx_config_dnsbl, zones), "{}", 0, 64, NULL, RELOAD, "zones as zone*weight or zone=127.0.0.[2..11]*weight"},
	{CONFIG_DNSBL, "domain.dnsbl.threshold", CONFIG_NUMBER, AT(bmx_config_dnsbl, threshold), "1", 1, 1000000, NULL, RELOAD, "sum of weights from which the action is taken"},
	{CONFIG_DNSBL, "domain.dnsbl.action", CONFIG_RESPONSE, AT(bmx_config_dnsbl, action), "reject", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a listed client gets"},
	{CONFIG_DNSBL, "domain.dnsbl.temperror", CONFIG_RESPONSE, AT(bmx_config_dnsbl, temperror), "ignore", 0, 0, temperror_words, RELOAD, "what is done when lists that could decide do not answer"},

	{CONFIG_HELO, "domain.helo.invalid", CONFIG_RESPONSE, AT(bmx_config_helo, invalid), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a HELO that is neither name nor address literal gets"},
	{CONFIG_HELO, "domain.helo.unqualified", CONFIG_RESPONSE, AT(bmx_config_helo, unqualified), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a HELO name of one label gets"},
	{CONFIG_HELO, "domain.helo.own", CONFIG_RESPONSE, AT(bmx_config_helo, own), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a stranger with our name or address in HELO gets"},
	{CONFIG_HELO, "domain.helo.unknown", CONFIG_RESPONSE, AT(bmx_config_helo, unknown), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a HELO name without A, AAAA or MX gets"},
	{CONFIG_HELO, "domain.helo.temperror", CONFIG_RESPONSE, AT(bmx_config_helo, temperror), "ignore", 0, 0, temperror_words, RELOAD, "what is done when the HELO name cannot be looked up"},

	{CONFIG_REVERSE_DNS, "domain.reverse_dns.missing", CONFIG_RESPONSE, AT(bmx_config_reverse_dns, missing), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a client without a PTR record gets"},
	{CONFIG_REVERSE_DNS, "domain.reverse_dns.unconfirmed", CONFIG_RESPONSE, AT(bmx_config_reverse_dns, unconfirmed), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a client gets none of whose names leads back to it"},
	{CONFIG_REVERSE_DNS, "domain.reverse_dns.temperror", CONFIG_RESPONSE, AT(bmx_config_reverse_dns, temperror), "ignore", 0, 0, temperror_words, RELOAD, "what is done when the names cannot be looked up"},

	{CONFIG_SENDER_DOMAIN, "domain.sender_domain.null_mx", CONFIG_RESPONSE, AT(bmx_config_sender_domain, null_mx), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a sender whose domain says that it takes no mail gets"},
	{CONFIG_SENDER_DOMAIN, "domain.sender_domain.unknown", CONFIG_RESPONSE, AT(bmx_config_sender_domain, unknown), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a sender domain without MX, A and AAAA gets"},
	{CONFIG_SENDER_DOMAIN, "domain.sender_domain.unqualified", CONFIG_RESPONSE, AT(bmx_config_sender_domain, unqualified), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a sender without a domain of two labels gets"},
	{CONFIG_SENDER_DOMAIN, "domain.sender_domain.literal", CONFIG_RESPONSE, AT(bmx_config_sender_domain, literal), "ignore", 0, BMX_CONFIG_POINTS_MAX, action_words, RELOAD, "what a sender at an address literal gets"},
	{CONFIG_SENDER_DOMAIN, "domain.sender_domain.temperror", CONFIG_RESPONSE, AT(bmx_config_sender_domain, temperror), "ignore", 0, 0, temperror_words, RELOAD, "what is done when the sender domain cannot be looked up"},

	{CONFIG_SCANNER, "domain.scanner.type", CONFIG_ENUM, AT(bmx_config_scanner, type), "rspamd", 0, 0, scanner_words, RELOAD, "rspamd, spamd or clamd"},
	{CONFIG_SCANNER, "domain.scanner.urls", CONFIG_STRINGS, AT(bmx_config_scanner, urls), "{}", 0, 16, NULL, RELOAD, "tried in order: http:// and https:// for rspamd, else inet:address:port or unix:/path"},
	{CONFIG_SCANNER, "domain.scanner.action", CONFIG_ENUM, AT(bmx_config_scanner, action), "reject", 0, 0, action_words, RELOAD, "what a message gets that spamd or clamd finds bad; rspamd says it itself"},
	{CONFIG_SCANNER, "domain.scanner.unavailable", CONFIG_ENUM, AT(bmx_config_scanner, unavailable), "defer", 0, 0, unavailable_words, RELOAD, "what a message gets that no URL has scanned"},
	{CONFIG_SCANNER, "domain.scanner.max_size", CONFIG_SIZE, AT(bmx_config_scanner, max_size), "10M", 1, INT64_C(1) << 32, NULL, RELOAD, "larger messages pass without being scanned"},
	{CONFIG_SCANNER, "domain.scanner.timeout", CONFIG_DURATION, AT(bmx_config_scanner, timeout_ms), "15s", 100, 1 * M, NULL, RELOAD, "longest wait for one URL"},

	{CONFIG_FETCH, "domain.fetch.timeout", CONFIG_DURATION, AT(bmx_config_fetch, timeout_ms), "1m", 1 * S, 9 * M, NULL, RELOAD, "longest time for one fetch of the list"},
	{CONFIG_FETCH, "domain.fetch.max_size", CONFIG_SIZE, AT(bmx_config_fetch, max_size), "1G", 1024, INT64_C(1) << 32, NULL, RELOAD, "octets of the list that are taken; a larger one is refused"},
	{CONFIG_FETCH, "domain.fetch.username", CONFIG_STRING, AT(bmx_config_fetch, username), "", 0, 1000, NULL, RELOAD, "user for https:// and sftp://, bind DN for ldap://"},
	{CONFIG_FETCH, "domain.fetch.password_file", CONFIG_STRING, AT(bmx_config_fetch, password_file), "", 0, 1000, NULL, RELOAD, "file with the user's password"},
	{CONFIG_FETCH, "domain.fetch.token_file", CONFIG_STRING, AT(bmx_config_fetch, token_file), "", 0, 1000, NULL, RELOAD, "file with a bearer token for https://"},
	{CONFIG_FETCH, "domain.fetch.tls_ca_file", CONFIG_STRING, AT(bmx_config_fetch, tls_ca_file), "", 0, 1000, NULL, RELOAD, "certificate authorities for https:// and ldaps://; empty: the system's"},
	{CONFIG_FETCH, "domain.fetch.tls_cert_file", CONFIG_STRING, AT(bmx_config_fetch, tls_cert_file), "", 0, 1000, NULL, RELOAD, "client certificate for https:// and ldaps://"},
	{CONFIG_FETCH, "domain.fetch.tls_key_file", CONFIG_STRING, AT(bmx_config_fetch, tls_key_file), "", 0, 1000, NULL, RELOAD, "key of the client certificate"},
	{CONFIG_FETCH, "domain.fetch.ssh_key_file", CONFIG_STRING, AT(bmx_config_fetch, ssh_key_file), "", 0, 1000, NULL, RELOAD, "private key for sftp://"},
	{CONFIG_FETCH, "domain.fetch.ssh_known_hosts_file", CONFIG_STRING, AT(bmx_config_fetch, ssh_known_hosts_file), "", 0, 1000, NULL, RELOAD, "keys of the servers of sftp://, as ssh has them"},
	{CONFIG_FETCH, "domain.fetch.starttls", CONFIG_BOOL, AT(bmx_config_fetch, starttls), "true", 0, 0, NULL, RELOAD, "ldap:// is secured by StartTLS, or not used at all"},
	{CONFIG_FETCH, "domain.fetch.page_size", CONFIG_NUMBER, AT(bmx_config_fetch, page_size), "500", 1, 100000, NULL, RELOAD, "entries of an ldap:// answer that are asked for at a time"},
};
/* clang-format on */

const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);

_Static_assert(sizeof(config_rows) / sizeof(config_rows[0]) <= CONFIG_ROWS_MAX,
               "marks by row have room");

const char *
config_row_name(const struct config_row *row)
{
	const char *dot = strrchr(row->key, '.');

	return dot ? dot + 1 : row->key;
}
