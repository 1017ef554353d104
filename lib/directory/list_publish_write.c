#include "list_publish_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>
#include <backupmx/list_publish.h>

#include "list_member.h"

/* Members of one SADD or SREM: Redis does not serve others meanwhile. */
#define CHUNK_MEMBERS ((size_t)500)
/* Members sent together, and their octets: within the link's caps. */
#define BATCH_MEMBERS ((size_t)8000)
#define BATCH_BYTES ((size_t)256 * 1024)
/* Octets of a number as text. */
#define NUMBER_MAX ((size_t)24)

/* The text that a transaction's commands point to. */
struct texts {
	struct bmx_publication_fields meta;
	char id[NUMBER_MAX + 2];
	char previous[NUMBER_MAX];
	char count[NUMBER_MAX];
	char digest[NUMBER_MAX];
	char expire[NUMBER_MAX];
	char channel[BMX_PUBLICATION_KEY_MAX];
	char message[BMX_DOMAIN_MAX + NUMBER_MAX + 2];
};

/*
 * The transaction.
 */

/* Watches meta and set, and looks whether they are still what the new list was
 * compared with. */
static int
watch(const struct bmx_list_publish_write *write, bmx_redis_epoch *epoch_out,
      struct bmx_error *err)
{
	const struct bmx_list_remote *then = write->remote;
	struct bmx_list_remote now;

	if (bmx_list_link_read_meta(write->link, BMX_LIST_WATCH, &now, err) !=
	    0)
		return -1;
	*epoch_out = now.epoch;
	if (now.found == then->found &&
	    (now.found != BMX_PUBLICATION_FOUND ||
	     (now.publication.generation == then->publication.generation &&
	      now.publication.digest == then->publication.digest &&
	      now.members == then->members &&
	      strcmp(now.publication.list, then->publication.list) == 0)))
		return 0;
	return bmx_error_set(err, BMX_E_BUSY,
	                     "another publisher was first; nothing was "
	                     "changed: run it again");
}

static void
put_meta(const struct bmx_list_publish_write *write,
         struct bmx_list_batch *batch, struct texts *texts)
{
	bmx_publication_to_fields(&write->publication, &texts->meta);
	bmx_list_batch_command(batch, "HSET");
	bmx_list_batch_add_string(batch, write->link->meta);
	for (size_t i = 0; i < BMX_PUBLICATION_FIELDS; i++) {
		bmx_list_batch_add_string(batch, texts->meta.field[i].name);
		bmx_list_batch_add_string(batch, texts->meta.field[i].value);
	}
}

static void
put_message(const struct bmx_list_publish_write *write,
            struct bmx_list_batch *batch, struct texts *texts)
{
	struct bmx_text text;

	bmx_text_init(&text, texts->channel, sizeof(texts->channel));
	bmx_publication_append_channel(&text, write->link->settings->prefix);
	bmx_text_init(&text, texts->message, sizeof(texts->message));
	bmx_publication_append_message(&text, write->link->domain,
	                               write->publication.generation);
	bmx_list_batch_command(batch, "PUBLISH");
	bmx_list_batch_add_string(batch, texts->channel);
	bmx_list_batch_add_string(batch, texts->message);
}

static int
check_exec(const struct bmx_list_replies *replies, struct bmx_error *err)
{
	const struct bmx_redis_reply *exec = &replies->at[replies->count - 1];

	for (size_t i = 0; i < replies->count; i++)
		if (replies->at[i].type == BMX_REDIS_ERROR)
			return bmx_list_link_unexpected(
				&replies->at[i], "publishing the list", err);
	if (exec->type == BMX_REDIS_NIL)
		return bmx_error_set(err, BMX_E_BUSY,
		                     "another publisher was first; nothing was "
		                     "changed: run it again");
	if (exec->type != BMX_REDIS_ARRAY)
		return bmx_list_link_unexpected(exec, "publishing the list",
		                                err);
	for (size_t i = 0; i < exec->count; i++)
		if (exec->element[i].type == BMX_REDIS_ERROR)
			return bmx_list_link_unexpected(
				&exec->element[i], "publishing the list", err);
	return 0;
}

/* Sends a transaction, from MULTI to EXEC, on the watched connection. */
static int
execute(const struct bmx_list_publish_write *write,
        struct bmx_list_batch *batch, bmx_redis_epoch epoch,
        struct bmx_error *err)
{
	struct bmx_list_replies replies;
	int rc;

	bmx_list_batch_command(batch, "EXEC");
	if (bmx_list_link_call(write->link, batch, epoch, BMX_LIST_LINK_BULK_MS,
	                       &replies, err) != 0)
		return -1;
	rc = check_exec(&replies, err);
	bmx_list_replies_release(&replies);
	return rc;
}

/*
 * A delta.
 */

static void
put_members(struct bmx_list_batch *batch, const char *command, const char *key,
            const struct bmx_list_members *members)
{
	struct bmx_slice rest = {members->data, members->len};
	struct bmx_slice member;

	for (size_t i = 0; bmx_publication_next_member(&rest, &member) > 0;
	     i++) {
		if (i % CHUNK_MEMBERS == 0) {
			bmx_list_batch_command(batch, command);
			bmx_list_batch_add_string(batch, key);
		}
		bmx_list_batch_add(batch, member);
	}
}

/* How many entries the log keeps: fewer when they are large, so that it stays
 * at some 100,000 changes. */
static const char *
log_length(const struct bmx_list_diff *diff)
{
	const uint64_t changes = diff->added + diff->removed + diff->changed;

	if (changes <= 100)
		return "1000";
	return changes <= 1000 ? "100" : "10";
}

static void
put_log(const struct bmx_list_publish_write *write,
        struct bmx_list_batch *batch, struct texts *texts)
{
	const struct bmx_publication *p = &write->publication;
	const struct bmx_list_diff *diff = write->diff;

	(void)snprintf(texts->id, sizeof(texts->id), "%" PRIu64 "-0",
	               p->generation);
	(void)snprintf(texts->previous, sizeof(texts->previous), "%" PRIu64,
	               write->remote->publication.generation);
	(void)snprintf(texts->count, sizeof(texts->count), "%" PRIu64,
	               p->count);
	(void)snprintf(texts->digest, sizeof(texts->digest), "%016" PRIx64,
	               p->digest);
	bmx_list_batch_command(batch, "XADD");
	bmx_list_batch_add_string(batch, write->link->log);
	bmx_list_batch_add_string(batch, "MAXLEN");
	bmx_list_batch_add_string(batch, "~");
	bmx_list_batch_add_string(batch, log_length(diff));
	bmx_list_batch_add_string(batch, texts->id);
	bmx_list_batch_add_string(batch, "previous");
	bmx_list_batch_add_string(batch, texts->previous);
	bmx_list_batch_add_string(batch, "count");
	bmx_list_batch_add_string(batch, texts->count);
	bmx_list_batch_add_string(batch, "digest");
	bmx_list_batch_add_string(batch, texts->digest);
	bmx_list_batch_add_string(batch, "removed");
	bmx_list_batch_add(batch,
	                   (struct bmx_slice){diff->gone.data, diff->gone.len});
	bmx_list_batch_add_string(batch, "added");
	bmx_list_batch_add(batch,
	                   (struct bmx_slice){diff->come.data, diff->come.len});
}

int
bmx_list_publish_delta(struct bmx_list_publish_write *write,
                       struct bmx_error *err)
{
	const char *key = write->remote->publication.list;
	struct bmx_list_batch batch = {0};
	bmx_redis_epoch epoch;
	struct texts *texts;
	int rc;

	if (watch(write, &epoch, err) != 0)
		return -1;
	texts = malloc(sizeof(*texts));
	if (!texts)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a publication");
	memcpy(write->publication.list, key, sizeof(write->publication.list));
	bmx_list_batch_command(&batch, "MULTI");
	put_members(&batch, "SREM", key, &write->diff->gone);
	put_members(&batch, "SADD", key, &write->diff->come);
	put_meta(write, &batch, texts);
	put_log(write, &batch, texts);
	put_message(write, &batch, texts);
	rc = execute(write, &batch, epoch, err);
	bmx_list_batch_clear(&batch);
	free(texts);
	return rc;
}

/*
 * A full load.
 */

/* A name that no other publisher takes. */
static void
name_set(struct bmx_list_publish_write *write)
{
	uint8_t random[BMX_SIPHASH_KEY_SIZE];
	struct bmx_text text;

	bmx_siphash_random_key(random);
	bmx_text_init(&text, write->publication.list,
	              sizeof(write->publication.list));
	bmx_text_append_string(&text, write->link->list);
	bmx_text_append_char(&text, ':');
	for (size_t i = 0; i < 8; i++)
		bmx_text_printf(&text, "%02x", random[i]);
}

static int
check_integers(const struct bmx_list_replies *replies, struct bmx_error *err)
{
	for (size_t i = 0; i < replies->count; i++)
		if (replies->at[i].type != BMX_REDIS_INTEGER)
			return bmx_list_link_unexpected(
				&replies->at[i], "writing a new list", err);
	return 0;
}

/* Sends commands that all answer with an integer; *last_out is the last. */
static int
send_batch(const struct bmx_list_publish_write *write,
           const struct bmx_list_batch *batch, int64_t *last_out,
           struct bmx_error *err)
{
	struct bmx_list_replies replies;
	int rc;

	if (bmx_list_link_call(write->link, batch, 0, BMX_LIST_LINK_BULK_MS,
	                       &replies, err) != 0)
		return -1;
	rc = check_integers(&replies, err);
	*last_out = replies.at[replies.count - 1].integer;
	bmx_list_replies_release(&replies);
	return rc;
}

static void
put_expire(struct bmx_list_batch *batch, const char *key,
           char seconds[NUMBER_MAX])
{
	(void)snprintf(seconds, NUMBER_MAX, "%d", BMX_LIST_PUBLISH_EXPIRE_S);
	bmx_list_batch_command(batch, "EXPIRE");
	bmx_list_batch_add_string(batch, key);
	bmx_list_batch_add_string(batch, seconds);
}

/* Takes as many entries from *at on as go together. */
static void
put_some(const struct bmx_list_publish_write *write,
         struct bmx_list_batch *batch, char (*members)[BMX_LIST_MEMBER_MAX],
         size_t *at)
{
	const struct bmx_list *list = write->list;

	for (size_t i = 0; i < BATCH_MEMBERS && *at < list->count &&
	     batch->bytes < BATCH_BYTES;
	     i++) {
		if (i % CHUNK_MEMBERS == 0) {
			bmx_list_batch_command(batch, "SADD");
			bmx_list_batch_add_string(batch,
			                          write->publication.list);
		}
		bmx_list_batch_add(
			batch,
			bmx_list_member_of(&list->entries[*at], members[i]));
		(*at)++;
	}
}

/* Fills the new set. It expires with every batch anew, so that it does not
 * stay when this program does not come to its end. */
static int
fill(const struct bmx_list_publish_write *write,
     char (*members)[BMX_LIST_MEMBER_MAX], struct bmx_error *err)
{
	const uint64_t want = write->list->count;
	struct bmx_list_batch batch = {0};
	char seconds[NUMBER_MAX];
	int64_t last = 0;
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < want;) {
		bmx_list_batch_reset(&batch);
		put_some(write, &batch, members, &at);
		put_expire(&batch, write->publication.list, seconds);
		rc = send_batch(write, &batch, &last, err);
	}
	bmx_list_batch_reset(&batch);
	bmx_list_batch_command(&batch, "SCARD");
	bmx_list_batch_add_string(&batch, write->publication.list);
	if (rc == 0)
		rc = send_batch(write, &batch, &last, err);
	bmx_list_batch_clear(&batch);
	if (rc == 0 && (uint64_t)last != want)
		rc = bmx_error_set(err, BMX_E_CORRUPT,
		                   "the new list has %" PRId64 " of %" PRIu64
		                   " members; nothing was changed",
		                   last, want);
	return rc;
}

/* The set that was in force stays a while for followers that read it. What
 * stands there and is not ours goes: --force was said. */
static void
put_end_of_old(const struct bmx_list_publish_write *write,
               struct bmx_list_batch *batch, struct texts *texts)
{
	if (write->remote->found == BMX_PUBLICATION_FOREIGN) {
		bmx_list_batch_command(batch, "DEL");
		bmx_list_batch_add_string(batch, write->link->meta);
	}
	if (write->remote->found == BMX_PUBLICATION_FOUND)
		put_expire(batch, write->remote->publication.list,
		           texts->expire);
	bmx_list_batch_command(batch, "DEL");
	bmx_list_batch_add_string(batch, write->link->log);
}

static int
switch_over(struct bmx_list_publish_write *write, struct texts *texts,
            struct bmx_error *err)
{
	struct bmx_list_batch batch = {0};
	bmx_redis_epoch epoch;
	int rc;

	if (watch(write, &epoch, err) != 0)
		return -1;
	bmx_list_batch_command(&batch, "MULTI");
	bmx_list_batch_command(&batch, "PERSIST");
	bmx_list_batch_add_string(&batch, write->publication.list);
	put_end_of_old(write, &batch, texts);
	put_meta(write, &batch, texts);
	put_message(write, &batch, texts);
	rc = execute(write, &batch, epoch, err);
	bmx_list_batch_clear(&batch);
	return rc;
}

/* Not waited for with any hope: the set expires by itself. */
static void
drop_set(const struct bmx_list_publish_write *write)
{
	struct bmx_list_batch batch = {0};
	struct bmx_error ignored;
	int64_t last;

	bmx_list_batch_command(&batch, "UNLINK");
	bmx_list_batch_add_string(&batch, write->publication.list);
	(void)send_batch(write, &batch, &last, &ignored);
	bmx_list_batch_clear(&batch);
}

int
bmx_list_publish_full(struct bmx_list_publish_write *write,
                      struct bmx_error *err)
{
	char(*members)[BMX_LIST_MEMBER_MAX] =
		malloc(BATCH_MEMBERS * sizeof(*members));
	struct texts *texts = malloc(sizeof(*texts));
	struct bmx_error why = {.code = BMX_E_NOMEM,
	                        .text = "no memory for a publication"};
	int rc = -1;

	name_set(write);
	if (members && texts) {
		rc = fill(write, members, &why);
		if (rc == 0)
			rc = switch_over(write, texts, &why);
		/* After a time-out the new set may be the one in force. */
		if (rc != 0 && why.code != BMX_E_TIMEOUT &&
		    why.code != BMX_E_CLOSED)
			drop_set(write);
	}
	free(members);
	free(texts);
	if (rc != 0 && err)
		*err = why;
	return rc;
}
