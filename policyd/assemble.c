/*
 * assemble.c - makes the parts of policyd and passes events between them.
 */
#include "policyd/daemon_priv.h"

#include <backupmx/notify.h>

#include "policyd/commands.h"
#include "policyd/fault_gauges.h"
#include "policyd/store.h"
#include "policyd/sync_worker.h"

/* How often gauges are brought up to date. */
#define TICK_MS 5000

static struct bmx_engine_ask *
on_request(void *ctx, const struct bmx_policy_request *request,
           int64_t began_us, bmx_engine_answered_cb *answered, void *client)
{
	struct bmx_daemon *d = ctx;

	return bmx_engine_ask(d->engine, request, began_us, answered, client);
}

static void
on_forget_request(void *ctx, struct bmx_engine_ask **ask)
{
	(void)ctx; /* an ask knows whose it is */
	bmx_engine_forget(ask);
}

static void
on_room(void *ctx)
{
	struct bmx_daemon *d = ctx;

	if (d->listeners)
		bmx_listeners_resume(d->listeners);
}

static void
on_stop(void *ctx)
{
	struct bmx_daemon *d = ctx;

	d->stopping = true;
}

static void
on_reload(void *ctx)
{
	struct bmx_error err;

	(void)bmx_daemon_reload(ctx, &err); /* has been logged */
}

/*
 * A store that was removed or set aside is made anew by the next sync; the old
 * file, which nobody else can see, would be answered from for ever. When the
 * new one cannot be opened the old one stays.
 */
static void
follow_store(struct bmx_daemon *d)
{
	struct bmx_list_store *store;
	struct bmx_list_reader *reader;
	struct bmx_list_source list;
	struct bmx_error err;

	if (!bmx_list_store_is_replaced(d->store))
		return;
	store = bmx_list_store_open(d->config->state_dir, BMX_LIST_READ_WRITE,
	                            &err);
	reader = store ? bmx_list_reader_new(store, &err) : NULL;
	if (!reader) {
		if (store)
			bmx_list_store_free(&store);
		return; /* the syncs say why */
	}
	list = bmx_list_source_of(reader);
	bmx_engine_set_list(d->engine, &list);
	bmx_list_reader_free(&d->reader);
	bmx_list_store_free(&d->store);
	d->reader = reader;
	d->store = store;
	bmx_log_error(d->log, BMX_LOG_WARN, "store-replaced",
	              "state_dir has another list.mdb, which is used now",
	              NULL);
}

static void
on_tick(void *ctx)
{
	struct bmx_daemon *d = ctx;

	follow_store(d);
	bmx_engine_update_gauges(d->engine);
	bmx_fault_gauges_update(d->metrics, d->config, d->sync, d->primaries);
	bmx_metric_set(d->log_dropped, (int64_t)bmx_log_dropped(d->log));
	bmx_timer_set(d->loop, d->tick, TICK_MS);
}

/* From the loop, so that a loop that hangs is noticed. */
static void
on_watchdog(void *ctx)
{
	struct bmx_daemon *d = ctx;

	bmx_notify_watchdog();
	bmx_timer_set(d->loop, d->watchdog, bmx_notify_watchdog_ms());
}

static void
on_list_file(void *ctx, struct bmx_slice domain)
{
	struct bmx_daemon *d = ctx;

	/* Fails only for a domain that a reload has just taken away. */
	(void)bmx_sync_request(d->sync, domain, NULL);
}

static void
on_synced(void *ctx, struct bmx_slice domain,
          const struct bmx_sync_outcome *outcome)
{
	struct bmx_daemon *d = ctx;

	(void)outcome;
	bmx_file_watch_retry(d->file_watch);
	follow_store(d);
	bmx_engine_update_list_gauges(d->engine, domain);
}

/* Healthy is who can answer: a store that cannot be read is not. */
static const char *
on_health(void *ctx)
{
	struct bmx_daemon *d = ctx;
	struct bmx_engine_list list;

	if (d->config->domain_count == 0)
		return NULL;
	bmx_engine_list(d->engine, 0, &list);
	return list.known ? NULL : "the list store cannot be read";
}

static int
open_store(struct bmx_daemon *d, struct bmx_error *err)
{
	d->store = bmx_store_open(d->config->state_dir, bmx_clock_system(),
	                          d->log, err);
	if (!d->store)
		return -1;
	d->reader = bmx_list_reader_new(d->store, err);
	return d->reader ? 0 : -1;
}

static int
make_engine(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_engine_parts parts = {
		.loop = d->loop,
		.list = bmx_list_source_of(d->reader),
		.records = d->records,
		.primaries = bmx_daemon_primary_source(d),
		.any = bmx_any_domains_source(d->any),
		.learner = d->learner,
		.log = d->log,
		.metrics = d->metrics,
	};

	d->engine = bmx_engine_new(&parts, d->config);
	if (!d->engine)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	return 0;
}

static int
make_sync(struct bmx_daemon *d, struct bmx_error *err)
{
	struct bmx_sync_options options = {
		.loop = d->loop,
		.log = d->log,
		.metrics = d->metrics,
		.on_done = on_synced,
		.ctx = d,
	};

	d->worker = bmx_sync_worker_new(d->loop, NULL);
	options.worker = d->worker;
	options.redis = d->redis ? &d->redis_config->redis : NULL;
	d->sync = d->worker ? bmx_sync_new(&options) : NULL;
	d->file_watch = bmx_file_watch_new(d->loop, d->log, on_list_file, d);
	if (!d->sync || !d->file_watch)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	bmx_file_watch_configure(d->file_watch, d->config);
	if (bmx_sync_configure(d->sync, d->config, err) != 0)
		return -1;
	return bmx_daemon_make_follow(d, err);
}

static int
make_service(struct bmx_daemon *d, size_t max_clients, struct bmx_error *err)
{
	const struct bmx_clients_parts parts = {
		.loop = d->loop,
		.log = d->log,
		.metrics = d->metrics,
		.max = max_clients,
		.ask = on_request,
		.forget = on_forget_request,
		.on_room = on_room,
		.ctx = d,
	};
	const size_t count = d->sockets.policy_count;

	d->clients = bmx_clients_new(&parts);
	if (!d->clients)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	d->sockets.policy_count = 0; /* the listeners own them now */
	d->listeners = bmx_listeners_new(d->loop, d->log, d->sockets.policy,
	                                 count, d->clients, err);
	return d->listeners ? 0 : -1;
}

static int
make_control(struct bmx_daemon *d, struct bmx_error *err)
{
	const struct bmx_control_handlers handlers = bmx_commands_of(d);
	const int fd = d->sockets.control;

	if (fd < 0)
		return 0;
	d->sockets.control = -1; /* the server owns it now */
	d->control = bmx_control_new(d->loop, fd, &handlers, err);
	return d->control ? 0 : -1;
}

static int
make_http(struct bmx_daemon *d, struct bmx_error *err)
{
	const int fd = d->sockets.metrics;

	if (fd < 0)
		return 0;
	d->sockets.metrics = -1; /* the server owns it now */
	d->http = bmx_http_new(d->loop, fd, d->metrics, on_health, d, err);
	return d->http ? 0 : -1;
}

static int
make_timers(struct bmx_daemon *d, struct bmx_error *err)
{
	d->tick = bmx_timer_new(d->loop, on_tick, d);
	d->watchdog = bmx_timer_new(d->loop, on_watchdog, d);
	if (!d->tick || !d->watchdog)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	d->log_dropped = bmx_metrics_counter(
		d->metrics, "backupmx_log_dropped_total",
		"Log lines that standard error did not take.", NULL, 0);
	bmx_metrics_add_program(d->metrics, bmx_clock_wall_ms(d->loop->clock));
	bmx_timer_set(d->loop, d->tick, 0);
	if (bmx_notify_watchdog_ms() > 0)
		bmx_timer_set(d->loop, d->watchdog, bmx_notify_watchdog_ms());
	return 0;
}

int
bmx_daemon_assemble(struct bmx_daemon *d, size_t max_clients,
                    struct bmx_error *err)
{
	d->loop = bmx_loop_new();
	d->metrics = bmx_metrics_new();
	if (!d->loop || !d->metrics)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	d->started_ms = bmx_clock_mono_ms(d->loop->clock);
	/* Signals first: they are blocked for the threads that DNS starts, or
	 * one of those would be ended by a SIGHUP. */
	d->signals = bmx_signals_new(d->loop, on_stop, on_reload, d, err);
	if (!d->signals)
		return -1;
	if (open_store(d, err) != 0 || bmx_daemon_make_primaries(d, err) != 0 ||
	    make_engine(d, err) != 0 || make_timers(d, err) != 0 ||
	    make_sync(d, err) != 0 || make_control(d, err) != 0 ||
	    make_http(d, err) != 0)
		return -1;
	return make_service(d, max_clients, err);
}

void
bmx_daemon_disassemble(struct bmx_daemon *d)
{
	bmx_listeners_free(&d->listeners);
	bmx_clients_free(&d->clients);
	bmx_http_free(&d->http);
	bmx_control_free(&d->control);
	bmx_redis_follow_free(&d->follow);
	bmx_file_watch_free(&d->file_watch);
	bmx_sync_free(&d->sync);
	bmx_sync_worker_free(&d->worker);
	bmx_engine_free(&d->engine);
	bmx_daemon_free_primaries(d);
	bmx_list_reader_free(&d->reader);
	bmx_list_store_free(&d->store);
	if (d->loop) {
		bmx_signals_free(&d->signals);
		bmx_timer_free(d->loop, &d->tick);
		bmx_timer_free(d->loop, &d->watchdog);
	}
	bmx_loop_free(&d->loop);
	bmx_metrics_free(&d->metrics);
}
