#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np, closefrom */
#include <backupmx/command.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupmx/clock.h>
#include <backupmx/text.h>

/* Between two looks at whether the program has ended: while it may still
 * write, and when it has closed its output; ms. */
#define LOOK_MS 100
#define END_LOOK_MS 5
/* A killed program that does not go within this time hangs in the kernel; it
 * is left to be reaped with us, ms. */
#define KILLED_MS 1000
/* Reads of what was said before the end. */
#define DRAIN_READS 16
#define FIRST_ROOM ((size_t)4096)

extern char **environ;

/* One of the two pipes: where it is read, -1 at its end. */
enum stream { OUT, ERR, STREAMS };

struct run {
	const struct bmx_command *command;
	struct bmx_command_result *result;
	pid_t pid;
	pid_t keeper;  /* leads the program's group; 0: none */
	int keeper_fd; /* open as long as we live; -1: none */
	int fds[STREAMS];
	int64_t deadline_ms; /* mono */
	size_t room;         /* of result->output */
	size_t said_len;
	bool ended; /* and its group killed; not reaped yet */
};

static int64_t
now_ms(void)
{
	return bmx_clock_mono_ms(bmx_clock_system());
}

/* The program's group, so that what it started ends with it. */
static void
kill_group(const struct run *run)
{
	(void)kill(-run->keeper, SIGKILL);
}

static void
close_streams(struct run *run)
{
	for (int i = 0; i < STREAMS; i++)
		if (run->fds[i] >= 0)
			(void)close(run->fds[i]);
	run->fds[OUT] = run->fds[ERR] = -1;
}

/* ---- starting ------------------------------------------------------ */

/* Signals as a program expects them: a daemon blocks and ignores some. */
static int
set_attributes(const struct run *run, posix_spawnattr_t *attributes)
{
	sigset_t none;
	sigset_t all;
	int failed;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	failed = posix_spawnattr_setsigmask(attributes, &none);
	if (!failed)
		failed = posix_spawnattr_setsigdefault(attributes, &all);
	if (!failed)
		failed = posix_spawnattr_setpgroup(attributes, run->keeper);
	if (!failed)
		failed = posix_spawnattr_setflags(
			attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				POSIX_SPAWN_SETPGROUP);
	return failed;
}

static int
set_actions(posix_spawn_file_actions_t *actions, const int ends[STREAMS])
{
	int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
	                                              "/dev/null", O_RDONLY, 0);

	if (!failed)
		failed = posix_spawn_file_actions_adddup2(actions, ends[OUT],
		                                          STDOUT_FILENO);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(actions, ends[ERR],
		                                          STDERR_FILENO);
	if (!failed)
		failed = posix_spawn_file_actions_addclosefrom_np(
			actions, STDERR_FILENO + 1);
	return failed;
}

/* execve's arguments are not const, though nothing changes them. */
static char *const *
unconst(const char *const *words)
{
	union {
		const char *const *from;
		char *const *to;
	} cast = {words};

	return cast.to;
}

/* @return 0 with run->pid set, or an errno */
static int
spawn_with(struct run *run, const posix_spawn_file_actions_t *actions,
           const posix_spawnattr_t *attributes)
{
	char *const *argv = unconst(run->command->argv);
	char *const *environment = run->command->environment ?
		unconst(run->command->environment) :
		environ;

	return posix_spawnp(&run->pid, argv[0], actions, attributes, argv,
	                    environment);
}

static int
spawn(struct run *run, const int ends[STREAMS])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed = posix_spawnattr_init(&attributes);

	if (failed)
		return failed;
	failed = posix_spawn_file_actions_init(&actions);
	if (!failed) {
		failed = set_attributes(run, &attributes);
		if (!failed)
			failed = set_actions(&actions, ends);
		if (!failed)
			failed = spawn_with(run, &actions, &attributes);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)posix_spawnattr_destroy(&attributes);
	return failed;
}

/* A pipe above the standard descriptors, which are dup2's targets: one that
 * was such a descriptor itself would be overwritten. */
static int
open_pipe(int *read_end, int *write_end)
{
	int ends[2];

	if (pipe(ends) != 0)
		return errno;
	for (int i = 0; i < 2; i++) {
		const int high =
			fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

		(void)close(ends[i]);
		ends[i] = high;
	}
	*read_end = ends[0];
	*write_end = ends[1];
	return ends[0] < 0 || ends[1] < 0 ? EMFILE : 0;
}

/*
 * In the keeper, after a fork: system calls alone. The other end of the pipe
 * is ours only, so it ends when we do, whatever ends us.
 */
static _Noreturn void
keep(int fd)
{
	char octet;

	(void)dup2(fd, STDIN_FILENO);
	closefrom(STDIN_FILENO + 1);
	while (read(STDIN_FILENO, &octet, 1) < 0 && errno == EINTR)
		continue;
	(void)kill(0, SIGKILL); /* of the group, itself among it */
	_exit(0);
}

/*
 * Has the group ended with us: who is killed kills nobody. The keeper leads
 * the group, so that there is no time without it. The parent-death signal
 * would be lost when the program changes its credentials, and says nothing to
 * what the program has started.
 * @return 0, or an errno
 */
static int
start_keeper(struct run *run)
{
	int theirs = -1;
	int failed = open_pipe(&theirs, &run->keeper_fd);

	if (!failed) {
		run->keeper = fork();
		failed = run->keeper < 0 ? errno : 0;
	}
	if (!failed && run->keeper == 0) {
		if (setpgid(0, 0) != 0)
			_exit(0); /* the group would be our own */
		keep(theirs);
	}
	/* Whoever is first: the program is to find the group. */
	if (!failed)
		(void)setpgid(run->keeper, run->keeper);
	if (theirs >= 0)
		(void)close(theirs);
	return failed;
}

/* Until then nobody else can have the group's number. */
static void
end_keeper(struct run *run)
{
	if (run->keeper_fd >= 0)
		(void)close(run->keeper_fd);
	run->keeper_fd = -1;
	if (run->keeper <= 0)
		return;
	kill_group(run);
	while (waitpid(run->keeper, NULL, 0) < 0 && errno == EINTR)
		continue;
	run->keeper = 0;
}

/* @return 0, or an errno */
static int
start(struct run *run)
{
	int ends[STREAMS] = {-1, -1};
	int failed = open_pipe(&run->fds[OUT], &ends[OUT]);

	if (!failed)
		failed = open_pipe(&run->fds[ERR], &ends[ERR]);
	if (!failed)
		failed = start_keeper(run);
	if (!failed)
		failed = spawn(run, ends);
	for (int i = 0; i < STREAMS; i++)
		if (ends[i] >= 0)
			(void)close(ends[i]);
	if (failed) {
		close_streams(run);
		end_keeper(run);
	}
	return failed;
}

/* ---- reading ------------------------------------------------------- */

/* Room for more of the output and its terminator. */
static int
make_room(struct run *run, struct bmx_error *err)
{
	const size_t most = run->command->output_max + 2; /* one too many */
	size_t room = run->room ? run->room * 2 : FIRST_ROOM;
	char *grown;

	if (run->result->output_len + 1 < run->room)
		return 0;
	if (room > most)
		room = most;
	grown = realloc(run->result->output, room);
	if (!grown)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for what %s writes",
		                     run->command->argv[0]);
	run->result->output = grown;
	run->room = room;
	return 0;
}

/* @return 0, or -1 with *err */
static int
read_output(struct run *run, struct bmx_error *err)
{
	struct bmx_command_result *result = run->result;
	ssize_t got;

	if (make_room(run, err) != 0)
		return -1;
	got = read(run->fds[OUT], result->output + result->output_len,
	           run->room - 1 - result->output_len);
	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return bmx_error_set_errno(err, errno, "reading from %s",
		                           run->command->argv[0]);
	if (got == 0) {
		(void)close(run->fds[OUT]);
		run->fds[OUT] = -1;
		return 0;
	}
	result->output_len += (size_t)got;
	if (result->output_len <= run->command->output_max)
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG,
	                     "%s wrote more than %zu octets",
	                     run->command->argv[0], run->command->output_max);
}

/* What does not fit is read and dropped, lest the program waits for ever. */
static void
read_said(struct run *run)
{
	char buffer[512];
	const ssize_t got = read(run->fds[ERR], buffer, sizeof(buffer));
	size_t room = sizeof(run->result->said) - 1 - run->said_len;

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		(void)close(run->fds[ERR]);
		run->fds[ERR] = -1;
		return;
	}
	for (ssize_t i = 0; i < got && room > 0; i++, room--) {
		const unsigned char c = (unsigned char)buffer[i];

		run->result->said[run->said_len++] =
			c < 0x20 || c == 0x7f ? ' ' : buffer[i];
	}
}

/* ---- ending -------------------------------------------------------- */

static int
too_late(const struct run *run, struct bmx_error *err)
{
	return bmx_error_set(
		err, BMX_E_TIMEOUT, "%s did not end within %lld ms",
		run->command->argv[0], (long long)run->command->timeout_ms);
}

/*
 * Once the program has ended, what it left running may no longer keep its
 * output open. The group is killed before the program is reaped: until then
 * nobody else can have its number.
 */
static void
look(struct run *run)
{
	siginfo_t info = {.si_pid = 0};

	if (run->ended)
		return;
	if (waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	            0 &&
	    info.si_pid == 0)
		return;
	run->ended = true;
	kill_group(run);
}

/* Waits for output until the deadline. @return 0, or -1 with *err */
static int
wait_output(struct run *run, struct bmx_error *err)
{
	struct pollfd polled[STREAMS] = {
		{.fd = run->fds[OUT], .events = POLLIN},
		{.fd = run->fds[ERR], .events = POLLIN},
	};
	const int64_t left = run->deadline_ms - now_ms();

	if (left <= 0)
		return too_late(run, err);
	if (poll(polled, STREAMS, left > LOOK_MS ? LOOK_MS : (int)left) < 0)
		return errno == EINTR ? 0 :
					bmx_error_set_errno(err, errno, "poll");
	look(run);
	if (polled[ERR].revents)
		read_said(run);
	return polled[OUT].revents ? read_output(run, err) : 0;
}

static void
pause_ms(int64_t ms)
{
	const struct timespec step = {.tv_nsec = (long)ms * 1000 * 1000};

	(void)nanosleep(&step, NULL);
}

/* Standard error alone does not keep us: a daemon that the program left behind
 * may hold it open. */
static int
follow(struct run *run, struct bmx_error *err)
{
	while (run->fds[OUT] >= 0)
		if (wait_output(run, err) != 0)
			return -1;
	for (look(run); !run->ended; look(run)) {
		if (now_ms() >= run->deadline_ms)
			return too_late(run, err);
		pause_ms(END_LOOK_MS);
	}
	return 0;
}

/* @return the program's wait status; that of a killed one when it does not
 * go */
static int
reap(struct run *run)
{
	const int64_t until_ms = now_ms() + KILLED_MS;
	int status = SIGKILL;

	kill_group(run);
	while (waitpid(run->pid, &status, WNOHANG) == 0 && now_ms() < until_ms)
		pause_ms(END_LOOK_MS);
	return status;
}

static int
status_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

/* What was said before the end is all in the pipe now. */
static void
drain_said(struct run *run)
{
	if (run->fds[ERR] < 0 || fcntl(run->fds[ERR], F_SETFL, O_NONBLOCK) != 0)
		return;
	for (int i = 0; i < DRAIN_READS && run->fds[ERR] >= 0; i++)
		read_said(run);
}

/* Its last line's end became a blank. */
static void
end_said(struct run *run)
{
	char *said = run->result->said;

	while (run->said_len > 0 && said[run->said_len - 1] == ' ')
		said[--run->said_len] = '\0';
}

static int
finish(struct run *run, int wait_status, struct bmx_error *err)
{
	struct bmx_command_result *result = run->result;

	if (!result->output && make_room(run, err) != 0)
		return -1;
	result->output[result->output_len] = '\0';
	result->status = status_of(wait_status);
	return 0;
}

int
bmx_command_run(const struct bmx_command *command,
                struct bmx_command_result *result_out, struct bmx_error *err)
{
	struct run run = {.command = command,
	                  .result = result_out,
	                  .fds = {-1, -1},
	                  .keeper_fd = -1,
	                  .deadline_ms = now_ms() + command->timeout_ms};
	int wait_status;
	int failed;
	int rc;

	memset(result_out, 0, sizeof(*result_out));
	failed = start(&run);
	if (failed)
		return bmx_error_set_errno(err, failed, "%s", command->argv[0]);
	rc = follow(&run, err);
	wait_status = reap(&run);
	end_keeper(&run);
	drain_said(&run);
	end_said(&run);
	close_streams(&run);
	if (rc == 0)
		rc = finish(&run, wait_status, err);
	if (rc != 0)
		bmx_command_result_clear(result_out);
	return rc;
}

void
bmx_command_result_clear(struct bmx_command_result *result)
{
	free(result->output);
	memset(result, 0, sizeof(*result));
}
