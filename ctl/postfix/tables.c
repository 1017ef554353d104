#include "ctl/postfix/tables.h"

#include <stdio.h>
#include <string.h>

#include <backupmx/arena.h>

#include "ctl/postfix/list.h"
#include "ctl/postfix/run.h"

#define ARENA_MAX ((size_t)1024 * 1024)
#define LINE_MAX_SIZE 1024

/* "TYPE:NAME"; what begins with a slash is a file. */
static bool
is_table(const char *word)
{
	return word[0] != '/' && strchr(word, ':') != NULL;
}

static bool
table_holds(const char *config_dir, const char *table, const char *name)
{
	const char *const words[] = {"-q", name, table};
	struct bmx_command_result result;
	struct bmx_error err;
	bool held;

	if (bmxctl_postfix_run("postmap", config_dir, words, 3, &result,
	                       &err) != 0)
		return false;
	held = result.status == 0;
	bmx_command_result_clear(&result);
	return held;
}

static bool
line_is(char *line, const char *name)
{
	line[strcspn(line, " \t\r\n,")] = '\0';
	return line[0] != '#' &&
		bmx_slice_equal_nocase(bmx_slice_of(line), bmx_slice_of(name));
}

static bool
file_holds(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[LINE_MAX_SIZE];
	bool held = false;

	if (!file)
		return false;
	while (!held && fgets(line, sizeof(line), file))
		held = line_is(line, name);
	(void)fclose(file);
	return held;
}

/* The domain itself, then those above it, as Postfix does by default. */
static bool
word_holds(const char *config_dir, const char *word, const char *domain)
{
	for (const char *name = domain; name;) {
		if (is_table(word) ? table_holds(config_dir, word, name) :
		                     file_holds(word, name))
			return true;
		name = strchr(name, '.');
		if (name)
			name++;
	}
	return false;
}

bool
bmxctl_tables_hold(const struct bmxctl_postconf *postconf,
                   const char *config_dir, const char *parameter,
                   const char *domain)
{
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmxctl_words words = {0};
	struct bmx_error err;
	bool held = false;

	if (!arena)
		return false;
	if (bmxctl_words_split(
		    arena,
		    bmx_slice_of(bmxctl_postconf_get(postconf, parameter)),
		    &words, &err) != 0)
		words.count = 0;
	for (size_t i = 0; i < words.count && !held; i++) {
		const char *word = bmx_arena_copy(arena, words.items[i]);

		if (word && (word[0] == '/' || is_table(word)))
			held = word_holds(config_dir, word, domain);
	}
	bmx_arena_free(&arena);
	return held;
}
