/* backupmxctl publish DOMAIN --from SOURCE [--dry-run] [--force] [--json] */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include <backupmx/address.h>
#include <backupmx/clock.h>
#include <backupmx/list_publish.h>

#include "ctl/lists.h"

static void
print_text(const char *domain, const struct bmx_list_publish_result *result,
           bool dry_run)
{
	const struct bmx_list_replace_result *counts = &result->counts;

	(void)printf("%s: ", domain);
	if (result->act == BMX_PUBLISH_NOTHING)
		(void)printf("unchanged, %" PRIu64 " entries, ", counts->after);
	else if (result->compared)
		(void)printf("+%" PRIu64 " -%" PRIu64 ", %" PRIu64
		             " changed, %" PRIu64 " -> %" PRIu64 " entries, ",
		             counts->added, counts->removed, counts->changed,
		             counts->before, counts->after);
	else
		(void)printf("replaced, %" PRIu64 " entries, ", counts->after);
	if (dry_run)
		(void)puts("nothing written");
	else
		(void)printf("generation %" PRIu64 "\n", counts->generation);
}

static void
print_json(const char *domain, const struct bmx_list_publish_result *result,
           bool dry_run)
{
	const struct bmx_list_replace_result *counts = &result->counts;
	json_t *object =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "domain", domain,
	                  "act", bmx_publish_act_name(result->act),
	                  "generation", (json_int_t)counts->generation,
	                  "before", (json_int_t)counts->before, "entries",
	                  (json_int_t)counts->after, "dry_run", (int)dry_run);

	/* What is not known is not there. */
	if (object && result->compared)
		(void)json_object_update_new(
			object,
			json_pack("{s:I, s:I, s:I}", "added",
		                  (json_int_t)counts->added, "removed",
		                  (json_int_t)counts->removed, "changed",
		                  (json_int_t)counts->changed));
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}

static int
report(const struct bmxctl *ctl, const struct bmxctl_load_words *words,
       const char *domain, int rc, const struct bmx_list_publish_result *result,
       const struct bmx_error *err)
{
	if (rc != 0 && err->code == BMX_E_REFUSED) {
		(void)fprintf(stderr, "%s: %s: %s; nothing was changed%s\n",
		              ctl->program, words->domain, err->text,
		              result->counts.after > 0 ?
		                      ", --force publishes it all the same" :
		                      "");
		return BMXCTL_EXIT_REFUSED;
	}
	if (rc != 0) {
		(void)bmxctl_fail(ctl, err);
		return err->code == BMX_E_BUSY || err->code == BMX_E_CLOSED ?
			EX_TEMPFAIL :
			bmx_error_exit_status(err->code);
	}
	if (words->json)
		print_json(domain, result, words->dry_run);
	else
		print_text(domain, result, words->dry_run);
	return EX_OK;
}

static int
run(const struct bmxctl *ctl, const struct bmxctl_load_words *words,
    const struct bmx_config *config, const struct bmx_config_domain *domain)
{
	const struct bmx_list_sync_spec spec = {
		.domain = domain->name,
		.source = words->from,
		.case_sensitive = domain->case_sensitive,
		.redis = config->redis.present ? &config->redis : NULL,
		.fetch = &domain->fetch,
	};
	char name[BMX_DOMAIN_BUFFER];
	const struct bmx_list_publish_options options = {
		.state_dir = config->state_dir,
		.max_shrink = domain->max_shrink,
		.force = words->force,
		.dry_run = words->dry_run,
		.now_ms = bmx_clock_wall_ms(bmx_clock_system()),
		.on_change = words->dry_run && !words->json ?
			bmxctl_print_change :
			NULL,
		.ctx = name,
	};
	struct bmx_list_publish_result result;
	struct bmx_error err = {0};
	int rc;

	(void)snprintf(name, sizeof(name), "%s", domain->name);
	rc = bmx_list_publish(&spec, &options, &result, &err);
	return report(ctl, words, domain->name, rc, &result, &err);
}

int
bmxctl_publish(struct bmxctl *ctl, int argc, char **argv)
{
	struct bmxctl_load_words words;
	const struct bmx_config_domain *domain;
	struct bmx_config *config;
	int status = EX_OK;

	if (bmxctl_load_words(argc, argv, &words) != 0)
		return bmxctl_usage(ctl,
		                    "publish DOMAIN --from SOURCE "
		                    "[--dry-run] [--force] [--json]");
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	domain = bmxctl_find_domain(ctl, &config, words.domain, &status);
	if (domain && bmxctl_leave_root(ctl, config, words.from, &status) == 0)
		status = run(ctl, &words, config, domain);
	bmx_config_unref(&config);
	return status;
}
