/*
 * sync_wire.h - what policyd and its sync worker say to each other: one JSON
 * object a line, a job down and an outcome up.
 */
#ifndef BACKUPMX_POLICYD_SYNC_WIRE_H
#define BACKUPMX_POLICYD_SYNC_WIRE_H

#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

#include "policyd/sync.h"

/** Most octets of a line, line feed included. */
#define BMX_SYNC_WIRE_MAX ((size_t)32 * 1024)

struct bmx_sync_wire_job;

/**
 * Writes job as a line.
 * @return its octets in the caller's buffer of size octets, or 0 when it does
 *         not fit, is not UTF-8, or memory is short
 */
size_t bmx_sync_wire_put_job(const struct bmx_sync_job *job, char *buffer,
                             size_t size);

/** As bmx_sync_wire_put_job, for an outcome. */
size_t bmx_sync_wire_put_outcome(const struct bmx_sync_outcome *outcome,
                                 char *buffer, size_t size);

/**
 * Reads a job from a line, with or without its line feed.
 * @return a job the caller frees with bmx_sync_wire_job_free, or NULL with
 *         *err (BMX_E_SYNTAX)
 */
struct bmx_sync_wire_job *bmx_sync_wire_get_job(struct bmx_slice line,
                                                struct bmx_error *err);

/** The job itself; borrowed until it is freed. */
const struct bmx_sync_job *
bmx_sync_wire_job_of(const struct bmx_sync_wire_job *wire);

/** Frees *wire and sets it to NULL. NULL is fine. */
void bmx_sync_wire_job_free(struct bmx_sync_wire_job **wire);

/** Reads an outcome from a line. @return 0, or -1 with *err (BMX_E_SYNTAX) */
int bmx_sync_wire_get_outcome(struct bmx_slice line,
                              struct bmx_sync_outcome *outcome_out,
                              struct bmx_error *err);

#endif
