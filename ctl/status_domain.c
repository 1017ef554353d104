/* status_screen.h: one domain at length. */
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/status_screen.h"

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
print_age_of(long long at, long long now)
{
	bmxctl_print_age(at > 0 && now >= at ? now - at : -1);
}

static void
print_keywords(const json_t *keywords)
{
	static const char *const flags[][2] = {{"smtputf8", " SMTPUTF8"},
	                                       {"starttls", " STARTTLS"},
	                                       {"pipelining", " PIPELINING"},
	                                       {"8bitmime", " 8BITMIME"}};

	if (!json_is_object(keywords))
		return;
	(void)printf("  offers: ");
	if (json_is_integer(json_object_get(keywords, "size")))
		(void)printf(" SIZE %lld", bmxctl_number(keywords, "size"));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (json_is_true(json_object_get(keywords, flags[i][0])))
			(void)printf("%s", flags[i][1]);
	(void)putchar('\n');
}

static void
print_call_ahead(const json_t *call_ahead, const char *accepts_all)
{
	const json_t *outcomes = json_object_get(call_ahead, "outcomes");

	if (!json_is_object(call_ahead))
		return;
	(void)printf("  probes:  %lld (valid %lld, unknown %lld, unsure %lld), "
	             "queue %lld, sessions %lld, breaker %s\n",
	             bmxctl_number(call_ahead, "probes"),
	             bmxctl_number(outcomes, "valid"),
	             bmxctl_number(outcomes, "unknown"),
	             bmxctl_number(outcomes, "unsure"),
	             bmxctl_number(call_ahead, "queue"),
	             bmxctl_number(call_ahead, "sessions"),
	             bmxctl_string(call_ahead, "breaker"));
	if (strcmp(accepts_all, "yes") == 0)
		(void)printf("  warning: the primary accepts all local parts: "
		             "asking it cannot protect, give it a list\n");
}

static void
print_primary_trouble(const json_t *primary, long long now)
{
	const char *error = bmxctl_string(primary, "last_error");
	const char *config_error = bmxctl_string(primary, "config_error");

	if (config_error[0] != '\0')
		(void)printf("  warning: %s\n", config_error);
	if (json_is_true(json_object_get(primary, "refuses_us")))
		(void)printf("  warning: the primary refuses us\n");
	if (error[0] == '\0')
		return;
	(void)printf("  error:   %s (", error);
	print_age_of(bmxctl_number(primary, "last_error_at"), now);
	(void)printf(" ago)\n");
}

static void
print_primary(const json_t *primary, const char *accepts_all)
{
	const long long now = (long long)time(NULL);
	const char *hosts = bmxctl_string(primary, "hosts");

	if (!json_is_object(primary))
		return;
	(void)printf("  primary: %s", bmxctl_string(primary, "state"));
	if (bmxctl_number(primary, "since") > 0) {
		(void)printf(" for ");
		print_age_of(bmxctl_number(primary, "since"), now);
	}
	(void)printf(", %s\n",
	             hosts[0] != '\0' ? hosts :
	                                bmxctl_string(primary, "targets"));
	print_keywords(json_object_get(primary, "keywords"));
	print_call_ahead(json_object_get(primary, "call_ahead"), accepts_all);
	print_primary_trouble(primary, now);
}

static void
print_domain(const json_t *domain)
{
	const char *source = bmxctl_string(domain, "source");
	const json_t *domains = json_object_get(domain, "domains");

	(void)printf("%s (%s%s)\n  source:  %s\n",
	             bmxctl_string(domain, "name"),
	             bmxctl_string(domain, "mode"),
	             strcmp(bmxctl_string(domain, "served_by"), "*") == 0 ?
	                     ", served by \"*\"" :
	                     "",
	             source[0] != '\0' ? source : "none");
	if (domains) { /* the section "*" itself */
		(void)printf("  domains: %lld\n",
		             (long long)json_integer_value(domains));
		return;
	}
	print_list(domain);
	if (json_is_object(json_object_get(domain, "sync")))
		print_sync(json_object_get(domain, "sync"));
	print_primary(json_object_get(domain, "primary"),
	              bmxctl_string(domain, "accepts_all"));
}

static void
print_queue(const json_t *queued, long long now)
{
	const char *reason = bmxctl_string(queued, "reason");

	if (!json_is_object(queued))
		return;
	(void)printf("  queue:   %lld messages, %lld recipients",
	             bmxctl_number(queued, "messages"),
	             bmxctl_number(queued, "recipients"));
	if (bmxctl_number(queued, "held") > 0)
		(void)printf(", %lld on hold", bmxctl_number(queued, "held"));
	if (bmxctl_number(queued, "oldest_at") > 0) {
		(void)printf(", oldest ");
		print_age_of(bmxctl_number(queued, "oldest_at"), now);
	}
	(void)putchar('\n');
	if (reason[0] != '\0')
		(void)printf("  waits:   %s\n", reason);
}

static const json_t *
named(const json_t *objects, const char *name)
{
	for (size_t i = 0; i < json_array_size(objects); i++)
		if (strcmp(bmxctl_string(json_array_get(objects, i), "name"),
		           name) == 0)
			return json_array_get(objects, i);
	return NULL;
}

bool
bmxctl_status_print_domain(const json_t *facts, const char *name)
{
	const json_t *domain = named(json_object_get(facts, "domains"), name);

	if (!domain)
		return false;
	print_domain(domain);
	print_queue(named(json_object_get(json_object_get(facts, "queue"),
	                                  "domains"),
	                  name),
	            bmxctl_number(facts, "time"));
	return true;
}
