#include <backupmx/list_fetch.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/clock.h>
#include <backupmx/text.h>

#include "fetch_priv.h"

/* Octets that are shown of either half of a URL. */
#define NAME_PART_MAX (BMX_LIST_FETCH_NAME_MAX - 32)

static const struct fetch_kind *const kinds[] = {
	&fetch_kind_https, &fetch_kind_ldap, &fetch_kind_ldaps,
	&fetch_kind_sftp,  &fetch_kind_exec,
};

static const struct fetch_kind *
find_kind(const char *source)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(source, kinds[i]->scheme,
		            strlen(kinds[i]->scheme)) == 0)
			return kinds[i];
	return NULL;
}

const char *
bmx_list_fetch_check(const char *source)
{
	const struct fetch_kind *kind = find_kind(source);

	if (kind)
		return kind->check(source);
	if (strncmp(source, "http://", 7) == 0)
		return "https://: without TLS anybody on the way could change "
		       "the list";
	if (strncmp(source, "ftp://", 6) == 0 ||
	    strncmp(source, "ftps://", 7) == 0)
		return "https:// or sftp://";
	return "https://, sftp://, ldap://, ldaps:// or exec:/path";
}

/* A URL without its query, and without a password that it must not have. */
static void
append_url(struct bmx_text *text, const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	const char *end = url + strcspn(url, "?");
	const char *at = authority + strcspn(authority, "/?#");

	while (at > authority && *at != '@')
		at--;
	if (*at == '@') {
		const char *colon =
			memchr(authority, ':', (size_t)(at - authority));

		bmx_text_append_clean(
			text,
			(struct bmx_slice){
				url, (size_t)((colon ? colon : at) - url)},
			NAME_PART_MAX);
		url = at;
	}
	bmx_text_append_clean(text,
	                      (struct bmx_slice){url, (size_t)(end - url)},
	                      NAME_PART_MAX);
}

const char *
bmx_list_fetch_name(const char *source, char buffer[BMX_LIST_FETCH_NAME_MAX])
{
	struct bmx_slice shown = bmx_slice_of(source);
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMX_LIST_FETCH_NAME_MAX);
	if (strncmp(source, "exec:", 5) == 0)
		shown.len = strcspn(source, " \t");
	else if (strncmp(source, "file:", 5) != 0 && strstr(source, "://")) {
		append_url(&text, source);
		return buffer;
	}
	bmx_text_append_clean(&text, shown, BMX_LIST_FETCH_NAME_MAX - 1);
	return buffer;
}

/* Puts the source's name before what went wrong. */
static int
name_source(const char *source, struct bmx_error *err)
{
	char name[BMX_LIST_FETCH_NAME_MAX];
	struct bmx_error bare;

	if (!err)
		return -1;
	bare = *err;
	return bmx_error_set(err, bare.code, "%s: %s",
	                     bmx_list_fetch_name(source, name), bare.text);
}

/* A list that ends within a line is one that was cut. An empty one is whole;
 * that it is no list is for the guards to say. */
static int
check_whole(const struct fetch_answer *answer, struct bmx_error *err)
{
	const struct fetch_buffer *text = &answer->text;

	if (answer->unchanged || text->len == 0 ||
	    text->data[text->len - 1] == '\n')
		return 0;
	return bmx_error_set(err, BMX_E_SYNTAX,
	                     "the last line has no line feed: the list was "
	                     "cut, after %zu octets",
	                     text->len);
}

static int
fetch_answer(const struct bmx_list_fetch *fetch, struct fetch_answer *answer,
             struct bmx_error *err)
{
	const struct fetch_kind *kind = find_kind(fetch->source);
	const char *expected = bmx_list_fetch_check(fetch->source);
	const int64_t now_ms = bmx_clock_mono_ms(bmx_clock_system());

	if (!kind || expected)
		return bmx_error_set(err, BMX_E_USAGE, "expected %s", expected);
	answer->text.max = (size_t)fetch->settings->max_size;
	if (kind->fetch(fetch, now_ms + fetch->settings->timeout_ms, answer,
	                err) != 0)
		return -1;
	return check_whole(answer, err);
}

int
bmx_list_fetch(const struct bmx_list_fetch *fetch,
               struct bmx_list_fetched *fetched_out, struct bmx_error *err)
{
	struct fetch_answer answer = {0};

	memset(fetched_out, 0, sizeof(*fetched_out));
	if (fetch_answer(fetch, &answer, err) != 0) {
		fetch_buffer_clear(&answer.text);
		return name_source(fetch->source, err);
	}
	if (answer.unchanged)
		fetch_buffer_clear(&answer.text);
	fetched_out->unchanged = answer.unchanged;
	fetched_out->data = answer.text.data;
	fetched_out->len = answer.text.len;
	fetched_out->validator = answer.validator;
	return 0;
}

void
bmx_list_fetched_clear(struct bmx_list_fetched *fetched)
{
	free(fetched->data);
	memset(fetched, 0, sizeof(*fetched));
}
