/*
 * probe_command.h - asks the primary about one address while an administrator
 * watches: `backupmxctl probe`.
 *
 * Goes past cache, rate limit and breaker, tells every line of the dialogue,
 * and goes to the next host of the primary as call-ahead would. What it finds
 * out is learnt like the result of any other probe. One thread: that of the
 * loop.
 */
#ifndef BACKUPMX_POLICYD_PROBE_COMMAND_H
#define BACKUPMX_POLICYD_PROBE_COMMAND_H

#include <backupmx/address.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/slice.h>
#include <backupmx/tls_client.h>

#include "policyd/call_ahead.h"
#include "policyd/control.h"

struct bmx_target_tries;

/** Longest until there is a result, ms. With the last session's QUIT, which may
 * take BMX_PROBE_QUIT_MS, it is less than BMX_CONTROL_TIME_MAX_MS. */
#define BMX_PROBE_COMMAND_MS INT64_C(8000)
/** Lines of dialogue that are told; further ones are not. */
#define BMX_PROBE_COMMAND_LINES 400

/** What a command is made of. Loop and the contexts of callbacks outlive it;
 * tries is taken over, also when it fails; of the TLS context a reference is
 * taken; the rest is copied. */
struct bmx_probe_command_parts {
	struct bmx_loop *loop;
	struct bmx_call_ahead_settings settings;
	struct bmx_target_tries *tries;
	struct bmx_slice address; /* as it was typed: told in the answer */
	struct bmx_slice local;   /* in look-up form; copied */
	struct bmx_slice domain;  /* likewise */
	bool had_valid; /* a VALID is kept of it: see bmx_call_ahead_request */
	bmx_call_ahead_result_cb *on_result; /* learns */
	void *result_ctx;
	bmx_control_answered_cb *answered;
	void *answered_ctx;
};

/**
 * Begins. answered is called once, from a later turn of the loop; the command
 * is then gone.
 * @return the command, or NULL with *err (BMX_E_NOT_FOUND: there is no host to
 *         ask; BMX_E_NOMEM): then answered is not called
 */
struct bmx_probe_command *
bmx_probe_command_new(const struct bmx_probe_command_parts *parts,
                      struct bmx_error *err);

/** Drops *command and sets it to NULL; answered is not called. NULL is fine. */
void bmx_probe_command_free(struct bmx_probe_command **command);

#endif
