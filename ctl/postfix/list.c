#include "ctl/postfix/list.h"

#include <string.h>

#include <backupmx/text.h>

#define SEPARATORS ", \t\r\n"
/* No time of Postfix's is longer; keeps the product within 64 bits. */
#define TIME_MAX INT64_C(10000000000)

static bool
is_separator(char c)
{
	return c != '\0' && strchr(SEPARATORS, c) != NULL;
}

/* Octets of the word at the beginning of text; *level is left above 0 when
 * its braces do not pair. */
static size_t
word_length(struct bmx_slice text, int *level)
{
	size_t len = 0;

	for (*level = 0; len < text.len; len++) {
		const char c = text.data[len];

		if (*level == 0 && is_separator(c))
			break;
		if (c == '{')
			++*level;
		else if (c == '}' && --*level < 0)
			break;
	}
	return len;
}

int
bmxctl_words_split(struct bmx_arena *arena, struct bmx_slice text,
                   struct bmxctl_words *words_out, struct bmx_error *err)
{
	int level = 0;

	/* A word is at least one octet and a separator. */
	words_out->count = 0;
	words_out->items = bmx_arena_alloc(
		arena, (text.len / 2 + 1) * sizeof(struct bmx_slice));
	if (!words_out->items)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	for (;;) {
		size_t len;

		while (text.len > 0 && is_separator(*text.data)) {
			text.data++;
			text.len--;
		}
		if (text.len == 0)
			return 0;
		len = word_length(text, &level);
		if (level != 0)
			return bmx_error_set(
				err, BMX_E_SYNTAX,
				"braces do not pair in: %.*s",
				(int)(text.len < 120 ? text.len : 120),
				text.data);
		words_out->items[words_out->count++] =
			(struct bmx_slice){text.data, len};
		text.data += len;
		text.len -= len;
	}
}

char *
bmxctl_words_join(struct bmx_arena *arena, const struct bmxctl_words *words,
                  struct bmx_error *err)
{
	struct bmx_text text;
	size_t size = 1;
	char *buffer;

	for (size_t i = 0; i < words->count; i++)
		size += words->items[i].len + 2;
	if (size > BMXCTL_VALUE_MAX) {
		(void)bmx_error_set(err, BMX_E_TOO_BIG,
		                    "a value of more than %zu octets is "
		                    "needed: keep it in a file instead",
		                    BMXCTL_VALUE_MAX);
		return NULL;
	}
	buffer = bmx_arena_alloc(arena, size);
	if (!buffer) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
		return NULL;
	}
	bmx_text_init(&text, buffer, size);
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			bmx_text_append_string(&text, ", ");
		bmx_text_append(&text, words->items[i]);
	}
	return buffer;
}

bool
bmxctl_words_hold(const struct bmxctl_words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (bmx_slice_equal_nocase(words->items[i], bmx_slice_of(word)))
			return true;
	return false;
}

bool
bmxctl_words_insert(struct bmx_arena *arena, const struct bmxctl_words *words,
                    size_t at, struct bmx_slice word, struct bmxctl_words *out)
{
	struct bmx_slice *items = bmx_arena_alloc(
		arena, (words->count + 1) * sizeof(struct bmx_slice));

	if (!items)
		return false;
	for (size_t i = 0; i < at; i++)
		items[i] = words->items[i];
	items[at] = word;
	for (size_t i = at; i < words->count; i++)
		items[i + 1] = words->items[i];
	*out = (struct bmxctl_words){items, words->count + 1};
	return true;
}

static bool
is_name(struct bmx_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		const char c = bmx_ascii_lower(text.data[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_')
			return false;
	}
	return text.len > 0;
}

bool
bmxctl_word_is_macro(struct bmx_slice word, struct bmx_slice *name_out)
{
	struct bmx_slice name = {word.data + 1, word.len - 1};
	char end;

	if (word.len < 2 || word.data[0] != '$')
		return false;
	if (*name.data == '{' || *name.data == '(') {
		end = *name.data == '{' ? '}' : ')';
		if (name.len < 3 || name.data[name.len - 1] != end)
			return false;
		name = (struct bmx_slice){name.data + 1, name.len - 2};
	}
	*name_out = name;
	return is_name(name);
}

int64_t
bmxctl_postfix_time(const char *text, char unit)
{
	static const char units[] = "smhdw";
	static const int64_t seconds[] = {1, 60, 3600, 86400, 604800};
	int64_t number = 0;
	const char *at;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (*text - '0');
		if (number > TIME_MAX)
			return -1;
	}
	if (*text)
		unit = bmx_ascii_lower(*text++);
	at = strchr(units, unit);
	if (*text || unit == '\0' || !at)
		return -1;
	return number * seconds[at - units];
}

bool
bmxctl_postfix_yes(const char *text)
{
	return bmx_slice_equal_nocase(bmx_slice_of(text), BMX_SLICE("yes"));
}

bool
bmxctl_domain_matches(struct bmx_slice pattern, const char *name,
                      bool subdomains)
{
	const size_t len = strlen(name);
	const bool dotted = pattern.len > 0 && pattern.data[0] == '.';
	struct bmx_slice end;

	if (bmx_slice_equal_nocase(pattern, bmx_slice_of(name)))
		return true;
	if (dotted == subdomains)
		return false;
	if (dotted) {
		pattern.data++;
		pattern.len--;
	}
	if (pattern.len == 0 || len <= pattern.len)
		return false;
	end = (struct bmx_slice){name + len - pattern.len, pattern.len};
	return end.data[-1] == '.' && bmx_slice_equal_nocase(pattern, end);
}
