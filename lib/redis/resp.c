#include "resp.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include <backupmx/arena.h>

/* Memory of one reply: all its octets, and each element's node. */
#define ARENA_MAX                                                              \
	(BMX_REDIS_REPLY_BYTES_MAX * 2 +                                       \
	 BMX_REDIS_REPLY_ELEMENTS_MAX * sizeof(struct bmx_redis_reply) * 2)

/* Octets around a command or argument: "*1000\r\n", "$1048576\r\n" "\r\n". */
#define FRAME_MAX ((size_t)14)

struct bmx_resp_reader {
	redisReader *reader;
	struct bmx_arena *arena; /* of the reply under way */
	size_t elements;         /* of the reply under way */
	size_t wire_bytes;       /* fed and not yet part of a reply */
	bool too_big;            /* the cap of elements was reached */
	bool too_deep;           /* that of arrays within arrays */
};

static enum bmx_redis_type
type_of(int type)
{
	switch (type) {
	case REDIS_REPLY_STATUS:
		return BMX_REDIS_STATUS;
	case REDIS_REPLY_ERROR:
		return BMX_REDIS_ERROR;
	case REDIS_REPLY_INTEGER:
		return BMX_REDIS_INTEGER;
	case REDIS_REPLY_STRING:
		return BMX_REDIS_STRING;
	case REDIS_REPLY_ARRAY:
		return BMX_REDIS_ARRAY;
	default:
		return BMX_REDIS_NIL;
	}
}

/* The node of the item that a task reads: in its parent's row, or new. */
static struct bmx_redis_reply *
node_of(const redisReadTask *task)
{
	struct bmx_resp_reader *reader = task->privdata;
	struct bmx_redis_reply *parent =
		task->parent ? task->parent->obj : NULL;

	if (parent) {
		/* The row is ours; readers see it as const. */
		struct bmx_redis_reply *row =
			(struct bmx_redis_reply *)(uintptr_t)parent->element;

		assert(task->idx >= 0 && (size_t)task->idx < parent->count);
		return &row[task->idx];
	}
	if (!reader->arena)
		reader->arena = bmx_arena_new(ARENA_MAX);
	return reader->arena ?
		bmx_arena_alloc(reader->arena, sizeof(struct bmx_redis_reply)) :
		NULL;
}

static void *
create_string(const redisReadTask *task, char *text, size_t len)
{
	struct bmx_resp_reader *reader = task->privdata;
	struct bmx_redis_reply *node = node_of(task);

	if (!node)
		return NULL;
	node->type = type_of(task->type);
	node->text.data =
		bmx_arena_copy(reader->arena, (struct bmx_slice){text, len});
	node->text.len = len;
	return node->text.data ? node : NULL;
}

/* Arrays from the root to this one, itself included. */
static int
depth_of(const redisReadTask *task)
{
	int depth = 0;

	for (; task; task = task->parent)
		depth++;
	return depth;
}

static void *
create_array(const redisReadTask *task, int elements)
{
	struct bmx_resp_reader *reader = task->privdata;
	struct bmx_redis_reply *node = node_of(task);
	const size_t count = elements > 0 ? (size_t)elements : 0;

	if (!node)
		return NULL;
	/* hiredis lets one more through than it says. */
	if (depth_of(task) > BMX_REDIS_REPLY_DEPTH_MAX) {
		reader->too_deep = true;
		return NULL;
	}
	if (count > BMX_REDIS_REPLY_ELEMENTS_MAX - reader->elements) {
		reader->too_big = true;
		return NULL;
	}
	reader->elements += count;
	node->type = BMX_REDIS_ARRAY;
	node->element = bmx_arena_alloc(reader->arena,
	                                count * sizeof(struct bmx_redis_reply));
	node->count = count;
	return node->element ? node : NULL;
}

static void *
create_integer(const redisReadTask *task, long long value)
{
	struct bmx_redis_reply *node = node_of(task);

	if (!node)
		return NULL;
	node->type = BMX_REDIS_INTEGER;
	node->integer = value;
	return node;
}

static void *
create_nil(const redisReadTask *task)
{
	struct bmx_redis_reply *node = node_of(task);

	if (node)
		node->type = BMX_REDIS_NIL;
	return node;
}

static void
free_object(void *object)
{
	(void)object; /* stands in the arena */
}

static redisReplyObjectFunctions functions = {
	.createString = create_string,
	.createArray = create_array,
	.createInteger = create_integer,
	.createNil = create_nil,
	.freeObject = free_object,
};

void
bmx_resp_root_release(struct bmx_resp_root *root)
{
	bmx_arena_free(&root->arena);
	root->reply = NULL;
	root->wire_bytes = 0;
}

struct bmx_resp_reader *
bmx_resp_reader_new(void)
{
	struct bmx_resp_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->reader = redisReaderCreateWithFunctions(&functions);
	if (!reader->reader) {
		free(reader);
		return NULL;
	}
	reader->reader->privdata = reader;
	return reader;
}

void
bmx_resp_reader_free(struct bmx_resp_reader **reader)
{
	if (!*reader)
		return;
	redisReaderFree((*reader)->reader);
	bmx_arena_free(&(*reader)->arena);
	free(*reader);
	*reader = NULL;
}

int
bmx_resp_reader_feed(struct bmx_resp_reader *reader, struct bmx_slice octets,
                     struct bmx_error *err)
{
	if (octets.len == 0)
		return 0;
	if (redisReaderFeed(reader->reader, octets.data, octets.len) !=
	    REDIS_OK)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a reply of Redis");
	reader->wire_bytes += octets.len;
	return 0;
}

/*
 * hiredis looks for the end of a line from its start at every feed, and has
 * no limit for it: a server that drips a line would cost quadratic time.
 */
static bool
line_is_too_long(const redisReader *reader)
{
	const size_t left = reader->len - reader->pos;
	const redisReadTask *task =
		reader->ridx >= 0 ? &reader->rstack[reader->ridx] : NULL;

	if (left <= BMX_RESP_LINE_MAX || !task)
		return false;
	/* Of a string the line is its length; the octets after it may be many. */
	return task->type != REDIS_REPLY_STRING ||
		!memchr(reader->buf + reader->pos, '\n', 64);
}

static int
fail(const struct bmx_resp_reader *reader, struct bmx_error *err)
{
	if (reader->too_big)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply of Redis has over %zu elements",
		                     BMX_REDIS_REPLY_ELEMENTS_MAX);
	if (reader->too_deep)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply of Redis is over %d arrays deep",
		                     BMX_REDIS_REPLY_DEPTH_MAX);
	if (reader->reader->err == REDIS_ERR_OOM)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a reply of Redis");
	return bmx_error_set(err, BMX_E_CORRUPT, "this is no Redis: %s",
	                     reader->reader->errstr);
}

int
bmx_resp_reader_next(struct bmx_resp_reader *reader,
                     struct bmx_resp_root *root_out, struct bmx_error *err)
{
	void *reply = NULL;
	size_t rest;

	if (redisReaderGetReply(reader->reader, &reply) != REDIS_OK)
		return fail(reader, err);
	if (reply) {
		rest = reader->reader->len - reader->reader->pos;
		*root_out = (struct bmx_resp_root){
			.reply = reply,
			.arena = reader->arena,
			.wire_bytes = reader->wire_bytes - rest,
		};
		reader->arena = NULL;
		reader->elements = 0;
		reader->wire_bytes = rest;
		return 1;
	}
	if (reader->wire_bytes > BMX_REDIS_REPLY_BYTES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a reply of Redis has over %zu octets",
		                     BMX_REDIS_REPLY_BYTES_MAX);
	if (line_is_too_long(reader->reader))
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "this is no Redis: a line without end");
	return 0;
}

/* Octets that a command takes at most, its frame included. */
static size_t
size_of(const struct bmx_redis_command *command)
{
	size_t size = FRAME_MAX;

	for (size_t i = 0; i < command->argc; i++) {
		if (command->argv[i].len > BMX_REDIS_BYTES_MAX ||
		    size > BMX_REDIS_BYTES_MAX)
			return BMX_REDIS_BYTES_MAX + 1;
		size += command->argv[i].len + FRAME_MAX;
	}
	return size;
}

static int
append_command(const struct bmx_redis_command *command,
               struct bmx_resp_wire *wire)
{
	const char **argv = calloc(command->argc, sizeof(*argv));
	size_t *lens = calloc(command->argc, sizeof(*lens));
	char *grown;
	sds text = NULL;
	int len = -1;

	for (size_t i = 0; argv && lens && i < command->argc; i++) {
		argv[i] = command->argv[i].data ? command->argv[i].data : "";
		lens[i] = command->argv[i].len;
	}
	if (argv && lens)
		len = redisFormatSdsCommandArgv(&text, (int)command->argc, argv,
		                                lens);
	free(argv);
	free(lens);
	grown = len > 0 ? realloc(wire->data, wire->len + (size_t)len) : NULL;
	if (grown) {
		memcpy(grown + wire->len, text, (size_t)len);
		wire->data = grown;
		wire->len += (size_t)len;
	}
	if (len > 0)
		redisFreeSdsCommand(text);
	return grown ? 0 : -1;
}

int
bmx_resp_format(const struct bmx_redis_command *commands, size_t count,
                struct bmx_resp_wire *wire_out, struct bmx_error *err)
{
	struct bmx_resp_wire wire = {0};
	size_t size = 0;

	assert(count > 0);
	for (size_t i = 0; i < count && size <= BMX_REDIS_BYTES_MAX; i++) {
		assert(commands[i].argc > 0);
		size += size_of(&commands[i]);
	}
	if (count > BMX_REDIS_COMMANDS_MAX || size > BMX_REDIS_BYTES_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a request to Redis has over %zu commands "
		                     "or %zu octets",
		                     BMX_REDIS_COMMANDS_MAX,
		                     BMX_REDIS_BYTES_MAX);
	for (size_t i = 0; i < count; i++)
		if (append_command(&commands[i], &wire) != 0) {
			free(wire.data);
			return bmx_error_set(err, BMX_E_NOMEM,
			                     "no memory for a command");
		}
	*wire_out = wire;
	return 0;
}
