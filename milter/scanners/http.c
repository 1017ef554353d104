#include "milter/scanners/http.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include <backupmx/text.h>

/* Octets of one header line; a longer value is cut. */
#define LINE_MAX_OCTETS ((size_t)1200)

struct post {
	CURL *curl;
	CURLM *multi;
	struct curl_slist *headers;
	const struct bmx_http_request *request;
	uint64_t sent;
	struct bmx_http_reply *reply;
	size_t room;
	bool too_big, nomem;
	char why[CURL_ERROR_SIZE];
};

int
bmx_http_global_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static size_t
read_body(char *buffer, size_t size, size_t count, void *ctx)
{
	struct post *post = ctx;
	const ssize_t got = bmx_spool_read(post->request->body, post->sent,
	                                   buffer, size * count);

	if (got < 0)
		return CURL_READFUNC_ABORT;
	post->sent += (uint64_t)got;
	return (size_t)got;
}

/* libcurl goes back when a connection breaks before it was used. */
static int
seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct post *post = ctx;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	post->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int
make_room(struct post *post, size_t wanted)
{
	size_t room = post->room ? post->room : 8192;
	char *body;

	if (wanted <= post->room)
		return 0;
	while (room < wanted)
		room *= 2;
	body = realloc(post->reply->body, room);
	if (!body)
		return -1;
	post->reply->body = body;
	post->room = room;
	return 0;
}

static size_t
take_reply(char *data, size_t size, size_t count, void *ctx)
{
	struct post *post = ctx;
	const size_t len = size * count;

	if (len == 0)
		return 0;
	post->too_big = len > post->request->reply_max - post->reply->len;
	if (post->too_big)
		return 0;
	post->nomem = make_room(post, post->reply->len + len) != 0;
	if (post->nomem)
		return 0;
	memcpy(post->reply->body + post->reply->len, data, len);
	post->reply->len += len;
	return len;
}

static int
add_line(struct post *post, const char *line)
{
	struct curl_slist *more = curl_slist_append(post->headers, line);

	if (!more)
		return -1;
	post->headers = more;
	return 0;
}

/* libcurl drops "Name:" but sends "Name;" as an empty one. */
static int
add_header(struct post *post, const struct bmx_http_header *header)
{
	char line[LINE_MAX_OCTETS];
	struct bmx_text text;

	bmx_text_init(&text, line, sizeof(line));
	bmx_text_append_string(&text, header->name);
	bmx_text_append_string(&text, header->value.len > 0 ? ": " : ";");
	for (size_t i = 0; i < header->value.len; i++) {
		const unsigned char c = (unsigned char)header->value.data[i];

		bmx_text_append_char(&text,
		                     c >= ' ' && c != 0x7f ? (char)c : '?');
	}
	return add_line(post, line);
}

static int
add_headers(struct post *post)
{
	const struct bmx_http_request *request = post->request;

	/* Without these libcurl would wait for "100 Continue", and call the
	 * body a form. */
	if (add_line(post, "Expect:") != 0 ||
	    add_line(post, "Content-Type: message/rfc822") != 0)
		return -1;
	for (size_t i = 0; i < request->header_count; i++)
		if (add_header(post, &request->headers[i]) != 0)
			return -1;
	return 0;
}

static bool
set_reading(struct post *post)
{
	const curl_off_t size = (curl_off_t)bmx_spool_size(post->request->body);
	CURL *curl = post->curl;

	return curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_body) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_READDATA, post) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, seek_body) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, post) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, post) == CURLE_OK;
}

static bool
set_limits(struct post *post)
{
	const long connect_ms = post->request->connect_ms;
	CURL *curl = post->curl;

	return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) ==
		CURLE_OK &&
		curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, post->why) ==
		CURLE_OK;
}

static bool
prepare(struct post *post)
{
	post->curl = curl_easy_init();
	post->multi = curl_multi_init();
	return post->curl && post->multi && add_headers(post) == 0 &&
		curl_easy_setopt(post->curl, CURLOPT_URL, post->request->url) ==
		CURLE_OK &&
		curl_easy_setopt(post->curl, CURLOPT_HTTPHEADER,
	                         post->headers) == CURLE_OK &&
		set_reading(post) && set_limits(post) &&
		curl_multi_add_handle(post->multi, post->curl) == CURLM_OK;
}

/* Returns 1 when the transfer has ended, 0 at the deadline, -1. */
static int
run(struct post *post, struct bmx_patience *patience)
{
	for (;;) {
		int running = 0, left_ms;

		if (curl_multi_perform(post->multi, &running) != CURLM_OK)
			return -1;
		if (running == 0)
			return 1;
		left_ms = bmx_patience_left_ms(patience);
		if (left_ms == 0)
			return 0;
		if (left_ms > BMX_PATIENCE_PIECE_MS)
			left_ms = BMX_PATIENCE_PIECE_MS;
		if (curl_multi_poll(post->multi, NULL, 0, left_ms, NULL) !=
		    CURLM_OK)
			return -1;
		bmx_patience_tick(patience);
	}
}

static CURLcode
result_of(struct post *post)
{
	int left;
	const CURLMsg *message = curl_multi_info_read(post->multi, &left);

	return message && message->msg == CURLMSG_DONE ? message->data.result :
							 CURLE_RECV_ERROR;
}

/* Which kind of failure it was: whoever is not there has not answered. */
static enum bmx_error_code
code_of(const struct post *post, CURLcode result)
{
	if (post->too_big)
		return BMX_E_TOO_BIG;
	if (post->nomem || result == CURLE_OUT_OF_MEMORY)
		return BMX_E_NOMEM;
	if (result == CURLE_OPERATION_TIMEDOUT)
		return BMX_E_TIMEOUT;
	if (result == CURLE_COULDNT_CONNECT ||
	    result == CURLE_COULDNT_RESOLVE_HOST ||
	    result == CURLE_SSL_CONNECT_ERROR)
		return BMX_E_CLOSED;
	if (result == CURLE_ABORTED_BY_CALLBACK)
		return BMX_E_IO;
	return BMX_E_SYNTAX;
}

static int
conclude(struct post *post, struct bmx_error *err)
{
	const CURLcode result = result_of(post);

	if (result == CURLE_OK &&
	    curl_easy_getinfo(post->curl, CURLINFO_RESPONSE_CODE,
	                      &post->reply->status) == CURLE_OK)
		return 0;
	return bmx_error_set(err, code_of(post, result), "%s",
	                     post->too_big        ? "the reply is too large" :
	                             post->why[0] ? post->why :
	                                            curl_easy_strerror(result));
}

int
bmx_http_post(const struct bmx_http_request *request,
              struct bmx_patience *patience, struct bmx_http_reply *reply_out,
              struct bmx_error *err)
{
	struct post post = {.request = request, .reply = reply_out};
	int rc = -1;

	*reply_out = (struct bmx_http_reply){0};
	if (!prepare(&post)) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	} else {
		const int ran = run(&post, patience);

		if (ran > 0)
			rc = conclude(&post, err);
		else
			(void)bmx_error_set(err,
			                    ran == 0 ? BMX_E_TIMEOUT : BMX_E_IO,
			                    ran == 0 ? "no reply in time" :
			                               "libcurl cannot wait");
	}
	if (post.multi && post.curl)
		(void)curl_multi_remove_handle(post.multi, post.curl);
	curl_easy_cleanup(post.curl);
	(void)curl_multi_cleanup(post.multi);
	curl_slist_free_all(post.headers);
	if (rc != 0) {
		free(reply_out->body);
		*reply_out = (struct bmx_http_reply){0};
	}
	return rc;
}
