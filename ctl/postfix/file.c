#include "ctl/postfix/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <backupmx/hash.h>

static int
open_regular(const char *path, struct stat *stat, struct bmx_error *err)
{
	const int fd =
		open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ELOOP)
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "%s is a symbolic link, which postconf -e "
		                     "would replace: change the file itself, "
		                     "with --config-dir",
		                     path);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s cannot be read",
		                           path);
	if (fstat(fd, stat) != 0 || !S_ISREG(stat->st_mode)) {
		(void)bmx_error_set(err, BMX_E_REFUSED, "%s is no file", path);
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int
read_all(int fd, const char *path, struct bmxctl_file *file,
         struct bmx_error *err)
{
	const size_t size = (size_t)file->stat.st_size;

	if (file->stat.st_size < 0 || size > BMXCTL_FILE_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "%s is larger than %zu octets", path,
		                     BMXCTL_FILE_MAX);
	file->data = malloc(size + 1);
	if (!file->data)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	while (file->len < size) {
		const ssize_t got =
			read(fd, file->data + file->len, size - file->len);

		if (got < 0)
			return bmx_error_set_errno(err, errno,
			                           "%s cannot be read", path);
		if (got == 0)
			break;
		file->len += (size_t)got;
	}
	file->data[file->len] = '\0';
	return 0;
}

int
bmxctl_file_read(const char *path, struct bmxctl_file *file_out,
                 struct bmx_error *err)
{
	int fd, rc;

	*file_out = (struct bmxctl_file){0};
	fd = open_regular(path, &file_out->stat, err);
	if (fd < 0)
		return -1;
	rc = read_all(fd, path, file_out, err);
	(void)close(fd);
	if (rc != 0)
		bmxctl_file_clear(file_out);
	return rc;
}

void
bmxctl_file_clear(struct bmxctl_file *file)
{
	free(file->data);
	*file = (struct bmxctl_file){0};
}

static bool
write_all(int fd, const struct bmxctl_file *file)
{
	size_t done = 0;

	while (done < file->len) {
		const ssize_t put =
			write(fd, file->data + done, file->len - done);

		if (put < 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

/* The owner before the mode: a change of owner takes set-id bits away. Who is
 * not root keeps the file as his own. */
static bool
fill(int fd, const struct bmxctl_file *file)
{
	if (geteuid() == 0 &&
	    fchown(fd, file->stat.st_uid, file->stat.st_gid) != 0)
		return false;
	return write_all(fd, file) &&
		fchmod(fd, file->stat.st_mode & 07777) == 0 && fsync(fd) == 0;
}

int
bmxctl_file_create(const char *path, const struct bmxctl_file *file,
                   struct bmx_error *err)
{
	const int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	             0600);
	int errnum;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s cannot be made",
		                           path);
	if (fill(fd, file)) {
		(void)close(fd);
		return 0;
	}
	errnum = errno;
	(void)close(fd);
	(void)unlink(path);
	return bmx_error_set_errno(err, errnum, "%s cannot be written", path);
}

int
bmxctl_file_replace(const char *path, const struct bmxctl_file *file,
                    struct bmx_error *err)
{
	char fresh[PATH_MAX];

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.backupmx", path) >=
	    sizeof(fresh))
		return bmx_error_set(err, BMX_E_TOO_BIG, "%s is too long",
		                     path);
	/* Left over from a run that was killed. */
	(void)unlink(fresh);
	if (bmxctl_file_create(fresh, file, err) != 0)
		return -1;
	if (rename(fresh, path) == 0)
		return 0;
	(void)bmx_error_set_errno(err, errno, "%s cannot be replaced", path);
	(void)unlink(fresh);
	return -1;
}

uint64_t
bmxctl_file_digest(const struct bmxctl_file *file)
{
	static const uint8_t key[BMX_SIPHASH_KEY_SIZE] = "backupmx main.c";

	return bmx_siphash24(key, file->data, file->len);
}
