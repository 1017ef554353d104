/* backupmxctl config check | config dump [--all] */
#include <stdio.h>
#include <string.h>

#include <sysexits.h>

#include "ctl/ctl.h"

static int
check(const struct bmxctl *ctl)
{
	int status = EX_OK;
	struct bmx_config *config = bmxctl_load_config(ctl, true, &status);

	if (!config)
		return status;
	bmx_config_unref(&config);
	(void)puts("configuration is fine");
	return EX_OK;
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
