#include "ctl/status_screen.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/judge.h"

/* Longest name of a domain for which the table is made wider. */
#define NAME_WIDTH_MAX 44

static void
print_time(long long at_s, bool with_date)
{
	const time_t at = (time_t)at_s;
	char buffer[32] = "";
	struct tm tm;

	if (!localtime_r(&at, &tm))
		return;
	if (with_date)
		(void)strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S",
		               &tm);
	else
		(void)strftime(buffer, sizeof(buffer), "%H:%M", &tm);
	(void)printf("%s", buffer);
}

/* What may not be looked at is not known to be away. */
static bool
is_forbidden(const json_t *daemon)
{
	return strcmp(bmxctl_string(daemon, "why"), "permission") == 0;
}

static const char *
silence_of(const json_t *daemon)
{
	return is_forbidden(daemon) ? "UNKNOWN (not root)" : "AWAY";
}

static void
print_head(const json_t *facts)
{
	const json_t *milter = json_object_get(facts, "milter");

	if (json_is_true(json_object_get(facts, "ok"))) {
		(void)printf("backupmx %s   policyd up ",
		             bmxctl_string(facts, "version"));
		bmxctl_print_age(bmxctl_number(facts, "uptime_s"));
	} else {
		(void)printf("backupmx %s   policyd %s", BMX_VERSION,
		             silence_of(facts));
	}
	if (json_is_true(json_object_get(milter, "up")))
		(void)printf("   milter up");
	else if (json_is_true(json_object_get(milter, "expected")) ||
	         is_forbidden(milter))
		(void)printf("   milter %s", silence_of(milter));
	else
		(void)printf("   no milter");
	(void)printf("   ");
	print_time(bmxctl_number(facts, "time"), true);
	(void)putchar('\n');
}

static const json_t *
queued_of(const json_t *facts, const char *name)
{
	const json_t *domains =
		json_object_get(json_object_get(facts, "queue"), "domains");

	for (size_t i = 0; i < json_array_size(domains); i++)
		if (strcmp(bmxctl_string(json_array_get(domains, i), "name"),
		           name) == 0)
			return json_array_get(domains, i);
	return NULL;
}

/* Nothing of it would make anybody look twice. */
static bool
is_well(const json_t *domain, const json_t *queued)
{
	const json_t *sync = json_object_get(domain, "sync");
	const char *authority = bmxctl_string(domain, "authority");

	if (json_object_get(domain, "domains"))
		return true; /* "*": its domains are in the array, too */
	return strcmp(bmxctl_string(json_object_get(domain, "primary"),
	                            "state"),
	              "up") == 0 &&
		strcmp(authority, "stale") != 0 &&
		strcmp(authority, "unreadable") != 0 &&
		bmxctl_number(sync, "failures") == 0 &&
		bmxctl_number(queued, "messages") == 0;
}

static void
print_age_cell(long long seconds, int width)
{
	char age[BMXCTL_AGE_SIZE];

	(void)printf("  %*s", width, bmxctl_age(age, seconds));
}

static long long
age_of(long long now, long long at)
{
	return at > 0 && now >= at ? now - at : -1;
}

static void
print_list_cells(const json_t *domain)
{
	const json_t *list = json_object_get(domain, "list");
	const char *sync =
		bmxctl_string(json_object_get(domain, "sync"), "state");

	if (json_is_object(list)) {
		(void)printf("  %8lld", bmxctl_number(list, "entries"));
		print_age_cell(bmxctl_number(list, "age_s"), 7);
	} else {
		(void)printf("  %8s  %7s", "-", "-");
	}
	(void)printf("  %-9s  %-7s", bmxctl_string(domain, "authority"),
	             sync[0] != '\0' ? sync : "-");
}

static void
print_domain(const json_t *facts, const json_t *domain, int width)
{
	const long long now = bmxctl_number(facts, "time");
	const json_t *primary = json_object_get(domain, "primary");
	const char *name = bmxctl_string(domain, "name");
	const json_t *queued = queued_of(facts, name);

	(void)printf("%-*s", width, name);
	if (json_object_get(domain, "domains")) {
		(void)printf("  %8lld domains by their MX records\n",
		             bmxctl_number(domain, "domains"));
		return;
	}
	print_list_cells(domain);
	(void)printf("  %-7s",
	             json_is_object(primary) ? bmxctl_string(primary, "state") :
	                                       "-");
	print_age_cell(age_of(now, bmxctl_number(primary, "since")), 7);
	if (json_is_object(queued))
		(void)printf("  %6lld", bmxctl_number(queued, "messages"));
	else
		(void)printf("  %6s", "-");
	print_age_cell(age_of(now, bmxctl_number(queued, "oldest_at")), 7);
	if (strcmp(bmxctl_string(domain, "mode"), "observe") == 0)
		(void)printf("  observe");
	(void)putchar('\n');
}

static int
width_of(const json_t *domains)
{
	int width = 6;

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const size_t len = strlen(
			bmxctl_string(json_array_get(domains, i), "name"));

		if (len > (size_t)width && len <= NAME_WIDTH_MAX)
			width = (int)len;
	}
	return width;
}

static void
print_domains(const json_t *facts, bool all)
{
	const json_t *domains = json_object_get(facts, "domains");
	const int width = width_of(domains);
	size_t well = 0;

	if (json_array_size(domains) == 0)
		return;
	(void)printf("\n%-*s  %8s  %7s  %-9s  %-7s  %-7s  %7s  %6s  %7s\n",
	             width, "DOMAIN", "LIST", "SYNCED", "AUTHORITY", "SYNC",
	             "PRIMARY", "SINCE", "QUEUE", "OLDEST");
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);

		if (!all && json_array_size(domains) > BMXCTL_SCREEN_DOMAINS &&
		    is_well(domain,
		            queued_of(facts, bmxctl_string(domain, "name"))))
			well++;
		else
			print_domain(facts, domain, width);
	}
	if (well > 0)
		(void)printf("and %zu domains that are well and have no mail "
		             "(--all shows them)\n",
		             well);
}

static void
print_queue(const json_t *facts)
{
	const json_t *queue = json_object_get(facts, "queue");
	const char *error = bmxctl_string(queue, "error");
	const long long now = bmxctl_number(facts, "time");
	const long long held =
		bmxctl_number(json_object_get(queue, "queues"), "hold");

	(void)printf("queue    ");
	if (error[0] != '\0') {
		(void)printf("cannot be read: %s\n", error);
		return;
	}
	(void)printf("%lld messages, %lld KiB",
	             bmxctl_number(queue, "messages"),
	             (bmxctl_number(queue, "bytes") + 1023) / 1024);
	if (bmxctl_number(queue, "oldest_at") > 0) {
		(void)printf(", oldest ");
		bmxctl_print_age(
			age_of(now, bmxctl_number(queue, "oldest_at")));
	}
	if (held > 0)
		(void)printf(", %lld on hold", held);
	if (bmxctl_number(queue, "bounces") > 0)
		(void)printf(", %lld bounces", bmxctl_number(queue, "bounces"));
	(void)putchar('\n');
}

/* The lag is not known while the master is not heard. */
static void
print_replica(const json_t *redis)
{
	const long long lag_s = bmxctl_number(redis, "replica_lag_s");

	if (strcmp(bmxctl_string(redis, "role"), "replica") != 0)
		return;
	(void)printf(", master link %s",
	             json_is_true(json_object_get(redis, "replica_link_up")) ?
	                     "up" :
	                     "down");
	if (lag_s >= 0)
		(void)printf(", heard %llds ago", lag_s);
}

/* Of a link that is up its last error may be long over. */
static void
print_redis(const json_t *facts)
{
	const json_t *redis = json_object_get(facts, "redis");
	const char *error = bmxctl_string(redis, "last_error");
	const long long now = bmxctl_number(facts, "time");

	if (!json_is_object(redis))
		return;
	(void)printf("redis    %s",
	             json_is_true(json_object_get(redis, "up")) ? "up" :
	                                                          "DOWN");
	if (bmxctl_number(redis, "since") > 0) {
		(void)printf(" for ");
		bmxctl_print_age(age_of(now, bmxctl_number(redis, "since")));
	}
	(void)printf(", %s, %s", bmxctl_string(redis, "server"),
	             bmxctl_string(redis, "role"));
	print_replica(redis);
	(void)putchar('\n');
	if (error[0] == '\0')
		return;
	(void)printf("         last error ");
	bmxctl_print_age(age_of(now, bmxctl_number(redis, "last_error_at")));
	(void)printf(" ago: %s\n", error);
}

#define REASONS_SHOWN 3

static bool
is_shown(const json_t *const shown[REASONS_SHOWN], const json_t *row)
{
	for (int i = 0; i < REASONS_SHOWN; i++)
		if (shown[i] == row)
			return true;
	return false;
}

/* The reasons of an action that were there most. */
static void
print_reasons(const json_t *rows, const char *action)
{
	const json_t *shown[REASONS_SHOWN] = {NULL};
	int count = 0;

	for (; count < REASONS_SHOWN; count++) {
		const json_t *most = NULL;

		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *row = json_array_get(rows, i);

			if (strcmp(bmxctl_string(row, "action"), action) == 0 &&
			    !is_shown(shown, row) &&
			    (!most ||
			     bmxctl_number(row, "count") >
			             bmxctl_number(most, "count")))
				most = row;
		}
		if (!most)
			break;
		shown[count] = most;
		(void)printf("%s%s %lld", count == 0 ? " (" : ", ",
		             bmxctl_string(most, "reason"),
		             bmxctl_number(most, "count"));
	}
	(void)printf("%s", count > 0 ? ")" : "");
}

static void
print_today(const json_t *facts)
{
	static const char *const actions[][2] = {{"accept", "accepted"},
	                                         {"reject", "refused"},
	                                         {"defer", "deferred"},
	                                         {"warn", "only observed"}};
	const json_t *today = json_object_get(facts, "today");
	const json_t *rows = json_object_get(today, "decisions");

	if (!json_is_object(today))
		return;
	(void)printf("today    %lld recipients since ",
	             bmxctl_number(today, "total"));
	print_time(bmxctl_number(today, "since"), false);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		long long count = 0;

		for (size_t j = 0; j < json_array_size(rows); j++)
			if (strcmp(bmxctl_string(json_array_get(rows, j),
			                         "action"),
			           actions[i][0]) == 0)
				count += bmxctl_number(json_array_get(rows, j),
				                       "count");
		if (count == 0)
			continue;
		(void)printf("\n         %9lld %s", count, actions[i][1]);
		print_reasons(rows, actions[i][0]);
	}
	(void)putchar('\n');
}

static void
print_bounces(const json_t *facts)
{
	const json_t *bounces = json_object_get(facts, "bounces");
	const json_t *day = json_object_get(bounces, "day");
	const char *error = bmxctl_string(bounces, "error");

	if (error[0] != '\0') {
		(void)printf("bounces  cannot be read: %s\n", error);
		return;
	}
	if (json_object_size(json_object_get(bounces, "kept")) == 0)
		return;
	(void)printf("bounces  last 24 h: %lld held, %lld discarded, %lld let "
	             "go",
	             bmxctl_number(day, "quarantine"),
	             bmxctl_number(day, "discard"), bmxctl_number(day, "pass"));
	if (bmxctl_number(bounces, "held_at") > 0) {
		(void)printf("; last held ");
		bmxctl_print_age(age_of(bmxctl_number(facts, "time"),
		                        bmxctl_number(bounces, "held_at")));
		(void)printf(" ago");
	}
	(void)putchar('\n');
}

/* Who looks at the screen wants to know of an outage at once; mail that waits
 * has its time. */
static struct bmxctl_limit
limit_of(const struct bmxctl_check *check)
{
	struct bmxctl_limit limit = check->limit;

	if (check->judge == bmxctl_judge_primary ||
	    check->judge == bmxctl_judge_redis)
		limit.warning = 0;
	return limit;
}

static void
print_problems(const json_t *facts)
{
	struct bmxctl_verdict verdict;
	size_t count;
	const struct bmxctl_check *checks = bmxctl_checks(&count);

	if (bmxctl_verdict_init(&verdict) != 0)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct bmxctl_limit limit = limit_of(&checks[i]);

		checks[i].judge(&verdict, facts, &limit);
	}
	(void)putchar('\n');
	if (json_array_size(verdict.problems) == 0)
		(void)printf("Nothing to complain of.\n");
	for (size_t i = 0; i < json_array_size(verdict.problems); i++) {
		const json_t *problem = json_array_get(verdict.problems, i);

		(void)printf("%-8s  %s\n", bmxctl_string(problem, "state"),
		             bmxctl_string(problem, "text"));
	}
	bmxctl_verdict_clear(&verdict);
}

void
bmxctl_status_print_screen(const json_t *facts, bool all)
{
	print_head(facts);
	print_domains(facts, all);
	(void)putchar('\n');
	print_queue(facts);
	print_redis(facts);
	print_bounces(facts);
	print_today(facts);
	print_problems(facts);
}
