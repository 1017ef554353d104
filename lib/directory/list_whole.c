/* Reading a whole set while it may change. */
#include "list_link.h"

#include <inttypes.h>
#include <string.h>

/* Members that one SSCAN asks for: some ms of Redis's time. */
#define SCAN_COUNT "4000"
/* Octets of a cursor: a number of 64 bits. */
#define CURSOR_MAX ((size_t)24)
/* SSCAN may show a member again, but not without end. */
#define SCAN_FACTOR 4
#define SCAN_SPARE ((size_t)100 * 1000)
/* How often a set that is replaced while it is read is begun anew. */
#define WHOLE_TRIES 5

/* Takes the members of one reply and the next cursor. */
static int
take_scan(const struct bmx_redis_reply *reply, char cursor[CURSOR_MAX],
          struct bmx_list_changes *changes, struct bmx_error *err)
{
	const struct bmx_redis_reply *next, *members;

	if (reply->type != BMX_REDIS_ARRAY || reply->count != 2 ||
	    reply->element[0].type != BMX_REDIS_STRING ||
	    reply->element[0].text.len >= CURSOR_MAX ||
	    reply->element[1].type != BMX_REDIS_ARRAY)
		return bmx_list_link_unexpected(reply, "reading the list", err);
	next = &reply->element[0];
	members = &reply->element[1];
	for (size_t i = 0; i < members->count; i++) {
		if (members->element[i].type != BMX_REDIS_STRING)
			return bmx_list_link_unexpected(
				&members->element[i], "reading the list", err);
		if (bmx_list_changes_add(changes, true,
		                         members->element[i].text, err) != 0)
			return -1;
	}
	memcpy(cursor, next->text.data, next->text.len);
	cursor[next->text.len] = '\0';
	return 0;
}

static int
scan(const struct bmx_list_link *link, const struct bmx_publication *p,
     struct bmx_list_changes *changes, struct bmx_error *err)
{
	const uint64_t most = p->count * SCAN_FACTOR + SCAN_SPARE;
	struct bmx_list_batch batch = {0};
	struct bmx_list_replies replies;
	char cursor[CURSOR_MAX] = "0";
	int rc;

	do {
		bmx_list_batch_reset(&batch);
		bmx_list_batch_command(&batch, "SSCAN");
		bmx_list_batch_add_string(&batch, p->list);
		bmx_list_batch_add_string(&batch, cursor);
		bmx_list_batch_add_string(&batch, "COUNT");
		bmx_list_batch_add_string(&batch, SCAN_COUNT);
		rc = bmx_list_link_call(link, &batch, 0, BMX_LIST_LINK_BULK_MS,
		                        &replies, err);
		if (rc != 0)
			break;
		rc = take_scan(&replies.at[0], cursor, changes, err);
		bmx_list_replies_release(&replies);
		if (rc == 0 && bmx_list_changes_count(changes) > most)
			rc = bmx_error_set(err, BMX_E_CORRUPT,
			                   "%s: more members than its meta "
			                   "says",
			                   p->list);
	} while (rc == 0 && strcmp(cursor, "0") != 0);
	bmx_list_batch_clear(&batch);
	return rc;
}

/* What was published while the set was read. @return 1, 0 when that cannot be
 * told from the log: begin anew; -1 with *err */
static int
catch_up(const struct bmx_list_link *link, struct bmx_list_remote *remote,
         struct bmx_list_changes *changes, struct bmx_error *err)
{
	const struct bmx_publication before = remote->publication;

	if (bmx_list_link_read_meta(link, BMX_LIST_NO_WATCH, remote, err) != 0)
		return -1;
	if (remote->found != BMX_PUBLICATION_FOUND || !remote->set_found ||
	    remote->members != remote->publication.count ||
	    remote->publication.generation < before.generation)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "the published list was lost while it "
		                     "was read");
	if (remote->publication.generation == before.generation)
		return 1;
	if (strcmp(remote->publication.list, before.list) != 0)
		return 0;
	return bmx_list_link_read_log(link, before.generation,
	                              remote->publication.generation, changes,
	                              err);
}

int
bmx_list_link_read_whole(const struct bmx_list_link *link, bool case_sensitive,
                         struct bmx_list_remote *remote,
                         struct bmx_list_changes **changes_out,
                         struct bmx_error *err)
{
	for (int i = 0; i < WHOLE_TRIES; i++) {
		struct bmx_list_changes *changes =
			bmx_list_changes_new(case_sensitive);
		int rc = changes ?
			scan(link, &remote->publication, changes, err) :
			bmx_error_set(err, BMX_E_NOMEM,
		                      "no memory for the list");

		if (rc == 0)
			rc = catch_up(link, remote, changes, err);
		if (rc > 0) {
			*changes_out = changes;
			return 0;
		}
		bmx_list_changes_free(&changes);
		if (rc < 0)
			return -1;
	}
	return bmx_error_set(err, BMX_E_BUSY,
	                     "the published list changes faster than it can "
	                     "be read");
}
