#include <backupmx/file_octets.h>

#include <errno.h>

#include <unistd.h>

ssize_t
bmx_file_octets(int fd, char *data, size_t size)
{
	size_t len = 0;

	while (len < size) {
		const ssize_t got =
			pread(fd, data + len, size - len, (off_t)len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	return (ssize_t)len;
}
