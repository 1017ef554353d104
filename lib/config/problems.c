/* The list of a file's mistakes. */
#include <stdarg.h>
#include <stdlib.h>

#include "config_priv.h"

struct kept {
	struct bmx_config_problem problem;
	size_t order; /* of discovery */
};

struct bmx_config_problems {
	struct kept *items;
	size_t count;
	size_t room;
	size_t errors;
};

struct bmx_config_problems *
bmx_config_problems_new(void)
{
	return calloc(1, sizeof(struct bmx_config_problems));
}

static char *
member(const char *string)
{
	/* The strings of a problem are the list's own. */
	return (char *)(uintptr_t)string;
}

void
bmx_config_problems_free(struct bmx_config_problems **problems)
{
	if (!*problems)
		return;
	for (size_t i = 0; i < (*problems)->count; i++) {
		free(member((*problems)->items[i].problem.file));
		free(member((*problems)->items[i].problem.text));
	}
	free((*problems)->items);
	free(*problems);
	*problems = NULL;
}

size_t
bmx_config_problems_count(const struct bmx_config_problems *problems)
{
	return problems->count;
}

const struct bmx_config_problem *
bmx_config_problems_get(const struct bmx_config_problems *problems,
                        size_t index)
{
	return index < problems->count ? &problems->items[index].problem : NULL;
}

size_t
config_problems_errors(const struct bmx_config_problems *problems)
{
	return problems->errors;
}

static int
make_room(struct bmx_config_problems *problems)
{
	const size_t room = problems->room ? problems->room * 2 : 16;
	struct kept *items;

	if (problems->count < problems->room)
		return 0;
	items = realloc(problems->items, room * sizeof(*items));
	if (!items)
		return -1;
	problems->items = items;
	problems->room = room;
	return 0;
}

void
config_problem(struct bmx_config_problems *problems, struct config_place at,
               bool warning, const char *format, ...)
{
	struct kept kept = {{NULL, at.line, warning, NULL}, problems->count};
	char raw[512];
	char clean[512];
	struct bmx_text text;
	va_list args;

	/* Counted even if it cannot be kept: the file is refused either way.
	 * Warnings leave room for the mistakes behind them. */
	if (!warning)
		problems->errors++;
	if (problems->count >= CONFIG_PROBLEMS_MAX ||
	    (warning && problems->count >= CONFIG_PROBLEMS_MAX / 2) ||
	    make_room(problems) != 0)
		return;
	va_start(args, format);
	(void)vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	bmx_text_init(&text, clean, sizeof(clean));
	bmx_text_append_clean(&text, bmx_slice_of(raw), sizeof(clean) - 4);
	kept.problem.file = strdup(at.file);
	kept.problem.text = strdup(clean);
	if (!kept.problem.file || !kept.problem.text) {
		free(member(kept.problem.file));
		free(member(kept.problem.text));
		return;
	}
	problems->items[problems->count++] = kept;
}

void
bmx_config_problems_add(struct bmx_config_problems *problems, const char *file,
                        int line, bool warning, const char *text)
{
	const struct config_place at = {file, line};

	config_problem(problems, at, warning, "%s", text);
}

static int
compare(const void *left, const void *right)
{
	const struct kept *a = left;
	const struct kept *b = right;
	const int file = strcmp(a->problem.file, b->problem.file);

	if (file != 0)
		return file;
	if (a->problem.line != b->problem.line)
		return a->problem.line < b->problem.line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void
config_problems_sort(struct bmx_config_problems *problems)
{
	if (problems->count > 1)
		qsort(problems->items, problems->count,
		      sizeof(*problems->items), compare);
}
