/*
 * engine_cache.c - what the engine reads from the verification cache.
 *
 * In order: the address; if nothing is kept of it, the address without its
 * extension; "*" (does the domain accept all?). The first that is fresh is the
 * last that is read.
 */
#include "policyd/engine_priv.h"

#include <backupmx/hash.h>

static struct bmx_verification_facts
verification_facts(const struct bmx_engine_ask *ask, bool primary_down)
{
	return (struct bmx_verification_facts){
		.now_ms = bmx_engine_wall_ms(ask),
		.primary_down = primary_down,
		/* Of the list that did not have the address: a sync since
		 * then may have brought it. */
		.has_list = ask->list_age_ms >= 0,
		.list_synced_ms = ask->list_synced_ms,
	};
}

static bool
is_fresh(enum bmx_cache_answer answer)
{
	return answer != BMX_CACHE_NONE && answer != BMX_CACHE_USABLE_VALID &&
		answer != BMX_CACHE_USABLE_UNKNOWN;
}

/* Spreads the refreshes of records that were made together. */
static uint64_t
jitter_of(struct bmx_slice local)
{
	static const uint8_t key[BMX_SIPHASH_KEY_SIZE];

	return bmx_siphash24(key, local.data, local.len);
}

/* Asks again before the record is too old, while nobody waits for it. */
static void
refresh_ahead(struct bmx_engine_ask *ask, const struct bmx_verification *record)
{
	const struct bmx_engine_parts *parts = &ask->engine->parts;
	const struct bmx_call_ahead_request request = {
		.domain = ask->domain,
		.local = ask->local,
		.had_valid = true,
		.background = true,
	};

	if (bmx_engine_explains(ask) ||
	    ask->facts.primary == BMX_PRIMARY_DOWN || ask->facts.stress ||
	    !bmx_verification_refresh_due(record, bmx_engine_wall_ms(ask),
	                                  jitter_of(ask->local)))
		return;
	(void)parts->primaries.ask(parts->primaries.ctx, ask->served->section,
	                           &request, ask->deadline_ms, NULL, NULL);
}

/* Judges a record of the address, or of the address without its extension,
 * of which only a VALID counts: joe+news may be an address of its own. */
static void
take_verification(struct bmx_engine_ask *ask,
                  const struct bmx_verification *record)
{
	const struct bmx_verification_facts facts =
		verification_facts(ask, true);
	const struct bmx_verification_verdict verdict =
		bmx_verification_judge(record, &facts);
	const bool exact = ask->cache_stage == STAGE_EXACT;
	const struct bmx_record_key key =
		bmx_engine_key(ask, BMX_RECORD_VERIFICATION, ask->cut);
	struct bmx_record_store *records = ask->engine->parts.records;

	bmx_engine_step(ask, "cache", bmx_cache_answer_name(verdict.answer),
	                ask->cut);
	if (verdict.drop && !bmx_engine_explains(ask))
		records->ops->remove(records, &key);
	/* A VALID that is too old to be used is one that an UNKNOWN evicts. */
	if (exact)
		ask->was_valid = record->result == BMX_VERIFIED_VALID;
	if (verdict.answer == BMX_CACHE_NONE ||
	    (!exact && record->result != BMX_VERIFIED_VALID))
		return;
	if (!exact && !is_fresh(verdict.answer) &&
	    ask->facts.cache != BMX_CACHE_NONE)
		return;
	ask->facts.cache = verdict.answer;
	ask->record_age_ms = facts.now_ms - record->checked_at_ms;
	if (exact && verdict.answer == BMX_CACHE_FRESH_VALID)
		refresh_ahead(ask, record);
}

/* exact, then each cut, then "*"; a fresh one is the last. What the primary
 * once said of the address itself says more of it, though it is old, than what
 * it says of the address without its extension. */
static void
next_cache_stage(struct bmx_engine_ask *ask)
{
	if (is_fresh(ask->facts.cache) || ask->cache_stage == STAGE_ANY)
		ask->cache_stage = STAGE_DONE;
	else if (ask->cache_stage == STAGE_EXACT &&
	         ask->facts.cache != BMX_CACHE_NONE)
		ask->cache_stage = STAGE_ANY;
	else if (bmx_local_cut(
			 &ask->cut,
			 bmx_slice_of(
				 ask->served->section->recipient_delimiter)))
		ask->cache_stage = STAGE_CUT;
	else
		ask->cache_stage = STAGE_ANY;
}

static void
take_accepts_all(struct bmx_engine_ask *ask,
                 const struct bmx_verification *record)
{
	const struct bmx_verification_facts facts =
		verification_facts(ask, ask->facts.primary == BMX_PRIMARY_DOWN);

	ask->facts.accepts_all = bmx_verification_accepts_all(record, &facts);
	bmx_engine_step(ask, "accepts all",
	                bmx_accepts_all_name(ask->facts.accepts_all),
	                ask->domain);
}

static void
on_cached(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	struct bmx_engine_ask *ask = ctx;
	const bool later = bmx_engine_was_under_way(ask);
	const struct bmx_verification *verification =
		found == BMX_RECORD_FOUND ? &record->as.verification : NULL;

	if (ask->cache_stage == STAGE_ANY)
		take_accepts_all(ask, verification);
	else if (verification)
		take_verification(ask, verification);
	else
		bmx_engine_step(ask, "cache", "none", ask->cut);
	next_cache_stage(ask);
	if (later)
		bmx_engine_go_on(ask);
}

bool
bmx_engine_fetch_cache(struct bmx_engine_ask *ask)
{
	const int64_t now_ms =
		bmx_clock_mono_ms(ask->engine->parts.loop->clock);

	if (!ask->cut.data)
		ask->cut = ask->local;
	while (ask->cache_stage != STAGE_DONE) {
		const struct bmx_slice name = ask->cache_stage == STAGE_ANY ?
			bmx_slice_of(BMX_LOCAL_WILDCARD) :
			ask->cut;
		const struct bmx_record_key key =
			bmx_engine_key(ask, BMX_RECORD_VERIFICATION, name);

		if (!bmx_engine_read(ask, &key, on_cached))
			return false;
	}
	ask->facts.cache_fact = BMX_FACT_KNOWN;
	if (!bmx_engine_explains(ask) && !bmx_engine_is_exempt(ask))
		ask->facts.harvest = bmx_harvest_look(
			ask->engine->harvest, bmx_engine_net(ask), now_ms);
	return true;
}
