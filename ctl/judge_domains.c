/* judge.h: lists, primaries, and the queue. */
#include <string.h>

#include <jansson.h>

#include "ctl/judge_priv.h"

/* Failures in a row from which on syncs are said to fail: one may be a file
 * that was just being written. */
#define SYNC_FAILURES 3

struct lists {
	long long count;
	long long stale;
	long long failing;
	long long oldest_s;
};

static void
judge_sync(struct bmxctl_verdict *verdict, const json_t *facts,
           const json_t *domain, struct lists *lists)
{
	const json_t *sync = json_object_get(domain, "sync");
	char age[BMXCTL_AGE_SIZE];

	if (bmxctl_number(sync, "failures") < SYNC_FAILURES)
		return;
	lists->failing++;
	bmxctl_verdict_add(
		verdict, BMXCTL_STATE_WARNING, "lists",
		"%s: %lld syncs of the list have failed in %s: %s",
		bmxctl_string(domain, "name"), bmxctl_number(sync, "failures"),
		bmxctl_age(age,
	                   bmxctl_since(facts,
	                                bmxctl_number(sync, "failing_since"))),
		bmxctl_string(sync, "last_error"));
}

/* A list that is frozen ages while its primary is down: that is meant. */
static enum bmxctl_state
state_of_list(const json_t *domain, long long age_s,
              const struct bmxctl_limit *limit)
{
	const char *authority = bmxctl_string(domain, "authority");
	const long long max_s = bmxctl_number(domain, "list_max_age_s");

	if (strcmp(authority, "stale") == 0)
		return BMXCTL_STATE_CRITICAL;
	if (strcmp(authority, "frozen") == 0 || max_s <= 0)
		return BMXCTL_STATE_OK;
	return bmxctl_state_above(age_s * 100 / max_s, limit);
}

static void
judge_list(struct bmxctl_verdict *verdict, const json_t *domain,
           const struct bmxctl_limit *limit, struct lists *lists)
{
	const json_t *list = json_object_get(domain, "list");
	const char *name = bmxctl_string(domain, "name");
	const char *authority = bmxctl_string(domain, "authority");
	const long long age_s = bmxctl_number(list, "age_s");
	enum bmxctl_state state = BMXCTL_STATE_OK;
	char age[BMXCTL_AGE_SIZE];

	if (strcmp(authority, "unreadable") == 0) {
		bmxctl_verdict_add(verdict, BMXCTL_STATE_CRITICAL, "lists",
		                   "%s: the list cannot be read", name);
		return;
	}
	if (!json_is_object(list)) {
		bmxctl_verdict_add(
			verdict, BMXCTL_STATE_CRITICAL, "lists",
			"%s: has never had its list: %s", name,
			bmxctl_string(json_object_get(domain, "sync"),
		                      "last_error"));
		return;
	}
	state = state_of_list(domain, age_s, limit);
	lists->stale += state == BMXCTL_STATE_CRITICAL;
	if (age_s > lists->oldest_s)
		lists->oldest_s = age_s;
	if (state != BMXCTL_STATE_OK)
		bmxctl_verdict_add(verdict, state, "lists",
		                   "%s: the list is %s, last good sync %s ago",
		                   name, authority, bmxctl_age(age, age_s));
}

void
bmxctl_judge_lists(struct bmxctl_verdict *verdict, const json_t *facts,
                   const struct bmxctl_limit *limit)
{
	const json_t *domains = json_object_get(facts, "domains");
	struct lists lists = {0};
	char age[BMXCTL_AGE_SIZE];

	if (!bmxctl_policyd_said(verdict, facts, "lists"))
		return;
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);

		if (json_object_get(domain, "domains"))
			continue; /* "*": its domains are in the array, too */
		if (bmxctl_string(domain, "source")[0] == '\0' &&
		    !json_is_object(json_object_get(domain, "list")))
			continue; /* the primary is asked */
		lists.count++;
		judge_list(verdict, domain, limit, &lists);
		judge_sync(verdict, facts, domain, &lists);
	}
	bmxctl_verdict_good(verdict, "%lld lists, oldest %s", lists.count,
	                    bmxctl_age(age, lists.oldest_s));
	bmxctl_verdict_figure(verdict, "lists", lists.count, "", NULL);
	bmxctl_verdict_figure(verdict, "lists_stale", lists.stale, "", NULL);
	bmxctl_verdict_figure(verdict, "lists_failing", lists.failing, "",
	                      NULL);
	bmxctl_verdict_figure(verdict, "list_oldest", lists.oldest_s, "s",
	                      NULL);
}

static void
judge_primary_words(struct bmxctl_verdict *verdict, const json_t *domain)
{
	const json_t *primary = json_object_get(domain, "primary");
	const char *name = bmxctl_string(domain, "name");
	const char *error = bmxctl_string(primary, "config_error");

	if (json_is_true(json_object_get(primary, "refuses_us")))
		bmxctl_verdict_add(verdict, BMXCTL_STATE_CRITICAL, "primary",
		                   "%s: the primary refuses us: %s", name,
		                   bmxctl_string(primary, "last_error"));
	if (error[0] != '\0')
		bmxctl_verdict_add(verdict, BMXCTL_STATE_CRITICAL, "primary",
		                   "%s: %s", name, error);
	if (strcmp(bmxctl_string(domain, "accepts_all"), "yes") == 0 &&
	    !json_is_object(json_object_get(domain, "list")))
		bmxctl_verdict_add(verdict, BMXCTL_STATE_WARNING, "primary",
		                   "%s: the primary accepts all local parts: "
		                   "asking it cannot protect, give it a list",
		                   name);
}

/* @return for how long it has been down, 0 when it is not */
static long long
judge_outage(struct bmxctl_verdict *verdict, const json_t *facts,
             const json_t *domain, const struct bmxctl_limit *limit)
{
	const json_t *primary = json_object_get(domain, "primary");
	char age[BMXCTL_AGE_SIZE];
	long long down_s;

	if (strcmp(bmxctl_string(primary, "state"), "down") != 0)
		return 0;
	down_s = bmxctl_since(facts, bmxctl_number(primary, "since"));
	if (bmxctl_state_above(down_s, limit) != BMXCTL_STATE_OK)
		bmxctl_verdict_add(
			verdict, bmxctl_state_above(down_s, limit), "primary",
			"%s: the primary has been down for %s: %s",
			bmxctl_string(domain, "name"), bmxctl_age(age, down_s),
			bmxctl_string(primary, "last_error"));
	return down_s;
}

void
bmxctl_judge_primary(struct bmxctl_verdict *verdict, const json_t *facts,
                     const struct bmxctl_limit *limit)
{
	const json_t *domains = json_object_get(facts, "domains");
	long long longest_s = 0;
	long long count = 0;
	long long up = 0;

	if (!bmxctl_policyd_said(verdict, facts, "primary"))
		return;
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);
		const long long down_s =
			judge_outage(verdict, facts, domain, limit);

		judge_primary_words(verdict, domain);
		if (down_s > longest_s)
			longest_s = down_s;
		/* "*" has none itself; its domains are in the array, too */
		count += !json_object_get(domain, "domains");
		up += strcmp(bmxctl_string(json_object_get(domain, "primary"),
		                           "state"),
		             "up") == 0;
	}
	bmxctl_verdict_good(verdict, "%lld of %lld primaries up", up, count);
	bmxctl_verdict_figure(verdict, "primaries_up", up, "", NULL);
	bmxctl_verdict_figure(verdict, "primary_down", longest_s, "s", limit);
}

static const json_t *
queued_of(const json_t *queue, const char *name)
{
	const json_t *domains = json_object_get(queue, "domains");

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);

		if (strcmp(bmxctl_string(domain, "name"), name) == 0)
			return domain;
	}
	return NULL;
}

/*
 * How long mail has waited though it could have gone: since it came, or since
 * the primary is back, whichever is later. Mail for a primary that is away
 * waits because that is what a backup is for. -1: nothing waits.
 */
static long long
waited_s(const json_t *facts, const json_t *domain, const json_t *queued)
{
	const json_t *primary = json_object_get(domain, "primary");
	const long long came_at = bmxctl_number(queued, "oldest_at");
	const long long up_at = bmxctl_number(primary, "since");

	if (strcmp(bmxctl_string(primary, "state"), "up") != 0 || came_at <= 0)
		return -1;
	return bmxctl_since(facts, came_at > up_at ? came_at : up_at);
}

static void
judge_waiting(struct bmxctl_verdict *verdict, const json_t *facts,
              const json_t *domain, const json_t *queued,
              const struct bmxctl_limit *limit, long long *longest_s)
{
	const long long waited = waited_s(facts, domain, queued);
	const char *reason = bmxctl_string(queued, "reason");
	char age[BMXCTL_AGE_SIZE];

	if (waited < 0)
		return;
	if (waited > *longest_s)
		*longest_s = waited;
	if (bmxctl_state_above(waited, limit) != BMXCTL_STATE_OK)
		bmxctl_verdict_add(verdict, bmxctl_state_above(waited, limit),
		                   "queue",
		                   "%s: the primary is up, but %lld messages "
		                   "wait, for %s%s%s",
		                   bmxctl_string(domain, "name"),
		                   bmxctl_number(queued, "messages"),
		                   bmxctl_age(age, waited),
		                   reason[0] != '\0' ? ": " : "", reason);
}

void
bmxctl_judge_queue(struct bmxctl_verdict *verdict, const json_t *facts,
                   const struct bmxctl_limit *limit)
{
	const json_t *queue = json_object_get(facts, "queue");
	const json_t *domains = json_object_get(facts, "domains");
	const char *error = bmxctl_string(queue, "error");
	long long longest_s = 0;

	if (error[0] != '\0') {
		bmxctl_verdict_add(verdict, BMXCTL_STATE_UNKNOWN, "queue",
		                   "queue: %s", error);
		return;
	}
	if (!bmxctl_policyd_said(verdict, facts, "queue"))
		return;
	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);

		judge_waiting(verdict, facts, domain,
		              queued_of(queue, bmxctl_string(domain, "name")),
		              limit, &longest_s);
	}
	bmxctl_verdict_good(verdict, "%lld messages queued",
	                    bmxctl_number(queue, "messages"));
	bmxctl_verdict_figure(verdict, "queued",
	                      bmxctl_number(queue, "messages"), "", NULL);
	bmxctl_verdict_figure(
		verdict, "on_hold",
		bmxctl_number(json_object_get(queue, "queues"), "hold"), "",
		NULL);
	bmxctl_verdict_figure(verdict, "waiting", longest_s, "s", limit);
}
