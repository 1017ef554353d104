#include "cache_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/wait.h>

#include "cache_file.h"

/* A walk over a file of the largest size takes a second or two; a disk that
 * fails may take for ever. */
#define SECONDS_MAX 60
/* LMDB takes what the file has when that is more. */
#define MAP_OCTETS ((size_t)1 << 20)

enum child_status { WHOLE = 0, DAMAGED = 1 };

/* LMDB's last words are not for the log: the parent says what is wrong. */
static void
be_silent(void)
{
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
}

/* The program's handlers are not for what happens here. */
static void
end_by_signals(void)
{
	static const int signals[] = {SIGABRT, SIGALRM, SIGBUS,
	                              SIGFPE,  SIGILL,  SIGSEGV};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], SIG_DFL);
}

static enum child_status
look(const char *state_dir)
{
	struct bmx_error err = {.code = BMX_E_NONE};
	struct bmx_cache_file *file =
		bmx_cache_file_open(state_dir, true, MAP_OCTETS, &err);

	if (file)
		(void)bmx_cache_file_walk(file, &err);
	bmx_cache_file_free(&file);
	/* No memory: for a map of the size that the file says it has. */
	return err.code == BMX_E_CORRUPT || err.code == BMX_E_IO ||
			err.code == BMX_E_NOMEM ?
		DAMAGED :
		WHOLE;
}

static void
child(const char *state_dir)
{
	end_by_signals();
	be_silent();
	(void)alarm(SECONDS_MAX);
	_exit((int)look(state_dir));
}

int
bmx_cache_check(const char *state_dir, struct bmx_error *err)
{
	char path[PATH_MAX];
	int status = 0;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/%s", state_dir,
	               BMX_CACHE_FILE_NAME);
	if (access(path, F_OK) != 0)
		return 0;
	pid = fork();
	if (pid == 0)
		child(state_dir);
	if (pid < 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0; /* somebody else has waited for it */
	if (WIFEXITED(status) && WEXITSTATUS(status) == WHOLE)
		return 0;
	return bmx_error_set(err, BMX_E_CORRUPT, "%s: damaged", path);
}
