/*
 * dns.h - DNS look-ups with a deadline, behind a cache that honours TTLs.
 *
 * Worker threads ask and wait; one thread of the resolver's own talks to
 * libunbound (ub_resolve_async), so that no look-up costs a blocking
 * ub_resolve. Questions that are the same and open at the same time are sent
 * once. A look-up that is needed later is started with bmx_dns_start and
 * collected with bmx_dns_wait.
 *
 * Sources: RFC 1034, RFC 2308 (negative answers), RFC 7208 section 3.3 (TXT
 * strings are joined without a blank).
 */
#ifndef BACKUPMX_DNS_H
#define BACKUPMX_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/clock.h>
#include <backupmx/error.h>
#include <backupmx/metrics.h>
#include <backupmx/slice.h>

/** Octets of a name as text, without final dot (RFC 1035 section 2.3.4). */
#define BMX_DNS_NAME_MAX ((size_t)253)
/** Octets of a label. */
#define BMX_DNS_LABEL_MAX ((size_t)63)
/** Most records of one answer that are kept; further ones are dropped. */
#define BMX_DNS_RECORDS_MAX ((size_t)256)

/** The record types that are asked for, with their numbers in the registry of
 * RFC 6895. */
enum bmx_dns_type {
	BMX_DNS_A = 1,
	BMX_DNS_NS = 2,
	BMX_DNS_CNAME = 5, /* the alias itself, which is then not followed */
	BMX_DNS_PTR = 12,
	BMX_DNS_MX = 15,
	BMX_DNS_TXT = 16,
	BMX_DNS_AAAA = 28,
	BMX_DNS_TLSA = 52,
};

/** What a look-up found out. */
enum bmx_dns_status {
	BMX_DNS_OK,       /* at least one record */
	BMX_DNS_NODATA,   /* the name exists, without such a record */
	BMX_DNS_NXDOMAIN, /* the name does not exist */
	BMX_DNS_TEMPFAIL, /* cannot say: SERVFAIL, bogus, deadline, no memory */
	BMX_DNS_BADNAME,  /* no name that DNS can carry: never asked */
	BMX_DNS_STATUSES
};

/** "ok", "nodata", "nxdomain", "tempfail", "badname". */
const char *bmx_dns_status_name(enum bmx_dns_status status);

/** One record; which fields hold something follows from the type asked for. */
struct bmx_dns_record {
	/* TXT: the strings joined, any octets. MX, PTR, NS, CNAME: the name,
	 * printable ASCII in the case it came in, without final dot; "" is the
	 * root, which as the only MX means "takes no mail" (RFC 7505). TLSA: the certificate
	 * association data, any octets. A, AAAA: empty. */
	struct bmx_slice text;
	bool has_nul;          /* TXT: there is a NUL among the octets */
	uint16_t preference;   /* MX */
	uint8_t usage;         /* TLSA, RFC 6698 section 2.1 */
	uint8_t selector;      /* TLSA */
	uint8_t matching_type; /* TLSA */
	uint8_t address
		[16]; /* A: the first 4 octets; AAAA: all; network order */
};

/** An answer. It never changes; who holds a reference may read it. */
struct bmx_dns_answer {
	enum bmx_dns_status status;
	/* DNSSEC: our own validation vouches for it, and for each CNAME on the
	 * way, from a trust anchor down; also for BMX_DNS_NODATA and
	 * BMX_DNS_NXDOMAIN. What a resolver says of itself (AD) counts nothing. */
	bool secure;
	uint32_t ttl_s; /* as it came from DNS; 0: not to be kept */
	size_t count;   /* 0 unless status is BMX_DNS_OK */
	/* In the order of DNS; MX by preference, lowest first. CNAMEs have been
	 * followed. Valid as long as the answer. */
	const struct bmx_dns_record *records;
};

/**
 * Makes an answer with one reference and copies of count records; MX are
 * sorted. For the resolver and for sources of tests. BMX_DNS_OK without
 * records becomes BMX_DNS_NODATA.
 * @return never NULL: when memory is short, a BMX_DNS_TEMPFAIL answer
 */
const struct bmx_dns_answer *
bmx_dns_answer_new(enum bmx_dns_status status, enum bmx_dns_type type,
                   uint32_t ttl_s, const struct bmx_dns_record *records,
                   size_t count);

/** Marks an answer that nobody else holds yet as secure. Returns it. One
 * without records that was made when memory was short stays as it is. */
const struct bmx_dns_answer *
bmx_dns_answer_secured(const struct bmx_dns_answer *answer);

/** One more reference. Returns answer. Any thread. */
const struct bmx_dns_answer *
bmx_dns_answer_ref(const struct bmx_dns_answer *answer);

/** Drops *answer's reference and sets it to NULL. NULL is fine. Any thread. */
void bmx_dns_answer_unref(const struct bmx_dns_answer **answer);

/**
 * Where answers come from: the resolver below, or a zone in memory in tests.
 * Both may be used by several threads at once if resolve may be.
 */
struct bmx_dns_source {
	/**
	 * Looks name up (any octets, a final dot is let pass) and waits until
	 * deadline_us, microseconds of CLOCK_MONOTONIC.
	 * @return never NULL; the caller drops the reference
	 */
	const struct bmx_dns_answer *(*resolve)(void *ctx,
	                                        struct bmx_slice name,
	                                        enum bmx_dns_type type,
	                                        int64_t deadline_us);
	void *ctx;
};

/** What the resolver is made from; zeroed fields take the defaults named. */
struct bmx_dns_options {
	/* "address@port" or "address" (port 53), IPv4 or IPv6: recursive or
	 * authoritative servers that are asked. None: those of resolv.conf, and
	 * the root servers when it names none. */
	const char *const *resolvers;
	size_t resolver_count;
	/* File with trust anchors, DS or DNSKEY records as in a zone file: what
	 * they sign is validated, and `secure` then. Validation takes nothing
	 * away: what fails it is answered as what is not signed, so that private
	 * zones below a signed parent stay usable. NULL: none, nothing is ever
	 * secure. See bmx_dns_trust_anchor. */
	const char *trust_anchor_file;
	uint32_t max_ttl_s; /* a longer TTL is told as this; default a day */
	size_t max_entries; /* answers kept; default 65,536 */
	size_t max_bytes;   /* octets of all kept answers; default 64 MiB */
	size_t max_pending; /* questions open at once; default 4,096; further
	                     * ones are BMX_DNS_TEMPFAIL at once */
	const struct bmx_clock *clock; /* ages answers; default the system's.
	                                * Deadlines are always CLOCK_MONOTONIC */
	struct bmx_metrics *metrics;   /* backupmx_dns_*; NULL: not shown; must
	                                * outlive the resolver */
};

/**
 * The file for trust_anchor_file that a configured path means: the path, or,
 * when it is empty, Debian's key of the root zone (package dns-root-data) if
 * it can be read, and NULL if not. Borrows configured.
 */
const char *bmx_dns_trust_anchor(const char *configured);

/** Counted since the start. */
struct bmx_dns_counters {
	uint64_t lookups;   /* starts, whatever answered them */
	uint64_t hits;      /* answered from the cache */
	uint64_t joined;    /* joined a question that was open */
	uint64_t sent;      /* given to libunbound */
	uint64_t failed;    /* answered with BMX_DNS_TEMPFAIL */
	uint64_t timeouts;  /* deadlines that passed while waiting */
	uint64_t cancelled; /* questions given up with their last waiter */
	uint64_t refused;   /* max_pending was reached */
	uint64_t evicted;   /* answers dropped for the caps */
	uint64_t entries;   /* answers kept now */
	uint64_t bytes;     /* octets of them */
	uint64_t pending;   /* questions open now */
};

struct bmx_dns;

/**
 * Makes a resolver and starts its threads. libunbound's built-in empty zones
 * for `test.`, `home.arpa.` and the reverse zones of private and
 * documentation addresses are switched off: the servers asked decide.
 *
 * Kept: answers for their TTL, at most a day; negative answers for the SOA's
 * minimum (60 s without one), at most 15 min; failures for 5 s, but not
 * deadlines. TTL 0 is not kept.
 * @return the resolver, which the caller frees, or NULL with *err:
 *         BMX_E_SYNTAX (a resolver is no address; a trust anchor cannot be
 *         understood), BMX_E_NOMEM, BMX_E_IO, BMX_E_NOT_FOUND and
 *         BMX_E_PERMISSION (the trust anchors)
 */
struct bmx_dns *bmx_dns_new(const struct bmx_dns_options *options,
                            struct bmx_error *err);

/**
 * Ends the threads, frees *dns and sets it to NULL. NULL is fine. Every query
 * must have been waited for or cancelled, and no thread may be in a call.
 */
void bmx_dns_free(struct bmx_dns **dns);

struct bmx_dns_query;

/**
 * Starts a look-up without waiting. Any thread; another one may collect it.
 * @return a query that is ended once, by bmx_dns_wait or bmx_dns_cancel;
 *         NULL when memory is short, which both take
 */
struct bmx_dns_query *bmx_dns_start(struct bmx_dns *dns, struct bmx_slice name,
                                    enum bmx_dns_type type);

/** Would bmx_dns_wait return at once? true for NULL. */
bool bmx_dns_done(const struct bmx_dns_query *query);

/** Says that a query is answered. With the resolver's lock held, in any
 * thread: it must not wait, and not call any function of this header. */
typedef void bmx_dns_notify_cb(void *ctx);

/**
 * Has cb called once, as soon as query is answered. At most once a query.
 * After bmx_dns_wait or bmx_dns_cancel no call is running or will follow.
 * @return false when it is answered already (or NULL): cb is not called
 */
bool bmx_dns_notify(struct bmx_dns_query *query, bmx_dns_notify_cb *cb,
                    void *ctx);

/**
 * Waits for the answer until deadline_us (CLOCK_MONOTONIC, microseconds), ends
 * the query and sets *query to NULL. At the deadline the answer is
 * BMX_DNS_TEMPFAIL, and the question is cancelled unless others wait for it.
 * A deadline in the past still takes an answer that is there.
 * @return never NULL; the caller drops the reference
 */
const struct bmx_dns_answer *bmx_dns_wait(struct bmx_dns_query **query,
                                          int64_t deadline_us);

/** Ends the query without an answer and sets *query to NULL. NULL is fine. */
void bmx_dns_cancel(struct bmx_dns_query **query);

/** bmx_dns_start and bmx_dns_wait in one. */
const struct bmx_dns_answer *bmx_dns_resolve(struct bmx_dns *dns,
                                             struct bmx_slice name,
                                             enum bmx_dns_type type,
                                             int64_t deadline_us);

/** The resolver as a source; valid as long as dns. */
struct bmx_dns_source bmx_dns_as_source(struct bmx_dns *dns);

/** The counters now; each is right, together they are no snapshot. */
void bmx_dns_count(struct bmx_dns *dns, struct bmx_dns_counters *counters_out);

/** Drops all kept answers: for tests and for a reload. Any thread. */
void bmx_dns_flush(struct bmx_dns *dns);

#endif
