#include "password.h"

#include <errno.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <backupmx/file_octets.h>

static int
read_line(int fd, const char *path, char *password, struct bmx_error *err)
{
	struct stat status;
	ssize_t got;
	size_t len;

	if (fstat(fd, &status) != 0)
		return bmx_error_set_errno(err, errno, "cannot read %s", path);
	if (!S_ISREG(status.st_mode))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "%s is not a regular file", path);
	got = bmx_file_octets(fd, password, BMX_REDIS_PASSWORD_MAX);
	if (got < 0)
		return bmx_error_set_errno(err, errno, "cannot read %s", path);
	if ((size_t)got == BMX_REDIS_PASSWORD_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the password in %s has over %zu octets",
		                     path, BMX_REDIS_PASSWORD_MAX - 1);
	password[got] = '\0';
	len = strcspn(password, "\r\n");
	if (len == 0 || strlen(password) != (size_t)got)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "%s does not begin with a password", path);
	password[len] = '\0';
	return 0;
}

int
bmx_redis_password_read(const char *path,
                        char password_out[BMX_REDIS_PASSWORD_MAX],
                        struct bmx_error *err)
{
	int fd, rc;

	password_out[0] = '\0';
	if (path[0] == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "cannot read %s", path);
	rc = read_line(fd, path, password_out, err);
	(void)close(fd); /* nothing was written */
	return rc;
}
