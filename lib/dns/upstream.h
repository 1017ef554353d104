/*
 * upstream.h - who is asked what the cache does not know: libunbound, or a
 * test that answers when it likes.
 */
#ifndef BACKUPMX_LIB_DNS_UPSTREAM_H
#define BACKUPMX_LIB_DNS_UPSTREAM_H

#include <stdbool.h>

#include <backupmx/dns.h>
#include <backupmx/error.h>

#include "question.h"

/** Takes an answer, with its reference. From any thread, without locks. */
typedef void bmx_dns_upstream_cb(void *flight,
                                 const struct bmx_dns_answer *answer);

struct bmx_dns_upstream {
	/**
	 * Asks. done(flight, answer) follows exactly once, perhaps before this
	 * returns, unless cancel takes the question back.
	 * @return 0 with a handle for cancel, which is void once done has
	 *         returned; or -1: done will not be called
	 */
	int (*start)(void *ctx, const struct bmx_dns_question *question,
	             bmx_dns_upstream_cb *done, void *flight,
	             void **handle_out);
	/**
	 * Takes a question back whose done has not returned. Must not wait for a
	 * done that is running.
	 * @return true: done will never be called; false: it is or will be
	 */
	bool (*cancel)(void *ctx, void *handle);
	/** Stops; no done is running or will be called after it. */
	void (*free)(void *ctx);
	void *ctx;
};

/**
 * libunbound with a thread of its own; of options it takes the resolvers and
 * the trust anchors.
 * @return 0, or -1 with *err as bmx_dns_new says
 */
int bmx_dns_unbound_new(struct bmx_dns_upstream *upstream_out,
                        const struct bmx_dns_options *options,
                        struct bmx_error *err);

/**
 * bmx_dns_new over an upstream, which the resolver then owns, also when
 * making it fails. Its resolvers and trust anchors are not
 * looked at.
 */
struct bmx_dns *bmx_dns_new_over(const struct bmx_dns_options *options,
                                 const struct bmx_dns_upstream *upstream,
                                 struct bmx_error *err);

#endif
