/*
 * mx_standing.h - are we a backup MX of a domain, as far as DNS says? Answers
 * in, standing out: no I/O, no clock; and what is remembered of a domain.
 *
 *	answer of MX, our names ---> decided, or OPEN: hosts to be looked up
 *	answers of A and AAAA   ---> decided
 *
 * This is what the section "*" is about: every other domain whose MX set
 * names us behind a better host. Equal preference is not behind: such a
 * domain has nobody better whom we could ask or relay to. A host with an
 * address of this machine is we ourselves under another name.
 *
 * Sources: RFC 5321 section 5.1 (ourselves among the MX hosts, no MX),
 * RFC 7505 (null MX).
 */
#ifndef BACKUPMX_MX_STANDING_H
#define BACKUPMX_MX_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include <backupmx/dns.h>
#include <backupmx/slice.h>

/** Hosts of one MX set whose addresses are looked at. */
#define BMX_MX_HOSTS_MAX ((size_t)16)

enum bmx_mx_standing {
	BMX_MX_OPEN,     /* the addresses of hosts are needed */
	BMX_MX_BACKUP,   /* we are in the set, behind a better host */
	BMX_MX_BEST,     /* we are in the set, and nobody is better */
	BMX_MX_ABSENT,   /* there is a set without us */
	BMX_MX_NULL,     /* the domain takes no mail */
	BMX_MX_NONE,     /* no MX: the domain is its own only mail host */
	BMX_MX_NXDOMAIN, /* there is no such domain */
	BMX_MX_FAILED,   /* DNS cannot say */
	BMX_MX_STANDINGS
};

/** "open", "backup", "best-mx", "not-in-mx", "null-mx", "no-mx", "nxdomain",
 * "dns-failed". */
const char *bmx_mx_standing_name(enum bmx_mx_standing standing);

/** What is the domain to us? */
enum bmx_mx_served {
	BMX_MX_SERVED_UNKNOWN, /* neither is known */
	BMX_MX_SERVED_YES,
	BMX_MX_SERVED_NO,
};

/** What a standing means: OPEN and FAILED are not known. */
enum bmx_mx_served bmx_mx_standing_served(enum bmx_mx_standing standing);

/** Is that address one of this machine's? octets are 4 or 16. */
typedef bool bmx_mx_is_ours(void *ctx, sa_family_t family,
                            const uint8_t *octets);

/** A host's answers, borrowed; NULL where it was not asked for, or memory was
 * short: counted as a failure. */
struct bmx_mx_addresses {
	const struct bmx_dns_answer *a;
	const struct bmx_dns_answer *aaaa;
};

/** All borrowed for the call. */
struct bmx_mx_facts {
	const char *const *our_names; /* any case, a final dot is let pass */
	size_t our_name_count;
	const struct bmx_dns_answer *mx;
	/* One a host of bmx_mx_hosts, NULL in the first step. */
	const struct bmx_mx_addresses *addresses;
	bmx_mx_is_ours *is_ours; /* NULL: nobody knows our addresses */
	void *is_ours_ctx;
};

/** Is name one of ours? Case and a final dot do not matter. */
bool bmx_mx_is_our_name(const char *const *our_names, size_t count,
                        struct bmx_slice name);

/** Above every preference: none of our names is in the set. */
#define BMX_MX_NO_PREFERENCE 65536U

/** The best preference that mx, whose records come by preference, gives one of
 * our names, or BMX_MX_NO_PREFERENCE. */
uint32_t bmx_mx_our_preference(const char *const *our_names, size_t count,
                               const struct bmx_dns_answer *mx);

/** Does every record of mx name no host (RFC 7505)? */
bool bmx_mx_is_null(const struct bmx_dns_answer *mx);

/**
 * Whose addresses the second step wants: of a set that names us the hosts
 * that are better, otherwise all, each once, the best first.
 * @return how many, at most BMX_MX_HOSTS_MAX; names are borrowed from facts->mx
 */
size_t bmx_mx_hosts(const struct bmx_mx_facts *facts,
                    struct bmx_slice hosts_out[BMX_MX_HOSTS_MAX]);

/**
 * Decides. A set that names us behind a host whose addresses cannot be had is
 * BACKUP: to serve a domain is to check more, never less. A set in which we
 * may be under another name, but DNS cannot say, is FAILED; so is one of more
 * than BMX_MX_HOSTS_MAX hosts that does not name us, and any that does not
 * name us when our addresses are not known.
 * @return BMX_MX_OPEN only while facts->addresses is NULL
 */
enum bmx_mx_standing bmx_mx_standing_of(const struct bmx_mx_facts *facts);

/** A yes is looked at again after its TTL, but after so long at least and at
 * most, ms. */
#define BMX_MX_YES_MIN_MS ((int64_t)60 * 1000)
#define BMX_MX_YES_MAX_MS ((int64_t)3600 * 1000)
/** And a no. */
#define BMX_MX_NO_MIN_MS ((int64_t)300 * 1000)
#define BMX_MX_NO_MAX_MS ((int64_t)3600 * 1000)
/** DNS that failed is not asked again for so long: of a domain that is served,
 * and of another. */
#define BMX_MX_YES_RETRY_MS ((int64_t)30 * 1000)
#define BMX_MX_RETRY_MS ((int64_t)5 * 1000)
/** A domain that was ours is served for so long after DNS has said so for the
 * last time: an MX set is edited in haste, or in steps. While DNS fails it is
 * served on. */
#define BMX_MX_KEEP_MS ((int64_t)24 * 3600 * 1000)

/** What is remembered of a domain; zeroed it is nothing. Times are ms of one
 * monotonic clock. */
struct bmx_mx_memory {
	enum bmx_mx_served served;
	enum bmx_mx_standing standing; /* the last that DNS said */
	int64_t ask_again_ms;
	int64_t last_yes_ms;
};

/** Takes what DNS says now, never BMX_MX_OPEN; ttl_s is the least of the
 * answers that led to it. */
void bmx_mx_memory_take(struct bmx_mx_memory *memory,
                        enum bmx_mx_standing standing, uint32_t ttl_s,
                        int64_t now_ms);

/** What may be answered from memory: a yes whatever its age, a no until it is
 * to be asked again. */
enum bmx_mx_served bmx_mx_memory_says(const struct bmx_mx_memory *memory,
                                      int64_t now_ms);

#endif
