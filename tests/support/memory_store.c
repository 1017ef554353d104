#include "tests/support/memory_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Terminated copies of a key's slices, which tests have as text. */
struct name {
	enum bmx_record_kind kind;
	size_t domain_len, name_len;
	char domain[BMX_DOMAIN_BUFFER];
	char name[BMX_RECORD_NAME_MAX];
};

struct entry {
	struct entry *next;
	struct name name;
	struct bmx_record record;
};

struct bmx_record_get {
	struct bmx_record_get *next;
	struct memory_store *store;
	struct name name;
	bmx_record_cb *cb;
	void *ctx;
};

struct memory_store {
	struct bmx_record_store head; /* first: the interface's view */
	struct entry *entries;
	struct bmx_record_get *waiting; /* the oldest first */
	bool delayed;
	bool away;
	size_t gets, puts, removals;
};

static struct memory_store *
memory_of(struct bmx_record_store *store)
{
	return (struct memory_store *)store;
}

static const struct memory_store *
memory_of_const(const struct bmx_record_store *store)
{
	return (const struct memory_store *)store;
}

static void
die(const char *why)
{
	(void)fprintf(stderr, "memory_store: %s\n", why);
	abort();
}

static void *
must_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		die("memory is short");
	return p;
}

static void
copy_key(struct name *to, const struct bmx_record_key *key)
{
	if (key->domain.len >= sizeof(to->domain) ||
	    key->name.len > sizeof(to->name))
		die("a key is too long");
	memset(to, 0, sizeof(*to));
	to->kind = key->kind;
	to->domain_len = key->domain.len;
	to->name_len = key->name.len;
	if (to->domain_len > 0)
		memcpy(to->domain, key->domain.data, to->domain_len);
	if (to->name_len > 0)
		memcpy(to->name, key->name.data, to->name_len);
}

static bool
is_of_domain(const struct name *name, enum bmx_record_kind kind,
             struct bmx_slice domain)
{
	return name->kind == kind &&
		bmx_slice_equal(
			(struct bmx_slice){name->domain, name->domain_len},
			domain);
}

static bool
is_same(const struct name *a, const struct name *b)
{
	return is_of_domain(a, b->kind,
	                    (struct bmx_slice){b->domain, b->domain_len}) &&
		a->name_len == b->name_len &&
		memcmp(a->name, b->name, a->name_len) == 0;
}

/* Where the entry of that name hangs, or the end of the list. */
static struct entry **
find_entry(struct memory_store *memory, const struct name *name)
{
	struct entry **at = &memory->entries;

	while (*at && !is_same(&(*at)->name, name))
		at = &(*at)->next;
	return at;
}

static void
drop_entry(struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next;
	free(entry);
}

static void
answer(struct memory_store *memory, const struct name *name, bmx_record_cb *cb,
       void *ctx)
{
	const struct entry *entry = *find_entry(memory, name);
	struct bmx_record record;

	if (memory->away) {
		cb(ctx, BMX_RECORD_UNAVAILABLE, NULL);
	} else if (!entry) {
		cb(ctx, BMX_RECORD_ABSENT, NULL);
	} else {
		record = entry->record;
		cb(ctx, BMX_RECORD_FOUND, &record);
	}
}

static struct bmx_record_get *
get(struct bmx_record_store *store, const struct bmx_record_key *key,
    bmx_record_cb *cb, void *ctx)
{
	struct memory_store *memory = memory_of(store);
	struct bmx_record_get **at = &memory->waiting;
	struct name name;

	memory->gets++;
	copy_key(&name, key);
	if (!memory->delayed) {
		answer(memory, &name, cb, ctx);
		return NULL;
	}
	while (*at)
		at = &(*at)->next;
	*at = must_alloc(sizeof(**at));
	**at = (struct bmx_record_get){NULL, memory, name, cb, ctx};
	return *at;
}

static void
unlink_read(struct bmx_record_get *read)
{
	struct bmx_record_get **at = &read->store->waiting;

	while (*at != read)
		at = &(*at)->next;
	*at = read->next;
}

static void
cancel(struct bmx_record_get *read)
{
	unlink_read(read);
	free(read);
}

static void
put(struct bmx_record_store *store, const struct bmx_record_key *key,
    const struct bmx_record *record)
{
	struct memory_store *memory = memory_of(store);
	struct name name;
	struct entry **at;

	if (record->kind != key->kind)
		die("a record of another kind than its key");
	memory->puts++;
	if (memory->away)
		return;
	copy_key(&name, key);
	at = find_entry(memory, &name);
	if (!*at) {
		*at = must_alloc(sizeof(**at));
		(*at)->name = name;
	}
	(*at)->record = *record;
}

static void
remove_record(struct bmx_record_store *store, const struct bmx_record_key *key)
{
	struct memory_store *memory = memory_of(store);
	struct name name;
	struct entry **at;

	memory->removals++;
	copy_key(&name, key);
	at = find_entry(memory, &name);
	if (*at && !memory->away)
		drop_entry(at);
}

static void
remove_domain(struct bmx_record_store *store, enum bmx_record_kind kind,
              struct bmx_slice domain)
{
	struct memory_store *memory = memory_of(store);
	struct entry **at = &memory->entries;

	memory->removals++;
	while (*at && !memory->away) {
		if (is_of_domain(&(*at)->name, kind, domain))
			drop_entry(at);
		else
			at = &(*at)->next;
	}
}

static const struct bmx_record_store_ops memory_ops = {
	.get = get,
	.cancel = cancel,
	.put = put,
	.remove = remove_record,
	.remove_domain = remove_domain,
};

struct bmx_record_store *
memory_store_new(void)
{
	struct memory_store *memory = must_alloc(sizeof(*memory));

	memory->head.ops = &memory_ops;
	return &memory->head;
}

void
memory_store_free(struct bmx_record_store **store)
{
	struct memory_store *memory;

	if (!*store)
		return;
	memory = memory_of(*store);
	if (memory->waiting)
		die("a read was neither answered nor cancelled");
	while (memory->entries)
		drop_entry(&memory->entries);
	free(memory);
	*store = NULL;
}

void
memory_store_set_delayed(struct bmx_record_store *store, bool delayed)
{
	memory_of(store)->delayed = delayed;
}

void
memory_store_set_available(struct bmx_record_store *store, bool available)
{
	memory_of(store)->away = !available;
}

bool
memory_store_answer(struct bmx_record_store *store)
{
	struct memory_store *memory = memory_of(store);
	struct bmx_record_get *read = memory->waiting;
	struct bmx_record_get copy;

	if (!read)
		return false;
	copy = *read;
	memory->waiting = read->next;
	free(read);
	answer(memory, &copy.name, copy.cb, copy.ctx);
	return true;
}

size_t
memory_store_waiting(const struct bmx_record_store *store)
{
	size_t count = 0;

	for (const struct bmx_record_get *read =
	             memory_of_const(store)->waiting;
	     read; read = read->next)
		count++;
	return count;
}

const struct bmx_record *
memory_store_find(const struct bmx_record_store *store,
                  const struct bmx_record_key *key)
{
	const struct entry *entry = memory_of_const(store)->entries;
	struct name name;

	copy_key(&name, key);
	while (entry && !is_same(&entry->name, &name))
		entry = entry->next;
	return entry ? &entry->record : NULL;
}

size_t
memory_store_records(const struct bmx_record_store *store)
{
	size_t count = 0;

	for (const struct entry *entry = memory_of_const(store)->entries; entry;
	     entry = entry->next)
		count++;
	return count;
}

size_t
memory_store_gets(const struct bmx_record_store *store)
{
	return memory_of_const(store)->gets;
}

size_t
memory_store_puts(const struct bmx_record_store *store)
{
	return memory_of_const(store)->puts;
}

size_t
memory_store_removals(const struct bmx_record_store *store)
{
	return memory_of_const(store)->removals;
}
