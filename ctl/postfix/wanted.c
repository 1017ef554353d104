#include "ctl/postfix/wanted.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/finder.h"

/* Settings and notes of one run; more notes than this help nobody. */
#define WANTED_MAX 32
#define NOTES_MAX 100
#define TEXT_MAX 1000
#define ARENA_MAX ((size_t)64 * 1024 * 1024)
/* Braces around a milter with its settings: Postfix 3.0. */
#define OLDEST_POSTFIX 3

struct bmxctl_wanted_list {
	struct bmx_arena *arena;
	struct bmxctl_wanted wanted[WANTED_MAX];
	size_t wanted_count;
	struct bmxctl_wiring_note notes[NOTES_MAX];
	size_t note_count;
};

static int
no_memory(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
}

int
bmxctl_finder_want(struct bmxctl_finder *finder, const char *name,
                   const char *value, const char *why)
{
	struct bmxctl_wanted_list *list = finder->list;
	struct bmxctl_wanted *wanted = &list->wanted[list->wanted_count];
	const char *now = bmxctl_postconf_raw(finder->postconf, name);

	if (list->wanted_count == WANTED_MAX)
		return bmx_error_set(finder->err, BMX_E_TOO_BIG,
		                     "too many settings are to be changed");
	wanted->name = name;
	wanted->now = bmx_arena_copy(finder->arena, bmx_slice_of(now));
	wanted->was_set = bmxctl_postconf_is_set(finder->postconf, name);
	wanted->value = value;
	wanted->why = why;
	if (!wanted->now)
		return no_memory(finder->err);
	list->wanted_count++;
	return 0;
}

char *
bmxctl_finder_text(struct bmxctl_finder *finder, const char *format, ...)
{
	char buffer[TEXT_MAX];
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(buffer)) {
		(void)bmx_error_set(finder->err, BMX_E_TOO_BIG,
		                    "a word of more than %d octets would be "
		                    "needed in main.cf: %.80s...",
		                    TEXT_MAX, buffer);
		return NULL;
	}
	text = bmx_arena_copy(finder->arena, bmx_slice_of(buffer));
	if (!text)
		(void)no_memory(finder->err);
	return text;
}

int
bmxctl_finder_note(struct bmxctl_finder *finder, const char *subject,
                   const char *text, ...)
{
	struct bmxctl_wanted_list *list = finder->list;
	char buffer[TEXT_MAX];
	va_list args;
	char *copy;

	if (list->note_count == NOTES_MAX)
		return 0;
	va_start(args, text);
	(void)vsnprintf(buffer, sizeof(buffer), text, args);
	va_end(args);
	copy = bmx_arena_copy(finder->arena, bmx_slice_of(buffer));
	if (!copy)
		return no_memory(finder->err);
	list->notes[list->note_count++] =
		(struct bmxctl_wiring_note){subject, copy};
	return 0;
}

const struct bmx_endpoint *
bmxctl_finder_socket(const struct bmxctl_finder *finder,
                     const struct bmx_endpoint *listen, size_t count)
{
	const struct bmx_endpoint *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < count; i++) {
		int rank = 0;

		if (bmxctl_peer_reachable(&listen[i], &finder->rules.place))
			rank = listen[i].kind == BMX_ENDPOINT_UNIX ? 2 : 1;
		if (rank > best_rank) {
			best = &listen[i];
			best_rank = rank;
		}
	}
	return best;
}

int
bmxctl_finder_unreachable(struct bmxctl_finder *finder, const char *name)
{
	return bmxctl_finder_note(
		finder, name,
		"Postfix cannot reach it from its chroot, so it is not wired: "
		"put the socket below %s, or listen on inet:",
		finder->rules.place.queue_directory);
}

bool
bmxctl_finder_lists(struct bmxctl_finder *finder, const char *parameter,
                    const char *name)
{
	const char *value = bmxctl_postconf_get(finder->postconf, parameter);
	struct bmxctl_words words;
	struct bmx_error err;

	return bmxctl_words_split(finder->arena, bmx_slice_of(value), &words,
	                          &err) == 0 &&
		bmxctl_words_hold(&words, name);
}

/* Is one of its smtpds shut into the queue directory? */
static bool
smtpd_chroot(const struct bmxctl_postconf *postconf)
{
	for (size_t i = 0; i < bmxctl_postconf_service_count(postconf); i++) {
		const struct bmxctl_postfix_service *service =
			bmxctl_postconf_service(postconf, i);

		if (strcmp(service->command, "smtpd") == 0 && service->chroot)
			return true;
	}
	return false;
}

static int
find_all(struct bmxctl_finder *finder)
{
	const char *version =
		bmxctl_postconf_get(finder->postconf, "mail_version");

	if (strtoul(version, NULL, 10) < OLDEST_POSTFIX)
		return bmx_error_set(finder->err, BMX_E_RANGE,
		                     "Postfix 3.0 or later is needed, this is "
		                     "\"%.40s\"",
		                     version);
	if (bmxctl_want_domains(finder) != 0 ||
	    bmxctl_want_policy(finder) != 0 ||
	    bmxctl_want_milter(finder) != 0 || bmxctl_want_simple(finder) != 0)
		return -1;
	return bmxctl_note_all(finder);
}

static struct bmxctl_wanted_list *
new_list(void)
{
	struct bmxctl_wanted_list *list = calloc(1, sizeof(*list));

	if (list)
		list->arena = bmx_arena_new(ARENA_MAX);
	if (list && !list->arena)
		bmxctl_wanted_free(&list);
	return list;
}

struct bmxctl_wanted_list *
bmxctl_wanted_find(const struct bmxctl_wiring *wiring, struct bmx_error *err)
{
	const struct bmx_config *config = wiring->config;
	struct bmxctl_finder finder = {
		.wiring = wiring,
		.config = config,
		.postconf = wiring->postconf,
		.list = new_list(),
		.with_milter = !wiring->without_milter,
		.with_guard = !wiring->without_milter &&
			config->milter.bounce_guard != BMX_BOUNCE_GUARD_OFF,
		.err = err,
	};

	if (!finder.list) {
		(void)no_memory(err);
		return NULL;
	}
	finder.arena = finder.list->arena;
	finder.rules = (struct bmxctl_rules_context){
		finder.arena,
		finder.postconf,
		config->policyd.listen,
		config->policyd.listen_count,
		{bmxctl_postconf_get(finder.postconf, "queue_directory"),
	         smtpd_chroot(finder.postconf)},
	};
	if (find_all(&finder) != 0)
		bmxctl_wanted_free(&finder.list);
	return finder.list;
}

void
bmxctl_wanted_free(struct bmxctl_wanted_list **list)
{
	if (!*list)
		return;
	bmx_arena_free(&(*list)->arena);
	free(*list);
	*list = NULL;
}

size_t
bmxctl_wanted_count(const struct bmxctl_wanted_list *list)
{
	return list->wanted_count;
}

const struct bmxctl_wanted *
bmxctl_wanted_get(const struct bmxctl_wanted_list *list, size_t index)
{
	return &list->wanted[index];
}

const struct bmxctl_wanted *
bmxctl_wanted_find_name(const struct bmxctl_wanted_list *list, const char *name)
{
	for (size_t i = 0; i < list->wanted_count; i++)
		if (strcmp(list->wanted[i].name, name) == 0)
			return &list->wanted[i];
	return NULL;
}

size_t
bmxctl_wanted_note_count(const struct bmxctl_wanted_list *list)
{
	return list->note_count;
}

const struct bmxctl_wiring_note *
bmxctl_wanted_note(const struct bmxctl_wanted_list *list, size_t index)
{
	return &list->notes[index];
}
