#include "milter/rules.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/arena.h>

#include "milter/scanners/scan.h"

/* Octets of what is built here; the maps have their own. */
#define ARENA_MAX ((size_t)256 * 1024 * 1024)

/* A file that several sections may name is read once. */
struct loaded {
	const char *spec;
	struct bmx_access_map *map;
};

struct rules {
	struct bmx_rules rules; /* first: the public part */
	atomic_uint references;
	struct bmx_arena *arena;
	struct bmx_config_problems *problems; /* while it is made */
	const char *zones[BMX_DNSBL_ZONES_MAX];
	struct loaded *maps;
	size_t map_count;
	bool failed; /* a mistake was found */
	bool nomem;
};

static void *
take(struct rules *rules, size_t count, size_t size)
{
	/* Never of no octets: that is no memory, too. */
	void *memory = bmx_arena_alloc(rules->arena, (count + 1) * size);

	rules->nomem = rules->nomem || !memory;
	return memory;
}

static void
complain(struct rules *rules, const char *text)
{
	bmx_config_problems_add(rules->problems, rules->rules.config->path, 0,
	                        false, text);
	rules->failed = true;
}

static struct bmx_access_map *
load_map(struct rules *rules, const char *spec)
{
	struct bmx_access_map *map;

	for (size_t i = 0; i < rules->map_count; i++)
		if (strcmp(rules->maps[i].spec, spec) == 0)
			return rules->maps[i].map;
	map = bmx_access_map_load(spec, rules->problems);
	rules->failed = rules->failed || !map;
	/* Also when it failed, so that its mistakes are told once. */
	rules->maps[rules->map_count++] = (struct loaded){spec, map};
	return map;
}

static const struct bmx_access_map *const *
load_maps(struct rules *rules, const struct bmx_config_strings *specs)
{
	const struct bmx_access_map **maps =
		take(rules, specs->count, sizeof(*maps));

	for (size_t i = 0; maps && i < specs->count; i++)
		maps[i] = load_map(rules, specs->items[i]);
	return maps;
}

/* The place of a zone among those of all domains. */
static size_t
place_zone(struct rules *rules, const char *zone)
{
	size_t place = 0;

	while (place < rules->rules.zone_count &&
	       strcmp(rules->zones[place], zone) != 0)
		place++;
	if (place < rules->rules.zone_count)
		return place;
	if (place == BMX_DNSBL_ZONES_MAX) {
		complain(rules, "more than 64 DNS lists in all domains");
		return 0;
	}
	rules->zones[place] = zone;
	rules->rules.zone_count++;
	return place;
}

static const struct bmx_dnsbl_entry *
read_lists(struct rules *rules, const struct bmx_config_dnsbl *dnsbl)
{
	const size_t count = dnsbl->zones.count;
	struct bmx_dnsbl_entry *entries = take(rules, count, sizeof(*entries));
	struct bmx_error err;

	for (size_t i = 0; entries && i < count; i++) {
		/* The configuration has been checked for it. */
		if (bmx_dnsbl_site_parse(bmx_slice_of(dnsbl->zones.items[i]),
		                         &entries[i].site, &err) != 0)
			complain(rules, err.text);
		else
			entries[i].zone =
				place_zone(rules, entries[i].site.zone);
	}
	return entries;
}

static uint32_t
bit_if(bool wanted, enum bmx_check check)
{
	return wanted ? BMX_CHECK_BIT(check) : 0;
}

static uint32_t
find_wanted(const struct bmx_config_domain *section)
{
	static const enum bmx_check by_option[] = {
		BMX_CHECK_HELO, BMX_CHECK_REVERSE_DNS, BMX_CHECK_SENDER_DOMAIN};
	uint32_t wanted = BMX_CHECK_BIT(BMX_CHECK_SPF);

	for (size_t i = 0; i < sizeof(by_option) / sizeof(by_option[0]); i++)
		wanted |= bit_if(bmx_check_has_response(section, by_option[i]),
		                 by_option[i]);
	wanted |=
		bit_if(section->dnsbl.zones.count > 0 &&
	                       bmx_check_has_response(section, BMX_CHECK_DNSBL),
	               BMX_CHECK_DNSBL);
	wanted |= bit_if(section->size > 0, BMX_CHECK_SIZE);
	wanted |= bit_if(section->client_access.count > 0,
	                 BMX_CHECK_CLIENT_ACCESS);
	wanted |= bit_if(section->sender_access.count > 0,
	                 BMX_CHECK_SENDER_ACCESS);
	return wanted;
}

static void
check_scanners(struct rules *rules, const struct bmx_config_domain *section)
{
	char text[256];
	struct bmx_text complaint;

	if (section->scanner_count > BMX_SCANNERS_MAX)
		complain(rules, "more than 8 scanners in a domain");
	for (size_t i = 0; i < section->scanner_count; i++) {
		const struct bmx_config_scanner *scanner =
			&section->scanners[i];
		const char *problem = bmx_scan_problem(scanner);

		if (!problem)
			continue;
		bmx_text_init(&complaint, text, sizeof(text));
		bmx_text_printf(&complaint, "%s: scanner \"%.60s\": %s",
		                section->name, scanner->name, problem);
		complain(rules, text);
	}
	rules->rules.scans = rules->rules.scans || section->scanner_count > 0;
}

static void
read_domain(struct rules *rules, const struct bmx_config_domain *section,
            struct bmx_domain_rules *domain)
{
	domain->section = section;
	domain->wanted = find_wanted(section);
	if (domain->wanted & BMX_CHECK_BIT(BMX_CHECK_DNSBL)) {
		domain->lists = read_lists(rules, &section->dnsbl);
		domain->list_count = section->dnsbl.zones.count;
	}
	domain->clients = load_maps(rules, &section->client_access);
	domain->client_count = section->client_access.count;
	domain->senders = load_maps(rules, &section->sender_access);
	domain->sender_count = section->sender_access.count;
	rules->rules.wanted |= domain->wanted;
	check_scanners(rules, section);
}

static void
read_domains(struct rules *rules)
{
	const struct bmx_config *config = rules->rules.config;
	struct bmx_domain_rules *domains =
		take(rules, config->domain_count, sizeof(*domains));
	size_t maps = 0;

	for (size_t i = 0; i < config->domain_count; i++)
		maps += config->domains[i].client_access.count +
			config->domains[i].sender_access.count;
	rules->maps = take(rules, maps, sizeof(*rules->maps));
	for (size_t i = 0; !rules->nomem && i < config->domain_count; i++)
		read_domain(rules, &config->domains[i], &domains[i]);
	rules->rules.domains = domains;
	rules->rules.zones = rules->zones;
}

struct bmx_rules *
bmx_rules_new(struct bmx_config *config, struct bmx_config_problems *problems,
              struct bmx_error *err)
{
	struct rules *rules = calloc(1, sizeof(*rules));
	struct bmx_rules *out;

	if (rules)
		rules->arena = bmx_arena_new(ARENA_MAX);
	if (!rules || !rules->arena) {
		free(rules);
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	out = &rules->rules;
	atomic_init(&rules->references, 1U);
	out->config = bmx_config_ref(config);
	rules->problems = problems;
	read_domains(rules);
	rules->problems = NULL;
	if (!rules->failed && !rules->nomem)
		return out;
	if (rules->nomem)
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	else
		(void)bmx_error_set(err, BMX_E_SYNTAX,
		                    "%s: a file that it names has mistakes",
		                    config->path);
	bmx_rules_unref(&out);
	return NULL;
}

struct bmx_rules *
bmx_rules_ref(struct bmx_rules *rules)
{
	(void)atomic_fetch_add_explicit(&((struct rules *)rules)->references,
	                                1U, memory_order_relaxed);
	return rules;
}

void
bmx_rules_unref(struct bmx_rules **shared)
{
	struct rules *rules = (struct rules *)*shared;

	*shared = NULL;
	if (!rules ||
	    atomic_fetch_sub_explicit(&rules->references, 1U,
	                              memory_order_acq_rel) != 1U)
		return;
	for (size_t i = 0; i < rules->map_count; i++)
		bmx_access_map_free(&rules->maps[i].map);
	bmx_config_unref(&rules->rules.config);
	bmx_arena_free(&rules->arena);
	free(rules);
}

static const struct bmx_domain_rules *
rules_of(const struct bmx_rules *rules, const struct bmx_config_domain *section)
{
	return section ? &rules->domains[section->index] : NULL;
}

const struct bmx_domain_rules *
bmx_rules_find(const struct bmx_rules *rules, struct bmx_slice domain)
{
	return rules_of(rules, bmx_config_find_domain(rules->config, domain));
}

const struct bmx_domain_rules *
bmx_rules_any(const struct bmx_rules *rules)
{
	return rules_of(rules, bmx_config_any_domain(rules->config));
}

/* Only who limits or scans something has rules. */
static bool
judges_content(const struct bmx_domain_rules *rules)
{
	return rules &&
		(rules->section->size > 0 || rules->section->scanner_count > 0);
}

bool
bmx_rules_same_content(const struct bmx_domain_rules *a,
                       const struct bmx_domain_rules *b)
{
	if (a == b || (!judges_content(a) && !judges_content(b)))
		return true;
	return judges_content(a) && judges_content(b) &&
		a->section->size == b->section->size &&
		a->section->mode == b->section->mode &&
		bmx_scan_same(a->section, b->section);
}
