/*
 * engine.h - answers policy requests: fetches what the decision needs, counts
 * and logs what it decided.
 *
 * One thread. Answers at once from local data where that decides; otherwise
 * when the primary, or the shared store, has answered, at the latest at
 * policyd.deadline. Never blocks but for a page of the store that is not in
 * memory.
 */
#ifndef BACKUPMX_POLICYD_ENGINE_H
#define BACKUPMX_POLICYD_ENGINE_H

#include <backupmx/clock.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/policy_request.h>
#include <backupmx/record_store.h>
#include <backupmx/slice.h>

#include "policyd/any_source.h"
#include "policyd/decision.h"
#include "policyd/learn.h"
#include "policyd/list_source.h"
#include "policyd/primary_source.h"
#include "policyd/today.h"

struct bmx_engine;

/** What an engine works with; all must outlive it. */
struct bmx_engine_parts {
	struct bmx_loop *loop; /* its clock is the engine's */
	struct bmx_list_source list;
	struct bmx_record_store *records;
	struct bmx_primary_source primaries;
	/* Of domains without a section; ask NULL: "*" is not acted on. */
	struct bmx_any_source any;
	const struct bmx_learner *learner;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
};

/**
 * Makes an engine for config, of which it takes a reference.
 * @return the engine, which the caller frees, or NULL when memory is short
 */
struct bmx_engine *bmx_engine_new(const struct bmx_engine_parts *parts,
                                  struct bmx_config *config);

/** Frees *engine and sets it to NULL. NULL is fine. Asks under way are
 * dropped: their owners must be gone. */
void bmx_engine_free(struct bmx_engine **engine);

/**
 * Takes over another configuration; the old one stays when memory is short.
 * What is under way ends with the one it began with.
 * @return 0, or -1 with *err (BMX_E_NOMEM)
 */
int bmx_engine_configure(struct bmx_engine *engine, struct bmx_config *config,
                         struct bmx_error *err);

/** Reads lists from list from now on. Not while a request is answered. */
void bmx_engine_set_list(struct bmx_engine *engine,
                         const struct bmx_list_source *list);

/** answer is what to send, static. */
typedef void bmx_engine_answered_cb(void *ctx, struct bmx_slice answer);

/** A request whose answer has to wait. */
struct bmx_engine_ask;

/**
 * Decides about a request, counts it and logs one line. began_us is when its
 * first octets came, on the monotonic clock. answered is called once: before
 * this returns, then it returns NULL; or later, unless it is forgotten. The
 * request's slices must stay good until then.
 */
struct bmx_engine_ask *bmx_engine_ask(struct bmx_engine *engine,
                                      const struct bmx_policy_request *request,
                                      int64_t began_us,
                                      bmx_engine_answered_cb *answered,
                                      void *ctx);

/** Nobody waits for that answer any more; sets *ask to NULL. NULL is fine. */
void bmx_engine_forget(struct bmx_engine_ask **ask);

/** Requests whose answer waits now. */
size_t bmx_engine_waiting(const struct bmx_engine *engine);

/** Ends the batch of reads that this turn's answers made. */
void bmx_engine_end_turn(struct bmx_engine *engine);

/** A domain's list as the engine sees it. */
struct bmx_engine_list {
	bool known; /* false: the store could not be read */
	bool present;
	struct bmx_list_meta meta; /* when present */
	int64_t age_ms;            /* when present, at least 0 */
	enum bmx_authority authority;
};

/** The list of the section with that index in the configuration. */
void bmx_engine_list(struct bmx_engine *engine, size_t domain_index,
                     struct bmx_engine_list *list_out);

/** Does the primary of that section accept all local parts, as far as local
 * data tell? */
enum bmx_accepts_all bmx_engine_accepts_all(struct bmx_engine *engine,
                                            size_t domain_index);

/** One step of a look-up, for people. */
typedef void bmx_engine_step_cb(void *ctx, const char *step, const char *result,
                                struct bmx_slice detail);

/** A look-up as it was made. */
struct bmx_engine_lookup {
	const struct bmx_config_domain *domain; /* NULL: not served */
	/* DNS is being asked whether it is served: the next look-up may know. */
	bool pending;
	struct bmx_engine_list list;     /* when served */
	struct bmx_primary_view primary; /* when served */
	struct bmx_verdict verdict;
	/* The form that is looked up; "" when there is none. */
	char normalised[BMX_LOCAL_BUFFER + BMX_DOMAIN_BUFFER + 1];
};

/**
 * Makes the very look-up that a RCPT of address would make, neither counted
 * nor logged, and tells its steps; but only local data are looked at, and the
 * primary is not asked.
 */
void bmx_engine_explain(struct bmx_engine *engine, struct bmx_slice address,
                        bmx_engine_step_cb *on_step, void *ctx,
                        struct bmx_engine_lookup *lookup_out);

/** Requests answered since the start. */
uint64_t bmx_engine_requests(const struct bmx_engine *engine);

/** What was decided since midnight; borrowed until the next turn of the loop.
 */
const struct bmx_today *bmx_engine_today(struct bmx_engine *engine);

/** Sets the gauges of lists (age, entries, authority) to what is now. */
void bmx_engine_update_gauges(struct bmx_engine *engine);

/** Those of one domain's list alone; nothing for a domain that is not served. */
void bmx_engine_update_list_gauges(struct bmx_engine *engine,
                                   struct bmx_slice domain);

#endif
