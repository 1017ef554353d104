/*
 * The one file that knows libconfuse. It is given the text of one value at a
 * time: libconfuse 3.3 stops at a file's first mistake, counts a line too many
 * behind each C comment, and keeps its scanner inside a string that was never
 * closed, so that the next file, too, would be read wrongly. One value whose
 * strings are known to be closed has none of that.
 */
#include <stdlib.h>

#include <confuse.h>

#include "config_priv.h"

#define NAME "value"

/* What it says, as its own callback has no context. */
static void
quiet(cfg_t *cfg, const char *format, va_list args)
{
	(void)cfg;
	(void)format;
	(void)args;
}

static int
copy_items(cfg_t *cfg, struct config_place at, struct bmx_arena *arena,
           struct config_value *value)
{
	cfg_opt_t *option = cfg_getopt(cfg, NAME);
	const size_t count = cfg_opt_size(option);

	value->items = bmx_arena_alloc(arena, (count + 1) * sizeof(char *));
	value->lines = bmx_arena_alloc(arena, (count + 1) * sizeof(int));
	if (!value->items || !value->lines)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *item = cfg_opt_getnstr(option, (unsigned)i);

		value->items[i] = bmx_arena_copy(arena, bmx_slice_of(item));
		value->lines[i] = at.line;
		if (!value->items[i])
			return -1;
	}
	value->count = count;
	return 0;
}

/* Line of each item: libconfuse tells it only while it reads. */
static void
number_items(const char *text, struct config_value *value)
{
	int line = value->at.line;
	bool fresh = true;
	size_t index = 0;
	char quote = 0;

	for (; *text && index < value->count; text++) {
		if (!quote && fresh && !strchr(" \t\r\n{,", *text)) {
			value->lines[index++] = line;
			fresh = false;
		}
		if (*text == '\n')
			line++;
		else if (*text == '\\' && quote && text[1] != '\n')
			text++;
		else if (quote && *text == quote)
			quote = 0;
		else if (!quote && (*text == '"' || *text == '\''))
			quote = *text;
		else if (!quote && *text == ',')
			fresh = true;
	}
}

static int
parse(cfg_t *cfg, const char *text, struct bmx_error *err)
{
	const size_t size = strlen(text) + sizeof(NAME " = \n");
	char *statement = malloc(size);
	int result;

	if (!statement)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	(void)snprintf(statement, size, NAME " = %s\n", text);
	result = cfg_parse_buf(cfg, statement);
	free(statement);
	if (result == CFG_SUCCESS)
		return 0;
	return bmx_error_set(err, BMX_E_SYNTAX,
	                     "bad list: expected {\"a\", \"b\"}");
}

int
config_value_read(const char *text, struct config_place at,
                  struct bmx_arena *arena, struct config_value *value,
                  struct bmx_error *err)
{
	cfg_opt_t options[] = {CFG_STR_LIST(NAME, NULL, CFGF_NODEFAULT),
	                       CFG_END()};
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	int result;

	if (!cfg)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	(void)cfg_set_error_function(cfg, quiet);
	value->is_list = text[0] == '{';
	result = parse(cfg, text, err);
	if (result == 0 && copy_items(cfg, at, arena, value) != 0)
		result = bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	(void)cfg_free(cfg);
	if (result == 0) {
		struct config_value numbered = *value;

		numbered.at.line = at.line;
		number_items(text, &numbered);
	}
	return result;
}
