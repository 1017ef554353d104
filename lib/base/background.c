#include <backupmx/background.h>

#include <errno.h>
#include <stdlib.h>

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

int
bmx_background_fill_stdio(struct bmx_error *err)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR); /* the lowest that is free */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "cannot open /dev/null");
	(void)close(fd);
	return 0;
}

/* The parent's whole rest of life. */
static void
wait_for_child(int fd, pid_t child)
{
	char byte;
	ssize_t got;
	int status;

	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		_exit(EX_OK);
	if (waitpid(child, &status, 0) == child && WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	_exit(EX_SOFTWARE);
}

int
bmx_background_start(struct bmx_background *background_out,
                     struct bmx_error *err)
{
	int fds[2];
	pid_t child;

	if (pipe(fds) != 0)
		return bmx_error_set_errno(err, errno, "cannot make a pipe");
	child = fork();
	if (child < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return bmx_error_set_errno(err, errno, "cannot fork");
	}
	if (child > 0) {
		(void)close(fds[1]);
		wait_for_child(fds[0], child);
	}
	(void)close(fds[0]);
	(void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	(void)setsid(); /* fails only for a leader, which a child is not */
	background_out->fd = fds[1];
	return 0;
}

void
bmx_background_ready(struct bmx_background *background)
{
	int null;

	if (background->fd < 0)
		return;
	/* A parent that is gone needs no word. */
	if (write(background->fd, "", 1) != 1)
		errno = 0;
	(void)close(background->fd);
	background->fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
}
