#include "ctl/postfix/peer.h"

#include <stdio.h>
#include <string.h>

#include <backupmx/text.h>

/* Room for what separates an attribute from its neighbours, with braces. */
#define ATTRIBUTE_EXTRA 16
#define BLANKS BMX_SLICE(" \t\r\n")

static bool
in_braces(struct bmx_slice word)
{
	return word.len >= 2 && word.data[0] == '{' &&
		word.data[word.len - 1] == '}';
}

static struct bmx_slice
without_braces(struct bmx_slice word)
{
	return (struct bmx_slice){word.data + 1, word.len - 2};
}

int
bmxctl_peer_parse(struct bmx_arena *arena, struct bmx_slice word,
                  struct bmxctl_peer *peer_out, struct bmx_error *err)
{
	struct bmxctl_words words;

	peer_out->attributes = (struct bmxctl_words){NULL, 0};
	peer_out->socket = word;
	if (!in_braces(word))
		return 0;
	if (bmxctl_words_split(arena, without_braces(word), &words, err) != 0)
		return -1;
	if (words.count == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "braces with no socket in them");
	peer_out->socket = words.items[0];
	peer_out->attributes =
		(struct bmxctl_words){words.items + 1, words.count - 1};
	return 0;
}

/* "NAME=VALUE" or "{ NAME = VALUE }". */
static bool
split_attribute(struct bmx_slice word, struct bmx_slice *name,
                struct bmx_slice *value)
{
	const char *equals;
	size_t len;

	if (in_braces(word))
		word = bmx_slice_trim(without_braces(word), BLANKS);
	equals = word.len > 0 ? memchr(word.data, '=', word.len) : NULL;
	if (!equals)
		return false;
	len = (size_t)(equals - word.data);
	*name = bmx_slice_trim((struct bmx_slice){word.data, len}, BLANKS);
	*value = bmx_slice_trim(
		(struct bmx_slice){equals + 1, word.len - len - 1}, BLANKS);
	return true;
}

const char *
bmxctl_peer_attribute(struct bmx_arena *arena, const struct bmxctl_peer *peer,
                      const char *name)
{
	struct bmx_slice found, value;

	for (size_t i = 0; i < peer->attributes.count; i++)
		if (split_attribute(peer->attributes.items[i], &found,
		                    &value) &&
		    bmx_slice_equal(found, bmx_slice_of(name)))
			return bmx_arena_copy(arena, value);
	return NULL;
}

/* What of path is behind directory and a slash; NULL when it is not in it. */
static const char *
below(const char *path, const char *directory)
{
	const size_t len = strlen(directory);

	if (len == 0 || strncmp(path, directory, len) != 0 || path[len] != '/')
		return NULL;
	return path + len + 1;
}

/* A path in a chroot is taken from there, where one that was meant otherwise
 * leads nowhere; one that does not begin with a slash always is taken from the
 * queue directory. */
static bool
reaches_path(struct bmx_slice path, const char *wanted,
             const struct bmxctl_postfix_place *place)
{
	const char *inside = below(wanted, place->queue_directory);

	if (path.len > 0 && path.data[0] != '/')
		return inside && bmx_slice_equal(path, bmx_slice_of(inside));
	if (place->chroot && inside && path.len > 0 &&
	    bmx_slice_equal((struct bmx_slice){path.data + 1, path.len - 1},
	                    bmx_slice_of(inside)))
		return true;
	return bmx_slice_equal(path, bmx_slice_of(wanted));
}

/* All names under which this host is reached from itself. */
static bool
is_here(struct bmx_slice host)
{
	static const char *const names[] = {"",          "localhost", "0.0.0.0",
	                                    "127.0.0.1", "::1",       "::"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bmx_slice_equal_nocase(host, bmx_slice_of(names[i])))
			return true;
	return false;
}

static bool
reaches_port(struct bmx_slice text, const struct bmx_endpoint *endpoint)
{
	struct bmx_slice host = text, wanted = bmx_slice_of(endpoint->host);
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", (unsigned)endpoint->port);
	while (host.len > 0 && host.data[host.len - 1] != ':')
		host.len--;
	if (!bmx_slice_equal((struct bmx_slice){text.data + host.len,
	                                        text.len - host.len},
	                     bmx_slice_of(port)))
		return false;
	if (host.len > 0)
		host.len--;
	if (host.len >= 2 && host.data[0] == '[' &&
	    host.data[host.len - 1] == ']')
		host = without_braces(host);
	return bmx_slice_equal_nocase(host, wanted) ||
		(is_here(host) && is_here(wanted));
}

bool
bmxctl_peer_reaches(const struct bmxctl_peer *peer,
                    const struct bmx_endpoint *endpoint,
                    const struct bmxctl_postfix_place *place)
{
	struct bmx_slice rest = peer->socket;

	if (bmx_slice_take(&rest, BMX_SLICE("unix:")) ||
	    bmx_slice_take(&rest, BMX_SLICE("local:")))
		return endpoint->kind == BMX_ENDPOINT_UNIX &&
			reaches_path(rest, endpoint->path, place);
	if (bmx_slice_take(&rest, BMX_SLICE("inet:")))
		return endpoint->kind == BMX_ENDPOINT_INET &&
			reaches_port(rest, endpoint);
	return false;
}

/* One that listens on every address is reached here. */
static struct bmx_endpoint
as_reached(const struct bmx_endpoint *endpoint)
{
	struct bmx_endpoint to = *endpoint;

	if (strcmp(to.host, "") == 0 || strcmp(to.host, "0.0.0.0") == 0)
		(void)snprintf(to.host, sizeof(to.host), "127.0.0.1");
	else if (strcmp(to.host, "::") == 0)
		(void)snprintf(to.host, sizeof(to.host), "::1");
	return to;
}

const char *
bmxctl_peer_socket(struct bmx_arena *arena, const struct bmx_endpoint *endpoint,
                   const struct bmxctl_postfix_place *place)
{
	const struct bmx_endpoint to = as_reached(endpoint);
	char buffer[sizeof(endpoint->host) + 32];
	const char *inside = NULL;
	struct bmx_text text;

	if (endpoint->kind == BMX_ENDPOINT_UNIX)
		inside = below(endpoint->path, place->queue_directory);
	bmx_text_init(&text, buffer, sizeof(buffer));
	if (inside)
		bmx_text_printf(&text, "unix:%s", inside);
	else
		bmx_endpoint_append(&text, &to);
	return bmx_arena_copy(arena, bmx_text_slice(&text));
}

bool
bmxctl_peer_reachable(const struct bmx_endpoint *endpoint,
                      const struct bmxctl_postfix_place *place)
{
	return endpoint->kind == BMX_ENDPOINT_INET || !place->chroot ||
		below(endpoint->path, place->queue_directory) != NULL;
}

static void
append_attribute(struct bmx_text *text,
                 const struct bmxctl_attribute *attribute)
{
	const bool blanks = strpbrk(attribute->value, ", \t") != NULL;

	if (blanks)
		bmx_text_printf(text, ", { %s = %s }", attribute->name,
		                attribute->value);
	else if (attribute->value[0] != '\0')
		bmx_text_printf(text, ", %s=%s", attribute->name,
		                attribute->value);
}

static bool
is_one_of(struct bmx_slice word, const struct bmxctl_attribute *attributes,
          size_t count)
{
	struct bmx_slice name, value;

	if (!split_attribute(word, &name, &value))
		return false;
	for (size_t i = 0; i < count; i++)
		if (bmx_slice_equal(name, bmx_slice_of(attributes[i].name)))
			return true;
	return false;
}

static size_t
built_size(const struct bmxctl_peer *peer,
           const struct bmxctl_attribute *attributes, size_t count)
{
	size_t size = peer->socket.len + ATTRIBUTE_EXTRA;

	for (size_t i = 0; i < peer->attributes.count; i++)
		size += peer->attributes.items[i].len + ATTRIBUTE_EXTRA;
	for (size_t i = 0; i < count; i++)
		size += strlen(attributes[i].name) +
			strlen(attributes[i].value) + ATTRIBUTE_EXTRA;
	return size;
}

char *
bmxctl_peer_build(struct bmx_arena *arena, const struct bmxctl_peer *peer,
                  const struct bmxctl_attribute *attributes, size_t count,
                  struct bmx_error *err)
{
	const size_t size = built_size(peer, attributes, count);
	char *buffer = bmx_arena_alloc(arena, size);
	struct bmx_text text;

	if (!buffer) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return NULL;
	}
	bmx_text_init(&text, buffer, size);
	bmx_text_append_string(&text, "{ ");
	bmx_text_append(&text, peer->socket);
	for (size_t i = 0; i < peer->attributes.count; i++) {
		const struct bmx_slice word = peer->attributes.items[i];

		if (is_one_of(word, attributes, count))
			continue;
		bmx_text_append_string(&text, ", ");
		bmx_text_append(&text, word);
	}
	for (size_t i = 0; i < count; i++)
		append_attribute(&text, &attributes[i]);
	bmx_text_append_string(&text, " }");
	return buffer;
}
