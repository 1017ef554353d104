/* backupmxctl lookup ADDRESS [--json] */
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"

/* Exit statuses, also what the daemon's answer may ask for. */
enum { LOOKUP_VALID = 0, LOOKUP_UNKNOWN = 1 };

static void
print_list(const json_t *answer)
{
	const json_t *list = json_object_get(answer, "list");

	(void)printf("list:       %s", bmxctl_string(answer, "authority"));
	if (json_is_object(list)) {
		(void)printf(", generation %lld, %lld entries, age ",
		             bmxctl_number(list, "generation"),
		             bmxctl_number(list, "entries"));
		bmxctl_print_age(bmxctl_number(list, "age_s"));
	}
	(void)putchar('\n');
}

static void
print_steps(const json_t *steps)
{
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		const char *detail = bmxctl_string(step, "detail");

		(void)printf("%2zu. %-22s %s", i + 1,
		             bmxctl_string(step, "step"),
		             bmxctl_string(step, "result"));
		if (detail[0] != '\0')
			(void)printf(" (%s)", detail);
		(void)putchar('\n');
	}
}

/* Where there is "*", a domain without a section may be one of it. */
static const char *
why_not_served(const json_t *answer)
{
	const char *why = bmxctl_string(answer, "why");

	if (json_is_true(json_object_get(answer, "pending")))
		return "not known, DNS has not answered yet";
	if (strcmp(why, "dns-failed") == 0)
		return "not known, DNS cannot say";
	if (strcmp(why, "domains-full") == 0)
		return "no, \"*\" has as many domains as it may have";
	return "no, there is no section for it";
}

static void
print_text(const json_t *answer)
{
	(void)printf("address:    %s\n", bmxctl_string(answer, "address"));
	(void)printf("looked up:  %s\n", bmxctl_string(answer, "normalised"));
	(void)printf("domain:     %s%s\n", bmxctl_string(answer, "domain"),
	             strcmp(bmxctl_string(answer, "served_by"), "*") == 0 ?
	                     " (served by \"*\")" :
	                     "");
	if (json_is_true(json_object_get(answer, "served"))) {
		(void)printf("mode:       %s\n", bmxctl_string(answer, "mode"));
		print_list(answer);
	} else {
		(void)printf("served:     %s\n", why_not_served(answer));
	}
	print_steps(json_object_get(answer, "steps"));
	(void)printf("verdict:    %s", bmxctl_string(answer, "verdict"));
	if (bmxctl_string(answer, "source")[0] != '\0')
		(void)printf(" (from %s)", bmxctl_string(answer, "source"));
	(void)printf("\nreply:      %s\n", bmxctl_string(answer, "reply"));
}

/* What the daemon says, if it is one of ours; an answer that we do not
 * understand is "cannot say". */
static int
status_of(const json_t *answer)
{
	const json_t *status = json_object_get(answer, "exit");

	if (!json_is_integer(status))
		return EX_TEMPFAIL;
	switch (json_integer_value(status)) {
	case LOOKUP_VALID:
		return LOOKUP_VALID;
	case LOOKUP_UNKNOWN:
		return LOOKUP_UNKNOWN;
	default:
		return EX_TEMPFAIL;
	}
}

int
bmxctl_lookup(struct bmxctl *ctl, int argc, char **argv)
{
	return bmxctl_ask_address(ctl, argc, argv, "lookup ADDRESS [--json]",
	                          print_text, status_of);
}
