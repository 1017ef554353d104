/* backupmxctl config check | config dump [--all] */
#include <stdio.h>
#include <string.h>

#include <sysexits.h>

#include <backupmx/list_sync.h>

#include "ctl/ctl.h"

/* What the loader cannot tell: whether what is behind a scheme is good. */
static int
check_sources(const struct bmxctl *ctl, const struct bmx_config *config)
{
	int status = EX_OK;

	for (size_t i = 0; i < config->domain_count; i++) {
		const struct bmx_config_domain *domain = &config->domains[i];
		struct bmx_error err;

		if (domain->recipients[0] == '\0' ||
		    bmx_list_source_check(domain->recipients, &err) == 0)
			continue;
		(void)fprintf(stderr, "%s: domain \"%s\": %s\n", ctl->program,
		              domain->name, err.text);
		status = EX_CONFIG;
	}
	return status;
}

static int
check(const struct bmxctl *ctl)
{
	int status = EX_OK;
	struct bmx_config *config = bmxctl_load_config(ctl, true, &status);

	if (!config)
		return status;
	status = check_sources(ctl, config);
	bmx_config_unref(&config);
	if (status == EX_OK)
		(void)puts("configuration is fine");
	return status;
}

static int
dump(const struct bmxctl *ctl, bool all)
{
	int status = EX_OK;
	struct bmx_config *config = bmxctl_load_config(ctl, false, &status);
	struct bmx_error err;

	if (!config)
		return status;
	if (bmx_config_dump(config, stdout, all, &err) != 0)
		status = bmxctl_fail(ctl, &err);
	bmx_config_unref(&config);
	return status;
}

int
bmxctl_config(struct bmxctl *ctl, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "check") == 0)
		return check(ctl);
	if (argc == 2 && strcmp(argv[1], "dump") == 0)
		return dump(ctl, false);
	if (argc == 3 && strcmp(argv[1], "dump") == 0 &&
	    strcmp(argv[2], "--all") == 0)
		return dump(ctl, true);
	return bmxctl_usage(ctl, "config check | config dump [--all]");
}
