#include "ctl/postfix/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <unistd.h>

#include <jansson.h>

#include "ctl/postfix/file.h"

#define PREFIX "main.cf.backupmx-"
#define SUFFIX ".json"
#define STAMP_LEN 15 /* 20261121T101500 */

static bool
joined(char *out, const char *directory, const char *name, const char *rest)
{
	return (size_t)snprintf(out, PATH_MAX, "%s/%s%s", directory, name,
	                        rest) < PATH_MAX;
}

static int
name_paths(const char *directory, const char *stamp,
           struct bmxctl_change_paths *paths, struct bmx_error *err)
{
	char backup[sizeof(PREFIX) + STAMP_LEN];

	(void)snprintf(backup, sizeof(backup), PREFIX "%.*s", STAMP_LEN, stamp);
	if (joined(paths->main_cf, directory, "main.cf", "") &&
	    joined(paths->backup, directory, backup, "") &&
	    joined(paths->record, directory, backup, SUFFIX))
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG, "%.80s... is too long",
	                     directory);
}

int
bmxctl_change_paths_at(const char *directory, time_t at,
                       struct bmxctl_change_paths *paths_out,
                       struct bmx_error *err)
{
	char stamp[STAMP_LEN + 1];
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
	    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm) != STAMP_LEN)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "the clock tells no time of this era");
	return name_paths(directory, stamp, paths_out, err);
}

/* "main.cf.backupmx-20261121T101500.json": the stamp, or NULL. */
static const char *
stamp_of(const char *name)
{
	const size_t prefix = sizeof(PREFIX) - 1;

	if (strlen(name) != prefix + STAMP_LEN + sizeof(SUFFIX) - 1 ||
	    strncmp(name, PREFIX, prefix) != 0 ||
	    strcmp(name + prefix + STAMP_LEN, SUFFIX) != 0 ||
	    strspn(name + prefix, "0123456789T") != STAMP_LEN)
		return NULL;
	return name + prefix;
}

int
bmxctl_change_paths_last(const char *directory,
                         struct bmxctl_change_paths *paths_out,
                         struct bmx_error *err)
{
	char last[STAMP_LEN + 1] = "";
	DIR *dir = opendir(directory);

	if (!dir)
		return bmx_error_set_errno(err, errno, "%s cannot be read",
		                           directory);
	for (const struct dirent *entry = readdir(dir); entry;
	     entry = readdir(dir)) {
		const char *stamp = stamp_of(entry->d_name);

		if (stamp && strncmp(stamp, last, STAMP_LEN) > 0)
			(void)snprintf(last, sizeof(last), "%.*s", STAMP_LEN,
			               stamp);
	}
	(void)closedir(dir);
	if (!last[0])
		return bmx_error_set(
			err, BMX_E_NOT_FOUND,
			"there is nothing to undo in %s (no %s*%s)", directory,
			PREFIX, SUFFIX);
	return name_paths(directory, last, paths_out, err);
}

json_t *
bmxctl_record_new(const struct bmxctl_wanted_list *list,
                  const struct bmxctl_postconf *after, uint64_t digest)
{
	json_t *settings = json_array();
	char hex[17];

	for (size_t i = 0; i < bmxctl_wanted_count(list); i++) {
		const struct bmxctl_wanted *wanted = bmxctl_wanted_get(list, i);
		const char *value = after ?
			bmxctl_postconf_raw(after, wanted->name) :
			wanted->value;

		if (json_array_append_new(
			    settings,
			    json_pack("{s:s, s:b, s:s, s:s}", "name",
		                      wanted->name, "was_set", wanted->was_set,
		                      "old", wanted->now, "new", value)) != 0) {
			json_decref(settings);
			return NULL;
		}
	}
	(void)snprintf(hex, sizeof(hex), "%016" PRIx64, digest);
	return json_pack("{s:i, s:s, s:o}", "version", 1, "after", hex,
	                 "settings", settings);
}

int
bmxctl_record_write(const char *path, const json_t *record,
                    struct bmx_error *err)
{
	struct bmxctl_file file = {0};
	int rc;

	file.data = json_dumps(record, JSON_INDENT(2));
	if (!file.data)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	file.len = strlen(file.data);
	file.stat.st_uid = geteuid();
	file.stat.st_gid = getegid();
	file.stat.st_mode = S_IFREG | 0600;
	rc = bmxctl_file_replace(path, &file, err);
	bmxctl_file_clear(&file);
	return rc;
}

/* Only names of parameters go back into a command line. */
static bool
is_parameter(const char *name)
{
	return name[0] != '\0' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") ==
		strlen(name);
}

static bool
is_record(json_t *record)
{
	const char *digest, *name, *old, *fresh;
	json_t *settings, *setting;
	int version, was_set;
	size_t i;

	if (json_unpack(record, "{s:i, s:s, s:o}", "version", &version, "after",
	                &digest, "settings", &settings) != 0 ||
	    version != 1 || strlen(digest) != 16 || !json_is_array(settings))
		return false;
	json_array_foreach(settings, i, setting)
	{
		if (json_unpack(setting, "{s:s, s:b, s:s, s:s}", "name", &name,
		                "was_set", &was_set, "old", &old, "new",
		                &fresh) != 0 ||
		    !is_parameter(name))
			return false;
	}
	return true;
}

json_t *
bmxctl_record_read(const char *path, struct bmx_error *err)
{
	struct bmxctl_file file;
	json_t *record;

	if (bmxctl_file_read(path, &file, err) != 0)
		return NULL;
	record = json_loadb(file.data, file.len, 0, NULL);
	bmxctl_file_clear(&file);
	if (record && is_record(record))
		return record;
	json_decref(record);
	(void)bmx_error_set(err, BMX_E_CORRUPT,
	                    "%s is not what was written there; put the file "
	                    "beside it back by hand",
	                    path);
	return NULL;
}

uint64_t
bmxctl_record_digest(const json_t *record)
{
	return strtoull(json_string_value(json_object_get(record, "after")),
	                NULL, 16);
}
