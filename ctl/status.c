/* backupmxctl status [DOMAIN] [--all] [--json] [--watch [SECONDS]] */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/address.h>
#include <backupmx/units.h>

#include "ctl/ask.h"
#include "ctl/gather.h"
#include "ctl/status_screen.h"

#define USAGE                                                                  \
	"status [DOMAIN] [--all] [--json] [--watch [SECONDS]] [--config-dir "  \
	"DIR]"
/* Seconds between two screens, and the most of them. */
#define WATCH_S 5
#define WATCH_MAX_S 86400
/* Home, and what was there is gone. */
#define CLEAR "\033[H\033[J"

struct options {
	bool all;
	bool as_json;
	int64_t watch_s;    /* 0: once */
	const char *domain; /* NULL: all; else in buffer */
	const char *postfix_dir;
	char buffer[BMX_DOMAIN_BUFFER];
};

/* `--watch`, with seconds behind it or without. @return 0, or -1 */
static int
take_watch(int *argc, char **argv, int64_t *watch_s_out)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		if (strncmp(argv[i], "--watch=", 8) == 0) {
			if (bmx_units_parse_number(bmx_slice_of(argv[i] + 8),
			                           watch_s_out) != 0)
				return -1;
		} else if (strcmp(argv[i], "--watch") != 0) {
			argv[kept++] = argv[i];
			continue;
		} else {
			*watch_s_out = WATCH_S;
			if (i + 1 < *argc &&
			    bmx_units_parse_number(bmx_slice_of(argv[i + 1]),
			                           watch_s_out) == 0)
				i++;
		}
		if (*watch_s_out < 1 || *watch_s_out > WATCH_MAX_S)
			return -1;
	}
	*argc = kept;
	return 0;
}

static int
take_options(int argc, char **argv, struct options *options)
{
	struct bmx_slice name;

	options->as_json = bmxctl_take_json(&argc, argv);
	options->all = bmxctl_take_word(&argc, argv, "--all");
	if (bmxctl_take_value(&argc, argv, "--config-dir",
	                      &options->postfix_dir) < 0 ||
	    take_watch(&argc, argv, &options->watch_s) != 0 || argc > 2)
		return -1;
	if (argc == 1)
		return 0;
	if (argv[1][0] == '-')
		return -1;
	options->domain = strcmp(argv[1], "*") == 0 ? "*" : options->buffer;
	return options->domain != options->buffer ||
			bmx_domain_normalise(bmx_slice_of(argv[1]),
	                                     options->buffer, &name) == 0 ?
		0 :
		-1;
}

/* What policyd's silence amounts to; said once, on stderr. */
static int
tell_silence(const struct bmxctl *ctl, const json_t *facts)
{
	const char *why = bmxctl_string(facts, "why");

	if (json_is_true(json_object_get(facts, "ok")))
		return EX_OK;
	(void)fprintf(stderr, "%s: policyd cannot be asked: %s%s\n",
	              ctl->program, bmxctl_string(facts, "error"),
	              strcmp(why, "permission") == 0 ?
	                      "" :
	                      "; see systemctl status backupmx-policyd");
	if (strcmp(why, "usage") == 0)
		return EX_CONFIG;
	return strcmp(why, "refused") == 0 ? EX_UNAVAILABLE : EX_TEMPFAIL;
}

static int
print_facts(const struct bmxctl *ctl, const struct options *options,
            const json_t *facts)
{
	if (options->as_json)
		return bmxctl_print_json(facts);
	if (!options->domain) {
		bmxctl_status_print_screen(facts, options->all);
		return EX_OK;
	}
	if (!json_is_true(json_object_get(facts, "ok")) ||
	    bmxctl_status_print_domain(facts, options->domain))
		return EX_OK;
	(void)fprintf(stderr, "%s: policyd serves no domain \"%s\"\n",
	              ctl->program, options->domain);
	return EX_CONFIG;
}

static int
show(const struct bmxctl *ctl, const struct bmx_config *config,
     const struct options *options)
{
	json_t *facts = bmxctl_gather(config, options->postfix_dir,
	                              options->domain ? BMXCTL_PART_POLICYD |
	                                              BMXCTL_PART_QUEUE :
	                                                BMXCTL_PARTS_ALL);
	int status;
	int printed;

	if (!facts) {
		(void)fprintf(stderr, "%s: memory is short\n", ctl->program);
		return EX_OSERR;
	}
	if (options->watch_s > 0 && isatty(STDOUT_FILENO))
		(void)fputs(CLEAR, stdout);
	printed = print_facts(ctl, options, facts);
	(void)fflush(stdout); /* before what is said on stderr */
	status = options->watch_s > 0 ? EX_OK : tell_silence(ctl, facts);
	json_decref(facts);
	return printed != EX_OK ? printed : status;
}

/* Until Ctrl-C, or until nobody reads. The signals are waited for, so that a
 * screen is never cut in the middle. */
static int
watch(const struct bmxctl *ctl, const struct bmx_config *config,
      const struct options *options)
{
	const struct timespec pause = {.tv_sec = (time_t)options->watch_s};
	sigset_t ends;
	int status;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	for (;;) {
		status = show(ctl, config, options);
		if (status != EX_OK || fflush(stdout) != 0 || ferror(stdout))
			break;
		if (sigtimedwait(&ends, NULL, &pause) > 0)
			break;
		if (!isatty(STDOUT_FILENO) && !options->as_json)
			(void)putchar('\n');
	}
	(void)sigprocmask(SIG_UNBLOCK, &ends, NULL);
	return status;
}

int
bmxctl_status(struct bmxctl *ctl, int argc, char **argv)
{
	struct options options = {0};
	struct bmx_config *config;
	int status = EX_OK;

	if (take_options(argc, argv, &options) != 0)
		return bmxctl_usage(ctl, USAGE);
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	status = options.watch_s > 0 ? watch(ctl, config, &options) :
				       show(ctl, config, &options);
	bmx_config_unref(&config);
	return status;
}
