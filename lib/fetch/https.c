/* https://HOST[:PORT]/PATH, RFC 9110. */
#include <stdlib.h>
#include <string.h>

#include "curl_get.h"
#include "fetch_priv.h"

#define SCHEME "https://"
/* Redirects that are followed. */
#define REDIRECTS_MAX 5

struct secrets {
	char password[FETCH_SECRET_MAX];
	char token[FETCH_SECRET_MAX];
};

static const char *
check(const char *source)
{
	const char *expected = fetch_url_check(source, strlen(SCHEME));

	if (expected)
		return expected;
	if (strchr(source + strlen(SCHEME), '@'))
		return "no user in the URL: fetch.username";
	return strlen(source) < CURL_GET_URL_MAX ? NULL : "a shorter URL";
}

/* Fills get from the settings; what is secret is read into secrets. */
static int
log_in(struct curl_get *get, struct secrets *secrets, struct bmx_error *err)
{
	const struct bmx_config_fetch *settings = get->settings;

	if (fetch_tls_check(settings, err) != 0)
		return -1;
	if (settings->username[0] && settings->token_file[0])
		return bmx_error_set(err, BMX_E_USAGE,
		                     "fetch.username and fetch.token_file are "
		                     "both set, and one is used");
	if (settings->token_file[0]) {
		get->token = secrets->token;
		return fetch_secret_read(settings->token_file, secrets->token,
		                         err);
	}
	if (!settings->username[0])
		return 0;
	if (!settings->password_file[0])
		return bmx_error_set(err, BMX_E_USAGE,
		                     "fetch.username needs "
		                     "fetch.password_file");
	get->username = settings->username;
	get->password = secrets->password;
	return fetch_secret_read(settings->password_file, secrets->password,
	                         err);
}

static bool
is_text(const char *type)
{
	static const char octets[] = "application/octet-stream";
	const struct bmx_slice name = {type, strcspn(type, "; \t")};

	if (name.len == 0 || bmx_slice_equal_nocase(name, BMX_SLICE(octets)))
		return true;
	return name.len > 5 &&
		bmx_slice_equal_nocase((struct bmx_slice){type, 5},
	                               BMX_SLICE("text/")) &&
		!bmx_slice_equal_nocase(name, BMX_SLICE("text/html"));
}

static int
judge_text(const struct curl_got *got, struct bmx_error *err)
{
	if (got->encoding[0] && strcmp(got->encoding, "identity") != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "sent as \"%s\", which was not asked for; "
		                     "expected plain text",
		                     got->encoding);
	if (!is_text(got->content_type))
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "is \"%s\"; expected text/plain",
		                     got->content_type);
	if (!got->framed)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "the server does not say where the list "
		                     "ends (neither Content-Length nor "
		                     "chunked): it may be cut");
	return 0;
}

static int
judge_failure(long status, struct bmx_error *err)
{
	switch (status) {
	case 401:
	case 403:
	case 407:
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "the server answers %ld: not allowed; see "
		                     "username, token_file and tls_cert_file "
		                     "of section fetch",
		                     status);
	case 404:
	case 410:
		return bmx_error_set(err, BMX_E_NOT_FOUND,
		                     "the server answers %ld: no such page",
		                     status);
	default:
		return bmx_error_set(err, BMX_E_IO,
		                     "the server answers %ld; expected 200",
		                     status);
	}
}

/* A signature in the query of such a place lets whoever has it in. */
static int
refuse_move(const char *location, struct bmx_error *err)
{
	char name[BMX_LIST_FETCH_NAME_MAX];

	return bmx_error_set(err, BMX_E_PERMISSION,
	                     "sent on to another server or port (%.100s), "
	                     "which is not followed; name it as the source if "
	                     "it is meant",
	                     bmx_list_fetch_name(location, name));
}

/* @return 0: this is the list, 1: ask again elsewhere, or -1 with *err */
static int
judge(const struct curl_get *get, const struct curl_got *got,
      struct fetch_answer *answer, struct bmx_error *err)
{
	if (got->status == 200)
		return judge_text(got, err);
	if (got->status == 304 && get->known) {
		answer->unchanged = true;
		return 0;
	}
	if (got->location[0] == '\0')
		return judge_failure(got->status, err);
	if (curl_same_origin(get->url, got->location))
		return 1;
	return refuse_move(got->location, err);
}

static int
ask(struct curl_get *get, struct curl_got *got, struct fetch_answer *answer,
    struct bmx_error *err)
{
	char url[CURL_GET_URL_MAX];
	int rc = 1;

	for (int i = 0; rc > 0 && i <= REDIRECTS_MAX; i++) {
		if (curl_get(get, got, answer, err) != 0)
			return -1;
		rc = judge(get, got, answer, err);
		memcpy(url, got->location, sizeof(url));
		if (rc > 0)
			get->url = url;
	}
	if (rc > 0)
		return bmx_error_set(err, BMX_E_IO,
		                     "sent on more than %d times",
		                     REDIRECTS_MAX);
	return rc;
}

/* A server that was told of nothing cannot say that it is unchanged. */
static const struct bmx_list_validator *
known_of(const struct bmx_list_fetch *fetch)
{
	const struct bmx_list_validator *known = fetch->known;

	return known && (known->etag[0] || known->last_modified[0]) ? known :
								      NULL;
}

static int
fetch(const struct bmx_list_fetch *fetch, int64_t deadline_ms,
      struct fetch_answer *answer, struct bmx_error *err)
{
	struct curl_get get = {
		.protocol = CURL_GET_HTTPS,
		.url = fetch->source,
		.settings = fetch->settings,
		.known = known_of(fetch),
		.deadline_ms = deadline_ms,
	};
	struct secrets secrets;
	struct curl_got got;
	int rc = log_in(&get, &secrets, err);

	if (rc == 0)
		rc = ask(&get, &got, answer, err);
	explicit_bzero(&secrets, sizeof(secrets));
	return rc;
}

const struct fetch_kind fetch_kind_https = {SCHEME, check, fetch};
