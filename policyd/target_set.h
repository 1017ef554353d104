/*
 * target_set.h - which hosts a domain's primary is, and in which order they
 * are tried: records of DNS in, set out. No I/O, no clock.
 *
 *	`primary` strings -> specs \
 *	answer of MX, our names  ---> plan: which hosts are to be looked up
 *	                                \
 *	answers of A, AAAA, TLSA ------> set: immutable, counted references
 *	                                \
 *	a seed ------------------------> tries: one walk over its addresses
 *
 * Sources: RFC 5321 section 5.1 (order of MX, ourselves among them, no MX),
 * RFC 7505 (null MX), RFC 7672 section 2.2 (which TLSA records count),
 * RFC 8305 section 4 (both families in turn).
 */
#ifndef BACKUPMX_POLICYD_TARGET_SET_H
#define BACKUPMX_POLICYD_TARGET_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include <backupmx/address.h>
#include <backupmx/dns.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>
#include <backupmx/target_spec.h>
#include <backupmx/tls_client.h>

/** Hosts of a set; of more, the best are kept. */
#define BMX_TARGET_HOSTS_MAX ((size_t)32)
/** Addresses of one host, both families together. */
#define BMX_TARGET_ADDRESSES_MAX ((size_t)16)
/** TLSA records of one host. */
#define BMX_TARGET_TLSA_MAX ((size_t)32)
/** Entries of a `primary` option. */
#define BMX_TARGET_SPECS_MAX ((size_t)64)
/** Why there are targets, or why there are none. */
enum bmx_target_state {
	BMX_TARGETS_LOADING,     /* nothing has been answered yet */
	BMX_TARGETS_READY,       /* at least one address */
	BMX_TARGETS_WE_ARE_BEST, /* no MX host is better than ours */
	BMX_TARGETS_NULL_MX,     /* the domain takes no mail (RFC 7505) */
	BMX_TARGETS_NXDOMAIN,    /* the domain does not exist */
	BMX_TARGETS_NO_ADDRESS,  /* hosts, but no usable address of any */
	BMX_TARGETS_FAILED,      /* DNS cannot say, and never could */
	BMX_TARGETS_STATES
};

/** "loading", "ready", "we-are-best-mx", "null-mx", "nxdomain", "no-address",
 * "dns-failed". */
const char *bmx_target_state_name(enum bmx_target_state state);

/** What DNSSEC says of a host's TLSA records. */
enum bmx_target_dane {
	BMX_TARGET_DANE_UNASKED, /* the section does not ask for DANE */
	BMX_TARGET_DANE_SECURE, /* there are, and the chain to them is signed */
	BMX_TARGET_DANE_NONE,   /* proven: there are none */
	BMX_TARGET_DANE_INSECURE, /* a link from the domain to them is unsigned */
	BMX_TARGET_DANE_FAILED,   /* cannot say: bogus or no answer */
	BMX_TARGET_DANE_STATES
};

/** "unasked", "secure", "none", "insecure", "failed". */
const char *bmx_target_dane_name(enum bmx_target_dane dane);

/** A host that is to be looked up, or an address as it was configured. */
struct bmx_target_plan_host {
	char name[BMX_DOMAIN_BUFFER];      /* "" for a literal */
	struct bmx_target_address address; /* of a literal */
	uint16_t port;
	uint32_t rank; /* lowest first; equal ones are shuffled at each use */
	bool from_mx;  /* never to be ourselves */
	bool secure;   /* the way from the domain to this name is signed */
};

/** What follows from the configuration and the MX records alone. */
struct bmx_target_plan {
	/* Why there is no host from "mx": BMX_TARGETS_READY when there is one
	 * or none was asked for. BMX_TARGETS_FAILED: no set can be made now. */
	enum bmx_target_state mx_state;
	bool not_in_mx;   /* there are MX hosts, none of them is ours */
	size_t bad_names; /* MX hosts left out, because no such host can be */
	size_t count;
	struct bmx_target_plan_host hosts[BMX_TARGET_HOSTS_MAX];
};

/** What a plan is made from; all borrowed for the call. */
struct bmx_target_facts {
	struct bmx_slice domain;
	const struct bmx_target_spec *specs;
	size_t spec_count;
	const char *const *our_names; /* any case, a final dot is let pass */
	size_t our_name_count;
	const struct bmx_dns_answer *mx; /* NULL when no spec is "mx" */
};

/** Does a spec ask for the MX records? */
bool bmx_target_wants_mx(const struct bmx_target_spec *specs, size_t count);

/** Fills *plan_out. Hosts come by rank, then in the order of DNS. */
void bmx_target_plan_make(const struct bmx_target_facts *facts,
                          struct bmx_target_plan *plan_out);

/** The answers for one host of a plan, borrowed; NULL where not asked. */
struct bmx_target_answers {
	const struct bmx_dns_answer *a;
	const struct bmx_dns_answer *aaaa;
	const struct bmx_dns_answer *tlsa; /* of _PORT._tcp.NAME */
};

/** Is that address one of this machine's? */
typedef bool bmx_target_is_ours(void *ctx,
                                const struct bmx_target_address *address);

/** A host of a set. */
struct bmx_target_host {
	const char *name; /* for SNI and the certificate; of a literal the
	                   * address without brackets */
	bool literal;
	uint16_t port;
	uint32_t rank;
	size_t address_count;
	/* IPv6 and IPv4 in turn, IPv6 first, each in the order of DNS. */
	struct bmx_target_address addresses[BMX_TARGET_ADDRESSES_MAX];
	enum bmx_target_dane dane;
	size_t tlsa_count;           /* 0 unless dane is secure */
	const struct bmx_tlsa *tlsa; /* data lives as long as the set */
};

/** A set. It never changes; who holds a reference may read it. */
struct bmx_target_set {
	enum bmx_target_state state;
	bool not_in_mx; /* as in the plan: doctor says so */
	bool partial;   /* DNS failed for some host; what was known of it before
	                 * is in the set: ask again soon */
	uint32_t ttl_s; /* the least of all answers, not clamped */
	/* "mx1.example.test:25 mx2.example.test:25 [192.0.2.10]:2525" by rank,
	 * then name; "" without hosts. Addresses are no part of it. */
	const char *text;
	size_t host_count; /* hosts without address are counted too */
	const struct bmx_target_host *hosts;
};

/** What a set is made from; all borrowed for the call. */
struct bmx_target_set_facts {
	const struct bmx_target_plan *plan;
	const struct bmx_target_answers *answers; /* one a host of the plan */
	const struct bmx_dns_answer *mx;          /* NULL when not asked */
	bool wants_dane;
	bmx_target_is_ours *is_ours; /* NULL: none is */
	void *is_ours_ctx;
	const struct bmx_target_set *old; /* what was known; NULL: nothing */
};

/**
 * Makes a set with one reference. A host from MX with an address of ours and
 * port 25 is we ourselves under another name: it is left out with all MX
 * hosts that are not better (RFC 5321 section 5.1). Addresses that no host
 * can have (0.0.0.0, ::, multicast, broadcast) are left out.
 * @return the set; NULL when memory is short, or when nothing new can be
 *         said: DNS failed for MX while old has targets, or it failed and
 *         leaves no address at all. What was known stays in force.
 */
const struct bmx_target_set *
bmx_target_set_make(const struct bmx_target_set_facts *facts);

/** A set without hosts that needs no memory: for LOADING and FAILED. */
const struct bmx_target_set *bmx_target_set_empty(enum bmx_target_state state);

/** One more reference. Returns set. One thread. */
const struct bmx_target_set *
bmx_target_set_ref(const struct bmx_target_set *set);

/** Drops *set's reference and sets it to NULL. NULL is fine. */
void bmx_target_set_unref(const struct bmx_target_set **set);

/** One address to be tried. Pointers are good as long as the tries. */
struct bmx_target_try {
	struct sockaddr_storage address; /* with port, for connect(2) */
	socklen_t address_len;
	const struct bmx_target_host *host;
	/* May tls = dane use it: securely published TLSA records that we can
	 * read. If not, dane means "refused", never "in clear". */
	bool dane_ok;
};

struct bmx_target_tries;

/**
 * Starts a walk over all addresses of set, of which it takes a reference:
 * hosts by rank, those of equal rank shuffled by seed, all addresses of a host
 * before the next host.
 * @return the walk, which the caller frees, or NULL when memory is short
 */
struct bmx_target_tries *bmx_target_tries_new(const struct bmx_target_set *set,
                                              uint64_t seed);

/** The next one, valid until the next call or the free; NULL at the end. */
const struct bmx_target_try *
bmx_target_tries_next(struct bmx_target_tries *tries);

/** Frees *tries and sets it to NULL. NULL is fine. */
void bmx_target_tries_free(struct bmx_target_tries **tries);

#endif
