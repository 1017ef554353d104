/*
 * any_domains_priv.h - the registry's own view of itself.
 *
 *	any_domains.c   who asks, and what is known
 *	any_changes.c   what DNS says, and what follows from it
 *	any_apply.c     the configuration, and who waits for it
 *	any_table.c     entries: found, made, and let go when there is no room
 */
#ifndef BACKUPMX_POLICYD_ANY_DOMAINS_PRIV_H
#define BACKUPMX_POLICYD_ANY_DOMAINS_PRIV_H

#include <backupmx/address.h>
#include <backupmx/hash.h>

#include "policyd/any_domains.h"
#include "policyd/any_lookup.h"

#define ANY_BUCKETS ((size_t)4096)

struct any_entry;

struct bmx_any_wait {
	struct any_entry *entry;
	struct bmx_any_wait *previous;
	struct bmx_any_wait *next;
	bmx_any_cb *cb;
	void *ctx;
};

struct any_entry {
	struct bmx_any_domains *any;
	struct any_entry *next_in_bucket;
	struct any_entry *newer; /* of its list, by use */
	struct any_entry *older;
	struct bmx_mx_memory memory;
	bool served;   /* on that list */
	bool in_force; /* the configuration has its section */
	bool settling; /* on that list: in force, not yet answered about */
	bool full;     /* it would be served, were there room */
	bool gone;     /* out of the table: freed when nobody waits */
	unsigned busy; /* not to be let go */
	int64_t used_ms;
	int64_t settled_at_ms; /* from then on it counts as settled */
	struct any_entry *next_settling;
	struct bmx_any_lookup *lookup; /* NULL: none is under way */
	struct bmx_any_wait *waits;
	char name[BMX_DOMAIN_BUFFER];
};

/* Entries by their last use. */
struct any_list {
	struct any_entry *newest;
	struct any_entry *oldest;
	size_t count;
};

struct bmx_any_domains {
	struct bmx_any_domains_parts parts;
	struct bmx_config *loaded; /* NULL before the first */
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	struct any_entry *buckets[ANY_BUCKETS];
	struct any_list served;
	struct any_list others;
	size_t lookups;
	size_t recheck_next; /* bucket */
	struct bmx_timer *apply;
	bool apply_set;
	int64_t apply_after_ms; /* not before */
	struct bmx_timer *recheck;
	struct bmx_timer *settle;
	struct any_entry *settling; /* kept busy */
	struct bmx_log_throttle alarm;
	struct bmx_metric *gauge;
};

/* any_domains.c */

/** Monotonic, ms. */
int64_t bmx_any_now(const struct bmx_any_domains *any);

/* any_changes.c */

/** Asks DNS, unless it is being asked. @return false when there are max
 * look-ups under way already, or no memory for another one */
bool bmx_any_look_up(struct any_entry *entry, size_t max);

/** Timer: looks at those again that are due. */
void bmx_any_on_recheck(void *any);

/* any_apply.c */

/** What is served has changed. */
void bmx_any_schedule_apply(struct bmx_any_domains *any);

/** Timer: has the owner bring it into force. */
void bmx_any_on_apply(void *any);

/** In force: who waits is told, once its primary can be asked. */
void bmx_any_settle_later(struct any_entry *entry);

/** Timer: tells them. */
void bmx_any_on_settle(void *any);

/** Calls back who waits. May free an entry that has been dropped. */
void bmx_any_answer_waits(struct any_entry *entry, enum bmx_any_answer answer);

/* any_table.c */

/** The entry of that domain, or NULL. */
struct any_entry *bmx_any_table_find(const struct bmx_any_domains *any,
                                     struct bmx_slice name);

/** A new one among the others; of those the oldest that nobody waits for
 * makes room. NULL when memory is short or all are waited for. */
struct any_entry *bmx_any_table_enter(struct bmx_any_domains *any,
                                      struct bmx_slice name, int64_t now_ms);

/** It is the one used last. */
void bmx_any_table_touch(struct any_entry *entry, int64_t now_ms);

/** Moves it to the list of the served, or of the others. */
void bmx_any_table_move(struct any_entry *entry, bool served);

/** The served one that may make room for another; NULL: all are in use. */
struct any_entry *bmx_any_table_idle(struct bmx_any_domains *any,
                                     int64_t now_ms);

/** Takes it out of the table, and frees it unless it is busy. */
void bmx_any_table_drop(struct any_entry *entry);

/** One who kept it busy is done: frees it when it was the last of one that
 * has been dropped. */
void bmx_any_table_release(struct any_entry *entry);

#endif
