/*
 * list_order.h - the order of local parts in a list: by octets, as LMDB
 * orders keys; what is a prefix of another comes first.
 */
#ifndef BACKUPMX_LIST_ORDER_H
#define BACKUPMX_LIST_ORDER_H

#include <stdint.h>
#include <string.h>

#include <backupmx/slice.h>

/** Below 0 when a comes first, 0 when they are the same, above 0. */
static inline int
bmx_list_order(struct bmx_slice a, struct bmx_slice b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

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
