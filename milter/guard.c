#include "milter/guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/seal_store.h>

#include "milter/bounce_note.h"
#include "milter/gone.h"
#include "milter/internal_form.h"

/* Trouble with seals.mdb is said once in so long. */
#define STORE_WARNING_MS 60000
#define PATH_SIZE ((size_t)1200)

struct bmx_guard {
	struct bmx_guard_parts parts;
	pthread_mutex_t lock; /* keys, store while it is NULL, warning */
	struct bmx_seal_keys keys;
	struct bmx_seal_store *store; /* once open it stays so */
	struct bmx_log_throttle warning;
	struct bmx_metric *acts[BMX_GUARD_ACTS];
	struct bmx_metric *sealed[BMX_SEALED_RESULTS];
	struct bmx_metric *store_errors;
};

static void
register_metrics(struct bmx_guard *guard)
{
	for (int i = 0; i < BMX_GUARD_ACTS; i++) {
		const struct bmx_metrics_label label = {
			"action", bmx_guard_act_name((enum bmx_guard_act)i)};

		guard->acts[i] = bmx_metrics_counter(
			guard->parts.metrics, "backupmx_bounces_total",
			"Bounces judged.", &label, 1);
	}
	for (int i = 0; i < BMX_SEALED_RESULTS; i++) {
		const struct bmx_metrics_label label = {
			"result",
			bmx_seal_result_name((enum bmx_seal_result)i)};

		guard->sealed[i] = bmx_metrics_counter(
			guard->parts.metrics, "backupmx_sealed_total",
			"Messages sealed, by what proves their sender.", &label,
			1);
	}
	guard->store_errors = bmx_metrics_counter(
		guard->parts.metrics, "backupmx_seal_store_errors_total",
		"Seals that could not be kept or looked up.", NULL, 0);
}

/*
 * Keys and store.
 */

static int
key_path(const struct bmx_config *config, char buffer[PATH_SIZE])
{
	const char *path = config->milter.seal_key_file;
	struct bmx_text text;

	bmx_text_init(&text, buffer, PATH_SIZE);
	if (path[0] != '\0')
		bmx_text_append_string(&text, path);
	else
		bmx_text_printf(&text, "%s/seal.key", config->state_dir);
	return text.cut ? -1 : 0;
}

/* A file that is there and bad is the administrator's to mend. That none can
 * be made is trouble: bounces are then held. */
static int
load_keys(struct bmx_guard *guard, const struct bmx_config *config,
          struct bmx_error *err)
{
	char path[PATH_SIZE];
	struct bmx_seal_keys keys;

	if (key_path(config, path) != 0)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the path of the seals' keys is too long");
	if (bmx_seal_keys_make(path, err) != 0) {
		bmx_log_error(guard->parts.log, BMX_LOG_ERROR, "no-seal-keys",
		              err->text, "bounces are quarantined");
		return 0;
	}
	if (bmx_seal_keys_read(path, &keys, err) != 0)
		return -1;
	(void)pthread_mutex_lock(&guard->lock);
	guard->keys = keys;
	(void)pthread_mutex_unlock(&guard->lock);
	return 0;
}

static void
open_store(struct bmx_guard *guard, const struct bmx_config *config)
{
	struct bmx_seal_store *store;
	struct bmx_error err;

	if (guard->store)
		return;
	store = bmx_seal_store_open(config->state_dir, false, &err);
	if (!store)
		bmx_log_error(guard->parts.log, BMX_LOG_ERROR, "no-seal-store",
		              err.text,
		              "bounces without a seal are quarantined");
	(void)pthread_mutex_lock(&guard->lock);
	guard->store = store;
	(void)pthread_mutex_unlock(&guard->lock);
}

static int
load(struct bmx_guard *guard, const struct bmx_config *config,
     struct bmx_error *err)
{
	if (config->milter.bounce_guard == BMX_BOUNCE_GUARD_OFF)
		return 0;
	if (load_keys(guard, config, err) != 0)
		return -1;
	open_store(guard, config);
	return 0;
}

struct bmx_guard *
bmx_guard_new(const struct bmx_guard_parts *parts,
              const struct bmx_config *config, struct bmx_error *err)
{
	struct bmx_guard *guard = calloc(1, sizeof(*guard));

	if (!guard || pthread_mutex_init(&guard->lock, NULL) != 0) {
		free(guard);
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	guard->parts = *parts;
	guard->warning.interval_ms = STORE_WARNING_MS;
	register_metrics(guard);
	if (load(guard, config, err) != 0)
		bmx_guard_free(&guard);
	return guard;
}

void
bmx_guard_free(struct bmx_guard **guard)
{
	if (!*guard)
		return;
	bmx_seal_store_free(&(*guard)->store);
	(void)pthread_mutex_destroy(&(*guard)->lock);
	free(*guard);
	*guard = NULL;
}

void
bmx_guard_configure(struct bmx_guard *guard, const struct bmx_config *config)
{
	struct bmx_error err;

	if (load(guard, config, &err) != 0)
		bmx_log_error(guard->parts.log, BMX_LOG_ERROR, "bad-seal-keys",
		              err.text, "the old keys stay in force");
}

/* Copies: keys may change, and the store may come, while they are used. */
static struct bmx_seal_store *
take_parts(struct bmx_guard *guard, struct bmx_seal_keys *keys_out)
{
	struct bmx_seal_store *store;

	(void)pthread_mutex_lock(&guard->lock);
	*keys_out = guard->keys;
	store = guard->store;
	(void)pthread_mutex_unlock(&guard->lock);
	return store;
}

static void
warn_of_store(struct bmx_guard *guard, const struct bmx_error *err)
{
	uint64_t suppressed;
	bool pass;

	bmx_metric_add(guard->store_errors, 1);
	(void)pthread_mutex_lock(&guard->lock);
	pass = bmx_log_throttle_pass(&guard->warning, guard->parts.clock,
	                             &suppressed);
	(void)pthread_mutex_unlock(&guard->lock);
	if (pass)
		bmx_log_error(guard->parts.log, BMX_LOG_WARN, "seal-store",
		              err->text, NULL);
}

/*
 * Sealing.
 */

/* An address as both sides have it: without quoting, the domain in lower case.
 * False when it does not fit. */
static bool
normal_sender(struct bmx_slice sender, char *buffer, size_t size,
              struct bmx_slice *sender_out)
{
	char scratch[BMX_REPORT_ADDRESS_SIZE];
	struct bmx_slice plain;
	size_t i;

	if (sender.len >= sizeof(scratch) || sender.len >= size)
		return false;
	plain = bmx_internal_form(sender, scratch);
	if (plain.len > 0)
		memcpy(buffer, plain.data, plain.len);
	for (i = plain.len; i > 0 && buffer[i - 1] != '@'; i--)
		buffer[i - 1] = bmx_ascii_lower(buffer[i - 1]);
	*sender_out = (struct bmx_slice){buffer, plain.len};
	return true;
}

bool
bmx_guard_seal(struct bmx_guard *guard, const struct bmx_seal *seal,
               const struct bmx_config *config, char buffer[BMX_SEAL_TEXT_MAX])
{
	const int64_t now_ms = bmx_clock_wall_ms(guard->parts.clock);
	char sender[BMX_REPORT_ADDRESS_SIZE];
	struct bmx_seal whole = *seal;
	struct bmx_seal_keys keys;
	struct bmx_seal_store *store = take_parts(guard, &keys);
	struct bmx_error err;
	struct bmx_text text;

	whole.at_s = now_ms / 1000;
	bmx_text_init(&text, buffer, BMX_SEAL_TEXT_MAX);
	if (!normal_sender(seal->sender, sender, sizeof(sender),
	                   &whole.sender) ||
	    bmx_seal_append(&text, &whole, &keys) != 0)
		return false;
	bmx_metric_add(guard->sealed[seal->result], 1);
	if (store &&
	    bmx_seal_store_put(store, seal->queue_id, bmx_text_slice(&text),
	                       now_ms, config->milter.seal_keep_ms, &err) != 0)
		warn_of_store(guard, &err);
	return true;
}

/*
 * Judging.
 */

struct bounce {
	struct bmx_guard *guard;
	const struct bmx_bounce_facts *facts;
	const struct bmx_config *config;
	struct bmx_seal_keys keys;
	struct bmx_seal_store *store;
	struct bmx_slice sender;
	char sender_buffer[BMX_REPORT_ADDRESS_SIZE];
};

static struct bmx_guard_seal
verify(const struct bounce *bounce, struct bmx_slice text)
{
	struct bmx_guard_seal found = {.found = true};
	struct bmx_seal seal;

	found.word =
		bmx_seal_verify(text, bmx_slice_of(bounce->facts->queue_id),
	                        bounce->sender, &bounce->keys, &seal);
	if (found.word == BMX_SEAL_GOOD)
		found.result = seal.result;
	return found;
}

static struct bmx_guard_seal
find_stored(const struct bounce *bounce, bool *trouble)
{
	char text[BMX_SEAL_STORE_VALUE_MAX + 1];
	struct bmx_error err;
	size_t len;
	int found = -1;

	if (bounce->store) {
		found = bmx_seal_store_get(
			bounce->store, bmx_slice_of(bounce->facts->queue_id),
			text, &len, &err);
		if (found < 0)
			warn_of_store(bounce->guard, &err);
	}
	if (found < 0)
		*trouble = true;
	return found > 0 ? verify(bounce, (struct bmx_slice){text, len}) :
			   (struct bmx_guard_seal){0};
}

static bool
tell_gone(const struct bounce *bounce)
{
	const struct bmx_gone_request request = {
		.control = bounce->config->policyd.control_on ?
			&bounce->config->policyd.control :
			NULL,
		.clock = bounce->guard->parts.clock,
		.deadline_us = bmx_clock_mono_us(bounce->guard->parts.clock) +
			BMX_GUARD_TELL_MS * INT64_C(1000),
	};

	return bmx_gone_tell(&request, bounce->facts);
}

static void
gather(struct bounce *bounce, struct bmx_guard_facts *out)
{
	const struct bmx_bounce_facts *facts = bounce->facts;

	out->is_report = facts->is_report;
	out->readable = facts->has_status && facts->has_sender &&
		facts->queue_id[0] != '\0' &&
		normal_sender(bmx_slice_of(facts->sender),
	                      bounce->sender_buffer,
	                      sizeof(bounce->sender_buffer), &bounce->sender);
	if (!out->is_report || !out->readable)
		return;
	out->null_sender = bounce->sender.len == 0;
	out->held = facts->gone_count > 0 && tell_gone(bounce);
	out->trouble = bounce->keys.count == 0;
	out->stored = find_stored(bounce, &out->trouble);
	if (facts->seal[0] != '\0')
		out->returned = verify(bounce, bmx_slice_of(facts->seal));
}

static void
log_bounce(const struct bounce *bounce, struct bmx_slice queue_id,
           const struct bmx_guard_verdict *verdict)
{
	const struct bmx_bounce_facts *facts = bounce->facts;
	struct bmx_log_line line;

	bmx_log_begin_id(&line, bounce->guard->parts.log,
	                 verdict->why == BMX_GUARD_TROUBLE ||
	                                 verdict->why == BMX_GUARD_HELD ?
	                         BMX_LOG_ERROR :
	                         BMX_LOG_INFO,
	                 queue_id, "bounce");
	if (facts) {
		bmx_log_add(&line, BMX_KEY_ORIGINAL,
		            bmx_slice_of(facts->queue_id));
		bmx_log_add_address(&line, BMX_KEY_SENDER,
		                    bmx_slice_of(facts->sender));
		bmx_log_add_address(&line, BMX_KEY_RCPT,
		                    bmx_slice_of(facts->first.address));
		bmx_log_add_u64(&line, BMX_KEY_COUNT, facts->recipients);
		bmx_log_add(&line, BMX_KEY_STATUS,
		            bmx_slice_of(facts->first.status));
	}
	bmx_log_add_string(&line, BMX_KEY_ACT,
	                   bmx_guard_act_name(verdict->act));
	bmx_log_add_string(&line, BMX_KEY_WHY,
	                   bmx_guard_why_name(verdict->why));
	bmx_log_end(&line);
}

static void
keep_note(const struct bounce *bounce, struct bmx_slice queue_id,
          const struct bmx_guard_verdict *verdict)
{
	char buffer[BMX_SEAL_STORE_NOTE_MAX];
	const struct bmx_bounce_note note = {
		.at_ms = bmx_clock_wall_ms(bounce->guard->parts.clock),
		.queue_id = queue_id,
		.facts = bounce->facts,
		.verdict = verdict,
	};
	struct bmx_error err;
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	if (!bounce->store || bmx_bounce_note_append(&text, &note) != 0)
		return;
	if (bmx_seal_store_note(bounce->store, bmx_text_slice(&text), &err) !=
	    0)
		warn_of_store(bounce->guard, &err);
}

struct bmx_guard_verdict
bmx_guard_judge(struct bmx_guard *guard, const struct bmx_bounce_facts *facts,
                const struct bmx_config *config, struct bmx_slice queue_id)
{
	struct bounce bounce = {
		.guard = guard, .facts = facts, .config = config};
	struct bmx_guard_facts known = {.mode = config->milter.bounce_guard};
	struct bmx_guard_verdict verdict;

	bounce.store = take_parts(guard, &bounce.keys);
	if (facts)
		gather(&bounce, &known);
	else
		known.trouble = true;
	verdict = bmx_guard_decide(&known);
	bmx_metric_add(guard->acts[verdict.act], 1);
	log_bounce(&bounce, queue_id, &verdict);
	if (facts && facts->is_report)
		keep_note(&bounce, queue_id, &verdict);
	return verdict;
}
