/*
 * signals.h - SIGTERM, SIGINT, SIGHUP and SIGUSR1 as events of the loop.
 */
#ifndef BACKUPMX_POLICYD_SIGNALS_H
#define BACKUPMX_POLICYD_SIGNALS_H

#include <backupmx/error.h>
#include <backupmx/loop.h>

struct bmx_signals;

/** Called from the loop, never from a signal handler. */
typedef void bmx_signals_cb(void *ctx);

/**
 * Blocks the signals and reads them on the loop: on_stop for SIGTERM and
 * SIGINT, on_reload for SIGHUP and SIGUSR1. SIGPIPE is ignored.
 * @return the signals, which the caller frees, or NULL with *err
 */
struct bmx_signals *bmx_signals_new(struct bmx_loop *loop,
                                    bmx_signals_cb *on_stop,
                                    bmx_signals_cb *on_reload, void *ctx,
                                    struct bmx_error *err);

/** Frees *signals and sets it to NULL; they stay blocked. NULL is fine. */
void bmx_signals_free(struct bmx_signals **signals);

#endif
