/* Takes a change of main.cf back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <jansson.h>

#include "ctl/postfix/change.h"
#include "ctl/postfix/file.h"
#include "ctl/postfix/run.h"

/* One undo: what goes to postconf, and what is told. */
struct undo {
	const struct bmxctl_instance *instance;
	struct bmxctl_change_paths paths;
	json_t *record;
	json_t *edits;    /* "NAME = VALUE" */
	json_t *removals; /* "NAME" */
	json_t *restored;
	json_t *left;
};

static int
no_memory(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
}

/* postconf OPTION WORD ..., unless there is no word. */
static int
edit(const struct undo *undo, const char *option, const json_t *words,
     struct bmx_error *err)
{
	const size_t count = json_array_size(words);
	const char **argv = calloc(count + 1, sizeof(*argv));
	int rc = 0;

	if (!argv)
		return no_memory(err);
	argv[0] = option;
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = json_string_value(json_array_get(words, i));
	if (count > 0)
		rc = bmxctl_postfix_do("postconf", undo->instance->config_dir,
		                       argv, count + 1, err);
	free(argv);
	return rc;
}

/* One setting: back to what it was if it still is what we made it. */
static int
sort_setting(struct undo *undo, const struct bmxctl_postconf *postconf,
             json_t *setting)
{
	const char *name, *old, *fresh;
	int was_set;

	if (json_unpack(setting, "{s:s, s:b, s:s, s:s}", "name", &name,
	                "was_set", &was_set, "old", &old, "new", &fresh) != 0)
		return -1;
	if (!bmxctl_postconf_is_set(postconf, name) ||
	    strcmp(bmxctl_postconf_raw(postconf, name), fresh) != 0)
		return json_array_append_new(undo->left, json_string(name));
	if (json_array_append_new(undo->restored, json_string(name)) != 0)
		return -1;
	if (was_set)
		return json_array_append_new(
			undo->edits, json_sprintf("%s = %s", name, old));
	return json_array_append_new(undo->removals, json_string(name));
}

static int
undo_settings(struct undo *undo, struct bmx_error *err)
{
	const json_t *settings = json_object_get(undo->record, "settings");
	struct bmxctl_postconf *postconf =
		bmxctl_postconf_read(undo->instance->config_dir, err);
	json_t *setting;
	size_t i;
	int rc = 0;

	if (!postconf)
		return -1;
	json_array_foreach(settings, i, setting)
	{
		if (sort_setting(undo, postconf, setting) != 0)
			rc = no_memory(err);
	}
	bmxctl_postconf_free(&postconf);
	if (rc != 0)
		return -1;
	if (edit(undo, "-e", undo->edits, err) != 0)
		return -1;
	return edit(undo, "-X", undo->removals, err);
}

static int
undo_whole(struct undo *undo, struct bmx_error *err)
{
	const json_t *settings = json_object_get(undo->record, "settings");
	struct bmxctl_file backup;
	json_t *setting;
	size_t i;
	int rc;

	if (bmxctl_file_read(undo->paths.backup, &backup, err) != 0)
		return -1;
	rc = bmxctl_file_replace(undo->paths.main_cf, &backup, err);
	bmxctl_file_clear(&backup);
	json_array_foreach(settings, i, setting)
	{
		if (json_array_append(undo->restored,
		                      json_object_get(setting, "name")) != 0)
			rc = no_memory(err);
	}
	return rc;
}

/* The mode that main.cf has, which postconf does not keep. */
static int
undo_parts(struct undo *undo, const struct bmxctl_file *now,
           struct bmx_error *err)
{
	const int rc = undo_settings(undo, err);

	if (chown(undo->paths.main_cf, now->stat.st_uid, now->stat.st_gid) !=
	            0 ||
	    chmod(undo->paths.main_cf, now->stat.st_mode & 07777) != 0)
		return bmx_error_set_errno(err, errno,
		                           "%s cannot be given its mode",
		                           undo->paths.main_cf);
	return rc;
}

static int
undo_change(struct undo *undo, json_t **report_out, struct bmx_error *err)
{
	struct bmxctl_file now;
	bool whole;
	int rc;

	undo->record = bmxctl_record_read(undo->paths.record, err);
	if (!undo->record ||
	    bmxctl_file_read(undo->paths.main_cf, &now, err) != 0)
		return -1;
	whole = bmxctl_file_digest(&now) == bmxctl_record_digest(undo->record);
	rc = whole ? undo_whole(undo, err) : undo_parts(undo, &now, err);
	bmxctl_file_clear(&now);
	if (rc != 0)
		return -1;
	if (unlink(undo->paths.record) != 0)
		return bmx_error_set_errno(err, errno, "%s cannot be removed",
		                           undo->paths.record);
	*report_out = json_pack("{s:s, s:b, s:O, s:O}", "backup",
	                        undo->paths.backup, "whole", whole, "restored",
	                        undo->restored, "left", undo->left);
	return *report_out ? 0 : no_memory(err);
}

int
bmxctl_change_undo(const struct bmxctl_instance *instance, json_t **report_out,
                   struct bmx_error *err)
{
	struct undo undo = {.instance = instance,
	                    .edits = json_array(),
	                    .removals = json_array(),
	                    .restored = json_array(),
	                    .left = json_array()};
	int rc;

	if (!undo.edits || !undo.removals || !undo.restored || !undo.left)
		rc = no_memory(err);
	else
		rc = bmxctl_change_paths_last(instance->directory, &undo.paths,
		                              err);
	if (rc == 0)
		rc = undo_change(&undo, report_out, err);
	json_decref(undo.record);
	json_decref(undo.edits);
	json_decref(undo.removals);
	json_decref(undo.restored);
	json_decref(undo.left);
	return rc;
}
