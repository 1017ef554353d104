/*
 * headers.h - the fields the milter adds, and the forged ones it takes out.
 *
 * Everything here is text in, text out; names and addresses are of peers and
 * hostile. Lines are ended by a bare line feed and folded with a tab, as
 * libmilter wants field bodies.
 *
 * Sources: RFC 7208 section 9.1 (Received-SPF), RFC 8601 sections 2.2, 2.7.2
 * and 5 (Authentication-Results), RFC 5322 section 3.2. Any thread.
 */
#ifndef BACKUPMX_MILTER_HEADERS_H
#define BACKUPMX_MILTER_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

#include "milter/checks/check.h"
#include "milter/spf/spf.h"

/** Field names as they are written. */
#define BMX_HEADER_RECEIVED_SPF "Received-SPF"
#define BMX_HEADER_AUTH_RESULTS "Authentication-Results"

/** Room for a field body of ours; addresses are cut well before. */
#define BMX_HEADER_BUFFER ((size_t)4096)
/** Octets of an address or name of a peer that are shown. */
#define BMX_HEADER_VALUE_MAX ((size_t)512)

/** What the fields tell. All slices but authserv_id are hostile. */
struct bmx_header_facts {
	struct bmx_slice authserv_id; /* hostname of the configuration */
	bool without_spf;             /* result and what follows are void */
	enum bmx_check_result iprev;  /* of reverse DNS; none: not told */
	enum bmx_spf_result result;
	bool helo_identity;      /* SPF was about HELO: sender is <> */
	struct bmx_slice client; /* address as text */
	struct bmx_slice sender; /* MAIL FROM without brackets */
	struct bmx_slice helo;
	struct bmx_slice problem; /* why not pass or fail; may be empty */
};

/**
 * Appends the body of Received-SPF.
 * @return 0, or -1 when it does not fit into text
 */
int bmx_headers_received_spf(struct bmx_text *text,
                             const struct bmx_header_facts *facts);

/**
 * Appends the body of Authentication-Results with the results of SPF and of
 * reverse DNS (iprev).
 * @return 0, or -1 when it does not fit into text
 */
int bmx_headers_auth_results(struct bmx_text *text,
                             const struct bmx_header_facts *facts);

/** Is this field name Authentication-Results, whatever its case and the
 * blanks behind it (RFC 5322 section 4.5.1 allows some before the colon)? */
bool bmx_headers_is_auth_results(struct bmx_slice name);

/**
 * Does the body of an Authentication-Results field claim to be from
 * authserv_id? Case, folding, comments and quotes do not hide it; a body that
 * cannot be read claims it as soon as the name is anywhere within.
 */
bool bmx_headers_claims(struct bmx_slice body, struct bmx_slice authserv_id);

#endif
