/*
 * program_options.h - the command line that backupmx-policyd(8) and
 * backupmx-milter(8) share.
 */
#ifndef BACKUPMX_PROGRAM_OPTIONS_H
#define BACKUPMX_PROGRAM_OPTIONS_H

#include <stdbool.h>

#include <backupmx/error.h>

enum bmx_program_task {
	BMX_TASK_SERVE,
	BMX_TASK_CHECK,   /* -t */
	BMX_TASK_VERSION, /* -V */
	BMX_TASK_HELP,    /* -h */
};

struct bmx_program_options {
	enum bmx_program_task task;
	const char *config_path; /* -c; borrowed from argv */
	const char *user;        /* -u; borrowed from argv */
	bool foreground;         /* -f */
};

/**
 * Reads the command line; of several tasks the last one counts. Uses getopt,
 * so only once in a process, or after optind = 1.
 * @return 0, or -1 with *err (BMX_E_USAGE)
 */
int bmx_program_options_parse(int argc, char **argv,
                              struct bmx_program_options *options_out,
                              struct bmx_error *err);

/**
 * Reads the command line of program and does what asks for no more than a few
 * printed lines: -h, -V, and a mistake with the usage on standard error.
 * @return -1 to go on with SERVE or CHECK, or the status to exit with
 */
int bmx_program_options_start(const char *program, int argc, char **argv,
                              struct bmx_program_options *options_out);

#endif
