#include "list_link.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <backupmx/loop.h>
#include <backupmx/text.h>
#include <backupmx/units.h>

/* Longest wait for the first answer of a link, which has to connect and may
 * have to try several servers, ms. */
#define FIRST_CALL_MS ((int64_t)5 * 1000)
/* How often meta and set are read anew when one was changed in between. */
#define META_TRIES 10
/* Octets of a server's words that an error shows. */
#define SHOWN_MAX ((size_t)160)

int
bmx_list_link_open(struct bmx_list_link *link,
                   const struct bmx_config_redis *settings,
                   struct bmx_slice domain, const char *client_name,
                   struct bmx_error *err)
{
	const struct bmx_redis_options options = {.settings = settings,
	                                          .client_name = client_name};
	struct bmx_text text;

	memset(link, 0, sizeof(*link));
	link->settings = settings;
	link->domain = domain;
	bmx_text_init(&text, link->meta, sizeof(link->meta));
	bmx_publication_append_key(&text, settings->prefix, domain,
	                           BMX_PUBLICATION_META);
	bmx_text_init(&text, link->list, sizeof(link->list));
	bmx_publication_append_key(&text, settings->prefix, domain,
	                           BMX_PUBLICATION_LIST);
	bmx_text_init(&text, link->log, sizeof(link->log));
	bmx_publication_append_key(&text, settings->prefix, domain,
	                           BMX_PUBLICATION_LOG);
	link->loop = bmx_loop_new();
	if (!link->loop)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for a link to Redis");
	link->redis = bmx_redis_new(link->loop, &options, err);
	if (link->redis)
		return 0;
	bmx_list_link_close(link);
	return -1;
}

void
bmx_list_link_close(struct bmx_list_link *link)
{
	bmx_redis_free(&link->redis);
	bmx_loop_free(&link->loop);
}

int
bmx_list_link_unexpected(const struct bmx_redis_reply *reply, const char *what,
                         struct bmx_error *err)
{
	static const struct {
		const char *class;
		enum bmx_error_code code;
	} classes[] = {
		{"NOPERM", BMX_E_PERMISSION},   {"NOAUTH", BMX_E_PERMISSION},
		{"READONLY", BMX_E_PERMISSION}, {"OOM", BMX_E_FULL},
		{"MISCONF", BMX_E_FULL},        {"WRONGTYPE", BMX_E_CORRUPT},
		{"LOADING", BMX_E_CLOSED},      {"MASTERDOWN", BMX_E_CLOSED},
		{"CLUSTERDOWN", BMX_E_CLOSED},  {"TRYAGAIN", BMX_E_CLOSED},
		{"NOREPLICAS", BMX_E_CLOSED},   {"BUSY", BMX_E_CLOSED},
	};
	enum bmx_error_code code = BMX_E_IO;
	char shown[SHOWN_MAX + 8];
	struct bmx_text text;

	if (reply->type != BMX_REDIS_ERROR)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "%s: Redis answered what was not asked",
		                     what);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (bmx_redis_is_error(reply, classes[i].class))
			code = classes[i].code;
	bmx_text_init(&text, shown, sizeof(shown));
	bmx_text_append_clean(&text, reply->text, SHOWN_MAX);
	return bmx_error_set(err, code, "%s: %s", what, shown);
}

/*
 * The meta.
 */

/* Takes HGETALL's reply. @return 0, or -1 with *err: Redis cannot say */
static int
take_meta(const struct bmx_list_link *link, const struct bmx_redis_reply *reply,
          struct bmx_list_remote *remote, struct bmx_error *err)
{
	struct bmx_publication_reader reader;

	if (bmx_redis_is_error(reply, "WRONGTYPE")) {
		(void)bmx_error_set(&remote->foreign, BMX_E_CORRUPT,
		                    "%s is not a hash", link->meta);
		remote->found = BMX_PUBLICATION_FOREIGN;
		return 0;
	}
	if (reply->type != BMX_REDIS_ARRAY)
		return bmx_list_link_unexpected(reply, link->meta, err);
	if (reply->count == 0) {
		remote->found = BMX_PUBLICATION_ABSENT;
		return 0;
	}
	bmx_publication_begin(&reader);
	for (size_t i = 0; i + 1 < reply->count; i += 2)
		if (reply->element[i].type == BMX_REDIS_STRING &&
		    reply->element[i + 1].type == BMX_REDIS_STRING)
			bmx_publication_field(&reader, reply->element[i].text,
			                      reply->element[i + 1].text);
	remote->found = BMX_PUBLICATION_FOUND;
	if (bmx_publication_end(&reader, link->settings->prefix, link->domain,
	                        &remote->publication, &remote->foreign) != 0)
		remote->found = BMX_PUBLICATION_FOREIGN;
	return 0;
}

/* Takes SCARD's reply. */
static int
take_members(const struct bmx_redis_reply *reply,
             struct bmx_list_remote *remote, struct bmx_error *err)
{
	remote->set_found = reply->type == BMX_REDIS_INTEGER;
	remote->members = remote->set_found && reply->integer > 0 ?
		(uint64_t)reply->integer :
		0;
	if (remote->set_found || bmx_redis_is_error(reply, "WRONGTYPE"))
		return 0;
	return bmx_list_link_unexpected(reply, remote->publication.list, err);
}

static int
read_meta_alone(const struct bmx_list_link *link, int64_t timeout_ms,
                struct bmx_list_remote *remote, struct bmx_error *err)
{
	struct bmx_list_batch batch = {0};
	struct bmx_list_replies replies;
	int rc;

	memset(remote, 0, sizeof(*remote));
	bmx_list_batch_command(&batch, "HGETALL");
	bmx_list_batch_add_string(&batch, link->meta);
	rc = bmx_list_link_call(link, &batch, 0, timeout_ms, &replies, err);
	if (rc == 0) {
		remote->epoch = replies.result.epoch;
		rc = take_meta(link, &replies.at[0], remote, err);
		bmx_list_replies_release(&replies);
	}
	bmx_list_batch_clear(&batch);
	return rc;
}

static bool
is_same(const struct bmx_list_remote *a, const struct bmx_list_remote *b)
{
	return a->found == b->found &&
		(a->found != BMX_PUBLICATION_FOUND ||
	         (a->publication.generation == b->publication.generation &&
	          a->publication.digest == b->publication.digest &&
	          strcmp(a->publication.list, b->publication.list) == 0));
}

/* Takes meta, members and meta again. @return 1; 0 when the list was changed
 * in between, or is not the one whose members were counted; -1 with *err */
static int
take_both(const struct bmx_list_link *link, const struct bmx_redis_reply *both,
          const char *counted, struct bmx_list_remote *remote,
          struct bmx_error *err)
{
	struct bmx_list_remote again = {0};

	if (take_meta(link, &both[0], remote, err) != 0 ||
	    take_meta(link, &both[2], &again, err) != 0)
		return -1;
	if (!is_same(remote, &again))
		return 0;
	if (remote->found != BMX_PUBLICATION_FOUND)
		return 1;
	if (strcmp(remote->publication.list, counted) != 0)
		return 0;
	return take_members(&both[1], remote, err) == 0 ? 1 : -1;
}

/* Reads meta and the members of the set that *remote names so far, as they are
 * at one moment: between two equal metas. Not in a MULTI, which a server that
 * is full refuses. The WATCH stands before the reading, so that it covers it.
 * @return as take_both */
static int
read_both(const struct bmx_list_link *link, enum bmx_list_watch watch,
          struct bmx_list_remote *remote, struct bmx_error *err)
{
	const struct bmx_list_remote named = *remote;
	const size_t first = watch == BMX_LIST_WATCH ? 1 : 0;
	struct bmx_list_batch batch = {0};
	struct bmx_list_replies replies;
	int rc;

	if (watch == BMX_LIST_WATCH) {
		bmx_list_batch_command(&batch, "WATCH");
		bmx_list_batch_add_string(&batch, link->meta);
		bmx_list_batch_add_string(&batch, named.publication.list);
	}
	bmx_list_batch_command(&batch, "HGETALL");
	bmx_list_batch_add_string(&batch, link->meta);
	bmx_list_batch_command(&batch, "SCARD");
	bmx_list_batch_add_string(&batch, named.publication.list);
	bmx_list_batch_command(&batch, "HGETALL");
	bmx_list_batch_add_string(&batch, link->meta);
	rc = bmx_list_link_call(link, &batch, 0, FIRST_CALL_MS, &replies, err);
	bmx_list_batch_clear(&batch);
	if (rc != 0)
		return -1;
	memset(remote, 0, sizeof(*remote));
	remote->epoch = replies.result.epoch;
	if (first == 1 && replies.at[0].type == BMX_REDIS_ERROR)
		rc = bmx_list_link_unexpected(&replies.at[0], link->meta, err);
	else
		rc = take_both(link, &replies.at[first], named.publication.list,
		               remote, err);
	bmx_list_replies_release(&replies);
	return rc;
}

int
bmx_list_link_read_meta(const struct bmx_list_link *link,
                        enum bmx_list_watch watch,
                        struct bmx_list_remote *remote_out,
                        struct bmx_error *err)
{
	if (read_meta_alone(link, FIRST_CALL_MS, remote_out, err) != 0)
		return -1;
	for (int i = 0; i < META_TRIES; i++) {
		int rc;

		/* Nothing is there whose members could be counted; a WATCH
		 * is due all the same, so the prefix stands in for the set. */
		if (remote_out->found != BMX_PUBLICATION_FOUND &&
		    watch == BMX_LIST_NO_WATCH)
			return 0;
		if (remote_out->found != BMX_PUBLICATION_FOUND)
			memcpy(remote_out->publication.list, link->list,
			       sizeof(link->list));
		rc = read_both(link, watch, remote_out, err);
		if (rc != 0)
			return rc > 0 ? 0 : -1;
	}
	return bmx_error_set(err, BMX_E_BUSY,
	                     "the published list is replaced again and again");
}

/*
 * The log.
 */

/* Entries that one XRANGE asks for: of the largest a reply stays within its
 * cap. */
#define LOG_ENTRIES "8"
/* How many times it is asked: far more than a publisher's log holds. */
#define LOG_ROUNDS_MAX 1000
/* Steps of a log past which the set itself is read instead. */
#define LOG_STEPS_MAX ((size_t)500 * 1000)

static int
add_members(struct bmx_list_changes *changes, bool present,
            struct bmx_slice members, struct bmx_error *err)
{
	struct bmx_slice member;
	int rc;

	while ((rc = bmx_publication_next_member(&members, &member)) > 0)
		if (bmx_list_changes_add(changes, present, member, err) != 0)
			return -1;
	return rc == 0 ?
		0 :
		bmx_error_set(err, BMX_E_CORRUPT, "an entry of the log is cut");
}

static int
parse_entry(const struct bmx_redis_reply *reply,
            struct bmx_publication_entry *entry, struct bmx_error *err)
{
	struct bmx_publication_entry_reader reader;
	const struct bmx_redis_reply *fields;

	if (reply->type != BMX_REDIS_ARRAY || reply->count != 2 ||
	    reply->element[0].type != BMX_REDIS_STRING ||
	    reply->element[1].type != BMX_REDIS_ARRAY)
		return bmx_list_link_unexpected(reply, "the log", err);
	fields = &reply->element[1];
	bmx_publication_entry_begin(&reader, reply->element[0].text);
	for (size_t i = 0; i + 1 < fields->count; i += 2)
		if (fields->element[i].type == BMX_REDIS_STRING &&
		    fields->element[i + 1].type == BMX_REDIS_STRING)
			bmx_publication_entry_field(
				&reader, fields->element[i].text,
				fields->element[i + 1].text);
	return bmx_publication_entry_end(&reader, entry, err);
}

/* Takes the entries that follow on *after and moves it on.
 * @return 1, 0 when they do not follow on it, -1 with *err */
static int
take_entries(const struct bmx_redis_reply *reply, uint64_t *after,
             struct bmx_list_changes *changes, struct bmx_error *err)
{
	if (reply->type != BMX_REDIS_ARRAY)
		return bmx_list_link_unexpected(reply, "the log", err);
	for (size_t i = 0; i < reply->count; i++) {
		struct bmx_publication_entry entry;

		if (parse_entry(&reply->element[i], &entry, err) != 0)
			return -1;
		if (entry.previous != *after)
			return 0;
		if (add_members(changes, false, entry.removed, err) != 0 ||
		    add_members(changes, true, entry.added, err) != 0)
			return -1;
		*after = entry.generation;
	}
	return reply->count > 0;
}

int
bmx_list_link_read_log(const struct bmx_list_link *link, uint64_t after,
                       uint64_t upto, struct bmx_list_changes *changes,
                       struct bmx_error *err)
{
	struct bmx_list_batch batch = {0};
	const size_t most = bmx_list_changes_count(changes) + LOG_STEPS_MAX;
	struct bmx_list_replies replies;
	char from[32], to[32];
	int rc = 1;

	(void)snprintf(to, sizeof(to), "%" PRIu64 "-0", upto);
	for (int round = 0; rc > 0 && after < upto; round++) {
		(void)snprintf(from, sizeof(from), "(%" PRIu64 "-0", after);
		bmx_list_batch_reset(&batch);
		bmx_list_batch_command(&batch, "XRANGE");
		bmx_list_batch_add_string(&batch, link->log);
		bmx_list_batch_add_string(&batch, from);
		bmx_list_batch_add_string(&batch, to);
		bmx_list_batch_add_string(&batch, "COUNT");
		bmx_list_batch_add_string(&batch, LOG_ENTRIES);
		rc = bmx_list_link_call(link, &batch, 0, BMX_LIST_LINK_BULK_MS,
		                        &replies, err);
		if (rc != 0)
			break;
		rc = take_entries(&replies.at[0], &after, changes, err);
		bmx_list_replies_release(&replies);
		if (rc > 0 &&
		    (round == LOG_ROUNDS_MAX ||
		     bmx_list_changes_count(changes) > most))
			rc = 0;
	}
	bmx_list_batch_clear(&batch);
	/* A log that is not to be understood reaches nowhere: the set itself
	 * is checked against its own digest. */
	if (rc < 0 && err->code == BMX_E_CORRUPT)
		return 0;
	return rc;
}
