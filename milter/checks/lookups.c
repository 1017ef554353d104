#include "milter/checks/lookups.h"

#include <assert.h>

static struct bmx_dns_query *
start_query(void *ctx, struct bmx_slice name, enum bmx_dns_type type)
{
	return bmx_dns_start(ctx, name, type);
}

struct bmx_check_dns
bmx_check_dns_of(struct bmx_dns *dns)
{
	return (struct bmx_check_dns){
		.start = start_query,
		.done = bmx_dns_done,
		.wait = bmx_dns_wait,
		.cancel = bmx_dns_cancel,
		.ctx = dns,
	};
}

static void
take_step(struct bmx_lookups *lookups, const struct bmx_check_answers *answers)
{
	struct bmx_check_round round;

	round.count = 0;
	lookups->found = lookups->step(lookups->facts, answers, &round);
	lookups->count = 0;
	if (lookups->found != BMX_FOUND_UNDECIDED)
		return;
	assert(round.count > 0);
	for (size_t i = 0; i < round.count; i++) {
		const struct bmx_check_question *question = &round.questions[i];

		lookups->queries[i] = lookups->dns->start(
			lookups->dns->ctx, bmx_slice_of(question->name),
			question->type);
	}
	lookups->count = round.count;
}

void
bmx_lookups_start(struct bmx_lookups *lookups, const struct bmx_check_dns *dns,
                  bmx_check_step *step, const struct bmx_check_facts *facts)
{
	const struct bmx_check_answers none = {.rounds = 0};

	bmx_lookups_cancel(lookups);
	lookups->dns = dns;
	lookups->step = step;
	lookups->facts = facts;
	take_step(lookups, &none);
}

static bool
is_answered(const struct bmx_lookups *lookups)
{
	for (size_t i = 0; i < lookups->count; i++)
		if (!lookups->dns->done(lookups->queries[i]))
			return false;
	return true;
}

/* Takes the answers of the round, for which it may wait, and goes on. */
static void
end_round(struct bmx_lookups *lookups, int64_t deadline_us)
{
	struct bmx_check_answers answers = {.rounds = ++lookups->rounds,
	                                    .count = lookups->count};
	size_t i;

	for (i = 0; i < answers.count; i++)
		answers.items[i] =
			lookups->dns->wait(&lookups->queries[i], deadline_us);
	take_step(lookups, &answers);
	for (i = 0; i < answers.count; i++)
		bmx_dns_answer_unref(&answers.items[i]);
}

void
bmx_lookups_drive(struct bmx_lookups *lookups)
{
	while (lookups->step && lookups->found == BMX_FOUND_UNDECIDED &&
	       is_answered(lookups))
		end_round(lookups, 0);
}

enum bmx_finding
bmx_lookups_finish(struct bmx_lookups *lookups, int64_t deadline_us)
{
	if (!lookups->step)
		return BMX_FOUND_NOTHING;
	while (lookups->found == BMX_FOUND_UNDECIDED)
		end_round(lookups, deadline_us);
	return lookups->found;
}

void
bmx_lookups_cancel(struct bmx_lookups *lookups)
{
	for (size_t i = 0; i < lookups->count; i++)
		lookups->dns->cancel(&lookups->queries[i]);
	*lookups = (struct bmx_lookups){.found = BMX_FOUND_UNDECIDED};
}
