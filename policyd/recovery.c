#include "policyd/recovery.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupmx/address.h>
#include <backupmx/hash.h>
#include <backupmx/text.h>

#define BUCKETS 1024
/* How often a child is looked after, ms: soon at first, because most commands
 * only leave word with another process. No SIGCHLD: it would need a handler
 * and a pipe of its own, and the loop has other children. */
#define POLL_MIN_MS 2
#define POLL_MAX_MS 100

extern char **environ;

/* A domain that waits for a run, runs, or is within the pause after one. */
struct entry {
	struct entry *next_in_bucket;
	struct entry *next_waiting;
	bool waits;
	bool has_run;
	int64_t started_ms; /* mono, of the last run */
	char domain[BMX_DOMAIN_BUFFER];
};

/* The child, while pid is not 0. */
struct run {
	pid_t pid;
	int fd; /* its standard error; -1: at its end */
	int64_t started_us;
	int64_t poll_ms;
	bool killed;
	size_t said_len;
	char domain[BMX_DOMAIN_BUFFER];
	char said[BMX_RECOVERY_STDERR_MAX];
};

struct bmx_recovery {
	struct bmx_recovery_options options;
	struct bmx_metric *results[BMX_RECOVERY_RESULTS];
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	char **argv; /* with room for the domain and NULL; NULL: no command */
	size_t argc; /* without the domain */
	struct entry *buckets[BUCKETS];
	struct entry *waiting; /* in the order in which they asked */
	struct entry **waiting_end;
	size_t waiting_count;
	struct bmx_timer *timer; /* next poll, or end of the next pause */
	struct run run;
};

static const char *const names[] = {"ok", "failed", "killed", "not-started"};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_RECOVERY_RESULTS,
              "one name a result");

static void on_timer(void *ctx);

const char *
bmx_recovery_result_name(enum bmx_recovery_result result)
{
	return names[result];
}

struct bmx_recovery *
bmx_recovery_new(const struct bmx_recovery_options *options)
{
	struct bmx_recovery *recovery = calloc(1, sizeof(*recovery));

	if (!recovery)
		return NULL;
	recovery->options = *options;
	recovery->run.fd = -1;
	recovery->waiting_end = &recovery->waiting;
	bmx_siphash_random_key(recovery->key);
	recovery->timer = bmx_timer_new(options->loop, on_timer, recovery);
	if (!recovery->timer) {
		free(recovery);
		return NULL;
	}
	for (size_t i = 0; i < BMX_RECOVERY_RESULTS; i++)
		recovery->results[i] = bmx_metrics_counter(
			options->metrics, "backupmx_recoveries_total",
			"Runs of on_recovery, by result.",
			&(struct bmx_metrics_label){"result", names[i]}, 1);
	return recovery;
}

static void
argv_free(char ***argv)
{
	for (char **arg = *argv; arg && *arg; arg++)
		free(*arg);
	free(*argv);
	*argv = NULL;
}

static void
drop_waiting(struct bmx_recovery *recovery)
{
	for (struct entry *e = recovery->waiting; e; e = e->next_waiting)
		e->waits = false;
	recovery->waiting = NULL;
	recovery->waiting_end = &recovery->waiting;
	recovery->waiting_count = 0;
}

static void
close_stderr(struct run *run)
{
	if (run->fd >= 0)
		(void)close(run->fd);
	run->fd = -1;
}

void
bmx_recovery_free(struct bmx_recovery **recovery)
{
	struct bmx_recovery *r = *recovery;

	if (!r)
		return;
	if (r->run.pid != 0) {
		/* Not waited for: it may hang in the kernel, and the program
		 * is about to end. */
		(void)kill(-r->run.pid, SIGKILL);
		(void)waitpid(r->run.pid, NULL, WNOHANG);
		close_stderr(&r->run);
	}
	for (size_t i = 0; i < BUCKETS; i++)
		while (r->buckets[i]) {
			struct entry *e = r->buckets[i];

			r->buckets[i] = e->next_in_bucket;
			free(e);
		}
	bmx_timer_free(r->options.loop, &r->timer);
	argv_free(&r->argv);
	free(r);
	*recovery = NULL;
}

int
bmx_recovery_configure(struct bmx_recovery *recovery,
                       const struct bmx_config_strings *command,
                       struct bmx_error *err)
{
	char **argv = NULL;

	if (command->count > 0) {
		argv = calloc(command->count + 2, sizeof(*argv));
		for (size_t i = 0; argv && i < command->count; i++) {
			argv[i] = strdup(command->items[i]);
			if (!argv[i])
				argv_free(&argv);
		}
		if (!argv)
			return bmx_error_set(err, BMX_E_NOMEM,
			                     "no memory for on_recovery");
	}
	argv_free(&recovery->argv);
	recovery->argv = argv;
	recovery->argc = command->count;
	if (!argv)
		drop_waiting(recovery);
	return 0;
}

static int64_t
now_ms(const struct bmx_recovery *recovery)
{
	return bmx_clock_mono_ms(recovery->options.loop->clock);
}

/* How long until a next run for that domain may start. */
static int64_t
pause_left_ms(const struct entry *e, int64_t now)
{
	const int64_t over_ms = e->started_ms + BMX_RECOVERY_PAUSE_MS;

	return e->has_run && now < over_ms ? over_ms - now : 0;
}

static void
report(struct bmx_recovery *recovery, enum bmx_recovery_result result,
       const char *domain, int64_t took_us, struct bmx_slice err)
{
	struct bmx_log_line line;

	bmx_metric_add(recovery->results[result], 1);
	bmx_log_begin(&line, recovery->options.log,
	              result == BMX_RECOVERY_OK ? BMX_LOG_INFO : BMX_LOG_WARN,
	              "recovery");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, domain);
	bmx_log_add_string(&line, BMX_KEY_RESULT, names[result]);
	bmx_log_add_ms(&line, took_us);
	if (result != BMX_RECOVERY_OK)
		bmx_log_add(&line, BMX_KEY_ERR, err);
	bmx_log_end(&line);
}

/* What a command expects: nothing to read, nobody who listens, signals as
 * they are by default, and a group that can be killed whole. */
static int
prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
        int stderr_fd)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	return posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
	                                        "/dev/null", O_RDONLY, 0) ||
		posix_spawn_file_actions_addopen(actions, STDOUT_FILENO,
	                                         "/dev/null", O_WRONLY, 0) ||
		posix_spawn_file_actions_adddup2(actions, stderr_fd,
	                                         STDERR_FILENO) ||
		posix_spawnattr_setsigmask(attributes, &none) ||
		posix_spawnattr_setsigdefault(attributes, &all) ||
		posix_spawnattr_setpgroup(attributes, 0) ||
		posix_spawnattr_setflags(attributes,
	                                 POSIX_SPAWN_SETSIGMASK |
	                                         POSIX_SPAWN_SETSIGDEF |
	                                         POSIX_SPAWN_SETPGROUP);
}

/* @return 0 with *pid_out, or an errno */
static int
spawn(char *const *argv, int stderr_fd, pid_t *pid_out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed = posix_spawn_file_actions_init(&actions);

	if (failed)
		return failed;
	failed = posix_spawnattr_init(&attributes);
	if (!failed) {
		failed = prepare(&actions, &attributes, stderr_fd) ?
			ENOMEM :
			posix_spawn(pid_out, argv[0], &actions, &attributes,
		                    argv, environ);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* A pipe that no child inherits; we never wait for what comes out of it. The
 * command's end blocks, as programs expect of standard error. */
static int
make_pipe(int ends[2])
{
	int failed;

	if (pipe(ends) != 0)
		return errno;
	if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	failed = errno;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return failed;
}

/* @return 0, or an errno */
static int
start_child(struct bmx_recovery *recovery)
{
	struct run *run = &recovery->run;
	int ends[2];
	int failed = make_pipe(ends);

	if (failed)
		return failed;
	recovery->argv[recovery->argc] = run->domain;
	failed = spawn(recovery->argv, ends[1], &run->pid);
	recovery->argv[recovery->argc] = NULL;
	(void)close(ends[1]);
	if (failed) {
		(void)close(ends[0]);
		run->pid = 0;
		return failed;
	}
	run->fd = ends[0];
	return 0;
}

static void
run_for(struct bmx_recovery *recovery, struct entry *e)
{
	struct run *run = &recovery->run;
	struct bmx_error err;
	int failed;

	e->has_run = true;
	e->started_ms = now_ms(recovery);
	*run = (struct run){.fd = -1, .poll_ms = POLL_MIN_MS};
	run->started_us = bmx_clock_mono_us(recovery->options.loop->clock);
	memcpy(run->domain, e->domain, sizeof(run->domain));
	failed = start_child(recovery);
	if (failed) {
		(void)bmx_error_set_errno(&err, failed, "cannot start %s",
		                          recovery->argv[0]);
		report(recovery, BMX_RECOVERY_NOT_STARTED, run->domain, 0,
		       bmx_slice_of(err.text));
	}
}

/* Takes the first that waits and whose pause is over. @return NULL when there
 * is none, with *left_ms_out the time until there is; -1: none waits */
static struct entry *
take_ready(struct bmx_recovery *recovery, int64_t *left_ms_out)
{
	const int64_t now = now_ms(recovery);

	*left_ms_out = -1;
	for (struct entry **at = &recovery->waiting; *at;
	     at = &(*at)->next_waiting) {
		struct entry *e = *at;
		const int64_t left = pause_left_ms(e, now);

		if (left == 0) {
			*at = e->next_waiting;
			if (!*at)
				recovery->waiting_end = at;
			e->waits = false;
			recovery->waiting_count--;
			return e;
		}
		if (*left_ms_out < 0 || left < *left_ms_out)
			*left_ms_out = left;
	}
	return NULL;
}

/* Starts what may start, and sets the timer for what comes next. One start a
 * turn: thousands of domains may have come back with one primary. */
static void
go_on(struct bmx_recovery *recovery)
{
	struct bmx_loop *loop = recovery->options.loop;
	int64_t left_ms = -1;
	struct entry *e = NULL;

	if (recovery->run.pid == 0)
		e = take_ready(recovery, &left_ms);
	if (e) {
		run_for(recovery, e);
		left_ms = recovery->waiting ? 0 : -1;
	}
	if (recovery->run.pid != 0)
		bmx_timer_set(loop, recovery->timer, recovery->run.poll_ms);
	else if (left_ms >= 0)
		bmx_timer_set(loop, recovery->timer, left_ms);
	else
		bmx_timer_cancel(loop, recovery->timer);
}

/* Keeps the beginning, reads the rest so that the command is not held up. */
static void
read_stderr(struct run *run)
{
	char rest[4096];
	ssize_t got;

	while (run->fd >= 0) {
		const size_t room = sizeof(run->said) - run->said_len;

		got = room > 0 ?
			read(run->fd, run->said + run->said_len, room) :
			read(run->fd, rest, sizeof(rest));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			close_stderr(run);
		else if (room > 0)
			run->said_len += (size_t)got;
	}
}

static void
end_run(struct bmx_recovery *recovery, int status)
{
	struct run *run = &recovery->run;
	enum bmx_recovery_result result = BMX_RECOVERY_FAILED;
	char buffer[BMX_RECOVERY_STDERR_MAX + 64];
	struct bmx_text err;

	bmx_text_init(&err, buffer, sizeof(buffer));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		result = BMX_RECOVERY_OK;
	else if (WIFEXITED(status))
		bmx_text_printf(&err, "exit status %d", WEXITSTATUS(status));
	else if (!run->killed)
		bmx_text_printf(&err, "ended by signal %d", WTERMSIG(status));
	if (run->killed) {
		result = BMX_RECOVERY_KILLED;
		bmx_text_append_string(&err, "took too long");
	}
	while (run->said_len > 0 && run->said[run->said_len - 1] == '\n')
		run->said_len--;
	if (run->said_len > 0) {
		bmx_text_append_string(&err, ": ");
		bmx_text_append(&err,
		                (struct bmx_slice){run->said, run->said_len});
	}
	close_stderr(run);
	run->pid = 0;
	report(recovery, result, run->domain,
	       bmx_clock_mono_us(recovery->options.loop->clock) -
	               run->started_us,
	       bmx_text_slice(&err));
}

static void
poll_child(struct bmx_recovery *recovery)
{
	struct run *run = &recovery->run;
	const int64_t ran_us =
		bmx_clock_mono_us(recovery->options.loop->clock) -
		run->started_us;
	int status = 0;
	pid_t ended;

	read_stderr(run);
	ended = waitpid(run->pid, &status, WNOHANG);
	if (ended == run->pid) {
		read_stderr(run); /* what came just before the end */
		end_run(recovery, status);
		return;
	}
	if (ran_us >= BMX_RECOVERY_RUN_MAX_MS * 1000 && !run->killed) {
		run->killed = true;
		(void)kill(-run->pid, SIGKILL);
	}
	if (run->poll_ms < POLL_MAX_MS)
		run->poll_ms *= 2;
}

static void
on_timer(void *ctx)
{
	struct bmx_recovery *recovery = ctx;

	if (recovery->run.pid != 0)
		poll_child(recovery);
	go_on(recovery);
}

/* Finds the entry of domain in its bucket; drops those whose time is over. */
static struct entry *
find_and_sweep(struct entry **bucket, struct bmx_slice domain, int64_t now)
{
	struct entry *found = NULL;

	while (*bucket) {
		struct entry *e = *bucket;

		if (bmx_slice_equal(bmx_slice_of(e->domain), domain)) {
			found = e;
		} else if (!e->waits && pause_left_ms(e, now) == 0) {
			*bucket = e->next_in_bucket;
			free(e);
			continue;
		}
		bucket = &e->next_in_bucket;
	}
	return found;
}

static struct entry *
entry_of(struct bmx_recovery *recovery, struct bmx_slice domain)
{
	struct entry **bucket =
		&recovery->buckets[bmx_siphash24(recovery->key, domain.data,
	                                         domain.len) %
	                           BUCKETS];
	struct entry *e = find_and_sweep(bucket, domain, now_ms(recovery));

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	memcpy(e->domain, domain.data, domain.len);
	e->next_in_bucket = *bucket;
	*bucket = e;
	return e;
}

static void
enqueue(struct bmx_recovery *recovery, struct entry *e)
{
	e->next_waiting = NULL;
	e->waits = true;
	*recovery->waiting_end = e;
	recovery->waiting_end = &e->next_waiting;
	recovery->waiting_count++;
}

void
bmx_recovery_request(struct bmx_recovery *recovery, struct bmx_slice domain)
{
	struct entry *e;

	if (!recovery->argv || domain.len == 0 || domain.len > BMX_DOMAIN_MAX)
		return;
	e = entry_of(recovery, domain);
	if (!e) {
		bmx_log_error(recovery->options.log, BMX_LOG_WARN, "recovery",
		              "no memory for a run of on_recovery", NULL);
		return;
	}
	if (e->waits)
		return;
	enqueue(recovery, e);
	if (recovery->run.pid == 0)
		bmx_timer_set(recovery->options.loop, recovery->timer, 0);
}

size_t
bmx_recovery_pending(const struct bmx_recovery *recovery)
{
	return recovery->waiting_count + (recovery->run.pid != 0);
}
