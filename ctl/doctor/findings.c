#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include <backupmx/text.h>

#include "ctl/ask.h"
#include "ctl/doctor/doctor.h"

/* Octets of what was seen, and of a subject: peers' words are in them. */
#define SEEN_MAX ((size_t)600)
#define SUBJECT_MAX ((size_t)260)
/* Where a reader's lines end. */
#define COLUMNS ((size_t)78)

struct finding {
	const char *name;
	enum bmxctl_severity severity;
	const char *why; /* NULL for a good one */
	const char *advice;
	char *subject; /* subject and seen are one block of memory */
	char *seen;
};

struct bmxctl_findings {
	struct finding *items;
	size_t count;
	size_t size;
	size_t counts[BMXCTL_ERROR + 1]; /* what was lost is counted too */
	size_t lost;                     /* for want of memory */
	char line[SUBJECT_MAX + 2 + SEEN_MAX]; /* of bmxctl_findings_seen */
};

static const char *const severity_names[] = {"good", "warning", "error"};

struct bmxctl_findings *
bmxctl_findings_new(void)
{
	return calloc(1, sizeof(struct bmxctl_findings));
}

void
bmxctl_findings_free(struct bmxctl_findings **findings)
{
	if (!*findings)
		return;
	for (size_t i = 0; i < (*findings)->count; i++)
		free((*findings)->items[i].subject);
	free((*findings)->items);
	free(*findings);
	*findings = NULL;
}

static bool
has_room(struct bmxctl_findings *findings)
{
	const size_t size = findings->size > 0 ? findings->size * 2 : 64;
	struct finding *grown;

	if (findings->count < findings->size)
		return true;
	grown = realloc(findings->items, size * sizeof(*grown));
	if (!grown)
		return false;
	findings->items = grown;
	findings->size = size;
	return true;
}

static void
clean(char *buffer, size_t size, const char *text)
{
	struct bmx_text out;

	bmx_text_init(&out, buffer, size);
	bmx_text_append_clean(&out, bmx_slice_of(text), size - 4);
}

static void
keep(struct bmxctl_findings *findings, const struct bmxctl_row *row,
     const char *subject_text, const char *seen_text)
{
	char subject[SUBJECT_MAX];
	char seen[SEEN_MAX];
	struct finding *finding;
	char *memory;

	findings->counts[row->severity]++;
	clean(subject, sizeof(subject), subject_text);
	clean(seen, sizeof(seen), seen_text);
	memory = malloc(strlen(subject) + strlen(seen) + 2);
	if (!memory || !has_room(findings)) {
		free(memory);
		findings->lost++;
		return;
	}
	finding = &findings->items[findings->count++];
	*finding = (struct finding){.name = row->name,
	                            .severity = row->severity,
	                            .why = row->why,
	                            .advice = row->advice,
	                            .subject = memory,
	                            .seen = memory + strlen(subject) + 1};
	(void)memcpy(finding->subject, subject, strlen(subject) + 1);
	(void)memcpy(finding->seen, seen, strlen(seen) + 1);
}

void
bmxctl_found(struct bmxctl_findings *findings, const struct bmxctl_row *row,
             const char *subject, const char *seen, ...)
{
	char text[SEEN_MAX];
	va_list args;

	va_start(args, seen);
	(void)vsnprintf(text, sizeof(text), seen, args);
	va_end(args);
	keep(findings, row, subject, text);
}

void
bmxctl_found_good(struct bmxctl_findings *findings, const char *name,
                  const char *subject, const char *seen, ...)
{
	const struct bmxctl_row row = {.name = name, .severity = BMXCTL_GOOD};
	char text[SEEN_MAX];
	va_list args;

	va_start(args, seen);
	(void)vsnprintf(text, sizeof(text), seen, args);
	va_end(args);
	keep(findings, &row, subject, text);
}

size_t
bmxctl_findings_count(const struct bmxctl_findings *findings,
                      enum bmxctl_severity severity)
{
	return findings->counts[severity];
}

int
bmxctl_findings_status(const struct bmxctl_findings *findings)
{
	if (findings->counts[BMXCTL_ERROR] > 0)
		return 2;
	return findings->counts[BMXCTL_WARNING] > 0 ? 1 : 0;
}

const char *
bmxctl_findings_seen(struct bmxctl_findings *findings, const char *name)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		if (strcmp(finding->name, name) != 0)
			continue;
		(void)snprintf(findings->line, sizeof(findings->line), "%s: %s",
		               finding->subject, finding->seen);
		return findings->line;
	}
	return NULL;
}

/* Writes text behind `label`, further lines below where it began. */
static void
print_folded(FILE *out, const char *label, const char *text)
{
	const size_t indent = strlen(label);
	size_t column = indent;

	(void)fputs(label, out);
	while (*text != '\0') {
		const size_t word = strcspn(text, " ");

		if (column > indent && column + 1 + word > COLUMNS) {
			(void)fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			(void)fputc(' ', out);
			column++;
		}
		(void)fwrite(text, 1, word, out);
		column += word;
		text += word;
		text += strspn(text, " ");
	}
	(void)fputc('\n', out);
}

static void
print_finding(FILE *out, const struct finding *finding)
{
	(void)fprintf(out, "%-8s %s%s%s\n", severity_names[finding->severity],
	              finding->name, finding->subject[0] != '\0' ? " " : "",
	              finding->subject);
	print_folded(out, "    seen: ", finding->seen);
	if (finding->severity == BMXCTL_GOOD)
		return;
	print_folded(out, "    why:  ", finding->why);
	print_folded(out, "    do:   ", finding->advice);
}

static void
print_summary(const struct bmxctl_findings *findings, FILE *out)
{
	const size_t errors = findings->counts[BMXCTL_ERROR];
	const size_t warnings = findings->counts[BMXCTL_WARNING];

	if (findings->lost > 0)
		(void)fprintf(out, "%zu not shown: memory is short\n",
		              findings->lost);
	if (errors + warnings == 0)
		(void)fprintf(out, "nothing is wrong: %zu things looked at\n",
		              findings->counts[BMXCTL_GOOD]);
	else
		(void)fprintf(out, "%zu error%s, %zu warning%s, %zu good\n",
		              errors, errors == 1 ? "" : "s", warnings,
		              warnings == 1 ? "" : "s",
		              findings->counts[BMXCTL_GOOD]);
}

void
bmxctl_findings_print(const struct bmxctl_findings *findings, FILE *out,
                      bool with_good)
{
	for (size_t i = 0; i < findings->count; i++)
		if (with_good || findings->items[i].severity != BMXCTL_GOOD)
			print_finding(out, &findings->items[i]);
	print_summary(findings, out);
}

static json_t *
finding_object(const struct finding *finding)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "severity",
	                           severity_names[finding->severity], "row",
	                           finding->name, "subject", finding->subject,
	                           "seen", finding->seen);

	if (object && finding->severity != BMXCTL_GOOD) {
		(void)json_object_set_new(object, "why",
		                          json_string(finding->why));
		(void)json_object_set_new(object, "advice",
		                          json_string(finding->advice));
	}
	return object;
}

json_t *
bmxctl_findings_json(const struct bmxctl_findings *findings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < findings->count; i++)
		(void)json_array_append_new(
			array, finding_object(&findings->items[i]));
	return json_pack("{s:i, s:I, s:I, s:I, s:o}", "status",
	                 bmxctl_findings_status(findings), "errors",
	                 (json_int_t)findings->counts[BMXCTL_ERROR], "warnings",
	                 (json_int_t)findings->counts[BMXCTL_WARNING], "good",
	                 (json_int_t)findings->counts[BMXCTL_GOOD], "findings",
	                 array);
}

int
bmxctl_findings_print_json(const struct bmxctl_findings *findings)
{
	json_t *root = bmxctl_findings_json(findings);
	const int status = root ? bmxctl_print_json(root) : EX_OSERR;

	json_decref(root);
	return status;
}
