/*
 * Call-ahead among random asks, primaries that change their ways at random,
 * and random time. Whatever happens: every ask is answered once and in time,
 * every probe ends, and no cap is broken.
 */
#define QUIET_TURNS 1
#include "tests/unit/policyd/call_ahead_fixture.h"

#define STEPS 300
#define ASKERS 2000
#define RATE 20

struct chaos {
	struct fixture *fx;
	uint64_t random;
	struct asker askers[ASKERS];
	int64_t deadline_ms[ASKERS];
	bool left[ASKERS];
	size_t count;
	int64_t began_ms;
};

static uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Below limit; xorshift64 (Marsaglia 2003). */
static unsigned
draw(struct chaos *chaos, unsigned limit)
{
	chaos->random ^= chaos->random << 13;
	chaos->random ^= chaos->random >> 7;
	chaos->random ^= chaos->random << 17;
	return (unsigned)(chaos->random >> 33) % limit;
}

static int64_t
now(const struct chaos *chaos)
{
	return bmx_clock_mono_ms(chaos->fx->loop->clock);
}

static void
ask_one(struct chaos *chaos)
{
	const unsigned number = draw(chaos, 40);
	const int64_t within_ms = draw(chaos, 6000);
	char local[32];
	struct bmx_call_ahead_request request = {
		.domain = BMX_SLICE(DOMAIN),
		.test_accept_all = draw(chaos, 10) == 0,
		.had_valid = draw(chaos, 4) == 0,
		.background = draw(chaos, 6) == 0};

	if (chaos->count == ASKERS)
		return;
	(void)snprintf(local, sizeof(local), "%s%u",
	               number % 2 == 0 ? "known" : "nobody", number);
	request.local = bmx_slice_of(local);
	chaos->deadline_ms[chaos->count] = now(chaos) + within_ms;
	ask_request(chaos->fx, &chaos->askers[chaos->count], &request,
	            within_ms);
	chaos->count++;
}

static void
leave_one(struct chaos *chaos)
{
	const unsigned i = draw(chaos, (unsigned)chaos->count + 1);

	if (i == chaos->count || !chaos->askers[i].wait)
		return;
	bmx_call_ahead_leave(&chaos->askers[i].wait);
	chaos->left[i] = true;
}

static void
change_primary(struct chaos *chaos)
{
	static const char *const greetings[] = {
		NULL,
		NULL,
		"554 5.7.1 no\r\n",
		"421 4.3.2 closing\r\n",
		"220 backup.example.test ESMTP\r\n", /* a loop */
		"what?\r\n",
		"250-never\r\n250-ending\r\n",
	};
	struct primary *p = &chaos->fx->primaries[draw(chaos, PRIMARIES)];

	p->greeting = greetings[draw(chaos, 7)];
	p->silent = draw(chaos, 8) == 0;
	p->drops = draw(chaos, 4) == 0 ? draw(chaos, 4) : 0;
	p->accepts_all = draw(chaos, 4) == 0;
	p->refuses_all = draw(chaos, 8) == 0;
	p->keyword = draw(chaos, 3) == 0 ? "STARTTLS" : NULL;
	p->from_reply = draw(chaos, 6) == 0 ? "550 5.7.1 no\r\n" : NULL;
	primary_release(p);
	p->holds = draw(chaos, 6) == 0;
}

static void
check(const struct chaos *chaos)
{
	const struct fixture *fx = chaos->fx;
	const struct bmx_call_ahead_status status = status_of(fx);

	for (size_t i = 0; i < chaos->count; i++) {
		const struct asker *asker = &chaos->askers[i];

		assert_true(asker->told <= !chaos->left[i]);
		if (!chaos->left[i] && chaos->deadline_ms[i] <= now(chaos))
			assert_int_equal(asker->told, 1);
		/* Nothing but a reply to RCPT says this. */
		if (asker->told && asker->why != BMX_CALL_AHEAD_ANSWERED)
			assert_int_equal(asker->result.outcome,
			                 BMX_PROBE_UNSURE);
	}
	assert_true(status.sessions <= 2);
	assert_int_equal(status.started - status.probes, fx->results);
	for (size_t i = 0; i < PRIMARIES; i++)
		assert_true(fx->primaries[i].most_open <= 2);
}

static void
step(struct chaos *chaos)
{
	switch (draw(chaos, 8)) {
	case 0:
	case 1:
	case 2:
		for (unsigned i = draw(chaos, 8); i > 0; i--)
			ask_one(chaos);
		break;
	case 3:
		leave_one(chaos);
		break;
	case 4:
		change_primary(chaos);
		break;
	case 5:
		if (draw(chaos, 8) == 0)
			configure(chaos->fx);
		break;
	default:
		pass(chaos->fx, draw(chaos, 700));
		break;
	}
}

static void
test_chaos(void **state)
{
	struct chaos *chaos = calloc(1, sizeof(*chaos));
	struct bmx_tls_context *context = bmx_tls_context_new("", NULL);
	void *fixture;

	chaos->random = *(const uint64_t *)*state;
	assert_int_equal(set_up(&fixture), 0);
	chaos->fx = fixture;
	use_targets(chaos->fx, PRIMARIES);
	chaos->fx->settings.probe_rate = RATE;
	chaos->fx->settings.tls = BMX_TLS_MAY;
	chaos->fx->settings.tls_context = context;
	configure(chaos->fx);
	chaos->began_ms = now(chaos);
	for (int i = 0; i < STEPS; i++) {
		step(chaos);
		check(chaos);
	}
	pass(chaos->fx, 6000);
	check(chaos);
	assert_int_equal(status_of(chaos->fx).probes, 0);
	assert_int_equal(status_of(chaos->fx).waits, 0);
	assert_true(chaos->fx->results > 10);
	assert_true(chaos->fx->results <= 4 * RATE +
	                    (uint64_t)(now(chaos) - chaos->began_ms) * RATE /
	                            1000);
	pass(chaos->fx, 15000);
	assert_int_equal(status_of(chaos->fx).sessions, 0);
	assert_int_equal(tear_down(&fixture), 0);
	bmx_tls_context_free(&context);
	free(chaos);
}

#define SEEDS (sizeof(seeds) / sizeof(seeds[0]))

int
main(void)
{
	struct CMUnitTest tests[SEEDS] = {0};
	char names[SEEDS][32];

	for (size_t i = 0; i < SEEDS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "seed %zu", i);
		tests[i].name = names[i];
		tests[i].test_func = test_chaos;
		tests[i].initial_state = &seeds[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
