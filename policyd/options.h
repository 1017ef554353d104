/*
 * options.h - the command line of backupmx-policyd(8).
 */
#ifndef BACKUPMX_POLICYD_OPTIONS_H
#define BACKUPMX_POLICYD_OPTIONS_H

#include <stdbool.h>

#include <backupmx/error.h>

enum bmx_options_task {
	BMX_TASK_SERVE,
	BMX_TASK_CHECK,   /* -t */
	BMX_TASK_VERSION, /* -V */
	BMX_TASK_HELP,    /* -h */
};

struct bmx_options {
	enum bmx_options_task task;
	const char *config_path; /* -c; borrowed from argv */
	const char *user;        /* -u; borrowed from argv */
	bool foreground;         /* -f */
};

/** The text of -h. */
extern const char bmx_options_usage[];

/**
 * Reads the command line.
 * @return 0, or -1 with *err (BMX_E_USAGE)
 */
int bmx_options_parse(int argc, char **argv, struct bmx_options *options_out,
                      struct bmx_error *err);

#endif
