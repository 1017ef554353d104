#include "targets.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>
#include <backupmx/own_addresses.h>
#include <backupmx/text.h>

#define NAMES_MAX ((size_t)65)
/* Questions about one host. */
#define PER_HOST 3
/* "_65535._tcp." and a name. */
#define TLSA_NAME_SIZE (BMX_DOMAIN_BUFFER + 12)

struct round;

/* One question of a round. */
struct lookup {
	struct round *round;
	struct bmx_dns_ask *ask;              /* NULL: not open */
	const struct bmx_dns_answer **answer; /* where it goes */
};

/* One refresh: MX, then all hosts at once. */
struct round {
	struct bmx_targets *targets;
	size_t pending;
	const struct bmx_dns_answer *mx;
	struct bmx_target_plan plan;
	struct bmx_target_answers answers[BMX_TARGET_HOSTS_MAX];
	size_t lookup_count;
	struct lookup lookups[1 + PER_HOST * BMX_TARGET_HOSTS_MAX];
};

struct bmx_targets {
	struct bmx_targets_options options; /* strings in it: not used */
	struct bmx_timer *timer;            /* the next round */
	struct round *round;                /* NULL between two */
	const struct bmx_target_set *set;
	bool stale;
	uint8_t key[BMX_SIPHASH_KEY_SIZE]; /* of the random numbers */
	uint64_t drawn;
	size_t spec_count;
	size_t name_count;
	const char **names; /* into name_buffers */
	char (*name_buffers)[BMX_DOMAIN_BUFFER];
	char domain[BMX_DOMAIN_BUFFER];
	struct bmx_target_spec specs[];
};

static uint64_t
draw(struct bmx_targets *targets)
{
	targets->drawn++;
	return bmx_siphash24(targets->key, &targets->drawn,
	                     sizeof(targets->drawn));
}

/* Up to a tenth more, so that many domains do not ask together. */
static void
schedule(struct bmx_targets *targets, int64_t delay_ms)
{
	const uint64_t more = draw(targets) % (uint64_t)(delay_ms / 10);

	bmx_timer_set(targets->options.loop, targets->timer,
	              delay_ms + (int64_t)more);
}

static void
free_round(struct round **round)
{
	struct round *old = *round;

	*round = NULL;
	if (!old)
		return;
	for (size_t i = 0; i < old->lookup_count; i++)
		if (old->lookups[i].ask)
			old->targets->options.asker->cancel(
				old->lookups[i].ask);
	for (size_t i = 0; i < BMX_TARGET_HOSTS_MAX; i++) {
		bmx_dns_answer_unref(&old->answers[i].a);
		bmx_dns_answer_unref(&old->answers[i].aaaa);
		bmx_dns_answer_unref(&old->answers[i].tlsa);
	}
	bmx_dns_answer_unref(&old->mx);
	free(old);
}

static void on_answer(void *ctx, const struct bmx_dns_answer *answer);

/* A question that memory is too short for stays without answer, which counts
 * as a failure of DNS. */
static void
ask(struct round *round, struct bmx_slice name, enum bmx_dns_type type,
    const struct bmx_dns_answer **answer_out)
{
	struct bmx_dns_asker *asker = round->targets->options.asker;
	struct lookup *lookup = &round->lookups[round->lookup_count++];

	*lookup = (struct lookup){.round = round, .answer = answer_out};
	lookup->ask = asker->ask(asker, name, type, BMX_TARGETS_ANSWER_MS,
	                         on_answer, lookup);
	round->pending += lookup->ask != NULL;
}

/* Below the host's own name, also where that is an alias: RFC 7672 section
 * 2.2.3 would look below the alias's target first; an MX is not to be an alias
 * (RFC 5321 section 5.1), and no records means only that DANE refuses. */
static void
ask_tlsa(struct round *round, const struct bmx_target_plan_host *host,
         const struct bmx_dns_answer **answer_out)
{
	char buffer[TLSA_NAME_SIZE];
	struct bmx_text name;

	bmx_text_init(&name, buffer, sizeof(buffer));
	bmx_text_printf(&name, "_%u._tcp.%s", (unsigned)host->port, host->name);
	ask(round, bmx_text_slice(&name), BMX_DNS_TLSA, answer_out);
}

static void
ask_host(struct round *round, size_t index)
{
	const struct bmx_target_plan_host *host = &round->plan.hosts[index];
	struct bmx_target_answers *answers = &round->answers[index];

	if (host->name[0] == '\0')
		return;
	ask(round, bmx_slice_of(host->name), BMX_DNS_A, &answers->a);
	ask(round, bmx_slice_of(host->name), BMX_DNS_AAAA, &answers->aaaa);
	/* What cannot be secure is not asked for (RFC 7672 section 2.2.1). */
	if (round->targets->options.wants_dane && host->secure)
		ask_tlsa(round, host, &answers->tlsa);
}

static bool
is_own(void *ctx, const struct bmx_target_address *address)
{
	return bmx_own_addresses_have(ctx, address->family, address->octets);
}

static const struct bmx_target_set *
make_set(const struct round *round)
{
	const struct bmx_targets *targets = round->targets;
	struct bmx_own_addresses *own = NULL;
	const struct bmx_target_set *set;
	struct bmx_target_set_facts facts = {
		.plan = &round->plan,
		.answers = round->answers,
		.mx = round->mx,
		.wants_dane = targets->options.wants_dane,
		.is_ours = targets->options.is_ours,
		.is_ours_ctx = targets->options.is_ours_ctx,
		.old = targets->set};

	if (!facts.is_ours) {
		own = bmx_own_addresses_new();
		facts.is_ours = is_own;
		facts.is_ours_ctx = own;
	}
	set = bmx_target_set_make(&facts);
	bmx_own_addresses_free(&own);
	return set;
}

static int64_t
delay_of(const struct bmx_target_set *set)
{
	const int64_t ttl_ms = (int64_t)set->ttl_s * 1000;

	if (set->partial)
		return BMX_TARGETS_RETRY_MS;
	if (ttl_ms < BMX_TARGETS_REFRESH_MIN_MS)
		return BMX_TARGETS_REFRESH_MIN_MS;
	return ttl_ms < BMX_TARGETS_REFRESH_MAX_MS ? ttl_ms :
						     BMX_TARGETS_REFRESH_MAX_MS;
}

/* Puts set in force; true when owners want to know. */
static bool
replace(struct bmx_targets *targets, const struct bmx_target_set *set)
{
	const bool changed = set->state != targets->set->state ||
		strcmp(set->text, targets->set->text) != 0;

	bmx_target_set_unref(&targets->set);
	targets->set = set;
	return changed;
}

static void
complete(struct round *round)
{
	struct bmx_targets *targets = round->targets;
	const struct bmx_target_set *set = make_set(round);
	int64_t delay_ms = BMX_TARGETS_RETRY_MS;
	bool changed = false;

	free_round(&targets->round);
	targets->stale = !set || set->partial;
	if (set)
		delay_ms = delay_of(set);
	else if (targets->set->state == BMX_TARGETS_LOADING)
		set = bmx_target_set_empty(BMX_TARGETS_FAILED);
	if (set)
		changed = replace(targets, set);
	schedule(targets, delay_ms);
	if (changed && targets->options.on_change)
		targets->options.on_change(targets->options.on_change_ctx,
		                           targets);
}

static void
go_on(struct round *round)
{
	const struct bmx_targets *targets = round->targets;
	const struct bmx_target_facts facts = {
		.domain = bmx_slice_of(targets->domain),
		.specs = targets->specs,
		.spec_count = targets->spec_count,
		.our_names = (const char *const *)targets->names,
		.our_name_count = targets->name_count,
		.mx = round->mx};

	bmx_target_plan_make(&facts, &round->plan);
	for (size_t i = 0; i < round->plan.count; i++)
		ask_host(round, i);
	if (round->pending == 0)
		complete(round);
}

static void
on_answer(void *ctx, const struct bmx_dns_answer *answer)
{
	struct lookup *lookup = ctx;
	struct round *round = lookup->round;
	const bool is_mx = lookup->answer == &round->mx;

	lookup->ask = NULL;
	*lookup->answer = bmx_dns_answer_ref(answer);
	if (--round->pending > 0)
		return;
	if (is_mx)
		go_on(round);
	else
		complete(round);
}

static void
on_timer(void *ctx)
{
	struct bmx_targets *targets = ctx;
	struct round *round = calloc(1, sizeof(*round));

	if (!round) {
		schedule(targets, BMX_TARGETS_RETRY_MS);
		return;
	}
	round->targets = targets;
	targets->round = round;
	if (bmx_target_wants_mx(targets->specs, targets->spec_count))
		ask(round, bmx_slice_of(targets->domain), BMX_DNS_MX,
		    &round->mx);
	if (round->pending == 0)
		go_on(round);
}

static int
read_specs(struct bmx_targets *targets,
           const struct bmx_targets_options *options, struct bmx_error *err)
{
	for (size_t i = 0; i < options->primary_count; i++) {
		struct bmx_error why;

		if (bmx_target_spec_parse(bmx_slice_of(options->primary[i]),
		                          &targets->specs[i], &why) != 0)
			return bmx_error_set(err, why.code, "primary %s: %s",
			                     options->primary[i], why.text);
	}
	targets->spec_count = options->primary_count;
	return 0;
}

/* What is no name can be in no MX record either. Thousands of domains have
 * targets, and nearly all of them one name. */
static int
read_names(struct bmx_targets *targets,
           const struct bmx_targets_options *options)
{
	const size_t count = options->our_name_count < NAMES_MAX ?
		options->our_name_count :
		NAMES_MAX;

	targets->names = calloc(count + 1, sizeof(*targets->names));
	targets->name_buffers =
		calloc(count + 1, sizeof(*targets->name_buffers));
	if (!targets->names || !targets->name_buffers)
		return -1;
	for (size_t i = 0; i < count; i++) {
		char *buffer = targets->name_buffers[targets->name_count];

		if (bmx_target_host_name(bmx_slice_of(options->our_names[i]),
		                         buffer))
			targets->names[targets->name_count++] = buffer;
	}
	return 0;
}

static int
set_up(struct bmx_targets *targets, const struct bmx_targets_options *options,
       struct bmx_error *err)
{
	if (read_specs(targets, options, err) != 0)
		return -1;
	if (options->domain.len > BMX_DOMAIN_MAX)
		return bmx_error_set(err, BMX_E_SYNTAX, "no domain name");
	memcpy(targets->domain, options->domain.data, options->domain.len);
	if (read_names(targets, options) != 0)
		return bmx_error_set(err, BMX_E_NOMEM, "no memory for targets");
	targets->timer = bmx_timer_new(options->loop, on_timer, targets);
	if (!targets->timer)
		return bmx_error_set(err, BMX_E_NOMEM, "no memory for targets");
	bmx_timer_set(options->loop, targets->timer, 0);
	return 0;
}

struct bmx_targets *
bmx_targets_new(const struct bmx_targets_options *options,
                struct bmx_error *err)
{
	struct bmx_targets *targets;

	if (options->primary_count > BMX_TARGET_SPECS_MAX) {
		(void)bmx_error_set(err, BMX_E_RANGE, "primary: at most %zu",
		                    BMX_TARGET_SPECS_MAX);
		return NULL;
	}
	targets = calloc(1,
	                 sizeof(*targets) +
	                         options->primary_count *
	                                 sizeof(targets->specs[0]));
	if (!targets) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for targets");
		return NULL;
	}
	targets->options = *options;
	targets->set = bmx_target_set_empty(BMX_TARGETS_LOADING);
	bmx_siphash_random_key(targets->key);
	if (set_up(targets, options, err) != 0)
		bmx_targets_free(&targets);
	return targets;
}

void
bmx_targets_free(struct bmx_targets **targets)
{
	struct bmx_targets *old = *targets;

	*targets = NULL;
	if (!old)
		return;
	free_round(&old->round);
	bmx_timer_free(old->options.loop, &old->timer);
	bmx_target_set_unref(&old->set);
	free(old->names);
	free(old->name_buffers);
	free(old);
}

const struct bmx_target_set *
bmx_targets_get(const struct bmx_targets *targets)
{
	return targets->set;
}

struct bmx_target_tries *
bmx_targets_tries(struct bmx_targets *targets)
{
	return bmx_target_tries_new(targets->set, draw(targets));
}

void
bmx_targets_refresh(struct bmx_targets *targets)
{
	if (!targets->round)
		bmx_timer_set(targets->options.loop, targets->timer, 0);
}

bool
bmx_targets_stale(const struct bmx_targets *targets)
{
	return targets->stale;
}
