/*
 * Takes apart what postconf writes. Everything is kept in one arena; lists are
 * arrays in the order of the text, and a look-up walks them: a few hundred
 * look-ups among a thousand names are no matter.
 */
#include "ctl/postfix/postconf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/arena.h>
#include <backupmx/slice.h>

/* What the copies of the five texts may take, and their tables. */
#define ARENA_MAX (16 * BMXCTL_POSTCONF_MAX)

struct pair {
	const char *name;
	const char *value;
};

struct pairs {
	struct pair *items;
	size_t count;
};

/* An override: of which service, and what. */
struct override {
	const char *service;
	const char *type;
	const char *name;
	const char *value;
};

struct bmxctl_postconf {
	struct bmx_arena *arena;
	struct pairs all, expanded, set;
	struct bmxctl_postfix_service *services;
	size_t service_count;
	struct override *overrides;
	size_t override_count;
};

static size_t
count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines + 1;
}

/* The next line of *text that is not empty, without its end; false behind the
 * last one. */
static bool
next_line(const char **text, struct bmx_slice *line)
{
	while (**text == '\n')
		(*text)++;
	line->data = *text;
	line->len = strcspn(*text, "\n");
	*text += line->len;
	return line->len > 0;
}

/*
 * "NAME = VALUE", or "NAME =" when the value is empty. The name may hold
 * anything but " =": that of a service does not stop at a blank.
 */
static bool
split_line(struct bmx_arena *arena, struct bmx_slice line, struct pair *pair)
{
	size_t at = 1;

	while (at + 1 < line.len &&
	       !(line.data[at] == ' ' && line.data[at + 1] == '='))
		at++;
	if (at + 1 >= line.len)
		return false;
	pair->name = bmx_arena_copy(arena, (struct bmx_slice){line.data, at});
	at += 2;
	if (at < line.len && line.data[at] == ' ')
		at++;
	pair->value = bmx_arena_copy(
		arena, (struct bmx_slice){line.data + at, line.len - at});
	return true;
}

static int
no_memory(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOMEM,
	                     "memory is short for Postfix's settings");
}

static int
read_pairs(struct bmx_arena *arena, const char *text, struct pairs *pairs,
           struct bmx_error *err)
{
	struct bmx_slice line;

	pairs->items =
		bmx_arena_alloc(arena, count_lines(text) * sizeof(struct pair));
	if (!pairs->items)
		return no_memory(err);
	while (next_line(&text, &line)) {
		struct pair *pair = &pairs->items[pairs->count];

		if (!split_line(arena, line, pair))
			return bmx_error_set(
				err, BMX_E_SYNTAX,
				"postconf wrote a line that is no setting: "
				"%.*s",
				(int)(line.len < 80 ? line.len : 80),
				line.data);
		if (!pair->name || !pair->value)
			return no_memory(err);
		pairs->count++;
	}
	return 0;
}

static const char *
find(const struct pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].name, name) == 0)
			return pairs->items[i].value;
	return NULL;
}

/*
 * Cuts "SERVICE/TYPE/NAME" in place. From the end: a service may be called
 * by a path, a type and a name never are.
 */
static bool
cut_name(char *text, const char **type, const char **name)
{
	char *slash = strrchr(text, '/');

	if (!slash)
		return false;
	*slash = '\0';
	*name = slash + 1;
	slash = strrchr(text, '/');
	if (!slash)
		return false;
	*slash = '\0';
	*type = slash + 1;
	return true;
}

static int
read_overrides(struct bmxctl_postconf *postconf, const char *text,
               struct bmx_error *err)
{
	struct pairs pairs = {0};

	if (read_pairs(postconf->arena, text, &pairs, err) != 0)
		return -1;
	postconf->overrides = bmx_arena_alloc(
		postconf->arena, (pairs.count + 1) * sizeof(struct override));
	if (!postconf->overrides)
		return no_memory(err);
	for (size_t i = 0; i < pairs.count; i++) {
		struct override *override = &postconf->overrides[i];
		char *whole = bmx_arena_copy(postconf->arena,
		                             bmx_slice_of(pairs.items[i].name));

		if (!whole)
			return no_memory(err);
		if (!cut_name(whole, &override->type, &override->name))
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "postconf wrote an override of no "
			                     "service: %.80s",
			                     pairs.items[i].name);
		override->service = whole;
		override->value = pairs.items[i].value;
	}
	postconf->override_count = pairs.count;
	return 0;
}

/* Before compatibility level 1, "-" in the column means chroot. */
static bool
default_chroot(const struct bmxctl_postconf *postconf)
{
	const char *level =
		bmxctl_postconf_get(postconf, "compatibility_level");

	return strtoul(level, NULL, 10) < 1;
}

static const char *
first_word(struct bmx_arena *arena, const char *text)
{
	return bmx_arena_copy(arena,
	                      (struct bmx_slice){text, strcspn(text, " \t")});
}

/* "SERVICE/TYPE/FIELD = VALUE", eight fields a service, "service" first. */
static int
read_services(struct bmxctl_postconf *postconf, const char *text,
              struct bmx_error *err)
{
	struct bmxctl_postfix_service *service = NULL;
	struct pairs pairs = {0};

	if (read_pairs(postconf->arena, text, &pairs, err) != 0)
		return -1;
	postconf->services = bmx_arena_alloc(
		postconf->arena, (pairs.count + 1) * sizeof(*service));
	if (!postconf->services)
		return no_memory(err);
	for (size_t i = 0; i < pairs.count; i++) {
		const char *field = strrchr(pairs.items[i].name, '/');
		const char *value = pairs.items[i].value;

		if (!field || (!service && strcmp(field, "/service") != 0))
			return bmx_error_set(err, BMX_E_SYNTAX,
			                     "postconf wrote a field of no "
			                     "service: %.80s",
			                     pairs.items[i].name);
		if (strcmp(field, "/service") == 0) {
			service =
				&postconf->services[postconf->service_count++];
			service->name = value;
			service->type = service->command = "";
		} else if (strcmp(field, "/type") == 0) {
			service->type = value;
		} else if (strcmp(field, "/chroot") == 0) {
			service->chroot = *value == 'y' ||
				(*value == '-' && default_chroot(postconf));
		} else if (strcmp(field, "/command") == 0) {
			service->command = first_word(postconf->arena, value);
			if (!service->command)
				return no_memory(err);
		}
	}
	return 0;
}

static int
read_all(struct bmxctl_postconf *postconf,
         const struct bmxctl_postconf_text *text, struct bmx_error *err)
{
	if (read_pairs(postconf->arena, text->all, &postconf->all, err) != 0 ||
	    read_pairs(postconf->arena, text->expanded, &postconf->expanded,
	               err) != 0 ||
	    read_pairs(postconf->arena, text->set, &postconf->set, err) != 0)
		return -1;
	if (read_services(postconf, text->services, err) != 0)
		return -1;
	return read_overrides(postconf, text->overrides, err);
}

struct bmxctl_postconf *
bmxctl_postconf_parse(const struct bmxctl_postconf_text *text,
                      struct bmx_error *err)
{
	struct bmxctl_postconf *postconf = calloc(1, sizeof(*postconf));

	if (postconf)
		postconf->arena = bmx_arena_new(ARENA_MAX);
	if (!postconf || !postconf->arena) {
		bmxctl_postconf_free(&postconf);
		(void)no_memory(err);
		return NULL;
	}
	if (read_all(postconf, text, err) != 0)
		bmxctl_postconf_free(&postconf);
	return postconf;
}

void
bmxctl_postconf_free(struct bmxctl_postconf **postconf)
{
	if (!*postconf)
		return;
	bmx_arena_free(&(*postconf)->arena);
	free(*postconf);
	*postconf = NULL;
}

const char *
bmxctl_postconf_raw(const struct bmxctl_postconf *postconf, const char *name)
{
	const char *value = find(&postconf->all, name);

	return value ? value : "";
}

const char *
bmxctl_postconf_get(const struct bmxctl_postconf *postconf, const char *name)
{
	const char *value = find(&postconf->expanded, name);

	return value ? value : "";
}

bool
bmxctl_postconf_knows(const struct bmxctl_postconf *postconf, const char *name)
{
	return find(&postconf->all, name) != NULL;
}

bool
bmxctl_postconf_is_set(const struct bmxctl_postconf *postconf, const char *name)
{
	return find(&postconf->set, name) != NULL;
}

size_t
bmxctl_postconf_service_count(const struct bmxctl_postconf *postconf)
{
	return postconf->service_count;
}

const struct bmxctl_postfix_service *
bmxctl_postconf_service(const struct bmxctl_postconf *postconf, size_t index)
{
	return &postconf->services[index];
}

const char *
bmxctl_postconf_override(const struct bmxctl_postconf *postconf, size_t index,
                         const char *name)
{
	const struct bmxctl_postfix_service *service =
		&postconf->services[index];
	const char *value = NULL;

	/* The last of several counts, as for smtpd. */
	for (size_t i = 0; i < postconf->override_count; i++) {
		const struct override *override = &postconf->overrides[i];

		if (strcmp(override->service, service->name) == 0 &&
		    strcmp(override->type, service->type) == 0 &&
		    strcmp(override->name, name) == 0)
			value = override->value;
	}
	return value;
}

const char *
bmxctl_postconf_service_get(const struct bmxctl_postconf *postconf,
                            size_t index, const char *name)
{
	const char *value = bmxctl_postconf_override(postconf, index, name);

	return value ? value : bmxctl_postconf_get(postconf, name);
}
