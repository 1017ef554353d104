/*
 * list_order.h - the order of local parts in a list: by octets, as LMDB
 * orders keys and bmx_slice_order does; here what makes it fast.
 */
#ifndef BACKUPMX_LIST_ORDER_H
#define BACKUPMX_LIST_ORDER_H

#include <stdint.h>

#include <backupmx/slice.h>

/** The first octets as a number that orders as they do: most comparisons of a
 * sort then stay out of the text, which does not fit in a cache. */
static inline uint64_t
bmx_list_order_prefix(struct bmx_slice local)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix = prefix << 8 |
			(i < local.len ? (unsigned char)local.data[i] : 0);
	return prefix;
}

#endif
