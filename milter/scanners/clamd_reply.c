/* A reply of clamd as a verdict. Source: clamd(8), "COMMANDS". */
#include <string.h>

#include "milter/scanners/reply.h"

static bool
ends_in(struct bmx_slice text, struct bmx_slice end)
{
	return text.len >= end.len &&
		bmx_slice_equal(
			(struct bmx_slice){text.data + text.len - end.len,
	                                   end.len},
			end);
}

static int
read_found(struct bmx_slice name, struct bmx_scan_reply *reply,
           struct bmx_error *err)
{
	if (name.len == 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "clamd found what has no name");
	reply->say = BMX_SCAN_REJECT;
	bmx_scan_add_detail(reply, name);
	bmx_scan_set_text(reply, name);
	return 0;
}

int
bmx_clamd_reply_parse(struct bmx_slice bytes, struct bmx_scan_reply *reply_out,
                      struct bmx_error *err)
{
	const struct bmx_slice from = BMX_SLICE("stream: ");
	const struct bmx_slice found = BMX_SLICE(" FOUND");

	*reply_out = (struct bmx_scan_reply){0};
	/* With 'z' before the command a NUL ends the reply, and one reply is
	 * all there is. */
	if (bytes.len > 1024 || bytes.len == 0 ||
	    memchr(bytes.data, '\0', bytes.len) != bytes.data + bytes.len - 1)
		return bmx_error_set(err, BMX_E_SYNTAX, "no reply of clamd");
	bytes.len--;
	if (bmx_slice_equal(bytes, BMX_SLICE("stream: OK")))
		return 0;
	if (ends_in(bytes, BMX_SLICE("size limit exceeded. ERROR")))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "larger than clamd's StreamMaxLength");
	if (ends_in(bytes, BMX_SLICE(" ERROR")))
		return bmx_error_set(err, BMX_E_IO, "clamd: %.*s",
		                     (int)(bytes.len > 200 ? 200 : bytes.len),
		                     bytes.data);
	if (bytes.len < from.len + found.len || !ends_in(bytes, found) ||
	    !bmx_slice_equal((struct bmx_slice){bytes.data, from.len}, from))
		return bmx_error_set(err, BMX_E_SYNTAX, "no reply of clamd");
	bytes.data += from.len;
	bytes.len -= from.len + found.len;
	return read_found(bytes, reply_out, err);
}
