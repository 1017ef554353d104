/* Any file is loaded or refused with a problem; what loads can be dumped. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/mman.h>
#include <unistd.h>

#include <backupmx/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config = NULL;
	struct bmx_error err;
	char path[64];
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int fd = memfd_create("config", MFD_CLOEXEC);

	if (fd < 0 || !problems || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config = bmx_config_load(path, problems, &err);
	if (!config && err.code == BMX_E_NONE)
		abort();
	out = open_memstream(&text, &len);
	if (config && out && bmx_config_dump(config, out, true, &err) != 0)
		abort();
	if (out)
		(void)fclose(out);
	free(text);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	(void)close(fd);
	return 0;
}
