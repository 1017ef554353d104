/* split.h - takes text apart at an octet. */
#ifndef BACKUPMX_SPLIT_H
#define BACKUPMX_SPLIT_H

#include <string.h>

#include <backupmx/slice.h>

/** Takes what stands before the first c, and c, off *rest. @return 0 with
 * *part_out, or -1 when there is no c: both stay as they were */
static inline int
bmx_split_at(struct bmx_slice *rest, char c, struct bmx_slice *part_out)
{
	const char *end = rest->len ? memchr(rest->data, c, rest->len) : NULL;

	if (!end)
		return -1;
	*part_out = (struct bmx_slice){rest->data, (size_t)(end - rest->data)};
	rest->len -= part_out->len + 1;
	rest->data = end + 1;
	return 0;
}

#endif
