/* relay_domains: what Postfix takes mail for and passes on. */
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/finder.h"

/* The other lists of domains: what is there is delivered here. */
static const char *const local_lists[] = {
	"mydestination", "virtual_mailbox_domains", "virtual_alias_domains"};

static bool
is_relayed(struct bmxctl_finder *finder, const struct bmxctl_words *patterns,
           const struct bmx_config_domain *domain)
{
	const bool *by_table = finder->wiring->relayed_by_table;
	const bool subdomains = bmxctl_finder_lists(
		finder, "parent_domain_matches_subdomains", "relay_domains");

	if (by_table && by_table[domain->index])
		return true;
	for (size_t i = 0; i < patterns->count; i++)
		if (bmxctl_domain_matches(patterns->items[i], domain->name,
		                          subdomains))
			return true;
	return false;
}

/* The list that makes the domain a local one, or NULL. */
static const char *
is_local(struct bmxctl_finder *finder, const struct bmx_config_domain *domain)
{
	for (size_t i = 0; i < sizeof(local_lists) / sizeof(local_lists[0]);
	     i++)
		if (bmxctl_finder_lists(finder, local_lists[i], domain->name))
			return local_lists[i];
	return NULL;
}

/* Appends to words the domains that are missing. */
static int
add_missing(struct bmxctl_finder *finder, const struct bmxctl_words *patterns,
            struct bmxctl_words *words)
{
	for (size_t i = 0; i < finder->config->domain_count; i++) {
		const struct bmx_config_domain *domain =
			&finder->config->domains[i];
		const char *local;

		if (strcmp(domain->name, "*") == 0 ||
		    is_relayed(finder, patterns, domain))
			continue;
		local = is_local(finder, domain);
		if (!local)
			words->items[words->count++] =
				bmx_slice_of(domain->name);
		else if (bmxctl_finder_note(
				 finder, local,
				 "%s is in it: this host keeps its mail, and "
				 "is no backup for it; take it out",
				 domain->name) != 0)
			return -1;
	}
	return 0;
}

int
bmxctl_want_domains(struct bmxctl_finder *finder)
{
	const char *name = "relay_domains";
	const bool set = bmxctl_postconf_is_set(finder->postconf, name);
	const char *raw =
		set ? bmxctl_postconf_raw(finder->postconf, name) : "";
	const char *expanded =
		set ? bmxctl_postconf_get(finder->postconf, name) : "";
	struct bmxctl_words now, patterns, words;
	size_t missing;
	char *value;

	if (bmxctl_words_split(finder->arena, bmx_slice_of(raw), &now,
	                       finder->err) != 0 ||
	    bmxctl_words_split(finder->arena, bmx_slice_of(expanded), &patterns,
	                       finder->err) != 0)
		return -1;
	words.count = now.count;
	words.items =
		bmx_arena_alloc(finder->arena,
	                        (now.count + finder->config->domain_count + 1) *
	                                sizeof(struct bmx_slice));
	if (!words.items)
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	for (size_t i = 0; i < now.count; i++)
		words.items[i] = now.items[i];
	if (add_missing(finder, &patterns, &words) != 0)
		return -1;
	missing = words.count - now.count;
	if (missing == 0)
		return 0;
	value = bmxctl_words_join(finder->arena, &words, finder->err);
	if (value)
		return bmxctl_finder_want(
			finder, name, value,
			"the domains that this host is a backup for");
	if (finder->err->code != BMX_E_TOO_BIG)
		return -1;
	return bmxctl_finder_note(
		finder, name,
		"%zu domains are missing, too many for a line: write them to a "
		"file, one a line, and put its path into %s",
		missing, name);
}
