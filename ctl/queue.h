/*
 * queue.h - what waits in Postfix's queue, by recipient domain.
 *
 * Reads what `postqueue -j` writes, one JSON object a message and line, in
 * pieces of any size. Postfix's addresses and reasons are strangers' words:
 * they are cleaned and cut. A message with recipients in several domains
 * counts once in each. Not for several threads.
 *
 * Source: postqueue(1), "JSON OBJECT FORMAT".
 */
#ifndef BACKUPMX_CTL_QUEUE_H
#define BACKUPMX_CTL_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** Octets of a line that is read: a message with 50,000 recipients. A longer
 * one counts as unreadable. */
#define BMXCTL_QUEUE_LINE_MAX ((size_t)16 * 1024 * 1024)
/** Domains that are counted each for itself, beside those that were added;
 * the recipients of further ones are counted together. */
#define BMXCTL_QUEUE_OTHERS_MAX ((size_t)1000)

struct bmxctl_queue;
struct json_t; /* jansson's */

/** Returns an empty count the caller frees, or NULL when memory is short. */
struct bmxctl_queue *bmxctl_queue_new(void);

/** Frees *queue and sets it to NULL. NULL is fine. */
void bmxctl_queue_free(struct bmxctl_queue **queue);

/** Counts the domain name, which is normalised, whether or not anything waits
 * for it. @return 0, or -1 when memory is short */
int bmxctl_queue_add_domain(struct bmxctl_queue *queue, const char *name);

/** Takes the next piece. @return 0, or -1 when memory is short */
int bmxctl_queue_feed(struct bmxctl_queue *queue, struct bmx_slice piece);

/** The last piece has been fed: takes a line that has no end.
 * @return 0, or -1 when memory is short */
int bmxctl_queue_end(struct bmxctl_queue *queue);

/**
 * What was counted, as JSON: messages, recipients, bytes, bounces (messages
 * without a sender), unreadable, oldest_at and queues (messages by Postfix's
 * name of the queue), domains, others. oldest_at is that of the oldest message
 * that is not held, 0 for none; reason is why that one was deferred.
 * @return a new reference, or NULL when memory is short
 */
struct json_t *bmxctl_queue_json(const struct bmxctl_queue *queue);

#endif
