/*
 * text.h - builds text in a buffer of fixed size; never writes past it.
 *
 * All functions keep the buffer terminated. What does not fit is dropped and
 * `cut` is set: the owner decides whether a cut text is an error.
 */
#ifndef BACKUPMX_TEXT_H
#define BACKUPMX_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/slice.h>

struct bmx_text {
	char *data;  /* the caller's buffer, always terminated */
	size_t size; /* octets of the buffer, at least 1 */
	size_t len;  /* octets used, terminator not counted */
	bool cut;    /* something did not fit */
};

/** Starts an empty text in buffer, which the caller keeps alive. */
void bmx_text_init(struct bmx_text *text, char *buffer, size_t size);

/** Appends octets as they are. */
void bmx_text_append(struct bmx_text *text, struct bmx_slice bytes);

/** Appends a terminated string as it is. */
void bmx_text_append_string(struct bmx_text *text, const char *string);

/** Appends one octet. */
void bmx_text_append_char(struct bmx_text *text, char c);

/** Appends a number in decimal. */
void bmx_text_append_u64(struct bmx_text *text, uint64_t value);

/** Appends as printf would. */
void bmx_text_printf(struct bmx_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Appends at most max octets of hostile bytes so that they are safe in a log
 * line: control characters, DEL and invalid UTF-8 become '?'. A longer value
 * ends in "...".
 */
void bmx_text_append_clean(struct bmx_text *text, struct bmx_slice bytes,
                           size_t max);

/** What has been built; void when the text changes. */
static inline struct bmx_slice
bmx_text_slice(const struct bmx_text *text)
{
	return (struct bmx_slice){text->data, text->len};
}

#endif
