/* backupmxctl status [--json] */
#include <string.h>
#include <time.h>

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

	(void)printf("\n%s (%s%s)\n  source:  %s\n",
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

/* The lag is not known while the master is not heard. */
static void
print_replica(const json_t *redis)
{
	const json_t *up = json_object_get(redis, "replica_link_up");
	const long long lag_s = bmxctl_number(redis, "replica_lag_s");

	(void)printf("  master:      link %s",
	             json_is_true(up) ? "up" : "down, lists may be old");
	if (lag_s >= 0)
		(void)printf(", heard %llds ago", lag_s);
	(void)printf("\n");
}

/* Of a link that is up it may be long over. */
static void
print_link_error(const json_t *redis, const char *error)
{
	const long long at_s = bmxctl_number(redis, "last_error_at");

	(void)printf("  last error:  %s (", error);
	bmxctl_print_age((long long)time(NULL) - at_s);
	(void)printf(" ago)\n");
}

static void
print_redis(const json_t *redis)
{
	const char *policy = bmxctl_string(redis, "maxmemory_policy");
	const char *error = bmxctl_string(redis, "last_error");

	if (!json_is_object(redis))
		return;
	(void)printf("redis:         %s, %s, %s, breaker %s\n",
	             json_is_true(json_object_get(redis, "up")) ? "up" : "down",
	             bmxctl_string(redis, "server"),
	             bmxctl_string(redis, "role"),
	             bmxctl_string(redis, "breaker"));
	if (strcmp(bmxctl_string(redis, "role"), "replica") == 0)
		print_replica(redis);
	if (policy[0] != '\0' && strcmp(policy, "noeviction") != 0)
		(void)printf("  warning:     maxmemory-policy is %s, it may "
		             "evict lists: set noeviction\n",
		             policy);
	if (error[0] != '\0')
		print_link_error(redis, error);
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
	print_redis(json_object_get(answer, "redis"));
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
