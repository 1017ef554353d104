/*
 * engine_fetch.c - fetches what the decision needs: the list and the primary's
 * word here, the cache in engine_cache.c, the gate in engine_gate.c.
 *
 * A fetcher returns true when its fact is there. Otherwise something is under
 * way, whose callback takes its result and calls bmx_engine_go_on, which comes
 * back here for what is still missing.
 */
#include "policyd/engine_priv.h"

void
bmx_engine_step(struct bmx_engine_ask *ask, const char *name,
                const char *result, struct bmx_slice detail)
{
	if (ask->on_step)
		ask->on_step(ask->step_ctx, name, result, detail);
}

bool
bmx_engine_explains(const struct bmx_engine_ask *ask)
{
	return ask->answered == NULL;
}

const struct bmx_client_net *
bmx_engine_net(struct bmx_engine_ask *ask)
{
	if (!ask->net_known)
		ask->net = bmx_client_net_of(ask->request.client_address);
	ask->net_known = true;
	return &ask->net;
}

int64_t
bmx_engine_wall_ms(const struct bmx_engine_ask *ask)
{
	return bmx_clock_wall_ms(ask->engine->parts.loop->clock);
}

struct bmx_record_key
bmx_engine_key(const struct bmx_engine_ask *ask, enum bmx_record_kind kind,
               struct bmx_slice name)
{
	return (struct bmx_record_key){kind, ask->domain, name};
}

bool
bmx_engine_read(struct bmx_engine_ask *ask, const struct bmx_record_key *key,
                bmx_record_cb *take)
{
	struct bmx_record_store *records = ask->engine->parts.records;

	ask->get = records->ops->get(records, key, take, ask);
	if (!ask->get || !bmx_engine_explains(ask))
		return !ask->get;
	records->ops->cancel(ask->get);
	ask->get = NULL;
	take(ask, BMX_RECORD_UNAVAILABLE, NULL);
	return true;
}

bool
bmx_engine_was_under_way(struct bmx_engine_ask *ask)
{
	const bool later = ask->get != NULL;

	ask->get = NULL;
	return later;
}

/* @return as bmx_list_source.find, store trouble logged */
static int
find(struct bmx_engine_ask *ask, struct bmx_slice local)
{
	struct bmx_list_source *list = &ask->engine->parts.list;
	struct bmx_error err;
	int rc = list->find(list->ctx, ask->served->meta.id, local,
	                    &ask->facts.state, &err);

	if (rc < 0)
		bmx_engine_log_trouble(ask->engine, &err);
	bmx_engine_step(ask, "list",
	                rc > 0 ? bmx_recipient_state_name(ask->facts.state) :
	                        rc == 0 ? "not listed" :
	                                  "store failed",
	                local);
	return rc;
}

/* The forms in order: exact, each cut, the wildcard (DESIGN.md section 5). */
static enum bmx_list_answer
search_list(struct bmx_engine_ask *ask)
{
	const struct served_domain *domain = ask->served;
	const struct bmx_slice delimiters =
		bmx_slice_of(domain->section->recipient_delimiter);
	struct bmx_slice local = ask->local;
	int rc;

	do {
		rc = find(ask, local);
		if (rc != 0)
			return rc > 0 ? BMX_LIST_HAS : BMX_LIST_FAILED;
	} while (bmx_local_cut(&local, delimiters));
	if (!domain->meta.has_wildcard)
		return BMX_LIST_HAS_NOT;
	rc = find(ask, bmx_slice_of(BMX_LOCAL_WILDCARD));
	if (rc < 0)
		return BMX_LIST_FAILED;
	return rc > 0 ? BMX_LIST_HAS_WILDCARD : BMX_LIST_HAS_NOT;
}

static bool
fetch_list(struct bmx_engine_ask *ask)
{
	struct bmx_facts *facts = &ask->facts;
	struct served_domain *domain = ask->served;

	bmx_engine_refresh_list(ask->engine, domain);
	facts->authority =
		bmx_engine_authority_of(ask->engine, domain, &ask->primary);
	if (domain->known && domain->present) {
		ask->list_age_ms = bmx_engine_age_of(ask->engine, domain);
		ask->list_synced_ms = domain->meta.synced_at_ms;
	}
	if (!domain->known)
		facts->list = BMX_LIST_FAILED;
	else if (!domain->present || facts->form != BMX_LOCAL_OK)
		facts->list = BMX_LIST_HAS_NOT;
	else
		facts->list = search_list(ask);
	return true;
}

/* What the primary said. That it does not know a user any more is not believed
 * of one that seems to have lost its users. */
static void
take_answer(struct bmx_engine_ask *ask,
            const struct bmx_call_ahead_answer *answer)
{
	const struct bmx_engine_parts *parts = &ask->engine->parts;
	const struct bmx_probe_result *probe = answer->probe;

	ask->facts.probe_fact = BMX_FACT_KNOWN;
	ask->facts.probe = probe->outcome;
	ask->probe_why = answer->why == BMX_CALL_AHEAD_ANSWERED ?
		bmx_probe_why_name(probe->why) :
		bmx_call_ahead_why_name(answer->why);
	if (probe->outcome == BMX_PROBE_UNKNOWN && ask->was_valid &&
	    bmx_learner_holds(parts->learner, ask->served->section)) {
		ask->facts.probe = BMX_PROBE_UNSURE;
		ask->probe_why = bmx_probe_why_name(BMX_PROBE_LOST_USERS);
	}
}

/* The state may have changed with the probe's failure. */
static void
on_probed(void *ctx, const struct bmx_call_ahead_answer *answer)
{
	struct bmx_engine_ask *ask = ctx;
	const struct bmx_engine_parts *parts = &ask->engine->parts;
	const bool later = ask->wait != NULL;

	ask->wait = NULL;
	take_answer(ask, answer);
	parts->primaries.view(parts->primaries.ctx, ask->served->section,
	                      &ask->primary);
	ask->facts.primary = ask->primary.status;
	ask->facts.keywords = ask->primary.keywords;
	if (later)
		bmx_engine_go_on(ask);
}

static bool
fetch_probe(struct bmx_engine_ask *ask)
{
	static const struct bmx_probe_result unsure = {
		.outcome = BMX_PROBE_UNSURE};
	static const struct bmx_call_ahead_answer not_asked = {
		BMX_CALL_AHEAD_LATE, &unsure};
	const struct bmx_engine_parts *parts = &ask->engine->parts;
	const struct bmx_call_ahead_request request = {
		.domain = ask->domain,
		.local = ask->local,
		.test_accept_all =
			ask->facts.accepts_all == BMX_ACCEPTS_ALL_UNKNOWN,
		.had_valid = ask->was_valid,
	};

	if (bmx_engine_explains(ask)) {
		bmx_engine_step(ask, "call-ahead", "would ask the primary",
		                ask->local);
		on_probed(ask, &not_asked);
		return true;
	}
	ask->wait = parts->primaries.ask(parts->primaries.ctx,
	                                 ask->served->section, &request,
	                                 ask->deadline_ms, on_probed, ask);
	return !ask->wait;
}

bool
bmx_engine_fetch(struct bmx_engine_ask *ask, enum bmx_need need)
{
	switch (need) {
	case BMX_NEED_DOMAIN:
		return bmx_engine_fetch_any(ask);
	case BMX_NEED_LIST:
		return fetch_list(ask);
	case BMX_NEED_CACHE:
		return bmx_engine_fetch_cache(ask);
	case BMX_NEED_PROBE:
		return fetch_probe(ask);
	case BMX_NEED_GATE:
		return bmx_engine_fetch_gate(ask);
	case BMX_NEED_NOTHING:
		break;
	}
	return true;
}
