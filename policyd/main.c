/*
 * backupmx-policyd - knows the primary's recipients and tells Postfix, as a
 * check_policy_service, which ones the primary would refuse.
 */
#include <stdio.h>

#include <sysexits.h>

#include <backupmx/background.h>

#include "policyd/daemon.h"
#include "policyd/options.h"
#include "policyd/sync_worker.h"

int
main(int argc, char **argv)
{
	struct bmx_options options;
	struct bmx_error err;

	if (bmx_sync_worker_wanted(argc, argv))
		return bmx_sync_worker_main();
	if (bmx_background_fill_stdio(&err) != 0)
		return bmx_error_exit_status(err.code); /* nowhere to say it */
	if (bmx_options_parse(argc, argv, &options, &err) != 0) {
		(void)fprintf(stderr, "backupmx-policyd: %s\n%s", err.text,
		              bmx_options_usage);
		return bmx_error_exit_status(err.code);
	}
	switch (options.task) {
	case BMX_TASK_HELP:
		(void)fputs(bmx_options_usage, stdout);
		return EX_OK;
	case BMX_TASK_VERSION:
		(void)puts("backupmx-policyd " BMX_VERSION);
		return EX_OK;
	case BMX_TASK_CHECK:
		return bmx_daemon_check(&options);
	case BMX_TASK_SERVE:
		break;
	}
	return bmx_daemon_run(&options);
}
