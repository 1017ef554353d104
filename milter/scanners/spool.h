/*
 * spool.h - one message as it is collected for the scanners.
 *
 * Up to BMX_SPOOL_MEMORY octets stay in memory; what is larger goes to a
 * temporary file that has no name, so that nothing is left behind however the
 * process ends. A message of more octets than anybody scans is let go of at
 * once. One thread at a time.
 */
#ifndef BACKUPMX_MILTER_SCANNERS_SPOOL_H
#define BACKUPMX_MILTER_SCANNERS_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include <backupmx/slice.h>

/** Octets of a message that stay in memory. */
#define BMX_SPOOL_MEMORY ((size_t)256 * 1024)

enum bmx_spool_state {
	BMX_SPOOL_KEPT,      /* all that was appended can be read */
	BMX_SPOOL_TOO_LARGE, /* nothing is kept any more */
	BMX_SPOOL_FAILED,    /* no memory, or the disk is full */
};

struct bmx_spool;

/**
 * Makes an empty spool for a message of at most `most` octets.
 * @return the spool, which the caller frees, or NULL when memory is short
 */
struct bmx_spool *bmx_spool_new(uint64_t most);

/** Frees *spool with its file and sets it to NULL. NULL is fine. */
void bmx_spool_free(struct bmx_spool **spool);

/** Appends a header field as SMTP has it: lines end in CR LF. body is as
 * libmilter hands it over, with bare line feeds. */
void bmx_spool_field(struct bmx_spool *spool, struct bmx_slice name,
                     struct bmx_slice body);

/** Some of the body. The first call ends the header. */
void bmx_spool_body(struct bmx_spool *spool, struct bmx_slice bytes);

/** The message is whole: ends the header if there was no body. */
void bmx_spool_end(struct bmx_spool *spool);

/** How it is doing. */
enum bmx_spool_state bmx_spool_state(const struct bmx_spool *spool);

/** Octets appended, also of what is not kept. */
uint64_t bmx_spool_size(const struct bmx_spool *spool);

/** All of it while it is in memory; no data else. Void when it changes. */
struct bmx_slice bmx_spool_memory(const struct bmx_spool *spool);

/**
 * Reads at most len octets from offset on.
 * @return how many; 0 at the end; -1 when it cannot be read (errno)
 */
ssize_t bmx_spool_read(const struct bmx_spool *spool, uint64_t offset,
                       char *buffer, size_t len);

/** How many fields of this name the header has; case does not count. */
unsigned bmx_spool_count_fields(const struct bmx_spool *spool,
                                struct bmx_slice name);

#endif
