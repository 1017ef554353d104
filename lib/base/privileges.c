#define _GNU_SOURCE /* setresuid, setresgid */

#include <backupmx/privileges.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Octets for one passwd entry; the largest seen in the wild are below 4 KiB. */
#define ENTRY_MAX ((size_t)16 * 1024)

static int
fill(const struct passwd *entry, struct bmx_identity *identity_out)
{
	identity_out->uid = entry->pw_uid;
	identity_out->gid = entry->pw_gid;
	(void)snprintf(identity_out->user, sizeof(identity_out->user), "%s",
	               entry->pw_name);
	return 0;
}

int
bmx_privileges_resolve(const char *user, struct bmx_identity *identity_out,
                       struct bmx_error *err)
{
	struct passwd entry, *found = NULL;
	char *buffer;
	int rc;

	if (geteuid() != 0) {
		*identity_out = (struct bmx_identity){.uid = geteuid(),
		                                      .gid = getegid()};
		return 0;
	}
	buffer = malloc(ENTRY_MAX);
	if (!buffer)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	rc = getpwnam_r(user, &entry, buffer, ENTRY_MAX, &found);
	if (found)
		rc = fill(found, identity_out);
	else if (rc == 0)
		rc = bmx_error_set(err, BMX_E_NOT_FOUND,
		                   "no user \"%s\" to run as: create it with "
		                   "\"useradd --system %s\" or name another "
		                   "with -u",
		                   user, user);
	else
		rc = bmx_error_set_errno(err, rc, "cannot look up user \"%s\"",
		                         user);
	free(buffer);
	return rc;
}

int
bmx_privileges_drop(const struct bmx_identity *identity, struct bmx_error *err)
{
	if (geteuid() != 0 || identity->uid == 0)
		return 0;
	if (initgroups(identity->user, identity->gid) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0)
		return bmx_error_set_errno(err, errno,
		                           "cannot become user \"%s\"",
		                           identity->user);
	if (setuid(0) == 0)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "root could be taken back after becoming "
		                     "\"%s\"",
		                     identity->user);
	/* Core dumps are wanted from a daemon that changed its user, too. */
	(void)prctl(PR_SET_DUMPABLE, 1);
	return 0;
}
