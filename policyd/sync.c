#include "policyd/sync.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>
#include <backupmx/list_fetch.h>

#include "policyd/fetch_settings.h"

/* What a sync came to, as the metric's label. */
enum result {
	RESULT_CHANGED,
	RESULT_UNCHANGED,
	RESULT_REFUSED, /* a guard said no: the new list is there, but unused */
	RESULT_FAILED,
	RESULTS
};

static const char *const result_names[] = {"changed", "unchanged", "refused",
                                           "failed"};
static_assert(sizeof(result_names) / sizeof(result_names[0]) == RESULTS,
              "one name a result");

static const char *const phase_names[] = {"idle", "queued", "running",
                                          "failed"};
static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == BMX_SYNC_PHASES,
              "one name a phase");

/* One domain with a source. */
struct entry {
	char *domain;
	char *source;
	bool case_sensitive;
	int64_t max_shrink;
	int64_t refresh_ms;
	struct bmx_config_fetch fetch; /* a copy */

	struct entry *next; /* in the queue */
	bool queued;
	bool again;     /* asked for while it was running */
	int64_t due_ms; /* monotonic: next try, while neither queued nor run */
	int64_t retry_ms; /* the pause after the next failure */
	uint64_t tries;   /* for the jitter */

	uint64_t failures; /* in a row */
	int64_t failing_since_ms;
	int64_t last_good_ms;
	struct bmx_error err;
	char logged[BMX_ERROR_TEXT_MAX]; /* the failure logged last */
	struct bmx_log_throttle throttle;
	struct bmx_metric *results[RESULTS];
};

struct bmx_sync {
	struct bmx_sync_options with;
	char *state_dir;
	struct entry **entries; /* sorted by domain */
	size_t count;
	struct entry *first; /* of the queue */
	struct entry *last;
	struct entry *running;
	bool pumping; /* the queue is being handed out, further up the stack */
	int64_t began_us;           /* monotonic, of the running job */
	struct bmx_timer *wake;     /* when the next entry is due */
	struct bmx_timer *deadline; /* of the running job */
	uint8_t jitter_key[BMX_SIPHASH_KEY_SIZE];
};

const char *
bmx_sync_phase_name(enum bmx_sync_phase phase)
{
	return phase_names[phase];
}

static int64_t
now_ms(const struct bmx_sync *sync)
{
	return bmx_clock_mono_ms(sync->with.loop->clock);
}

static int64_t
wall_ms(const struct bmx_sync *sync)
{
	return bmx_clock_wall_ms(sync->with.loop->clock);
}

static void
entry_free(struct entry *entry)
{
	if (!entry)
		return;
	free(entry->domain);
	free(entry->source);
	bmx_fetch_settings_clear(&entry->fetch);
	free(entry);
}

static void
add_metrics(struct entry *entry, struct bmx_metrics *metrics)
{
	for (size_t i = 0; i < RESULTS; i++) {
		const struct bmx_metrics_label labels[] = {
			{"domain", entry->domain},
			{"result", result_names[i]},
		};

		entry->results[i] = bmx_metrics_counter(
			metrics, "backupmx_list_sync_total",
			"Syncs of recipient lists by their result", labels, 2);
	}
}

static struct entry *
entry_new(const struct bmx_config_domain *domain, struct bmx_metrics *metrics)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->domain = strdup(domain->name);
	entry->source = strdup(domain->recipients);
	if (!entry->domain || !entry->source ||
	    bmx_fetch_settings_copy(&domain->fetch, &entry->fetch) != 0) {
		entry_free(entry);
		return NULL;
	}
	entry->case_sensitive = domain->case_sensitive;
	entry->max_shrink = domain->max_shrink;
	entry->refresh_ms = domain->refresh_ms;
	entry->retry_ms = BMX_SYNC_RETRY_MS;
	entry->throttle.interval_ms = BMX_SYNC_LOG_INTERVAL_MS;
	add_metrics(entry, metrics);
	return entry;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *const *left = a;
	const struct entry *const *right = b;

	return strcmp((*left)->domain, (*right)->domain);
}

static struct entry *
find(const struct bmx_sync *sync, struct bmx_slice domain)
{
	size_t low = 0;
	size_t high = sync->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		struct entry *entry = sync->entries[middle];
		const int order =
			bmx_slice_order(domain, bmx_slice_of(entry->domain));

		if (order == 0)
			return entry;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void
enqueue(struct bmx_sync *sync, struct entry *entry)
{
	if (entry->queued)
		return;
	entry->queued = true;
	entry->next = NULL;
	if (sync->last)
		sync->last->next = entry;
	else
		sync->first = entry;
	sync->last = entry;
}

static struct entry *
dequeue(struct bmx_sync *sync)
{
	struct entry *entry = sync->first;

	if (!entry)
		return NULL;
	sync->first = entry->next;
	if (!sync->first)
		sync->last = NULL;
	entry->queued = false;
	entry->next = NULL;
	return entry;
}

/*
 * Up to a twentieth earlier than `refresh`, so that many domains, or many
 * backups of one primary, do not ask for their lists in step.
 */
static int64_t
refresh_delay(const struct bmx_sync *sync, const struct entry *entry)
{
	const uint64_t span = (uint64_t)entry->refresh_ms / 20 + 1;
	uint64_t chance = bmx_siphash24(sync->jitter_key, entry->domain,
	                                strlen(entry->domain));

	chance = bmx_siphash24(sync->jitter_key,
	                       &(uint64_t[]){chance, entry->tries}, 16);
	return entry->refresh_ms - (int64_t)(chance % span);
}

static int64_t
retry_delay(struct entry *entry)
{
	const int64_t most = entry->refresh_ms < BMX_SYNC_RETRY_MAX_MS ?
		entry->refresh_ms :
		BMX_SYNC_RETRY_MAX_MS;
	const int64_t delay = entry->retry_ms < most ? entry->retry_ms : most;

	entry->retry_ms = delay * 2;
	return delay;
}

/* Sets the timer to the earliest entry that is neither queued nor running. */
static void
set_wake(struct bmx_sync *sync)
{
	const int64_t now = now_ms(sync);
	int64_t earliest = INT64_MAX;

	for (size_t i = 0; i < sync->count; i++) {
		const struct entry *entry = sync->entries[i];

		if (!entry->queued && entry != sync->running &&
		    entry->due_ms < earliest)
			earliest = entry->due_ms;
	}
	if (earliest == INT64_MAX)
		bmx_timer_cancel(sync->with.loop, sync->wake);
	else
		bmx_timer_set(sync->with.loop, sync->wake,
		              earliest > now ? earliest - now : 0);
}

static void
log_done(struct bmx_sync *sync, const struct entry *entry,
         const struct bmx_list_replace_result *counts, bool worth_a_line)
{
	const enum bmx_log_level level =
		worth_a_line ? BMX_LOG_INFO : BMX_LOG_DEBUG;
	struct bmx_log_line line;

	bmx_log_begin(&line, sync->with.log, level, "sync-done");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, entry->domain);
	bmx_log_add_u64(&line, BMX_KEY_GENERATION, counts->generation);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, counts->after);
	bmx_log_add_u64(&line, BMX_KEY_ADDED, counts->added);
	bmx_log_add_u64(&line, BMX_KEY_REMOVED, counts->removed);
	bmx_log_add_ms(&line,
	               bmx_clock_mono_us(sync->with.loop->clock) -
	                       sync->began_us);
	bmx_log_end(&line);
}

static const char *
hint_of(enum bmx_error_code code)
{
	switch (code) {
	case BMX_E_NOT_FOUND:
		return "create what is missing, or correct `recipients`";
	case BMX_E_PERMISSION:
		return "let the daemon read the source and write state_dir";
	case BMX_E_SYNTAX:
		return "correct the source; the list before it is in force";
	case BMX_E_REFUSED:
		return "if it is meant: backupmxctl load --force";
	case BMX_E_FULL:
		return "make room in state_dir; the old list is in force";
	case BMX_E_USAGE:
		return "correct `recipients`";
	case BMX_E_NONE:
	case BMX_E_RANGE:
	case BMX_E_TOO_BIG:
	case BMX_E_NOMEM:
	case BMX_E_IO:
	case BMX_E_BUSY:
	case BMX_E_TIMEOUT:
	case BMX_E_CLOSED:
	case BMX_E_CORRUPT:
		break;
	}
	return "the old list is in force; it is tried again";
}

/* The store itself fails: that is worse than a source that is not there. */
static enum bmx_log_level
level_of(enum bmx_error_code code)
{
	return code == BMX_E_FULL || code == BMX_E_CORRUPT ? BMX_LOG_ERROR :
							     BMX_LOG_WARN;
}

static void
log_failed(struct bmx_sync *sync, struct entry *entry)
{
	const struct bmx_error *err = &entry->err;
	struct bmx_log_line line;
	uint64_t suppressed;

	if (strcmp(err->text, entry->logged) != 0)
		entry->throttle.next_ms = 0; /* another failure: say so */
	if (!bmx_log_throttle_pass(&entry->throttle, sync->with.loop->clock,
	                           &suppressed))
		return;
	memcpy(entry->logged, err->text, sizeof(entry->logged));
	bmx_log_begin(&line, sync->with.log, level_of(err->code),
	              "sync-failed");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, entry->domain);
	bmx_log_add_string(&line, BMX_KEY_WHY, bmx_error_code_name(err->code));
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_string(&line, BMX_KEY_HINT, hint_of(err->code));
	if (suppressed > 0)
		bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

static void
note_good(struct bmx_sync *sync, struct entry *entry,
          const struct bmx_list_replace_result *counts)
{
	const bool changed =
		counts->added + counts->removed + counts->changed > 0;

	bmx_metric_add(
		entry->results[changed ? RESULT_CHANGED : RESULT_UNCHANGED], 1);
	/* An unchanged list is news when the last try had failed. */
	log_done(sync, entry, counts, changed || entry->failures > 0);
	entry->failures = 0;
	entry->failing_since_ms = 0;
	entry->last_good_ms = wall_ms(sync);
	entry->err = (struct bmx_error){0};
	entry->logged[0] = '\0';
	entry->throttle.next_ms = 0;
	entry->retry_ms = BMX_SYNC_RETRY_MS;
	entry->due_ms = now_ms(sync) + refresh_delay(sync, entry);
}

static void
note_failure(struct bmx_sync *sync, struct entry *entry,
             const struct bmx_error *err)
{
	const bool refused = err->code == BMX_E_REFUSED;

	bmx_metric_add(entry->results[refused ? RESULT_REFUSED : RESULT_FAILED],
	               1);
	if (entry->failures == 0)
		entry->failing_since_ms = wall_ms(sync);
	entry->failures++;
	entry->err = *err;
	log_failed(sync, entry);
	entry->due_ms = now_ms(sync) + retry_delay(entry);
}

/* Books the outcome; the owner is told last, when all is consistent. */
static void
finish(struct bmx_sync *sync, struct entry *entry,
       const struct bmx_sync_outcome *outcome)
{
	sync->running = NULL;
	bmx_timer_cancel(sync->with.loop, sync->deadline);
	if (outcome->ok)
		note_good(sync, entry, &outcome->counts);
	else
		note_failure(sync, entry, &outcome->err);
	if (entry->again)
		enqueue(sync, entry);
	entry->again = false;
	if (sync->with.on_done)
		sync->with.on_done(sync->with.ctx, bmx_slice_of(entry->domain),
		                   outcome);
}

static void pump(struct bmx_sync *sync);

static void
on_outcome(void *ctx, const struct bmx_sync_outcome *outcome)
{
	struct bmx_sync *sync = ctx;

	assert(sync->running);
	finish(sync, sync->running, outcome);
	pump(sync);
}

static int
start(struct bmx_sync *sync, struct entry *entry, struct bmx_error *err)
{
	const struct bmx_sync_job job = {
		.state_dir = sync->state_dir,
		.domain = entry->domain,
		.source = entry->source,
		.case_sensitive = entry->case_sensitive,
		.max_shrink = entry->max_shrink,
		.now_ms = wall_ms(sync),
		.redis = sync->with.redis,
		.fetch = &entry->fetch,
	};
	struct bmx_sync_worker *worker = sync->with.worker;

	entry->tries++;
	sync->running = entry;
	sync->began_us = bmx_clock_mono_us(sync->with.loop->clock);
	return worker->ops->start(worker, &job, on_outcome, sync, err);
}

/*
 * Hands the queue to the worker. A job that it does not even take is finished
 * here, and its owner's callback may ask for more: that is left to this loop,
 * or a worker that never starts would recurse.
 */
static void
pump(struct bmx_sync *sync)
{
	if (sync->pumping)
		return;
	sync->pumping = true;
	while (!sync->running && sync->first) {
		struct entry *entry = dequeue(sync);
		struct bmx_sync_outcome outcome = {.ok = false};

		if (start(sync, entry, &outcome.err) == 0)
			bmx_timer_set(sync->with.loop, sync->deadline,
			              BMX_SYNC_JOB_MAX_MS);
		else
			finish(sync, entry, &outcome);
	}
	sync->pumping = false;
	set_wake(sync);
}

static void
on_wake(void *ctx)
{
	struct bmx_sync *sync = ctx;
	const int64_t now = now_ms(sync);

	for (size_t i = 0; i < sync->count; i++) {
		struct entry *entry = sync->entries[i];

		if (entry != sync->running && entry->due_ms <= now)
			enqueue(sync, entry);
	}
	pump(sync);
}

static void
on_deadline(void *ctx)
{
	struct bmx_sync *sync = ctx;
	struct bmx_sync_outcome outcome = {.ok = false};
	char name[BMX_LIST_FETCH_NAME_MAX];

	assert(sync->running);
	sync->with.worker->ops->stop(sync->with.worker);
	(void)bmx_error_set(&outcome.err, BMX_E_TIMEOUT,
	                    "%s: not done within %d minutes, given up",
	                    bmx_list_fetch_name(sync->running->source, name),
	                    (int)(BMX_SYNC_JOB_MAX_MS / 60000));
	finish(sync, sync->running, &outcome);
	pump(sync);
}

struct bmx_sync *
bmx_sync_new(const struct bmx_sync_options *options)
{
	struct bmx_sync *sync = calloc(1, sizeof(*sync));
	int64_t seed;

	if (!sync)
		return NULL;
	sync->with = *options;
	sync->wake = bmx_timer_new(options->loop, on_wake, sync);
	sync->deadline = bmx_timer_new(options->loop, on_deadline, sync);
	if (!sync->wake || !sync->deadline) {
		bmx_sync_free(&sync);
		return NULL;
	}
	/* Spreads load, keeps no secret: the start's microsecond will do. */
	seed = bmx_clock_mono_us(options->loop->clock);
	memcpy(sync->jitter_key, &seed, sizeof(seed));
	return sync;
}

static void
free_entries(struct entry **entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		entry_free(entries[i]);
	free(entries);
}

void
bmx_sync_free(struct bmx_sync **sync)
{
	struct bmx_sync *old = *sync;

	if (!old)
		return;
	if (old->running)
		old->with.worker->ops->stop(old->with.worker);
	bmx_timer_free(old->with.loop, &old->wake);
	bmx_timer_free(old->with.loop, &old->deadline);
	free_entries(old->entries, old->count);
	free(old->state_dir);
	free(old);
	*sync = NULL;
}

static bool
has_list(const struct bmx_config_domain *domain)
{
	return domain->recipients[0] != '\0' && strcmp(domain->name, "*") != 0;
}

/* Entries of all domains with a source, sorted, or NULL. */
static struct entry **
entries_of(const struct bmx_config *config, struct bmx_metrics *metrics,
           size_t *count_out)
{
	struct entry **entries =
		calloc(config->domain_count + 1, sizeof(struct entry *));
	size_t count = 0;

	for (size_t i = 0; entries && i < config->domain_count; i++) {
		if (!has_list(&config->domains[i]))
			continue;
		entries[count] = entry_new(&config->domains[i], metrics);
		if (!entries[count]) {
			free_entries(entries, count);
			return NULL;
		}
		count++;
	}
	if (entries)
		qsort(entries, count, sizeof(struct entry *), compare_entries);
	*count_out = count;
	return entries;
}

static bool
same_rules(const struct entry *a, const struct entry *b)
{
	return strcmp(a->source, b->source) == 0 &&
		a->case_sensitive == b->case_sensitive &&
		a->max_shrink == b->max_shrink &&
		bmx_fetch_settings_equal(&a->fetch, &b->fetch);
}

/* Moves what is known of the domain from old to its new entry. */
static void
inherit(struct bmx_sync *sync, struct entry *entry, const struct entry *old)
{
	const int64_t latest = now_ms(sync) + entry->refresh_ms;

	entry->due_ms = old->due_ms < latest ? old->due_ms : latest;
	entry->again = old->again;
	entry->retry_ms = old->retry_ms;
	entry->tries = old->tries;
	entry->failures = old->failures;
	entry->failing_since_ms = old->failing_since_ms;
	entry->last_good_ms = old->last_good_ms;
	entry->err = old->err;
	memcpy(entry->logged, old->logged, sizeof(entry->logged));
	entry->throttle = old->throttle;
	if (old == sync->running)
		sync->running = entry;
	if (same_rules(entry, old))
		return;
	entry->due_ms = now_ms(sync);
	entry->again = sync->running == entry;
}

/* Puts entries in the place of what there was, its state carried over. */
static void
take_over(struct bmx_sync *sync, struct entry **entries, size_t count)
{
	struct entry **old = sync->entries;
	const size_t old_count = sync->count;
	struct entry *const was_running = sync->running;

	for (size_t i = 0; i < count; i++) {
		const struct entry *before =
			find(sync, bmx_slice_of(entries[i]->domain));

		if (!before) {
			entries[i]->due_ms = now_ms(sync);
			continue;
		}
		inherit(sync, entries[i], before);
		if (before->queued)
			entries[i]->due_ms = now_ms(sync);
	}
	if (sync->running && sync->running == was_running) {
		sync->with.worker->ops->stop(sync->with.worker);
		bmx_timer_cancel(sync->with.loop, sync->deadline);
		sync->running = NULL;
	}
	sync->entries = entries;
	sync->count = count;
	sync->first = NULL;
	sync->last = NULL;
	free_entries(old, old_count);
}

int
bmx_sync_configure(struct bmx_sync *sync, const struct bmx_config *config,
                   struct bmx_error *err)
{
	char *state_dir = strdup(config->state_dir);
	size_t count = 0;
	struct entry **entries = state_dir ?
		entries_of(config, sync->with.metrics, &count) :
		NULL;

	if (!entries) {
		free(state_dir);
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the list of domains");
	}
	free(sync->state_dir);
	sync->state_dir = state_dir;
	take_over(sync, entries, count);
	on_wake(sync); /* what is due now, new domains among it */
	return 0;
}

int
bmx_sync_request(struct bmx_sync *sync, struct bmx_slice domain,
                 struct bmx_error *err)
{
	struct entry *entry = find(sync, domain);

	if (!entry)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "no domain with a recipient list: %.*s",
		                     (int)(domain.len < 255 ? domain.len : 255),
		                     domain.len > 0 ? domain.data : "");
	if (entry == sync->running) {
		entry->again = true;
		return 0;
	}
	enqueue(sync, entry);
	pump(sync);
	return 0;
}

static enum bmx_sync_phase
phase_of(const struct bmx_sync *sync, const struct entry *entry)
{
	if (entry == sync->running)
		return BMX_SYNC_RUNNING;
	if (entry->queued)
		return BMX_SYNC_QUEUED;
	return entry->failures > 0 ? BMX_SYNC_FAILED : BMX_SYNC_IDLE;
}

int
bmx_sync_status(const struct bmx_sync *sync, struct bmx_slice domain,
                struct bmx_sync_status *status_out)
{
	const struct entry *entry = find(sync, domain);

	if (!entry)
		return 0;
	*status_out = (struct bmx_sync_status){
		.phase = phase_of(sync, entry),
		.last_error = entry->err.text,
		.failing_since_ms = entry->failing_since_ms,
		.last_good_ms = entry->last_good_ms,
		.failures = entry->failures,
	};
	return 1;
}
