#include "curl_get.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include <backupmx/clock.h>

/* Age that a page has at least when its Last-Modified tells it from the next
 * one: the header counts whole seconds. RFC 9110 section 8.8.2.2. */
#define MODIFIED_AGE_S 2
/* "If-Modified-Since: " and a validator. */
#define LINE_SIZE (BMX_LIST_VALIDATOR_MAX + 32)

/* One request under way. */
struct transfer {
	const struct curl_get *get;
	CURL *curl;
	struct curl_slist *headers;
	struct fetch_answer *answer;
	struct bmx_error refused; /* why the answer's body was not taken */
	char why[CURL_ERROR_SIZE];
};

static size_t
take_body(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	const struct bmx_slice bytes = {data, size * count};
	long status = 0;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE,
	                        &status);
	/* The page that comes with a failure is of no use. */
	if (transfer->get->protocol == CURL_GET_HTTPS && status != 200)
		return 0;
	if (fetch_buffer_append(&transfer->answer->text, bytes,
	                        &transfer->refused) != 0)
		return 0;
	return bytes.len;
}

/*
 * Options.
 */

static bool
set_long(struct transfer *transfer, CURLoption option, long value)
{
	return curl_easy_setopt(transfer->curl, option, value) == CURLE_OK;
}

/* An empty or missing string leaves the option as it is. */
static bool
set_string(struct transfer *transfer, CURLoption option, const char *value)
{
	return !value || value[0] == '\0' ||
		curl_easy_setopt(transfer->curl, option, value) == CURLE_OK;
}

static bool
set_common(struct transfer *transfer)
{
	const struct curl_get *get = transfer->get;
	CURL *curl = transfer->curl;

	return set_long(transfer, CURLOPT_NOSIGNAL, 1) &&
		set_long(transfer, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)CURL_GET_CONNECT_MS) &&
		set_long(transfer, CURLOPT_LOW_SPEED_LIMIT, 1) &&
		set_long(transfer, CURLOPT_LOW_SPEED_TIME,
	                 CURL_GET_SILENCE_S) &&
		set_string(transfer, CURLOPT_URL, get->url) &&
		set_string(transfer, CURLOPT_USERNAME, get->username) &&
		set_string(transfer, CURLOPT_PASSWORD, get->password) &&
		curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE,
	                         (curl_off_t)transfer->answer->text.max) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->why) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

static bool
add_header(struct transfer *transfer, const char *name, const char *value)
{
	char line[LINE_SIZE];
	struct curl_slist *more;

	(void)snprintf(line, sizeof(line), "%s: %s", name, value);
	more = curl_slist_append(transfer->headers, line);
	if (more)
		transfer->headers = more;
	return more != NULL;
}

/* An ETag says all; the date is for servers that have none. */
static bool
add_conditions(struct transfer *transfer)
{
	const struct bmx_list_validator *known = transfer->get->known;

	if (known && known->etag[0])
		return add_header(transfer, "If-None-Match", known->etag);
	if (known && known->last_modified[0])
		return add_header(transfer, "If-Modified-Since",
		                  known->last_modified);
	return true;
}

static bool
set_https(struct transfer *transfer)
{
	const struct bmx_config_fetch *settings = transfer->get->settings;
	const char *token = transfer->get->token;

	/* Its built-in folder of authorities would be trusted beside ours. */
	if (settings->tls_ca_file[0] &&
	    curl_easy_setopt(transfer->curl, CURLOPT_CAPATH, NULL) != CURLE_OK)
		return false;
	return add_conditions(transfer) &&
		set_string(transfer, CURLOPT_PROTOCOLS_STR, "https") &&
		set_string(transfer, CURLOPT_USERAGENT,
	                   "backupmx/" BMX_VERSION) &&
		set_long(transfer, CURLOPT_FOLLOWLOCATION, 0) &&
		set_long(transfer, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1) &&
		set_long(transfer, CURLOPT_SSL_VERIFYPEER, 1) &&
		set_long(transfer, CURLOPT_SSL_VERIFYHOST, 2) &&
		set_long(transfer, CURLOPT_SSLVERSION,
	                 CURL_SSLVERSION_TLSv1_2) &&
		set_string(transfer, CURLOPT_CAINFO, settings->tls_ca_file) &&
		set_string(transfer, CURLOPT_SSLCERT,
	                   settings->tls_cert_file) &&
		set_string(transfer, CURLOPT_SSLKEY, settings->tls_key_file) &&
		set_long(transfer, CURLOPT_HTTPAUTH,
	                 (long)(token ? CURLAUTH_BEARER : CURLAUTH_BASIC)) &&
		set_string(transfer, CURLOPT_XOAUTH2_BEARER, token) &&
		curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER,
	                         transfer->headers) == CURLE_OK;
}

static bool
set_sftp(struct transfer *transfer)
{
	const struct bmx_config_fetch *settings = transfer->get->settings;
	const long auth = settings->ssh_key_file[0] ?
		CURLSSH_AUTH_PUBLICKEY :
		CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD;

	return set_string(transfer, CURLOPT_PROTOCOLS_STR, "sftp") &&
		set_long(transfer, CURLOPT_FILETIME, 1) &&
		curl_easy_setopt(transfer->curl, CURLOPT_PROXY, "") ==
		CURLE_OK &&
		set_long(transfer, CURLOPT_SSH_AUTH_TYPES, auth) &&
		set_string(transfer, CURLOPT_SSH_PRIVATE_KEYFILE,
	                   settings->ssh_key_file) &&
		set_string(transfer, CURLOPT_SSH_KNOWNHOSTS,
	                   settings->ssh_known_hosts_file);
}

static bool
set_all(struct transfer *transfer)
{
	const int64_t left_ms = transfer->get->deadline_ms -
		bmx_clock_mono_ms(bmx_clock_system());

	if (!set_common(transfer) ||
	    !set_long(transfer, CURLOPT_TIMEOUT_MS,
	              (long)(left_ms > 1 ? left_ms : 1)))
		return false;
	return transfer->get->protocol == CURL_GET_HTTPS ? set_https(transfer) :
							   set_sftp(transfer);
}

/*
 * What came.
 */

/* A header of the answer that was given last, "" when there is none, or it
 * has not room. */
static void
get_header(struct transfer *transfer, const char *name, char *value,
           size_t size)
{
	struct curl_header *header;
	size_t len;

	value[0] = '\0';
	if (curl_easy_header(transfer->curl, name, 0, CURLH_HEADER, -1,
	                     &header) != CURLHE_OK)
		return;
	len = strlen(header->value);
	/* Of an empty one libcurl gives the end of the line. */
	while (len > 0 && (unsigned char)header->value[len - 1] <= ' ')
		len--;
	if (len < size) {
		memcpy(value, header->value, len);
		value[len] = '\0';
	}
}

/* It is sent back in a line of a request: one line, in ASCII. */
static void
get_validator(struct transfer *transfer, const char *name,
              char value[BMX_LIST_VALIDATOR_MAX])
{
	get_header(transfer, name, value, BMX_LIST_VALIDATOR_MAX);
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~') {
			value[0] = '\0';
			return;
		}
}

static void
take_validators(struct transfer *transfer)
{
	struct bmx_list_validator *validator = &transfer->answer->validator;
	char date[BMX_LIST_VALIDATOR_MAX];
	time_t modified, now;

	get_validator(transfer, "ETag", validator->etag);
	get_validator(transfer, "Last-Modified", validator->last_modified);
	get_header(transfer, "Date", date, sizeof(date));
	modified = curl_getdate(validator->last_modified, NULL);
	now = curl_getdate(date, NULL);
	if (modified < 0 || now < modified + MODIFIED_AGE_S)
		validator->last_modified[0] = '\0';
}

/* Of HTTP/1, an end that the server did not announce may be its crash. */
static bool
is_framed(struct transfer *transfer)
{
	char value[64];
	curl_off_t length = -1;
	long version = 0;

	(void)curl_easy_getinfo(transfer->curl,
	                        CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (transfer->get->protocol == CURL_GET_SFTP) /* none: it is empty */
		return (size_t)(length > 0 ? length : 0) ==
			transfer->answer->text.len;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_VERSION,
	                        &version);
	get_header(transfer, "Transfer-Encoding", value, sizeof(value));
	return length >= 0 || version > CURL_HTTP_VERSION_1_1 ||
		bmx_slice_equal_nocase(bmx_slice_of(value),
	                               BMX_SLICE("chunked"));
}

static void
take_answer(struct transfer *transfer, struct curl_got *got)
{
	const char *location = NULL;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE,
	                        &got->status);
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL,
	                        &location);
	if (location && strlen(location) < sizeof(got->location))
		memcpy(got->location, location, strlen(location) + 1);
	get_header(transfer, "Content-Type", got->content_type,
	           sizeof(got->content_type));
	get_header(transfer, "Content-Encoding", got->encoding,
	           sizeof(got->encoding));
	got->framed = is_framed(transfer);
	if (got->status == 200)
		take_validators(transfer);
}

static enum bmx_error_code
code_of(CURLcode code)
{
	static const struct {
		CURLcode from;
		enum bmx_error_code to;
	} codes[] = {
		{CURLE_OPERATION_TIMEDOUT, BMX_E_TIMEOUT},
		{CURLE_FILESIZE_EXCEEDED, BMX_E_TOO_BIG},
		{CURLE_LOGIN_DENIED, BMX_E_PERMISSION},
		{CURLE_REMOTE_ACCESS_DENIED, BMX_E_PERMISSION},
		{CURLE_REMOTE_FILE_NOT_FOUND, BMX_E_NOT_FOUND},
		{CURLE_OUT_OF_MEMORY, BMX_E_NOMEM},
		{CURLE_URL_MALFORMAT, BMX_E_USAGE},
		{CURLE_BAD_CONTENT_ENCODING, BMX_E_SYNTAX},
		{CURLE_SSL_CERTPROBLEM, BMX_E_IO},
		{CURLE_SSL_CACERT_BADFILE, BMX_E_IO},
		{CURLE_SSH, BMX_E_IO},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].from == code)
			return codes[i].to;
	return BMX_E_CLOSED;
}

/* Both are reached late when TLS or ssh hangs. */
static const char *
what_was_late(const struct transfer *transfer)
{
	curl_off_t connected = 0, first = 0;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_PRETRANSFER_TIME_T,
	                        &connected);
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_STARTTRANSFER_TIME_T,
	                        &first);
	if (connected == 0)
		return "no connection in time";
	return first == 0 ? "no answer in time" :
			    "the list did not come whole in time";
}

/* Of a connection that was refused: why, without the time that it took. */
static const char *
why_not_connected(const struct transfer *transfer)
{
	long failed = 0;

	(void)curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &failed);
	return failed != 0 ? strerror((int)failed) : transfer->why;
}

static int
fail(const struct transfer *transfer, CURLcode code, struct bmx_error *err)
{
	const enum curl_get_protocol protocol = transfer->get->protocol;
	const char *why =
		transfer->why[0] ? transfer->why : curl_easy_strerror(code);

	if (code == CURLE_FILESIZE_EXCEEDED)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "larger than the %zu octets that "
		                     "fetch.max_size allows",
		                     transfer->answer->text.max);
	/* Our own words where libcurl's hold milliseconds, as the same trouble
	 * is logged once, or say little. */
	if (code == CURLE_OPERATION_TIMEDOUT)
		why = what_was_late(transfer);
	if (code == CURLE_COULDNT_CONNECT)
		return bmx_error_set(err, BMX_E_CLOSED, "no connection: %s",
		                     why_not_connected(transfer));
	if (code == CURLE_LOGIN_DENIED)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "log-in refused: %s", why);
	if (code == CURLE_PEER_FAILED_VERIFICATION && protocol == CURL_GET_SFTP)
		why = "the server's key is not the one in "
		      "fetch.ssh_known_hosts_file";
	return bmx_error_set(err, code_of(code), "%s", why);
}

/* The body was not taken, or else libcurl says what went wrong. */
static int
fail_perform(const struct transfer *transfer, CURLcode code,
             struct bmx_error *err)
{
	if (transfer->refused.code == BMX_E_NONE)
		return fail(transfer, code, err);
	if (err)
		*err = transfer->refused;
	return -1;
}

static size_t
drop_body(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

/*
 * Is the file of sftp still the one that was read? What is written over while
 * it is read is neither the one list nor the other. An octet is asked for, as
 * libcurl has no question for the time alone.
 */
static int
check_same_file(struct transfer *transfer, struct bmx_error *err)
{
	curl_off_t before = -1, after = -1;
	CURLcode code;

	if (transfer->answer->text.len == 0)
		return 0;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &before);
	if (!set_string(transfer, CURLOPT_RANGE, "0-0") ||
	    curl_easy_setopt(transfer->curl, CURLOPT_WRITEFUNCTION,
	                     drop_body) != CURLE_OK)
		return bmx_error_set(err, BMX_E_NOMEM, "no memory for libcurl");
	code = curl_easy_perform(transfer->curl);
	if (code != CURLE_OK)
		return fail(transfer, code, err);
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &after);
	if (before != after)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "the file was changed while it was read");
	return 0;
}

static int
perform(struct transfer *transfer, struct curl_got *got, struct bmx_error *err)
{
	CURLcode code;

	if (!set_all(transfer))
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "libcurl takes no such request");
	code = curl_easy_perform(transfer->curl);
	take_answer(transfer, got);
	/* An answer other than the list is one, however it ended. */
	if (code != CURLE_OK &&
	    (transfer->get->protocol == CURL_GET_SFTP || got->status == 0 ||
	     got->status == 200))
		return fail_perform(transfer, code, err);
	return transfer->get->protocol == CURL_GET_SFTP ?
		check_same_file(transfer, err) :
		0;
}

int
curl_get(const struct curl_get *get, struct curl_got *got,
         struct fetch_answer *answer, struct bmx_error *err)
{
	struct transfer transfer = {.get = get, .answer = answer};
	int rc;

	memset(got, 0, sizeof(*got));
	/* Counted: a second one is free. No thread of ours is there yet. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return bmx_error_set(err, BMX_E_IO, "libcurl does not start");
	transfer.curl = curl_easy_init();
	rc = transfer.curl ?
		perform(&transfer, got, err) :
		bmx_error_set(err, BMX_E_NOMEM, "no memory for libcurl");
	curl_easy_cleanup(transfer.curl);
	curl_slist_free_all(transfer.headers);
	curl_global_cleanup();
	return rc;
}

/* That part of a URL, with the scheme's own port; "" when there is none. */
static void
get_part(CURLU *url, CURLUPart part, char *value, size_t size)
{
	char *text = NULL;

	value[0] = '\0';
	if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    strlen(text) < size)
		memcpy(value, text, strlen(text) + 1);
	curl_free(text);
}

static bool
same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char left[CURL_GET_URL_MAX], right[CURL_GET_URL_MAX];

	get_part(a, part, left, sizeof(left));
	get_part(b, part, right, sizeof(right));
	return left[0] != '\0' &&
		bmx_slice_equal_nocase(bmx_slice_of(left), bmx_slice_of(right));
}

bool
curl_same_origin(const char *url, const char *other)
{
	CURLU *a = curl_url(), *b = curl_url();
	char *user = NULL;
	const bool same = a && b &&
		curl_url_set(a, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_set(b, CURLUPART_URL, other, 0) == CURLUE_OK &&
		same_part(a, b, CURLUPART_SCHEME) &&
		same_part(a, b, CURLUPART_HOST) &&
		same_part(a, b, CURLUPART_PORT) &&
		curl_url_get(b, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;

	curl_free(user);
	curl_url_cleanup(a);
	curl_url_cleanup(b);
	return same;
}
