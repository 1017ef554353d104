/*
 * dns_loop.h - DNS look-ups on an event loop: ask, and be called back.
 *
 * The asker of a loop hands questions to a resolver (dns.h) and brings the
 * answers back into the loop's thread. Behind an interface, so that scenario
 * tests answer from a zone in memory.
 */
#ifndef BACKUPMX_DNS_LOOP_H
#define BACKUPMX_DNS_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/dns.h>
#include <backupmx/loop.h>

/** answer is borrowed; take a reference to keep it. */
typedef void bmx_dns_answer_cb(void *ctx, const struct bmx_dns_answer *answer);

struct bmx_dns_ask; /* a question under way */

/** Who answers. */
struct bmx_dns_asker {
	/**
	 * Asks; cb is called once, from a later turn of the loop, at the latest
	 * after timeout_ms with BMX_DNS_TEMPFAIL. The look-up itself may go on,
	 * to fill the cache.
	 * @return a handle until cb is called or it is cancelled; NULL when
	 *         memory is short: cb is then never called
	 */
	struct bmx_dns_ask *(*ask)(struct bmx_dns_asker *asker,
	                           struct bmx_slice name,
	                           enum bmx_dns_type type, int64_t timeout_ms,
	                           bmx_dns_answer_cb *cb, void *ctx);
	/** cb will not be called. */
	void (*cancel)(struct bmx_dns_ask *ask);
};

/**
 * An asker on dns for loop; both must outlive it.
 * @return the asker, which the caller frees, or NULL with *err (BMX_E_NOMEM,
 *         BMX_E_IO)
 */
struct bmx_dns_asker *bmx_dns_loop_new(struct bmx_dns *dns,
                                       struct bmx_loop *loop,
                                       struct bmx_error *err);

/** Frees *asker and sets it to NULL; what is open is cancelled. NULL is fine.
 * For bmx_dns_loop_new's only; in a callback, too. */
void bmx_dns_loop_free(struct bmx_dns_asker **asker);

#endif
