/*
 * exec_words.h - the words of `exec:/path argument ...`: no shell is asked,
 * and what only a shell would understand is refused.
 *
 *	- blanks and tabs part words
 *	- "..." is as it stands, blanks too; in it \" is " and \\ is \
 *	- '...' is as it stands
 *	- quoted and bare parts without a blank between are one word
 *	- | & ; < > ( ) $ ` and \ outside of quotes are errors
 *
 * Pure.
 */
#ifndef BACKUPMX_LIB_FETCH_EXEC_WORDS_H
#define BACKUPMX_LIB_FETCH_EXEC_WORDS_H

#include <stddef.h>

/** Most words, the program among them. */
#define EXEC_WORDS_MAX ((size_t)64)
/** Octets of all of them, each with its terminator. */
#define EXEC_WORDS_SIZE ((size_t)2048)

struct exec_words {
	const char *argv[EXEC_WORDS_MAX + 1]; /* ended by NULL; in text */
	size_t count;
	char text[EXEC_WORDS_SIZE];
};

/**
 * Splits line, which is what follows "exec:". The first word is an absolute
 * path.
 * @return NULL with *words_out, or what was expected instead, static
 */
const char *exec_words_split(const char *line, struct exec_words *words_out);

#endif
