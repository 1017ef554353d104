/*
 * macro.h - macros of RFC 7208 section 7: their grammar and what they become.
 */
#ifndef BACKUPMX_MILTER_SPF_MACRO_H
#define BACKUPMX_MILTER_SPF_MACRO_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

/** Octets in which a name is expanded; its right-hand end is kept. */
#define BMX_SPF_NAME_BUFFER ((size_t)1024)

/** macro-string, in which c, r and t may stand: of unknown modifiers. */
bool bmx_spf_macro_is_string(struct bmx_slice text);

/** domain-spec: no c, r, t; ends in a macro or a dot and a top label. */
bool bmx_spf_macro_is_domain_spec(struct bmx_slice text);

/** explain-string: as macro-string, with blanks. */
bool bmx_spf_macro_is_explanation(struct bmx_slice text);

/** What the letters stand for; all borrowed. */
struct bmx_spf_macro_values {
	struct bmx_slice sender;   /* s */
	struct bmx_slice local;    /* l */
	struct bmx_slice origin;   /* o: domain of the sender */
	struct bmx_slice domain;   /* d: of the record */
	struct bmx_slice helo;     /* h */
	struct bmx_slice receiver; /* r */
	const uint8_t *address;    /* i, c, v: network order */
	size_t address_len;        /* 4 or 16 */
	int64_t time_s;            /* t: since 1970 */
	/* p: the validated name; borrowed until the next call. Asks DNS. */
	struct bmx_slice (*validated)(void *ctx);
	void *ctx;
};

/**
 * Expands a domain-spec that bmx_spf_macro_is_domain_spec takes, cut to what a
 * name may hold (section 7.3). The result borrows from buffer and may still
 * be no name.
 */
struct bmx_slice bmx_spf_macro_name(struct bmx_slice spec,
                                    const struct bmx_spf_macro_values *values,
                                    char buffer[BMX_SPF_NAME_BUFFER]);

/**
 * Appends what an explain-string becomes, which
 * bmx_spf_macro_is_explanation takes; octets that are not printable become
 * '?'. text->cut says that it did not fit.
 */
void bmx_spf_macro_explanation(struct bmx_slice explanation,
                               const struct bmx_spf_macro_values *values,
                               struct bmx_text *text);

#endif
