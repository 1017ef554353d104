/*
 * daemon.h - policyd put together: from a command line to a served socket.
 */
#ifndef BACKUPMX_POLICYD_DAEMON_H
#define BACKUPMX_POLICYD_DAEMON_H

#include <backupmx/program_options.h>

/**
 * Runs the daemon until it is told to stop.
 * @return the program's exit status, of sysexits(3); what went wrong has been
 *         logged
 */
int bmx_daemon_run(const struct bmx_program_options *options);

/** Checks the configuration and says what is wrong. @return exit status */
int bmx_daemon_check(const struct bmx_program_options *options);

#endif
