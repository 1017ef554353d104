/*
 * primaries_priv.h - the registry's own view of itself.
 *
 *	primaries.c          the domains: their life, hosts and status
 *	primaries_config.c   takes over a configuration
 *	primaries_ask.c      what the engine and people ask
 *	primaries_share.c    the primaries that domains share, their checks
 *	primaries_records.c  what is stored of them
 */
#ifndef BACKUPMX_POLICYD_PRIMARIES_PRIV_H
#define BACKUPMX_POLICYD_PRIMARIES_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/hash.h>

#include "policyd/primaries.h"
#include "policyd/primary.h"
#include "policyd/targets.h"

#define SHARED_BUCKETS 4096

/* A context for TLS, for all primaries with the same authorities. */
struct shared_tls {
	struct shared_tls *next;
	size_t users;
	struct bmx_tls_context *context;
	char ca_file[];
};

/* A primary and the domains that have it. */
struct shared_primary {
	struct bmx_primaries *registry;
	struct shared_primary *next_in_bucket;
	char *key; /* hosts and settings: equal keys, one primary */
	uint64_t hash;
	struct bmx_primary *primary;
	struct shared_tls *tls;         /* NULL: none is needed, or failed */
	char *tls_error;                /* NULL: none */
	struct primary_domain *domains; /* never empty while it is in use */
	size_t domain_count;
	bool checking;
	bool queued; /* for a check */
	struct shared_primary *next_queued;
};

struct primary_domain {
	struct bmx_primaries *registry;
	const struct bmx_config_domain *section; /* of registry->config */
	struct primary_domain *next_in_bucket;
	bool in_new_config;          /* while configuring */
	bool starting;               /* waits for its first look-up */
	struct bmx_targets *targets; /* NULL before, or when it failed */
	char *error;                 /* of the option primary; NULL: none */
	struct shared_primary *shared;
	struct primary_domain *next_sharing;
	struct bmx_primary_knowledge carried; /* while it has no primary */
	struct bmx_record_get *get;           /* under way */
	enum bmx_primary_status told;
	int64_t write_at_ms; /* mono; 0: there is nothing to be written */
	struct bmx_metric *up;
	struct bmx_metric *suspect;
};

struct bmx_primaries {
	struct bmx_primaries_parts parts;
	struct bmx_config *config; /* NULL before the first */
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	uint64_t randoms; /* drawn */

	struct primary_domain **domains; /* in the file's order */
	size_t domain_count;
	struct primary_domain **buckets;
	size_t bucket_count;       /* a power of two; 0 before the first */
	struct bmx_timer *starter; /* looks up the next ones */
	size_t start_next;         /* index in domains */

	struct shared_primary *shared[SHARED_BUCKETS];
	struct shared_tls *tls;
	size_t checks; /* under way */
	bool dispatching;
	struct shared_primary *queue;
	struct shared_primary **queue_end;

	struct bmx_timer *writer;
	bool writer_soon;
	size_t write_next; /* index in domains */
};

/* primaries.c */

/** What is known of the domain's primary. */
const struct bmx_primary_knowledge *
bmx_primary_domain_knows(const struct primary_domain *domain);

/** Its status as it is shown. */
enum bmx_primary_status
bmx_primary_domain_status(const struct primary_domain *domain);

/** Tells the world of its status, if that has changed. */
void bmx_primary_domain_update(struct primary_domain *domain);

/** A number nobody can guess. */
uint64_t bmx_primaries_random(struct bmx_primaries *registry);

/** The domain of that name, or NULL. */
struct primary_domain *bmx_primaries_find(const struct bmx_primaries *registry,
                                          struct bmx_slice name);

/** Where a domain of that name stands in buckets. */
size_t bmx_primaries_bucket(const struct bmx_primaries *registry,
                            struct bmx_slice name);

/** A domain that is not in force yet: free() undoes it. */
struct primary_domain *
bmx_primary_domain_new(struct bmx_primaries *registry,
                       const struct bmx_config_domain *section);

/** It is in force now. */
void bmx_primary_domain_begin(struct primary_domain *domain);

/** It is not in force any more, and freed. */
void bmx_primary_domain_end(struct primary_domain *domain);

/* primaries_share.c */

/** Gives the domain the primary that its hosts and settings ask for, or none.
 * What it had is freed when nobody has it any more. */
void bmx_primary_domain_settle(struct primary_domain *domain);

/** Takes its primary away; what is known is carried on. */
void bmx_primary_domain_detach(struct primary_domain *domain);

/** Has a check made as soon as there is room. */
void bmx_shared_primary_due(struct shared_primary *shared);

/* primaries_records.c */

/** Asks the store what it knows of the domain. */
void bmx_primary_domain_read(struct primary_domain *domain);

/** Its record is not what is stored: written soon. */
void bmx_primary_domain_changed(struct primary_domain *domain);

/** Writes its record now, if there is anything to be written. */
void bmx_primary_domain_write(struct primary_domain *domain);

/** Timer: writes what is due. */
void bmx_primaries_on_writer(void *registry);

#endif
