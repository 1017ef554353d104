#include "policyd/file_watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sys/inotify.h>
#include <unistd.h>

#include <backupmx/error.h>

#define CHANGES (IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE)
#define MASK (CHANGES | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static const char scheme[] = "file:";

struct file {
	struct bmx_file_watch *watch;
	char *domain;
	char *folder;
	char *name;   /* within the folder */
	int wd;       /* of the folder; -1: not there */
	bool pending; /* debounce is set */
	struct bmx_timer *debounce;
};

struct bmx_file_watch {
	struct bmx_loop *loop;
	struct bmx_log *log;
	bmx_file_watch_cb *cb;
	void *ctx;
	int fd; /* inotify's; -1: does not work here */
	struct bmx_watch *events;
	bool complained;
	struct file *files;
	size_t count;
};

static void
complain(struct bmx_file_watch *watch, const char *call, int errnum)
{
	struct bmx_error err;

	if (watch->complained)
		return;
	watch->complained = true;
	(void)bmx_error_set_errno(&err, errnum, "%s", call);
	bmx_log_error(watch->log, BMX_LOG_WARN, "file-watch-failed", err.text,
	              "changes count at the next refresh only; see "
	              "/proc/sys/fs/inotify");
}

static void
on_quiet(void *ctx)
{
	struct file *file = ctx;

	file->pending = false;
	file->watch->cb(file->watch->ctx, bmx_slice_of(file->domain));
}

/* A fixed time from the first change: a file that is written to without end
 * must not be put off without end. */
static void
changed(struct file *file)
{
	if (file->pending)
		return;
	file->pending = true;
	bmx_timer_set(file->watch->loop, file->debounce,
	              BMX_FILE_WATCH_DEBOUNCE_MS);
}

/* Watches the file's folder if it is there. */
static void
add_folder(struct file *file)
{
	file->wd = inotify_add_watch(file->watch->fd, file->folder, MASK);
	/* A folder that is not there or not ours to read is the sync's to
	 * tell; here only what the administrator would not see otherwise. */
	if (file->wd < 0 && (errno == ENOSPC || errno == ENOMEM))
		complain(file->watch, "inotify_add_watch", errno);
}

static void
folder_is_gone(struct bmx_file_watch *watch, int wd)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->files[i].wd != wd)
			continue;
		watch->files[i].wd = -1;
		changed(&watch->files[i]);
	}
	/* One that was moved away is still watched, under a wrong name. */
	(void)inotify_rm_watch(watch->fd, wd);
}

static void
on_event(struct bmx_file_watch *watch, const struct inotify_event *event)
{
	const bool lost = (event->mask & IN_Q_OVERFLOW) != 0;

	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
		folder_is_gone(watch, event->wd);
		return;
	}
	for (size_t i = 0; i < watch->count; i++) {
		struct file *file = &watch->files[i];

		if (lost ||
		    (file->wd == event->wd && event->len > 0 &&
		     (event->mask & CHANGES) &&
		     strcmp(file->name, event->name) == 0))
			changed(file);
	}
}

static void
on_readable(void *ctx, unsigned events)
{
	struct bmx_file_watch *watch = ctx;
	union {
		struct inotify_event event; /* for its alignment */
		char octets[16 * 1024];
	} buffer;
	const ssize_t len = read(watch->fd, &buffer, sizeof(buffer));
	size_t at = 0;

	(void)events;
	/* The kernel hands out whole events only. */
	while (len > 0 && at < (size_t)len) {
		const void *here = buffer.octets + at;
		const struct inotify_event *event = here;

		on_event(watch, event);
		at += sizeof(*event) + event->len;
	}
}

static void
free_files(struct bmx_loop *loop, struct file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(files[i].domain);
		free(files[i].folder);
		free(files[i].name);
		bmx_timer_free(loop, &files[i].debounce);
	}
	free(files);
}

/* "file:/folder/name", the root folder's "/name" among it. */
static bool
has_file(const struct bmx_config_domain *domain)
{
	const char *path = domain->recipients + sizeof(scheme) - 1;

	return strncmp(domain->recipients, scheme, sizeof(scheme) - 1) == 0 &&
		path[0] == '/' && strrchr(path, '/')[1] != '\0' &&
		strcmp(domain->name, "*") != 0;
}

static int
fill_file(struct file *file, struct bmx_file_watch *watch,
          const struct bmx_config_domain *domain)
{
	const char *path = domain->recipients + sizeof(scheme) - 1;
	const char *slash = strrchr(path, '/');
	const size_t folder_len = slash > path ? (size_t)(slash - path) : 1;

	file->watch = watch;
	file->wd = -1;
	file->domain = strdup(domain->name);
	file->folder = strndup(path, folder_len);
	file->name = strdup(slash + 1);
	file->debounce = bmx_timer_new(watch->loop, on_quiet, file);
	return file->domain && file->folder && file->name && file->debounce ?
		0 :
		-1;
}

static struct file *
files_of(struct bmx_file_watch *watch, const struct bmx_config *config,
         size_t *count_out)
{
	struct file *files =
		calloc(config->domain_count + 1, sizeof(struct file));
	size_t count = 0;

	for (size_t i = 0; files && i < config->domain_count; i++) {
		if (!has_file(&config->domains[i]))
			continue;
		if (fill_file(&files[count++], watch, &config->domains[i]) !=
		    0) {
			free_files(watch->loop, files, count);
			return NULL;
		}
	}
	*count_out = count;
	return files;
}

struct bmx_file_watch *
bmx_file_watch_new(struct bmx_loop *loop, struct bmx_log *log,
                   bmx_file_watch_cb *cb, void *ctx)
{
	struct bmx_file_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->loop = loop;
	watch->log = log;
	watch->cb = cb;
	watch->ctx = ctx;
	watch->fd = -1;
	return watch;
}

/* Without inotify, fd stays -1 and nothing is ever seen. */
static void
open_inotify(struct bmx_file_watch *watch)
{
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0) {
		complain(watch, "inotify_init1", errno);
		return;
	}
	watch->events =
		bmx_watch_new(watch->loop, watch->fd, on_readable, watch);
	if (watch->events &&
	    bmx_watch_set(watch->loop, watch->events, BMX_WATCH_READ) == 0)
		return;
	complain(watch, "watching inotify", ENOMEM);
	bmx_watch_free(watch->loop, &watch->events);
	(void)close(watch->fd);
	watch->fd = -1;
}

static void
close_inotify(struct bmx_file_watch *watch)
{
	bmx_watch_free(watch->loop, &watch->events);
	if (watch->fd >= 0)
		(void)close(watch->fd);
	watch->fd = -1;
}

void
bmx_file_watch_free(struct bmx_file_watch **watch)
{
	struct bmx_file_watch *old = *watch;

	if (!old)
		return;
	close_inotify(old);
	free_files(old->loop, old->files, old->count);
	free(old);
	*watch = NULL;
}

/* What changed under the old files counts for the new ones, too. */
static void
inherit(struct file *file, const struct file *old, size_t old_count)
{
	for (size_t i = 0; i < old_count; i++)
		if (old[i].pending && strcmp(old[i].domain, file->domain) == 0)
			changed(file);
}

void
bmx_file_watch_configure(struct bmx_file_watch *watch,
                         const struct bmx_config *config)
{
	struct file *old = watch->files;
	const size_t old_count = watch->count;
	size_t count = 0;
	struct file *files = files_of(watch, config, &count);

	if (!files) {
		complain(watch, "the list of files", ENOMEM);
		return;
	}
	/* What has happened and was not read yet is not lost. */
	if (watch->fd >= 0)
		on_readable(watch, BMX_WATCH_READ);
	close_inotify(watch);
	watch->files = files;
	watch->count = count;
	open_inotify(watch);
	for (size_t i = 0; i < count; i++) {
		if (watch->fd >= 0)
			add_folder(&files[i]);
		inherit(&files[i], old, old_count);
	}
	free_files(watch->loop, old, old_count);
}

void
bmx_file_watch_retry(struct bmx_file_watch *watch)
{
	for (size_t i = 0; watch->fd >= 0 && i < watch->count; i++) {
		struct file *file = &watch->files[i];

		if (file->wd >= 0)
			continue;
		add_folder(file);
		if (file->wd >= 0)
			changed(file);
	}
}
