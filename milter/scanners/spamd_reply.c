/* A reply of spamd as a verdict. Source: SpamAssassin's spamd/PROTOCOL. */
#include <string.h>

#include "milter/scanners/reply.h"

static const char not_spamd[] = "no reply of spamd";

static bool
take(struct bmx_slice *rest, struct bmx_slice word)
{
	if (rest->len < word.len ||
	    !bmx_slice_equal_nocase((struct bmx_slice){rest->data, word.len},
	                            word))
		return false;
	rest->data += word.len;
	rest->len -= word.len;
	return true;
}

/* A line without its end; false when there is no end. */
static bool
take_line(struct bmx_slice *rest, struct bmx_slice *line_out)
{
	const char *end =
		rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len;

	if (!end)
		return false;
	len = (size_t)(end - rest->data);
	*line_out = (struct bmx_slice){rest->data, len};
	if (len > 0 && rest->data[len - 1] == '\r')
		line_out->len--;
	rest->data += len + 1;
	rest->len -= len + 1;
	return true;
}

/* "SPAMD/1.1 0 EX_OK". Any version: only the first digit is an answer. */
static bool
is_ok(struct bmx_slice line)
{
	if (!take(&line, BMX_SLICE("SPAMD/")))
		return false;
	while (line.len > 0 && line.data[0] != ' ') {
		line.data++;
		line.len--;
	}
	bmx_slice_skip(&line, BMX_SLICE(" \t"));
	return take(&line, BMX_SLICE("0")) &&
		(line.len == 0 || line.data[0] == ' ');
}

/* "Spam: True ; 15.0 / 5.0", what is behind the colon. */
static bool
read_spam(struct bmx_slice value, struct bmx_scan_reply *reply)
{
	struct bmx_slice score;

	bmx_slice_skip(&value, BMX_SLICE(" \t"));
	if (take(&value, BMX_SLICE("True")) || take(&value, BMX_SLICE("Yes")))
		reply->say = BMX_SCAN_REJECT;
	else if (take(&value, BMX_SLICE("False")) ||
	         take(&value, BMX_SLICE("No")))
		reply->say = BMX_SCAN_PASS;
	else
		return false;
	bmx_slice_skip(&value, BMX_SLICE(" \t"));
	if (!take(&value, BMX_SLICE(";")))
		return false;
	bmx_slice_skip(&value, BMX_SLICE(" \t"));
	score = value;
	score.len = 0;
	while (score.len < value.len && value.data[score.len] != ' ')
		score.len++;
	bmx_scan_add_detail(reply, score);
	return score.len > 0;
}

int
bmx_spamd_reply_parse(struct bmx_slice bytes, struct bmx_scan_reply *reply_out,
                      struct bmx_error *err)
{
	struct bmx_slice line;
	bool known = false;

	*reply_out = (struct bmx_scan_reply){0};
	if (bytes.len > BMX_SCAN_REPLY_MAX || !take_line(&bytes, &line) ||
	    !is_ok(line))
		return bmx_error_set(err, BMX_E_SYNTAX, not_spamd);
	while (take_line(&bytes, &line)) {
		/* The header ends: a reply cut within it decides nothing. */
		if (line.len == 0)
			return known ?
				0 :
				bmx_error_set(err, BMX_E_SYNTAX, not_spamd);
		if (!take(&line, BMX_SLICE("Spam:")))
			continue;
		/* Twice is not what spamd does. */
		if (known || !read_spam(line, reply_out))
			break;
		known = true;
	}
	return bmx_error_set(err, BMX_E_SYNTAX, not_spamd);
}
