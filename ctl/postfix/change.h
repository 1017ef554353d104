/*
 * change.h - changes main.cf, and takes the change back.
 *
 *	read main.cf -> `postfix check` -> backup, record -> `postconf -e`
 *	   -> `postfix check` -> record of what came of it
 *	                    \-> refused: the backup is put back
 */
#ifndef BACKUPMX_CTL_POSTFIX_CHANGE_H
#define BACKUPMX_CTL_POSTFIX_CHANGE_H

#include "ctl/postfix/record.h"

/** An instance of Postfix. */
struct bmxctl_instance {
	const char *config_dir; /* for -c; NULL: Postfix's own */
	const char *directory;  /* of main.cf */
};

/**
 * Makes the changes of list, all or none.
 * @return 0 with *paths_out naming the backup, or -1 with *err; main.cf is
 *         then as it was, or the text says where its backup is. BMX_E_REFUSED:
 *         `postfix check` said no, before or after.
 */
int bmxctl_change_apply(const struct bmxctl_instance *instance,
                        const struct bmxctl_wanted_list *list,
                        struct bmxctl_change_paths *paths_out,
                        struct bmx_error *err);

/**
 * Takes the last change back: the whole file when nobody has changed it
 * since, else each setting that still is what we made it. What others have
 * changed is left.
 * @return 0 with *report_out, whose reference the caller drops:
 *         {"backup": PATH, "whole": bool, "restored": [NAME], "left": [NAME]};
 *         or -1 with *err
 */
int bmxctl_change_undo(const struct bmxctl_instance *instance,
                       struct json_t **report_out, struct bmx_error *err);

#endif
