#include "list_read.h"

#include <stdlib.h>
#include <string.h>

#include "list_file.h"

#define FILE_SCHEME "file:"

/* The path of a file source, or NULL. */
static const char *
file_path(const char *source)
{
	const size_t len = sizeof(FILE_SCHEME) - 1;

	if (strncmp(source, FILE_SCHEME, len) != 0 || source[len] != '/')
		return NULL;
	return source + len;
}

/* Puts the path before a message that starts with the line's number. */
static int
name_file(const char *path, struct bmx_error *err)
{
	struct bmx_error bare;

	if (!err)
		return -1;
	bare = *err;
	if (bare.code == BMX_E_SYNTAX || bare.code == BMX_E_TOO_BIG)
		return bmx_error_set(err, bare.code, "%s:%s", path, bare.text);
	return bmx_error_set(err, bare.code, "%s: %s", path, bare.text);
}

static int
read_list(const struct bmx_list_sync_spec *spec, struct bmx_list *list_out,
          struct bmx_error *err)
{
	const char *path = file_path(spec->source);
	size_t len;
	char *data;
	int rc;

	if (bmx_list_file_read(path, &data, &len, err) != 0)
		return -1;
	rc = bmx_list_parse((struct bmx_slice){data, len},
	                    bmx_slice_of(spec->domain), spec->case_sensitive,
	                    list_out, err);
	free(data);
	return rc == 0 ? 0 : name_file(path, err);
}

static int
no_entries(const struct bmx_list_sync_spec *spec, struct bmx_list *list,
           struct bmx_error *err)
{
	const size_t skipped = list->skipped;

	bmx_list_clear(list);
	if (skipped == 0)
		return bmx_error_set(err, BMX_E_REFUSED, "%s is empty",
		                     spec->source);
	return bmx_error_set(err, BMX_E_REFUSED,
	                     "%s has no address of %s among its %zu",
	                     spec->source, spec->domain, skipped);
}

int
bmx_list_read(const struct bmx_list_sync_spec *spec, struct bmx_list *list_out,
              struct bmx_error *err)
{
	memset(list_out, 0, sizeof(*list_out));
	if (bmx_list_source_check(spec->source, err) != 0)
		return -1;
	if (!file_path(spec->source))
		return bmx_error_set(err, BMX_E_USAGE,
		                     "%s is no source that can be read here; "
		                     "file:/PATH is",
		                     spec->source);
	if (read_list(spec, list_out, err) != 0)
		return -1;
	return list_out->count > 0 ? 0 : no_entries(spec, list_out, err);
}

int
bmx_list_source_check(const char *source, struct bmx_error *err)
{
	if (file_path(source) || strcmp(source, BMX_LIST_SOURCE_REDIS) == 0)
		return 0;
	return bmx_error_set(err, BMX_E_USAGE,
	                     "unknown list source \"%s\"; this release knows "
	                     "file:/PATH and redis:",
	                     source);
}
