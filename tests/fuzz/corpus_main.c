/*
 * Runs a fuzz target once over each file of the directories named on the
 * command line, so that every build checks the corpus without libFuzzer.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0;

	if (!in)
		return -1;
	if (fseek(in, 0, SEEK_END) == 0 && ftell(in) > 0) {
		size = (size_t)ftell(in);
		rewind(in);
	}
	/* Exactly as large as the input: the sanitizers see each overread. */
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, in) != size) {
		free(data);
		(void)fclose(in);
		return -1;
	}
	(void)fclose(in);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int
run_directory(const char *path, size_t *count)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[4096];

	if (!dir)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path,
		               entry->d_name);
		if (run_file(name) != 0) {
			(void)fprintf(stderr, "%s: cannot read\n", name);
			(void)closedir(dir);
			return -1;
		}
		(*count)++;
	}
	(void)closedir(dir);
	return 0;
}

int
main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		if (run_directory(argv[i], &count) != 0) {
			(void)fprintf(stderr, "%s: no corpus\n", argv[i]);
			return 1;
		}
	}
	(void)printf("%zu inputs\n", count);
	return count > 0 ? 0 : 1;
}
