/*
 * engine_priv.h - the engine's own view of itself.
 */
#ifndef BACKUPMX_POLICYD_ENGINE_PRIV_H
#define BACKUPMX_POLICYD_ENGINE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/address.h>

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

struct bmx_engine {
	struct bmx_engine_parts parts;
	struct bmx_config *config;
	struct served_domain *domains; /* by bmx_config_domain.index */
	bool reading;                  /* a batch has begun */
	int64_t wall_ms;               /* when it began */
	uint64_t requests;
	struct bmx_histogram *reply_seconds;
	struct bmx_log_throttle trouble; /* of the store */
};

/* A request while it is answered. */
struct question {
	struct bmx_slice local;       /* normalised */
	struct bmx_slice domain;      /* normalised, empty when it is none */
	struct served_domain *served; /* NULL: not served */
	struct bmx_facts facts;
	bool utf8;
	char local_buffer[BMX_LOCAL_BUFFER];
	char domain_buffer[BMX_DOMAIN_BUFFER];
	bmx_engine_step_cb *on_step; /* NULL on the hot path */
	void *step_ctx;
};

/** Makes what is known of the domain's list that of this batch's state. */
void bmx_engine_refresh_list(struct bmx_engine *engine,
                             struct served_domain *domain);

/** The list's age at this batch, at least 0; the list must be present. */
int64_t bmx_engine_age_of(const struct bmx_engine *engine,
                          const struct served_domain *domain);

/** The list's authority at this batch. */
enum bmx_authority bmx_engine_authority_of(const struct bmx_engine *engine,
                                           const struct served_domain *domain);

/** An empty question. */
void bmx_engine_start_question(struct question *question);

/** How a local part is brought into form: bmx_local_normalise for what people
 * write, bmx_local_normalise_internal for what Postfix sends. */
typedef enum bmx_local_form bmx_engine_normalise(struct bmx_slice local,
                                                 bool case_sensitive,
                                                 char buffer[BMX_LOCAL_BUFFER],
                                                 struct bmx_slice *local_out,
                                                 bool *utf8_out);

/** Splits and normalises; a recipient that is no address is not served. */
void bmx_engine_parse_recipient(struct bmx_engine *engine,
                                struct question *question,
                                struct bmx_slice recipient,
                                bmx_engine_normalise *normalise);

/** Fetches what the decision needs until there is a verdict. */
struct bmx_verdict bmx_engine_decide(struct bmx_engine *engine,
                                     struct question *question);

/** Tells a step to who asked for steps. */
void bmx_engine_step(struct question *question, const char *name,
                     const char *result, struct bmx_slice detail);

#endif
