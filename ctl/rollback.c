/* backupmxctl rollback DOMAIN [--json] */
#include <sysexits.h>

#include <backupmx/clock.h>
#include <backupmx/list_store.h>

#include "ctl/lists.h"

static int
run(const struct bmxctl *ctl, const struct bmx_config *config,
    const struct bmx_config_domain *domain, bool json)
{
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};
	struct bmx_list_store *store = bmx_list_store_open(
		config->state_dir, BMX_LIST_READ_WRITE, &err);
	int rc;

	if (!store)
		return bmxctl_store_fail(ctl, config, &err);
	rc = bmx_list_store_rollback(store, bmx_slice_of(domain->name),
	                             bmx_clock_wall_ms(bmx_clock_system()),
	                             &result, &err);
	bmx_list_store_free(&store);
	if (rc != 0)
		return bmxctl_fail(ctl, &err);
	bmxctl_print_result(domain->name, &result, false, json);
	return EX_OK;
}

int
bmxctl_rollback(struct bmxctl *ctl, int argc, char **argv)
{
	const bool json = bmxctl_take_json(&argc, argv);
	const struct bmx_config_domain *domain;
	struct bmx_config *config;
	int status = EX_OK;

	if (argc != 2 || argv[1][0] == '-')
		return bmxctl_usage(ctl, "rollback DOMAIN [--json]");
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	domain = bmxctl_find_domain(ctl, &config, argv[1], &status);
	if (domain)
		status = run(ctl, config, domain, json);
	bmx_config_unref(&config);
	return status;
}
