/* Settings of one value, and the queue's room. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/address.h>

#include "ctl/doctor/postfix_rows.h"

#define DAY_S (INT64_C(24) * 3600)
/* An outage over a long weekend; Postfix's own default. */
#define QUEUE_LIFETIME_S (5 * DAY_S)
#define OLDEST_POSTFIX 3
/* Blocks with fewer bits are no one's own network. */
#define IPV4_BITS_MIN 8
#define IPV6_BITS_MIN 24
#define ROOM_OCTETS (UINT64_C(1) << 30)
#define ROOM_INODES UINT64_C(10000)

static const char *
get(const struct bmxctl_postfix_facts *facts, const char *name)
{
	return bmxctl_postconf_get(facts->postconf, name);
}

/* As the service that delivers to the primary sees it. */
static const char *
get_relay(const struct bmxctl_postfix_facts *facts, const char *name)
{
	const char *transport = get(facts, "relay_transport");
	const struct bmx_slice word = {transport, strcspn(transport, ":")};
	const char *service = bmx_arena_copy(facts->arena, word);
	const size_t at =
		service ? bmxctl_postfix_find_service(facts, service) : 0;

	if (!service || at == bmxctl_postconf_service_count(facts->postconf))
		return get(facts, name);
	return bmxctl_postconf_service_get(facts->postconf, at, name);
}

/*
 * Who may talk to Postfix.
 */

static void
judge_name(const struct bmxctl_postfix_facts *facts,
           struct bmxctl_findings *findings)
{
	const char *name = get(facts, "myhostname");

	if (!bmx_slice_equal_nocase(bmx_slice_of(name),
	                            bmx_slice_of(facts->config->hostname)))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MYHOSTNAME,
		                     "myhostname", "it is %s, hostname is %s",
		                     name, facts->config->hostname);
}

static bool
is_loopback(struct bmx_slice host)
{
	static const char *const names[] = {"loopback-only", "localhost",
	                                    "localhost.localdomain", "::1",
	                                    "[::1]"};

	if (host.len >= 4 && memcmp(host.data, "127.", 4) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bmx_slice_equal_nocase(host, bmx_slice_of(names[i])))
			return true;
	return false;
}

static bool
all_loopback(const struct bmxctl_postfix_facts *facts, const char *value)
{
	struct bmxctl_words words;
	struct bmx_error err;

	if (bmxctl_words_split(facts->arena, bmx_slice_of(value), &words,
	                       &err) != 0)
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (!is_loopback(words.items[i]))
			return false;
	return true;
}

/* Does the service take mail from other hosts on port 25? */
static bool
takes_mail(const struct bmxctl_postfix_facts *facts, size_t index)
{
	const struct bmxctl_postfix_service *service =
		bmxctl_postconf_service(facts->postconf, index);
	const char *colon = strrchr(service->name, ':');
	const char *port = colon ? colon + 1 : service->name;

	if (strcmp(service->type, "inet") != 0 ||
	    (strcmp(service->command, "smtpd") != 0 &&
	     strcmp(service->command, "postscreen") != 0) ||
	    (strcmp(port, "smtp") != 0 && strcmp(port, "25") != 0))
		return false;
	if (colon)
		return !is_loopback((struct bmx_slice){
			service->name, (size_t)(colon - service->name)});
	return !all_loopback(facts,
	                     bmxctl_postconf_service_get(facts->postconf, index,
	                                                 "inet_interfaces"));
}

static void
judge_interfaces(const struct bmxctl_postfix_facts *facts,
                 struct bmxctl_findings *findings)
{
	const size_t count = bmxctl_postconf_service_count(facts->postconf);

	for (size_t i = 0; i < count; i++)
		if (takes_mail(facts, i)) {
			bmxctl_found_good(
				findings, "postfix.loopback-only",
				bmxctl_postconf_service(facts->postconf, i)
					->name,
				"it listens to other hosts");
			return;
		}
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_LOOPBACK,
	                     "inet_interfaces",
	                     "it is \"%s\", and no service of master.cf "
	                     "listens to other hosts on port 25",
	                     get(facts, "inet_interfaces"));
}

/* Private IPv6 blocks are wide by nature: fc00::/7, fe80::/10. */
static bool
is_private(const uint8_t network[16])
{
	return (network[0] & 0xfe) == 0xfc ||
		(network[0] == 0xfe && (network[1] & 0xc0) == 0x80);
}

/* "[::1]/128" loses its brackets. What is no block (a table, "!x", a name)
 * cannot be wide here. */
static bool
is_wide(const struct bmxctl_postfix_facts *facts, struct bmx_slice word)
{
	struct bmx_config_network network;
	char *text = bmx_arena_copy(facts->arena, word);
	size_t kept = 0;

	for (size_t i = 0; text && text[i] != '\0'; i++)
		if (text[i] != '[' && text[i] != ']')
			text[kept++] = text[i];
	if (!text)
		return false;
	text[kept] = '\0';
	if (bmx_config_network_read(text, &network) != NULL)
		return false;
	if (network.prefix_length >= 96)
		return network.prefix_length < 96 + IPV4_BITS_MIN;
	return network.prefix_length < IPV6_BITS_MIN &&
		!is_private(network.network);
}

static void
judge_networks(const struct bmxctl_postfix_facts *facts,
               enum bmxctl_postfix_row row, const char *name,
               struct bmxctl_findings *findings)
{
	struct bmxctl_words words;
	struct bmx_error err;

	if (bmxctl_words_split(facts->arena, bmx_slice_of(get(facts, name)),
	                       &words, &err) != 0)
		return;
	for (size_t i = 0; i < words.count; i++)
		if (is_wide(facts, words.items[i]))
			bmxctl_postfix_found(findings, row, name, "it has %.*s",
			                     (int)words.items[i].len,
			                     words.items[i].data);
}

/*
 * What is said to clients.
 */

/* A setting that is to be yes, or no. */
struct flag {
	const char *name;
	bool want;
	enum bmxctl_postfix_row row;
};

static const struct flag flags[] = {
	{"smtpd_delay_reject", true, BMXCTL_POSTFIX_DELAY_REJECT},
	{"soft_bounce", false, BMXCTL_POSTFIX_SOFT_BOUNCE},
	{"disable_vrfy_command", true, BMXCTL_POSTFIX_VRFY},
};

static void
judge_flags(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *value = get(facts, flags[i].name);

		if (bmxctl_postfix_yes(value) != flags[i].want)
			bmxctl_postfix_found(findings, flags[i].row,
			                     flags[i].name, "it is %s", value);
		else
			bmxctl_found_good(
				findings,
				bmxctl_postfix_row(flags[i].row)->name,
				flags[i].name, "it is %s", value);
	}
}

static void
judge_codes(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	static const char *const names[] = {
		"unknown_local_recipient_reject_code",
		"unknown_relay_recipient_reject_code"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (get(facts, names[i])[0] == '4')
			bmxctl_postfix_found(
				findings, BMXCTL_POSTFIX_UNKNOWN_CODE, names[i],
				"it is %s", get(facts, names[i]));
}

static void
judge_clients(const struct bmxctl_postfix_facts *facts,
              struct bmxctl_findings *findings)
{
	static const char keywords[] = "smtpd_discard_ehlo_keywords";
	const char *maps = get(facts, "relay_recipient_maps");

	judge_flags(facts, findings);
	judge_codes(facts, findings);
	if (!bmxctl_postfix_holds(facts, get(facts, keywords), "dsn"))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_DSN, keywords,
		                     "it does not hold dsn");
	if (maps[0] != '\0')
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_RECIPIENT_MAPS,
		                     "relay_recipient_maps", "it is %s", maps);
}

/*
 * How mail is kept and delivered.
 */

static void
judge_times(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	const char *queue = get(facts, "maximal_queue_lifetime");
	const char *bounce = get(facts, "bounce_queue_lifetime");
	const int64_t queue_s = bmxctl_postfix_time(queue, 'd');
	const int64_t bounce_s = bmxctl_postfix_time(bounce, 'd');

	if (queue_s < QUEUE_LIFETIME_S)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_QUEUE_LIFETIME,
		                     "maximal_queue_lifetime", "it is %s",
		                     queue);
	else
		bmxctl_found_good(findings, "postfix.queue-lifetime",
		                  "maximal_queue_lifetime", "it is %s", queue);
	if (bounce_s <= 0 || bounce_s > queue_s)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_BOUNCE_LIFETIME,
		                     "bounce_queue_lifetime",
		                     "it is %s, maximal_queue_lifetime %s",
		                     bounce, queue);
}

static void
judge_notify(const struct bmxctl_postfix_facts *facts,
             struct bmxctl_findings *findings)
{
	static const char *const loud[] = {"bounce", "2bounce", "delay",
	                                   "policy", "protocol"};
	const char *value = get(facts, "notify_classes");

	for (size_t i = 0; i < sizeof(loud) / sizeof(loud[0]); i++)
		if (bmxctl_postfix_holds(facts, value, loud[i])) {
			bmxctl_postfix_found(findings, BMXCTL_POSTFIX_NOTIFY,
			                     "notify_classes", "it is %s",
			                     value);
			return;
		}
}

/* postsrsd's ports and sockets, and others' by their name. */
static void
judge_srs(const struct bmxctl_postfix_facts *facts,
          struct bmxctl_findings *findings)
{
	static const char *const signs[] = {"srs", "SRS", ":10001", ":10003"};
	const char *maps = get(facts, "sender_canonical_maps");

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strstr(maps, signs[i])) {
			bmxctl_postfix_found(findings, BMXCTL_POSTFIX_SRS,
			                     "sender_canonical_maps",
			                     "it is %s", maps);
			return;
		}
}

static enum bmx_config_tls
strongest_tls(const struct bmx_config *config)
{
	enum bmx_config_tls most = BMX_TLS_NONE;

	for (size_t i = 0; i < config->domain_count; i++)
		if (config->domains[i].tls > most)
			most = config->domains[i].tls;
	return most;
}

/* Does Postfix's level give what tls says? "dane" alone goes on in clear
 * where a host has no TLSA records. */
static bool
is_as_strong(const char *level, enum bmx_config_tls tls)
{
	static const char *const encrypt[] = {"encrypt",   "dane",
	                                      "dane-only", "fingerprint",
	                                      "verify",    "secure"};
	const size_t first = tls == BMX_TLS_ENCRYPT ? 0 :
		tls == BMX_TLS_DANE                 ? 1 :
						      2;
	const size_t end = tls == BMX_TLS_DANE ? 3 : 6;

	if (tls < BMX_TLS_ENCRYPT)
		return true;
	for (size_t i = first; i < end; i++)
		if (strcmp(level, encrypt[i]) == 0)
			return true;
	return false;
}

static void
judge_tls(const struct bmxctl_postfix_facts *facts,
          struct bmxctl_findings *findings)
{
	static const char name[] = "smtp_tls_security_level";
	const char *level = get_relay(facts, name);
	const char *dns = get_relay(facts, "smtp_dns_support_level");
	const enum bmx_config_tls tls = strongest_tls(facts->config);
	const bool old = bmxctl_postfix_yes(get_relay(facts, "smtp_use_tls")) ||
		bmxctl_postfix_yes(get_relay(facts, "smtp_enforce_tls"));

	if (tls == BMX_TLS_NONE)
		return;
	if ((level[0] == '\0' && !old) || strcmp(level, "none") == 0)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_TLS_NONE, name,
		                     "it is \"%s\"", level);
	else if (!is_as_strong(level, tls) &&
	         get(facts, "smtp_tls_policy_maps")[0] == '\0')
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_TLS_WEAKER, name,
		                     "it is %s, backupmx.conf asks for more",
		                     level);
	if (strncmp(level, "dane", 4) == 0 && strcmp(dns, "dnssec") != 0)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_TLS_DANE,
		                     "smtp_dns_support_level", "it is \"%s\"",
		                     dns);
}

static void
judge_relay_service(const struct bmxctl_postfix_facts *facts,
                    struct bmxctl_findings *findings)
{
	const char *transport = get(facts, "relay_transport");
	const struct bmx_slice word = {transport, strcspn(transport, ":")};
	const char *name = bmx_arena_copy(facts->arena, word);
	const char *deferred = get(facts, "defer_transports");

	if (!name)
		return;
	if (bmxctl_postfix_find_service(facts, name) ==
	    bmxctl_postconf_service_count(facts->postconf))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_RELAY_SERVICE,
		                     "relay_transport",
		                     "master.cf has no service %s", name);
	if (bmxctl_postfix_holds(facts, deferred, name))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_DEFERRED,
		                     "defer_transports", "it is %s", deferred);
	if (!bmxctl_postfix_yes(get_relay(facts, "smtp_send_xforward_command")))
		bmxctl_postfix_found(
			findings, BMXCTL_POSTFIX_XFORWARD,
			"smtp_send_xforward_command", "it is %s",
			get_relay(facts, "smtp_send_xforward_command"));
}

static void
judge_queue(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	const uint64_t limit =
		strtoull(get(facts, "message_size_limit"), NULL, 10);
	const char *directory = get(facts, "queue_directory");
	const uint64_t mega = facts->queue_octets >> 20;

	if (!facts->queue_known)
		return;
	if (facts->queue_octets / 3 < limit / 2)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_QUEUE_FULL,
		                     directory, "%" PRIu64 " MB are free",
		                     mega);
	else if (facts->queue_octets < ROOM_OCTETS)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_QUEUE_ROOM,
		                     directory, "%" PRIu64 " MB are free",
		                     mega);
	else if (facts->inodes_known && facts->queue_inodes < ROOM_INODES)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_QUEUE_ROOM,
		                     directory, "%" PRIu64 " inodes are free",
		                     facts->queue_inodes);
	else
		bmxctl_found_good(findings, "postfix.queue-room", directory,
		                  "%" PRIu64 " MB are free", mega);
}

/*
 * Domains that Postfix relays and we do not know.
 */

static void
judge_relayed(const struct bmxctl_postfix_facts *facts, struct bmx_slice word,
              struct bmxctl_findings *findings)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice domain;

	/* A table, a file, an exclusion: not known here. */
	if (memchr(word.data, ':', word.len) ||
	    memchr(word.data, '/', word.len) || word.data[0] == '!' ||
	    word.data[0] == '.' ||
	    bmx_domain_normalise(word, buffer, &domain) != 0 ||
	    bmx_config_find_domain(facts->config, domain) ||
	    bmxctl_postfix_holds(facts, get(facts, "mydestination"), buffer))
		return;
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_UNSERVED, buffer,
	                     "relay_domains has it, backupmx.conf has not");
}

static void
judge_unserved(const struct bmxctl_postfix_facts *facts,
               struct bmxctl_findings *findings)
{
	struct bmxctl_words words;
	struct bmx_error err;

	if (bmx_config_any_domain(facts->config) ||
	    bmxctl_words_split(facts->arena,
	                       bmx_slice_of(get(facts, "relay_domains")),
	                       &words, &err) != 0)
		return;
	for (size_t i = 0; i < words.count; i++)
		judge_relayed(facts, words.items[i], findings);
}

void
bmxctl_postfix_judge_settings(const struct bmxctl_postfix_facts *facts,
                              struct bmxctl_findings *findings)
{
	const char *version = get(facts, "mail_version");

	if (strtoul(version, NULL, 10) < OLDEST_POSTFIX)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_OLD, "",
		                     "this is Postfix %s", version);
	if (facts->running)
		bmxctl_found_good(findings, "postfix.not-running", "",
		                  "Postfix %s runs", version);
	else
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_DOWN, "",
		                     "no master process of %s",
		                     get(facts, "queue_directory"));
	judge_name(facts, findings);
	judge_interfaces(facts, findings);
	judge_networks(facts, BMXCTL_POSTFIX_NETWORKS, "mynetworks", findings);
	judge_networks(facts, BMXCTL_POSTFIX_XCLIENT,
	               "smtpd_authorized_xclient_hosts", findings);
	judge_networks(facts, BMXCTL_POSTFIX_XCLIENT,
	               "smtpd_authorized_xforward_hosts", findings);
	judge_clients(facts, findings);
	judge_times(facts, findings);
	judge_notify(facts, findings);
	judge_srs(facts, findings);
	judge_tls(facts, findings);
	judge_relay_service(facts, findings);
	judge_queue(facts, findings);
	judge_unserved(facts, findings);
}
