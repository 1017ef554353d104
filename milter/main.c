/* backupmx-milter: the command line and the order of the start. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <sysexits.h>
#include <unistd.h>

#include <backupmx/background.h>
#include <backupmx/config.h>
#include <backupmx/endpoint.h>
#include <backupmx/log.h>
#include <backupmx/metrics.h>
#include <backupmx/notify.h>
#include <backupmx/open_files.h>
#include <backupmx/passed_sockets.h>
#include <backupmx/privileges.h>
#include <backupmx/program_options.h>

#include "milter/callbacks.h"
#include "milter/metrics_server.h"
#include "milter/milter.h"
#include "milter/reload.h"
#include "milter/watchdog.h"

#define PROGRAM "backupmx-milter"

/* A session takes a descriptor, and one to policyd while it asks. */
#define FDS_WANTED 16384

/* What lives as long as the process. */
struct daemon {
	struct bmx_config *config;
	struct bmx_rules *rules; /* of config */
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	struct bmx_milter *milter;
	struct bmx_metrics_server *server;
	struct bmx_passed_sockets passed;
	int listen_fd;
	int metrics_fd;
	bool listen_made; /* here, not by the service manager */
	bool metrics_made;
};

static int
complain(const struct bmx_error *err)
{
	(void)fprintf(stderr, PROGRAM ": %s\n", err->text);
	return bmx_error_exit_status(err->code);
}

static void
print_problems(const struct bmx_config_problems *problems)
{
	for (size_t i = 0; i < bmx_config_problems_count(problems); i++) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, i);

		(void)fprintf(
			stderr, "%s:%d: %s%s\n", problem->file, problem->line,
			problem->warning ? "warning: " : "", problem->text);
	}
}

static int
load_config(struct daemon *daemon, const char *path)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_error err = {.code = BMX_E_NOMEM, .text = "out of memory"};

	if (problems) {
		daemon->config = bmx_config_load(path, problems, &err);
		if (daemon->config)
			daemon->rules =
				bmx_rules_new(daemon->config, problems, &err);
		print_problems(problems);
	}
	bmx_config_problems_free(&problems);
	if (daemon->rules)
		return EX_OK;
	bmx_config_unref(&daemon->config);
	(void)complain(&err);
	return EX_CONFIG;
}

/* Sockets are made as root, where the directory may ask for it. */
static int
open_sockets(struct daemon *daemon, const struct bmx_identity *identity,
             struct bmx_error *err)
{
	const struct bmx_config_milter *config = &daemon->config->milter;
	const struct bmx_endpoint_owner owner = {
		.mode = config->socket_mode,
		.group = config->socket_group,
		.uid = identity->uid,
	};

	daemon->listen_fd =
		bmx_passed_or_listen(&daemon->passed, &config->listen, &owner,
	                             &daemon->listen_made, err);
	if (daemon->listen_fd < 0)
		return -1;
	if (!config->metrics_on)
		return 0;
	daemon->metrics_fd =
		bmx_passed_or_listen(&daemon->passed, &config->metrics, &owner,
	                             &daemon->metrics_made, err);
	return daemon->metrics_fd < 0 ? -1 : 0;
}

/* The path of a passed socket is the service manager's. */
static void
unlink_sockets(const struct daemon *daemon)
{
	if (daemon->listen_fd >= 0 && daemon->listen_made)
		bmx_endpoint_unlink(&daemon->config->milter.listen);
	if (daemon->metrics_fd >= 0 && daemon->metrics_made)
		bmx_endpoint_unlink(&daemon->config->milter.metrics);
}

/* Whoever connects to one that nobody serves would wait in vain. */
static void
drop_passed(struct daemon *daemon)
{
	char name[BMX_ERROR_TEXT_MAX];
	struct bmx_text text;

	for (;;) {
		bmx_text_init(&text, name, sizeof(name));
		if (!bmx_passed_drop(&daemon->passed, &text))
			return;
		bmx_log_error(daemon->log, BMX_LOG_WARN,
		              "socket-not-configured", name,
		              "the socket unit passes it, the configuration "
		              "has no such socket: change one of them");
	}
}

static int
start_shared(struct daemon *daemon, const struct bmx_program_options *options,
             struct bmx_error *err)
{
	daemon->log = bmx_log_new(PROGRAM,
	                          options->foreground ? BMX_LOG_TO_STDERR :
	                                                daemon->config->log,
	                          BMX_LOG_INFO);
	daemon->metrics = bmx_metrics_new();
	if (daemon->metrics)
		bmx_metrics_add_program(daemon->metrics,
		                        bmx_clock_wall_ms(bmx_clock_system()));
	if (!daemon->log || !daemon->metrics)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	daemon->milter = bmx_milter_new(daemon->rules, daemon->log,
	                                daemon->metrics, err);
	return daemon->milter ? 0 : -1;
}

/* Under systemd the process that was started is the one it watches. */
static int
leave_terminal(const struct bmx_program_options *options,
               struct bmx_background *background, struct bmx_error *err)
{
	if (options->foreground || getenv("NOTIFY_SOCKET"))
		return 0;
	return bmx_background_start(background, err);
}

/* The fork comes first: it would leave threads behind. */
static int
start(struct daemon *daemon, const struct bmx_program_options *options,
      struct bmx_background *background, struct bmx_error *err)
{
	struct bmx_identity identity;

	(void)bmx_open_files_raise(FDS_WANTED); /* or with fewer */
	if (bmx_passed_find(&daemon->passed, err) != 0 ||
	    leave_terminal(options, background, err) != 0 ||
	    bmx_privileges_resolve(options->user, &identity, err) != 0 ||
	    open_sockets(daemon, &identity, err) != 0 ||
	    bmx_privileges_drop(&identity, err) != 0)
		return -1;
	bmx_reload_block_signals();
	if (start_shared(daemon, options, err) != 0)
		return -1;
	drop_passed(daemon);
	if (daemon->metrics_fd >= 0) {
		daemon->server = bmx_metrics_server_new(daemon->metrics_fd,
		                                        daemon->metrics, err);
		if (!daemon->server)
			return -1;
	}
	if (bmx_watchdog_start(&daemon->config->milter.listen, err) != 0)
		return -1;
	return bmx_reload_start(daemon->milter, options->config_path, err);
}

static void
log_started(const struct daemon *daemon)
{
	char where[160];
	struct bmx_text text;
	struct bmx_log_line line;

	bmx_text_init(&text, where, sizeof(where));
	bmx_endpoint_append(&text, &daemon->config->milter.listen);
	bmx_log_begin(&line, daemon->log, BMX_LOG_INFO, "started");
	bmx_log_add_string(&line, BMX_KEY_VERSION, BMX_VERSION);
	bmx_log_add_u64(&line, BMX_KEY_PID, (uint64_t)getpid());
	bmx_log_add(&line, BMX_KEY_PEER, bmx_text_slice(&text));
	bmx_log_end(&line);
}

/* From here on the one who started us is told nothing more: the socket takes
 * connections already. libmilter's threads may still be in callbacks when it
 * returns, so what they use is left to the end of the process. */
static int
serve(struct daemon *daemon, struct bmx_background *background)
{
	struct bmx_log_line line;
	struct bmx_error err;
	int rc;

	log_started(daemon);
	bmx_background_ready(background);
	bmx_notify_ready();
	rc = bmx_callbacks_serve(daemon->milter, daemon->listen_fd, &err);
	bmx_notify_stopping();
	unlink_sockets(daemon);
	if (rc != 0) {
		bmx_log_error(daemon->log, BMX_LOG_FATAL, "stopped", err.text,
		              NULL);
		return bmx_error_exit_status(err.code);
	}
	bmx_log_begin(&line, daemon->log, BMX_LOG_INFO, "stopped");
	bmx_log_end(&line);
	return EX_OK;
}

int
main(int argc, char **argv)
{
	/* Static: libmilter's threads outlive main's frame. */
	static struct daemon daemon = {.listen_fd = -1, .metrics_fd = -1};
	struct bmx_program_options options;
	struct bmx_background background = {.fd = -1};
	struct bmx_error err;
	int status;

	/* Before anything is opened: a socket must not become descriptor 2. */
	if (bmx_background_fill_stdio(&err) != 0)
		return complain(&err);
	status = bmx_program_options_start(PROGRAM, argc, argv, &options);
	if (status >= 0)
		return status;
	status = load_config(&daemon, options.config_path);
	if (status != EX_OK || options.task == BMX_TASK_CHECK) {
		bmx_rules_unref(&daemon.rules);
		bmx_config_unref(&daemon.config);
		return status;
	}
	if (start(&daemon, &options, &background, &err) != 0) {
		unlink_sockets(&daemon);
		return complain(&err);
	}
	return serve(&daemon, &background);
}
