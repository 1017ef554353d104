#include "policyd/redis_follow.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/list_sync.h>
#include <backupmx/publication.h>
#include <backupmx/units.h>

/* Steps in which all domains are asked for once. */
#define POLL_STEPS 10
/* Commands of one request: well below the link's cap. */
#define POLL_COMMANDS ((size_t)200)
/* Arguments of HGET KEY FIELD. */
#define POLL_WORDS 3

struct domain {
	char *name;
	char key[BMX_PUBLICATION_KEY_MAX];
	bool asked;
	uint64_t asked_for;
};

/* A request for the generations of count domains from first on. */
struct poll {
	struct bmx_redis_follow *follow;
	struct bmx_redis_ask *ask;
	size_t first;
	size_t count;
	struct poll *next;
};

struct bmx_redis_follow {
	struct bmx_redis_follow_options with;
	struct bmx_redis_subscription *subscription;
	struct bmx_timer *timer;
	struct domain *domains; /* sorted by name */
	size_t count;
	size_t step; /* of a round of polling */
	struct poll *polls;
};

bool
bmx_redis_follow_wants(const struct bmx_redis_follow_facts *facts)
{
	if (facts->remote == facts->local && facts->remote > 0)
		return false;
	return !facts->asked || facts->asked_for != facts->remote;
}

/*
 * Judging.
 */

static void
judge(struct bmx_redis_follow *follow, struct domain *domain, uint64_t remote)
{
	const struct bmx_slice name = bmx_slice_of(domain->name);
	const struct bmx_redis_follow_facts facts = {
		.local = follow->with.local(follow->with.ctx, name),
		.remote = remote,
		.asked = domain->asked,
		.asked_for = domain->asked_for,
	};

	if (facts.local == remote)
		domain->asked = false;
	if (!bmx_redis_follow_wants(&facts))
		return;
	domain->asked = true;
	domain->asked_for = remote;
	follow->with.sync(follow->with.ctx, name);
}

static uint64_t
generation_of(const struct bmx_redis_reply *reply)
{
	int64_t generation;

	if (reply->type != BMX_REDIS_STRING ||
	    bmx_units_parse_number(reply->text, &generation) != 0)
		return 0;
	return (uint64_t)generation;
}

/* Does an error say something of the key, rather than of the server? */
static bool
is_answer(const struct bmx_redis_reply *reply)
{
	return reply->type != BMX_REDIS_ERROR ||
		bmx_redis_is_error(reply, "WRONGTYPE");
}

/*
 * Polling.
 */

static void
drop_poll(struct bmx_redis_follow *follow, struct poll *poll)
{
	struct poll **at = &follow->polls;

	while (*at != poll)
		at = &(*at)->next;
	*at = poll->next;
	free(poll);
}

static void
on_answer(void *ctx, const struct bmx_redis_answer *answer)
{
	struct poll *poll = ctx;
	struct bmx_redis_follow *follow = poll->follow;
	const size_t first = poll->first, count = poll->count;
	const struct bmx_redis_reply *reply = answer->reply;

	drop_poll(follow, poll);
	if (!reply)
		return;
	if (count == 1) {
		if (is_answer(reply))
			judge(follow, &follow->domains[first],
			      generation_of(reply));
		return;
	}
	if (reply->type != BMX_REDIS_ARRAY || reply->count != count)
		return;
	for (size_t i = 0; i < count; i++)
		if (is_answer(&reply->element[i]))
			judge(follow, &follow->domains[first + i],
			      generation_of(&reply->element[i]));
}

/* Asks for count domains from first on; what cannot be sent is left to the
 * next round. */
static void
send_poll(struct bmx_redis_follow *follow, size_t first, size_t count)
{
	struct bmx_slice words[POLL_COMMANDS][POLL_WORDS];
	struct bmx_redis_command commands[POLL_COMMANDS];
	const struct bmx_redis_request request = {
		.commands = commands,
		.count = count,
		.key = bmx_slice_of(follow->domains[first].key),
	};
	struct poll *poll = calloc(1, sizeof(*poll));
	struct bmx_error ignored;

	if (!poll)
		return;
	for (size_t i = 0; i < count; i++) {
		words[i][0] = BMX_SLICE("HGET");
		words[i][1] = bmx_slice_of(follow->domains[first + i].key);
		words[i][2] = BMX_SLICE("generation");
		commands[i] = (struct bmx_redis_command){words[i], POLL_WORDS};
	}
	*poll = (struct poll){.follow = follow,
	                      .first = first,
	                      .count = count,
	                      .next = follow->polls};
	poll->ask = bmx_redis_send(follow->with.redis, &request, on_answer,
	                           poll, &ignored);
	if (poll->ask)
		follow->polls = poll;
	else
		free(poll);
}

/* In a Cluster a request's keys are of one domain. */
static void
poll_range(struct bmx_redis_follow *follow, size_t first, size_t end)
{
	const size_t most = follow->with.settings->cluster ? 1 : POLL_COMMANDS;

	while (first < end) {
		const size_t count = end - first < most ? end - first : most;

		send_poll(follow, first, count);
		first += count;
	}
}

static void
on_timer(void *ctx)
{
	struct bmx_redis_follow *follow = ctx;
	const size_t step = follow->step;

	bmx_timer_set(follow->with.loop, follow->timer,
	              BMX_REDIS_FOLLOW_POLL_MS / POLL_STEPS);
	follow->step = (step + 1) % POLL_STEPS;
	poll_range(follow, follow->count * step / POLL_STEPS,
	           follow->count * (step + 1) / POLL_STEPS);
}

/*
 * Hearing.
 */

static int
compare_name(const void *key, const void *element)
{
	const struct bmx_slice *name = key;
	const struct domain *domain = element;
	const int order = strncmp(name->data, domain->name, name->len);

	if (order != 0)
		return order;
	return domain->name[name->len] == '\0' ? 0 : -1;
}

static struct domain *
find(const struct bmx_redis_follow *follow, struct bmx_slice name)
{
	/* strncmp must not stop at a NUL of the message. */
	if (follow->count == 0 || memchr(name.data, '\0', name.len))
		return NULL;
	return bsearch(&name, follow->domains, follow->count,
	               sizeof(*follow->domains), compare_name);
}

static void
on_heard(void *ctx, enum bmx_redis_heard heard, struct bmx_slice payload)
{
	struct bmx_redis_follow *follow = ctx;
	struct domain *domain;
	struct bmx_slice name;
	uint64_t generation;

	switch (heard) {
	case BMX_REDIS_SUBSCRIBED:
		poll_range(follow, 0, follow->count);
		break;
	case BMX_REDIS_MESSAGE:
		if (bmx_publication_read_message(payload, &name, &generation) !=
		    0)
			break;
		domain = find(follow, name);
		if (domain)
			judge(follow, domain, generation);
		break;
	case BMX_REDIS_DEAF:
		break;
	}
}

/*
 * Life.
 */

static void
cancel_polls(struct bmx_redis_follow *follow)
{
	while (follow->polls) {
		bmx_redis_cancel(follow->polls->ask);
		drop_poll(follow, follow->polls);
	}
}

static void
free_domains(struct domain *domains, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(domains[i].name);
	free(domains);
}

struct bmx_redis_follow *
bmx_redis_follow_new(const struct bmx_redis_follow_options *options,
                     struct bmx_error *err)
{
	struct bmx_redis_follow *follow = calloc(1, sizeof(*follow));
	char channel[BMX_PUBLICATION_KEY_MAX];
	struct bmx_text text;

	if (follow) {
		follow->with = *options;
		follow->timer = bmx_timer_new(options->loop, on_timer, follow);
	}
	if (!follow || !follow->timer) {
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "no memory to follow lists in Redis");
		bmx_redis_follow_free(&follow);
		return NULL;
	}
	bmx_text_init(&text, channel, sizeof(channel));
	bmx_publication_append_channel(&text, options->settings->prefix);
	follow->subscription = bmx_redis_subscribe(
		options->redis, bmx_text_slice(&text), on_heard, follow, err);
	if (!follow->subscription)
		bmx_redis_follow_free(&follow);
	return follow;
}

void
bmx_redis_follow_free(struct bmx_redis_follow **follow)
{
	struct bmx_redis_follow *old = *follow;

	if (!old)
		return;
	cancel_polls(old);
	bmx_redis_unsubscribe(&old->subscription);
	bmx_timer_free(old->with.loop, &old->timer);
	free_domains(old->domains, old->count);
	free(old);
	*follow = NULL;
}

static int
compare_domains(const void *a, const void *b)
{
	const struct domain *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int
add_domain(const struct bmx_redis_follow *follow, struct domain *domain,
           const char *name)
{
	struct bmx_text text;

	memset(domain, 0, sizeof(*domain));
	domain->name = strdup(name);
	if (!domain->name)
		return -1;
	bmx_text_init(&text, domain->key, sizeof(domain->key));
	bmx_publication_append_key(&text, follow->with.settings->prefix,
	                           bmx_slice_of(name), BMX_PUBLICATION_META);
	return 0;
}

int
bmx_redis_follow_configure(struct bmx_redis_follow *follow,
                           const struct bmx_config *config,
                           struct bmx_error *err)
{
	struct domain *domains =
		calloc(config->domain_count + 1, sizeof(*domains));
	size_t count = 0;
	bool failed = !domains;

	for (size_t i = 0; !failed && i < config->domain_count; i++) {
		const struct bmx_config_domain *domain = &config->domains[i];

		if (strcmp(domain->recipients, BMX_LIST_SOURCE_REDIS) == 0 &&
		    strcmp(domain->name, "*") != 0)
			failed = add_domain(follow, &domains[count++],
			                    domain->name) != 0;
	}
	if (failed) {
		free_domains(domains, count);
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory to follow lists in Redis");
	}
	if (count > 1)
		qsort(domains, count, sizeof(*domains), compare_domains);
	cancel_polls(follow);
	free_domains(follow->domains, follow->count);
	follow->domains = domains;
	follow->count = count;
	follow->step = 0;
	bmx_timer_set(follow->with.loop, follow->timer, 0);
	return 0;
}
