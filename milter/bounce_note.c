#include "milter/bounce_note.h"

#include <stdbool.h>
#include <stdlib.h>

#include <jansson.h>

/* Text of a bounce is of any content: what is no printable UTF-8 becomes '?'. */
static json_t *
clean(struct bmx_slice octets)
{
	char buffer[BMX_REPORT_ADDRESS_SIZE + 8];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_clean(&text, octets, BMX_REPORT_ADDRESS_SIZE);
	return json_stringn(text.data, text.len);
}

int
bmx_bounce_note_append(struct bmx_text *text,
                       const struct bmx_bounce_note *note)
{
	const struct bmx_bounce_facts *facts = note->facts;
	json_t *root = json_pack(
		"{s:I, s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:s, s:s}", "time",
		(json_int_t)(note->at_ms / 1000), "id", clean(note->queue_id),
		"original", clean(bmx_slice_of(facts->queue_id)), "sender",
		clean(bmx_slice_of(facts->sender)), "recipient",
		clean(bmx_slice_of(facts->first.address)), "recipients",
		(json_int_t)facts->recipients, "status",
		clean(bmx_slice_of(facts->first.status)), "action",
		bmx_report_action_name(facts->first.action), "act",
		bmx_guard_act_name(note->verdict->act), "why",
		bmx_guard_why_name(note->verdict->why));
	char *line = root ? json_dumps(root, JSON_COMPACT) : NULL;
	const bool done = line != NULL;

	if (done)
		bmx_text_append_string(text, line);
	json_decref(root);
	free(line);
	return done && !text->cut ? 0 : -1;
}
