/* The daemon's side: starts the child, hands it jobs, never blocks on it. */
#include "policyd/sync_worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policyd/sync_wire.h"

/* Children that were told to end and have not: each may hang in the kernel,
 * on a dead disk or file server, where no signal reaches it. */
#define DYING_MAX 8
/* How often those are looked after, ms. */
#define REAP_INTERVAL_MS 200

extern char **environ;

struct process_worker {
	struct bmx_sync_worker head; /* first: the interface's view of it */
	struct bmx_loop *loop;
	const char *program;
	pid_t pid; /* 0: no child */
	int fd;    /* -1: no child */
	struct bmx_watch *watch;
	bmx_sync_outcome_cb *cb; /* NULL: no job */
	void *ctx;
	pid_t dying[DYING_MAX];
	size_t dying_count;
	struct bmx_timer *reaper;
	size_t out_len; /* of the job, in out */
	size_t out_off; /* already written */
	size_t in_len;
	char out[BMX_SYNC_WIRE_MAX];
	char in[BMX_SYNC_WIRE_MAX];
};

static struct process_worker *
process_of(struct bmx_sync_worker *worker)
{
	return (struct process_worker *)worker;
}

static void
reap(struct process_worker *worker)
{
	size_t left = 0;

	for (size_t i = 0; i < worker->dying_count; i++)
		if (waitpid(worker->dying[i], NULL, WNOHANG) == 0)
			worker->dying[left++] = worker->dying[i];
	worker->dying_count = left;
	if (left > 0)
		bmx_timer_set(worker->loop, worker->reaper, REAP_INTERVAL_MS);
}

static void
on_reap(void *ctx)
{
	reap(ctx);
}

/* Drops the child, dead or alive; another one may be started at once. */
static void
end_child(struct process_worker *worker)
{
	if (worker->pid == 0)
		return;
	bmx_watch_free(worker->loop, &worker->watch);
	(void)close(worker->fd);
	worker->fd = -1;
	(void)kill(worker->pid, SIGKILL); /* fails when it is dead already */
	assert(worker->dying_count < DYING_MAX);
	worker->dying[worker->dying_count++] = worker->pid;
	worker->pid = 0;
	reap(worker);
}

/* Completes the job, if there is one; the owner is told last. */
static void
complete(struct process_worker *worker, const struct bmx_sync_outcome *outcome)
{
	bmx_sync_outcome_cb *cb = worker->cb;

	worker->cb = NULL;
	if (cb)
		cb(worker->ctx, outcome);
}

static void
child_failed(struct process_worker *worker, const char *why)
{
	struct bmx_sync_outcome outcome = {.ok = false};

	(void)bmx_error_set(&outcome.err, BMX_E_CLOSED, "the sync worker %s",
	                    why);
	end_child(worker);
	complete(worker, &outcome);
}

static void
on_line(struct process_worker *worker, size_t len)
{
	const struct bmx_slice line = {worker->in, len};
	const bool more = worker->in_len > len;
	struct bmx_sync_outcome outcome;
	struct bmx_error err;

	worker->in_len = 0;
	if (!worker->cb || more ||
	    bmx_sync_wire_get_outcome(line, &outcome, &err) != 0) {
		child_failed(worker, "said what it was not asked");
		return;
	}
	complete(worker, &outcome);
}

static void
on_readable(struct process_worker *worker)
{
	const size_t room = sizeof(worker->in) - worker->in_len;
	const ssize_t got = read(worker->fd, worker->in + worker->in_len, room);
	const char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		child_failed(worker, "ended before the job was done");
		return;
	}
	end = memchr(worker->in + worker->in_len, '\n', (size_t)got);
	worker->in_len += (size_t)got;
	if (end)
		on_line(worker, (size_t)(end - worker->in) + 1);
	else if (worker->in_len == sizeof(worker->in))
		child_failed(worker, "said too much");
}

static void
on_writable(struct process_worker *worker)
{
	const ssize_t done =
		send(worker->fd, worker->out + worker->out_off,
	             worker->out_len - worker->out_off, MSG_NOSIGNAL);

	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (done < 0) {
		child_failed(worker, "took no job");
		return;
	}
	worker->out_off += (size_t)done;
	if (worker->out_off == worker->out_len &&
	    bmx_watch_set(worker->loop, worker->watch, BMX_WATCH_READ) != 0)
		child_failed(worker, "cannot be waited for");
}

static void
on_ready(void *ctx, unsigned events)
{
	struct process_worker *worker = ctx;

	/* One of the two: either may end the child and its watch. */
	if (events & BMX_WATCH_READ)
		on_readable(worker);
	else if (events & BMX_WATCH_WRITE)
		on_writable(worker);
}

/* Signals as a program expects them: the daemon blocks and ignores some. */
static int
set_signals(posix_spawnattr_t *attributes)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	return posix_spawnattr_setsigmask(attributes, &none) != 0 ||
			posix_spawnattr_setsigdefault(attributes, &all) != 0 ||
			posix_spawnattr_setflags(
				attributes,
				POSIX_SPAWN_SETSIGMASK |
					POSIX_SPAWN_SETSIGDEF) != 0 ?
		-1 :
		0;
}

static int
spawn_with(struct process_worker *worker, int theirs,
           const posix_spawnattr_t *attributes)
{
	char name[] = "backupmx-policyd";
	char argument[] = BMX_SYNC_WORKER_ARGUMENT;
	char *const argv[] = {name, argument, NULL};
	posix_spawn_file_actions_t actions;
	int failed;

	failed = posix_spawn_file_actions_init(&actions);
	if (failed)
		return failed;
	failed = posix_spawn_file_actions_adddup2(&actions, theirs,
	                                          BMX_SYNC_WORKER_FD);
	if (!failed)
		failed = posix_spawn(&worker->pid, worker->program, &actions,
		                     attributes, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* @return 0 with worker->pid set, or an errno */
static int
spawn(struct process_worker *worker, int theirs)
{
	posix_spawnattr_t attributes;
	int failed = posix_spawnattr_init(&attributes);

	if (failed)
		return failed;
	failed = set_signals(&attributes) != 0 ?
		ENOMEM :
		spawn_with(worker, theirs, &attributes);
	(void)posix_spawnattr_destroy(&attributes);
	if (failed)
		worker->pid = 0;
	return failed;
}

static int
start_child(struct process_worker *worker, struct bmx_error *err)
{
	int ends[2];
	int failed;

	reap(worker);
	if (worker->dying_count == DYING_MAX)
		return bmx_error_set(err, BMX_E_BUSY,
		                     "%d earlier sync workers do not end",
		                     DYING_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return bmx_error_set_errno(err, errno, "socketpair");
	failed = fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ?
		errno :
		spawn(worker, ends[1]);
	(void)close(ends[1]);
	if (failed) {
		(void)close(ends[0]);
		return bmx_error_set_errno(err, failed,
		                           "cannot start a sync worker (%s)",
		                           worker->program);
	}
	worker->fd = ends[0];
	worker->in_len = 0;
	worker->watch =
		bmx_watch_new(worker->loop, worker->fd, on_ready, worker);
	if (worker->watch)
		return 0;
	end_child(worker);
	return bmx_error_set(err, BMX_E_NOMEM, "no memory for a sync worker");
}

static int
start(struct bmx_sync_worker *head, const struct bmx_sync_job *job,
      bmx_sync_outcome_cb *cb, void *ctx, struct bmx_error *err)
{
	struct process_worker *worker = process_of(head);

	assert(!worker->cb);
	worker->out_off = 0;
	worker->out_len =
		bmx_sync_wire_put_job(job, worker->out, sizeof(worker->out));
	if (worker->out_len == 0)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the names of the source or of state_dir "
		                     "are too long or not UTF-8");
	if (worker->pid == 0 && start_child(worker, err) != 0)
		return -1;
	if (bmx_watch_set(worker->loop, worker->watch,
	                  BMX_WATCH_READ | BMX_WATCH_WRITE) != 0) {
		end_child(worker);
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "the sync worker cannot be waited for");
	}
	worker->cb = cb;
	worker->ctx = ctx;
	return 0;
}

static void
stop(struct bmx_sync_worker *head)
{
	struct process_worker *worker = process_of(head);

	if (!worker->cb)
		return;
	worker->cb = NULL;
	end_child(worker);
}

static void
worker_free(struct bmx_sync_worker *head)
{
	struct process_worker *worker = process_of(head);

	worker->cb = NULL;
	end_child(worker);
	bmx_timer_free(worker->loop, &worker->reaper);
	free(worker);
}

static const struct bmx_sync_worker_ops process_ops = {start, stop,
                                                       worker_free};

struct bmx_sync_worker *
bmx_sync_worker_new(struct bmx_loop *loop, const char *program)
{
	struct process_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->head.ops = &process_ops;
	worker->loop = loop;
	worker->program = program ? program : "/proc/self/exe";
	worker->fd = -1;
	worker->reaper = bmx_timer_new(loop, on_reap, worker);
	if (!worker->reaper) {
		free(worker);
		return NULL;
	}
	return &worker->head;
}
