#include "ctl/lists.h"

#include <inttypes.h>

#include <jansson.h>
#include <sysexits.h>

#include <backupmx/address.h>

const struct bmx_config_domain *
bmxctl_find_domain(const struct bmxctl *ctl, const struct bmx_config *config,
                   const char *name, int *status_out)
{
	const struct bmx_config_domain *domain;
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice normal;

	if (bmx_domain_normalise(bmx_slice_of(name), buffer, &normal) != 0) {
		(void)fprintf(stderr, "%s: \"%s\" is not a domain name\n",
		              ctl->program, name);
		*status_out = EX_USAGE;
		return NULL;
	}
	domain = bmx_config_find_domain(config, normal);
	if (!domain) {
		(void)fprintf(stderr, "%s: %s has no section \"%s\"\n",
		              ctl->program, config->path, buffer);
		*status_out = EX_CONFIG;
	}
	return domain;
}

void
bmxctl_print_result(const char *domain,
                    const struct bmx_list_replace_result *result, bool json)
{
	json_t *object;

	if (!json) {
		(void)printf("%s: +%" PRIu64 " -%" PRIu64 ", %" PRIu64
		             " changed, %" PRIu64
		             " entries, generation %" PRIu64 "\n",
		             domain, result->added, result->removed,
		             result->changed, result->after,
		             result->generation);
		return;
	}
	object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "domain",
	                   domain, "generation", (json_int_t)result->generation,
	                   "before", (json_int_t)result->before, "entries",
	                   (json_int_t)result->after, "added",
	                   (json_int_t)result->added, "removed",
	                   (json_int_t)result->removed, "changed",
	                   (json_int_t)result->changed);
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}
