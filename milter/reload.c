#include "milter/reload.h"

#include <pthread.h>
#include <signal.h>

#include <backupmx/notify.h>

/* The thread's own; it lives as long as the process. */
static struct {
	struct bmx_milter *milter;
	const char *path;
} job;

static void
fill_set(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGUSR1);
}

void
bmx_reload_block_signals(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	fill_set(&set);
	/* libmilter waits for these in a thread of its own; in a thread that
	 * does not block them they would end the process on the spot. */
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

static void
log_problem(const struct bmx_config_problem *problem)
{
	struct bmx_log_line line;

	bmx_log_begin(&line, bmx_milter_log(job.milter),
	              problem->warning ? BMX_LOG_WARN : BMX_LOG_ERROR,
	              "config-problem");
	bmx_log_add_string(&line, BMX_KEY_PATH, problem->file);
	bmx_log_add_u64(&line, BMX_KEY_LINE, (uint64_t)problem->line);
	bmx_log_add_string(&line, BMX_KEY_ERR, problem->text);
	bmx_log_end(&line);
}

static void
log_outcome(const struct bmx_rules *next, const struct bmx_error *err)
{
	struct bmx_log *log = bmx_milter_log(job.milter);
	struct bmx_rules *running = bmx_milter_rules(job.milter);
	const char *fixed = next ?
		bmx_config_needs_restart(running->config, next->config,
	                                 BMX_CONFIG_MILTER) :
		NULL;
	struct bmx_log_line line;

	if (!next)
		bmx_log_error(log, BMX_LOG_ERROR, "reload-failed", err->text,
		              "the old settings stay in force");
	else if (fixed)
		bmx_log_error(log, BMX_LOG_WARN, "reload-incomplete", fixed,
		              "this option changes with a restart only");
	bmx_log_begin(&line, log, BMX_LOG_INFO, "reloaded");
	if (next)
		bmx_log_end(&line);
	bmx_rules_unref(&running);
}

/* The file with all that it names, or NULL. */
static struct bmx_rules *
load(struct bmx_config_problems *problems, struct bmx_error *err)
{
	struct bmx_config *config = bmx_config_load(job.path, problems, err);
	struct bmx_rules *rules =
		config ? bmx_rules_new(config, problems, err) : NULL;

	bmx_config_unref(&config);
	return rules;
}

static void
reload(void)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_error err = {.text = "out of memory"};
	struct bmx_rules *next = NULL;

	bmx_notify_reloading();
	if (problems)
		next = load(problems, &err);
	for (size_t i = 0; problems && i < bmx_config_problems_count(problems);
	     i++)
		log_problem(bmx_config_problems_get(problems, i));
	log_outcome(next, &err);
	if (next)
		bmx_milter_set_rules(job.milter, next);
	bmx_rules_unref(&next);
	bmx_config_problems_free(&problems);
	bmx_notify_ready();
}

static void *
run(void *ctx)
{
	sigset_t set;

	(void)ctx;
	fill_set(&set);
	for (;;)
		if (sigwaitinfo(&set, NULL) == SIGUSR1)
			reload();
	return NULL;
}

int
bmx_reload_start(struct bmx_milter *milter, const char *path,
                 struct bmx_error *err)
{
	pthread_t thread;
	int rc;

	job.milter = milter;
	job.path = path;
	rc = pthread_create(&thread, NULL, run, NULL);
	if (rc != 0)
		return bmx_error_set_errno(err, rc,
		                           "cannot start the reload thread");
	(void)pthread_detach(thread);
	return 0;
}
