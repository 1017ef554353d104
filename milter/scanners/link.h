/*
 * link.h - one connection to a scanner that speaks a protocol of its own:
 * octets out, octets in until it closes. One thread.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_LINK_H
#define BACKUPMX_MILTER_SCANNERS_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/error.h>
#include <backupmx/slice.h>

#include "milter/scanners/patience.h"
#include "milter/scanners/spool.h"

/** Octets that are sent at a time. */
#define BMX_LINK_PIECE ((size_t)16 * 1024)

/**
 * Connects to "inet:host:port" or "unix:/path".
 * @return a descriptor that the caller closes, or -1 with *err: BMX_E_CLOSED
 *         when nobody is there, BMX_E_TIMEOUT
 */
int bmx_link_open(const char *url, int connect_ms,
                  struct bmx_patience *patience, struct bmx_error *err);

/** Sends all of bytes. Returns 0, or -1 with *err. */
int bmx_link_send(int fd, struct bmx_slice bytes, struct bmx_patience *patience,
                  struct bmx_error *err);

/**
 * Sends the whole spool, with a count of four octets, the highest first, before
 * each piece if counted (clamd's INSTREAM).
 * @return 0, or -1 with *err; BMX_E_CLOSED when the peer takes no more: it may
 *         have answered all the same
 */
int bmx_link_send_spool(int fd, const struct bmx_spool *spool, bool counted,
                        struct bmx_patience *patience, struct bmx_error *err);

/**
 * Reads until the peer closes.
 * @return octets, or -1 with *err: BMX_E_TOO_BIG when size does not hold them
 */
ssize_t bmx_link_read_all(int fd, char *buffer, size_t size,
                          struct bmx_patience *patience, struct bmx_error *err);

#endif
