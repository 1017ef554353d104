/*
 * resp.h - RESP2: commands to octets, octets to replies. hiredis's formatter
 * and reader, with caps of our own; the only file that sees hiredis.
 *
 * https://redis.io/docs/reference/protocol-spec/
 */
#ifndef BACKUPMX_LIB_REDIS_RESP_H
#define BACKUPMX_LIB_REDIS_RESP_H

#include <backupmx/redis.h>

/** Octets of a status, an error, a number or a length: longer is hostile. */
#define BMX_RESP_LINE_MAX ((size_t)64 * 1024)

/** A reply and the memory it stands in. */
struct bmx_resp_root {
	const struct bmx_redis_reply *reply;
	struct bmx_arena *arena;
	size_t wire_bytes; /* octets it took */
};

/** Frees it and empties it; an empty one is fine. */
void bmx_resp_root_release(struct bmx_resp_root *root);

struct bmx_resp_reader;

/** Returns a reader for one connection, or NULL when memory is short. */
struct bmx_resp_reader *bmx_resp_reader_new(void);

/** Frees *reader and sets it to NULL. NULL is fine. */
void bmx_resp_reader_free(struct bmx_resp_reader **reader);

/** Appends octets, which are copied. @return 0, or -1 with *err
 * (BMX_E_NOMEM) */
int bmx_resp_reader_feed(struct bmx_resp_reader *reader,
                         struct bmx_slice octets, struct bmx_error *err);

/**
 * Takes the next whole reply.
 * @return 1 with *root_out, which the caller releases; 0 when more octets are
 *         needed; -1 with *err, which is final: BMX_E_CORRUPT (not the
 *         protocol), BMX_E_TOO_BIG (a cap of redis.h), BMX_E_NOMEM
 */
int bmx_resp_reader_next(struct bmx_resp_reader *reader,
                         struct bmx_resp_root *root_out, struct bmx_error *err);

/** Octets of commands, as they go over the wire. */
struct bmx_resp_wire {
	char *data; /* free() */
	size_t len;
};

/**
 * Puts count commands one after the other.
 * @return 0 with *wire_out, or -1 with *err: BMX_E_TOO_BIG (over
 *         BMX_REDIS_BYTES_MAX, or over BMX_REDIS_COMMANDS_MAX), BMX_E_NOMEM
 */
int bmx_resp_format(const struct bmx_redis_command *commands, size_t count,
                    struct bmx_resp_wire *wire_out, struct bmx_error *err);

#endif
