/*
 * record.h - the grammar of records, RFC 7208 sections 4.6.1 and 12.
 *
 * Strict: what the grammar does not have is an error of the whole record. The
 * reader hands out one term after the other and keeps no memory.
 */
#ifndef BACKUPMX_MILTER_SPF_RECORD_H
#define BACKUPMX_MILTER_SPF_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>

enum bmx_spf_kind {
	BMX_SPF_ALL,
	BMX_SPF_INCLUDE,
	BMX_SPF_A,
	BMX_SPF_MX,
	BMX_SPF_PTR,
	BMX_SPF_IP4,
	BMX_SPF_IP6,
	BMX_SPF_EXISTS,
	BMX_SPF_REDIRECT,
	BMX_SPF_EXP,
	BMX_SPF_OTHER_MODIFIER,
};

struct bmx_spf_term {
	enum bmx_spf_kind kind;
	char qualifier;        /* + - ~ ? of a mechanism */
	struct bmx_slice spec; /* domain-spec; empty: the current domain */
	unsigned bits4;        /* a, mx, ip4: prefix length */
	unsigned bits6;        /* a, mx, ip6 */
	uint8_t network[16];   /* ip4: the first 4 octets; ip6 */
};

/** What a whole record has, beside its mechanisms. */
struct bmx_spf_outline {
	bool has_all;
	bool has_redirect;
	bool has_exp;
	struct bmx_slice redirect; /* domain-specs; borrow from the text */
	struct bmx_slice exp;
};

/** Is the text a record: "v=spf1", then a blank or the end (section 4.5)? */
bool bmx_spf_record_is(struct bmx_slice text);

/**
 * Takes the next term off *rest, which begins after "v=spf1". Slices borrow.
 * @return 1 with *term_out filled; 0 at the end; -1 with *term_text_out set
 *         to the term that the grammar does not have
 */
int bmx_spf_record_next(struct bmx_slice *rest, struct bmx_spf_term *term_out,
                        struct bmx_slice *term_text_out);

/**
 * Checks a whole record, for which bmx_spf_record_is is true.
 * @return 0 with *outline_out filled, or -1 with *bad_out set to the term
 *         that is wrong: bad grammar, or exp or redirect a second time
 */
int bmx_spf_record_check(struct bmx_slice text,
                         struct bmx_spf_outline *outline_out,
                         struct bmx_slice *bad_out);

/** What follows "v=spf1": where bmx_spf_record_next begins. */
struct bmx_slice bmx_spf_record_terms(struct bmx_slice text);

#endif
