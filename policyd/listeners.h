/*
 * listeners.h - the sockets on which Postfix connects.
 *
 * Accepts in a loop, since a full queue of a unix socket fails Postfix's
 * connect at once; pauses while there is no room or no descriptor, so that a
 * shortage costs no spinning.
 */
#ifndef BACKUPMX_POLICYD_LISTENERS_H
#define BACKUPMX_POLICYD_LISTENERS_H

#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/log.h>
#include <backupmx/loop.h>

#include "policyd/clients.h"

struct bmx_listeners;

/**
 * Accepts on fds, count of them, which it owns from now on, also when it
 * fails. clients must outlive it.
 * @return the listeners, which the caller frees, or NULL with *err
 */
struct bmx_listeners *bmx_listeners_new(struct bmx_loop *loop,
                                        struct bmx_log *log, const int *fds,
                                        size_t count,
                                        struct bmx_clients *clients,
                                        struct bmx_error *err);

/** Closes the sockets, frees *listeners and sets it to NULL. NULL is fine. */
void bmx_listeners_free(struct bmx_listeners **listeners);

/** There is room again: goes on accepting. */
void bmx_listeners_resume(struct bmx_listeners *listeners);

#endif
