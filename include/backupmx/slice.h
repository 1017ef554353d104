/*
 * slice.h - bytes with a length: how text of a peer is passed around until it
 * has been validated. A slice owns nothing; who made it says how long it holds.
 */
#ifndef BACKUPMX_SLICE_H
#define BACKUPMX_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct bmx_slice {
	const char *data; /* not terminated; may be NULL when len is 0 */
	size_t len;       /* octets; the bytes may hold NULs */
};

/** A slice of a string literal, without its terminator. */
#define BMX_SLICE(literal) ((struct bmx_slice){(literal), sizeof(literal) - 1})

/** The bytes of a terminated string; borrows it. NULL gives the empty slice. */
static inline struct bmx_slice
bmx_slice_of(const char *string)
{
	return (struct bmx_slice){string, string ? strlen(string) : 0};
}

/** Same octets? */
static inline bool
bmx_slice_equal(struct bmx_slice a, struct bmx_slice b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

/** Lower case of an ASCII letter, any other octet as it is; no locale. */
static inline char
bmx_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/** Same octets but for the case of ASCII letters? */
static inline bool
bmx_slice_equal_nocase(struct bmx_slice a, struct bmx_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (bmx_ascii_lower(a.data[i]) != bmx_ascii_lower(b.data[i]))
			return false;
	return true;
}

#endif
