#include "ctl/postfix/shell.h"

#include <string.h>

#define SAFE                                                                   \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"%+,-./:=@_"

void
bmxctl_shell_word(FILE *out, const char *word)
{
	const size_t len = strlen(word);

	if (len > 0 && strspn(word, SAFE) == len) {
		(void)fputs(word, out);
		return;
	}
	(void)fputc('\'', out);
	for (; *word; word++) {
		/* A quote cannot stand within quotes. */
		if (*word == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*word, out);
	}
	(void)fputc('\'', out);
}
