/*
 * list_source.h - where the engine reads lists: the store, or a test's own.
 *
 * Reading is in batches: the engine begins at the first question of a turn of
 * the loop and ends with the turn.
 */
#ifndef BACKUPMX_POLICYD_LIST_SOURCE_H
#define BACKUPMX_POLICYD_LIST_SOURCE_H

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>

/** As the functions of bmx_list_reader that are named alike. */
struct bmx_list_source {
	int (*begin)(void *ctx, struct bmx_error *err);
	void (*end)(void *ctx);
	uint64_t (*version)(void *ctx);
	int (*meta)(void *ctx, struct bmx_slice domain,
	            struct bmx_list_meta *meta_out, struct bmx_error *err);
	int (*find)(void *ctx, uint32_t domain_id, struct bmx_slice local,
	            enum bmx_recipient_state *state_out, struct bmx_error *err);
	void *ctx;
};

/** A source that reads through reader, which must outlive it. */
struct bmx_list_source bmx_list_source_of(struct bmx_list_reader *reader);

#endif
