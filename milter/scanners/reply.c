#include "milter/scanners/reply.h"

#include <string.h>

#include <backupmx/text.h>

/* What signatures usually cover (RFC 6376 section 5.4.1), the signatures, and
 * what only Postfix and we write. */
static const char *const untouched[] = {
	"From",
	"Sender",
	"Reply-To",
	"To",
	"Cc",
	"Subject",
	"Date",
	"Message-ID",
	"In-Reply-To",
	"References",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
	"Content-Disposition",
	"Content-ID",
	"Content-Description",
	"Resent-From",
	"Resent-To",
	"Resent-Cc",
	"Resent-Date",
	"Resent-Message-ID",
	"DKIM-Signature",
	"Received",
	"X-Backupmx-Seal",
};

static bool
is_name(struct bmx_slice name)
{
	if (name.len == 0 || name.len > 63)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~' ||
		    name.data[i] == ':')
			return false;
	return true;
}

bool
bmx_scan_may_edit(struct bmx_slice name)
{
	if (!is_name(name))
		return false;
	for (size_t i = 0; i < sizeof(untouched) / sizeof(untouched[0]); i++)
		if (bmx_slice_equal_nocase(name, bmx_slice_of(untouched[i])))
			return false;
	return true;
}

static char
clean_octet(char c)
{
	return ((unsigned char)c >= ' ' && c != 0x7f) || c == '\t' ? c : '?';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

const char *
bmx_scan_clean_body(struct bmx_arena *arena, struct bmx_slice body)
{
	/* A blank may be put behind each line feed. */
	char *out = body.len <= BMX_SCAN_FIELD_MAX ?
		bmx_arena_alloc(arena, body.len * 2 + 1) :
		NULL;
	size_t len = 0;

	for (size_t i = 0; out && i < body.len; i++) {
		if (body.data[i] == '\r')
			continue;
		if (body.data[i] != '\n') {
			out[len++] = clean_octet(body.data[i]);
			continue;
		}
		if (i + 1 == body.len)
			break;
		out[len++] = '\n';
		if (!is_blank(body.data[i + 1]))
			out[len++] = '\t';
	}
	return out;
}

void
bmx_scan_add_detail(struct bmx_scan_reply *reply, struct bmx_slice bytes)
{
	size_t len = strlen(reply->detail);

	for (size_t i = 0; i < bytes.len && len < sizeof(reply->detail) - 1;
	     i++) {
		const char c = bytes.data[i];

		reply->detail[len++] =
			c > ' ' && c <= '~' && !strchr(",:=\"", c) ? c : '_';
	}
	reply->detail[len] = '\0';
}

void
bmx_scan_set_text(struct bmx_scan_reply *reply, struct bmx_slice bytes)
{
	size_t len = 0;

	for (; len < bytes.len && len < sizeof(reply->text) - 1; len++)
		reply->text[len] =
			bytes.data[len] >= ' ' && bytes.data[len] <= '~' ?
			bytes.data[len] :
			'?';
	reply->text[len] = '\0';
}
