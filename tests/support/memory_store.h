/*
 * memory_store.h - a store of records in memory whose answers come when a test
 * says so, and which can be away. No record expires. One thread.
 */
#ifndef BACKUPMX_TESTS_MEMORY_STORE_H
#define BACKUPMX_TESTS_MEMORY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/record_store.h>

/** An empty store that answers at once. Aborts when memory is short. The
 * caller frees it. */
struct bmx_record_store *memory_store_new(void);

/** Frees *store and sets it to NULL; NULL is fine. Aborts when a read was
 * neither answered nor cancelled. */
void memory_store_free(struct bmx_record_store **store);

/** With delayed, reads wait for memory_store_answer; those that wait stay. */
void memory_store_set_delayed(struct bmx_record_store *store, bool delayed);

/** Unless available, reads are answered with BMX_RECORD_UNAVAILABLE, and what
 * is put or removed is lost. */
void memory_store_set_available(struct bmx_record_store *store, bool available);

/** Answers the read that has waited longest with what is there now. @return
 * false when none waits */
bool memory_store_answer(struct bmx_record_store *store);

/** Reads that wait. */
size_t memory_store_waiting(const struct bmx_record_store *store);

/** The record of that key, or NULL; valid until the store changes. */
const struct bmx_record *memory_store_find(const struct bmx_record_store *store,
                                           const struct bmx_record_key *key);

/** Records that are there. */
size_t memory_store_records(const struct bmx_record_store *store);

/** Calls of get, put, and both removals, taken or not. */
size_t memory_store_gets(const struct bmx_record_store *store);
size_t memory_store_puts(const struct bmx_record_store *store);
size_t memory_store_removals(const struct bmx_record_store *store);

#endif
