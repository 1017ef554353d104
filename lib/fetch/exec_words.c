#include "exec_words.h"

#include <stdbool.h>
#include <string.h>

/* Where the next octet stands. */
enum place {
	BETWEEN, /* words */
	BARE,
	IN_DOUBLE,
	AFTER_BACKSLASH, /* within double quotes */
	IN_SINGLE,
};

struct splitter {
	struct exec_words *words;
	size_t used; /* octets of words->text */
	enum place place;
	const char *expected; /* what is wrong; NULL: nothing */
};

static void
put(struct splitter *splitter, char c)
{
	if (splitter->used == EXEC_WORDS_SIZE) {
		splitter->expected = "a shorter command";
		return;
	}
	splitter->words->text[splitter->used++] = c;
}

static void
start_word(struct splitter *splitter)
{
	struct exec_words *words = splitter->words;

	if (words->count == EXEC_WORDS_MAX)
		splitter->expected = "at most 64 words";
	else if (splitter->used == EXEC_WORDS_SIZE)
		splitter->expected = "a shorter command";
	else
		words->argv[words->count++] = words->text + splitter->used;
}

/* An octet outside of quotes; a word has begun. */
static void
take_bare(struct splitter *splitter, char c)
{
	if (c == '"')
		splitter->place = IN_DOUBLE;
	else if (c == '\'')
		splitter->place = IN_SINGLE;
	else if (strchr("|&;<>()$`\\", c))
		splitter->expected = "no | & ; < > ( ) $ ` or \\ outside of "
				     "quotes: no shell is asked; put them in "
				     "a script";
	else
		put(splitter, c);
}

static void
take_outside(struct splitter *splitter, char c)
{
	const bool blank = c == ' ' || c == '\t';

	if (blank && splitter->place == BARE)
		put(splitter, '\0');
	else if (!blank && splitter->place == BETWEEN)
		start_word(splitter);
	splitter->place = blank ? BETWEEN : BARE;
	if (!blank && !splitter->expected)
		take_bare(splitter, c);
}

static void
take(struct splitter *splitter, char c)
{
	switch (splitter->place) {
	case BETWEEN:
	case BARE:
		take_outside(splitter, c);
		break;
	case IN_DOUBLE:
		if (c == '"')
			splitter->place = BARE;
		else if (c == '\\')
			splitter->place = AFTER_BACKSLASH;
		else
			put(splitter, c);
		break;
	case AFTER_BACKSLASH:
		if (c != '"' && c != '\\')
			put(splitter, '\\');
		put(splitter, c);
		splitter->place = IN_DOUBLE;
		break;
	case IN_SINGLE:
		if (c == '\'')
			splitter->place = BARE;
		else
			put(splitter, c);
		break;
	}
}

static bool
is_control(char c)
{
	const unsigned char octet = (unsigned char)c;

	return (octet < ' ' && octet != '\t') || octet == 127;
}

const char *
exec_words_split(const char *line, struct exec_words *words_out)
{
	struct splitter splitter = {.words = words_out, .place = BETWEEN};

	words_out->count = 0;
	for (const char *c = line; *c && !splitter.expected; c++) {
		if (is_control(*c))
			return "one line without control characters";
		take(&splitter, *c);
	}
	if (!splitter.expected && splitter.place == BARE)
		put(&splitter, '\0');
	if (splitter.expected)
		return splitter.expected;
	if (splitter.place != BETWEEN && splitter.place != BARE)
		return "a quote that is closed";
	words_out->argv[words_out->count] = NULL;
	if (words_out->count == 0 || words_out->argv[0][0] != '/')
		return "exec:/path, the absolute path of a program";
	return NULL;
}
