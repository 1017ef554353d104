/*
 * content.h - a session's message on its way to the scanners: collected while
 * it comes, judged when it is whole. Only messages whose first recipient's
 * domain has scanners are collected.
 */
#ifndef BACKUPMX_MILTER_CONTENT_H
#define BACKUPMX_MILTER_CONTENT_H

#include "milter/session.h"

/** Octets that envelope, replies and edits of one message may take. */
#define BMX_CONTENT_MEMORY_MAX ((size_t)4 * 1024 * 1024)
/** Fields that scanners together may take out of one message. */
#define BMX_CONTENT_REMOVALS_MAX ((size_t)256)

struct bmx_message;

/** What is kept of a message for its scanners. */
struct bmx_content {
	struct bmx_arena *arena; /* NULL: nothing is collected */
	struct bmx_spool *spool; /* NULL: no memory for it */
	struct bmx_slice *recipients;
	size_t recipient_count, recipient_room;
	struct bmx_scan_report *report; /* NULL: not judged */
};

/** A recipient was accepted; the first one begins the collection. */
void bmx_content_recipient(struct bmx_message *message,
                           struct bmx_slice recipient);

/** A header field. */
void bmx_content_field(struct bmx_message *message, struct bmx_slice name,
                       struct bmx_slice body);

/** Some of the body. */
void bmx_content_body(struct bmx_message *message, struct bmx_slice bytes);

/**
 * The message is whole: asks the scanners, counts their results.
 * @return what is said about it, BMX_SAY_NOTHING without scanners;
 *         *text_out is for the client, "" for none
 */
enum bmx_milter_reply bmx_content_judge(struct bmx_session *session,
                                        struct bmx_slice queue_id,
                                        const char **text_out);

/** Adds what scanners want changed to *edits, which has our own changes. */
void bmx_content_edit(struct bmx_message *message,
                      struct bmx_session_edits *edits);

/** Appends ",scanner:NAME:result:detail" for each scanner. */
void bmx_content_describe(const struct bmx_content *content,
                          struct bmx_text *text);

/** Forgets all. */
void bmx_content_clear(struct bmx_content *content);

#endif
