/* gather.h: the milter, and the disks. */
#include "ctl/gather.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/command.h>
#include <backupmx/endpoint.h>
#include <backupmx/seal_store.h>
#include <backupmx/text.h>

#define HEALTH_REQUEST "GET /healthz HTTP/1.0\r\n\r\n"

/* @return 0 when it has said 200 */
static int
ask_health(int fd, struct bmx_error *err)
{
	const struct timeval limit = {.tv_sec = BMXCTL_MILTER_MS / 1000};
	char head[64] = "";
	ssize_t got;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(fd, HEALTH_REQUEST, sizeof(HEALTH_REQUEST) - 1, MSG_NOSIGNAL) <
	    0)
		return bmx_error_set(err, BMX_E_IO,
		                     "its metrics do not listen");
	got = recv(fd, head, sizeof(head) - 1, MSG_WAITALL);
	if (got <= 0)
		return bmx_error_set(err, BMX_E_TIMEOUT,
		                     "it does not answer at its metrics");
	if (strncmp(head, "HTTP/", 5) != 0 || !strstr(head, " 200 "))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "at its metrics somebody else answers");
	return 0;
}

/* The socket that Postfix uses must take a connection; where there are
 * metrics, the milter must be able to speak as well. */
static int
ask_milter(const struct bmx_config_milter *milter, struct bmx_error *err)
{
	int fd = bmx_endpoint_connect(&milter->listen, BMXCTL_MILTER_MS, err);
	int rc = fd < 0 ? -1 : 0;

	if (fd >= 0)
		(void)close(fd);
	if (rc == 0 && milter->metrics_on) {
		fd = bmx_endpoint_connect(&milter->metrics, BMXCTL_MILTER_MS,
		                          err);
		rc = fd < 0 ? -1 : ask_health(fd, err);
		if (fd >= 0)
			(void)close(fd);
	}
	return rc;
}

static bool
has_left_traces(const struct bmx_config *config)
{
	char path[1024];
	struct bmx_text text;
	struct stat st;

	if (config->milter.listen.kind == BMX_ENDPOINT_UNIX &&
	    lstat(config->milter.listen.path, &st) == 0)
		return true;
	bmx_text_init(&text, path, sizeof(path));
	bmx_text_printf(&text, "%s/%s", config->state_dir, BMX_SEAL_STORE_NAME);
	return lstat(path, &st) == 0;
}

json_t *
bmxctl_gather_milter(const struct bmx_config *config)
{
	struct bmx_error err;

	if (ask_milter(&config->milter, &err) == 0)
		return json_pack("{s:b, s:b}", "up", 1, "expected", 1);
	return json_pack("{s:b, s:b, s:s, s:s}", "up", 0, "expected",
	                 has_left_traces(config), "error", err.text, "why",
	                 err.code == BMX_E_PERMISSION ? "permission" : "");
}

static int
percent(unsigned long free_blocks, unsigned long all)
{
	return all == 0 ? 100 :
			  (int)((double)free_blocks * 100.0 / (double)all);
}

/* inodes_free_percent is 100 where the file system has no such limit. */
static json_t *
disk_object(const char *what, const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return json_pack("{s:s, s:s, s:s}", "what", what, "path", path,
		                 "error", strerror(errno));
	return json_pack(
		"{s:s, s:s, s:I, s:i, s:i}", "what", what, "path", path,
		"free_bytes", (json_int_t)fs.f_bavail * (json_int_t)fs.f_frsize,
		"free_percent", percent(fs.f_bavail, fs.f_blocks),
		"inodes_free_percent", percent(fs.f_favail, fs.f_files));
}

static json_t *
queue_disk(const char *postfix_dir)
{
	const char *const argv[] = {"postconf",
	                            postfix_dir ? "-c" : "-h",
	                            postfix_dir ? postfix_dir :
	                                          "queue_directory",
	                            postfix_dir ? "-h" : NULL,
	                            "queue_directory",
	                            NULL};
	const struct bmx_command command = {
		.argv = argv,
		.timeout_ms = BMXCTL_POSTCONF_MS,
		.output_max = 4096,
	};
	struct bmx_command_result result;
	json_t *root = NULL;

	if (bmx_command_run(&command, &result, NULL) != 0)
		return json_pack("{s:s, s:s}", "what", "queue", "error",
		                 "postconf cannot be run");
	result.output[strcspn(result.output, "\n")] = '\0';
	if (result.status == 0)
		root = disk_object("queue", result.output);
	bmx_command_result_clear(&result);
	return root ? root :
		      json_pack("{s:s, s:s}", "what", "queue", "error",
	                        "postconf does not know the queue directory");
}

json_t *
bmxctl_gather_disk(const struct bmx_config *config, const char *postfix_dir)
{
	return json_pack("[o, o]", disk_object("state", config->state_dir),
	                 queue_disk(postfix_dir));
}
