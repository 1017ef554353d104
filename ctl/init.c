/* backupmxctl init [--domain DOMAIN ...] [--primary HOST ...] ... */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/init/place.h"
#include "ctl/init/questions.h"
#include "ctl/postfix/shell.h"

#define USAGE                                                                  \
	"init [--domain DOMAIN ...] [--primary HOST ...] "                     \
	"[--recipients SOURCE] [--hostname NAME] [--observe] [--yes]"

struct init {
	const struct bmxctl *ctl;
	struct bmxctl_plan plan;
	struct bmxctl_answers answers;
	struct bmx_config *existing; /* NULL: a new file is made */
	bool yes;
};

/* 0, -1 with *err, or 1: the words are no words of ours. */
static int
take_words(struct init *init, int argc, char **argv, struct bmx_error *err)
{
	static const struct option options[] = {
		{"domain", required_argument, NULL, 'd'},
		{"primary", required_argument, NULL, 'p'},
		{"recipients", required_argument, NULL, 'r'},
		{"hostname", required_argument, NULL, 'n'},
		{"observe", no_argument, NULL, 'o'},
		{"yes", no_argument, NULL, 'y'},
		{NULL, 0, NULL, 0},
	};
	int option, rc = 0;

	opterr = 0;
	while (rc == 0 &&
	       (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			rc = bmxctl_plan_add_domain(&init->plan, optarg, err);
		else if (option == 'p')
			rc = bmxctl_plan_add_primary(&init->plan, optarg, err);
		else if (option == 'r')
			init->plan.recipients = optarg;
		else if (option == 'n')
			init->plan.hostname = optarg;
		else if (option == 'o')
			init->plan.observe = true;
		else if (option == 'y')
			init->yes = true;
		else
			return 1;
	}
	return rc != 0 ? rc : optind < argc;
}

/* A configuration that is there is read first: it may be broken. */
static int
look(struct init *init, int *status_out)
{
	const char *path = init->ctl->config_path;
	struct bmx_error err;
	struct stat stat_here;

	if (lstat(path, &stat_here) != 0 && errno == ENOENT)
		return 0;
	if (stat(path, &stat_here) != 0) {
		(void)bmx_error_set_errno(
			&err, errno,
			"%s is a symbolic link that cannot be followed", path);
		(void)bmxctl_fail(init->ctl, &err);
		*status_out = EX_CANTCREAT;
		return -1;
	}
	init->existing = bmxctl_load_config(init->ctl, false, status_out);
	init->plan.with_redis = init->existing && init->existing->redis.present;
	return init->existing ? 0 : -1;
}

static int
ask_rest(struct init *init, struct bmx_error *err)
{
	const struct bmxctl_plan *plan = &init->plan;
	/* One that is there has its host name, or the system's. */
	const struct bmxctl_asked asked = {
		plan->domain_count == 0, plan->primary_count == 0,
		!plan->recipients, !plan->hostname && !init->existing};

	if (!init->yes && isatty(STDIN_FILENO))
		return bmxctl_ask_plan(&init->plan, &init->answers, &asked,
		                       stdin, stdout, err);
	if (asked.domains)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "--domain is needed where no question can "
		                     "be asked");
	return 0;
}

static int
confirm(const struct init *init, struct bmx_error *err)
{
	int answer;

	if (init->yes || !isatty(STDIN_FILENO))
		return 1;
	(void)puts("");
	if (init->existing)
		bmxctl_plan_write_sections(&init->plan, 0,
		                           init->plan.domain_count, stdout);
	else
		bmxctl_plan_write_file(&init->plan, stdout);
	(void)puts("");
	answer = bmxctl_ask_yes("Write that?", stdin, stdout, err);
	if (answer == 0)
		(void)puts("Nothing was written.");
	return answer;
}

static void
wrote(void *ctx, const char *path)
{
	(void)ctx;
	(void)printf("wrote %s\n", path);
}

static void
print_next_command(const struct bmxctl *ctl, const char *words,
                   const char *what)
{
	(void)printf("  %s ", ctl->program);
	if (strcmp(ctl->config_path, BMX_CONFIG_PATH) != 0) {
		(void)fputs("-c ", stdout);
		bmxctl_shell_word(stdout, ctl->config_path);
		(void)fputc(' ', stdout);
	}
	(void)printf("%-17s # %s\n", words, what);
}

/* Sections come into force with a reload; a file that was not there may say
 * what only a restart brings. Daemons that do not run are started by both. */
static void
print_next(const struct bmxctl *ctl, bool beside)
{
	(void)puts("next:");
	if (strcmp(ctl->config_path, BMX_CONFIG_PATH) != 0)
		(void)puts("  start the daemons with -c and this file, or have "
		           "them read it again");
	else
		(void)printf("  systemctl %s backupmx-policyd "
		             "backupmx-milter\n",
		             beside ? "reload-or-restart" : "restart");
	print_next_command(ctl, "postfix", "shows what main.cf needs");
	print_next_command(ctl, "postfix --apply", "does it");
	print_next_command(ctl, "doctor", "what is still wrong");
}

static int
place(struct init *init, struct bmx_error *err)
{
	const char *path = init->ctl->config_path;

	if (init->existing)
		return bmxctl_place_beside(&init->plan, path, init->existing,
		                           wrote, NULL, err);
	return bmxctl_place_new(&init->plan, path, wrote, NULL, err);
}

static int
check_plan(const struct init *init, struct bmx_error *err)
{
	if (init->existing && init->plan.hostname &&
	    init->plan.hostname[0] != '\0')
		return bmx_error_set(err, BMX_E_USAGE,
		                     "%s is there already: put hostname into "
		                     "it by hand",
		                     init->ctl->config_path);
	return bmxctl_plan_check(&init->plan, err);
}

static int
run(struct init *init)
{
	struct bmx_error err;
	int status = EX_OK;
	int answer;

	if (look(init, &status) != 0)
		return status;
	if (ask_rest(init, &err) != 0 || check_plan(init, &err) != 0)
		return bmxctl_fail(init->ctl, &err);
	answer = confirm(init, &err);
	if (answer == 0)
		return EX_OK;
	if (answer < 0)
		return bmxctl_fail(init->ctl, &err);
	if (place(init, &err) != 0) {
		status = bmxctl_fail(init->ctl, &err);
		if (err.code == BMX_E_REFUSED)
			bmxctl_plan_write_sections(&init->plan, 0,
			                           init->plan.domain_count,
			                           stdout);
		return err.code == BMX_E_BUSY || err.code == BMX_E_REFUSED ?
			EX_CANTCREAT :
			status;
	}
	print_next(init->ctl, init->existing != NULL);
	return EX_OK;
}

int
bmxctl_init(struct bmxctl *ctl, int argc, char **argv)
{
	struct init *init = calloc(1, sizeof(*init));
	struct bmx_error err;
	int rc, status;

	if (!init) {
		(void)bmx_error_set(&err, BMX_E_NOMEM, "memory is short");
		return bmxctl_fail(ctl, &err);
	}
	init->ctl = ctl;
	rc = take_words(init, argc, argv, &err);
	if (rc > 0)
		status = bmxctl_usage(ctl, USAGE);
	else if (rc < 0)
		status = bmxctl_fail(ctl, &err);
	else
		status = run(init);
	bmx_config_unref(&init->existing);
	free(init);
	return status;
}
