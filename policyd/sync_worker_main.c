/* The child's side: blocking, one job after the other. */
#include "policyd/sync_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <backupmx/list_store.h>
#include <backupmx/list_sync.h>
#include <backupmx/units.h>

#include "policyd/sync_wire.h"

/* How far the daemon's mail work goes before ours. */
#define NICENESS 5

bool
bmx_sync_worker_wanted(int argc, char *const *argv)
{
	return argc == 2 && strcmp(argv[1], BMX_SYNC_WORKER_ARGUMENT) == 0;
}

/* Whatever leaked into the exec is not ours to keep open. */
static void
close_others(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL) {
		int64_t fd;

		if (bmx_units_parse_number(bmx_slice_of(entry->d_name), &fd) ==
		            0 &&
		    fd > BMX_SYNC_WORKER_FD && fd != dirfd(dir))
			(void)close((int)fd);
	}
	(void)closedir(dir);
}

static int
redirect_stdio(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0)
		return -1;
	if (null > STDERR_FILENO)
		(void)close(null);
	return 0;
}

static int
prepare(void)
{
	struct stat st;

	if (fstat(BMX_SYNC_WORKER_FD, &st) != 0 || !S_ISSOCK(st.st_mode))
		return -1;
	close_others();
	/* A policyd that is killed takes us with it; one that was killed
	 * before this line is seen as the end of the socket. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nice(NICENESS) < 0)
		errno = 0; /* without it the work is done all the same */
	(void)signal(SIGPIPE, SIG_IGN);
	return redirect_stdio();
}

static struct bmx_sync_outcome
run(const struct bmx_sync_job *job)
{
	const struct bmx_list_sync_spec spec = {
		.domain = job->domain,
		.source = job->source,
		.case_sensitive = job->case_sensitive,
		.redis = job->redis,
		.fetch = job->fetch,
	};
	const struct bmx_list_replace_options options = {
		.max_shrink = job->max_shrink,
		.source = job->source,
		.now_ms = job->now_ms,
	};
	struct bmx_sync_outcome outcome = {.ok = false};
	struct bmx_list_store *store = bmx_list_store_open(
		job->state_dir, BMX_LIST_READ_WRITE, &outcome.err);

	/* Opened for each job: an administrator may have moved it away. */
	if (!store)
		return outcome;
	outcome.ok = bmx_list_sync(store, &spec, &options, &outcome.counts,
	                           &outcome.err) == 0;
	bmx_list_store_free(&store);
	return outcome;
}

static int
write_all(const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t done = write(BMX_SYNC_WORKER_FD, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

/* Does the job of line and reports. @return 0, or -1 to end */
static int
serve(struct bmx_slice line)
{
	static char answer[BMX_SYNC_WIRE_MAX];
	struct bmx_error err;
	struct bmx_sync_wire_job *wire = bmx_sync_wire_get_job(line, &err);
	struct bmx_sync_outcome outcome;
	size_t len;

	if (!wire)
		return -1;
	outcome = run(bmx_sync_wire_job_of(wire));
	bmx_sync_wire_job_free(&wire);
	len = bmx_sync_wire_put_outcome(&outcome, answer, sizeof(answer));
	return len > 0 ? write_all(answer, len) : -1;
}

int
bmx_sync_worker_main(void)
{
	FILE *in;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int status = EX_OK;

	if (prepare() != 0) {
		(void)fprintf(stderr, "%s is for the daemon's own use\n",
		              BMX_SYNC_WORKER_ARGUMENT);
		return EX_USAGE;
	}
	in = fdopen(BMX_SYNC_WORKER_FD, "r");
	if (!in)
		return EX_OSERR;
	while (status == EX_OK && (len = getline(&line, &size, in)) > 0)
		if (serve((struct bmx_slice){line, (size_t)len}) != 0)
			status = EX_PROTOCOL;
	free(line);
	(void)fclose(in);
	return status;
}
