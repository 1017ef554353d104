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

/** Does text begin with those octets? */
static inline bool
bmx_slice_starts(struct bmx_slice text, struct bmx_slice prefix)
{
	return text.len >= prefix.len &&
		bmx_slice_equal((struct bmx_slice){text.data, prefix.len},
	                        prefix);
}

/** Takes prefix off *text; false when text does not begin with it. */
static inline bool
bmx_slice_take(struct bmx_slice *text, struct bmx_slice prefix)
{
	if (!bmx_slice_starts(*text, prefix))
		return false;
	text->data += prefix.len;
	text->len -= prefix.len;
	return true;
}

/** Is c one of those octets? */
static inline bool
bmx_slice_has(struct bmx_slice octets, char c)
{
	return octets.len > 0 && memchr(octets.data, c, octets.len);
}

/** Takes the octets at the beginning of *text that are among blanks. */
static inline void
bmx_slice_skip(struct bmx_slice *text, struct bmx_slice blanks)
{
	while (text->len > 0 && bmx_slice_has(blanks, text->data[0])) {
		text->data++;
		text->len--;
	}
}

/** text without the octets at both ends that are among blanks. */
static inline struct bmx_slice
bmx_slice_trim(struct bmx_slice text, struct bmx_slice blanks)
{
	bmx_slice_skip(&text, blanks);
	while (text.len > 0 && bmx_slice_has(blanks, text.data[text.len - 1]))
		text.len--;
	return text;
}

/** Order by octets, a prefix first: below 0 when a comes first, 0 when they
 * are the same, above 0. */
static inline int
bmx_slice_order(struct bmx_slice a, struct bmx_slice b)
{
	const size_t len = a.len < b.len ? a.len : b.len;
	const int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

	if (order != 0)
		return order;
	return a.len < b.len ? -1 : a.len > b.len;
}

#endif
