#include <backupmx/record_pair.h>

#include <stdlib.h>
#include <string.h>

/*
 * A read asks one store after the other:
 *
 *	LOCAL --found-----------------------> done
 *	  \--else--> REMOTE --found, kept---> done
 *	               \--not found---------> done
 *	               \--overtaken--> LAST-> done
 */
enum phase { LOCAL, REMOTE, LAST };

struct bmx_record_get {
	struct bmx_record_pair *pair;
	struct bmx_record_get *next, **from; /* the pair's reads */
	enum phase phase;
	bool starting;  /* get has not returned */
	bool asking;    /* the get of a store has not returned */
	bool answered;  /* by the store asked now */
	bool overtaken; /* the record was put or removed meanwhile */
	bool done;
	struct bmx_record_get *part; /* the read of the store asked now */
	enum bmx_record_found local; /* what LOCAL came to */
	enum bmx_record_found found;
	struct bmx_record record; /* when found */
	bmx_record_cb *cb;
	void *ctx;
	struct bmx_record_key key; /* borrows from what follows */
	char domain[BMX_DOMAIN_BUFFER];
	char name[BMX_RECORD_NAME_MAX];
};

struct bmx_record_pair {
	struct bmx_record_store head; /* first: the interface's view */
	struct bmx_record_store *local;
	struct bmx_record_store *remote;
	struct bmx_record_get *reads; /* under way */
	struct bmx_record_pair_counters counters;
};

static struct bmx_record_pair *
pair_of(struct bmx_record_store *records)
{
	return (struct bmx_record_pair *)records;
}

/*
 * Reading.
 */

static void
link_read(struct bmx_record_get *read)
{
	struct bmx_record_pair *pair = read->pair;

	read->next = pair->reads;
	if (read->next)
		read->next->from = &read->next;
	read->from = &pair->reads;
	pair->reads = read;
}

static void
unlink_read(struct bmx_record_get *read)
{
	*read->from = read->next;
	if (read->next)
		read->next->from = read->from;
}

/* The answer of the remote store beside the local one, which had nothing. */
static enum bmx_record_found
combine(const struct bmx_record_get *read)
{
	if (read->found == BMX_RECORD_UNAVAILABLE)
		return read->local;
	return read->found;
}

static void
count(struct bmx_record_get *read)
{
	struct bmx_record_pair_counters *counters = &read->pair->counters;

	if (read->phase == REMOTE && read->found == BMX_RECORD_UNAVAILABLE)
		counters->unavailable++;
	else if (read->found != BMX_RECORD_FOUND)
		counters->absent++;
	else if (read->phase == REMOTE)
		counters->remote++;
	else
		counters->local++;
}

/* The owner's callback comes last: the pair may be gone after it. */
static void
finish(struct bmx_record_get *read)
{
	bmx_record_cb *const cb = read->cb;
	void *const ctx = read->ctx;
	const struct bmx_record record = read->record;
	enum bmx_record_found found;

	count(read);
	found = read->phase == REMOTE ? combine(read) : read->found;
	unlink_read(read);
	read->done = true;
	if (!read->starting)
		free(read);
	cb(ctx, found, found == BMX_RECORD_FOUND ? &record : NULL);
}

static struct bmx_record_store *
asked_store(const struct bmx_record_get *read)
{
	return read->phase == REMOTE ? read->pair->remote : read->pair->local;
}

static void advance(struct bmx_record_get *read);

static void
on_answer(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	struct bmx_record_get *read = ctx;

	read->found = found;
	if (found == BMX_RECORD_FOUND)
		read->record = *record;
	read->answered = true;
	read->part = NULL;
	if (!read->asking)
		advance(read);
}

static void
ask(struct bmx_record_get *read, enum phase phase)
{
	struct bmx_record_store *store;
	struct bmx_record_get *part;

	read->phase = phase;
	read->answered = false;
	read->asking = true;
	store = asked_store(read);
	part = store->ops->get(store, &read->key, on_answer, read);
	read->asking = false;
	if (read->answered)
		advance(read);
	else
		read->part = part;
}

/* What the phase's store answered decides on the next phase. Each comes after
 * the one before, so this does not go deeper than there are phases. */
static void
advance(struct bmx_record_get *read)
{
	struct bmx_record_store *local = read->pair->local;

	if (read->phase == LOCAL && read->found != BMX_RECORD_FOUND) {
		read->local = read->found;
		ask(read, REMOTE);
		return;
	}
	if (read->phase == REMOTE && read->overtaken) {
		ask(read, LAST);
		return;
	}
	if (read->phase == REMOTE && read->found == BMX_RECORD_FOUND)
		local->ops->put(local, &read->key, &read->record);
	finish(read);
}

/* NULL when memory is short, or for a key that no record has. */
static struct bmx_record_get *
new_read(struct bmx_record_pair *pair, const struct bmx_record_key *key)
{
	struct bmx_record_get *read;

	if (key->domain.len >= sizeof(read->domain) ||
	    key->name.len > sizeof(read->name))
		return NULL;
	read = calloc(1, sizeof(*read));
	if (!read)
		return NULL;
	read->pair = pair;
	read->key = *key;
	if (key->domain.len > 0)
		memcpy(read->domain, key->domain.data, key->domain.len);
	if (key->name.len > 0)
		memcpy(read->name, key->name.data, key->name.len);
	read->key.domain.data = read->domain;
	read->key.name.data = read->name;
	return read;
}

static struct bmx_record_get *
get(struct bmx_record_store *records, const struct bmx_record_key *key,
    bmx_record_cb *cb, void *ctx)
{
	struct bmx_record_get *read = new_read(pair_of(records), key);

	if (!read) {
		cb(ctx, BMX_RECORD_UNAVAILABLE, NULL);
		return NULL;
	}
	read->cb = cb;
	read->ctx = ctx;
	read->starting = true;
	link_read(read);
	ask(read, LOCAL);
	read->starting = false;
	if (!read->done)
		return read;
	free(read);
	return NULL;
}

static void
cancel(struct bmx_record_get *read)
{
	if (read->part)
		asked_store(read)->ops->cancel(read->part);
	unlink_read(read);
	free(read);
}

/*
 * Writing.
 */

/* Answers to reads of that key that are under way are old now; name is NULL
 * for all names. */
static void
overtake(struct bmx_record_pair *pair, enum bmx_record_kind kind,
         struct bmx_slice domain, const struct bmx_slice *name)
{
	for (struct bmx_record_get *read = pair->reads; read; read = read->next)
		if (read->key.kind == kind &&
		    bmx_slice_equal(read->key.domain, domain) &&
		    (!name || bmx_slice_equal(read->key.name, *name)))
			read->overtaken = true;
}

static void
put(struct bmx_record_store *records, const struct bmx_record_key *key,
    const struct bmx_record *record)
{
	struct bmx_record_pair *pair = pair_of(records);

	overtake(pair, key->kind, key->domain, &key->name);
	pair->local->ops->put(pair->local, key, record);
	pair->remote->ops->put(pair->remote, key, record);
}

static void
remove_record(struct bmx_record_store *records,
              const struct bmx_record_key *key)
{
	struct bmx_record_pair *pair = pair_of(records);

	overtake(pair, key->kind, key->domain, &key->name);
	pair->local->ops->remove(pair->local, key);
	pair->remote->ops->remove(pair->remote, key);
}

static void
remove_domain(struct bmx_record_store *records, enum bmx_record_kind kind,
              struct bmx_slice domain)
{
	struct bmx_record_pair *pair = pair_of(records);

	overtake(pair, kind, domain, NULL);
	pair->local->ops->remove_domain(pair->local, kind, domain);
	pair->remote->ops->remove_domain(pair->remote, kind, domain);
}

static const struct bmx_record_store_ops ops = {
	.get = get,
	.cancel = cancel,
	.put = put,
	.remove = remove_record,
	.remove_domain = remove_domain,
};

struct bmx_record_pair *
bmx_record_pair_new(struct bmx_record_store *local,
                    struct bmx_record_store *remote)
{
	struct bmx_record_pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->head.ops = &ops;
	pair->local = local;
	pair->remote = remote;
	return pair;
}

void
bmx_record_pair_free(struct bmx_record_pair **pair)
{
	free(*pair);
	*pair = NULL;
}

struct bmx_record_store *
bmx_record_pair_records(struct bmx_record_pair *pair)
{
	return &pair->head;
}

void
bmx_record_pair_count(const struct bmx_record_pair *pair,
                      struct bmx_record_pair_counters *counters_out)
{
	*counters_out = pair->counters;
}
