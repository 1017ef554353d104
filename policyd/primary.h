/*
 * primary.h - one primary: what is known of it, its checks, its call-ahead.
 *
 * A primary is a set of hosts together with the settings with which it is
 * asked; domains that have both in common share it (primaries.h), so that it
 * is checked once an interval, not once a domain. Contacts of call-ahead feed
 * the same state. One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_PRIMARY_H
#define BACKUPMX_POLICYD_PRIMARY_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/record.h>
#include <backupmx/tls_client.h>

#include "policyd/call_ahead.h"
#include "policyd/primary_state.h"

struct bmx_primary;

/** What is known of a primary; may be handed on to another one. */
struct bmx_primary_knowledge {
	struct bmx_primary_state state;
	struct bmx_smtp_keywords keywords; /* the last that were seen */
	bool refuses_null_sender;
};

/** Nothing is known. */
void bmx_primary_knowledge_init(struct bmx_primary_knowledge *knowledge,
                                const struct bmx_primary_now *now);

/** What a record says, as bmx_primary_state_resume. */
void bmx_primary_knowledge_resume(struct bmx_primary_knowledge *knowledge,
                                  const struct bmx_primary_record *record,
                                  int64_t interval_ms,
                                  const struct bmx_primary_now *now);

/** @return true with *record_out; false when there is nothing to be kept */
bool bmx_primary_knowledge_record(const struct bmx_primary_knowledge *knowledge,
                                  struct bmx_primary_record *record_out);

/** Told by a primary; they may ask it anything but free it. */
struct bmx_primary_callbacks {
	/** A walk over its hosts, in order; NULL: memory is short. */
	struct bmx_target_tries *(*tries)(void *ctx);
	/** A check is due: call bmx_primary_check now or when there is room. */
	void (*on_due)(void *ctx);
	/** The check that was asked for is over. */
	void (*on_checked)(void *ctx);
	/** The status, the keywords or the refusal of <> have changed. */
	void (*on_change)(void *ctx, enum bmx_primary_status before);
	/** As of call_ahead.h; may be NULL. */
	bmx_call_ahead_result_cb *on_result;
	void *result_ctx; /* for on_result */
	void *ctx;        /* for the others */
};

/** How it is asked; copied, but for the context. */
struct bmx_primary_settings {
	const char *name;     /* its hosts, as in target_set.h */
	const char *hostname; /* ours */
	enum bmx_config_tls tls;
	/* NULL with BMX_TLS_NONE, and when it could not be made: there is then
	 * no call-ahead. Outlives the primary. */
	struct bmx_tls_context *tls_context;
	const char *probe_sender;
	int64_t probe_rate;
	int64_t probe_connections;
	int64_t check_interval_ms;
};

/** All of it outlives the primary. */
struct bmx_primary_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_primary_callbacks callbacks;
};

/**
 * Makes a primary of which `from` is known. Its first check is due after
 * first_check_ms.
 * @return the primary, which the caller frees, or NULL with *err
 *         (BMX_E_NOMEM, BMX_E_TOO_BIG: hostname or sender)
 */
struct bmx_primary *bmx_primary_new(const struct bmx_primary_parts *parts,
                                    const struct bmx_primary_settings *settings,
                                    const struct bmx_primary_knowledge *from,
                                    int64_t first_check_ms,
                                    struct bmx_error *err);

/** Frees *primary and sets it to NULL; NULL is fine. A check under way is
 * dropped, askers of its call-ahead are called back. Not from a callback of
 * it or of its call-ahead. */
void bmx_primary_free(struct bmx_primary **primary);

/** Says another name in EHLO from now on. @return 0, or -1 with *err */
int bmx_primary_set_hostname(struct bmx_primary *primary, const char *hostname,
                             struct bmx_error *err);

/** Checks now, unless a check is under way; on_checked follows in any case,
 * from the loop or from within. */
void bmx_primary_check(struct bmx_primary *primary);

/** Takes what a store knew, if nothing was learnt since the start. */
void bmx_primary_resume(struct bmx_primary *primary,
                        const struct bmx_primary_knowledge *stored);

/** Its hosts as text, as in the settings. */
const char *bmx_primary_name(const struct bmx_primary *primary);

/** What is known now; borrowed until the loop's next turn. */
const struct bmx_primary_knowledge *
bmx_primary_knows(const struct bmx_primary *primary);

/** Its call-ahead, or NULL when there is none (no TLS context). */
struct bmx_call_ahead *
bmx_primary_call_ahead(const struct bmx_primary *primary);

/** The last failure of a check or contact. */
struct bmx_primary_trouble {
	bool refused_us;        /* reached, and it did not want us */
	const char *last_error; /* "" when there was none; borrowed until the
	                         * loop's next turn */
	int64_t at_ms;          /* wall */
};

/** Fills *trouble_out. refused_us holds until a good contact. */
void bmx_primary_trouble(const struct bmx_primary *primary,
                         struct bmx_primary_trouble *trouble_out);

#endif
