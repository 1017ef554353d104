/* rspamd over HTTP. Source: rspamd.com/doc/developers/protocol.html. */
#include <stdlib.h>

#include <backupmx/text.h>

#include "milter/scanners/ask.h"
#include "milter/scanners/http.h"

#define URL_MAX_OCTETS ((size_t)1100)
/* IP, Helo, Hostname, From, Queue-Id, MTA-Name, Milter. */
#define OTHER_HEADERS ((size_t)7)

static const char *
in_brackets(struct bmx_arena *arena, struct bmx_slice address)
{
	char *out = bmx_arena_alloc(arena, address.len + 3);

	if (!out)
		return NULL;
	out[0] = '<';
	if (address.len > 0)
		memcpy(out + 1, address.data, address.len);
	out[address.len + 1] = '>';
	return out;
}

static void
add(struct bmx_http_request *request, struct bmx_http_header *headers,
    const char *name, struct bmx_slice value)
{
	if (value.len > 0)
		headers[request->header_count++] =
			(struct bmx_http_header){name, value};
}

/* What rspamd's own milter sends of an envelope, so that both judge alike.
 * "Milter" makes the reply hold what a milter is to do. */
static int
add_envelope(const struct bmx_scan_message *message,
             struct bmx_http_request *request)
{
	struct bmx_http_header *headers = bmx_arena_alloc(
		message->arena,
		(message->recipient_count + OTHER_HEADERS) * sizeof(*headers));
	const char *sender = in_brackets(message->arena, message->sender);

	if (!headers || !sender)
		return -1;
	add(request, headers, "IP", message->client);
	add(request, headers, "Helo", message->helo);
	add(request, headers, "Hostname", message->client_name);
	add(request, headers, "From", bmx_slice_of(sender));
	add(request, headers, "Queue-Id", message->queue_id);
	add(request, headers, "MTA-Name", bmx_slice_of(message->hostname));
	add(request, headers, "Milter", BMX_SLICE("Yes"));
	for (size_t i = 0; i < message->recipient_count; i++) {
		const char *to =
			in_brackets(message->arena, message->recipients[i]);

		if (!to)
			return -1;
		add(request, headers, "Rcpt", bmx_slice_of(to));
	}
	request->headers = headers;
	return 0;
}

static int
read_reply(const struct bmx_http_reply *reply,
           const struct bmx_scan_message *message,
           struct bmx_scan_reply *reply_out, struct bmx_error *err)
{
	if (reply->status != 200)
		return bmx_error_set(err, BMX_E_SYNTAX, "HTTP status %ld",
		                     reply->status);
	return bmx_rspamd_reply_parse(
		(struct bmx_slice){reply->body, reply->len}, message->arena,
		reply_out, err);
}

int
bmx_rspamd_ask(const char *url, const struct bmx_scan_message *message,
               struct bmx_patience *patience, struct bmx_scan_reply *reply_out,
               struct bmx_error *err)
{
	char buffer[URL_MAX_OCTETS];
	struct bmx_http_request request = {
		.url = buffer,
		.body = message->spool,
		.connect_ms = BMX_SCAN_CONNECT_MS,
		.reply_max = BMX_SCAN_REPLY_MAX,
	};
	struct bmx_http_reply reply;
	struct bmx_slice base = bmx_slice_of(url);
	struct bmx_text text;
	int rc;

	while (base.len > 0 && base.data[base.len - 1] == '/')
		base.len--;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append(&text, base);
	bmx_text_append_string(&text, "/checkv2");
	if (add_envelope(message, &request) != 0)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	if (bmx_http_post(&request, patience, &reply, err) != 0)
		return -1;
	rc = read_reply(&reply, message, reply_out, err);
	free(reply.body);
	return rc;
}
