/*
 * eval.h - one evaluation: what is asked, its limits, the records it has read
 * and the aliases under which libspf2 knows their terms.
 */
#ifndef BACKUPMX_MILTER_SPF_EVAL_H
#define BACKUPMX_MILTER_SPF_EVAL_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/arena.h>

#include "macro.h"
#include "record.h"
#include "spf.h"

/** Why an evaluation ends before its record does. */
enum bmx_spf_stop {
	BMX_SPF_GOES_ON,
	BMX_SPF_STOP_TEMP, /* temperror */
	BMX_SPF_STOP_PERM, /* permerror */
};

/** Terms of one record that are shown to libspf2: one more than may be
 * evaluated, so that the limit is met and not an end. */
#define BMX_SPF_TERMS_SHOWN (BMX_SPF_TERMS_MAX + 1)
/** Aliases of one evaluation: each of the records that the limit allows shows
 * its terms and a redirect. */
#define BMX_SPF_ALIASES_MAX                                                    \
	((BMX_SPF_TERMS_MAX + 1) * (BMX_SPF_TERMS_SHOWN + 1) + 1)
/** Room for the text that libspf2 gets instead of a record. */
#define BMX_SPF_GENERATED_SIZE ((size_t)512)

/** A record that was read; its slices are in the evaluation's arena. */
struct bmx_spf_record {
	struct bmx_slice domain;
	struct bmx_spf_outline outline;
};

/** A term that libspf2 comes back to, with the record it stands in. */
struct bmx_spf_alias {
	struct bmx_spf_term term;
	const struct bmx_spf_record *record;
};

struct bmx_spf_eval {
	const struct bmx_spf_request *request;
	struct bmx_spf_verdict *verdict; /* its counters and problem grow */
	struct bmx_arena *arena;
	const struct bmx_clock *clock;
	int64_t deadline_us;
	const uint8_t *address; /* of the client, 4 or 16 octets */
	size_t address_len;
	struct bmx_slice sender; /* with the local part it is checked with */
	struct bmx_slice local;
	struct bmx_slice domain;
	struct bmx_slice helo;
	enum bmx_spf_stop stop; /* the first reason counts */
	/* Whose exp= explains a fail: the first record, or where it redirects. */
	const struct bmx_spf_record *leading;
	char validated[BMX_DNS_NAME_MAX + 1];      /* %{p} of ... */
	const struct bmx_spf_record *validated_of; /* ... this record */
	struct bmx_spf_alias aliases[BMX_SPF_ALIASES_MAX];
	unsigned alias_count;
};

/* limits.c */

/** Ends the evaluation unless it has ended; about is quoted if not empty. */
void bmx_spf_stop(struct bmx_spf_eval *eval, enum bmx_spf_stop stop,
                  const char *why, struct bmx_slice about);

/** Counts a term that asks DNS; false when it is one too many. */
bool bmx_spf_count_term(struct bmx_spf_eval *eval, struct bmx_slice about);

/** Counts an answer of a term if it is void; false when it is one too many. */
bool bmx_spf_count_void(struct bmx_spf_eval *eval,
                        const struct bmx_dns_answer *answer,
                        struct bmx_slice about);

/**
 * Asks DNS within the evaluation's deadline, past which the evaluation ends.
 * @return never NULL; the caller drops the reference
 */
const struct bmx_dns_answer *bmx_spf_ask(struct bmx_spf_eval *eval,
                                         struct bmx_slice name,
                                         enum bmx_dns_type type);

/* expand.c */

/** The name that spec becomes in record; the record's domain if it is empty. */
struct bmx_slice bmx_spf_expand_name(struct bmx_spf_eval *eval,
                                     const struct bmx_spf_record *record,
                                     struct bmx_slice spec,
                                     char buffer[BMX_SPF_NAME_BUFFER]);

/**
 * Writes the explanation of a fail into the verdict (RFC 7208 section 6.2): the
 * leading record's, or the request's when there is none or anything is wrong
 * with it.
 */
void bmx_spf_explain(struct bmx_spf_eval *eval);

/* validated.c */

/**
 * The client's validated name (RFC 7208 section 5.5) that is closest to
 * domain, in buffer; below_only: domain itself or below it.
 * @return the empty slice when there is none
 */
struct bmx_slice bmx_spf_validated_name(struct bmx_spf_eval *eval,
                                        struct bmx_slice domain,
                                        bool below_only,
                                        char buffer[BMX_DNS_NAME_MAX + 1]);

/* match.c */

/** Does a, mx, ptr or exists match? Counts it; may end the evaluation. */
bool bmx_spf_term_matches(struct bmx_spf_eval *eval,
                          const struct bmx_spf_alias *alias);

/** Does ip4 or ip6 match? Needs no DNS. */
bool bmx_spf_network_matches(const struct bmx_spf_eval *eval,
                             const struct bmx_spf_term *term);

/* load.c */

enum bmx_spf_loaded {
	BMX_SPF_LOADED,
	BMX_SPF_NO_RECORD,
	BMX_SPF_LOAD_STOPPED /* eval->stop says why */
};

/**
 * Fetches and checks the record of domain, and writes what libspf2 gets in its
 * place: the same qualifiers and order, with "all" for a network that matches
 * and "exists:aN.s" or "include:aN.s" for the terms that ask DNS, N being the
 * place in eval->aliases.
 */
enum bmx_spf_loaded bmx_spf_load(struct bmx_spf_eval *eval,
                                 struct bmx_slice domain,
                                 char generated[BMX_SPF_GENERATED_SIZE],
                                 const struct bmx_spf_record **record_out);

/**
 * As bmx_spf_load for the target of an include or a redirect, counted as a
 * term; a missing record is permerror there.
 * @return false when the evaluation ended
 */
bool bmx_spf_load_target(struct bmx_spf_eval *eval,
                         const struct bmx_spf_alias *alias,
                         char generated[BMX_SPF_GENERATED_SIZE]);

/* shield.c */

/**
 * Lets libspf2 walk over generated, the text in place of the leading record.
 * @return what it decides; meaningless when eval->stop is set
 */
enum bmx_spf_result bmx_spf_walk(struct bmx_spf *spf, struct bmx_spf_eval *eval,
                                 const char *generated);

#endif
