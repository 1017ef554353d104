/*
 * primaries.h - the primaries of all domains: which domain has which, and
 * what is known of them.
 *
 *	domain --targets.h--> hosts + settings --> primary (shared)
 *	       <--record store: state and keywords, a record a domain
 *
 * A domain whose hosts are not known, or that has none, has no primary: its
 * status is SUSPECT, but DOWN when that was so before: its name servers may
 * stand beside its primary. The section "*" has none.
 *
 * Metrics: backupmx_primary_up{domain} is 1 while it is UP, else 0;
 * backupmx_primary_suspect{domain} is 1 while nobody can say; both 0: DOWN.
 * backupmx_primary_checks_total{result}: good, failed, undone.
 *
 * Log: `ev=primary domain=D primary=HOSTS result=up|down|suspect count=N
 * err=E`, once a primary and change of status, however many domains (count)
 * have it; domain is one of them. `ev=primary-refuses` when it was reached but
 * does not want us.
 *
 * One thread: that of the loop.
 */
#ifndef BACKUPMX_POLICYD_PRIMARIES_H
#define BACKUPMX_POLICYD_PRIMARIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/dns_loop.h>
#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>
#include <backupmx/metrics.h>
#include <backupmx/record_store.h>
#include <backupmx/slice.h>

#include "policyd/call_ahead.h"
#include "policyd/primary_source.h"
#include "policyd/recovery.h"
#include "policyd/target_set.h"

/** Checks under way at one time; further ones wait their turn. */
#define BMX_PRIMARIES_CHECKS_MAX 256
/** Domains whose hosts are looked up for the first time, each
 * BMX_PRIMARIES_START_MS: thousands at once would drown the resolver. */
#define BMX_PRIMARIES_START_BATCH 100
#define BMX_PRIMARIES_START_MS 50
/** A record is written anew after so long, ms, a tenth more or less. */
#define BMX_PRIMARIES_WRITE_MS ((int64_t)3600 * 1000)
/** Records written at one time, each second. */
#define BMX_PRIMARIES_WRITE_BATCH 500

struct bmx_primaries;

/** A domain's status has changed; domain is borrowed for the call. May ask
 * anything, but neither configure nor free. */
typedef void bmx_primaries_status_cb(void *ctx, struct bmx_slice domain,
                                     enum bmx_primary_status before,
                                     enum bmx_primary_status after);

/** What the registry works with; all of it outlives it. */
struct bmx_primaries_parts {
	struct bmx_loop *loop;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_dns_asker *asker;
	struct bmx_record_store *records;
	struct bmx_recovery *recovery;      /* NULL: nothing is run */
	bmx_primaries_status_cb *on_status; /* may be NULL */
	/* Each probe's result, as of call_ahead.h: for the cache. May be NULL. */
	bmx_call_ahead_result_cb *on_result;
	void *ctx; /* for both */
	/* Which addresses are this machine's; NULL: those of its interfaces. */
	bmx_target_is_ours *is_ours;
	void *is_ours_ctx;
};

/** Returns a registry without domains, which the caller frees, or NULL when
 * memory is short. */
struct bmx_primaries *
bmx_primaries_new(const struct bmx_primaries_parts *parts);

/** Writes all records, frees *primaries and sets it to NULL; NULL is fine.
 * Whoever waits for a call-ahead is called back. */
void bmx_primaries_free(struct bmx_primaries **primaries);

/**
 * Takes over a configuration, of which it takes a reference: at start and at
 * each reload. Domains whose hosts and settings are as before keep their
 * primary with its state; a primary that takes over a domain from another one
 * (other settings, other hosts) begins with what that one knew. Records are
 * read for domains that are new. Not from a callback of call-ahead.
 * @return 0, or -1 with *err (BMX_E_NOMEM): all stays as it was
 */
int bmx_primaries_configure(struct bmx_primaries *primaries,
                            struct bmx_config *config, struct bmx_error *err);

/** What is known of the primary of that domain, a section's name; of another
 * one nothing. Cheap: for each RCPT. */
void bmx_primaries_view(const struct bmx_primaries *primaries,
                        struct bmx_slice domain,
                        struct bmx_primary_view *view_out);

/** Whom to ask about recipients of that domain; NULL: nobody. Valid until the
 * next turn of the loop. */
struct bmx_call_ahead *
bmx_primaries_call_ahead(const struct bmx_primaries *primaries,
                         struct bmx_slice domain);

/** Is that client's address, as text, one of the domain's primary? */
bool bmx_primaries_is_own_address(const struct bmx_primaries *primaries,
                                  struct bmx_slice domain,
                                  struct bmx_slice client_ip);

/** Looks up hosts and checks now, as far as there is room: for a command. */
void bmx_primaries_check_now(struct bmx_primaries *primaries,
                             struct bmx_slice domain);

/** All that `backupmxctl status` shows of a domain's primary. Strings are
 * borrowed until the loop's next turn, never NULL. */
struct bmx_primary_report {
	enum bmx_target_state targets;
	const char *hosts;        /* as text, "" for none */
	bool hosts_stale;         /* DNS cannot say now: older than its TTL */
	bool not_in_mx;           /* there are MX hosts, none of them is ours */
	const char *config_error; /* of the option primary, or of TLS; "" */
	size_t shared_by; /* domains that have this primary, it included */
	enum bmx_primary_status status;
	int64_t since_ms;      /* wall; 0: not known */
	int64_t checked_at_ms; /* wall; 0: not yet */
	struct bmx_smtp_keywords keywords;
	bool refused_us;
	bool refuses_null_sender;
	const char *last_error;   /* "" when there was none */
	int64_t last_error_at_ms; /* wall */
	bool has_call_ahead;
	struct bmx_call_ahead_status call_ahead; /* when has_call_ahead */
};

/** @return true with *report_out, or false when that is no domain of ours */
bool bmx_primaries_report(const struct bmx_primaries *primaries,
                          struct bmx_slice domain,
                          struct bmx_primary_report *report_out);

/** Domains of the configuration in force, "*" not counted. */
size_t bmx_primaries_count(const struct bmx_primaries *primaries);

#endif
