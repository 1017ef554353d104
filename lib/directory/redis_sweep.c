/*
 * Removal of a domain's records: SCAN in small steps, never KEYS, which stops
 * the server; one step at a time, so that other requests come in between.
 */
#include "redis_store_priv.h"

#include <stdlib.h>

#include <backupmx/units.h>

/* Keys that one step of a removal looks at, and removals that may wait. */
#define SCAN_COUNT "500"
#define SWEEPS_MAX 64
/* Keys that are deleted by one command. */
#define DELETE_MAX 100

static void scan_on(struct redis_store *store);

static void
end_sweep(struct redis_store *store, int result)
{
	struct sweep *sweep = TAILQ_FIRST(&store->sweeps);

	bmx_redis_store_tally(store, result);
	TAILQ_REMOVE(&store->sweeps, sweep, entry);
	store->sweep_count--;
	free(sweep);
	scan_on(store);
}

static bool
is_of(const struct sweep *sweep, const struct bmx_redis_reply *key)
{
	const size_t len = strlen(sweep->start);

	return key->type == BMX_REDIS_STRING && key->text.len >= len &&
		!memcmp(key->text.data, sweep->start, len);
}

/* The keys of a step that are what was asked for: a server could tell any. */
static void
remove_keys(struct redis_store *store, const struct sweep *sweep,
            const struct bmx_redis_reply *keys)
{
	struct bmx_slice argv[1 + DELETE_MAX] = {BMX_SLICE("DEL")};
	struct bmx_redis_command command = {argv, 1};

	for (size_t i = 0; i < keys->count; i++) {
		if (is_of(sweep, &keys->element[i]))
			argv[command.argc++] = keys->element[i].text;
		if (command.argc <= DELETE_MAX &&
		    (i + 1 < keys->count || command.argc == 1))
			continue;
		bmx_redis_store_write(store, &command, 1, argv[1]);
		command.argc = 1;
	}
}

/* Takes the cursor of a reply to SCAN: 1 go on, 0 that was all, -1 no reply
 * to SCAN. */
static int
take_cursor(struct sweep *sweep, const struct bmx_redis_reply *reply)
{
	int64_t number;
	struct bmx_text text;

	if (!reply || reply->type != BMX_REDIS_ARRAY || reply->count != 2 ||
	    reply->element[0].type != BMX_REDIS_STRING ||
	    reply->element[1].type != BMX_REDIS_ARRAY ||
	    reply->element[0].text.len >= sizeof(sweep->cursor))
		return -1;
	bmx_text_init(&text, sweep->cursor, sizeof(sweep->cursor));
	bmx_text_append(&text, reply->element[0].text);
	/* A cursor of 64 bits need not be a number to us; "0" is the end. */
	return bmx_units_parse_number(reply->element[0].text, &number) == 0 &&
			number == 0 ?
		0 :
		1;
}

static void
on_scanned(void *ctx, const struct bmx_redis_answer *answer)
{
	struct redis_store *store = ctx;
	struct sweep *sweep = TAILQ_FIRST(&store->sweeps);
	const int more = take_cursor(sweep, answer->reply);

	store->sweep_ask = NULL;
	if (more >= 0)
		remove_keys(store, sweep, &answer->reply->element[1]);
	if (more > 0)
		scan_on(store);
	else
		end_sweep(store, more == 0 ? WRITTEN : DROPPED);
}

/* The next step of the first sweep. */
static void
scan_on(struct redis_store *store)
{
	struct sweep *sweep = TAILQ_FIRST(&store->sweeps);
	char pattern[BMX_REDIS_KEY_MAX];
	struct bmx_slice argv[] = {BMX_SLICE("SCAN"),  {NULL, 0},
	                           BMX_SLICE("MATCH"), {NULL, 0},
	                           BMX_SLICE("COUNT"), BMX_SLICE(SCAN_COUNT)};
	struct bmx_text text;

	while ((sweep = TAILQ_FIRST(&store->sweeps)) != NULL) {
		bmx_text_init(&text, pattern, sizeof(pattern));
		bmx_redis_key_append_pattern(&text, bmx_slice_of(sweep->start));
		argv[1] = bmx_slice_of(sweep->cursor);
		argv[3] = bmx_text_slice(&text);
		store->sweep_ask = bmx_redis_command(store->redis, argv, 6,
		                                     bmx_slice_of(sweep->start),
		                                     on_scanned, store, NULL);
		if (store->sweep_ask)
			return;
		bmx_redis_store_tally(store, DROPPED);
		TAILQ_REMOVE(&store->sweeps, sweep, entry);
		store->sweep_count--;
		free(sweep);
	}
}

void
bmx_redis_sweep_add(struct redis_store *store, enum bmx_record_kind kind,
                    struct bmx_slice domain)
{
	struct sweep *sweep = NULL;
	struct bmx_text text;

	if (store->sweep_count < SWEEPS_MAX)
		sweep = calloc(1, sizeof(*sweep));
	if (!sweep) {
		bmx_redis_store_tally(store, DROPPED);
		return;
	}
	bmx_text_init(&text, sweep->start, sizeof(sweep->start));
	bmx_redis_key_append_start(&text, bmx_slice_of(store->prefix), kind,
	                           domain);
	sweep->cursor[0] = '0';
	TAILQ_INSERT_TAIL(&store->sweeps, sweep, entry);
	if (store->sweep_count++ == 0)
		scan_on(store);
}

void
bmx_redis_sweep_end_all(struct redis_store *store)
{
	struct sweep *sweep;

	if (store->sweep_ask)
		bmx_redis_cancel(store->sweep_ask);
	while ((sweep = TAILQ_FIRST(&store->sweeps)) != NULL) {
		TAILQ_REMOVE(&store->sweeps, sweep, entry);
		free(sweep);
	}
}
