/*
 * rules.h - the configuration as the checks need it: lists read, access files
 * loaded, and for each domain which checks it wants.
 *
 * Made at the start and at each reload, never changed; who uses it holds a
 * reference, which any thread may take and drop.
 */
#ifndef BACKUPMX_MILTER_RULES_H
#define BACKUPMX_MILTER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

#include "milter/checks/access_map.h"
#include "milter/checks/check.h"
#include "milter/checks/dnsbl.h"

/** The bit of a check in a set of them. */
#define BMX_CHECK_BIT(check) (UINT32_C(1) << (check))

/** What a domain's section amounts to. */
struct bmx_domain_rules {
	const struct bmx_config_domain *section;
	uint32_t wanted; /* checks; SPF always, for the header */
	const struct bmx_dnsbl_entry *lists;
	size_t list_count;
	const struct bmx_access_map *const *clients; /* in their order */
	size_t client_count;
	const struct bmx_access_map *const *senders;
	size_t sender_count;
};

struct bmx_rules {
	struct bmx_config *config;
	const struct bmx_domain_rules *domains; /* as config->domains */
	uint32_t wanted;                        /* by any domain */
	bool scans;                             /* any domain has scanners */
	const char *const *zones; /* each once, whoever wants it */
	size_t zone_count;
};

/**
 * Makes the rules of config, of which a reference is taken. Mistakes in the
 * files that it names go to problems.
 * @return rules with one reference, or NULL with *err: BMX_E_SYNTAX when there
 *         was a mistake, BMX_E_NOMEM
 */
struct bmx_rules *bmx_rules_new(struct bmx_config *config,
                                struct bmx_config_problems *problems,
                                struct bmx_error *err);

/** One more reference. Returns rules. */
struct bmx_rules *bmx_rules_ref(struct bmx_rules *rules);

/** Drops *rules' reference and sets it to NULL; the last one frees. NULL is
 * fine. */
void bmx_rules_unref(struct bmx_rules **rules);

/** The rules of a domain that is A-labels in lower case and has a section, or
 * NULL. */
const struct bmx_domain_rules *bmx_rules_find(const struct bmx_rules *rules,
                                              struct bmx_slice domain);

/** Those of "*", or NULL. For which domains they hold DNS knows. */
const struct bmx_domain_rules *bmx_rules_any(const struct bmx_rules *rules);

/**
 * May one message go to both, as far as its content is judged? Both may be
 * NULL, a domain without rules.
 */
bool bmx_rules_same_content(const struct bmx_domain_rules *a,
                            const struct bmx_domain_rules *b);

#endif
