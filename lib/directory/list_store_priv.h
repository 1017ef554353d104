/*
 * list_store_priv.h - what the three files that speak to LMDB share: list_env.c
 * (opening and reading), list_store.c (replacing and rolling back) and
 * list_history.c (the changes that are kept for it).
 */
#ifndef BACKUPMX_LIST_STORE_PRIV_H
#define BACKUPMX_LIST_STORE_PRIV_H

#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>

#include "list_meta.h"
#include "lmdb_file.h"

/** Key of the store's own record in `meta`: domain names hold no NUL. */
#define BMX_LIST_HEAD_KEY BMX_SLICE("\0store")
/** Most octets of a key of `recipients`. */
#define BMX_LIST_KEY_MAX (BMX_LIST_ID_SIZE + BMX_LOCAL_MAX)

struct MDB_txn;

struct bmx_list_store {
	struct bmx_lmdb_file file;
	unsigned meta; /* handles of the sub-databases */
	unsigned recipients;
	unsigned undo;
};

/** Says what LMDB's rc means; what is the act that failed. Returns -1. */
int bmx_list_lmdb_error(const struct bmx_list_store *store, int rc,
                        const char *what, struct bmx_error *err);

/** Frees the slots of readers that were killed: the pages that they saw could
 * not be used again. Cheap. Returns 0, or -1 with *err. */
int bmx_list_forget_dead_readers(const struct bmx_list_store *store,
                                 struct bmx_error *err);

/** BMX_E_CORRUPT with what does not fit. Returns -1. */
int bmx_list_corrupt(const struct bmx_list_store *store, const char *what,
                     struct bmx_error *err);

/** Reads domain's record: 1 with *meta_out, 0 when there is none, -1. */
int bmx_list_read_meta(const struct bmx_list_store *store, struct MDB_txn *txn,
                       struct bmx_slice domain, struct bmx_list_meta *meta_out,
                       struct bmx_error *err);

/** Reads the store's own record. 0 or -1, also for a schema not ours. */
int bmx_list_read_head(const struct bmx_list_store *store, struct MDB_txn *txn,
                       struct bmx_list_head *head_out, struct bmx_error *err);

/** Octets of a key of `meta`. */
#define BMX_LIST_SIDE_KEY_MAX (sizeof("\0origin ") + BMX_DOMAIN_MAX)

/** Writes the key of domain's record beside its meta record, which the prefix
 * (of list_meta.h) names, and returns its length; domain has at most
 * BMX_DOMAIN_MAX octets. */
size_t bmx_list_side_key(char *key, struct bmx_slice prefix,
                         struct bmx_slice domain);

/** Writes the key of local into key and returns its length. */
size_t bmx_list_make_key(uint8_t key[BMX_LIST_KEY_MAX], uint32_t id,
                         struct bmx_slice local);

/**
 * Takes a record of `recipients` apart; local borrows from key.
 * @return 1 with *entry_out, 0 when it is another domain's, -1 when it cannot
 *         be one of ours
 */
int bmx_list_decode_entry(uint32_t id, const void *key, size_t key_len,
                          const void *value, size_t value_len,
                          struct bmx_list_entry *entry_out);

#endif
