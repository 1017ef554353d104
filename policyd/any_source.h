/*
 * any_source.h - what the engine asks about domains without a section, where
 * there is a section "*": the registry of the daemon, or a test's own.
 */
#ifndef BACKUPMX_POLICYD_ANY_SOURCE_H
#define BACKUPMX_POLICYD_ANY_SOURCE_H

#include <backupmx/slice.h>

/** Is a domain one of "*"? */
enum bmx_any_answer {
	BMX_ANY_SERVED,   /* yes: the configuration in force has its section */
	BMX_ANY_NOT_OURS, /* no, DNS says */
	BMX_ANY_FAILED,   /* DNS cannot say */
	BMX_ANY_FULL,     /* yes, but there is no room for it */
	BMX_ANY_ANSWERS
};

/** Somebody who waits for the answer. */
struct bmx_any_wait;

/** Takes the answer. May ask again, and leave others. */
typedef void bmx_any_cb(void *ctx, enum bmx_any_answer answer);

struct bmx_any_source {
	/**
	 * Asks about a domain, A-labels in lower case. cb is called once:
	 * before this returns, then it returns NULL; or later, unless the wait
	 * is left. The look-up then goes on, for the next one.
	 */
	struct bmx_any_wait *(*ask)(void *ctx, struct bmx_slice domain,
	                            bmx_any_cb *cb, void *cb_ctx);
	/** cb will not be called; sets *wait to NULL. */
	void (*leave)(void *ctx, struct bmx_any_wait **wait);
	/** A domain of "*" has got a recipient: it is in use. */
	void (*used)(void *ctx, struct bmx_slice domain);
	void *ctx;
};

#endif
