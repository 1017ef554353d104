#include <backupmx/policy_request.h>

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

/* What a parser starts with: Postfix's requests take 500 to 1,500 octets. */
#define BUFFER_START ((size_t)4 * 1024)
/* Less room than this is not worth a read of its own. */
#define ROOM_WANTED ((size_t)1024)

/* The attributes of struct bmx_policy_request, in the order of Postfix. */
#define ATTRIBUTES(X)                                                          \
	X(request)                                                             \
	X(protocol_state)                                                      \
	X(client_address)                                                      \
	X(client_name)                                                         \
	X(helo_name)                                                           \
	X(sender)                                                              \
	X(recipient)                                                           \
	X(queue_id)                                                            \
	X(instance)                                                            \
	X(size)                                                                \
	X(stress)                                                              \
	X(sasl_username)

#define AS_ENUM(name) AT_##name,
enum attribute { ATTRIBUTES(AS_ENUM) AT_COUNT };

/* A value's place, counted from the first octet of its request, so that it
 * stays right when the buffer moves between two reads. */
struct span {
	uint16_t at;
	uint16_t len;
};

static_assert(BMX_POLICY_REQUEST_MAX <= UINT16_MAX, "a span holds any place");

/*
 * The buffer, while a request is being read:
 *
 *	taken | lines read of this request | part of a line | room
 *	      ^start                       ^line     ^looked ^end
 *
 * Each octet is looked at once for a line's end, however it arrives.
 */
struct bmx_policy_parser {
	char *buffer; /* NULL while the parser rests */
	size_t size;
	size_t start;
	size_t line;
	size_t looked;
	size_t end;
	unsigned seen; /* bit 1 << attribute: it has its value */
	struct span values[AT_COUNT];
};

struct bmx_policy_parser *
bmx_policy_parser_new(void)
{
	return calloc(1, sizeof(struct bmx_policy_parser));
}

void
bmx_policy_parser_free(struct bmx_policy_parser **parser)
{
	if (!*parser)
		return;
	free((*parser)->buffer);
	free(*parser);
	*parser = NULL;
}

/* Moves what is held to the buffer's start. */
static void
compact(struct bmx_policy_parser *parser)
{
	const size_t shift = parser->start;

	if (shift == 0)
		return;
	memmove(parser->buffer, parser->buffer + shift, parser->end - shift);
	parser->start = 0;
	parser->line -= shift;
	parser->looked -= shift;
	parser->end -= shift;
}

/* Two sizes are enough: nearly no request needs the second one. */
static int
grow(struct bmx_policy_parser *parser)
{
	const size_t size =
		parser->buffer ? BMX_POLICY_REQUEST_MAX : BUFFER_START;
	char *buffer = realloc(parser->buffer, size);

	if (!buffer)
		return -1;
	parser->buffer = buffer;
	parser->size = size;
	return 0;
}

size_t
bmx_policy_parser_space(struct bmx_policy_parser *parser, char **space_out,
                        struct bmx_error *err)
{
	/* Nothing held: reuse the front, which the cache knows. */
	if (parser->start == parser->end ||
	    parser->size - parser->end < ROOM_WANTED)
		compact(parser);
	if (parser->size - parser->end < ROOM_WANTED &&
	    parser->size < BMX_POLICY_REQUEST_MAX && grow(parser) != 0) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return 0;
	}
	if (parser->end == parser->size) {
		(void)bmx_error_set(err, BMX_E_TOO_BIG,
		                    "a request is longer than %zu octets",
		                    BMX_POLICY_REQUEST_MAX);
		return 0;
	}
	*space_out = parser->buffer + parser->end;
	return parser->size - parser->end;
}

void
bmx_policy_parser_filled(struct bmx_policy_parser *parser, size_t len)
{
	assert(len <= parser->size - parser->end);
	parser->end += len;
}

/* The attribute of that name, AT_COUNT for one that is not used. One compare
 * of fixed length for most names that come, none for most that are skipped. */
static enum attribute
attribute_of(const char *name, size_t len)
{
#define IS(attribute)                                                          \
	if (!memcmp(name, #attribute, sizeof(#attribute) - 1))                 \
	return AT_##attribute
	switch (len) {
	case sizeof("size") - 1:
		IS(size);
		break;
	case sizeof("sender") - 1:
		IS(sender);
		IS(stress);
		break;
	case sizeof("request") - 1:
		IS(request);
		break;
	case sizeof("instance") - 1:
		IS(instance);
		IS(queue_id);
		break;
	case sizeof("recipient") - 1:
		IS(recipient);
		IS(helo_name);
		break;
	case sizeof("client_name") - 1:
		IS(client_name);
		break;
	case sizeof("sasl_username") - 1:
		IS(sasl_username);
		break;
	case sizeof("client_address") - 1:
		IS(client_address);
		IS(protocol_state);
		break;
	default:
		break;
	}
#undef IS
	return AT_COUNT;
}

/* Takes one line, without its line feed. */
static int
take_line(struct bmx_policy_parser *parser, const char *line, size_t len,
          struct bmx_error *err)
{
	const char *equals = memchr(line, '=', len);
	enum attribute attribute;
	size_t at;

	if (!equals)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a policy request has a line without '='");
	attribute = attribute_of(line, (size_t)(equals - line));
	if (attribute == AT_COUNT || parser->seen & 1U << attribute)
		return 0;
	parser->seen |= 1U << attribute;
	at = (size_t)(equals + 1 - parser->buffer) - parser->start;
	parser->values[attribute] = (struct span){
		.at = (uint16_t)at,
		.len = (uint16_t)(len - (size_t)(equals + 1 - line)),
	};
	return 0;
}

static struct bmx_slice
value_of(const struct bmx_policy_parser *parser, enum attribute attribute)
{
	const struct span *value = &parser->values[attribute];

	if (value->len == 0)
		return (struct bmx_slice){NULL, 0};
	return (struct bmx_slice){parser->buffer + parser->start + value->at,
	                          value->len};
}

/* Gives the request out that ends before `next`, and starts another one. */
static int
finish(struct bmx_policy_parser *parser, size_t next,
       struct bmx_policy_request *request_out, struct bmx_error *err)
{
	const char *text = parser->buffer + parser->start;

	/* Once for all lines: far cheaper than once for each. */
	if (memchr(text, '\0', next - parser->start))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a policy request holds a NUL");
#define GIVE(name) request_out->name = value_of(parser, AT_##name);
	ATTRIBUTES(GIVE)
#undef GIVE
	parser->start = parser->line = parser->looked = next;
	parser->seen = 0;
	memset(parser->values, 0, sizeof(parser->values));
	return 1;
}

int
bmx_policy_parser_next(struct bmx_policy_parser *parser,
                       struct bmx_policy_request *request_out,
                       struct bmx_error *err)
{
	while (parser->looked < parser->end) {
		const char *line = parser->buffer + parser->line;
		const char *feed = memchr(parser->buffer + parser->looked, '\n',
		                          parser->end - parser->looked);

		if (!feed) {
			parser->looked = parser->end;
			return 0;
		}
		if (feed == line)
			return finish(parser, parser->line + 1, request_out,
			              err);
		if (take_line(parser, line, (size_t)(feed - line), err) != 0)
			return -1;
		parser->line = parser->looked =
			(size_t)(feed + 1 - parser->buffer);
	}
	return 0;
}

bool
bmx_policy_parser_pending(const struct bmx_policy_parser *parser)
{
	return parser->end > parser->start;
}

void
bmx_policy_parser_rest(struct bmx_policy_parser *parser)
{
	if (bmx_policy_parser_pending(parser))
		return;
	free(parser->buffer);
	*parser = (struct bmx_policy_parser){0};
}

/* A line feed would end the value and start an attribute of the peer's. */
static bool
can_be_sent(struct bmx_slice value)
{
	return value.len == 0 ||
		(!memchr(value.data, '\n', value.len) &&
	         !memchr(value.data, '\0', value.len));
}

static void
append_attribute(struct bmx_text *text, const char *name,
                 struct bmx_slice value)
{
	if (value.len == 0)
		return;
	bmx_text_append_string(text, name);
	bmx_text_append(text, value);
	bmx_text_append_char(text, '\n');
}

int
bmx_policy_request_append(struct bmx_text *text,
                          const struct bmx_policy_request *request)
{
#define CHECK(name)                                                            \
	if (!can_be_sent(request->name))                                       \
		return -1;
#define APPEND(name) append_attribute(text, #name "=", request->name);
	ATTRIBUTES(CHECK)
	ATTRIBUTES(APPEND)
#undef APPEND
#undef CHECK
	bmx_text_append_char(text, '\n');
	return text->cut ? -1 : 0;
}
