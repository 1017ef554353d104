#include "policyd/daemon_priv.h"

#include <backupmx/notify.h>

#include "policyd/fault_gauges.h"

static void
log_problems(struct bmx_log *log, const struct bmx_config_problems *problems)
{
	for (size_t i = 0; i < bmx_config_problems_count(problems); i++) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, i);
		struct bmx_log_line line;

		bmx_log_begin(&line, log,
		              problem->warning ? BMX_LOG_WARN : BMX_LOG_ERROR,
		              "config");
		bmx_log_add_string(&line, BMX_KEY_PATH, problem->file);
		bmx_log_add_u64(&line, BMX_KEY_LINE, (uint64_t)problem->line);
		bmx_log_add_string(&line, BMX_KEY_ERR, problem->text);
		bmx_log_end(&line);
	}
}

struct bmx_config *
bmx_daemon_load_config(struct bmx_daemon *d, struct bmx_error *err)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config = NULL;

	if (!problems) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	config = bmx_config_load(d->options->config_path, problems, err);
	log_problems(d->log, problems);
	bmx_config_problems_free(&problems);
	return config;
}

/* Of the sections "*" has made, is one missing in next? */
static bool
loses_domain(const struct bmx_config *config, const struct bmx_config *next)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (config->domains[i].from_any &&
		    !bmx_config_find_domain(
			    next, bmx_slice_of(config->domains[i].name)))
			return true;
	return false;
}

/* Brings next, made of loaded, into force. */
static int
enforce(struct bmx_daemon *d, struct bmx_config *loaded,
        struct bmx_config *next, struct bmx_error *err)
{
	if (bmx_sync_configure(d->sync, next, err) != 0 ||
	    bmx_engine_configure(d->engine, next, err) != 0 ||
	    bmx_daemon_configure_primaries(d, next, err) != 0 ||
	    (d->follow &&
	     bmx_redis_follow_configure(d->follow, next, err) != 0))
		return -1;
	bmx_fault_gauges_clear(d->metrics, d->config, next);
	bmx_config_unref(&d->config);
	d->config = bmx_config_ref(next);
	loaded = bmx_config_ref(loaded);
	bmx_config_unref(&d->loaded);
	d->loaded = loaded;
	bmx_any_domains_in_force(d->any, loaded, next);
	return 0;
}

/* What a reload may not change is refused whole: half a configuration in
 * force would surprise more than the old one. */
static int
take_over(struct bmx_daemon *d, struct bmx_config *loaded,
          struct bmx_error *err)
{
	const char *option =
		bmx_config_needs_restart(d->config, loaded, BMX_CONFIG_POLICYD);
	struct bmx_config *next;
	int rc = -1;

	if (option)
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "%s has changed, which needs a restart",
		                     option);
	next = bmx_any_domains_expand(d->any, loaded, err);
	if (!next)
		return -1;
	if (d->control)
		bmx_control_end_probes(d->control,
		                       "the configuration was read again");
	rc = enforce(d, loaded, next, err);
	if (rc == 0)
		bmx_file_watch_configure(d->file_watch, next);
	bmx_config_unref(&next);
	return rc;
}

/* Files are those of the configuration's own sections: watched on. */
int
bmx_daemon_apply_domains(void *daemon)
{
	struct bmx_daemon *d = daemon;
	struct bmx_error err;
	struct bmx_config *next =
		bmx_any_domains_expand(d->any, d->loaded, &err);
	int rc = -1;

	if (next && d->control && loses_domain(d->config, next))
		bmx_control_end_probes(d->control,
		                       "a domain of \"*\" is served no more");
	if (next)
		rc = enforce(d, d->loaded, next, &err);
	bmx_config_unref(&next);
	if (rc != 0)
		bmx_log_error(d->log, BMX_LOG_ERROR, "any-domains-failed",
		              err.text, "tried again in a second");
	return rc;
}

int
bmx_daemon_reload(struct bmx_daemon *d, struct bmx_error *err)
{
	struct bmx_config *next;
	int rc = -1;

	bmx_notify_reloading();
	next = bmx_daemon_load_config(d, err);
	if (next)
		rc = take_over(d, next, err);
	bmx_config_unref(&next);
	if (rc == 0)
		bmx_daemon_log_event(d, BMX_LOG_INFO, "reloaded");
	else
		bmx_log_error(d->log, BMX_LOG_ERROR, "reload-failed", err->text,
		              "the old settings stay in force");
	bmx_notify_ready();
	return rc;
}
