#include "redis_store_priv.h"

#include <assert.h>
#include <stdlib.h>

/* Fields of a hash that are looked at: a record has fewer. */
#define FIELDS_MAX ((size_t)4 * BMX_RECORD_FIELDS_MAX)

static const char *const result_names[RESULTS] = {
	"found", "absent", "bad", "unavailable", "written", "dropped"};

static struct redis_store *
store_of(struct bmx_record_store *store)
{
	return (struct redis_store *)store;
}

void
bmx_redis_store_tally(struct redis_store *store, int result)
{
	store->counts[result]++;
	if (store->metrics[result])
		bmx_metric_add(store->metrics[result], 1);
}

static void
build_key(const struct redis_store *store, const struct bmx_record_key *key,
          struct bmx_text *text_out, char buffer[BMX_REDIS_KEY_MAX])
{
	bmx_text_init(text_out, buffer, BMX_REDIS_KEY_MAX);
	bmx_redis_key_append(text_out, bmx_slice_of(store->prefix), key);
}

static struct bmx_record_get *
begin(struct redis_store *store)
{
	struct bmx_record_get *get = calloc(1, sizeof(*get));

	if (!get)
		return NULL;
	get->store = store;
	TAILQ_INSERT_TAIL(&store->under_way, get, entry);
	return get;
}

static void
end(struct bmx_record_get *get)
{
	TAILQ_REMOVE(&get->store->under_way, get, entry);
	free(get);
}

/* A hash comes as names and values in turn. */
static int
read_hash(const struct bmx_redis_reply *reply, enum bmx_record_kind kind,
          struct bmx_record *record_out)
{
	struct bmx_record_reader reader;

	if (reply->count % 2 != 0 || reply->count > 2 * FIELDS_MAX)
		return -1;
	bmx_record_begin(&reader, kind);
	for (size_t i = 0; i < reply->count; i += 2) {
		if (reply->element[i].type != BMX_REDIS_STRING ||
		    reply->element[i + 1].type != BMX_REDIS_STRING)
			return -1;
		bmx_record_field(&reader, reply->element[i].text,
		                 reply->element[i + 1].text);
	}
	return bmx_record_end(&reader, record_out);
}

/* What a reply to GET or HGETALL says. */
static int
judge(const struct bmx_redis_reply *reply, enum bmx_record_kind kind,
      struct bmx_record *record_out)
{
	int rc = -1;

	if (!reply ||
	    (reply->type == BMX_REDIS_ERROR &&
	     !bmx_redis_is_error(reply, "WRONGTYPE")))
		return UNAVAILABLE;
	if (reply->type == BMX_REDIS_NIL ||
	    (reply->type == BMX_REDIS_ARRAY && reply->count == 0))
		return ABSENT;
	if (reply->type == BMX_REDIS_STRING)
		rc = bmx_record_parse(kind, reply->text, record_out);
	else if (reply->type == BMX_REDIS_ARRAY)
		rc = read_hash(reply, kind, record_out);
	return rc == 0 ? FOUND : BAD;
}

static void
tell(struct redis_store *store, int result, const struct bmx_record *record,
     bmx_record_cb *cb, void *ctx)
{
	bmx_redis_store_tally(store, result);
	if (result == FOUND)
		cb(ctx, BMX_RECORD_FOUND, record);
	else
		cb(ctx,
		   result == UNAVAILABLE ? BMX_RECORD_UNAVAILABLE :
		                           BMX_RECORD_ABSENT,
		   NULL);
}

static void
on_read(void *ctx, const struct bmx_redis_answer *answer)
{
	struct bmx_record_get *get = ctx;
	struct redis_store *store = get->store;
	struct bmx_record_get done = *get;
	struct bmx_record record;
	const int result = judge(answer->reply, get->kind, &record);

	end(get);
	tell(store, result, &record, done.cb, done.ctx);
}

static struct bmx_record_get *
store_get(struct bmx_record_store *head, const struct bmx_record_key *key,
          bmx_record_cb *cb, void *ctx)
{
	struct redis_store *store = store_of(head);
	struct bmx_record_get *get = begin(store);
	char buffer[BMX_REDIS_KEY_MAX];
	struct bmx_slice argv[2];
	struct bmx_text text;

	build_key(store, key, &text, buffer);
	argv[0] = key->kind == BMX_RECORD_VERIFICATION ? BMX_SLICE("GET") :
							 BMX_SLICE("HGETALL");
	argv[1] = bmx_text_slice(&text);
	if (get) {
		get->kind = key->kind;
		get->cb = cb;
		get->ctx = ctx;
		get->ask = bmx_redis_command(store->redis, argv, 2, argv[1],
		                             on_read, get, NULL);
	}
	if (get && get->ask)
		return get;
	if (get)
		end(get);
	tell(store, UNAVAILABLE, NULL, cb, ctx);
	return NULL;
}

static void
store_cancel(struct bmx_record_get *get)
{
	bmx_redis_cancel(get->ask);
	end(get);
}

/* Of a transaction the last reply tells: EXEC's, an array unless it failed. */
static bool
was_written(const struct bmx_redis_reply *reply)
{
	if (reply && reply->type == BMX_REDIS_ARRAY && reply->count > 0)
		return reply->element[reply->count - 1].type == BMX_REDIS_ARRAY;
	return reply && reply->type != BMX_REDIS_ERROR;
}

static void
on_written(void *ctx, const struct bmx_redis_answer *answer)
{
	struct bmx_record_get *write = ctx;

	bmx_redis_store_tally(write->store,
	                      was_written(answer->reply) ? WRITTEN : DROPPED);
	end(write);
}

void
bmx_redis_store_write(struct redis_store *store,
                      const struct bmx_redis_command *commands,
                      size_t command_count, struct bmx_slice key)
{
	const struct bmx_redis_request request = {
		.commands = commands, .count = command_count, .key = key};
	struct bmx_record_get *write = begin(store);

	if (write)
		write->ask = bmx_redis_send(store->redis, &request, on_written,
		                            write, NULL);
	if (write && write->ask)
		return;
	if (write)
		end(write);
	bmx_redis_store_tally(store, DROPPED);
}

static void
put_line(struct redis_store *store, struct bmx_slice key, struct bmx_slice ttl,
         const struct bmx_record *record)
{
	char line[BMX_RECORD_LINE_MAX];
	struct bmx_slice argv[5] = {BMX_SLICE("SET"), key};
	const struct bmx_redis_command command = {argv, 5};
	struct bmx_text text;

	bmx_text_init(&text, line, sizeof(line));
	bmx_record_append(&text, record);
	argv[2] = bmx_text_slice(&text);
	argv[3] = BMX_SLICE("PX");
	argv[4] = ttl;
	bmx_redis_store_write(store, &command, 1, key);
}

/* In one transaction: a reader sees the old record or the new one, and none
 * stays without an end. DEL also clears the way of another type. */
static void
put_hash(struct redis_store *store, struct bmx_slice key, struct bmx_slice ttl,
         const struct bmx_record *record)
{
	const struct bmx_slice multi[] = {BMX_SLICE("MULTI")};
	const struct bmx_slice del[] = {BMX_SLICE("DEL"), key};
	const struct bmx_slice expire[] = {BMX_SLICE("PEXPIRE"), key, ttl};
	const struct bmx_slice exec[] = {BMX_SLICE("EXEC")};
	struct bmx_slice hset[2 + 2 * BMX_RECORD_FIELDS_MAX] = {
		BMX_SLICE("HSET"), key};
	struct bmx_redis_command commands[] = {
		{multi, 1}, {del, 2}, {hset, 2}, {expire, 3}, {exec, 1}};
	struct bmx_record_fields fields;

	bmx_record_to_fields(record, &fields);
	for (size_t i = 0; i < fields.count; i++) {
		hset[commands[2].argc++] = bmx_slice_of(fields.field[i].name);
		hset[commands[2].argc++] = bmx_slice_of(fields.field[i].value);
	}
	bmx_redis_store_write(store, commands, 5, key);
}

static void
store_put(struct bmx_record_store *head, const struct bmx_record_key *key,
          const struct bmx_record *record)
{
	struct redis_store *store = store_of(head);
	const int64_t keep_ms = bmx_record_keep_ms(record);
	char buffer[BMX_REDIS_KEY_MAX], digits[24];
	struct bmx_text text, ttl;

	assert(keep_ms > 0);
	build_key(store, key, &text, buffer);
	bmx_text_init(&ttl, digits, sizeof(digits));
	bmx_text_append_u64(&ttl, (uint64_t)keep_ms);
	if (key->kind == BMX_RECORD_VERIFICATION)
		put_line(store, bmx_text_slice(&text), bmx_text_slice(&ttl),
		         record);
	else
		put_hash(store, bmx_text_slice(&text), bmx_text_slice(&ttl),
		         record);
}

static void
store_remove(struct bmx_record_store *head, const struct bmx_record_key *key)
{
	struct redis_store *store = store_of(head);
	char buffer[BMX_REDIS_KEY_MAX];
	struct bmx_slice argv[2] = {BMX_SLICE("DEL")};
	const struct bmx_redis_command command = {argv, 2};
	struct bmx_text text;

	build_key(store, key, &text, buffer);
	argv[1] = bmx_text_slice(&text);
	bmx_redis_store_write(store, &command, 1, argv[1]);
}

static void
store_remove_domain(struct bmx_record_store *head, enum bmx_record_kind kind,
                    struct bmx_slice domain)
{
	const struct bmx_record_key key = {.kind = kind, .domain = domain};

	if (kind == BMX_RECORD_PRIMARY)
		store_remove(head, &key);
	else
		bmx_redis_sweep_add(store_of(head), kind, domain);
}

static const struct bmx_record_store_ops store_ops = {
	.get = store_get,
	.cancel = store_cancel,
	.put = store_put,
	.remove = store_remove,
	.remove_domain = store_remove_domain,
};

struct bmx_record_store *
bmx_redis_store_new(struct bmx_redis *redis, const char *prefix,
                    struct bmx_metrics *metrics, struct bmx_error *err)
{
	struct redis_store *store;
	struct bmx_text text;

	if (strlen(prefix) > BMX_REDIS_PREFIX_MAX) {
		(void)bmx_error_set(err, BMX_E_TOO_BIG,
		                    "the prefix of keys has over %zu octets",
		                    BMX_REDIS_PREFIX_MAX);
		return NULL;
	}
	store = calloc(1, sizeof(*store));
	if (!store) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory for the records in Redis");
		return NULL;
	}
	store->head.ops = &store_ops;
	store->redis = redis;
	bmx_text_init(&text, store->prefix, sizeof(store->prefix));
	bmx_text_append_string(&text, prefix);
	TAILQ_INIT(&store->under_way);
	TAILQ_INIT(&store->sweeps);
	for (size_t i = 0; metrics && i < RESULTS; i++) {
		const struct bmx_metrics_label label = {"result",
		                                        result_names[i]};

		store->metrics[i] = bmx_metrics_counter(
			metrics, "backupmx_redis_records_total",
			"Records read from and written to Redis", &label, 1);
	}
	return &store->head;
}

void
bmx_redis_store_free(struct bmx_record_store **head)
{
	struct redis_store *store = *head ? store_of(*head) : NULL;
	struct bmx_record_get *get;

	*head = NULL;
	if (!store)
		return;
	while ((get = TAILQ_FIRST(&store->under_way)) != NULL)
		store_cancel(get);
	bmx_redis_sweep_end_all(store);
	free(store);
}

void
bmx_redis_store_count(const struct bmx_record_store *head,
                      struct bmx_redis_store_counters *counters_out)
{
	const struct redis_store *store = (const struct redis_store *)head;

	*counters_out = (struct bmx_redis_store_counters){
		.found = store->counts[FOUND],
		.absent = store->counts[ABSENT],
		.bad = store->counts[BAD],
		.unavailable = store->counts[UNAVAILABLE],
		.written = store->counts[WRITTEN],
		.dropped = store->counts[DROPPED],
	};
}
