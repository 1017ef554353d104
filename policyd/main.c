/*
 * backupmx-policyd - knows the primary's recipients and tells Postfix, as a
 * check_policy_service, which ones the primary would refuse.
 */
#include <backupmx/background.h>
#include <backupmx/program_options.h>

#include "policyd/daemon.h"
#include "policyd/sync_worker.h"

int
main(int argc, char **argv)
{
	struct bmx_program_options options;
	struct bmx_error err;
	int status;

	if (bmx_sync_worker_wanted(argc, argv))
		return bmx_sync_worker_main();
	if (bmx_background_fill_stdio(&err) != 0)
		return bmx_error_exit_status(err.code); /* nowhere to say it */
	status = bmx_program_options_start("backupmx-policyd", argc, argv,
	                                   &options);
	if (status >= 0)
		return status;
	return options.task == BMX_TASK_CHECK ? bmx_daemon_check(&options) :
						bmx_daemon_run(&options);
}
