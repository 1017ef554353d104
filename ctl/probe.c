/* backupmxctl probe ADDRESS [--json] */
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"

/* Exit statuses, as of lookup. */
enum { PROBE_VALID = 0, PROBE_UNKNOWN = 1 };

static const char *
sign_of(const char *who)
{
	if (strcmp(who, "we") == 0)
		return ">";
	return strcmp(who, "primary") == 0 ? "<" : "#";
}

static void
print_text(const json_t *answer)
{
	const json_t *lines = json_object_get(answer, "lines");
	const char *why = bmxctl_string(answer, "why");
	const char *enhanced = bmxctl_string(answer, "enhanced");

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const json_t *line = json_array_get(lines, i);

		(void)printf("%s %s\n", sign_of(bmxctl_string(line, "who")),
		             bmxctl_string(line, "line"));
	}
	(void)printf("\nresult:      %s", bmxctl_string(answer, "outcome"));
	if (strcmp(why, "none") != 0)
		(void)printf(" (%s)", why);
	(void)printf("\ndecided by:  ");
	if (bmxctl_number(answer, "code") > 0)
		(void)printf("%lld ", bmxctl_number(answer, "code"));
	if (enhanced[0] != '\0')
		(void)printf("%s ", enhanced);
	(void)printf("%s\naccepts all: test %s\n",
	             bmxctl_string(answer, "text"),
	             bmxctl_string(answer, "accepts_all_test"));
}

static int
status_of(const json_t *answer)
{
	const char *outcome = bmxctl_string(answer, "outcome");

	if (strcmp(outcome, "unknown") == 0)
		return PROBE_UNKNOWN;
	return strcmp(outcome, "unsure") == 0 ? EX_TEMPFAIL : PROBE_VALID;
}

int
bmxctl_probe(struct bmxctl *ctl, int argc, char **argv)
{
	return bmxctl_ask_address(ctl, argc, argv, "probe ADDRESS [--json]",
	                          print_text, status_of);
}
