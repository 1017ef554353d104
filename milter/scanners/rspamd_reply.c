/*
 * A reply of rspamd as a verdict.
 *
 * Sources: rspamd.com/doc/developers/protocol.html; what is done follows
 * rspamd's own milter (its proxy worker), so that the backup treats a message
 * as the primary would.
 */
#include <stdlib.h>

#include <jansson.h>

#include <backupmx/text.h>

#include "milter/scanners/reply.h"

#define SPAM_HEADER "X-Spam"

static const struct {
	const char *action;
	enum bmx_scan_say say;
} actions[] = {
	{"no action", BMX_SCAN_PASS},
	/* "Would have been greylisted": rspamd's module for that says "soft
         * reject" when it wants a retry, and its milter passes this one. */
	{"greylist", BMX_SCAN_PASS},
	{"add header", BMX_SCAN_TAG},
	{"rewrite subject", BMX_SCAN_TAG},
	{"quarantine", BMX_SCAN_TAG},
	{"soft reject", BMX_SCAN_DEFER},
	{"reject", BMX_SCAN_REJECT},
	/* Silently lost would be worse than refused. */
	{"discard", BMX_SCAN_REJECT},
};

/* The reply being read, and what it adds and takes out so far. */
struct reading {
	struct bmx_arena *arena;
	struct bmx_scan_field *added;
	struct bmx_scan_removal *removed;
	size_t octets; /* of added bodies */
	struct bmx_scan_reply *reply;
	bool nomem;
};

static int
read_action(const json_t *root, struct bmx_scan_reply *reply)
{
	const char *action = json_string_value(json_object_get(root, "action"));

	for (size_t i = 0; action && i < sizeof(actions) / sizeof(actions[0]);
	     i++)
		if (strcmp(actions[i].action, action) == 0) {
			reply->say = actions[i].say;
			bmx_scan_add_detail(reply, bmx_slice_of(action));
			return 0;
		}
	return -1;
}

/* "reject/15.20": what the log has. */
static void
read_score(const json_t *root, struct bmx_scan_reply *reply)
{
	const json_t *score = json_object_get(root, "score");
	char buffer[32];
	struct bmx_text text;

	if (!json_is_number(score))
		return;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_printf(&text, "/%.2f", json_number_value(score));
	bmx_scan_add_detail(reply, bmx_text_slice(&text));
}

static void
read_message(const json_t *root, struct bmx_scan_reply *reply)
{
	const json_t *text = json_object_get(json_object_get(root, "messages"),
	                                     "smtp_message");

	if (json_is_string(text))
		bmx_scan_set_text(reply,
		                  (struct bmx_slice){json_string_value(text),
		                                     json_string_length(text)});
}

static void
remove_field(struct reading *reading, const char *name, json_int_t which)
{
	struct bmx_scan_edits *edits = &reading->reply->edits;
	const char *copy;

	if (!bmx_scan_may_edit(bmx_slice_of(name)) ||
	    edits->removed_count == BMX_SCAN_FIELDS_MAX || which > INT16_MAX ||
	    which < -INT16_MAX)
		return;
	copy = bmx_arena_copy(reading->arena, bmx_slice_of(name));
	reading->nomem = reading->nomem || !copy;
	reading->removed[edits->removed_count++] =
		(struct bmx_scan_removal){copy, (int)which};
}

static void
add_field(struct reading *reading, const char *name, const json_t *body,
          json_int_t place)
{
	struct bmx_scan_edits *edits = &reading->reply->edits;
	const struct bmx_slice bytes = {json_string_value(body),
	                                json_string_length(body)};
	struct bmx_scan_field field = {.place = -1};

	if (!bmx_scan_may_edit(bmx_slice_of(name)) ||
	    bytes.len > BMX_SCAN_FIELD_MAX ||
	    reading->octets + bytes.len > BMX_SCAN_FIELDS_ALL_MAX ||
	    edits->added_count == BMX_SCAN_FIELDS_MAX)
		return;
	field.name = bmx_arena_copy(reading->arena, bmx_slice_of(name));
	field.body = bmx_scan_clean_body(reading->arena, bytes);
	if (place >= 0 && place <= INT16_MAX)
		field.place = (int)place;
	reading->nomem = reading->nomem || !field.name || !field.body;
	reading->octets += bytes.len;
	reading->added[edits->added_count++] = field;
}

/* A value, or an object with it and its place. */
static void
read_added(struct reading *reading, const char *name, const json_t *value)
{
	const json_t *body = value, *order = NULL;

	if (json_is_object(value)) {
		body = json_object_get(value, "value");
		order = json_object_get(value, "order");
		if (!order)
			order = json_object_get(value, "index");
	}
	if (json_is_string(body))
		add_field(reading, name, body,
		          json_is_integer(order) ? json_integer_value(order) :
		                                   -1);
}

static void
read_edits(struct reading *reading, json_t *milter)
{
	const char *name;
	json_t *value, *item;
	size_t i;

	json_object_foreach(json_object_get(milter, "remove_headers"), name,
	                    value) if (json_is_integer(value))
		remove_field(reading, name, json_integer_value(value));
	json_object_foreach(json_object_get(milter, "add_headers"), name, value)
	{
		if (!json_is_array(value))
			read_added(reading, name, value);
		else
			json_array_foreach(value, i, item)
				read_added(reading, name, item);
	}
}

/* The mark of rspamd's milter. */
static void
mark_as_spam(struct reading *reading, const json_t *milter)
{
	json_t *given = json_object_get(milter, "spam_header");
	json_t *body =
		json_is_string(given) ? json_incref(given) : json_string("Yes");

	reading->nomem = reading->nomem || !body;
	remove_field(reading, SPAM_HEADER, 0);
	if (body)
		add_field(reading, SPAM_HEADER, body, -1);
	json_decref(body);
}

static int
read_reply(struct reading *reading, const json_t *root)
{
	struct bmx_scan_reply *reply = reading->reply;
	json_t *milter = json_object_get(root, "milter");

	if (read_action(root, reply) != 0)
		return -1;
	read_score(root, reply);
	read_message(root, reply);
	read_edits(reading, milter);
	if (strncmp(reply->detail, "add_header", 10) == 0)
		mark_as_spam(reading, milter);
	if (json_is_true(json_object_get(milter, "no_action")))
		reply->say = BMX_SCAN_PASS;
	reply->edits.added = reading->added;
	reply->edits.removed = reading->removed;
	return 0;
}

int
bmx_rspamd_reply_parse(struct bmx_slice bytes, struct bmx_arena *arena,
                       struct bmx_scan_reply *reply_out, struct bmx_error *err)
{
	struct reading reading = {.arena = arena, .reply = reply_out};
	json_t *root = bytes.len > BMX_SCAN_REPLY_MAX ?
		NULL :
		json_loadb(bytes.data ? bytes.data : "", bytes.len, 0, NULL);
	int rc;

	*reply_out = (struct bmx_scan_reply){0};
	reading.added = bmx_arena_alloc(
		arena, BMX_SCAN_FIELDS_MAX * sizeof(*reading.added));
	reading.removed = bmx_arena_alloc(
		arena, BMX_SCAN_FIELDS_MAX * sizeof(*reading.removed));
	reading.nomem = !reading.added || !reading.removed;
	rc = json_is_object(root) && !reading.nomem ?
		read_reply(&reading, root) :
		-1;
	json_decref(root);
	if (reading.nomem)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	if (rc != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "no reply of rspamd with an action");
	return 0;
}
