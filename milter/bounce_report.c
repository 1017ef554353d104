#include "milter/bounce_report.h"

#include <string.h>

#include "milter/bounce_fields.h"
#include "milter/mime_type.h"

void
bmx_bounce_report_init(struct bmx_bounce_report *report)
{
	memset(report, 0, sizeof(*report));
}

void
bmx_bounce_report_header(struct bmx_bounce_report *report,
                         struct bmx_slice name, struct bmx_slice body)
{
	struct bmx_text boundary;

	if (report->facts.is_report ||
	    !bmx_slice_equal_nocase(name, BMX_SLICE("Content-Type")) ||
	    !bmx_mime_type_is(body, BMX_SLICE("multipart/report")))
		return;
	report->facts.is_report = true;
	bmx_text_init(&boundary, report->boundary, sizeof(report->boundary));
	(void)bmx_mime_type_parameter(body, BMX_SLICE("boundary"), &boundary);
	report->boundary_len = boundary.cut ? 0 : boundary.len;
}

/*
 * Fields: a line and those that continue it.
 */

static void
end_field(struct bmx_bounce_report *report)
{
	const struct bmx_slice field = {report->field, report->field_len};

	if (field.len > 0 && report->place == BMX_REPORT_PART_HEADER)
		bmx_bounce_field_of_part(report, field);
	else if (field.len > 0 && report->place == BMX_REPORT_STATUS)
		bmx_bounce_field_of_status(report, field);
	else if (field.len > 0 && report->place == BMX_REPORT_RETURNED_HEADER)
		bmx_bounce_field_of_returned(report, field);
	report->field_len = 0;
	report->field_cut = false;
}

static void
add_to_field(struct bmx_bounce_report *report, struct bmx_slice line)
{
	const size_t room = sizeof(report->field) - report->field_len;

	if (line.len > room) {
		line.len = room;
		report->field_cut = true;
	}
	memcpy(report->field + report->field_len, line.data, line.len);
	report->field_len += line.len;
}

static void
take_field_line(struct bmx_bounce_report *report, struct bmx_slice line)
{
	const bool continues = line.data[0] == ' ' || line.data[0] == '\t';

	if (!continues)
		end_field(report);
	if (continues && report->field_len == 0)
		return;
	add_to_field(report, line);
	report->field_cut = report->field_cut || report->line_cut;
}

/*
 * Parts.
 */

static void
begin_part(struct bmx_bounce_report *report)
{
	end_field(report);
	bmx_bounce_end_group(report);
	report->place = BMX_REPORT_PART_HEADER;
	report->part = BMX_REPORT_PART_OTHER;
}

static void
end_parts(struct bmx_bounce_report *report)
{
	begin_part(report);
	report->place = BMX_REPORT_EPILOGUE;
}

/* Behind a part's header. Only the first report counts, and only what comes
 * back behind it: parts that follow may be the work of the sender. */
static void
begin_part_body(struct bmx_bounce_report *report)
{
	end_field(report);
	report->place = BMX_REPORT_PART_SKIPPED;
	if (report->part == BMX_REPORT_PART_STATUS &&
	    !report->facts.has_status) {
		report->facts.has_status = true;
		report->place = BMX_REPORT_STATUS;
	} else if (report->part == BMX_REPORT_PART_RETURNED &&
	           report->facts.has_status && !report->returned_seen) {
		report->returned_seen = true;
		report->place = BMX_REPORT_RETURNED_HEADER;
	}
}

static void
take_empty_line(struct bmx_bounce_report *report)
{
	switch (report->place) {
	case BMX_REPORT_PART_HEADER:
		begin_part_body(report);
		break;
	case BMX_REPORT_STATUS:
		end_field(report);
		bmx_bounce_end_group(report);
		break;
	case BMX_REPORT_RETURNED_HEADER:
		end_field(report);
		report->place = BMX_REPORT_PART_SKIPPED;
		break;
	case BMX_REPORT_PREAMBLE:
	case BMX_REPORT_PART_SKIPPED:
	case BMX_REPORT_EPILOGUE:
		break;
	}
}

/*
 * Lines.
 */

/* -1: no boundary; 0: a part begins; 1: the last one ended. */
static int
boundary_in(const struct bmx_bounce_report *report, struct bmx_slice line)
{
	const size_t len = report->boundary_len;
	bool last;
	size_t i;

	if (len == 0 || line.len < len + 2 || memcmp(line.data, "--", 2) != 0 ||
	    memcmp(line.data + 2, report->boundary, len) != 0)
		return -1;
	last = line.len >= len + 4 && !memcmp(line.data + len + 2, "--", 2);
	for (i = len + (last ? 4 : 2); i < line.len; i++)
		if (line.data[i] != ' ' && line.data[i] != '\t')
			return -1;
	return last;
}

static void
take_line(struct bmx_bounce_report *report, struct bmx_slice line)
{
	const int boundary = boundary_in(report, line);

	if (report->place == BMX_REPORT_EPILOGUE)
		return;
	if (boundary == 0)
		begin_part(report);
	else if (boundary > 0)
		end_parts(report);
	else if (line.len == 0)
		take_empty_line(report);
	else if (report->place != BMX_REPORT_PREAMBLE &&
	         report->place != BMX_REPORT_PART_SKIPPED)
		take_field_line(report, line);
}

static void
end_line(struct bmx_bounce_report *report)
{
	struct bmx_slice line = {report->line, report->line_len};

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	take_line(report, line);
	report->line_len = 0;
	report->line_cut = false;
}

/* What is longer than a line's buffer is dropped: no field that counts is. */
static void
add_to_line(struct bmx_bounce_report *report, struct bmx_slice octets)
{
	const size_t room = sizeof(report->line) - report->line_len;

	if (octets.len > room) {
		octets.len = room;
		report->line_cut = true;
	}
	memcpy(report->line + report->line_len, octets.data, octets.len);
	report->line_len += octets.len;
}

void
bmx_bounce_report_body(struct bmx_bounce_report *report,
                       struct bmx_slice octets)
{
	while (octets.len > 0 && report->facts.is_report &&
	       report->place != BMX_REPORT_EPILOGUE) {
		const char *end = memchr(octets.data, '\n', octets.len);
		const size_t len =
			end ? (size_t)(end - octets.data) : octets.len;

		add_to_line(report, (struct bmx_slice){octets.data, len});
		if (end)
			end_line(report);
		octets.data += len + (end ? 1 : 0);
		octets.len -= len + (end ? 1 : 0);
	}
}

void
bmx_bounce_report_end(struct bmx_bounce_report *report)
{
	if (report->line_len > 0)
		end_line(report);
	end_parts(report);
}
