/* Gathers what this machine's names and its resolver say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <backupmx/dnsbl_site.h>
#include <backupmx/text.h>

#include "ctl/doctor/names_rows.h"

/* For all look-ups together, ms. */
#define NAMES_MS 5000
#define REVERSES_MAX ((size_t)8)
#define ZONES_MAX ((size_t)64)
#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLVER_SIZE 64
/* 32 nibbles with their dots, "ip6.arpa". */
#define REVERSE_NAME_SIZE 80
#define SPF_MAX ((size_t)512)

struct names {
	const struct bmxctl_patient *patient;
	struct bmxctl_here here;
	int64_t deadline_us;
	struct bmxctl_host hostname;
	struct bmxctl_reverse reverses[REVERSES_MAX];
	size_t reverse_count;
	struct bmxctl_zone zones[ZONES_MAX];
	size_t zone_count;
	char resolver[RESOLVER_SIZE];
	char spf[SPF_MAX];
};

static const struct bmx_dns_answer *
ask(const struct names *names, const char *name, enum bmx_dns_type type)
{
	return bmx_dns_resolve(names->patient->dns, bmx_slice_of(name), type,
	                       names->deadline_us);
}

static void
reverse_name(const struct bmx_target_address *address,
             char out[REVERSE_NAME_SIZE])
{
	struct bmx_text text;

	bmx_text_init(&text, out, REVERSE_NAME_SIZE);
	if (address->family == AF_INET) {
		for (size_t i = 4; i > 0; i--)
			bmx_text_printf(&text, "%u.",
			                (unsigned)address->octets[i - 1]);
		bmx_text_append_string(&text, "in-addr.arpa");
		return;
	}
	for (size_t i = 16; i > 0; i--)
		bmx_text_printf(&text, "%x.%x.",
		                (unsigned)address->octets[i - 1] & 15U,
		                (unsigned)address->octets[i - 1] >> 4);
	bmx_text_append_string(&text, "ip6.arpa");
}

/* One of the PTR's names that leads back is enough. */
static void
confirm(struct names *names, struct bmxctl_reverse *reverse,
        const struct bmx_dns_answer *ptr)
{
	const struct bmxctl_host back = {
		.address_count = 1, .addresses = {{reverse->address, false}}};
	struct bmxctl_host host;

	for (size_t i = 0; i < ptr->count && !reverse->confirmed; i++) {
		bmxctl_host_init(&host, &names->here, ptr->records[i].text);
		if (i == 0)
			memcpy(reverse->name, host.name, sizeof(host.name));
		bmxctl_hosts_look_up(&host, 1, &names->here,
		                     names->patient->dns, names->deadline_us);
		reverse->confirmed = host.status == BMX_DNS_TEMPFAIL ||
			bmxctl_hosts_meet(&host, &back);
	}
}

static void
look_back(struct names *names, const struct bmx_target_address *address)
{
	struct bmxctl_reverse *reverse =
		&names->reverses[names->reverse_count++];
	const struct bmx_dns_answer *ptr;
	char name[REVERSE_NAME_SIZE];

	reverse_name(address, name);
	ptr = ask(names, name, BMX_DNS_PTR);
	*reverse = (struct bmxctl_reverse){.address = *address,
	                                   .status = ptr->status};
	confirm(names, reverse, ptr);
	bmx_dns_answer_unref(&ptr);
}

static void
look_up_hostname(struct names *names)
{
	const struct bmx_dns_answer *txt;
	struct bmxctl_host *host = &names->hostname;

	bmxctl_host_init(host, &names->here,
	                 bmx_slice_of(names->patient->config->hostname));
	bmxctl_hosts_look_up(host, 1, &names->here, names->patient->dns,
	                     names->deadline_us);
	for (size_t i = 0;
	     i < host->address_count && names->reverse_count < REVERSES_MAX;
	     i++)
		/* Nobody outside asks about a site's own addresses. */
		if (!bmxctl_address_is_private(&host->addresses[i].address))
			look_back(names, &host->addresses[i].address);
	txt = ask(names, host->name, BMX_DNS_TXT);
	for (size_t i = 0; i < txt->count; i++) {
		const struct bmx_slice text = txt->records[i].text;

		if (text.len >= 6 && text.len < SPF_MAX &&
		    memcmp(text.data, "v=spf1", 6) == 0)
			memcpy(names->spf, text.data, text.len);
	}
	bmx_dns_answer_unref(&txt);
}

static void
add_zone(struct names *names, const char *entry)
{
	struct bmx_dnsbl_site site;

	if (bmx_dnsbl_site_parse(bmx_slice_of(entry), &site, NULL) != 0)
		return; /* loading the configuration has said so */
	for (size_t i = 0; i < names->zone_count; i++)
		if (strcmp(names->zones[i].name, site.zone) == 0)
			return;
	if (names->zone_count == ZONES_MAX)
		return;
	names->zones[names->zone_count] =
		(struct bmxctl_zone){.blocks = site.weight > 0};
	memcpy(names->zones[names->zone_count++].name, site.zone,
	       sizeof(site.zone));
}

static void
add_zones(struct names *names)
{
	const struct bmx_config *config = names->patient->config;
	const struct bmx_config_domain *only = names->patient->only;

	for (size_t i = 0; i < config->domain_count; i++) {
		const struct bmx_config_domain *domain =
			only ? only : &config->domains[i];

		for (size_t z = 0; z < domain->dnsbl.zones.count; z++)
			add_zone(names, domain->dnsbl.zones.items[z]);
	}
}

static struct bmx_dns_query *
ask_zone(const struct names *names, const char *address, const char *zone)
{
	char name[BMX_DOMAIN_BUFFER];
	struct bmx_text text;

	bmx_text_init(&text, name, sizeof(name));
	bmx_text_printf(&text, "%s.%s", address, zone);
	return bmx_dns_start(names->patient->dns, bmx_text_slice(&text),
	                     BMX_DNS_A);
}

/* All zones at once: a dead one is to cost its time once. */
static void
ask_zones(struct names *names)
{
	struct bmx_dns_query *listed[ZONES_MAX], *clean[ZONES_MAX];
	const struct bmx_dns_answer *answer;

	for (size_t i = 0; i < names->zone_count; i++) {
		listed[i] = ask_zone(names, "2.0.0.127", names->zones[i].name);
		clean[i] = ask_zone(names, "1.0.0.127", names->zones[i].name);
	}
	for (size_t i = 0; i < names->zone_count; i++) {
		struct bmxctl_zone *zone = &names->zones[i];

		answer = bmx_dns_wait(&listed[i], names->deadline_us);
		zone->listed = answer->status;
		if (answer->count > 0)
			memcpy(zone->said, answer->records[0].address, 4);
		bmx_dns_answer_unref(&answer);
		answer = bmx_dns_wait(&clean[i], names->deadline_us);
		zone->clean = answer->status;
		bmx_dns_answer_unref(&answer);
	}
}

static void
take_resolver(struct names *names, struct bmx_slice address)
{
	struct bmx_text text;

	if (names->resolver[0] != '\0' || !bmxctl_is_public_resolver(address))
		return;
	bmx_text_init(&text, names->resolver, sizeof(names->resolver));
	bmx_text_append_clean(&text, address, sizeof(names->resolver) - 1);
}

static void
read_resolv_conf(struct names *names)
{
	FILE *file = fopen(RESOLV_CONF, "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		const char *at = line;
		size_t len;

		if (strncmp(at, "nameserver", 10) != 0)
			continue;
		at += 10;
		at += strspn(at, " \t");
		len = strcspn(at, " \t\r\n%");
		take_resolver(names, (struct bmx_slice){at, len});
	}
	if (file)
		(void)fclose(file); /* nothing was written */
}

static void
find_resolver(struct names *names)
{
	const struct bmx_config_strings *own =
		&names->patient->config->resolver;

	for (size_t i = 0; i < own->count; i++)
		take_resolver(names, bmx_slice_of(own->items[i]));
	if (own->count == 0)
		read_resolv_conf(names);
}

void
bmxctl_doctor_names(const struct bmxctl_patient *patient)
{
	struct names *names = calloc(1, sizeof(*names));
	struct bmxctl_names_facts facts;

	if (!names)
		return; /* whoever keeps findings says that memory is short */
	names->patient = patient;
	names->deadline_us = bmxctl_deadline(NAMES_MS);
	bmxctl_here_init(&names->here, patient);
	add_zones(names);
	ask_zones(names);
	look_up_hostname(names);
	find_resolver(names);
	facts = (struct bmxctl_names_facts){
		.hostname = &names->hostname,
		.only_private = names->here.only_private,
		.reverses = names->reverses,
		.reverse_count = names->reverse_count,
		.zones = names->zones,
		.zone_count = names->zone_count,
		.public_resolver = names->resolver,
		.spf = bmx_slice_of(names->spf),
	};
	bmxctl_names_judge(&facts, patient->findings);
	bmxctl_here_clear(&names->here);
	free(names);
}
