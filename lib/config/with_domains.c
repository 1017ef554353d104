/* A snapshot with more sections than its file has. */
#include <string.h>

#include "config_priv.h"

struct bmx_config_strings
bmx_config_our_names(const struct bmx_config *config)
{
	if (config->mx_names.count > 0)
		return config->mx_names;
	return (struct bmx_config_strings){&config->hostname, 1};
}

static int
add_sections(struct config_snapshot *snapshot, const struct bmx_config *base,
             const char *const *names, size_t count)
{
	const struct bmx_config_domain *any = bmx_config_any_domain(base);
	struct bmx_config_domain *domains;
	size_t at = base->domain_count;

	domains = bmx_arena_alloc(snapshot->arena,
	                          (at + count + 1) * sizeof(*domains));
	if (!domains)
		return -1;
	if (at > 0)
		memcpy(domains, base->domains, at * sizeof(*domains));
	for (size_t i = 0; any && i < count; i++) {
		const struct bmx_slice name = bmx_slice_of(names[i]);

		if (bmx_config_find_domain(base, name))
			continue;
		domains[at] = *any;
		domains[at].name = bmx_arena_copy(snapshot->arena, name);
		domains[at].index = at;
		domains[at].from_any = true;
		if (!domains[at++].name)
			return -1;
	}
	snapshot->config.domains = domains;
	snapshot->config.domain_count = at;
	return config_snapshot_index(snapshot);
}

struct bmx_config *
bmx_config_with_domains(struct bmx_config *config, const char *const *names,
                        size_t count, struct bmx_error *err)
{
	const struct config_snapshot *base = (struct config_snapshot *)config;
	struct config_snapshot *snapshot = config_snapshot_new();
	struct bmx_config *next;

	if (!snapshot) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return NULL;
	}
	next = &snapshot->config;
	*next = *config;
	memcpy(snapshot->defaults, base->defaults, sizeof(base->defaults));
	snapshot->base = bmx_config_ref(config);
	if (add_sections(snapshot, config, names, count) == 0)
		return next;
	(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	bmx_config_unref(&next);
	return NULL;
}
