/*
 * target_memory.h - which targets have just failed, so that others are tried
 * before them. Pure.
 *
 * A dead first MX host would cost each new session the time to find out.
 */
#ifndef BACKUPMX_POLICYD_TARGET_MEMORY_H
#define BACKUPMX_POLICYD_TARGET_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

/** Targets that are remembered; of more, the latest. */
#define BMX_TARGET_MEMORY_MAX 16
/** How long a failure is remembered, ms. */
#define BMX_TARGET_MEMORY_MS INT64_C(60000)

/** An address with port, as for connect(2). */
struct bmx_target_name {
	struct sockaddr_storage address; /* zeroed beyond len */
	socklen_t len;
};

/** Zeroed, it remembers nothing. */
struct bmx_target_memory {
	struct {
		struct bmx_target_name name;
		int64_t until_ms; /* monotonic; 0: free */
	} entries[BMX_TARGET_MEMORY_MAX];
};

/** Are they the same? */
bool bmx_target_name_equal(const struct bmx_target_name *a,
                           const struct bmx_target_name *b);

/** It has failed now. */
void bmx_target_memory_failed(struct bmx_target_memory *memory,
                              const struct bmx_target_name *name,
                              int64_t now_ms);

/** It works: what was remembered of it is forgotten. */
void bmx_target_memory_works(struct bmx_target_memory *memory,
                             const struct bmx_target_name *name);

/** Has it failed within BMX_TARGET_MEMORY_MS? */
bool bmx_target_memory_has(const struct bmx_target_memory *memory,
                           const struct bmx_target_name *name, int64_t now_ms);

#endif
