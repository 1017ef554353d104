/*
 * engine_priv.h - the engine's own view of itself.
 *
 *	engine.c         asks from their first octet to their answer
 *	engine_lists.c   what is known of a domain's list
 *	engine_fetch.c   fetches what the decision needs, with
 *	engine_cache.c   the verification cache,
 *	engine_gate.c    the gate, and
 *	engine_any.c     whether the domain is one of "*"
 *	engine_log.c     counts and logs what was decided
 *	engine_report.c  what people and monitoring ask
 */
#ifndef BACKUPMX_POLICYD_ENGINE_PRIV_H
#define BACKUPMX_POLICYD_ENGINE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/record_store.h>

#include "policyd/engine.h"

/* One domain of the configuration, with what was learnt of its list. */
struct served_domain {
	const struct bmx_config_domain *section;
	bool cached;      /* known, present and meta are of `version` */
	uint64_t version; /* of the store */
	bool known;
	bool present;
	struct bmx_list_meta meta;
	struct bmx_metric *decisions[BMX_WHYS]; /* made when first counted */
};

/* A configuration and what hangs on it; an ask keeps the one it began with. */
struct engine_setup {
	size_t refs;
	struct bmx_config *config;
	struct served_domain *domains; /* by bmx_config_domain.index */
};

/* Which record of the cache is read next. */
enum cache_stage {
	STAGE_EXACT,
	STAGE_CUT, /* the address without its extension */
	STAGE_ANY, /* does the domain accept all? */
	STAGE_DONE
};

/* Which record of the gate is read next. */
enum gate_stage { GATE_STRANGER, GATE_CLIENT, GATE_DECIDE };

/* A request from its first octet to its answer. */
struct bmx_engine_ask {
	struct bmx_engine *engine;
	struct engine_setup *setup;
	struct bmx_engine_ask *previous; /* while it waits: by deadline; */
	struct bmx_engine_ask *next;     /* else of the spare ones */
	bool waits;
	struct bmx_policy_request request; /* borrows from the client */
	int64_t began_us;
	int64_t deadline_ms;              /* monotonic */
	bmx_engine_answered_cb *answered; /* NULL: an explanation */
	void *ctx;

	struct bmx_slice local;       /* normalised */
	struct bmx_slice domain;      /* normalised, empty when it is none */
	struct served_domain *served; /* NULL: not served */
	struct bmx_facts facts;
	struct bmx_primary_view primary;
	bool net_known;
	struct bmx_client_net net; /* of the client: see bmx_engine_net */
	int64_t list_age_ms;       /* -1: there is no list */
	int64_t list_synced_ms;    /* wall, of the list that was asked */

	struct bmx_any_wait *any_wait; /* for the answer whether it is served */
	enum cache_stage cache_stage;
	struct bmx_slice cut;  /* the form whose record is read */
	int64_t record_age_ms; /* of the one that was used; -1: none */
	bool was_valid;        /* an older VALID is kept */
	struct bmx_record_get *get;
	const char *probe_why; /* why the primary did not decide */
	struct bmx_call_ahead_wait *wait;
	bool gate_begun;
	enum gate_stage gate_stage;
	struct bmx_gate_facts gate_facts;
	char stranger[BMX_GATE_NAME_BUFFER];
	char client[BMX_GATE_NAME_BUFFER];

	bmx_engine_step_cb *on_step; /* NULL on the hot path */
	void *step_ctx;

	char local_buffer[BMX_LOCAL_BUFFER];
	char domain_buffer[BMX_DOMAIN_BUFFER];
};

struct bmx_engine {
	struct bmx_engine_parts parts;
	struct engine_setup *setup;
	struct bmx_harvest *harvest;
	bool reading;    /* a batch has begun */
	int64_t wall_ms; /* when it began */
	uint64_t requests;
	struct bmx_today today;
	struct bmx_engine_ask *first; /* those that wait, oldest first */
	struct bmx_engine_ask *last;
	size_t waiting;
	struct bmx_engine_ask *spare; /* kept for the next request */
	size_t spare_count;
	struct bmx_timer *deadline; /* of the first that waits */
	struct bmx_histogram *reply_seconds;
	struct bmx_metric *waiting_gauge;
	struct bmx_log_throttle trouble; /* of the store */
};

/** Says store trouble, once a while: each RCPT would repeat it. */
void bmx_engine_log_trouble(struct bmx_engine *engine,
                            const struct bmx_error *err);

/** Makes what is known of the domain's list that of this batch's state. */
void bmx_engine_refresh_list(struct bmx_engine *engine,
                             struct served_domain *domain);

/** The list's age at this batch, at least 0; the list must be present. */
int64_t bmx_engine_age_of(const struct bmx_engine *engine,
                          const struct served_domain *domain);

/** The list's authority at this batch, given what is known of the primary. */
enum bmx_authority
bmx_engine_authority_of(const struct bmx_engine *engine,
                        const struct served_domain *domain,
                        const struct bmx_primary_view *primary);

/** An empty ask of the current setup, or NULL when memory is short. */
struct bmx_engine_ask *bmx_engine_ask_new(struct bmx_engine *engine);

/** Drops what is under way, and the ask. */
void bmx_engine_ask_drop(struct bmx_engine_ask *ask);

/** How a local part is brought into form: bmx_local_normalise for what people
 * write, bmx_local_normalise_internal for what Postfix sends. */
typedef enum bmx_local_form bmx_engine_normalise(struct bmx_slice local,
                                                 bool case_sensitive,
                                                 char buffer[BMX_LOCAL_BUFFER],
                                                 struct bmx_slice *local_out,
                                                 bool *utf8_out);

/** Splits and normalises; a recipient that is no address is not served. */
void bmx_engine_parse_recipient(struct bmx_engine_ask *ask,
                                struct bmx_slice recipient,
                                bmx_engine_normalise *normalise);

/**
 * Fetches a fact.
 * @return true when it is there, false when it is under way: bmx_engine_go_on
 *         is then called
 */
bool bmx_engine_fetch(struct bmx_engine_ask *ask, enum bmx_need need);

/** Fetches cache and accepts_all, as bmx_engine_fetch. */
bool bmx_engine_fetch_cache(struct bmx_engine_ask *ask);

/** Fetches gate, as bmx_engine_fetch. */
bool bmx_engine_fetch_gate(struct bmx_engine_ask *ask);

/** A domain without a section: sets what is known of it. */
void bmx_engine_begin_any(struct bmx_engine_ask *ask);

/** Fetches any, as bmx_engine_fetch. */
bool bmx_engine_fetch_any(struct bmx_engine_ask *ask);

/** Lets the ask go on with the configuration that is in force now. */
void bmx_engine_renew_setup(struct bmx_engine_ask *ask);

/** Is the client one that neither the brake nor the gate is for: trusted,
 * authenticated, or the primary itself (DESIGN.md section 5)? */
bool bmx_engine_is_exempt(const struct bmx_engine_ask *ask);

/** The client's network, found out when it is first needed: most recipients
 * are let pass without. */
const struct bmx_client_net *bmx_engine_net(struct bmx_engine_ask *ask);

/** Is it an explanation, that looks and changes nothing? */
bool bmx_engine_explains(const struct bmx_engine_ask *ask);

/** Wall time. */
int64_t bmx_engine_wall_ms(const struct bmx_engine_ask *ask);

/** The key of a record of the ask's domain. */
struct bmx_record_key bmx_engine_key(const struct bmx_engine_ask *ask,
                                     enum bmx_record_kind kind,
                                     struct bmx_slice name);

/**
 * Reads a record of the ask; take begins with bmx_engine_was_under_way. An
 * explanation does not wait for a store that is far away.
 * @return true when take has been called, false when it will be
 */
bool bmx_engine_read(struct bmx_engine_ask *ask,
                     const struct bmx_record_key *key, bmx_record_cb *take);

/** A record has come. @return true when bmx_engine_go_on is owed, because
 * bmx_engine_read has returned before */
bool bmx_engine_was_under_way(struct bmx_engine_ask *ask);

/** What was under way is there: decides, or fetches what else is needed. */
void bmx_engine_go_on(struct bmx_engine_ask *ask);

/** Decides about an ask all whose facts come at once: an explanation. */
struct bmx_verdict bmx_engine_decide_now(struct bmx_engine_ask *ask);

/** Does its domain only observe? */
bool bmx_engine_observes(const struct bmx_engine_ask *ask);

/** Counts the decision and logs its line. us: how long it took. */
void bmx_engine_record(struct bmx_engine_ask *ask,
                       const struct bmx_verdict *verdict, int64_t us);

/** Tells a step to who asked for steps. */
void bmx_engine_step(struct bmx_engine_ask *ask, const char *name,
                     const char *result, struct bmx_slice detail);

#endif
