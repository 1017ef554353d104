/*
 * commands.h - what the control socket's verbs do, as the daemon's handlers.
 */
#ifndef BACKUPMX_POLICYD_COMMANDS_H
#define BACKUPMX_POLICYD_COMMANDS_H

#include "policyd/control.h"

struct bmx_daemon;

/** The handlers, whose ctx is the daemon. */
struct bmx_control_handlers bmx_commands_of(struct bmx_daemon *d);

#endif
