#include "policyd/daemon.h"

#include <stdio.h>
#include <stdlib.h>

#include <sysexits.h>
#include <unistd.h>

#include <backupmx/background.h>
#include <backupmx/list_sync.h>
#include <backupmx/notify.h>
#include <backupmx/open_files.h>
#include <backupmx/passed_sockets.h>
#include <backupmx/privileges.h>

#include "policyd/daemon_priv.h"

/* Descriptors kept for the store, logs, the worker and the control socket. */
#define RESERVED_FDS 32
/* More connections than any Postfix has processes. */
#define CLIENTS_MAX 16384
/* How long requests under way may still take at the end. */
#define DRAIN_MS 2000

void
bmx_daemon_log_event(struct bmx_daemon *d, enum bmx_log_level level,
                     const char *event)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, d->log, level, event);
	bmx_log_end(&line);
}

/* As many connections as descriptors allow. @return at least 4 */
static size_t
raise_limits(void)
{
	const size_t files = bmx_open_files_raise(CLIENTS_MAX + RESERVED_FDS);

	if (files < RESERVED_FDS + 4)
		return 4;
	if (files > CLIENTS_MAX + RESERVED_FDS)
		return CLIENTS_MAX;
	return files - RESERVED_FDS;
}

static int
turn(struct bmx_daemon *d)
{
	const int rc = bmx_loop_turn(d->loop, true);

	bmx_engine_end_turn(d->engine);
	bmx_log_flush(d->log);
	return rc;
}

static void
on_drained(void *ctx)
{
	struct bmx_daemon *d = ctx;

	d->drained = true;
}

/* Answers what is under way, within DRAIN_MS. */
static void
drain(struct bmx_daemon *d)
{
	struct bmx_timer *limit = bmx_timer_new(d->loop, on_drained, d);

	bmx_notify_stopping();
	bmx_daemon_log_event(d, BMX_LOG_INFO, "stopping");
	bmx_listeners_free(&d->listeners);
	bmx_sockets_unlink(&d->sockets);
	if (!limit)
		return;
	bmx_timer_set(d->loop, limit, DRAIN_MS);
	bmx_clients_drain(d->clients);
	while (!d->drained && bmx_clients_count(d->clients) > 0) {
		if (turn(d) != 0)
			break;
		bmx_clients_drain(d->clients);
	}
	bmx_timer_free(d->loop, &limit);
}

static int
serve(struct bmx_daemon *d, struct bmx_error *err)
{
	while (!d->stopping)
		if (turn(d) != 0)
			return bmx_error_set(err, BMX_E_IO,
			                     "the event loop failed");
	drain(d);
	return 0;
}

static void
log_started(struct bmx_daemon *d)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, d->log, BMX_LOG_INFO, "started");
	bmx_log_add_string(&line, BMX_KEY_VERSION, BMX_VERSION);
	bmx_log_add_u64(&line, BMX_KEY_PID, (uint64_t)getpid());
	bmx_log_add_string(&line, BMX_KEY_PATH, d->config->path);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, d->config->domain_count);
	bmx_log_end(&line);
	if (d->config->domain_count == 0)
		bmx_log_error(d->log, BMX_LOG_WARN, "no-domain",
		              "no domain is configured: nothing is refused",
		              "add a section domain, then reload");
}

/* Whoever connects to one that nobody serves would wait in vain. */
static void
drop_passed(struct bmx_daemon *d, struct bmx_passed_sockets *passed)
{
	char name[BMX_ERROR_TEXT_MAX];
	struct bmx_text text;

	for (;;) {
		bmx_text_init(&text, name, sizeof(name));
		if (!bmx_passed_drop(passed, &text))
			return;
		bmx_log_error(d->log, BMX_LOG_WARN, "socket-not-configured",
		              name,
		              "the socket unit passes it, the configuration "
		              "has no such socket: change one of them");
	}
}

/* Sockets first, as root; then everything else as the user. */
static int
become_user(struct bmx_daemon *d, struct bmx_passed_sockets *passed,
            struct bmx_error *err)
{
	struct bmx_identity identity;

	if (bmx_privileges_resolve(d->options->user, &identity, err) != 0 ||
	    bmx_sockets_open(&d->sockets, d->config, &identity, passed, err) !=
	            0)
		return -1;
	drop_passed(d, passed);
	if (bmx_privileges_drop(&identity, err) == 0)
		return 0;
	bmx_sockets_unlink(&d->sockets);
	return -1;
}

static int
assemble(struct bmx_daemon *d, size_t max_clients, struct bmx_error *err)
{
	if (bmx_daemon_assemble(d, max_clients, err) == 0)
		return 0;
	/* What a directory of root's keeps is found stale at the next start. */
	bmx_sockets_unlink(&d->sockets);
	return -1;
}

/* From here on the one who started us is told nothing more. */
static void
go_to_work(struct bmx_daemon *d, struct bmx_background *background)
{
	if (!d->options->foreground)
		bmx_log_set_sink(d->log, d->config->log);
	log_started(d);
	bmx_background_ready(background);
	bmx_log_set_buffered(d->log, true);
	bmx_notify_ready();
}

static int
run(struct bmx_daemon *d, struct bmx_error *err)
{
	struct bmx_background background = {.fd = -1};
	const size_t max_clients = raise_limits();
	struct bmx_passed_sockets passed;

	if (bmx_passed_find(&passed, err) != 0)
		return -1;
	d->config = bmx_daemon_load_config(d, err);
	if (!d->config)
		return -1;
	/* Under systemd the process that was started is the one it watches. */
	if (!d->options->foreground && !getenv("NOTIFY_SOCKET") &&
	    bmx_background_start(&background, err) != 0)
		return -1;
	if (become_user(d, &passed, err) != 0 ||
	    assemble(d, max_clients, err) != 0)
		return -1;
	go_to_work(d, &background);
	return serve(d, err);
}

/* A mistake in the file is EX_CONFIG; a file that cannot be read is not. */
static int
status_of(const struct bmx_error *err)
{
	return err->code == BMX_E_SYNTAX ? EX_CONFIG :
					   bmx_error_exit_status(err->code);
}

int
bmx_daemon_run(const struct bmx_program_options *options)
{
	struct bmx_daemon d = {.options = options,
	                       .sockets = {.control = -1, .metrics = -1}};
	struct bmx_error err;
	int status = EX_OK;

	d.log = bmx_log_new("backupmx-policyd", BMX_LOG_TO_STDERR,
	                    BMX_LOG_INFO);
	if (!d.log)
		return EX_OSERR;
	if (run(&d, &err) != 0) {
		bmx_log_error(d.log, BMX_LOG_FATAL, "failed", err.text, NULL);
		status = status_of(&err);
	}
	bmx_daemon_disassemble(&d);
	bmx_sockets_close(&d.sockets);
	bmx_config_unref(&d.loaded);
	bmx_config_unref(&d.config);
	bmx_log_free(&d.log);
	return status;
}

/* The loader sees the schemes of sources; what is behind them is looked at
 * here. At run time it is the sync that says what is wrong. */
static int
check_sources(const struct bmx_config *config, struct bmx_error *err)
{
	for (size_t i = 0; i < config->domain_count; i++) {
		const struct bmx_config_domain *domain = &config->domains[i];
		struct bmx_error why;

		if (domain->recipients[0] != '\0' &&
		    bmx_list_source_check(domain->recipients, &why) != 0)
			return bmx_error_set(
				err, BMX_E_SYNTAX, "%s: domain \"%s\": %s",
				config->path, domain->name, why.text);
	}
	return 0;
}

int
bmx_daemon_check(const struct bmx_program_options *options)
{
	struct bmx_daemon d = {.options = options};
	struct bmx_error err;
	int status = EX_OK;

	d.log = bmx_log_new("backupmx-policyd", BMX_LOG_TO_STDERR,
	                    BMX_LOG_INFO);
	if (!d.log)
		return EX_OSERR;
	d.config = bmx_daemon_load_config(&d, &err);
	if (d.config && check_sources(d.config, &err) == 0) {
		(void)printf("%s: configuration is fine\n",
		             options->config_path);
	} else {
		bmx_log_error(d.log, BMX_LOG_FATAL, "failed", err.text, NULL);
		status = status_of(&err);
	}
	bmx_config_unref(&d.config);
	bmx_log_free(&d.log);
	return status;
}
