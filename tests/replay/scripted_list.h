/*
 * scripted_list.h - a list source that a replay script fills and breaks.
 */
#ifndef BACKUPMX_TESTS_SCRIPTED_LIST_H
#define BACKUPMX_TESTS_SCRIPTED_LIST_H

#include <stdbool.h>

#include "policyd/list_source.h"

#define SCRIPTED_DOMAINS 8
#define SCRIPTED_ENTRIES 32

struct scripted_domain {
	char name[BMX_DOMAIN_BUFFER];
	struct bmx_list_meta meta;
	size_t count;
	char locals[SCRIPTED_ENTRIES][BMX_LOCAL_BUFFER];
	enum bmx_recipient_state states[SCRIPTED_ENTRIES];
};

struct scripted_list {
	uint64_t version;
	bool begin_fails, meta_fails, find_fails;
	bool reading; /* begun and not ended */
	size_t count;
	struct scripted_domain domains[SCRIPTED_DOMAINS];
};

/** The source; list must outlive it. */
struct bmx_list_source scripted_list_source(struct scripted_list *list);

/** The domain of that name, made when it is new. Aborts when there are too
 * many. */
struct scripted_domain *scripted_list_domain(struct scripted_list *list,
                                             const char *name);

/** Adds "local" or "local:state". Aborts on an unknown state. */
void scripted_list_add(struct scripted_domain *domain, const char *entry);

#endif
