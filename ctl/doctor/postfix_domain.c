/* How a domain's mail is taken, and where it goes. */
#include <string.h>

#include "ctl/doctor/postfix_rows.h"

/* Lists of what is delivered on this host. */
static const char *const local_lists[] = {
	"mydestination", "virtual_mailbox_domains", "virtual_alias_domains"};

/* Where mail goes: "relay:[mx.test]:25" taken apart. */
struct route {
	struct bmx_slice transport;
	struct bmx_slice host; /* without brackets; "" is what MX records say */
	bool bracketed;        /* no MX look-up */
	bool on_smtp_port;
	const char *setting; /* that says so */
};

static const char *
get(const struct bmxctl_postfix_facts *facts, const char *name)
{
	return bmxctl_postconf_get(facts->postconf, name);
}

static bool
is_in(const struct bmxctl_postfix_facts *facts, const char *name,
      const char *domain)
{
	const bool subdomains = bmxctl_postfix_holds(
		facts, get(facts, "parent_domain_matches_subdomains"), name);
	struct bmxctl_words words;
	struct bmx_error err;

	if (bmxctl_words_split(facts->arena, bmx_slice_of(get(facts, name)),
	                       &words, &err) != 0)
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (bmxctl_domain_matches(words.items[i], domain, subdomains))
			return true;
	return false;
}

static void
judge_lists(const struct bmxctl_postfix_facts *facts,
            const struct bmxctl_postfix_domain_facts *domain,
            struct bmxctl_findings *findings)
{
	const char *name = domain->domain->name;
	const char *local = domain->local_by_table;

	for (size_t i = 0;
	     i < sizeof(local_lists) / sizeof(local_lists[0]) && !local; i++)
		if (bmxctl_postfix_holds(facts, get(facts, local_lists[i]),
		                         name))
			local = local_lists[i];
	if (local)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_LOCAL_DOMAIN,
		                     name, "%s has it", local);
	if (!domain->relayed_by_table && !is_in(facts, "relay_domains", name))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_RELAY_DOMAINS,
		                     name, "relay_domains does not have it");
	else
		bmxctl_found_good(findings, "postfix.relay-domains", name,
		                  "relay_domains has it");
}

/* Takes "HOST", "[HOST]", "HOST:PORT", "[HOST]:PORT" apart. */
static void
read_nexthop(struct bmx_slice text, struct route *route)
{
	const char *port = NULL;

	if (text.len > 0 && text.data[0] == '[') {
		const char *end = memchr(text.data, ']', text.len);
		const size_t len = end ? (size_t)(end - text.data) : text.len;

		route->bracketed = true;
		route->host = (struct bmx_slice){text.data + 1, len - 1};
		if (end && len + 1 < text.len && end[1] == ':')
			port = end + 2;
	} else {
		port = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
		route->host = text;
		if (port)
			route->host.len = (size_t)(port++ - text.data);
	}
	if (port) {
		const struct bmx_slice name = {
			port, (size_t)(text.data + text.len - port)};

		route->on_smtp_port = bmx_slice_equal(name, BMX_SLICE("25")) ||
			bmx_slice_equal(name, BMX_SLICE("smtp"));
	} else {
		route->on_smtp_port = true;
	}
	/* "[ipv6:2001:db8::1]" */
	if (route->host.len > 5 &&
	    bmx_slice_equal_nocase((struct bmx_slice){route->host.data, 5},
	                           BMX_SLICE("ipv6:"))) {
		route->host.data += 5;
		route->host.len -= 5;
	}
}

/* "TRANSPORT:NEXTHOP"; either may be empty. */
static void
read_route(const char *text, const char *setting, struct route *route)
{
	const size_t len = strcspn(text, ":");

	route->setting = setting;
	if (len > 0)
		route->transport = (struct bmx_slice){text, len};
	if (text[len] == ':' && text[len + 1] != '\0')
		read_nexthop(bmx_slice_of(text + len + 1), route);
}

/* As Postfix's ADDRESS_CLASS_README has it: a transport's own next hop, then
 * relayhost, then the domain. */
static struct route
find_route(const struct bmxctl_postfix_facts *facts,
           const struct bmxctl_postfix_domain_facts *domain)
{
	struct route route = {.on_smtp_port = true};

	read_route(get(facts, "relay_transport"), "relay_transport", &route);
	if (domain->transport[0] != '\0') {
		read_route(domain->transport, "transport_maps", &route);
	} else if (route.host.len == 0 && get(facts, "relayhost")[0] != '\0') {
		route.setting = "relayhost";
		read_nexthop(bmx_slice_of(get(facts, "relayhost")), &route);
	}
	return route;
}

static bool
is_one_of(struct bmx_slice word, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bmx_slice_equal_nocase(word, bmx_slice_of(names[i])))
			return true;
	return false;
}

static bool
is_us(const struct bmxctl_postfix_facts *facts, struct bmx_slice host)
{
	const struct bmx_config *config = facts->config;
	const char *const names[] = {get(facts, "myhostname"), config->hostname,
	                             "localhost", "127.0.0.1", "::1"};

	return is_one_of(host, names, sizeof(names) / sizeof(names[0])) ||
		is_one_of(host, config->mx_names.items, config->mx_names.count);
}

/* Is that one of the hosts that the domain's primary is said to be? With
 * "mx" among them DNS decides, which only relayhost can contradict. */
static bool
is_primary(const struct bmx_config_domain *config, const struct route *route)
{
	struct route named;

	for (size_t i = 0; i < config->primary.count; i++) {
		const char *primary = config->primary.items[i];

		if (strcmp(primary, "mx") == 0 &&
		    strcmp(route->setting, "relayhost") != 0)
			return true;
		named = (struct route){0};
		read_nexthop(bmx_slice_of(primary), &named);
		if (bmx_slice_equal_nocase(named.host, route->host))
			return true;
	}
	return false;
}

static void
judge_host(const struct bmxctl_postfix_facts *facts,
           const struct bmx_config_domain *config, const struct route *route,
           struct bmxctl_findings *findings)
{
	const int len = (int)route->host.len;

	if (route->on_smtp_port && is_us(facts, route->host))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_LOOP,
		                     config->name, "%s sends it to %.*s",
		                     route->setting, len, route->host.data);
	else if (!is_primary(config, route))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_OTHER_HOST,
		                     config->name, "%s sends it to %.*s",
		                     route->setting, len, route->host.data);
	else
		bmxctl_found_good(findings, "postfix.other-host", config->name,
		                  "%s sends it to %.*s", route->setting, len,
		                  route->host.data);
}

static void
judge_route(const struct bmxctl_postfix_facts *facts,
            const struct bmx_config_domain *config, const struct route *route,
            struct bmxctl_findings *findings)
{
	static const char *const wrong[] = {"local", "virtual", "discard",
	                                    "error", "retry",   "lmtp"};

	if (is_one_of(route->transport, wrong,
	              sizeof(wrong) / sizeof(wrong[0]))) {
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_TRANSPORT,
		                     config->name, "%s gives it to %.*s",
		                     route->setting, (int)route->transport.len,
		                     route->transport.data);
		return;
	}
	if (route->host.len > 0)
		judge_host(facts, config, route, findings);
	if (!route->bracketed &&
	    (strcmp(get(facts, "smtp_dns_support_level"), "disabled") == 0 ||
	     bmxctl_postfix_yes(get(facts, "disable_dns_lookups"))))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_NO_DNS,
		                     config->name,
		                     "smtp_dns_support_level is disabled");
}

static void
judge_flush(const struct bmxctl_postfix_facts *facts,
            const struct bmxctl_postfix_domain_facts *domain,
            struct bmxctl_findings *findings)
{
	static const char list[] = "fast_flush_domains";
	const char *name = domain->domain->name;

	if (facts->config->policyd.on_recovery.count == 0 ||
	    domain->relayed_by_table || strpbrk(get(facts, list), ":/") ||
	    is_in(facts, list, name) ||
	    /* The default follows what is missing itself. */
	    strcmp(get(facts, list), get(facts, "relay_domains")) == 0)
		return;
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_FAST_FLUSH, name,
	                     "%s is \"%s\"", list, get(facts, list));
}

void
bmxctl_postfix_judge_domain(const struct bmxctl_postfix_facts *facts,
                            const struct bmxctl_postfix_domain_facts *domain,
                            struct bmxctl_findings *findings)
{
	const struct route route = find_route(facts, domain);

	judge_lists(facts, domain, findings);
	judge_route(facts, domain->domain, &route, findings);
	judge_flush(facts, domain, findings);
}
