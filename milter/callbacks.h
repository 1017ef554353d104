/*
 * callbacks.h - libmilter's events as calls of a session, and back.
 */
#ifndef BACKUPMX_MILTER_CALLBACKS_H
#define BACKUPMX_MILTER_CALLBACKS_H

#include <backupmx/error.h>

#include "milter/milter.h"

/**
 * Serves Postfix on listen_fd, a listening socket that libmilter takes over,
 * until SIGTERM, SIGINT or SIGHUP, which libmilter handles itself. Once a
 * process. Callbacks may still run when it returns: milter must not be freed
 * then.
 * @return 0, or -1 with *err when libmilter did not start or lost its socket
 */
int bmx_callbacks_serve(struct bmx_milter *milter, int listen_fd,
                        struct bmx_error *err);

#endif
