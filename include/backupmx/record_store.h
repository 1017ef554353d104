/*
 * record_store.h - where records are kept: one interface, several stores.
 *
 * LMDB (cache_store.h), Redis, and the pair of both implement it. Writing
 * never fails to the caller: what cannot be kept is dropped, counted and said
 * once an interval. One thread: that of the loop.
 */
#ifndef BACKUPMX_RECORD_STORE_H
#define BACKUPMX_RECORD_STORE_H

#include <backupmx/record.h>

enum bmx_record_found {
	BMX_RECORD_FOUND,
	BMX_RECORD_ABSENT,      /* the store has none, or it is expired */
	BMX_RECORD_UNAVAILABLE, /* the store cannot say now */
};

/** record is NULL unless BMX_RECORD_FOUND, and borrowed for the call. */
typedef void bmx_record_cb(void *ctx, enum bmx_record_found found,
                           const struct bmx_record *record);

struct bmx_record_store;
struct bmx_record_get; /* a read under way */

struct bmx_record_store_ops {
	/**
	 * Reads a record; cb is called once, before this returns (then it
	 * returns NULL) or later. key is borrowed for the call.
	 */
	struct bmx_record_get *(*get)(struct bmx_record_store *store,
	                              const struct bmx_record_key *key,
	                              bmx_record_cb *cb, void *ctx);
	/** cb of that read will not be called. */
	void (*cancel)(struct bmx_record_get *get);
	/** Keeps record for bmx_record_keep_ms, in place of an older one. */
	void (*put)(struct bmx_record_store *store,
	            const struct bmx_record_key *key,
	            const struct bmx_record *record);
	/** Drops a record, if there is one. */
	void (*remove)(struct bmx_record_store *store,
	               const struct bmx_record_key *key);
	/** Drops all records of that kind of a domain. */
	void (*remove_domain)(struct bmx_record_store *store,
	                      enum bmx_record_kind kind,
	                      struct bmx_slice domain);
};

/** The head of every store; implementations put it first. */
struct bmx_record_store {
	const struct bmx_record_store_ops *ops;
};

#endif
