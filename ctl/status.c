/* backupmxctl status [--json] */
#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"

static void
print_sync(const json_t *sync)
{
	const char *error = bmxctl_string(sync, "last_error");

	(void)printf("  sync:    %s\n", bmxctl_string(sync, "state"));
	if (error[0] != '\0')
		(void)printf("  error:   %s\n", error);
}

static void
print_list(const json_t *domain)
{
	const json_t *list = json_object_get(domain, "list");

	(void)printf("  list:    %s", bmxctl_string(domain, "authority"));
	if (json_is_object(list)) {
		(void)printf(", %lld entries, generation %lld, last good sync ",
		             bmxctl_number(list, "entries"),
		             bmxctl_number(list, "generation"));
		bmxctl_print_age(bmxctl_number(list, "age_s"));
		(void)printf(" ago");
	}
	(void)putchar('\n');
}

static void
print_domain(const json_t *domain)
{
	const char *source = bmxctl_string(domain, "source");

	(void)printf("\n%s (%s)\n  source:  %s\n",
	             bmxctl_string(domain, "name"),
	             bmxctl_string(domain, "mode"),
	             source[0] != '\0' ? source : "none");
	print_list(domain);
	if (json_is_object(json_object_get(domain, "sync")))
		print_sync(json_object_get(domain, "sync"));
}

static void
print_text(const json_t *answer)
{
	const json_t *domains = json_object_get(answer, "domains");

	(void)printf("backupmx-policyd %s, pid %lld, up ",
	             bmxctl_string(answer, "version"),
	             bmxctl_number(answer, "pid"));
	bmxctl_print_age(bmxctl_number(answer, "uptime_s"));
	(void)printf("\nconfiguration: %s\nconnections:   %lld\n"
	             "requests:      %lld\n",
	             bmxctl_string(answer, "config"),
	             bmxctl_number(answer, "connections"),
	             bmxctl_number(answer, "requests_total"));
	for (size_t i = 0; i < json_array_size(domains); i++)
		print_domain(json_array_get(domains, i));
}

int
bmxctl_status(struct bmxctl *ctl, int argc, char **argv)
{
	const bool as_json = bmxctl_take_json(&argc, argv);
	int status = EX_OK;
	json_t *answer;

	if (argc != 1)
		return bmxctl_usage(ctl, "status [--json]");
	answer = bmxctl_ask(ctl, "status", "", &status);
	if (!answer)
		return status;
	if (as_json)
		status = bmxctl_print_json(answer);
	else
		print_text(answer);
	json_decref(answer);
	return status;
}
