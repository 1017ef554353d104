/* For files without a name. */
#define _GNU_SOURCE
#include "milter/scanners/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

/* Octets that the memory begins with; it doubles. */
#define MEMORY_FIRST ((size_t)8192)
/* Names of fields are kept apart, for they are asked for by name. */
#define NAMES_MAX ((size_t)64 * 1024)

struct bmx_spool {
	enum bmx_spool_state state;
	bool body; /* the header has ended */
	uint64_t most;
	uint64_t size;
	char *memory; /* NULL: in the file, or nothing yet */
	size_t room;
	int fd;      /* -1: in memory */
	char *names; /* each with its terminator */
	size_t names_len, names_room;
};

struct bmx_spool *
bmx_spool_new(uint64_t most)
{
	struct bmx_spool *spool = calloc(1, sizeof(*spool));

	if (!spool)
		return NULL;
	spool->most = most;
	spool->fd = -1;
	return spool;
}

static void
let_go(struct bmx_spool *spool, enum bmx_spool_state state)
{
	spool->state = state;
	free(spool->memory);
	spool->memory = NULL;
	spool->room = 0;
	if (spool->fd >= 0)
		(void)close(spool->fd);
	spool->fd = -1;
}

void
bmx_spool_free(struct bmx_spool **spool)
{
	if (!*spool)
		return;
	let_go(*spool, BMX_SPOOL_FAILED);
	free((*spool)->names);
	free(*spool);
	*spool = NULL;
}

/* Not every file system has files without a name. */
static int
open_temporary(void)
{
	char path[] = P_tmpdir "/backupmx-XXXXXX";
	int fd = open(P_tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

static int
write_at(int fd, struct bmx_slice bytes, uint64_t offset)
{
	while (bytes.len > 0) {
		const ssize_t put =
			pwrite(fd, bytes.data, bytes.len, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		bytes.data += put;
		bytes.len -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

static int
move_to_file(struct bmx_spool *spool)
{
	spool->fd = open_temporary();
	if (spool->fd < 0 ||
	    write_at(spool->fd,
	             (struct bmx_slice){spool->memory, (size_t)spool->size},
	             0) != 0)
		return -1;
	free(spool->memory);
	spool->memory = NULL;
	spool->room = 0;
	return 0;
}

static int
make_room(struct bmx_spool *spool, size_t wanted)
{
	size_t room = spool->room ? spool->room : MEMORY_FIRST;
	char *memory;

	if (wanted <= spool->room)
		return 0;
	while (room < wanted)
		room *= 2;
	memory = realloc(spool->memory, room);
	if (!memory)
		return -1;
	spool->memory = memory;
	spool->room = room;
	return 0;
}

static int
put(struct bmx_spool *spool, struct bmx_slice bytes)
{
	if (spool->fd < 0 && spool->size + bytes.len > BMX_SPOOL_MEMORY &&
	    move_to_file(spool) != 0)
		return -1;
	if (spool->fd >= 0)
		return write_at(spool->fd, bytes, spool->size);
	if (make_room(spool, (size_t)spool->size + bytes.len) != 0)
		return -1;
	memcpy(spool->memory + spool->size, bytes.data, bytes.len);
	return 0;
}

static void
append(struct bmx_spool *spool, struct bmx_slice bytes)
{
	if (bytes.len == 0)
		return;
	if (spool->state == BMX_SPOOL_KEPT &&
	    spool->size + bytes.len > spool->most)
		let_go(spool, BMX_SPOOL_TOO_LARGE);
	if (spool->state == BMX_SPOOL_KEPT && put(spool, bytes) != 0)
		let_go(spool, BMX_SPOOL_FAILED);
	spool->size += bytes.len;
}

static void
append_lines(struct bmx_spool *spool, struct bmx_slice body)
{
	while (body.len > 0) {
		const char *end = memchr(body.data, '\n', body.len);
		size_t len = end ? (size_t)(end - body.data) : body.len;
		const size_t used = end ? len + 1 : len;

		if (end && len > 0 && body.data[len - 1] == '\r')
			len--;
		append(spool, (struct bmx_slice){body.data, len});
		if (end)
			append(spool, BMX_SLICE("\r\n"));
		body.data += used;
		body.len -= used;
	}
}

/* A header whose names do not fit is one that nothing is to be taken out of:
 * the message cannot be judged. */
static void
keep_name(struct bmx_spool *spool, struct bmx_slice name)
{
	const size_t wanted = spool->names_len + name.len + 1;

	if (wanted > spool->names_room) {
		const size_t room = wanted * 2 < 256 ? 256 : wanted * 2;
		char *names = wanted <= NAMES_MAX ?
			realloc(spool->names, room) :
			NULL;

		if (!names) {
			let_go(spool, BMX_SPOOL_FAILED);
			return;
		}
		spool->names = names;
		spool->names_room = room;
	}
	if (name.len > 0)
		memcpy(spool->names + spool->names_len, name.data, name.len);
	spool->names[wanted - 1] = '\0';
	spool->names_len = wanted;
}

void
bmx_spool_field(struct bmx_spool *spool, struct bmx_slice name,
                struct bmx_slice body)
{
	if (spool->state == BMX_SPOOL_KEPT)
		keep_name(spool, name);
	append(spool, name);
	append(spool, BMX_SLICE(": "));
	append_lines(spool, body);
	append(spool, BMX_SLICE("\r\n"));
}

void
bmx_spool_end(struct bmx_spool *spool)
{
	if (spool->body)
		return;
	spool->body = true;
	append(spool, BMX_SLICE("\r\n"));
}

void
bmx_spool_body(struct bmx_spool *spool, struct bmx_slice bytes)
{
	bmx_spool_end(spool);
	append(spool, bytes);
}

enum bmx_spool_state
bmx_spool_state(const struct bmx_spool *spool)
{
	return spool->state;
}

uint64_t
bmx_spool_size(const struct bmx_spool *spool)
{
	return spool->size;
}

struct bmx_slice
bmx_spool_memory(const struct bmx_spool *spool)
{
	return (struct bmx_slice){spool->memory,
	                          spool->memory ? (size_t)spool->size : 0};
}

ssize_t
bmx_spool_read(const struct bmx_spool *spool, uint64_t offset, char *buffer,
               size_t len)
{
	ssize_t got;

	if (spool->state != BMX_SPOOL_KEPT) {
		errno = EIO;
		return -1;
	}
	if (offset >= spool->size)
		return 0;
	if (len > spool->size - offset)
		len = (size_t)(spool->size - offset);
	if (spool->memory) {
		memcpy(buffer, spool->memory + offset, len);
		return (ssize_t)len;
	}
	do
		got = pread(spool->fd, buffer, len, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

unsigned
bmx_spool_count_fields(const struct bmx_spool *spool, struct bmx_slice name)
{
	unsigned count = 0;

	for (size_t at = 0; at < spool->names_len;) {
		const struct bmx_slice one = bmx_slice_of(spool->names + at);

		count += bmx_slice_equal_nocase(one, name);
		at += one.len + 1;
	}
	return count;
}
