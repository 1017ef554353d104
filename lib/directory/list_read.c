#include "list_read.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/config.h>

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

/* What the source is called before "LINE: ...". */
static const char *
line_name(const char *source, char buffer[BMX_LIST_FETCH_NAME_MAX])
{
	const char *path = file_path(source);

	return path ? path : bmx_list_fetch_name(source, buffer);
}

/* Puts the name before a message that starts with the line's number. */
static int
name_source(const char *source, struct bmx_error *err)
{
	char buffer[BMX_LIST_FETCH_NAME_MAX];
	const char *name = line_name(source, buffer);
	struct bmx_error bare;

	if (!err)
		return -1;
	bare = *err;
	if (bare.code == BMX_E_SYNTAX || bare.code == BMX_E_TOO_BIG)
		return bmx_error_set(err, bare.code, "%s:%s", name, bare.text);
	return bmx_error_set(err, bare.code, "%s: %s", name, bare.text);
}

static int
fetch(const struct bmx_list_sync_spec *spec,
      const struct bmx_list_validator *known,
      struct bmx_list_fetched *fetched_out, struct bmx_error *err)
{
	const struct bmx_list_fetch request = {
		.source = spec->source,
		.domain = spec->domain,
		.settings = spec->fetch,
		.known = known,
	};

	if (!spec->fetch)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "%s needs the settings of section fetch",
		                     spec->source);
	return bmx_list_fetch(&request, fetched_out, err);
}

static int
bring(const struct bmx_list_sync_spec *spec,
      const struct bmx_list_validator *known,
      struct bmx_list_fetched *fetched_out, struct bmx_error *err)
{
	const char *path = file_path(spec->source);

	memset(fetched_out, 0, sizeof(*fetched_out));
	if (!path)
		return fetch(spec, known, fetched_out, err);
	return bmx_list_file_read(path, &fetched_out->data, &fetched_out->len,
	                          err);
}

static int
read_list(const struct bmx_list_sync_spec *spec,
          const struct bmx_list_validator *known,
          struct bmx_list_text *text_out, struct bmx_error *err)
{
	struct bmx_list_fetched fetched;
	int rc = 0;

	if (bring(spec, known, &fetched, err) != 0)
		return -1;
	text_out->unchanged = fetched.unchanged;
	text_out->validator = fetched.validator;
	if (!fetched.unchanged)
		rc = bmx_list_parse(
			(struct bmx_slice){fetched.data, fetched.len},
			bmx_slice_of(spec->domain), spec->case_sensitive,
			&text_out->list, err);
	bmx_list_fetched_clear(&fetched);
	return rc == 0 ? 0 : name_source(spec->source, err);
}

static int
no_entries(const struct bmx_list_sync_spec *spec, struct bmx_list *list,
           struct bmx_error *err)
{
	char name[BMX_LIST_FETCH_NAME_MAX];
	const size_t skipped = list->skipped;

	bmx_list_clear(list);
	if (skipped == 0)
		return bmx_error_set(err, BMX_E_REFUSED, "%s is empty",
		                     bmx_list_fetch_name(spec->source, name));
	return bmx_error_set(
		err, BMX_E_REFUSED, "%s has no address of %s among its %zu",
		bmx_list_fetch_name(spec->source, name), spec->domain, skipped);
}

int
bmx_list_read(const struct bmx_list_sync_spec *spec,
              const struct bmx_list_validator *known,
              struct bmx_list_text *text_out, struct bmx_error *err)
{
	memset(text_out, 0, sizeof(*text_out));
	if (bmx_list_source_check(spec->source, err) != 0)
		return -1;
	if (strcmp(spec->source, BMX_LIST_SOURCE_REDIS) == 0)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "%s is no source that can be read here",
		                     spec->source);
	if (read_list(spec, known, text_out, err) != 0)
		return -1;
	return text_out->unchanged || text_out->list.count > 0 ?
		0 :
		no_entries(spec, &text_out->list, err);
}

bool
bmx_list_is_fetched(const char *source)
{
	return !file_path(source) && strcmp(source, BMX_LIST_SOURCE_REDIS) != 0;
}

/* Is it meant to be of a kind that is read here, or of none? */
static bool
is_of_no_kind(const char *source)
{
	return !strchr(source, ':') ||
		strncmp(source, FILE_SCHEME, sizeof(FILE_SCHEME) - 1) == 0 ||
		strncmp(source, BMX_LIST_SOURCE_REDIS,
	                sizeof(BMX_LIST_SOURCE_REDIS) - 1) == 0;
}

int
bmx_list_source_check(const char *source, struct bmx_error *err)
{
	char buffer[BMX_LIST_FETCH_NAME_MAX];
	const char *name = bmx_list_fetch_name(source, buffer);
	const char *expected;

	if (!bmx_list_is_fetched(source))
		return 0;
	if (is_of_no_kind(source))
		return bmx_error_set(err, BMX_E_USAGE,
		                     "unknown list source \"%s\"; expected "
		                     "file:/PATH, redis:, https://, sftp://, "
		                     "ldap://, ldaps:// or exec:/PATH",
		                     name);
	expected = bmx_list_fetch_check(source);
	return expected ? bmx_error_set(err, BMX_E_USAGE,
	                                "list source \"%s\": expected %s", name,
	                                expected) :
			  0;
}
