#include "milter/bounce_fields.h"

#include <assert.h>
#include <string.h>

#include "milter/mime_type.h"

static const char *const actions[] = {
	[BMX_REPORT_OTHER] = "other",
	[BMX_REPORT_FAILED] = "failed",
	[BMX_REPORT_DELAYED] = "delayed",
	[BMX_REPORT_DELIVERED] = "delivered",
};

#define BLANKS BMX_SLICE(" \t")
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

const char *
bmx_report_action_name(enum bmx_report_action action)
{
	assert((size_t)action < LENGTH(actions));
	return actions[action];
}

/* Splits at the first colon; false when there is none. */
static bool
split(struct bmx_slice field, struct bmx_slice *name, struct bmx_slice *body)
{
	const char *colon = memchr(field.data, ':', field.len);

	if (!colon)
		return false;
	*name = bmx_slice_trim(
		(struct bmx_slice){field.data, (size_t)(colon - field.data)},
		BLANKS);
	*body = bmx_slice_trim(
		(struct bmx_slice){colon + 1,
	                           field.len -
	                                   (size_t)(colon + 1 - field.data)},
		BLANKS);
	return true;
}

static const char *const status_types[] = {"message/delivery-status",
                                           "message/global-delivery-status"};
static const char *const returned_types[] = {
	"message/rfc822", "text/rfc822-headers", "message/global",
	"message/global-headers"};

static bool
is_one_of(struct bmx_slice body, const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bmx_mime_type_is(body, bmx_slice_of(types[i])))
			return true;
	return false;
}

void
bmx_bounce_field_of_part(struct bmx_bounce_report *report,
                         struct bmx_slice field)
{
	struct bmx_slice name, body;

	if (!split(field, &name, &body) ||
	    !bmx_slice_equal_nocase(name, BMX_SLICE("Content-Type")))
		return;
	if (is_one_of(body, status_types, LENGTH(status_types)))
		report->part = BMX_REPORT_PART_STATUS;
	else if (is_one_of(body, returned_types, LENGTH(returned_types)))
		report->part = BMX_REPORT_PART_RETURNED;
}

/* A value that is cut is none. */
static bool
keep(struct bmx_bounce_report *report, struct bmx_slice value, char *buffer,
     size_t size)
{
	if (report->field_cut || value.len >= size ||
	    (value.len > 0 && memchr(value.data, '\0', value.len))) {
		report->facts.cut = true;
		return false;
	}
	memcpy(buffer, value.data, value.len);
	buffer[value.len] = '\0';
	return true;
}

/* Takes the type off "rfc822; user@example.test"; without one it is none. */
static bool
take_type(struct bmx_slice *body)
{
	const char *semicolon =
		body->len > 0 ? memchr(body->data, ';', body->len) : NULL;

	if (!semicolon)
		return false;
	body->len -= (size_t)(semicolon + 1 - body->data);
	body->data = semicolon + 1;
	*body = bmx_slice_trim(*body, BLANKS);
	return true;
}

/* Postfix calls its own fields after mail_name, which may be changed. */
static bool
is_own(struct bmx_slice name, struct bmx_slice suffix)
{
	return name.len > suffix.len + 2 &&
		bmx_slice_equal_nocase((struct bmx_slice){name.data, 2},
	                               BMX_SLICE("X-")) &&
		bmx_slice_equal_nocase(
			(struct bmx_slice){name.data + name.len - suffix.len,
	                                   suffix.len},
			suffix);
}

static void
take_message_field(struct bmx_bounce_report *report, struct bmx_slice name,
                   struct bmx_slice body)
{
	struct bmx_bounce_facts *facts = &report->facts;

	if (facts->queue_id[0] == '\0' && is_own(name, BMX_SLICE("-Queue-ID")))
		(void)keep(report, body, facts->queue_id,
		           sizeof(facts->queue_id));
	else if (!facts->has_sender && is_own(name, BMX_SLICE("-Sender")))
		facts->has_sender = take_type(&body) &&
			keep(report, body, facts->sender,
		             sizeof(facts->sender));
}

static enum bmx_report_action
action_of(struct bmx_slice body)
{
	for (size_t i = 0; i < LENGTH(actions); i++)
		if (bmx_slice_equal_nocase(body, bmx_slice_of(actions[i])))
			return (enum bmx_report_action)i;
	return BMX_REPORT_OTHER;
}

static void
take_recipient_field(struct bmx_bounce_report *report, struct bmx_slice name,
                     struct bmx_slice body)
{
	struct bmx_report_recipient *recipient = &report->recipient;

	if (bmx_slice_equal_nocase(name, BMX_SLICE("Final-Recipient")) &&
	    take_type(&body))
		(void)keep(report, body, recipient->address,
		           sizeof(recipient->address));
	else if (bmx_slice_equal_nocase(name, BMX_SLICE("Action")))
		recipient->action = action_of(body);
	else if (bmx_slice_equal_nocase(name, BMX_SLICE("Status")))
		(void)keep(report, body, recipient->status,
		           sizeof(recipient->status));
}

void
bmx_bounce_field_of_status(struct bmx_bounce_report *report,
                           struct bmx_slice field)
{
	struct bmx_slice name, body;

	if (!split(field, &name, &body))
		return;
	report->fields++;
	if (report->groups == 0)
		take_message_field(report, name, body);
	else
		take_recipient_field(report, name, body);
}

static void
keep_gone(struct bmx_bounce_facts *facts,
          const struct bmx_report_recipient *recipient)
{
	if (recipient->action != BMX_REPORT_FAILED ||
	    strcmp(recipient->status, "5.1.1") != 0 ||
	    facts->gone_count == BMX_REPORT_GONE_MAX)
		return;
	memcpy(facts->gone[facts->gone_count++], recipient->address,
	       sizeof(recipient->address));
}

void
bmx_bounce_end_group(struct bmx_bounce_report *report)
{
	struct bmx_bounce_facts *facts = &report->facts;

	if (report->fields == 0)
		return;
	report->fields = 0;
	report->groups++;
	if (report->recipient.address[0] != '\0') {
		if (facts->recipients++ == 0)
			facts->first = report->recipient;
		keep_gone(facts, &report->recipient);
	}
	report->recipient =
		(struct bmx_report_recipient){.action = BMX_REPORT_OTHER};
}

/* The milter put ours on top, so the first one is it. */
void
bmx_bounce_field_of_returned(struct bmx_bounce_report *report,
                             struct bmx_slice field)
{
	struct bmx_slice name, body;

	if (report->facts.seal[0] == '\0' && split(field, &name, &body) &&
	    bmx_slice_equal_nocase(name, BMX_SLICE(BMX_SEAL_HEADER)))
		(void)keep(report, body, report->facts.seal,
		           sizeof(report->facts.seal));
}
