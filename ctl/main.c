/*
 * backupmxctl: the administrator's command. Finds the subcommand and runs it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sysexits.h>
#include <unistd.h>

#include <backupmx/config_names.h>

#include "ctl/ctl.h"

struct command {
	const char *name;
	const char *help; /* one line */
	bmxctl_command *run;
};

static const struct command commands[] = {
	{"bounces", "show the bounces that the milter judged lately",
         bmxctl_bounces},
	{"cache", "write what was learnt to a file, or take it from one",
         bmxctl_cache},
	{"check", "for monitoring: one line, exit status 0, 1, 2 or 3",
         bmxctl_check},
	{"config", "check the configuration file, or print it", bmxctl_config},
	{"doctor", "say what is wrong with this backup, and what to do",
         bmxctl_doctor},
	{"forget", "drop what was learnt of an address or a domain",
         bmxctl_forget},
	{"init", "write a configuration for a domain", bmxctl_init},
	{"list", "show the domains that have a list, or one list", bmxctl_list},
	{"load", "bring a domain's list from its source", bmxctl_load},
	{"lookup", "what would Postfix be told of an address, and why",
         bmxctl_lookup},
	{"parity", "compare what is said here with what the primary says",
         bmxctl_parity},
	{"postfix", "print or make the changes that main.cf needs",
         bmxctl_postfix},
	{"probe", "ask the primary about an address, line by line",
         bmxctl_probe},
	{"publish", "publish a domain's list in Redis", bmxctl_publish},
	{"reload", "let policyd read its configuration again", bmxctl_reload},
	{"report", "what a day's log says", bmxctl_report},
	{"rollback", "put the list before the last change back into force",
         bmxctl_rollback},
	{"status", "a screen: domains, lists, primaries, queue, Redis, today",
         bmxctl_status},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_help(const struct bmxctl *ctl, FILE *out)
{
	(void)fprintf(out, "usage: %s [-hV] [-c FILE] COMMAND [WORD ...]\n\n",
	              ctl->program);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name,
		              commands[i].help);
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int
unknown_command(const struct bmxctl *ctl, const char *name)
{
	const char *names[COMMANDS];
	const char *nearest;

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	nearest = bmx_config_nearest_name(name, names, COMMANDS);
	(void)fprintf(stderr, "%s: there is no command \"%s\"", ctl->program,
	              name);
	if (nearest)
		(void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
	(void)fprintf(stderr, "\n%s: -h lists the commands\n", ctl->program);
	return EX_USAGE;
}

/* A full disk or a closed pipe must not look like success. */
static int
finish(const struct bmxctl *ctl, int status)
{
	if ((status == EX_OK || status == EX_IOERR) &&
	    (fflush(stdout) != 0 || ferror(stdout))) {
		(void)fprintf(stderr, "%s: the output could not be written\n",
		              ctl->program);
		return EX_IOERR;
	}
	return status;
}

int
main(int argc, char **argv)
{
	struct bmxctl ctl = {"backupmxctl", BMX_CONFIG_PATH};
	const struct command *command;
	int option;

	/* A peer or a pipe that has gone is an error to be told. */
	(void)signal(SIGPIPE, SIG_IGN);

	/* '+': what follows the subcommand's name is the subcommand's. */
	while ((option = getopt(argc, argv, "+c:hV")) != -1) {
		if (option == 'c') {
			ctl.config_path = optarg;
		} else if (option == 'h') {
			print_help(&ctl, stdout);
			return EX_OK;
		} else if (option == 'V') {
			(void)printf("backupmxctl %s\n", BMX_VERSION);
			return EX_OK;
		} else {
			print_help(&ctl, stderr);
			return EX_USAGE;
		}
	}
	if (optind >= argc) {
		print_help(&ctl, stderr);
		return EX_USAGE;
	}
	command = find_command(argv[optind]);
	if (!command)
		return unknown_command(&ctl, argv[optind]);
	argc -= optind;
	argv += optind;
	optind = 1;
	return finish(&ctl, command->run(&ctl, argc, argv));
}
