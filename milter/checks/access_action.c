/* The right-hand side of an access map's line. */
#include <string.h>

#include <backupmx/text.h>

#include "milter/checks/access_priv.h"

struct word {
	const char *name;
	enum bmx_finding found;
	const char *warning;
};

#define BLANKS BMX_SLICE(" \t")
#define AS_DUNNO "is read as DUNNO: nothing is logged for it"

static const struct word words[] = {
	{"OK", BMX_FOUND_GOOD, NULL},
	{"DUNNO", BMX_FOUND_NOTHING, NULL},
	{"WARN", BMX_FOUND_NOTHING, AS_DUNNO},
	{"INFO", BMX_FOUND_NOTHING, AS_DUNNO},
	{"REJECT", BMX_FOUND_ACCESS_REJECT, NULL},
	{"DEFER", BMX_FOUND_ACCESS_DEFER, NULL},
	{"DEFER_IF_PERMIT", BMX_FOUND_ACCESS_DEFER, NULL},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes the first word off *rest, and the blanks behind it. */
static struct bmx_slice
take_word(struct bmx_slice *rest)
{
	struct bmx_slice word = {rest->data, 0};

	while (word.len < rest->len &&
	       !bmx_slice_has(BLANKS, rest->data[word.len]))
		word.len++;
	rest->data += word.len;
	rest->len -= word.len;
	bmx_slice_skip(rest, BLANKS);
	return word;
}

static bool
is_number(struct bmx_slice word)
{
	for (size_t i = 0; i < word.len; i++)
		if (!is_digit(word.data[i]))
			return false;
	return word.len > 0;
}

/* Three numbers with dots between: whether they go with the code is asked of
 * bmx_smtp_answer_make. */
static bool
is_enhanced(struct bmx_slice word)
{
	size_t dots = 0;

	if (word.len < 5 || word.len > 11 || !is_digit(word.data[0]))
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (!is_digit(word.data[i]) && word.data[i] != '.')
			return false;
		dots += word.data[i] == '.';
	}
	return dots == 2;
}

static void
copy_word(char *buffer, size_t size, struct bmx_slice word)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, size);
	bmx_text_append(&text, word);
}

static int
take_text(struct bmx_slice code, struct bmx_slice text, struct bmx_arena *arena,
          struct bmx_access_action *action, struct bmx_error *err)
{
	struct bmx_slice rest = text;
	struct bmx_slice enhanced = take_word(&rest);
	struct bmx_smtp_answer answer;

	if (is_enhanced(enhanced))
		text = rest;
	else
		enhanced = code.data[0] == '5' ? BMX_SLICE("5.7.1") :
						 BMX_SLICE("4.7.1");
	copy_word(action->code, sizeof(action->code), code);
	copy_word(action->enhanced, sizeof(action->enhanced), enhanced);
	if (bmx_smtp_answer_make(action->code, action->enhanced, text, &answer,
	                         err) != 0)
		return -1;
	action->text = bmx_arena_copy(arena, text);
	return action->text ? 0 : bmx_error_set(err, BMX_E_NOMEM, "no memory");
}

/* Digits come first: a code with a text, or what stands for OK. */
static int
read_number(struct bmx_slice number, struct bmx_slice text,
            struct bmx_arena *arena, struct bmx_access_action *action,
            struct bmx_error *err)
{
	const bool is_code = number.len == 3 &&
		(number.data[0] == '4' || number.data[0] == '5');

	if (is_code && text.len == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "a code without a text: Postfix would "
		                     "read it as OK");
	if (text.len == 0) {
		action->found = BMX_FOUND_GOOD;
		return 0;
	}
	if (!is_code)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected 4NN or 5NN before a text");
	action->found = number.data[0] == '5' ? BMX_FOUND_ACCESS_REJECT :
						BMX_FOUND_ACCESS_DEFER;
	return take_text(number, text, arena, action, err);
}

static const struct word *
find_word(struct bmx_slice name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (bmx_slice_equal_nocase(name, bmx_slice_of(words[i].name)))
			return &words[i];
	return NULL;
}

int
access_action_read(struct bmx_slice text, struct bmx_arena *arena,
                   struct bmx_access_action *action_out,
                   const char **warning_out, struct bmx_error *err)
{
	const struct bmx_slice first = take_word(&text);
	const struct word *word = find_word(first);

	*action_out = (struct bmx_access_action){.text = ""};
	*warning_out = word ? word->warning : NULL;
	if (is_number(first))
		return read_number(first, text, arena, action_out, err);
	if (!word)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "\"%.*s\" is not supported; known are OK, "
		                     "DUNNO, REJECT, DEFER, 4NN and 5NN",
		                     (int)(first.len < 40 ? first.len : 40),
		                     first.data);
	action_out->found = word->found;
	if (word->found == BMX_FOUND_GOOD && text.len > 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "OK takes nothing behind it");
	if (text.len == 0 || word->found == BMX_FOUND_NOTHING ||
	    word->found == BMX_FOUND_GOOD)
		return 0;
	return take_text(word->found == BMX_FOUND_ACCESS_REJECT ?
	                         BMX_SLICE("554") :
	                         BMX_SLICE("450"),
	                 text, arena, action_out, err);
}
