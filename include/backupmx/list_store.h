/*
 * list_store.h - recipient lists in LMDB: `list.mdb` in the state directory.
 *
 * A domain's list is replaced in one transaction, so a reader sees the old
 * list or the new one, whole. Readers never wait for a writer. A writer takes
 * LMDB's lock, so several processes (the sync worker, backupmxctl) may write.
 * The last BMX_LIST_UNDO_MAX changes are kept for a rollback.
 *
 * A store must not be used in a child after fork. Threads: a store may be
 * shared; a reader belongs to one thread at a time.
 */
#ifndef BACKUPMX_LIST_STORE_H
#define BACKUPMX_LIST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/address.h>
#include <backupmx/error.h>
#include <backupmx/list_fetch.h>
#include <backupmx/slice.h>

/** Generations that can be rolled back to. */
#define BMX_LIST_UNDO_MAX 3
/** Octets of a source's name in the meta record, terminator included. */
#define BMX_LIST_SOURCE_MAX ((size_t)256)

/** What a list says of a recipient that is on it. */
enum bmx_recipient_state {
	BMX_RECIPIENT_ACTIVE = 0,
	BMX_RECIPIENT_DISABLED = 1, /* the mailbox takes no mail */
	BMX_RECIPIENT_FULL = 2,     /* over quota */
};

/** "active", "disabled", "full". */
const char *bmx_recipient_state_name(enum bmx_recipient_state state);

struct bmx_list_entry {
	struct bmx_slice local; /* normalised; "*" is the wildcard */
	enum bmx_recipient_state state;
};

/** What is known of a domain's list. */
struct bmx_list_meta {
	uint32_t id;         /* of the domain in this store */
	uint64_t generation; /* 1 for the first list; grows with each change */
	uint64_t count;      /* entries */
	uint64_t digest;     /* of the members, DESIGN.md section 6; the state
	                        of one that is not active is part of it */
	int64_t updated_at_ms; /* wall: when this generation came into force */
	int64_t synced_at_ms;  /* wall: last good sync, changed or not */
	bool has_wildcard;     /* "*" is on the list */
	bool held;             /* rolled back: the content whose digest is
	                          held_digest is not taken again by a sync */
	uint64_t held_digest;
	char source[BMX_LIST_SOURCE_MAX]; /* of the last change, terminated */
};

struct bmx_list_store;
struct bmx_list_reader;

enum bmx_list_access { BMX_LIST_READ_ONLY, BMX_LIST_READ_WRITE };

/**
 * Opens the store in state_dir; with BMX_LIST_READ_WRITE it is made when it
 * is new (mode 0640; a process that is root gives it to the directory's
 * owner, so that the daemon can use what an administrator made).
 * @return the store, which the caller frees, or NULL with *err:
 *         BMX_E_NOT_FOUND (directory, or store for read-only),
 *         BMX_E_PERMISSION, BMX_E_CORRUPT (not LMDB, or of a later schema),
 *         BMX_E_FULL, BMX_E_IO, BMX_E_NOMEM. When a page is found damaged
 *         later, LMDB ends the process; `list.mdb` is then `list.mdb.bad`.
 */
struct bmx_list_store *bmx_list_store_open(const char *state_dir,
                                           enum bmx_list_access access,
                                           struct bmx_error *err);

/** Has another file taken the place of the one that is open? What is written
 * by other processes is then not seen: free the store and open it again. */
bool bmx_list_store_is_replaced(const struct bmx_list_store *store);

/** Closes *store and sets it to NULL. Its readers must be freed before. */
void bmx_list_store_free(struct bmx_list_store **store);

/** Returns a reader the caller frees, or NULL with *err. */
struct bmx_list_reader *bmx_list_reader_new(struct bmx_list_store *store,
                                            struct bmx_error *err);

/** Frees *reader and sets it to NULL. NULL is fine. */
void bmx_list_reader_free(struct bmx_list_reader **reader);

/**
 * Starts to read the store as it is now; what follows sees one state of it
 * until bmx_list_reader_end. Cheap (no allocation): once a turn of the loop.
 * @return 0, or -1 with *err
 */
int bmx_list_reader_begin(struct bmx_list_reader *reader,
                          struct bmx_error *err);

/** Ends what begin started; a reader that stays begun keeps old pages. */
void bmx_list_reader_end(struct bmx_list_reader *reader);

/** A number that changes whenever anything in the store has changed: what was
 * learnt of a domain's meta holds as long as it is the same. */
uint64_t bmx_list_reader_version(const struct bmx_list_reader *reader);

/**
 * The meta record of domain (A-labels, lower case).
 * @return 1 with *meta_out, 0 when it never had a list, -1 with *err
 */
int bmx_list_reader_meta(struct bmx_list_reader *reader,
                         struct bmx_slice domain,
                         struct bmx_list_meta *meta_out, struct bmx_error *err);

/**
 * Is that local part, exactly, on the list of the domain with that id?
 * No allocation, no system call when the pages are in memory.
 * @return 1 with *state_out, 0 when it is not, -1 with *err
 */
int bmx_list_reader_find(struct bmx_list_reader *reader, uint32_t domain_id,
                         struct bmx_slice local,
                         enum bmx_recipient_state *state_out,
                         struct bmx_error *err);

/** The publication that a list came from (publication.h). */
struct bmx_list_origin {
	uint64_t generation; /* the publisher's, not that of the store */
	uint64_t count;
	uint64_t digest;
	bool in_force; /* read: the list has not changed since; not written */
};

/**
 * The publication that domain's list came from last.
 * @return 1 with *origin_out, 0 when it never came from one, -1 with *err
 */
int bmx_list_reader_origin(struct bmx_list_reader *reader,
                           struct bmx_slice domain,
                           struct bmx_list_origin *origin_out,
                           struct bmx_error *err);

/** What is kept of the text that a list was read from, so that the server
 * need not send the same again. */
struct bmx_list_mark {
	/* Digest of the source and of whatever else says what a text means:
	 * a mark with another one is of no use. */
	uint64_t rules;
	int64_t read_at_ms; /* wall: when the text was brought last */
	struct bmx_list_validator validator;
	uint64_t generation; /* read: of the list, in force; not written */
};

/**
 * The mark of the text that domain's list in force was read from.
 * @return 1 with *mark_out, 0 when there is none, or the list has changed
 *         since (a load, a rollback), or a rollback holds a list back; -1
 *         with *err
 */
int bmx_list_reader_mark(struct bmx_list_reader *reader,
                         struct bmx_slice domain,
                         struct bmx_list_mark *mark_out, struct bmx_error *err);

/** Called for each entry, in octet order; not 0 stops. */
typedef int bmx_list_entry_cb(void *ctx, const struct bmx_list_entry *entry);

/**
 * All entries of a list.
 * @return 0, the callback's value when it stopped, or -1 with *err
 */
int bmx_list_reader_each(struct bmx_list_reader *reader, uint32_t domain_id,
                         bmx_list_entry_cb *cb, void *ctx,
                         struct bmx_error *err);

/** Called for each domain that has a list; not 0 stops. */
typedef int bmx_list_domain_cb(void *ctx, struct bmx_slice domain,
                               const struct bmx_list_meta *meta);

/** All domains, as bmx_list_reader_each. */
int bmx_list_reader_domains(struct bmx_list_reader *reader,
                            bmx_list_domain_cb *cb, void *ctx,
                            struct bmx_error *err);

/** A difference between the list in force and the new one. */
enum bmx_list_change { BMX_LIST_ADDED, BMX_LIST_REMOVED, BMX_LIST_CHANGED };

typedef void bmx_list_change_cb(void *ctx, enum bmx_list_change change,
                                const struct bmx_list_entry *entry);

/** Told now and then how far a replacement is; total may be 0: unknown. */
typedef void bmx_list_progress_cb(void *ctx, uint64_t done, uint64_t total);

struct bmx_list_replace_options {
	int64_t max_shrink; /* per cent of entries that may be lost */
	bool force;         /* max_shrink and a hold do not apply */
	bool dry_run;       /* compare only, write nothing */
	const char *source; /* kept in the meta record; cut if too long */
	/* Kept with the list; the new list must have its count and digest,
	 * else BMX_E_CORRUPT and nothing is changed. NULL: not published. */
	const struct bmx_list_origin *origin;
	/* Kept with the list, in the same transaction; NULL: what is kept
	 * stays. */
	const struct bmx_list_mark *mark;
	/* Of bmx_list_store_apply: BMX_E_BUSY, and nothing is changed, when
	 * the list in force is of another generation; 0: any. */
	uint64_t only_generation;
	int64_t now_ms;                    /* wall */
	bmx_list_change_cb *on_change;     /* may be NULL */
	bmx_list_progress_cb *on_progress; /* may be NULL */
	void *ctx;                         /* for both */
};

struct bmx_list_replace_result {
	uint64_t generation; /* now in force */
	uint64_t before;     /* entries of the list that was in force */
	uint64_t after;      /* entries of the new one */
	uint64_t added;
	uint64_t removed;
	uint64_t changed; /* same address, other state */
};

/**
 * Replaces domain's list by entries, which are sorted by octets and unique.
 * An equal list only renews synced_at. In one durable transaction. A dry run
 * may have no store (NULL): the list is then compared with none.
 *
 * Refused (BMX_E_REFUSED, nothing changed, *result_out filled): an empty
 * list; a list that loses more than max_shrink per cent of the entries in
 * force, where losing a single entry is always allowed; a list that a
 * rollback holds back.
 * @return 0 with *result_out, or -1 with *err, also BMX_E_FULL, BMX_E_IO,
 *         BMX_E_NOMEM; the old list is then in force
 */
int bmx_list_store_replace(struct bmx_list_store *store,
                           struct bmx_slice domain,
                           const struct bmx_list_entry *entries, size_t count,
                           const struct bmx_list_replace_options *options,
                           struct bmx_list_replace_result *result_out,
                           struct bmx_error *err);

/** What is to become of one local part. */
struct bmx_list_delta {
	struct bmx_list_entry entry; /* from now on; state unless removed */
	bool removed;
};

/**
 * Changes domain's list by deltas, one a local part and sorted by its octets.
 * As bmx_list_store_replace by the list that results, with the same guards,
 * but at a cost that follows the number of deltas. What is as a delta says
 * already counts as no change.
 * @return as bmx_list_store_replace; BMX_E_NOT_FOUND when there is no list
 */
int bmx_list_store_apply(struct bmx_list_store *store, struct bmx_slice domain,
                         const struct bmx_list_delta *deltas, size_t count,
                         const struct bmx_list_replace_options *options,
                         struct bmx_list_replace_result *result_out,
                         struct bmx_error *err);

/**
 * Puts the list before the last change back into force, as a new generation,
 * and holds back the content that was in force until a sync brings another.
 * May be called BMX_LIST_UNDO_MAX times in a row to go further back; what the
 * first of them took out of force stays held back, as the source still has it.
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND when there is no earlier list
 */
int bmx_list_store_rollback(struct bmx_list_store *store,
                            struct bmx_slice domain, int64_t now_ms,
                            struct bmx_list_replace_result *result_out,
                            struct bmx_error *err);

#endif
