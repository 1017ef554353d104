#include "list_store_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <lmdb.h>

#include "list_digest.h"
#include "list_guard.h"
#include "list_history.h"
#include "list_member.h"
#include "list_undo.h"

/*
 * How a list is replaced: one pass over the list in force beside the new one
 * gathers the differences (struct bmx_list_undo); the guards look at their
 * number and at the digest that they lead to; then only the differences are
 * written, and kept, so that a rollback can apply them backwards.
 */

/* Writes between two calls of on_progress. */
#define PROGRESS_STEPS 16384

/* One replacement or rollback under way. */
struct change {
	const struct bmx_list_store *store;
	MDB_txn *txn;
	struct bmx_slice domain;
	struct bmx_list_meta meta; /* becomes the new record */
	bool is_new;               /* the domain never had a list */
	struct bmx_list_undo undo;
	const struct bmx_list_replace_options *options; /* NULL: rollback */
};

static int
store_error(const struct change *ch, int rc, struct bmx_error *err)
{
	return bmx_list_lmdb_error(ch->store, rc, "cannot write", err);
}

/*
 * Comparing.
 */

/* A step down the list in force. */
struct old_list {
	MDB_cursor *cursor; /* NULL when there is none */
	struct bmx_list_entry entry;
	bool at_end;
};

static int
old_take(struct change *ch, struct old_list *old, MDB_val *key,
         MDB_cursor_op op, struct bmx_error *err)
{
	MDB_val value;
	int rc = mdb_cursor_get(old->cursor, key, &value, op);

	if (rc == MDB_NOTFOUND) {
		old->at_end = true;
		return 0;
	}
	if (rc != 0)
		return bmx_list_lmdb_error(ch->store, rc, "cannot read", err);
	rc = bmx_list_decode_entry(ch->meta.id, key->mv_data, key->mv_size,
	                           value.mv_data, value.mv_size, &old->entry);
	if (rc < 0)
		return bmx_list_corrupt(ch->store, "damaged entry", err);
	old->at_end = rc == 0;
	return 0;
}

static int
old_start(struct change *ch, struct old_list *old, struct bmx_error *err)
{
	uint8_t octets[BMX_LIST_KEY_MAX];
	MDB_val key = {0, octets};
	int rc;

	if (ch->is_new) {
		old->at_end = true;
		return 0;
	}
	rc = mdb_cursor_open(ch->txn, ch->store->recipients, &old->cursor);
	if (rc != 0)
		return bmx_list_lmdb_error(ch->store, rc, "cannot read", err);
	key.mv_size = bmx_list_make_key(octets, ch->meta.id, BMX_SLICE(""));
	return old_take(ch, old, &key, MDB_SET_RANGE, err);
}

static int
old_next(struct change *ch, struct old_list *old, struct bmx_error *err)
{
	MDB_val key = {0, NULL};

	return old_take(ch, old, &key, MDB_NEXT, err);
}

static int
note(struct change *ch, enum bmx_list_change change,
     enum bmx_recipient_state before, const struct bmx_list_entry *entry,
     struct bmx_error *err)
{
	const struct bmx_list_undo_step step = {change, before, entry->state,
	                                        entry->local};

	if (ch->options->on_change)
		ch->options->on_change(ch->options->ctx, change, entry);
	return bmx_list_undo_append(&ch->undo, &step, err);
}

static int
compare_rest(struct change *ch, struct old_list *old,
             const struct bmx_list_entry *entries, size_t count,
             struct bmx_error *err)
{
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && (i < count || !old->at_end)) {
		const int order = old->at_end ?
			-1 :
			i == count ?
			1 :
			bmx_slice_order(entries[i].local, old->entry.local);

		if (order < 0) {
			rc = note(ch, BMX_LIST_ADDED, entries[i].state,
			          &entries[i], err);
			i++;
			continue;
		}
		if (order > 0)
			rc = note(ch, BMX_LIST_REMOVED, old->entry.state,
			          &old->entry, err);
		else if (entries[i++].state != old->entry.state)
			rc = note(ch, BMX_LIST_CHANGED, old->entry.state,
			          &entries[i - 1], err);
		if (rc == 0)
			rc = old_next(ch, old, err);
	}
	return rc;
}

static int
compare(struct change *ch, const struct bmx_list_entry *entries, size_t count,
        struct bmx_error *err)
{
	struct old_list old = {0};
	int rc = old_start(ch, &old, err);

	if (rc == 0)
		rc = compare_rest(ch, &old, entries, count, err);
	if (old.cursor)
		mdb_cursor_close(old.cursor);
	return rc;
}

/* The members that a step takes away and brings. */
static void
digest_step(struct bmx_list_digest *digest,
            const struct bmx_list_undo_step *step)
{
	const struct bmx_list_entry before = {step->local, step->before};
	const struct bmx_list_entry after = {step->local, step->after};
	char member[BMX_LIST_MEMBER_MAX];

	if (step->change != BMX_LIST_ADDED)
		bmx_list_digest_remove(digest,
		                       bmx_list_member_of(&before, member));
	if (step->change != BMX_LIST_REMOVED)
		bmx_list_digest_add(digest, bmx_list_member_of(&after, member));
}

/* Brings the record's count, digest and wildcard to what they will be. */
static int
advance_meta(struct change *ch, struct bmx_error *err)
{
	struct bmx_list_digest digest;
	struct bmx_list_undo_step step;
	size_t offset = 0;
	int rc;

	if (bmx_list_digest_init(&digest, ch->domain, ch->meta.digest, err) !=
	    0)
		return -1;
	while ((rc = bmx_list_undo_next(&ch->undo, &offset, &step)) > 0) {
		const bool wildcard = bmx_slice_equal(
			step.local, BMX_SLICE(BMX_LOCAL_WILDCARD));

		digest_step(&digest, &step);
		if (wildcard)
			ch->meta.has_wildcard = step.change != BMX_LIST_REMOVED;
	}
	if (rc < 0 || ch->meta.count + ch->undo.added < ch->undo.removed)
		return bmx_list_corrupt(ch->store, "damaged change", err);
	ch->meta.count += ch->undo.added - ch->undo.removed;
	ch->meta.digest = digest.sum;
	return 0;
}

/*
 * Writing.
 */

static int
put_entry(const struct change *ch, MDB_cursor *cursor,
          const struct bmx_list_undo_step *step, unsigned flags)
{
	uint8_t octets[BMX_LIST_KEY_MAX];
	uint8_t state = (uint8_t)step->after;
	MDB_val key = {0, octets}, value = {sizeof(state), &state};

	key.mv_size = bmx_list_make_key(octets, ch->meta.id, step->local);
	return mdb_cursor_put(cursor, &key, &value, flags);
}

static int
delete_entry(const struct change *ch, MDB_cursor *cursor,
             const struct bmx_list_undo_step *step)
{
	uint8_t octets[BMX_LIST_KEY_MAX];
	MDB_val key = {0, octets}, value;
	int rc;

	key.mv_size = bmx_list_make_key(octets, ch->meta.id, step->local);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET);
	return rc != 0 ? rc : mdb_cursor_del(cursor, 0);
}

static int
apply_step(const struct change *ch, MDB_cursor *cursor,
           const struct bmx_list_undo_step *step, bool append)
{
	switch (step->change) {
	case BMX_LIST_ADDED:
		return put_entry(ch, cursor, step,
		                 append ? MDB_APPEND : MDB_NOOVERWRITE);
	case BMX_LIST_CHANGED:
		return put_entry(ch, cursor, step, 0);
	case BMX_LIST_REMOVED:
		return delete_entry(ch, cursor, step);
	}
	return MDB_CORRUPTED;
}

/* Does the new domain stand behind all others? LMDB then fills its pages
 * whole, and faster. */
static bool
may_append(const struct change *ch, MDB_cursor *cursor)
{
	uint8_t id[BMX_LIST_ID_SIZE];
	MDB_val key, value;
	const int rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);

	if (!ch->is_new || rc == MDB_NOTFOUND)
		return ch->is_new;
	bmx_list_put_id(id, ch->meta.id);
	return rc == 0 && key.mv_size > sizeof(id) &&
		memcmp(key.mv_data, id, sizeof(id)) < 0;
}

static void
tell_progress(const struct change *ch, uint64_t done)
{
	const struct bmx_list_replace_options *options = ch->options;

	if (options && options->on_progress)
		options->on_progress(options->ctx, done,
		                     ch->undo.added + ch->undo.removed +
		                             ch->undo.changed);
}

static int
apply(const struct change *ch, struct bmx_error *err)
{
	struct bmx_list_undo_step step;
	MDB_cursor *cursor;
	uint64_t done = 0;
	size_t offset = 0;
	bool append;
	int rc = mdb_cursor_open(ch->txn, ch->store->recipients, &cursor);

	if (rc != 0)
		return store_error(ch, rc, err);
	append = may_append(ch, cursor);
	while (rc == 0 && bmx_list_undo_next(&ch->undo, &offset, &step) > 0) {
		rc = apply_step(ch, cursor, &step, append);
		if (++done % PROGRESS_STEPS == 0)
			tell_progress(ch, done);
	}
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND || rc == MDB_KEYEXIST)
		return bmx_list_corrupt(ch->store,
		                        "a change does not fit its list", err);
	if (rc != 0)
		return store_error(ch, rc, err);
	tell_progress(ch, done);
	return 0;
}

static int
put_meta(const struct change *ch, struct bmx_error *err)
{
	uint8_t record[BMX_LIST_META_SIZE];
	char name[BMX_DOMAIN_MAX];
	MDB_val key = {ch->domain.len, name};
	MDB_val value = {sizeof(record), record};
	int rc;

	memcpy(name, ch->domain.data, ch->domain.len);
	bmx_list_meta_encode(&ch->meta, record);
	rc = mdb_put(ch->txn, ch->store->meta, &key, &value, 0);
	return rc == 0 ? 0 : store_error(ch, rc, err);
}

/* A record beside the list's own, for as long as it is of this generation. */
static int
put_side(const struct change *ch, struct bmx_slice prefix, void *record,
         size_t size, struct bmx_error *err)
{
	char name[BMX_LIST_SIDE_KEY_MAX];
	MDB_val key = {bmx_list_side_key(name, prefix, ch->domain), name};
	MDB_val value = {size, record};
	const int rc = mdb_put(ch->txn, ch->store->meta, &key, &value, 0);

	return rc == 0 ? 0 : store_error(ch, rc, err);
}

/* Where the list was published. */
static int
put_origin(const struct change *ch, struct bmx_error *err)
{
	uint8_t record[BMX_LIST_ORIGIN_SIZE];

	if (!ch->options->origin)
		return 0;
	bmx_list_origin_encode(ch->options->origin, ch->meta.generation,
	                       record);
	return put_side(ch, BMX_LIST_ORIGIN_PREFIX, record, sizeof(record),
	                err);
}

/* What the list was read from. */
static int
put_mark(const struct change *ch, struct bmx_error *err)
{
	uint8_t record[BMX_LIST_MARK_SIZE];

	if (!ch->options->mark)
		return 0;
	bmx_list_mark_encode(ch->options->mark, ch->meta.generation, record);
	return put_side(ch, BMX_LIST_MARK_PREFIX, record, sizeof(record), err);
}

/* A new domain takes the next id. */
static int
take_id(struct change *ch, struct bmx_error *err)
{
	struct bmx_list_head head;
	uint8_t record[BMX_LIST_HEAD_SIZE];
	char name[] = "\0store";
	MDB_val key = {BMX_LIST_HEAD_KEY.len, name};
	MDB_val value = {sizeof(record), record};
	int rc;

	if (bmx_list_read_head(ch->store, ch->txn, &head, err) != 0)
		return -1;
	if (head.next_id == UINT32_MAX)
		return bmx_error_set(err, BMX_E_FULL, "too many domains");
	ch->meta.id = head.next_id++;
	bmx_list_head_encode(&head, record);
	rc = mdb_put(ch->txn, ch->store->meta, &key, &value, 0);
	return rc == 0 ? 0 : store_error(ch, rc, err);
}

/*
 * Replacing.
 */

static int
begin(struct change *ch, bool write, struct bmx_error *err)
{
	int rc;

	if (write && ch->store->file.read_only)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "%s is open for reading only",
		                     ch->store->file.path);
	if (write && bmx_list_forget_dead_readers(ch->store, err) != 0)
		return -1;
	rc = mdb_txn_begin(ch->store->file.env, NULL, write ? 0 : MDB_RDONLY,
	                   &ch->txn);
	if (rc != 0)
		return store_error(ch, rc, err);
	rc = bmx_list_read_meta(ch->store, ch->txn, ch->domain, &ch->meta, err);
	ch->is_new = rc == 0;
	return rc < 0 ? -1 : 0;
}

/* Commits when all went well, else leaves everything as it was. */
static int
end(struct change *ch, int rc, bool write, struct bmx_error *err)
{
	if (ch->txn && rc == 0 && write) {
		rc = mdb_txn_commit(ch->txn);
		if (rc != 0)
			rc = store_error(ch, rc, err);
	} else if (ch->txn) {
		mdb_txn_abort(ch->txn);
	}
	bmx_list_undo_clear(&ch->undo);
	return rc;
}

static void
fill_result(const struct change *ch, uint64_t before,
            struct bmx_list_replace_result *result_out)
{
	*result_out = (struct bmx_list_replace_result){
		.generation = ch->meta.generation,
		.before = before,
		.after = before + ch->undo.added - ch->undo.removed,
		.added = ch->undo.added,
		.removed = ch->undo.removed,
		.changed = ch->undo.changed,
	};
}

static int
check_shrink(const struct change *ch, uint64_t before, struct bmx_error *err)
{
	if (ch->options->force)
		return 0;
	return bmx_list_guard_shrink(before, ch->undo.removed,
	                             ch->options->max_shrink, err);
}

/* ch->meta.count and digest are the new list's here. */
static int
check_origin(const struct change *ch, struct bmx_error *err)
{
	const struct bmx_list_origin *origin = ch->options->origin;

	if (!origin ||
	    (origin->count == ch->meta.count &&
	     origin->digest == ch->meta.digest))
		return 0;
	return bmx_error_set(err, BMX_E_CORRUPT,
	                     "the published list has not the count and digest "
	                     "that its meta says");
}

/* ch->meta.digest is the new list's here. */
static int
check_held(const struct change *ch, struct bmx_error *err)
{
	if (ch->options->force || !ch->meta.held || ch->undo.len == 0 ||
	    ch->meta.digest != ch->meta.held_digest)
		return 0;
	return bmx_error_set(err, BMX_E_REFUSED,
	                     "the source still has the list that a rollback "
	                     "took out of force");
}

static void
stamp(struct change *ch)
{
	const struct bmx_list_replace_options *options = ch->options;

	ch->meta.synced_at_ms = options->now_ms;
	if (ch->meta.held && ch->meta.digest == ch->meta.held_digest &&
	    ch->undo.len == 0)
		return; /* only states differ from what is held back */
	ch->meta.held = false;
	ch->meta.held_digest = 0;
	if (!ch->is_new && ch->undo.len == 0)
		return;
	ch->meta.generation++;
	ch->meta.updated_at_ms = options->now_ms;
	(void)snprintf(ch->meta.source, sizeof(ch->meta.source), "%s",
	               options->source ? options->source : "");
}

static struct bmx_list_history
history_of(const struct change *ch)
{
	return (struct bmx_list_history){
		.store = ch->store,
		.txn = ch->txn,
		.id = ch->meta.id,
		.domain = ch->domain,
	};
}

static int
write_change(struct change *ch, struct bmx_error *err)
{
	struct bmx_list_history history;

	if (ch->is_new && take_id(ch, err) != 0)
		return -1;
	stamp(ch);
	history = history_of(ch);
	if (ch->undo.len > 0 && apply(ch, err) != 0)
		return -1;
	/* There is no way back from the first list: to none at all. */
	if (!ch->is_new && ch->undo.len > 0 &&
	    bmx_list_history_keep(&history, ch->meta.generation, &ch->undo,
	                          err) != 0)
		return -1;
	if (put_meta(ch, err) != 0 || put_origin(ch, err) != 0)
		return -1;
	return put_mark(ch, err);
}

/* Writes what was gathered, unless a guard says no; ch->meta is the new
 * list's and *result_out is filled. */
static int
judge_and_write(struct change *ch, struct bmx_list_replace_result *result_out,
                struct bmx_error *err)
{
	if (check_origin(ch, err) != 0 || check_held(ch, err) != 0 ||
	    check_shrink(ch, result_out->before, err) != 0)
		return -1;
	if (ch->options->dry_run)
		return 0;
	if (write_change(ch, err) != 0)
		return -1;
	result_out->generation = ch->meta.generation;
	return 0;
}

/* The digest of a published list is computed from all of it: the one in the
 * record may have been kept by a release that left the states out. */
static int
digest_all(struct change *ch, const struct bmx_list_entry *entries,
           size_t count, struct bmx_error *err)
{
	struct bmx_list_digest digest;
	char member[BMX_LIST_MEMBER_MAX];

	if (!ch->options->origin)
		return 0;
	if (bmx_list_digest_init(&digest, ch->domain, 0, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		bmx_list_digest_add(&digest,
		                    bmx_list_member_of(&entries[i], member));
	ch->meta.digest = digest.sum;
	return 0;
}

static int
replace(struct change *ch, const struct bmx_list_entry *entries, size_t count,
        struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	const uint64_t before = ch->meta.count;

	if (compare(ch, entries, count, err) != 0)
		return -1;
	fill_result(ch, before, result_out);
	if (bmx_list_guard_empty(count, err) != 0 ||
	    advance_meta(ch, err) != 0 ||
	    digest_all(ch, entries, count, err) != 0)
		return -1;
	return judge_and_write(ch, result_out, err);
}

static int
check_domain(struct bmx_slice domain, struct bmx_error *err)
{
	if (domain.len == 0 || domain.len > BMX_DOMAIN_MAX ||
	    memchr(domain.data, '\0', domain.len))
		return bmx_error_set(err, BMX_E_RANGE, "not a domain name");
	return 0;
}

int
bmx_list_store_replace(struct bmx_list_store *store, struct bmx_slice domain,
                       const struct bmx_list_entry *entries, size_t count,
                       const struct bmx_list_replace_options *options,
                       struct bmx_list_replace_result *result_out,
                       struct bmx_error *err)
{
	struct change ch = {
		.store = store, .domain = domain, .options = options};
	int rc;

	assert(store || options->dry_run);
	memset(result_out, 0, sizeof(*result_out));
	if (check_domain(domain, err) != 0)
		return -1;
	ch.is_new = true;
	rc = store ? begin(&ch, !options->dry_run, err) : 0;
	if (rc == 0)
		rc = replace(&ch, entries, count, result_out, err);
	return end(&ch, rc, !options->dry_run, err);
}

/*
 * Applying deltas.
 */

/* The state of local in the list in force: 1, 0 when it is not on it, -1. */
static int
find_state(const struct change *ch, struct bmx_slice local,
           enum bmx_recipient_state *state_out, struct bmx_error *err)
{
	uint8_t octets[BMX_LIST_KEY_MAX];
	MDB_val key = {0, octets}, value;
	struct bmx_list_entry entry;
	int rc;

	key.mv_size = bmx_list_make_key(octets, ch->meta.id, local);
	rc = mdb_get(ch->txn, ch->store->recipients, &key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return bmx_list_lmdb_error(ch->store, rc, "cannot read", err);
	if (bmx_list_decode_entry(ch->meta.id, octets, key.mv_size,
	                          value.mv_data, value.mv_size, &entry) != 1)
		return bmx_list_corrupt(ch->store, "damaged entry", err);
	*state_out = entry.state;
	return 1;
}

static int
note_delta(struct change *ch, const struct bmx_list_delta *delta,
           struct bmx_error *err)
{
	struct bmx_list_entry entry = delta->entry;
	enum bmx_recipient_state before = BMX_RECIPIENT_ACTIVE;
	const int is = find_state(ch, entry.local, &before, err);

	if (is < 0)
		return -1;
	if (delta->removed) {
		entry.state = before;
		return is ? note(ch, BMX_LIST_REMOVED, before, &entry, err) : 0;
	}
	if (!is)
		return note(ch, BMX_LIST_ADDED, entry.state, &entry, err);
	return before == entry.state ?
		0 :
		note(ch, BMX_LIST_CHANGED, before, &entry, err);
}

static int
apply_deltas(struct change *ch, const struct bmx_list_delta *deltas,
             size_t count, struct bmx_list_replace_result *result_out,
             struct bmx_error *err)
{
	const uint64_t before = ch->meta.count;

	if (ch->is_new)
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "%.*s has no list that could be changed",
		                     (int)ch->domain.len, ch->domain.data);
	if (ch->options->only_generation != 0 &&
	    ch->options->only_generation != ch->meta.generation)
		return bmx_error_set(err, BMX_E_BUSY,
		                     "the list was changed by another while "
		                     "its source was asked");
	for (size_t i = 0; i < count; i++)
		if (note_delta(ch, &deltas[i], err) != 0)
			return -1;
	fill_result(ch, before, result_out);
	if (advance_meta(ch, err) != 0 ||
	    bmx_list_guard_empty(ch->meta.count, err) != 0)
		return -1;
	return judge_and_write(ch, result_out, err);
}

int
bmx_list_store_apply(struct bmx_list_store *store, struct bmx_slice domain,
                     const struct bmx_list_delta *deltas, size_t count,
                     const struct bmx_list_replace_options *options,
                     struct bmx_list_replace_result *result_out,
                     struct bmx_error *err)
{
	struct change ch = {
		.store = store, .domain = domain, .options = options};
	int rc;

	memset(result_out, 0, sizeof(*result_out));
	if (check_domain(domain, err) != 0)
		return -1;
	rc = begin(&ch, !options->dry_run, err);
	if (rc == 0)
		rc = apply_deltas(&ch, deltas, count, result_out, err);
	return end(&ch, rc, !options->dry_run, err);
}

/*
 * Rolling back.
 */

static int
roll_back(struct change *ch, int64_t now_ms,
          struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	const uint64_t before = ch->meta.count;
	const uint64_t digest = ch->meta.digest;
	const struct bmx_list_history history = history_of(ch);

	if (bmx_list_history_take(&history, &ch->undo, err) != 0 ||
	    advance_meta(ch, err) != 0 || apply(ch, err) != 0)
		return -1;
	/* Going further back: the source still has what the first of the
	 * rollbacks took out of force, so that stays held back. */
	if (!ch->meta.held)
		ch->meta.held_digest = digest;
	ch->meta.held = true;
	ch->meta.generation++;
	ch->meta.updated_at_ms = now_ms;
	(void)snprintf(ch->meta.source, sizeof(ch->meta.source), "rollback");
	fill_result(ch, before, result_out);
	return put_meta(ch, err);
}

int
bmx_list_store_rollback(struct bmx_list_store *store, struct bmx_slice domain,
                        int64_t now_ms,
                        struct bmx_list_replace_result *result_out,
                        struct bmx_error *err)
{
	struct change ch = {.store = store, .domain = domain};
	int rc;

	memset(result_out, 0, sizeof(*result_out));
	if (check_domain(domain, err) != 0)
		return -1;
	rc = begin(&ch, true, err);
	if (rc == 0)
		rc = roll_back(&ch, now_ms, result_out, err);
	return end(&ch, rc, true, err);
}
