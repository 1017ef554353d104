#include "policyd/commands.h"

#include <jansson.h>

#include <backupmx/address.h>

#include "policyd/daemon_priv.h"
#include "policyd/forget.h"
#include "policyd/gone.h"
#include "policyd/probe_command.h"
#include "policyd/recipient_form.h"
#include "policyd/reports.h"
#include "policyd/target_set.h"

static json_t *
on_status(void *ctx)
{
	struct bmx_daemon *d = ctx;
	const struct bmx_report_parts parts = {
		.config = d->config,
		.engine = d->engine,
		.sync = d->sync,
		.primaries = d->primaries,
		.learner = d->learner,
		.redis = d->redis,
		.any_count = bmx_any_domains_count(d->any),
		.uptime_ms = bmx_clock_mono_ms(d->loop->clock) - d->started_ms,
		.connections = bmx_clients_count(d->clients),
	};

	return bmx_report_status(&parts);
}

static json_t *
on_lookup(void *ctx, struct bmx_slice address)
{
	struct bmx_daemon *d = ctx;

	return bmx_report_lookup(d->engine, address);
}

static int
on_sync(void *ctx, struct bmx_slice domain, struct bmx_error *err)
{
	struct bmx_daemon *d = ctx;

	return bmx_sync_request(d->sync, domain, err);
}

static int
on_reload(void *ctx, struct bmx_error *err)
{
	return bmx_daemon_reload(ctx, err);
}

/* What is asked again is asked of a primary that has read its tables anew:
 * not in a session that it has had open since before. */
static void
renew_sessions(struct bmx_daemon *d, struct bmx_slice what)
{
	const struct bmx_config_domain *section;
	struct bmx_call_ahead *ca = NULL;
	struct bmx_slice local, domain, name;
	char buffer[BMX_DOMAIN_BUFFER];

	if (bmx_address_split(what, &local, &domain) != 0)
		domain = what;
	if (bmx_domain_normalise(domain, buffer, &name) != 0)
		return;
	section = bmx_config_find_domain(d->config, name);
	if (section)
		ca = bmx_primaries_call_ahead(d->primaries,
		                              bmx_slice_of(section->name));
	if (ca)
		bmx_call_ahead_renew(ca);
}

/* What DNS has said of the domain is asked for again. */
static void
check_domain(struct bmx_daemon *d, struct bmx_slice what)
{
	struct bmx_slice local, domain, name;
	char buffer[BMX_DOMAIN_BUFFER];

	if (bmx_address_split(what, &local, &domain) != 0)
		domain = what;
	if (bmx_domain_normalise(domain, buffer, &name) == 0)
		bmx_any_domains_check_now(d->any, name);
}

static int
on_forget(void *ctx, struct bmx_slice what, struct bmx_error *err)
{
	struct bmx_daemon *d = ctx;

	check_domain(d, what);
	if (bmx_forget(d->records, d->config, what, err) != 0)
		return -1;
	renew_sessions(d, what);
	return 0;
}

static int
on_keep(void *ctx, struct bmx_slice record, struct bmx_error *err)
{
	struct bmx_daemon *d = ctx;

	return bmx_keep(d->records, d->config, record, err);
}

static json_t *
on_gone(void *ctx, struct bmx_slice address)
{
	struct bmx_daemon *d = ctx;
	enum bmx_gone gone;
	struct bmx_error err;

	if (bmx_gone_take(d->learner, d->store, d->config, address, &gone,
	                  &err) != 0)
		return bmx_control_error(err.text);
	return json_pack("{s:b, s:s}", "ok", 1, "gone", bmx_gone_name(gone));
}

/* Whom to ask, and how; with an error that says why there is nobody. */
static int
find_primary(struct bmx_daemon *d, const struct bmx_config_domain *section,
             struct bmx_probe_command_parts *parts, struct bmx_error *err)
{
	const struct bmx_slice domain = bmx_slice_of(section->name);
	struct bmx_call_ahead *ca =
		bmx_primaries_call_ahead(d->primaries, domain);
	struct bmx_primary_report report;

	if (ca) {
		bmx_call_ahead_settings_of(ca, &parts->settings);
		parts->tries = bmx_call_ahead_tries(ca);
	}
	if (parts->tries)
		return 0;
	if (!bmx_primaries_report(d->primaries, domain, &report))
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "the domain has no primary");
	return bmx_error_set(
		err, BMX_E_NOT_FOUND, "there is no host to ask: %s%s%s",
		bmx_target_state_name(report.targets),
		report.config_error[0] ? ", " : "", report.config_error);
}

static void
on_kept(void *ctx, enum bmx_record_found found, const struct bmx_record *record)
{
	bool *had_valid = ctx;

	*had_valid = found == BMX_RECORD_FOUND &&
		record->as.verification.result == BMX_VERIFIED_VALID;
}

/* As far as local data tell. */
static bool
had_valid(struct bmx_daemon *d, const struct bmx_recipient_form *form)
{
	const struct bmx_record_key key = {BMX_RECORD_VERIFICATION,
	                                   form->domain, form->local};
	bool valid = false;
	struct bmx_record_get *get =
		d->records->ops->get(d->records, &key, on_kept, &valid);

	if (get)
		d->records->ops->cancel(get);
	return valid;
}

static struct bmx_probe_command *
on_probe(void *ctx, struct bmx_slice address, bmx_control_answered_cb *answered,
         void *answered_ctx, struct bmx_error *err)
{
	struct bmx_daemon *d = ctx;
	struct bmx_probe_command_parts parts = {
		.loop = d->loop,
		.address = address,
		.on_result = bmx_learner_take,
		.result_ctx = d->learner,
		.answered = answered,
		.answered_ctx = answered_ctx,
	};
	struct bmx_recipient_form form;

	if (bmx_recipient_form_read(&form, d->config, address, err) != 0 ||
	    find_primary(d, form.section, &parts, err) != 0)
		return NULL;
	parts.local = form.local;
	parts.domain = form.domain;
	parts.had_valid = had_valid(d, &form);
	return bmx_probe_command_new(&parts, err);
}

static void
on_unprobe(void *ctx, struct bmx_probe_command **command)
{
	(void)ctx; /* a command knows whose it is */
	bmx_probe_command_free(command);
}

struct bmx_control_handlers
bmx_commands_of(struct bmx_daemon *d)
{
	return (struct bmx_control_handlers){
		.status = on_status,
		.lookup = on_lookup,
		.sync = on_sync,
		.reload = on_reload,
		.probe = on_probe,
		.unprobe = on_unprobe,
		.forget = on_forget,
		.keep = on_keep,
		.gone = on_gone,
		.ctx = d,
	};
}
