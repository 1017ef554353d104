/*
 * privileges.h - a daemon started as root becomes an ordinary user.
 */
#ifndef BACKUPMX_PRIVILEGES_H
#define BACKUPMX_PRIVILEGES_H

#include <sys/types.h>

#include <backupmx/error.h>

/** The user a daemon becomes when none is named. */
#define BMX_PRIVILEGES_USER "backupmx"

struct bmx_identity {
	uid_t uid;
	gid_t gid;
	char user[64];
};

/**
 * Finds the user to run as: user, or the calling process's own when it is
 * not root (user is then ignored).
 * @return 0, or -1 with *err: BMX_E_NOT_FOUND when there is no such user
 */
int bmx_privileges_resolve(const char *user, struct bmx_identity *identity_out,
                           struct bmx_error *err);

/**
 * Becomes identity for good: groups, gid, uid, and checks that root cannot be
 * taken back. Does nothing in a process that is not root.
 * @return 0, or -1 with *err; the process must then end
 */
int bmx_privileges_drop(const struct bmx_identity *identity,
                        struct bmx_error *err);

#endif
