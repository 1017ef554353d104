/*
 * address.h - the form in which recipients are looked up.
 *
 * An address of a peer is split, its domain normalised, its domain's section
 * of the configuration found, and then its local part normalised, because the
 * section says whether case counts. Lists go through the same functions, so
 * that both sides meet in one form.
 *
 * Sources: RFC 5321 section 4.1.2 (Mailbox), RFC 6531 (SMTPUTF8), RFC 5891
 * (A-labels), Unicode NFC. All functions are for any thread.
 */
#ifndef BACKUPMX_ADDRESS_H
#define BACKUPMX_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>

/** Octets of a local part after normalisation (RFC 5321 section 4.5.3.1.1). */
#define BMX_LOCAL_MAX ((size_t)64)
/** Room for a local part while UTF-8 is normalised: NFC and lower case may
 * take more octets than what came in. */
#define BMX_LOCAL_BUFFER ((size_t)256)
/** Octets of a domain name (RFC 1035 section 2.3.4), without final dot. */
#define BMX_DOMAIN_MAX ((size_t)253)
/** Room for a domain and its terminator. */
#define BMX_DOMAIN_BUFFER (BMX_DOMAIN_MAX + 1)
/** Octets of an address that is looked at; Postfix's own line limit is 2048. */
#define BMX_ADDRESS_MAX ((size_t)1024)

/** The local part under which a domain's wildcard (`@domain`) is listed. */
#define BMX_LOCAL_WILDCARD "*"

/**
 * Splits text at its last '@'; one with a '"' behind it is inside quotes and
 * none. Both parts borrow from text. Angle brackets are not taken off. Takes
 * the quoted and the internal form.
 * @return 0, or -1 when there is no '@', text is longer than BMX_ADDRESS_MAX,
 *         or it holds a NUL
 */
int bmx_address_split(struct bmx_slice text, struct bmx_slice *local_out,
                      struct bmx_slice *domain_out);

/**
 * Writes domain as A-labels in lower case, without final dot and terminated,
 * into buffer. An address literal ("[192.0.2.1]") is no domain.
 * @return 0 with *domain_out borrowing from buffer; -1 when it is no domain
 *         name: empty label, label over 63 or name over BMX_DOMAIN_MAX octets,
 *         an octet that host names do not have ('_' is let through), a
 *         U-label or "xn--" label that IDNA2008 (with the mappings of
 *         UTS 46) refuses, or memory too short to tell
 */
int bmx_domain_normalise(struct bmx_slice domain,
                         char buffer[BMX_DOMAIN_BUFFER],
                         struct bmx_slice *domain_out);

enum bmx_local_form {
	BMX_LOCAL_OK,         /* may be on a list */
	BMX_LOCAL_UNLISTABLE, /* can be on no list: '%', '!', a second '@', a
	                         control character, "*", empty, over-long, not
	                         UTF-8, badly quoted: DESIGN.md section 5,
	                         "Address form" */
	BMX_LOCAL_NOMEM,      /* cannot say: memory is short */
};

/**
 * Writes a local part in the form in which it is looked up: quotes and
 * backslashes of a quoted string taken off, NFC, and lower case unless
 * case_sensitive.
 * @return BMX_LOCAL_OK with *local_out borrowing from buffer (or from local,
 *         when it already has that form), *utf8_out true when it has octets
 *         above 127; otherwise *local_out is empty
 */
enum bmx_local_form bmx_local_normalise(struct bmx_slice local,
                                        bool case_sensitive,
                                        char buffer[BMX_LOCAL_BUFFER],
                                        struct bmx_slice *local_out,
                                        bool *utf8_out);

/**
 * As bmx_local_normalise, for a local part in internal form, without quoting:
 * a '"' or '\\' in it is part of the name. Postfix sends sender and recipient
 * to a policy service in this form: for the client's "\"joe\""@example.test it
 * says "joe"@example.test, which is not joe's mailbox.
 */
enum bmx_local_form bmx_local_normalise_internal(
        struct bmx_slice local, bool case_sensitive,
        char buffer[BMX_LOCAL_BUFFER], struct bmx_slice *local_out,
        bool *utf8_out);

/**
 * Shortens *local, a normalised local part, to what stands before its last
 * delimiter character. "a+b+c" gives "a+b", then "a". Never cuts to nothing,
 * nor to the wildcard; delimiters is the set of characters, "" for none.
 * @return true when *local was shortened
 */
bool bmx_local_cut(struct bmx_slice *local, struct bmx_slice delimiters);

/** Is this normalised local part `postmaster` or `abuse` (RFC 5321 section
 * 4.5.1, RFC 2142), whatever its case? */
bool bmx_local_is_role(struct bmx_slice local);

#endif
