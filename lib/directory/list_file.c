#include "list_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include <backupmx/file_octets.h>
#include <backupmx/list_sync.h>

#define READ_TRIES 3
/* Between two tries: time for a writer to finish. */
#define RETRY_DELAY_NS 100000000L

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
		a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
look_at(int fd, const char *path, struct stat *file, struct bmx_error *err)
{
	if (fstat(fd, file) != 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	if (!S_ISREG(file->st_mode))
		return bmx_error_set(err, BMX_E_IO, "%s: not a regular file",
		                     path);
	if ((uint64_t)file->st_size > BMX_LIST_FILE_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "%s: larger than the %zu octets that a "
		                     "list may have",
		                     path, BMX_LIST_FILE_MAX);
	return 0;
}

/* 1 when the file was read, 0 when it changed meanwhile, -1. */
static int
read_once(int fd, const char *path, char **data_out, size_t *len_out,
          struct bmx_error *err)
{
	struct stat before, after;
	size_t size;
	ssize_t got;
	char *data;

	if (look_at(fd, path, &before, err) != 0)
		return -1;
	size = (size_t)before.st_size;
	data = malloc(size ? size : 1);
	if (!data)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "%s: no memory to read it", path);
	got = bmx_file_octets(fd, data, size);
	if (got < 0 || fstat(fd, &after) != 0) {
		(void)bmx_error_set_errno(err, errno, "%s", path);
		free(data);
		return -1;
	}
	if ((size_t)got != size || !is_same(&before, &after)) {
		free(data);
		return 0;
	}
	*data_out = data;
	*len_out = size;
	return 1;
}

int
bmx_list_file_read(const char *path, char **data_out, size_t *len_out,
                   struct bmx_error *err)
{
	const struct timespec delay = {0, RETRY_DELAY_NS};
	/* Not blocking, so that a FIFO without a writer is no trap. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s", path);
	rc = read_once(fd, path, data_out, len_out, err);
	for (int i = 1; rc == 0 && i < READ_TRIES; i++) {
		(void)nanosleep(&delay, NULL);
		rc = read_once(fd, path, data_out, len_out, err);
	}
	(void)close(fd);
	if (rc == 0)
		return bmx_error_set(err, BMX_E_IO,
		                     "%s: changes while it is read", path);
	return rc > 0 ? 0 : -1;
}
