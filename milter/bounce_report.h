/*
 * bounce_report.h - reads a bounce as it streams by: of which message, from
 * whom, to whom, why, and the seal in the header that it brings back.
 *
 *	multipart/report
 *	    text/plain                  skipped
 *	    message/delivery-status     read, the first one
 *	    message/rfc822 or text/rfc822-headers: its header is read, of the
 *	                                first one behind the delivery-status
 *
 * What is in the message that comes back is its sender's: a boundary, a report
 * or a whole bounce in there changes nothing about the parts before. Memory is
 * that of the struct, whatever comes. RFC 3462, RFC 3464; Postfix 3.7.
 *
 * Pure; one thread at a time.
 */
#ifndef BACKUPMX_MILTER_BOUNCE_REPORT_H
#define BACKUPMX_MILTER_BOUNCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>

#include "milter/seal.h"

/** Octets of an address that are kept, terminator included. */
#define BMX_REPORT_ADDRESS_SIZE ((size_t)512)
/** Octets of one field that are looked at, folding included. */
#define BMX_REPORT_FIELD_MAX ((size_t)2048)
/** Octets of a boundary; RFC 2046 allows 70. */
#define BMX_REPORT_BOUNDARY_MAX ((size_t)250)
/** Recipients that the primary does not know and that are kept. */
#define BMX_REPORT_GONE_MAX ((size_t)32)

/** What happened to a recipient (RFC 3464 section 2.3.3). */
enum bmx_report_action {
	BMX_REPORT_OTHER, /* relayed, expanded, or none of them */
	BMX_REPORT_FAILED,
	BMX_REPORT_DELAYED,
	BMX_REPORT_DELIVERED,
};

struct bmx_report_recipient {
	char address[BMX_REPORT_ADDRESS_SIZE];
	char status[16]; /* "5.1.1" */
	enum bmx_report_action action;
};

/** What was read; text of a bounce is hostile. */
struct bmx_bounce_facts {
	bool is_report;  /* multipart/report; if not, nothing else is known */
	bool has_status; /* there was a delivery-status part */
	bool has_sender; /* and it named the sender, who may be empty */
	bool cut;        /* something of what counts was too long */
	char queue_id[BMX_SEAL_QUEUE_ID_MAX + 1]; /* "": none */
	char sender[BMX_REPORT_ADDRESS_SIZE];
	size_t recipients;
	struct bmx_report_recipient
		first; /* of them; void when there is none */
	/* Failed with 5.1.1, as far as there is room. */
	char gone[BMX_REPORT_GONE_MAX][BMX_REPORT_ADDRESS_SIZE];
	size_t gone_count;
	char seal[BMX_SEAL_TEXT_MAX]; /* "": none came back */
};

enum bmx_report_place {
	BMX_REPORT_PREAMBLE,
	BMX_REPORT_PART_HEADER,
	BMX_REPORT_PART_SKIPPED,
	BMX_REPORT_STATUS,
	BMX_REPORT_RETURNED_HEADER,
	BMX_REPORT_EPILOGUE,
};

enum bmx_report_part { /* what the part under way is */
	               BMX_REPORT_PART_OTHER,
	               BMX_REPORT_PART_STATUS,
	               BMX_REPORT_PART_RETURNED,
};

/** A bounce under way; for bounce_report.c alone but for facts. */
struct bmx_bounce_report {
	struct bmx_bounce_facts facts;
	enum bmx_report_place place;
	enum bmx_report_part part;
	bool returned_seen;
	bool line_cut; /* the line under way is longer than line[] */
	size_t groups; /* of the delivery-status part, ended ones */
	size_t fields; /* of the group under way */
	struct bmx_report_recipient recipient; /* of the group under way */
	char boundary[BMX_REPORT_BOUNDARY_MAX];
	size_t boundary_len;
	char line[BMX_REPORT_FIELD_MAX];
	size_t line_len;
	char field[BMX_REPORT_FIELD_MAX]; /* the one that may be continued */
	size_t field_len;
	bool field_cut;
};

/** Begins. */
void bmx_bounce_report_init(struct bmx_bounce_report *report);

/** One header field of the bounce itself. */
void bmx_bounce_report_header(struct bmx_bounce_report *report,
                              struct bmx_slice name, struct bmx_slice body);

/** Some of its body, cut anywhere. */
void bmx_bounce_report_body(struct bmx_bounce_report *report,
                            struct bmx_slice octets);

/** The bounce is whole; facts are complete. */
void bmx_bounce_report_end(struct bmx_bounce_report *report);

/** "failed", "delayed", "delivered", "other". */
const char *bmx_report_action_name(enum bmx_report_action action);

#endif
