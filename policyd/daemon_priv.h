/*
 * daemon_priv.h - the parts of policyd and what its own files share.
 */
#ifndef BACKUPMX_POLICYD_DAEMON_PRIV_H
#define BACKUPMX_POLICYD_DAEMON_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/cache_store.h>
#include <backupmx/config.h>
#include <backupmx/dns.h>
#include <backupmx/dns_loop.h>
#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/program_options.h>
#include <backupmx/record_pair.h>
#include <backupmx/record_store.h>
#include <backupmx/redis.h>

#include "policyd/any_domains.h"
#include "policyd/clients.h"
#include "policyd/control.h"
#include "policyd/engine.h"
#include "policyd/file_watch.h"
#include "policyd/http.h"
#include "policyd/learn.h"
#include "policyd/listeners.h"
#include "policyd/primaries.h"
#include "policyd/primary_source.h"
#include "policyd/recovery.h"
#include "policyd/redis_follow.h"
#include "policyd/signals.h"
#include "policyd/sockets.h"
#include "policyd/sync.h"

struct bmx_daemon {
	const struct bmx_program_options *options;
	struct bmx_log *log;
	struct bmx_config *config; /* in force: with the domains of "*" */
	struct bmx_config *loaded; /* as its file has it; NULL at first */
	struct bmx_sockets sockets;
	struct bmx_loop *loop;
	struct bmx_metrics *metrics;
	struct bmx_list_store *store;
	struct bmx_list_reader *reader;
	struct bmx_cache_store *cache;
	struct bmx_record_store *records; /* what is learnt goes there */
	struct bmx_config *redis_config;  /* whose section the link borrows */
	struct bmx_redis *redis;          /* NULL without such a section */
	struct bmx_record_store *shared;
	struct bmx_record_pair *pair;
	struct bmx_redis_follow *follow;
	struct bmx_log_throttle redis_news;     /* why it stays down */
	struct bmx_log_throttle redis_refusals; /* errors while it is up */
	bool redis_said; /* the link's state was logged: */
	bool redis_said_up;
	int64_t redis_said_error_at_ms; /* wall */
	char redis_said_error[BMX_ERROR_TEXT_MAX];
	char redis_said_policy[32];
	struct bmx_dns *dns;
	struct bmx_dns_asker *asker;
	struct bmx_learner *learner;
	struct bmx_recovery *recovery;
	struct bmx_primaries *primaries;
	struct bmx_any_domains *any;
	struct bmx_engine *engine;
	struct bmx_clients *clients;
	struct bmx_listeners *listeners;
	struct bmx_signals *signals;
	struct bmx_sync_worker *worker;
	struct bmx_sync *sync;
	struct bmx_file_watch *file_watch;
	struct bmx_control *control;
	struct bmx_http *http;
	struct bmx_timer *tick;
	struct bmx_timer *watchdog;
	struct bmx_metric *log_dropped;
	int64_t started_ms;
	bool stopping; /* told to end */
	bool drained;  /* the time for requests under way is over */
};

/**
 * Reads the configuration, each problem logged.
 * @return the snapshot, or NULL with *err
 */
struct bmx_config *bmx_daemon_load_config(struct bmx_daemon *d,
                                          struct bmx_error *err);

/**
 * Reads the configuration again and takes it over whole, or not at all.
 * @return 0, or -1 with *err, logged; the old settings then stay
 */
int bmx_daemon_reload(struct bmx_daemon *d, struct bmx_error *err);

/** What the registry of "*" serves has changed: brings it into force.
 * @return 0, or -1, logged: all stays as it was, or is tried again */
int bmx_daemon_apply_domains(void *daemon);

/**
 * Makes everything that needs the loop, from d->config and d->sockets.
 * @return 0, or -1 with *err; bmx_daemon_disassemble takes both
 */
int bmx_daemon_assemble(struct bmx_daemon *d, size_t max_clients,
                        struct bmx_error *err);

/** Frees what was made. */
void bmx_daemon_disassemble(struct bmx_daemon *d);

/**
 * Makes the cache, DNS, and the registry of primaries with what belongs to it.
 * @return 0, or -1 with *err; bmx_daemon_free_primaries takes both
 */
int bmx_daemon_make_primaries(struct bmx_daemon *d, struct bmx_error *err);

/** Frees them; nobody may ask any more. */
void bmx_daemon_free_primaries(struct bmx_daemon *d);

/** Lets them take over another configuration. @return 0, or -1 with *err */
int bmx_daemon_configure_primaries(struct bmx_daemon *d,
                                   struct bmx_config *config,
                                   struct bmx_error *err);

/** Makes the link to Redis, if there is one, and the shared records, which
 * d->records then includes. @return 0, or -1 with *err */
int bmx_daemon_make_redis(struct bmx_daemon *d, struct bmx_error *err);

/** Makes what follows published lists, once there are syncs to ask for.
 * @return 0, or -1 with *err */
int bmx_daemon_make_follow(struct bmx_daemon *d, struct bmx_error *err);

/** Frees the link; nobody may use d->records any more. */
void bmx_daemon_free_redis(struct bmx_daemon *d);

/** The registry as the engine sees it. */
struct bmx_primary_source bmx_daemon_primary_source(struct bmx_daemon *d);

/** A line that says only that something happened. */
void bmx_daemon_log_event(struct bmx_daemon *d, enum bmx_log_level level,
                          const char *event);

#endif
