/*
 * SpamAssassin's spamd. Source: SpamAssassin's spamd/PROTOCOL.
 *
 * The protocol knows no envelope: SpamAssassin reads it from the header. So
 * the fields that Postfix adds only after its milters are put before the
 * message, as it will write them.
 */
#include <stdlib.h>
#include <time.h>

#include <sys/socket.h>
#include <unistd.h>

#include <backupmx/text.h>

#include "milter/scanners/ask.h"
#include "milter/scanners/link.h"

/* Octets of the fields that are put before. */
#define TOP_SIZE ((size_t)4096)
#define REPLY_SIZE ((size_t)64 * 1024)

/* Nothing of a peer may end a line or a comment. */
static void
append_word(struct bmx_text *text, struct bmx_slice word)
{
	if (word.len > 255)
		word.len = 255;
	for (size_t i = 0; i < word.len; i++) {
		const char c = word.data[i];

		bmx_text_append_char(
			text,
			c > ' ' && c <= '~' && c != '(' && c != ')' ? c : '?');
	}
}

static void
append_date(struct bmx_text *text)
{
	const time_t now = time(NULL);
	char date[64];
	struct tm tm;

	if (gmtime_r(&now, &tm) &&
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) >
	            0)
		bmx_text_append_string(text, date);
}

static void
append_top(struct bmx_text *text, const struct bmx_scan_message *message)
{
	bmx_text_append_string(text, "Return-Path: <");
	append_word(text, message->sender);
	bmx_text_append_string(text, ">\r\nReceived: from ");
	append_word(text, message->helo);
	bmx_text_append_string(text, " (");
	append_word(text,
	            message->client_name.len > 0 ? message->client_name :
	                                           BMX_SLICE("unknown"));
	bmx_text_append_string(text, " [");
	if (memchr(message->client.data ? message->client.data : "", ':',
	           message->client.len))
		bmx_text_append_string(text, "IPv6:");
	append_word(text, message->client);
	bmx_text_append_string(text, "])\r\n\tby ");
	bmx_text_append_string(text, message->hostname);
	bmx_text_append_string(text, " (Postfix) with ESMTP id ");
	append_word(text,
	            message->queue_id.len > 0 ? message->queue_id :
	                                        BMX_SLICE("NOQUEUE"));
	bmx_text_append_string(text, ";\r\n\t");
	append_date(text);
	bmx_text_append_string(text, "\r\n");
}

static int
send_request(int fd, const struct bmx_scan_message *message,
             struct bmx_patience *patience, struct bmx_error *err)
{
	char command[128], buffer[TOP_SIZE];
	struct bmx_text head, top;

	bmx_text_init(&top, buffer, sizeof(buffer));
	append_top(&top, message);
	bmx_text_init(&head, command, sizeof(command));
	bmx_text_printf(
		&head, "SYMBOLS SPAMC/1.5\r\nContent-length: %llu\r\n\r\n",
		(unsigned long long)(top.len + bmx_spool_size(message->spool)));
	if (bmx_link_send(fd, bmx_text_slice(&head), patience, err) != 0 ||
	    bmx_link_send(fd, bmx_text_slice(&top), patience, err) != 0)
		return -1;
	return bmx_link_send_spool(fd, message->spool, false, patience, err);
}

static int
read_reply(int fd, struct bmx_arena *arena, struct bmx_patience *patience,
           struct bmx_scan_reply *reply_out, struct bmx_error *err)
{
	char *reply = bmx_arena_alloc(arena, REPLY_SIZE);
	ssize_t len;

	if (!reply)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	len = bmx_link_read_all(fd, reply, REPLY_SIZE, patience, err);
	if (len < 0)
		return -1;
	return bmx_spamd_reply_parse((struct bmx_slice){reply, (size_t)len},
	                             reply_out, err);
}

int
bmx_spamd_ask(const char *url, const struct bmx_scan_message *message,
              struct bmx_patience *patience, struct bmx_scan_reply *reply_out,
              struct bmx_error *err)
{
	const int fd = bmx_link_open(url, BMX_SCAN_CONNECT_MS, patience, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = send_request(fd, message, patience, err);
	/* It reads until here, whatever length was announced. A peer that has
	 * gone shows when its reply is read. */
	if (rc == 0)
		(void)shutdown(fd, SHUT_WR);
	if (rc == 0)
		rc = read_reply(fd, message->arena, patience, reply_out, err);
	(void)close(fd);
	return rc;
}
