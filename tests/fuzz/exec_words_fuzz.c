/* Commands of exec: sources: what is split stays within its line. */
#include <stdlib.h>
#include <string.h>

#include "lib/fetch/exec_words.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct exec_words words;
	size_t octets = 0;
	char *line = malloc(size + 1);

	if (!line)
		return 0;
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	if (!exec_words_split(line, &words)) {
		for (size_t i = 0; i < words.count; i++)
			octets += strlen(words.argv[i]) + 1;
		/* Nothing is made up: no more than the line and an end. */
		if (words.count == 0 || words.count > EXEC_WORDS_MAX ||
		    words.argv[words.count] || words.argv[0][0] != '/' ||
		    octets > strlen(line) + 1 || octets > EXEC_WORDS_SIZE)
			abort();
	}
	free(line);
	return 0;
}
