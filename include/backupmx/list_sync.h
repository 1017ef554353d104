/*
 * list_sync.h - brings a domain's list from its source into the store.
 *
 * Blocking, and as long as the source takes: for the sync worker and for
 * backupmxctl, never for a daemon's own loop.
 */
#ifndef BACKUPMX_LIST_SYNC_H
#define BACKUPMX_LIST_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>

/** Most octets of a list file, and of one of its lines. */
#define BMX_LIST_FILE_MAX ((size_t)4 * 1024 * 1024 * 1024)
#define BMX_LIST_LINE_MAX ((size_t)2048)

/** A list in memory, sorted and unique, ready for bmx_list_store_replace. */
struct bmx_list {
	struct bmx_list_entry *entries; /* locals borrow from bytes */
	size_t count;
	size_t skipped; /* addresses of other domains */
	char *bytes;
};

/** Frees what the list holds. */
void bmx_list_clear(struct bmx_list *list);

/**
 * Reads a list from memory: one address a line, `@domain` is the wildcard,
 * '#' starts a comment at the start of a line or after a blank, an optional
 * second word is the state: OK, disabled or full. Addresses of other domains
 * are skipped and counted, so that one file may serve several domains.
 * An address given twice keeps its first state.
 * @return 0 with *list_out, which the caller clears, or -1 with *err:
 *         BMX_E_SYNTAX ("LINE: expected ...", nothing of the text is
 *         applied), BMX_E_TOO_BIG, BMX_E_NOMEM
 */
int bmx_list_parse(struct bmx_slice text, struct bmx_slice domain,
                   bool case_sensitive, struct bmx_list *list_out,
                   struct bmx_error *err);

/** The source that is a published list in Redis (publication.h). */
#define BMX_LIST_SOURCE_REDIS "redis:"

struct bmx_config_fetch;
struct bmx_config_redis;

/** What to bring. */
struct bmx_list_sync_spec {
	const char *domain; /* A-labels, lower case */
	const char *source; /* "file:/path", "redis:" or of list_fetch.h */
	bool case_sensitive;
	const struct bmx_config_redis *redis; /* the section, for "redis:";
	                                         NULL: there is none */
	const struct bmx_config_fetch *fetch; /* the section, for what is
	                                         fetched; NULL: the defaults */
};

/** After this time a list is fetched whole even if the server says that it is
 * as it was, ms: a broken cache on the way is not believed for ever. */
#define BMX_LIST_REFETCH_MS ((int64_t)24 * 60 * 60 * 1000)

/** Is it a source of a kind that is known, and well-formed? -1 with *err
 * (BMX_E_USAGE) saying what was expected, when not. */
int bmx_list_source_check(const char *source, struct bmx_error *err);

/**
 * Reads the source and replaces the domain's list by it (options->source is
 * set to the source's name, bmx_list_fetch_name). A server that says that the
 * list is as it was only renews synced_at; with options->force or without a
 * store it is not asked so.
 * @return as bmx_list_store_replace, and the source's errors: BMX_E_NOT_FOUND,
 *         BMX_E_PERMISSION, BMX_E_SYNTAX ("PATH:LINE: ..."), BMX_E_IO; of
 *         "redis:" also BMX_E_CORRUPT (what is published does not fit
 *         together), BMX_E_TIMEOUT, BMX_E_CLOSED; of what is fetched those of
 *         bmx_list_fetch, and BMX_E_BUSY (the list was changed meanwhile)
 */
int bmx_list_sync(struct bmx_list_store *store,
                  const struct bmx_list_sync_spec *spec,
                  const struct bmx_list_replace_options *options,
                  struct bmx_list_replace_result *result_out,
                  struct bmx_error *err);

#endif
