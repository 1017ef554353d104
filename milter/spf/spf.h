/*
 * spf.h - evaluates SPF (RFC 7208): check_host() with its limits.
 *
 * Records are fetched, parsed and limited by code of our own; libspf2 walks
 * over generated text that has the same structure and never sees an octet
 * that came from the network (DESIGN.md section 2).
 *
 * An evaluation is plain blocking code in the calling thread; each of its
 * look-ups ends by the deadline. Any number of threads may evaluate at once
 * with one evaluator.
 */
#ifndef BACKUPMX_SPF_H
#define BACKUPMX_SPF_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/dns.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Terms of an evaluation that ask DNS (RFC 7208 section 4.6.4). */
#define BMX_SPF_TERMS_MAX 10
/** Look-ups that find nothing, of those terms. */
#define BMX_SPF_VOIDS_MAX 2
/** Hosts of one mx term: more is permerror. */
#define BMX_SPF_MX_MAX 10
/** Names of one ptr term or %{p}: further ones are not looked at. */
#define BMX_SPF_PTR_MAX 10
/** Longest time of one evaluation, whatever the deadline says. */
#define BMX_SPF_TIME_MAX_MS 20000
/** Octets of a record; longer ones are permerror. */
#define BMX_SPF_RECORD_MAX ((size_t)16384)
/**
 * Octets of a local part and of a HELO name that macros see: the first ones of
 * the one, the last ones of the other. The check itself goes on, or a client
 * would be rid of it by a long name.
 */
#define BMX_SPF_SENDER_MAX ((size_t)1024)
/** Room for an explanation; one that does not fit is not used. */
#define BMX_SPF_EXPLANATION_SIZE ((size_t)4096)
/** Room for the reason of a result; cut if longer. */
#define BMX_SPF_PROBLEM_SIZE ((size_t)256)

/** RFC 7208 section 2.6. */
enum bmx_spf_result {
	BMX_SPF_NONE,
	BMX_SPF_NEUTRAL,
	BMX_SPF_PASS,
	BMX_SPF_FAIL,
	BMX_SPF_SOFTFAIL,
	BMX_SPF_TEMPERROR,
	BMX_SPF_PERMERROR,
	BMX_SPF_RESULTS
};

/** "none", "neutral", "pass", "fail", "softfail", "temperror", "permerror". */
const char *bmx_spf_result_name(enum bmx_spf_result result);

/** Which identity was checked (RFC 7208 section 2.2). */
enum bmx_spf_identity {
	BMX_SPF_MAILFROM, /* the sender */
	BMX_SPF_HELO,     /* the sender was <> */
	BMX_SPF_IDENTITIES
};

/** What is asked; all of it stays the caller's. */
struct bmx_spf_request {
	struct bmx_dns_source dns;
	uint8_t client[16];      /* network order; IPv4 as ::ffff:a.b.c.d, so
	                           * that mapped addresses are IPv4 */
	struct bmx_slice helo;   /* as the client gave it */
	struct bmx_slice sender; /* MAIL FROM without <>, domain as A-labels
	                           * (bmx_domain_normalise); empty is <> */
	const char *receiver;    /* %{r}: our host name; NULL: "unknown" */
	const char *explanation; /* of a fail without exp=; NULL: "" */
	int64_t deadline_us;     /* CLOCK_MONOTONIC, microseconds */
	const struct bmx_clock *clock; /* for %{t} and the deadline; NULL: the
	                                * system's */
};

/** What came out. All text is terminated, printable ASCII. */
struct bmx_spf_verdict {
	enum bmx_spf_result result;
	enum bmx_spf_identity identity;
	unsigned terms;                    /* DNS terms evaluated */
	unsigned voids;                    /* look-ups without a result */
	unsigned lookups;                  /* all questions to DNS */
	char domain[BMX_DNS_NAME_MAX + 1]; /* the domain checked; "" if none */
	/* Of a fail: the domain's text, which is not to be trusted, or
	 * request.explanation; "" for all other results. */
	char explanation[BMX_SPF_EXPLANATION_SIZE];
	/* Why, for logs and Received-SPF's problem=; "" if nothing is to say. */
	char problem[BMX_SPF_PROBLEM_SIZE];
};

struct bmx_spf;

/** Makes an evaluator, which the caller frees; NULL with *err BMX_E_NOMEM. */
struct bmx_spf *bmx_spf_new(struct bmx_error *err);

/** Frees *spf and sets it to NULL. NULL is fine. No evaluation may run. */
void bmx_spf_free(struct bmx_spf **spf);

/**
 * check_host() of RFC 7208 section 4. Fills *verdict_out in every case:
 * trouble of our own, a deadline that passed included, is
 * BMX_SPF_TEMPERROR. Any thread; blocks until the deadline at most.
 */
void bmx_spf_check(struct bmx_spf *spf, const struct bmx_spf_request *request,
                   struct bmx_spf_verdict *verdict_out);

#endif
