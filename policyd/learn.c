#include "policyd/learn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>

#include "policyd/eviction_guard.h"
#include "policyd/verification.h"

/* Reads of older records that may be under way; more results are not kept. */
#define OPEN_MAX ((size_t)1000)
/* An alarm is said once in so long. */
#define ALARM_MS 60000
/* Addresses of lists that were refused lately and are remembered. */
#define GONE_MAX 64

/* An address of a list that the primary refused. */
struct gone_mark {
	uint64_t hash;
	int64_t at_ms; /* monotonic */
};

/* A result whose older record is being read. */
struct lesson {
	struct bmx_learner *learner;
	struct lesson *previous;
	struct lesson *next;
	struct bmx_record_get *get;
	bool done; /* the record came before get returned */
	bool had_valid;
	enum bmx_probe_outcome outcome;
	enum bmx_verified_by by;
	int64_t checked_at_ms;
	char domain[BMX_DOMAIN_BUFFER];
	char local[BMX_LOCAL_BUFFER];
	struct bmx_record_key key; /* of both */
};

struct bmx_learner {
	struct bmx_learner_parts parts;
	struct bmx_config *config;
	struct bmx_eviction_guard *guards; /* by section */
	struct lesson *lessons;
	size_t open;
	struct bmx_log_throttle alarm;
	struct bmx_metric *lost;
	struct bmx_metric *evicted;
	struct bmx_metric *gone[BMX_GONE_WORDS];
	uint8_t gone_key[BMX_SIPHASH_KEY_SIZE];
	struct gone_mark marks[GONE_MAX]; /* a ring */
	size_t marks_used;
};

static int64_t
mono_ms(const struct bmx_learner *learner)
{
	return bmx_clock_mono_ms(learner->parts.loop->clock);
}

int
bmx_learner_configure(struct bmx_learner *learner, struct bmx_config *config,
                      struct bmx_error *err)
{
	const size_t count = config->domain_count ? config->domain_count : 1;
	struct bmx_eviction_guard *guards = calloc(count, sizeof(*guards));

	if (!guards)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	for (size_t i = 0; learner->config && i < config->domain_count; i++) {
		const struct bmx_config_domain *old = bmx_config_find_domain(
			learner->config, bmx_slice_of(config->domains[i].name));

		if (old)
			guards[i] = learner->guards[old->index];
	}
	free(learner->guards);
	bmx_config_unref(&learner->config);
	learner->guards = guards;
	learner->config = bmx_config_ref(config);
	return 0;
}

static const char *const gone_names[] = {
	[BMX_GONE_EVICTED] = "evicted",
	[BMX_GONE_NOTED] = "noted",
	[BMX_GONE_HOLD] = "hold",
};
static_assert(sizeof(gone_names) / sizeof(gone_names[0]) == BMX_GONE_WORDS,
              "one name a word");

const char *
bmx_gone_name(enum bmx_gone gone)
{
	assert((size_t)gone < BMX_GONE_WORDS);
	return gone_names[gone];
}

static void
register_gone(struct bmx_learner *learner)
{
	bmx_siphash_random_key(learner->gone_key);
	for (int i = 0; i < BMX_GONE_WORDS; i++) {
		const struct bmx_metrics_label label = {"result",
		                                        gone_names[i]};

		learner->gone[i] = bmx_metrics_counter(
			learner->parts.metrics, "backupmx_gone_total",
			"Recipients that a bounce of ours says are unknown.",
			&label, 1);
	}
}

struct bmx_learner *
bmx_learner_new(const struct bmx_learner_parts *parts,
                struct bmx_config *config)
{
	struct bmx_learner *learner = calloc(1, sizeof(*learner));

	if (!learner)
		return NULL;
	learner->parts = *parts;
	learner->alarm.interval_ms = ALARM_MS;
	learner->lost = bmx_metrics_counter(
		parts->metrics, "backupmx_lost_users_total",
		"Refusals of known users that were not believed.", NULL, 0);
	learner->evicted = bmx_metrics_counter(
		parts->metrics, "backupmx_cache_evictions_total",
		"Known users that the primary no longer knows.", NULL, 0);
	register_gone(learner);
	if (bmx_learner_configure(learner, config, NULL) != 0)
		bmx_learner_free(&learner);
	return learner;
}

static void
drop_lesson(struct lesson *lesson)
{
	struct bmx_learner *learner = lesson->learner;

	if (lesson->previous)
		lesson->previous->next = lesson->next;
	else
		learner->lessons = lesson->next;
	if (lesson->next)
		lesson->next->previous = lesson->previous;
	learner->open--;
	free(lesson);
}

void
bmx_learner_free(struct bmx_learner **learner)
{
	struct bmx_learner *l = *learner;

	if (!l)
		return;
	while (l->lessons) {
		l->parts.records->ops->cancel(l->lessons->get);
		drop_lesson(l->lessons);
	}
	bmx_config_unref(&l->config);
	free(l->guards);
	free(l);
	*learner = NULL;
}

static struct bmx_eviction_guard *
guard_of(const struct bmx_learner *learner, struct bmx_slice domain,
         const struct bmx_config_domain **section_out)
{
	*section_out = bmx_config_find_domain(learner->config, domain);
	return *section_out ? &learner->guards[(*section_out)->index] : NULL;
}

bool
bmx_learner_holds(const struct bmx_learner *learner,
                  const struct bmx_config_domain *section)
{
	const struct bmx_config_domain *ours;
	const struct bmx_eviction_guard *guard =
		guard_of(learner, bmx_slice_of(section->name), &ours);

	return guard && bmx_eviction_guard_holds(guard, mono_ms(learner));
}

static void
alarm_lost_users(struct bmx_learner *learner, struct bmx_slice domain)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	bmx_metric_add(learner->lost, 1);
	if (!bmx_log_throttle_pass(&learner->alarm, learner->parts.loop->clock,
	                           &suppressed))
		return;
	bmx_log_begin(&line, learner->parts.log, BMX_LOG_ERROR, "lost-users");
	bmx_log_add(&line, BMX_KEY_DOMAIN, domain);
	bmx_log_add_string(&line, BMX_KEY_ERR,
	                   "the primary refuses users that it accepted "
	                   "before; they are deferred");
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "has it lost its user table? if it is right, "
	                   "backupmxctl forget DOMAIN");
	bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

static void
put(struct bmx_learner *learner, const struct bmx_record_key *key,
    const struct bmx_verification *verification)
{
	const struct bmx_record record = {.kind = BMX_RECORD_VERIFICATION,
	                                  .as.verification = *verification};

	learner->parts.records->ops->put(learner->parts.records, key, &record);
}

/* Is the loss of a user that had been valid to be believed? */
static bool
believes(struct bmx_learner *learner, struct bmx_slice domain, bool lost)
{
	const struct bmx_config_domain *section;
	struct bmx_eviction_guard *guard = guard_of(learner, domain, &section);

	if (!guard ||
	    !bmx_eviction_guard_count(guard, lost, section->max_shrink,
	                              mono_ms(learner)))
		return true;
	alarm_lost_users(learner, domain);
	return false;
}

static void
learn(struct lesson *lesson, const struct bmx_verification *old)
{
	struct bmx_learner *learner = lesson->learner;
	const struct bmx_verification_merge merge = bmx_verification_merge(
		old, lesson->outcome, lesson->by, lesson->checked_at_ms);

	/* Who probed did not know of the VALID, and so asked for no witness:
	 * let the next one ask. A delivery says only now that it had been. */
	if (merge.evicts &&
	    (lesson->by == BMX_VERIFIED_BY_DELIVERY ?
	             !believes(learner, lesson->key.domain, true) :
	             !lesson->had_valid))
		return;
	if (merge.change == BMX_VERIFICATION_STORE)
		put(learner, &lesson->key, &merge.record);
	if (merge.evicts)
		bmx_metric_add(learner->evicted, 1);
}

static void
on_old(void *ctx, enum bmx_record_found found, const struct bmx_record *record)
{
	struct lesson *lesson = ctx;
	const bool later = lesson->get != NULL;

	learn(lesson,
	      found == BMX_RECORD_FOUND ? &record->as.verification : NULL);
	lesson->done = true;
	if (later)
		drop_lesson(lesson);
}

static struct lesson *
new_lesson(struct bmx_learner *learner,
           const struct bmx_call_ahead_request *request)
{
	struct lesson *lesson;

	if (learner->open == OPEN_MAX ||
	    request->domain.len >= sizeof(lesson->domain) ||
	    request->local.len > sizeof(lesson->local))
		return NULL;
	lesson = calloc(1, sizeof(*lesson));
	if (!lesson)
		return NULL;
	memcpy(lesson->domain, request->domain.data, request->domain.len);
	memcpy(lesson->local, request->local.data, request->local.len);
	lesson->key = (struct bmx_record_key){
		.kind = BMX_RECORD_VERIFICATION,
		.domain = {lesson->domain, request->domain.len},
		.name = {lesson->local, request->local.len},
	};
	lesson->learner = learner;
	lesson->next = learner->lessons;
	if (lesson->next)
		lesson->next->previous = lesson;
	learner->lessons = lesson;
	learner->open++;
	return lesson;
}

/* The result joins what is kept of the address. */
static void
learn_address(struct bmx_learner *learner,
              const struct bmx_call_ahead_request *request,
              enum bmx_probe_outcome outcome, enum bmx_verified_by by)
{
	struct lesson *lesson = new_lesson(learner, request);

	if (!lesson)
		return;
	lesson->outcome = outcome;
	lesson->had_valid = request->had_valid;
	lesson->by = by;
	lesson->checked_at_ms = bmx_clock_wall_ms(learner->parts.loop->clock);
	lesson->get = learner->parts.records->ops->get(
		learner->parts.records, &lesson->key, on_old, lesson);
	if (lesson->done)
		drop_lesson(lesson);
}

/* Whether the domain accepts all: a refusal of the address, or of the random
 * local part, says that it does not. */
static void
learn_accepts_all(struct bmx_learner *learner,
                  const struct bmx_call_ahead_request *request,
                  const struct bmx_probe_result *probe)
{
	const bool accepts = probe->random == BMX_PROBE_RANDOM_ACCEPTED;
	const struct bmx_verification verification = {
		.result = accepts ? BMX_VERIFIED_VALID : BMX_VERIFIED_UNKNOWN,
		.by = BMX_VERIFIED_BY_CALL_AHEAD,
		.checked_at_ms = bmx_clock_wall_ms(learner->parts.loop->clock),
	};
	const struct bmx_record_key key = {BMX_RECORD_VERIFICATION,
	                                   request->domain,
	                                   bmx_slice_of(BMX_LOCAL_WILDCARD)};

	if (accepts || probe->random == BMX_PROBE_RANDOM_REFUSED ||
	    (request->test_accept_all && probe->outcome == BMX_PROBE_UNKNOWN))
		put(learner, &key, &verification);
}

void
bmx_learner_take(void *ctx, const struct bmx_call_ahead_request *request,
                 const struct bmx_call_ahead_answer *answer)
{
	struct bmx_learner *learner = ctx;
	const struct bmx_probe_result *probe = answer->probe;
	const bool unknown = probe->outcome == BMX_PROBE_UNKNOWN;

	if (answer->why != BMX_CALL_AHEAD_ANSWERED)
		return;
	if (probe->why == BMX_PROBE_LOST_USERS)
		alarm_lost_users(learner, request->domain);
	if (probe->outcome == BMX_PROBE_UNSURE)
		return;
	learn_accepts_all(learner, request, probe);
	if (probe->outcome == BMX_PROBE_ACCEPTS_ALL)
		return;
	if (request->had_valid && !believes(learner, request->domain, unknown))
		return;
	learn_address(learner, request, probe->outcome,
	              BMX_VERIFIED_BY_CALL_AHEAD);
}

/*
 * Deliveries that were refused.
 */

static uint64_t
hash_of(const struct bmx_learner *learner, struct bmx_slice domain,
        struct bmx_slice local)
{
	return bmx_siphash24(learner->gone_key, domain.data, domain.len) * 31 +
		bmx_siphash24(learner->gone_key, local.data, local.len);
}

/* Was the address refused within the window already? It is from now on. */
static bool
mark_gone(struct bmx_learner *learner, uint64_t hash, int64_t now_ms)
{
	const size_t used =
		learner->marks_used < GONE_MAX ? learner->marks_used : GONE_MAX;

	for (size_t i = 0; i < used; i++)
		if (learner->marks[i].hash == hash &&
		    now_ms - learner->marks[i].at_ms < BMX_EVICTION_WINDOW_MS)
			return true;
	learner->marks[learner->marks_used++ % GONE_MAX] =
		(struct gone_mark){hash, now_ms};
	return false;
}

static enum bmx_gone
take_gone(struct bmx_learner *learner,
          const struct bmx_call_ahead_request *request, bool listed)
{
	const int64_t now_ms = mono_ms(learner);
	const struct bmx_config_domain *section;
	const struct bmx_eviction_guard *guard =
		guard_of(learner, request->domain, &section);
	bool new_loss;

	new_loss = listed &&
		!mark_gone(learner,
	                   hash_of(learner, request->domain, request->local),
	                   now_ms);
	if (new_loss && !believes(learner, request->domain, true))
		return BMX_GONE_HOLD;
	if (guard && bmx_eviction_guard_holds(guard, now_ms))
		return BMX_GONE_HOLD;
	if (listed)
		return BMX_GONE_NOTED;
	learn_address(learner, request, BMX_PROBE_UNKNOWN,
	              BMX_VERIFIED_BY_DELIVERY);
	return BMX_GONE_EVICTED;
}

enum bmx_gone
bmx_learner_gone(struct bmx_learner *learner, struct bmx_slice domain,
                 struct bmx_slice local, bool listed)
{
	const struct bmx_call_ahead_request request = {.domain = domain,
	                                               .local = local};
	const enum bmx_gone gone = take_gone(learner, &request, listed);

	bmx_metric_add(learner->gone[gone], 1);
	return gone;
}

void
bmx_learner_counts(const struct bmx_learner *learner,
                   struct bmx_learner_counts *counts_out)
{
	counts_out->evicted = (uint64_t)bmx_metric_value(learner->evicted);
	counts_out->lost = (uint64_t)bmx_metric_value(learner->lost);
	for (int i = 0; i < BMX_GONE_WORDS; i++)
		counts_out->gone[i] =
			(uint64_t)bmx_metric_value(learner->gone[i]);
}
