#include "policyd/fetch_settings.h"

#include <stdlib.h>
#include <string.h>

#define STRINGS 8

/* The strings of settings, in some order. */
static void
strings_of(const struct bmx_config_fetch *settings, const char *of[STRINGS])
{
	const char *const strings[STRINGS] = {
		settings->username,      settings->password_file,
		settings->token_file,    settings->tls_ca_file,
		settings->tls_cert_file, settings->tls_key_file,
		settings->ssh_key_file,  settings->ssh_known_hosts_file,
	};

	memcpy(of, strings, sizeof(strings));
}

static size_t
size_of(const char *string)
{
	return string ? strlen(string) + 1 : 1;
}

/* Copies string to *at, which is moved behind it. */
static const char *
put(const char *string, char **at)
{
	const size_t size = size_of(string);
	char *copy = *at;

	memcpy(copy, string ? string : "", size);
	*at += size;
	return copy;
}

int
bmx_fetch_settings_copy(const struct bmx_config_fetch *from,
                        struct bmx_config_fetch *to)
{
	const char *strings[STRINGS];
	size_t size = 0;
	char *at;

	strings_of(from, strings);
	for (size_t i = 0; i < STRINGS; i++)
		size += size_of(strings[i]);
	at = malloc(size);
	if (!at)
		return -1;
	*to = *from;
	/* One block, which begins with the first string. */
	to->username = put(from->username, &at);
	to->password_file = put(from->password_file, &at);
	to->token_file = put(from->token_file, &at);
	to->tls_ca_file = put(from->tls_ca_file, &at);
	to->tls_cert_file = put(from->tls_cert_file, &at);
	to->tls_key_file = put(from->tls_key_file, &at);
	to->ssh_key_file = put(from->ssh_key_file, &at);
	to->ssh_known_hosts_file = put(from->ssh_known_hosts_file, &at);
	return 0;
}

void
bmx_fetch_settings_clear(struct bmx_config_fetch *copy)
{
	union {
		const char *text;
		void *block;
	} first = {copy->username};

	free(first.block);
	memset(copy, 0, sizeof(*copy));
}

bool
bmx_fetch_settings_equal(const struct bmx_config_fetch *a,
                         const struct bmx_config_fetch *b)
{
	const char *left[STRINGS], *right[STRINGS];

	strings_of(a, left);
	strings_of(b, right);
	for (size_t i = 0; i < STRINGS; i++)
		if (strcmp(left[i], right[i]) != 0)
			return false;
	return a->timeout_ms == b->timeout_ms && a->max_size == b->max_size &&
		a->starttls == b->starttls && a->page_size == b->page_size;
}
