/*
 * scripted_any.h - the registry of "*" before a DNS that a replay script
 * fills and breaks.
 */
#ifndef BACKUPMX_TESTS_SCRIPTED_ANY_H
#define BACKUPMX_TESTS_SCRIPTED_ANY_H

#include "policyd/any_domains.h"

struct scripted_any;

/** Brings a configuration into force. */
typedef void scripted_any_enforce(void *ctx, struct bmx_config *config);

/** Before an empty zone. Aborts when memory is short. All outlive it. */
struct scripted_any *scripted_any_new(struct bmx_loop *loop,
                                      struct bmx_log *log,
                                      struct bmx_metrics *metrics,
                                      scripted_any_enforce *enforce, void *ctx);

/** Frees *any and sets it to NULL. NULL is fine. */
void scripted_any_free(struct scripted_any **any);

/** What the engine asks. */
struct bmx_any_source scripted_any_source(struct scripted_any *any);

/** A configuration as its file has it: enforces what is made of it. */
void scripted_any_load(struct scripted_any *any, struct bmx_config *loaded);

/** "fail", "silent" or "back"; else the zone from now on, as zone_text.h reads
 * it. */
void scripted_any_dns(struct scripted_any *any, const char *what);

#endif
