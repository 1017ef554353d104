/* clamd's INSTREAM. Source: clamd(8). */
#include <unistd.h>

#include "milter/scanners/ask.h"
#include "milter/scanners/link.h"

/* Octets of a reply: the name of a virus. */
#define REPLY_SIZE ((size_t)1100)

/* The peer may have answered before it has taken everything. */
static int
talk(int fd, const struct bmx_scan_message *message,
     struct bmx_patience *patience, struct bmx_scan_reply *reply_out,
     struct bmx_error *err)
{
	static const char end[4];
	/* With the terminator of the command, which 'z' promises. */
	const struct bmx_slice command = {"zINSTREAM", sizeof("zINSTREAM")};
	char reply[REPLY_SIZE];
	ssize_t len;

	if ((bmx_link_send(fd, command, patience, err) != 0 ||
	     bmx_link_send_spool(fd, message->spool, true, patience, err) !=
	             0 ||
	     bmx_link_send(fd, (struct bmx_slice){end, sizeof(end)}, patience,
	                   err) != 0) &&
	    err->code != BMX_E_CLOSED)
		return -1;
	len = bmx_link_read_all(fd, reply, sizeof(reply), patience, err);
	if (len < 0)
		return -1;
	return bmx_clamd_reply_parse((struct bmx_slice){reply, (size_t)len},
	                             reply_out, err);
}

int
bmx_clamd_ask(const char *url, const struct bmx_scan_message *message,
              struct bmx_patience *patience, struct bmx_scan_reply *reply_out,
              struct bmx_error *err)
{
	const int fd = bmx_link_open(url, BMX_SCAN_CONNECT_MS, patience, err);
	int rc;

	if (fd < 0)
		return -1;
	rc = talk(fd, message, patience, reply_out, err);
	(void)close(fd);
	return rc;
}
