#include "milter/content.h"

#include <stdlib.h>

#include "milter/session_priv.h"

static bool
has_scanners(const struct bmx_message *message)
{
	return message->content && message->content->section->scanner_count > 0;
}

/* What did not fit is missing in the envelope that scanners see; the message
 * is scanned all the same. */
static void
keep_recipient(struct bmx_content *content, struct bmx_slice recipient)
{
	const char *copy;

	if (content->recipient_count == content->recipient_room) {
		const size_t room = content->recipient_room * 2 + 8;
		struct bmx_slice *more =
			bmx_arena_alloc(content->arena, room * sizeof(*more));

		if (!more)
			return;
		if (content->recipient_count > 0)
			memcpy(more, content->recipients,
			       content->recipient_count * sizeof(*more));
		content->recipients = more;
		content->recipient_room = room;
	}
	copy = bmx_arena_copy(content->arena, recipient);
	if (copy)
		content->recipients[content->recipient_count++] =
			(struct bmx_slice){copy, recipient.len};
}

void
bmx_content_recipient(struct bmx_message *message, struct bmx_slice recipient)
{
	struct bmx_content *content = &message->scan;
	const struct bmx_config_domain *section;

	if (message->authenticated || message->probe || message->is_bounce ||
	    !has_scanners(message))
		return;
	section = message->content->section;
	if (!content->arena) {
		content->arena = bmx_arena_new(BMX_CONTENT_MEMORY_MAX);
		content->spool = bmx_spool_new(bmx_scan_largest(
			section->scanners, section->scanner_count));
	}
	if (content->arena)
		keep_recipient(content, recipient);
}

void
bmx_content_field(struct bmx_message *message, struct bmx_slice name,
                  struct bmx_slice body)
{
	if (message->scan.spool)
		bmx_spool_field(message->scan.spool, name, body);
}

void
bmx_content_body(struct bmx_message *message, struct bmx_slice bytes)
{
	if (message->scan.spool)
		bmx_spool_body(message->scan.spool, bytes);
}

/* "unknown" and an address in brackets are no names. */
static struct bmx_slice
client_name(const struct bmx_session *session)
{
	const struct bmx_slice name = bmx_slice_of(session->client_name);

	if (name.len == 0 || name.data[0] == '[' ||
	    bmx_slice_equal_nocase(name, BMX_SLICE("unknown")))
		return (struct bmx_slice){0};
	return name;
}

static void
ask_scanners(struct bmx_session *session, struct bmx_slice queue_id)
{
	const struct bmx_session_services *services = session->services;
	struct bmx_content *content = &session->message.scan;
	const struct bmx_config_domain *section =
		session->message.content->section;
	const int64_t now_us = bmx_clock_mono_us(services->clock);
	const struct bmx_scan_message message = {
		.spool = content->spool,
		.arena = content->arena,
		.queue_id = queue_id,
		.client = bmx_slice_of(session->address_text),
		.client_name = client_name(session),
		.helo = bmx_slice_of(session->helo),
		.sender = session->message.sender,
		.recipients = content->recipients,
		.recipient_count = content->recipient_count,
		.hostname = session->config->hostname,
	};
	struct bmx_patience patience = {
		.clock = services->clock,
		.deadline_us = now_us + BMX_SCAN_ALL_MS * 1000,
		.progress = session->progress,
		.ctx = session->progress_ctx,
		.reported_us = now_us,
	};

	bmx_spool_end(content->spool);
	bmx_scan_run(services->scan_health, section->scanners,
	             section->scanner_count, &message, &patience,
	             content->report);
	for (size_t i = 0; i < content->report->count; i++)
		bmx_milter_count_scan(
			services->counters, section->scanners[i].name,
			bmx_scan_result_name(
				content->report->findings[i].result));
}

enum bmx_milter_reply
bmx_content_judge(struct bmx_session *session, struct bmx_slice queue_id,
                  const char **text_out)
{
	struct bmx_content *content = &session->message.scan;

	*text_out = "";
	if (session->message.authenticated || !has_scanners(&session->message))
		return BMX_SAY_NOTHING;
	if (content->arena && content->spool)
		content->report = bmx_arena_alloc(content->arena,
		                                  sizeof(*content->report));
	/* Without memory nothing was scanned. */
	if (!content->report)
		return BMX_SAY_UNSCANNED;
	ask_scanners(session, queue_id);
	*text_out = content->report->text;
	switch (content->report->say) {
	case BMX_SCAN_PASS:
	case BMX_SCAN_TAG:
		break;
	case BMX_SCAN_DEFER:
		return content->report->unscanned ? BMX_SAY_UNSCANNED :
						    BMX_SAY_CONTENT_LATER;
	case BMX_SCAN_REJECT:
		return BMX_SAY_CONTENT;
	}
	return BMX_SAY_NOTHING;
}

/* Removals, each with a number from 1, being gathered. */
struct removals {
	struct bmx_message *message;
	struct bmx_session_removal *items;
	size_t count;
};

static bool
is_gathered(const struct removals *removals, const char *name, unsigned which)
{
	for (size_t i = 0; i < removals->count; i++)
		if (removals->items[i].which == which &&
		    bmx_slice_equal_nocase(
			    bmx_slice_of(removals->items[i].name),
			    bmx_slice_of(name)))
			return true;
	return false;
}

static void
gather(struct removals *removals, const char *name, unsigned which)
{
	if (removals->count == BMX_CONTENT_REMOVALS_MAX ||
	    is_gathered(removals, name, which))
		return;
	removals->items[removals->count++] =
		(struct bmx_session_removal){name, which};
}

static void
gather_removal(struct removals *removals,
               const struct bmx_scan_removal *removal)
{
	const unsigned count = bmx_spool_count_fields(
		removals->message->scan.spool, bmx_slice_of(removal->name));
	const int64_t which = removal->which < 0 ?
		(int64_t)count + removal->which + 1 :
		removal->which;

	if (removal->which == 0)
		for (unsigned i = 1; i <= count; i++)
			gather(removals, removal->name, i);
	else if (which >= 1 && which <= (int64_t)count)
		gather(removals, removal->name, (unsigned)which);
}

/* The last ones first, so that a removal moves no number still to come. */
static int
compare(const void *a, const void *b)
{
	const struct bmx_session_removal *first = a, *second = b;

	if (first->which != second->which)
		return first->which < second->which ? 1 : -1;
	return strcmp(first->name, second->name);
}

/* Forged fields are among them, for they are counted together. */
static void
gather_all(struct removals *removals, const struct bmx_scan_report *report)
{
	const struct bmx_message *message = removals->message;

	for (size_t i = 0; i < message->forged_count; i++)
		gather(removals, message->forged[i].name,
		       message->forged[i].which);
	for (size_t i = 0; i < report->count; i++) {
		const struct bmx_scan_edits *edits =
			&report->findings[i].reply.edits;

		for (size_t j = 0; j < edits->removed_count; j++)
			gather_removal(removals, &edits->removed[j]);
	}
	qsort(removals->items, removals->count, sizeof(*removals->items),
	      compare);
}

static size_t
count_added(const struct bmx_scan_report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += report->findings[i].reply.edits.added_count;
	return count;
}

static void
copy_added(struct bmx_content *content, struct bmx_session_edits *edits)
{
	const size_t count = count_added(content->report);
	struct bmx_scan_field *added =
		bmx_arena_alloc(content->arena, (count + 1) * sizeof(*added));

	if (!added)
		return;
	for (size_t i = 0; i < content->report->count; i++) {
		const struct bmx_scan_edits *one =
			&content->report->findings[i].reply.edits;

		for (size_t j = 0; j < one->added_count; j++)
			added[edits->added_count++] = one->added[j];
	}
	edits->added = added;
}

void
bmx_content_edit(struct bmx_message *message, struct bmx_session_edits *edits)
{
	struct bmx_content *content = &message->scan;
	struct removals removals = {.message = message};

	if (!content->report)
		return;
	removals.items = bmx_arena_alloc(content->arena,
	                                 BMX_CONTENT_REMOVALS_MAX *
	                                         sizeof(*removals.items));
	if (!removals.items)
		return;
	gather_all(&removals, content->report);
	/* These take the place of the forged ones, which are among them. */
	edits->removals = removals.items;
	edits->removal_count = removals.count;
	copy_added(content, edits);
}

void
bmx_content_describe(const struct bmx_content *content, struct bmx_text *text)
{
	for (size_t i = 0; content->report && i < content->report->count; i++) {
		const struct bmx_scan_finding *finding =
			&content->report->findings[i];

		bmx_text_printf(text, "%sscanner:%s:%s%s%s",
		                text->len > 0 ? "," : "",
		                finding->scanner->name,
		                bmx_scan_result_name(finding->result),
		                finding->reply.detail[0] ? ":" : "",
		                finding->reply.detail);
	}
}

void
bmx_content_clear(struct bmx_content *content)
{
	bmx_spool_free(&content->spool);
	bmx_arena_free(&content->arena);
	*content = (struct bmx_content){0};
}
