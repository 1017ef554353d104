/* backupmxctl load DOMAIN --from SOURCE [--dry-run] [--force] [--json] */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <backupmx/address.h>
#include <backupmx/clock.h>
#include <backupmx/list_sync.h>

#include "ctl/lists.h"

/* Changes from which on their progress is told. */
#define PROGRESS_FROM 50000U

/* Short loads need no progress line. */
static void
print_progress(void *ctx, uint64_t done, uint64_t total)
{
	(void)ctx;
	if (total >= PROGRESS_FROM)
		(void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " changes%s",
		              done, total, done == total ? "\n" : "");
}

static int
sync_store(struct bmx_list_store *store, const struct bmxctl_load_words *load,
           const struct bmx_config *config,
           const struct bmx_config_domain *domain,
           struct bmx_list_replace_result *result, struct bmx_error *err)
{
	const struct bmx_list_sync_spec spec = {
		.domain = domain->name,
		.source = load->from,
		.case_sensitive = domain->case_sensitive,
		.redis = config->redis.present ? &config->redis : NULL,
		.fetch = &domain->fetch,
	};
	char name[BMX_DOMAIN_BUFFER];
	const struct bmx_list_replace_options options = {
		.max_shrink = domain->max_shrink,
		.force = load->force,
		.dry_run = load->dry_run,
		.now_ms = bmx_clock_wall_ms(bmx_clock_system()),
		.on_change = load->dry_run && !load->json ?
			bmxctl_print_change :
			NULL,
		.on_progress = isatty(STDERR_FILENO) ? print_progress : NULL,
		.ctx = name,
	};

	(void)snprintf(name, sizeof(name), "%s", domain->name);
	return bmx_list_sync(store, &spec, &options, result, err);
}

/* What a guard said, and whether the administrator can overrule it. */
static int
refused(const struct bmxctl *ctl, const struct bmxctl_load_words *load,
        const struct bmx_list_replace_result *result,
        const struct bmx_error *err)
{
	(void)fprintf(stderr, "%s: %s: %s; nothing was changed%s\n",
	              ctl->program, load->domain, err->text,
	              result->after > 0 ? ", --force takes it all the same" :
	                                  "");
	return BMXCTL_EXIT_REFUSED;
}

/* What policyd fetches itself comes back at its next refresh. */
static void
note_other_source(const struct bmxctl *ctl,
                  const struct bmxctl_load_words *load,
                  const struct bmx_config_domain *domain)
{
	char name[BMX_LIST_FETCH_NAME_MAX];

	if (!load->dry_run && domain->recipients[0] != '\0' &&
	    strcmp(domain->recipients, load->from) != 0)
		(void)fprintf(stderr,
		              "%s: note: policyd loads this list from %s, "
		              "which replaces it at the next refresh\n",
		              ctl->program,
		              bmx_list_fetch_name(domain->recipients, name));
}

static int
report(const struct bmxctl *ctl, const struct bmxctl_load_words *load,
       const struct bmx_config_domain *domain, int rc,
       const struct bmx_list_replace_result *result,
       const struct bmx_error *err)
{
	if (rc == 0 || (load->dry_run && result->after > 0))
		bmxctl_print_result(domain->name, result, load->dry_run,
		                    load->json);
	if (rc != 0)
		return err->code == BMX_E_REFUSED ?
			refused(ctl, load, result, err) :
			bmxctl_fail(ctl, err);
	note_other_source(ctl, load, domain);
	return EX_OK;
}

static int
run(const struct bmxctl *ctl, const struct bmxctl_load_words *load,
    const struct bmx_config *config, const struct bmx_config_domain *domain)
{
	struct bmx_list_replace_result result;
	struct bmx_error err = {0};
	struct bmx_list_store *store = bmx_list_store_open(
		config->state_dir,
		load->dry_run ? BMX_LIST_READ_ONLY : BMX_LIST_READ_WRITE, &err);
	int rc;

	/* A dry run before the first load: compared with nothing. */
	if (!store && (!load->dry_run || err.code != BMX_E_NOT_FOUND))
		return bmxctl_store_fail(ctl, config, &err);
	rc = sync_store(store, load, config, domain, &result, &err);
	bmx_list_store_free(&store);
	return report(ctl, load, domain, rc, &result, &err);
}

int
bmxctl_load(struct bmxctl *ctl, int argc, char **argv)
{
	struct bmxctl_load_words load = {0};
	const struct bmx_config_domain *domain;
	struct bmx_config *config;
	struct bmx_error err;
	int status = EX_OK;

	if (bmxctl_load_words(argc, argv, &load) != 0)
		return bmxctl_usage(ctl,
		                    "load DOMAIN --from SOURCE "
		                    "[--dry-run] [--force] [--json]");
	if (bmx_list_source_check(load.from, &err) != 0)
		return bmxctl_fail(ctl, &err);
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	domain = bmxctl_find_domain(ctl, &config, load.domain, &status);
	if (domain && bmxctl_leave_root(ctl, config, load.from, &status) == 0)
		status = run(ctl, &load, config, domain);
	bmx_config_unref(&config);
	return status;
}
