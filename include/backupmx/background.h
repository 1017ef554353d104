/*
 * background.h - a daemon leaves the terminal only when it is ready to serve,
 * so that whoever started it sees the error and the status of one that is not.
 */
#ifndef BACKUPMX_BACKGROUND_H
#define BACKUPMX_BACKGROUND_H

#include <backupmx/error.h>

/**
 * Points those of descriptors 0, 1 and 2 that are closed at /dev/null. To be
 * called first: a socket opened as descriptor 2 would be sent the log.
 * @return 0, or -1 with *err
 */
int bmx_background_fill_stdio(struct bmx_error *err);

/** In the child: what bmx_background_ready needs. */
struct bmx_background {
	int fd; /* -1: there is no parent that waits */
};

/**
 * Forks and starts a session of its own. Returns in the child only; the
 * parent waits until the child is ready and exits with 0, or until it has
 * ended and exits with its status. Before any thread, loop or store is made.
 * @return 0, or -1 with *err
 */
int bmx_background_start(struct bmx_background *background_out,
                         struct bmx_error *err);

/** Tells the parent to exit with 0 and points descriptors 0, 1 and 2 at
 * /dev/null. Does nothing when fd is -1. */
void bmx_background_ready(struct bmx_background *background);

#endif
