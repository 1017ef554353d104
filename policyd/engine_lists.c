/*
 * engine_lists.c - what the engine knows of a domain's list.
 *
 * Reads come in batches, one a turn of the loop, so that a burst of requests
 * costs one read transaction.
 */
#include "policyd/engine_priv.h"

static int
begin_reading(struct bmx_engine *engine)
{
	struct bmx_list_source *list = &engine->parts.list;
	struct bmx_error err;

	if (engine->reading)
		return 0;
	if (list->begin(list->ctx, &err) != 0) {
		bmx_engine_log_trouble(engine, &err);
		return -1;
	}
	engine->reading = true;
	engine->wall_ms = bmx_clock_wall_ms(engine->parts.loop->clock);
	return 0;
}

void
bmx_engine_end_turn(struct bmx_engine *engine)
{
	if (!engine->reading)
		return;
	engine->parts.list.end(engine->parts.list.ctx);
	engine->reading = false;
}

void
bmx_engine_refresh_list(struct bmx_engine *engine, struct served_domain *domain)
{
	struct bmx_list_source *list = &engine->parts.list;
	struct bmx_error err;
	uint64_t version;
	int rc;

	domain->known = begin_reading(engine) == 0;
	if (!domain->known) {
		domain->cached = false;
		return;
	}
	version = list->version(list->ctx);
	if (domain->cached && domain->version == version)
		return;
	rc = list->meta(list->ctx, bmx_slice_of(domain->section->name),
	                &domain->meta, &err);
	if (rc < 0)
		bmx_engine_log_trouble(engine, &err);
	domain->known = domain->cached = rc >= 0;
	domain->present = rc > 0;
	domain->version = version;
}

int64_t
bmx_engine_age_of(const struct bmx_engine *engine,
                  const struct served_domain *domain)
{
	const int64_t age_ms = engine->wall_ms - domain->meta.synced_at_ms;

	return age_ms > 0 ? age_ms : 0;
}

enum bmx_authority
bmx_engine_authority_of(const struct bmx_engine *engine,
                        const struct served_domain *domain,
                        const struct bmx_primary_view *primary)
{
	const struct bmx_authority_facts facts = {
		.has_list = domain->present,
		.age_ms =
			domain->present ? bmx_engine_age_of(engine, domain) : 0,
		.max_age_ms = domain->section->list_max_age_ms,
		.primary_down = primary->status == BMX_PRIMARY_DOWN,
		.down_for_ms = engine->wall_ms - primary->since_ms,
	};

	return bmx_authority_decide(&facts);
}
