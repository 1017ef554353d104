#include <errno.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <backupmx/file_octets.h>

#include "fetch_priv.h"

/* The file, open, or -1 with *err. Not blocking, so that a FIFO is no trap. */
static int
open_file(const char *path, mode_t forbidden, struct bmx_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "cannot read %s", path);
	if (fstat(fd, &status) != 0)
		(void)bmx_error_set_errno(err, errno, "cannot read %s", path);
	else if (!S_ISREG(status.st_mode))
		(void)bmx_error_set(err, BMX_E_SYNTAX,
		                    "%s is not a regular file", path);
	else if (status.st_mode & forbidden)
		(void)bmx_error_set(err, BMX_E_PERMISSION,
		                    "%s holds a secret and is open to others "
		                    "(mode %04o); chmod o= %s",
		                    path, (unsigned)(status.st_mode & 07777),
		                    path);
	else
		return fd;
	(void)close(fd);
	return -1;
}

/* The first line of text, terminated, in text. */
static int
cut_line(const char *path, char *text, size_t len, struct bmx_error *err)
{
	bool good = true;
	size_t end;

	if (len == FETCH_SECRET_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the secret in %s has over %zu octets",
		                     path, FETCH_SECRET_MAX - 1);
	for (end = 0; end < len && text[end] != '\r' && text[end] != '\n';
	     end++)
		if ((unsigned char)text[end] < ' ' || text[end] == 127)
			good = false;
	text[end] = '\0';
	if (!good || end == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "%s does not begin with a line that could "
		                     "be a secret",
		                     path);
	return 0;
}

int
fetch_secret_read(const char *path, char secret_out[FETCH_SECRET_MAX],
                  struct bmx_error *err)
{
	const int fd = open_file(path, S_IRWXO, err);
	ssize_t got;

	secret_out[0] = '\0';
	if (fd < 0)
		return -1;
	got = bmx_file_octets(fd, secret_out, FETCH_SECRET_MAX);
	if (got < 0)
		(void)bmx_error_set_errno(err, errno, "cannot read %s", path);
	(void)close(fd); /* nothing was written */
	return got < 0 ? -1 : cut_line(path, secret_out, (size_t)got, err);
}

static int
check(const char *path, mode_t forbidden, struct bmx_error *err)
{
	const int fd = open_file(path, forbidden, err);

	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

int
fetch_secret_check(const char *path, struct bmx_error *err)
{
	return check(path, S_IRWXO, err);
}

int
fetch_file_check(const char *path, struct bmx_error *err)
{
	return check(path, 0, err);
}

int
fetch_tls_check(const struct bmx_config_fetch *settings, struct bmx_error *err)
{
	/* Without a file of its own the key is beside the certificate. */
	const bool apart = settings->tls_key_file[0] != '\0';

	if (settings->tls_ca_file[0] &&
	    fetch_file_check(settings->tls_ca_file, err) != 0)
		return -1;
	if (apart && !settings->tls_cert_file[0])
		return bmx_error_set(err, BMX_E_USAGE,
		                     "fetch.tls_key_file needs "
		                     "fetch.tls_cert_file");
	if (settings->tls_cert_file[0] &&
	    check(settings->tls_cert_file, apart ? 0 : S_IRWXO, err) != 0)
		return -1;
	return apart ? fetch_secret_check(settings->tls_key_file, err) : 0;
}
