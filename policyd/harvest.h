/*
 * harvest.h - the brake on clients that try out recipient names.
 *
 * Counts the unknown users that each client network asked for within the
 * window. A table of fixed size, made once: no client makes it grow. When a
 * new network finds no place, the one that was counted longest ago gives way.
 * The caller brings the time. One thread.
 */
#ifndef BACKUPMX_POLICYD_HARVEST_H
#define BACKUPMX_POLICYD_HARVEST_H

#include <stdint.h>

#include "policyd/client_net.h"

/** Networks that are remembered. */
#define BMX_HARVEST_NETWORKS ((size_t)16384)
/** How long an unknown user counts, ms. */
#define BMX_HARVEST_WINDOW_MS ((int64_t)10 * 60 * 1000)
/** Unknown users within the window after which no probe is started. */
#define BMX_HARVEST_NO_PROBES 10
/** And after which the client is told to go away. */
#define BMX_HARVEST_TOO_MANY 30

enum bmx_harvest_answer {
	BMX_HARVEST_NONE,   /* nothing against this network */
	BMX_HARVEST_BRAKED, /* what is not known stays UNSURE */
	BMX_HARVEST_OVER,   /* 421 4.7.0 */
	BMX_HARVEST_ANSWERS
};

/** "none", "no-probes", "too-many". */
const char *bmx_harvest_answer_name(enum bmx_harvest_answer answer);

struct bmx_harvest;

/** Returns an empty table that the caller frees, or NULL when memory is
 * short. It takes 2 MB of address space, of which what is used is touched. */
struct bmx_harvest *bmx_harvest_new(void);

/** Frees *harvest and sets it to NULL. NULL is fine. */
void bmx_harvest_free(struct bmx_harvest **harvest);

/** Counts one unknown user of that network. mono_ms: monotonic, 0 or more;
 * counted in whole seconds. */
void bmx_harvest_count(struct bmx_harvest *harvest,
                       const struct bmx_client_net *net, int64_t mono_ms);

/** What is to be thought of that network now; changes nothing. */
enum bmx_harvest_answer bmx_harvest_look(const struct bmx_harvest *harvest,
                                         const struct bmx_client_net *net,
                                         int64_t mono_ms);

/** Networks that gave way while they still counted: the table is too small,
 * or someone fills it. */
uint64_t bmx_harvest_displaced(const struct bmx_harvest *harvest);

#endif
