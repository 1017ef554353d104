/* Gathers what DNS says of a domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor/dns_rows.h"
#include "ctl/doctor/mx_set.h"

/* For all look-ups of the domain, and for those at its own servers, ms. */
#define DNS_MS 4000
#define OWN_SERVERS_MS 2000
/* Servers of a zone that are looked at, and that are asked themselves. */
#define SERVERS_MAX ((size_t)8)
#define ASKED_MAX ((size_t)3)
/* The TTL that a resolver makes of every longer one, seconds. */
#define RESOLVER_TTL_S UINT32_C(86400)

struct view {
	const struct bmxctl_patient *patient;
	const struct bmx_config_domain *domain;
	struct bmxctl_here here;
	struct bmxctl_mx_set set;
	struct bmxctl_host servers[SERVERS_MAX];
	size_t server_count;
	bool ttl_known;
};

static void
look_up_servers(struct view *view, int64_t deadline_us)
{
	const struct bmx_dns_answer *ns = bmx_dns_resolve(
		view->patient->dns, bmx_slice_of(view->domain->name),
		BMX_DNS_NS, deadline_us);

	for (size_t i = 0; i < ns->count && i < SERVERS_MAX; i++)
		bmxctl_host_init(&view->servers[view->server_count++],
		                 &view->here, ns->records[i].text);
	/* Of a longer list not all is known: then nothing is concluded. */
	if (ns->count > SERVERS_MAX)
		view->server_count = 0;
	bmx_dns_answer_unref(&ns);
	bmxctl_hosts_look_up(view->servers, view->server_count, &view->here,
	                     view->patient->dns, deadline_us);
}

/* A resolver that asks the domain's own servers. */
static struct bmx_dns *
resolver_at_servers(const struct view *view)
{
	char texts[ASKED_MAX][BMXCTL_ADDRESS_TEXT];
	const char *items[ASKED_MAX];
	struct bmx_dns_options options = {.resolvers = items,
	                                  .max_ttl_s = UINT32_MAX / 2};

	for (size_t i = 0; i < view->server_count; i++) {
		const struct bmxctl_host *server = &view->servers[i];
		const size_t at = options.resolver_count;

		if (at == ASKED_MAX || server->address_count == 0)
			continue;
		/* IPv6 comes first, and may lead nowhere from here. */
		items[at] = bmxctl_address_text(
			&server->addresses[server->address_count - 1].address,
			texts[at]);
		options.resolver_count++;
	}
	return options.resolver_count > 0 ? bmx_dns_new(&options, NULL) : NULL;
}

/*
 * A resolver tells what is left of a TTL, and of a long one a day at most.
 * Whether it is short or long at its source, only the domain's own servers
 * say.
 */
static void
find_ttl(struct view *view)
{
	const struct bmx_dns_answer *answer;
	struct bmx_dns *dns;

	if (view->set.ttl_s >= BMXCTL_TTL_SHORT_S &&
	    view->set.ttl_s < RESOLVER_TTL_S)
		return;
	dns = resolver_at_servers(view);
	if (!dns)
		return;
	answer = bmx_dns_resolve(dns, bmx_slice_of(view->domain->name),
	                         BMX_DNS_MX, bmxctl_deadline(OWN_SERVERS_MS));
	if (answer->status == BMX_DNS_OK) {
		view->set.ttl_s = answer->ttl_s;
		view->ttl_known = true;
	}
	bmx_dns_answer_unref(&answer);
	bmx_dns_free(&dns);
}

static void
look(struct view *view)
{
	const int64_t deadline_us = bmxctl_deadline(DNS_MS);

	bmxctl_mx_set_look_up(&view->set, view->patient, &view->here,
	                      view->domain, deadline_us);
	if (view->set.status != BMX_DNS_OK)
		return;
	look_up_servers(view, deadline_us);
	find_ttl(view);
}

static void
judge(const struct view *view)
{
	const struct bmx_config *config = view->patient->config;
	const struct bmxctl_dns_facts facts = {
		.domain = view->domain->name,
		.our_name = config->mx_names.count > 0 ?
			config->mx_names.items[0] :
			config->hostname,
		.mx_status = view->set.status,
		.mx_secure = view->set.secure,
		.ttl_known = view->ttl_known,
		.ttl_s = view->set.ttl_s,
		.mx = view->set.mx,
		.mx_count = view->set.count,
		.primaries = view->set.primaries,
		.primary_count = view->set.primary_count,
		.wants_mx = view->set.wants_mx,
		.wants_dane = view->domain->tls == BMX_TLS_DANE,
		.has_anchor =
			bmx_dns_trust_anchor(config->trust_anchor) != NULL,
		.only_private = view->here.only_private,
		.servers = view->servers,
		.server_count = view->server_count,
	};

	bmxctl_dns_judge(&facts, view->patient->findings);
}

void
bmxctl_doctor_dns(const struct bmxctl_patient *patient,
                  const struct bmx_config_domain *domain)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return; /* whoever keeps findings says that memory is short */
	view->patient = patient;
	view->domain = domain;
	bmxctl_here_init(&view->here, patient);
	look(view);
	judge(view);
	bmxctl_here_clear(&view->here);
	free(view);
}
