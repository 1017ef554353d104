#include <backupmx/list_sync.h>

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

int
bmx_list_source_check(const char *source, struct bmx_error *err)
{
	if (file_path(source))
		return 0;
	return bmx_error_set(err, BMX_E_USAGE,
	                     "unknown list source \"%s\"; this release knows "
	                     "file:/PATH",
	                     source);
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

/* Refused here rather than by the store, to say what is in the source. */
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
bmx_list_sync(struct bmx_list_store *store,
              const struct bmx_list_sync_spec *spec,
              const struct bmx_list_replace_options *options,
              struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	struct bmx_list_replace_options with_source = *options;
	struct bmx_list list = {0};
	int rc;

	memset(result_out, 0, sizeof(*result_out));
	if (bmx_list_source_check(spec->source, err) != 0 ||
	    read_list(spec, &list, err) != 0)
		return -1;
	with_source.source = spec->source;
	if (list.count == 0)
		return no_entries(spec, &list, err);
	rc = bmx_list_store_replace(store, bmx_slice_of(spec->domain),
	                            list.entries, list.count, &with_source,
	                            result_out, err);
	bmx_list_clear(&list);
	return rc;
}
