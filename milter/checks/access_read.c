/* From a file's text to an access map: logical lines, patterns, actions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <backupmx/text.h>

#include "milter/checks/access_priv.h"

/* Octets of all that a map keeps: several times the file's. */
#define ARENA_MAX ((size_t)1024 * 1024 * 1024)

#define BLANKS BMX_SLICE(" \t\r\v\f")

struct reader {
	struct bmx_access_map *map;
	const char *name;
	struct bmx_config_problems *problems;
	const char *at, *end;
	int line;             /* of at */
	int started;          /* the logical line's first */
	struct bmx_text text; /* the logical line */
	char buffer[BMX_ACCESS_LINE_MAX + 1];
	size_t room;                       /* of the map's array */
	size_t open[BMX_ACCESS_DEPTH_MAX]; /* rules of the ifs around */
	size_t depth;
	bool failed;
};

static void
complain(struct reader *reader, int line, const char *text)
{
	bmx_config_problems_add(reader->problems, reader->name, line, false,
	                        text);
	reader->failed = true;
}

static struct bmx_slice
peek_line(const struct reader *reader)
{
	const char *feed =
		memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	const char *end = feed ? feed : reader->end;

	return (struct bmx_slice){reader->at, (size_t)(end - reader->at)};
}

static void
skip_line(struct reader *reader, struct bmx_slice line)
{
	reader->at += line.len;
	if (reader->at < reader->end)
		reader->at++;
	reader->line++;
}

/*
 * The next logical line into reader->text: one that begins with a blank goes
 * on with the one before, and comments and empty lines between do not part
 * them (Postfix, readlline).
 */
static bool
next_line(struct reader *reader)
{
	bool any = false;

	bmx_text_init(&reader->text, reader->buffer, sizeof(reader->buffer));
	while (reader->at < reader->end) {
		const struct bmx_slice line = peek_line(reader);
		const struct bmx_slice inner = bmx_slice_trim(line, BLANKS);

		if (inner.len > 0 && inner.data[0] != '#') {
			if (any && !bmx_slice_has(BLANKS, line.data[0]))
				return true;
			if (!any)
				reader->started = reader->line;
			any = true;
			bmx_text_append(&reader->text, line);
		}
		skip_line(reader, line);
	}
	return any;
}

/* Splits at the first blank. */
static struct bmx_slice
take_pattern(struct bmx_slice *rest)
{
	struct bmx_slice pattern = {rest->data, 0};

	while (pattern.len < rest->len &&
	       !bmx_slice_has(BLANKS, rest->data[pattern.len]))
		pattern.len++;
	*rest = bmx_slice_trim((struct bmx_slice){rest->data + pattern.len,
	                                          rest->len - pattern.len},
	                       BLANKS);
	return pattern;
}

/* Room for one more of size octets; the old array stays in the arena. */
static void *
grow(struct reader *reader, void *items, size_t size)
{
	const size_t room = reader->room ? reader->room * 2 : 64;
	void *larger;

	if (reader->map->count < reader->room)
		return items;
	larger = bmx_arena_alloc(reader->map->arena, room * size);
	if (!larger) {
		complain(reader, reader->started, "memory is short");
		return NULL;
	}
	if (items)
		memcpy(larger, items, reader->map->count * size);
	reader->room = room;
	return larger;
}

static bool
take_action(struct reader *reader, struct bmx_slice text,
            struct bmx_access_action *action)
{
	const char *warning;
	struct bmx_error err;

	if (text.len == 0) {
		complain(reader, reader->started,
		         "expected a pattern and an action");
		return false;
	}
	if (access_action_read(text, reader->map->arena, action, &warning,
	                       &err) != 0) {
		complain(reader, reader->started, err.text);
		return false;
	}
	if (warning)
		bmx_config_problems_add(reader->problems, reader->name,
		                        reader->started, true, warning);
	return true;
}

/* What can never match would be a hole in the list. */
static const char *
pattern_mistake(struct bmx_slice pattern)
{
	if (pattern.data[0] == '"')
		return "quoted patterns are not supported";
	if (!memchr(pattern.data, '@', pattern.len) &&
	    memchr(pattern.data, '/', pattern.len))
		return "a network with a prefix belongs into a cidr: file";
	if (pattern.data[0] == '[')
		return "an address stands without brackets";
	return NULL;
}

static void
add_entry(struct reader *reader, struct bmx_slice pattern,
          struct bmx_slice text)
{
	struct bmx_access_map *map = reader->map;
	struct access_entry entry = {.order = map->count,
	                             .line = reader->started};
	const char *mistake = pattern_mistake(pattern);
	struct access_entry *entries;
	char *key;

	if (mistake) {
		complain(reader, reader->started, mistake);
		return;
	}
	if (!take_action(reader, text, &entry.action))
		return;
	entries = grow(reader, map->entries, sizeof(*entries));
	key = bmx_arena_copy(map->arena, pattern);
	if (!entries || !key) {
		reader->failed = true;
		return;
	}
	for (size_t i = 0; i < pattern.len; i++)
		key[i] = bmx_ascii_lower(key[i]);
	entry.key = (struct bmx_slice){key, pattern.len};
	map->entries = entries;
	map->entries[map->count++] = entry;
}

/* "!192.0.2.0/24", "[2001:db8::]/32": brackets may stand around the address
 * or the whole. */
static bool
take_network(struct reader *reader, struct bmx_slice pattern,
             struct access_rule *rule)
{
	char buffer[80];
	struct bmx_text text;
	const char *mistake;

	rule->negated = pattern.len > 0 && pattern.data[0] == '!';
	bmx_text_init(&text, buffer, sizeof(buffer));
	for (size_t i = rule->negated; i < pattern.len; i++)
		if (pattern.data[i] != '[' && pattern.data[i] != ']')
			bmx_text_append_char(&text, pattern.data[i]);
	rule->v4 = !memchr(text.data, ':', text.len);
	mistake = text.cut || memchr(text.data, '\0', text.len) ?
		"expected a network" :
		bmx_config_network_read(text.data, &rule->network);
	if (mistake)
		complain(reader, reader->started, mistake);
	return !mistake;
}

static void
add_rule(struct reader *reader, const struct access_rule *rule)
{
	struct bmx_access_map *map = reader->map;
	struct access_rule *rules = grow(reader, map->rules, sizeof(*rules));

	if (!rules)
		return;
	map->rules = rules;
	map->rules[map->count++] = *rule;
}

/* A mistake in an if does not make one of its endif as well: the ifs around
 * are counted whatever they say. */
static void
open_if(struct reader *reader, struct bmx_slice text)
{
	struct access_rule rule = {.is_if = true};
	const size_t depth = reader->depth++;

	if (depth >= BMX_ACCESS_DEPTH_MAX) {
		complain(reader, reader->started, "too many ifs in each other");
		return;
	}
	reader->open[depth] = reader->map->count;
	if (!take_network(reader, take_pattern(&text), &rule))
		return;
	if (text.len > 0)
		complain(reader, reader->started, "an if has no action");
	add_rule(reader, &rule);
}

static void
close_if(struct reader *reader, struct bmx_slice text)
{
	if (text.len > 0)
		complain(reader, reader->started,
		         "endif takes nothing behind it");
	if (reader->depth == 0) {
		complain(reader, reader->started, "endif without if");
		return;
	}
	reader->depth--;
	if (!reader->failed)
		reader->map->rules[reader->open[reader->depth]].skip_to =
			reader->map->count;
}

static void
add_cidr_line(struct reader *reader, struct bmx_slice pattern,
              struct bmx_slice text)
{
	struct access_rule rule = {.is_if = false};

	if (bmx_slice_equal_nocase(pattern, BMX_SLICE("if")))
		open_if(reader, text);
	else if (bmx_slice_equal_nocase(pattern, BMX_SLICE("endif")))
		close_if(reader, text);
	else if (take_network(reader, pattern, &rule) &&
	         take_action(reader, text, &rule.action))
		add_rule(reader, &rule);
}

static void
read_lines(struct reader *reader)
{
	while (next_line(reader)) {
		struct bmx_slice rest =
			bmx_slice_trim(bmx_text_slice(&reader->text), BLANKS);
		const struct bmx_slice pattern = take_pattern(&rest);

		if (reader->text.cut)
			complain(reader, reader->started,
			         "the line is too "
			         "long");
		else if (memchr(reader->buffer, '\0', reader->text.len))
			complain(reader, reader->started, "a NUL in the line");
		else if (reader->map->form == BMX_ACCESS_CIDR)
			add_cidr_line(reader, pattern, rest);
		else
			add_entry(reader, pattern, rest);
	}
	if (reader->depth > 0)
		complain(reader, reader->line, "an if without endif");
}

static int
compare(const void *left, const void *right)
{
	const struct access_entry *a = left, *b = right;
	const int order = bmx_slice_order(a->key, b->key);

	if (order != 0)
		return order;
	return a->order < b->order ? -1 : 1;
}

/* As postmap: of two lines with one pattern the first counts. */
static void
drop_doubles(struct reader *reader)
{
	struct bmx_access_map *map = reader->map;
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++) {
		if (kept > 0 &&
		    bmx_slice_equal(map->entries[kept - 1].key,
		                    map->entries[i].key))
			bmx_config_problems_add(
				reader->problems, reader->name,
				map->entries[i].line, true,
				"the pattern was given before; this line does "
				"nothing");
		else
			map->entries[kept++] = map->entries[i];
	}
	map->count = kept;
}

struct bmx_access_map *
bmx_access_map_parse(enum bmx_access_form form, const char *name,
                     struct bmx_slice text,
                     struct bmx_config_problems *problems)
{
	struct bmx_access_map *map = calloc(1, sizeof(*map));
	/* An empty slice may be nowhere. */
	const char *start = text.len > 0 ? text.data : "";
	struct reader reader = {.map = map,
	                        .name = name,
	                        .problems = problems,
	                        .at = start,
	                        .end = start + text.len,
	                        .line = 1};

	if (map)
		map->arena = bmx_arena_new(ARENA_MAX);
	if (!map || !map->arena) {
		complain(&reader, 0, "memory is short");
		free(map);
		return NULL;
	}
	map->form = form;
	read_lines(&reader);
	if (map->entries && map->count > 0) {
		qsort(map->entries, map->count, sizeof(*map->entries), compare);
		drop_doubles(&reader);
	}
	if (reader.failed)
		bmx_access_map_free(&map);
	return map;
}

/* The whole file; a folder and a pipe are none. */
static char *
slurp(int fd, size_t *len_out, struct bmx_error *err)
{
	struct stat status;
	size_t len = 0;
	ssize_t got = 1;
	char *data;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		(void)bmx_error_set(err, BMX_E_IO, "no regular file");
		return NULL;
	}
	if ((size_t)status.st_size > BMX_ACCESS_FILE_MAX) {
		(void)bmx_error_set(err, BMX_E_TOO_BIG, "too large");
		return NULL;
	}
	data = malloc((size_t)status.st_size + 1);
	while (data && got > 0 && len < (size_t)status.st_size) {
		got = read(fd, data + len, (size_t)status.st_size - len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (!data || got < 0) {
		(void)bmx_error_set_errno(err, errno, "cannot be read");
		free(data);
		return NULL;
	}
	*len_out = len;
	return data;
}

struct bmx_access_map *
bmx_access_map_load(const char *spec, struct bmx_config_problems *problems)
{
	const char *colon = strchr(spec, ':');
	const char *path = spec[0] == '/' || !colon ? spec : colon + 1;
	const enum bmx_access_form form = strncmp(spec, "cidr:", 5) == 0 ?
		BMX_ACCESS_CIDR :
		BMX_ACCESS_INDEXED;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct bmx_access_map *map = NULL;
	struct bmx_error err;
	size_t len = 0;
	char *data = NULL;

	if (fd < 0)
		(void)bmx_error_set_errno(&err, errno, "cannot be opened");
	else
		data = slurp(fd, &len, &err);
	if (data)
		map = bmx_access_map_parse(
			form, path, (struct bmx_slice){data, len}, problems);
	else
		bmx_config_problems_add(problems, path, 0, false, err.text);
	free(data);
	if (fd >= 0)
		(void)close(fd);
	return map;
}

void
bmx_access_map_free(struct bmx_access_map **map)
{
	if (!*map)
		return;
	bmx_arena_free(&(*map)->arena);
	free(*map);
	*map = NULL;
}
