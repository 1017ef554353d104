#include "ctl/postfix/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/postfix/shell.h"

/* "-c DIR ", unless it is Postfix's own. */
static void
print_directory(const char *config_dir)
{
	if (!config_dir)
		return;
	(void)fputs("-c ", stdout);
	bmxctl_shell_word(stdout, config_dir);
	(void)fputc(' ', stdout);
}

void
bmxctl_print_setting(const struct bmxctl_wanted *wanted, const char *config_dir)
{
	const size_t size = strlen(wanted->name) + strlen(wanted->value) + 4;
	char *setting = malloc(size);

	(void)printf("# %s: %s\n", wanted->name, wanted->why);
	if (wanted->was_set)
		(void)printf("# now: %s = %s\n", wanted->name, wanted->now);
	(void)fputs("postconf ", stdout);
	print_directory(config_dir);
	(void)fputs("-e ", stdout);
	if (setting) {
		(void)snprintf(setting, size, "%s = %s", wanted->name,
		               wanted->value);
		bmxctl_shell_word(stdout, setting);
	}
	(void)fputs("\n\n", stdout);
	free(setting);
}

void
bmxctl_print_notes(const struct bmxctl_wanted_list *list)
{
	for (size_t i = 0; i < bmxctl_wanted_note_count(list); i++) {
		const struct bmxctl_wiring_note *note =
			bmxctl_wanted_note(list, i);

		(void)printf("# note: %s: %s\n", note->subject, note->text);
	}
}

void
bmxctl_print_reload(const char *config_dir)
{
	(void)fputs("# then: postfix ", stdout);
	print_directory(config_dir);
	(void)puts("reload");
}

json_t *
bmxctl_wanted_as_json(const struct bmxctl_wanted_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < bmxctl_wanted_count(list); i++) {
		const struct bmxctl_wanted *wanted = bmxctl_wanted_get(list, i);

		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:b, s:s, s:s}", "name",
		                  wanted->name, "now", wanted->now, "set",
		                  wanted->was_set, "wanted", wanted->value,
		                  "why", wanted->why));
	}
	return array;
}

json_t *
bmxctl_notes_as_json(const struct bmxctl_wanted_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < bmxctl_wanted_note_count(list); i++) {
		const struct bmxctl_wiring_note *note =
			bmxctl_wanted_note(list, i);

		(void)json_array_append_new(array,
		                            json_pack("{s:s, s:s}", "subject",
		                                      note->subject, "text",
		                                      note->text));
	}
	return array;
}

static void
print_names(const char *before, const json_t *names)
{
	const json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return;
	(void)printf("%s", before);
	json_array_foreach(names, i, name)
	{
		(void)printf("%s %s", i > 0 ? "," : "",
		             json_string_value(name));
	}
	(void)puts("");
}

void
bmxctl_print_undone(const json_t *report)
{
	if (json_is_true(json_object_get(report, "whole"))) {
		(void)printf("# main.cf is what it was before: %s\n",
		             bmxctl_string(report, "backup"));
		return;
	}
	(void)puts("# main.cf was changed by somebody else since: only our own "
	           "settings are taken back");
	print_names("taken back:", json_object_get(report, "restored"));
	print_names("left, as they were changed since:",
	            json_object_get(report, "left"));
}
