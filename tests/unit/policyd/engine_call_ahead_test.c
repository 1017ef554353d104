/*
 * The engine where a list cannot tell: cache, primary, gate; answers that have
 * to wait, and what is learnt.
 */
#include <backupmx/policy_reply.h>

#include "tests/unit/policyd/engine_fixture.h"

#define HOUR INT64_C(3600000)

/* clang-format off */
static const char config_text[] =
	"milter { trusted = {\"198.51.100.0/24\"} }\n"
	"domain \"a.test\" { }\n"
	"domain \"g.test\" { primary_up = \"gate\" call_ahead = false }\n"
	"domain \"o.test\" { mode = \"observe\" primary_up = \"gate\" }\n";
/* clang-format on */

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct fixture_list *list;

	assert_non_null(fixture);
	fixture_start(fixture, config_text);
	for (size_t i = 0; i < FIXTURE_DOMAINS; i++)
		fixture->lists[i].domain = fixture->config->domains[i].name;
	list = &fixture->lists[1]; /* of g.test */
	list->present = true;
	list->meta.synced_at_ms = fixture_wall_ms(fixture);
	list->entries[0] = (struct fixture_entry){"u", BMX_RECIPIENT_ACTIVE};
	fixture->primary.view.status = BMX_PRIMARY_UP;
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	fixture_stop(fixture);
	free(fixture);
	return 0;
}

static void
says(struct fixture *fixture, enum bmx_probe_outcome outcome)
{
	fixture->primary.probe = (struct bmx_probe_result){.outcome = outcome};
}

static void
assert_reply(struct bmx_slice answer, enum bmx_policy_reply want)
{
	if (!bmx_slice_equal(answer, bmx_policy_reply_encode(want, false)))
		fail_msg("want \"%s\", got \"%.*s\"",
		         bmx_policy_reply_action(want), (int)answer.len,
		         answer.data);
}

static void
assert_logged(const struct fixture *fixture, const char *text)
{
	if (!strstr(fixture->last_log, text))
		fail_msg("no \"%s\" in \"%s\"", text, fixture->last_log);
}

static void
test_learns_valid(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	assert_reply(fixture_ask(f, "New@A.test"), BMX_REPLY_DUNNO);
	assert_logged(f, "why=verified src=call-ahead");
	assert_string_equal(f->primary.last_local, "new");
	assert_true(f->primary.last.test_accept_all);
	assert_false(f->primary.last.had_valid);
	assert_reply(fixture_ask(f, "new@a.test"), BMX_REPLY_DUNNO);
	assert_logged(f, "why=verified src=cache authority=absent age=0s");
	assert_int_equal(f->primary.asked, 1);
}

static void
test_learns_unknown(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_UNKNOWN);
	assert_reply(fixture_ask(f, "no@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_reply(fixture_ask(f, "no@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_int_equal(f->primary.asked, 1);
	/* Its refusal says that the domain does not accept all. */
	says(f, BMX_PROBE_VALID);
	assert_reply(fixture_ask(f, "yes@a.test"), BMX_REPLY_DUNNO);
	assert_false(f->primary.last.test_accept_all);
	/* After half an hour it is asked anew. */
	fake_loop_advance(f->loop, HOUR / 2);
	assert_reply(fixture_ask(f, "no@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(f->primary.asked, 3);
}

static void
test_unsure_is_not_learnt(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_UNSURE);
	f->primary.probe.why = BMX_PROBE_RCPT_TEMPORARY;
	assert_reply(fixture_ask(f, "u@a.test"), BMX_REPLY_UNVERIFIED);
	assert_logged(f,
	              "why=unverified src=call-ahead authority=absent "
	              "probe=rcpt-temporary");
	assert_int_equal(memory_store_records(f->records), 0);
	f->primary.why = BMX_CALL_AHEAD_RATE;
	assert_reply(fixture_ask(f, "u@a.test"), BMX_REPLY_UNVERIFIED);
	assert_logged(f, "probe=rate");
}

static void
test_outage(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "seen@a.test");
	says(f, BMX_PROBE_UNKNOWN);
	(void)fixture_ask(f, "none@a.test");
	f->primary.view.status = BMX_PRIMARY_DOWN;
	fake_loop_advance(f->loop, 48 * HOUR);
	assert_reply(fixture_ask(f, "seen@a.test"), BMX_REPLY_DUNNO);
	assert_reply(fixture_ask(f, "none@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_reply(fixture_ask(f, "never@a.test"), BMX_REPLY_UNVERIFIED);
	assert_logged(f, "why=primary-down");
	fake_loop_advance(f->loop, 24 * HOUR);
	assert_reply(fixture_ask(f, "none@a.test"), BMX_REPLY_UNVERIFIED);
	fake_loop_advance(f->loop, 11 * 24 * HOUR);
	assert_reply(fixture_ask(f, "seen@a.test"), BMX_REPLY_UNVERIFIED);
	assert_int_equal(f->primary.asked, 2);
}

/* joe+news is joe's, as a list would say; that joe is unknown says nothing of
 * it. */
static void
test_extension(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "joe@a.test");
	says(f, BMX_PROBE_UNKNOWN);
	(void)fixture_ask(f, "jim@a.test");
	assert_reply(fixture_ask(f, "joe+news@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(f->primary.asked, 2);
	says(f, BMX_PROBE_VALID);
	assert_reply(fixture_ask(f, "jim+news@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(f->primary.asked, 3);
}

/* What the primary said of joe+x itself, though a while ago, is not overruled
 * by joe: it is asked again, and while it is down it holds. */
static void
test_extension_unknown(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_UNKNOWN);
	(void)fixture_ask(f, "joe+x@a.test");
	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "joe@a.test");
	fake_loop_advance(f->loop, HOUR);
	says(f, BMX_PROBE_UNKNOWN);
	assert_reply(fixture_ask(f, "joe+x@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_int_equal(f->primary.asked, 3);
	fake_loop_advance(f->loop, HOUR);
	f->primary.view.status = BMX_PRIMARY_DOWN;
	assert_reply(fixture_ask(f, "joe+x@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_reply(fixture_ask(f, "joe+y@a.test"), BMX_REPLY_DUNNO);
}

/* That it is too old to be used does not make a VALID less of one: its loss
 * needs a witness. */
static void
test_old_valid(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "old@a.test");
	fake_loop_advance(f->loop, 15 * 24 * HOUR);
	says(f, BMX_PROBE_UNKNOWN);
	(void)fixture_ask(f, "old@a.test");
	assert_true(f->primary.last.had_valid);
}

static void
test_accepts_all(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_ACCEPTS_ALL);
	f->primary.probe.random = BMX_PROBE_RANDOM_ACCEPTED;
	assert_reply(fixture_ask(f, "x@a.test"), BMX_REPLY_DUNNO);
	assert_reply(fixture_ask(f, "y@a.test"), BMX_REPLY_DUNNO);
	assert_logged(f, "why=accepts-all src=cache");
	assert_int_equal(f->primary.asked, 1);
	fake_loop_advance(f->loop, 24 * HOUR);
	assert_reply(fixture_ask(f, "z@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(f->primary.asked, 2);
	assert_true(f->primary.last.test_accept_all);
}

static void
test_refresh_ahead(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "u@a.test");
	fake_loop_advance(f->loop, 5 * HOUR);
	(void)fixture_ask(f, "u@a.test");
	assert_int_equal(f->primary.asked, 1);
	fake_loop_advance(f->loop, 2 * HOUR);
	assert_reply(fixture_ask(f, "u@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(f->primary.asked, 2);
	assert_true(f->primary.last.background);
	assert_true(f->primary.last.had_valid);
	fake_loop_advance(f->loop, 23 * HOUR);
	(void)fixture_ask(f, "u@a.test"); /* still fresh: it was refreshed */
	assert_logged(f, "src=cache");
}

/* A user that is gone is believed, a user table that is gone is not. */
static void
test_lost_users(void **state)
{
	struct fixture *f = *state;
	char address[32];

	says(f, BMX_PROBE_VALID);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(address, sizeof(address), "u%d@a.test", i);
		(void)fixture_ask(f, address);
	}
	fake_loop_advance(f->loop, 25 * HOUR);
	says(f, BMX_PROBE_UNKNOWN);
	assert_reply(fixture_ask(f, "u0@a.test"), BMX_REPLY_USER_UNKNOWN);
	assert_true(f->primary.last.had_valid);
	assert_reply(fixture_ask(f, "u1@a.test"), BMX_REPLY_USER_UNKNOWN);
	for (int i = 2; i < 10; i++) {
		(void)snprintf(address, sizeof(address), "u%d@a.test", i);
		assert_reply(fixture_ask(f, address), BMX_REPLY_UNVERIFIED);
		assert_logged(f, "probe=lost-users");
	}
	/* The evidence was held: in the next outage they are still known. */
	f->primary.view.status = BMX_PRIMARY_DOWN;
	assert_reply(fixture_ask(f, "u9@a.test"), BMX_REPLY_DUNNO);
	/* One that never was known is none of them. */
	f->primary.view.status = BMX_PRIMARY_UP;
	assert_reply(fixture_ask(f, "new@a.test"), BMX_REPLY_USER_UNKNOWN);
}

static void
test_waits_for_primary(void **state)
{
	struct fixture *f = *state;

	f->primary.later = true;
	says(f, BMX_PROBE_VALID);
	assert_non_null(fixture_begin_ask(f, "u@a.test"));
	assert_non_null(fixture_begin_ask(f, "v@a.test"));
	assert_int_equal(bmx_engine_waiting(f->engine), 2);
	assert_int_equal(f->answers, 0);
	scripted_answer(&f->primary);
	assert_int_equal(f->answers, 2);
	assert_reply(f->answer, BMX_REPLY_DUNNO);
	assert_int_equal(bmx_engine_waiting(f->engine), 0);
}

static void
test_deadline(void **state)
{
	struct fixture *f = *state;

	f->primary.later = true;
	assert_non_null(fixture_begin_ask(f, "u@a.test"));
	fake_loop_advance(f->loop, 4900);
	assert_int_equal(f->answers, 0);
	fake_loop_advance(f->loop, 100);
	assert_int_equal(f->answers, 1);
	assert_reply(f->answer, BMX_REPLY_UNVERIFIED);
	assert_int_equal(scripted_waiting(&f->primary), 0);
}

/* A request whose octets came slowly has less time left than one that came
 * before it. */
static void
test_deadline_order(void **state)
{
	struct fixture *f = *state;
	const struct bmx_policy_request slow = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.client_address = BMX_SLICE("192.0.2.1"),
		.recipient = BMX_SLICE("slow@a.test"),
	};
	const int64_t began_us = bmx_clock_mono_us(f->loop->clock);

	f->primary.later = true;
	fake_loop_advance(f->loop, 3000);
	assert_non_null(fixture_begin_ask(f, "quick@a.test"));
	assert_non_null(bmx_engine_ask(f->engine, &slow, began_us,
	                               fixture_answered, f));
	assert_non_null(fixture_begin_ask(f, "quick@a.test"));
	fake_loop_advance(f->loop, 2000);
	assert_int_equal(f->answers, 1);
	assert_logged(f, "rcpt=<slow@a.test>");
	fake_loop_advance(f->loop, 3000);
	assert_int_equal(f->answers, 3);
}

static void
test_deadline_of_store(void **state)
{
	struct fixture *f = *state;

	memory_store_set_delayed(f->records, true);
	assert_non_null(fixture_begin_ask(f, "u@a.test"));
	fake_loop_advance(f->loop, 5000);
	assert_reply(f->answer, BMX_REPLY_TROUBLE);
	assert_logged(f, "why=deadline");
	assert_int_equal(f->primary.asked, 0);
}

static void
test_store_far_away(void **state)
{
	struct fixture *f = *state;

	memory_store_set_delayed(f->records, true);
	says(f, BMX_PROBE_VALID);
	assert_non_null(fixture_begin_ask(f, "u+x@a.test"));
	while (memory_store_answer(f->records))
		;
	assert_int_equal(f->answers, 1);
	assert_reply(f->answer, BMX_REPLY_DUNNO);
	memory_store_set_delayed(f->records, false);
	while (memory_store_answer(f->records))
		;
}

static void
test_forgotten(void **state)
{
	struct fixture *f = *state;
	struct bmx_engine_ask *ask;

	f->primary.later = true;
	ask = fixture_begin_ask(f, "u@a.test");
	bmx_engine_forget(&ask);
	assert_null(ask);
	scripted_answer(&f->primary);
	fake_loop_advance(f->loop, 10000);
	assert_int_equal(f->answers, 0);
	memory_store_set_delayed(f->records, true);
	ask = fixture_begin_ask(f, "v@a.test");
	bmx_engine_forget(&ask);
	while (memory_store_answer(f->records))
		;
	assert_int_equal(f->answers, 0);
}

/* A reload while an answer waits: it ends with what it began with. */
static void
test_reload_while_waiting(void **state)
{
	struct fixture *f = *state;
	struct bmx_config *other = fixture_config("domain \"z.test\" { }\n");

	f->primary.later = true;
	says(f, BMX_PROBE_VALID);
	assert_non_null(fixture_begin_ask(f, "u@a.test"));
	assert_int_equal(bmx_engine_configure(f->engine, other, NULL), 0);
	bmx_config_unref(&other);
	scripted_answer(&f->primary);
	assert_reply(f->answer, BMX_REPLY_DUNNO);
	assert_reply(fixture_ask(f, "u@a.test"), BMX_REPLY_DUNNO);
	assert_int_equal(bmx_engine_configure(f->engine, f->config, NULL), 0);
}

static void
test_harvest(void **state)
{
	struct fixture *f = *state;
	char address[32];

	says(f, BMX_PROBE_UNKNOWN);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(address, sizeof(address), "x%d@a.test", i);
		assert_reply(fixture_ask(f, address), BMX_REPLY_USER_UNKNOWN);
	}
	assert_reply(fixture_ask(f, "y@a.test"), BMX_REPLY_UNVERIFIED);
	assert_logged(f, "why=harvest");
	assert_int_equal(f->primary.asked, 10);
	for (int i = 0; i < 20; i++)
		assert_reply(fixture_ask(f, "x0@a.test"),
		             BMX_REPLY_USER_UNKNOWN);
	assert_reply(fixture_ask(f, "y@a.test"), BMX_REPLY_HARVEST);
	fake_loop_advance(f->loop, HOUR);
	assert_reply(fixture_ask(f, "y@a.test"), BMX_REPLY_USER_UNKNOWN);
}

/* Users who mistype, mailing lists of our own, and the primary's own queue are
 * no harvesters. */
static void
test_harvest_exempt(void **state)
{
	static const struct {
		const char *client;
		const char *login;
		bool own_address;
	} clients[] = {{"203.0.113.1", "me", false},
	               {"198.51.100.9", "", false},
	               {"203.0.113.1", "", true}};
	struct fixture *f = *state;
	char address[32];

	says(f, BMX_PROBE_UNKNOWN);
	for (size_t i = 0; i < 120; i++) {
		struct bmx_policy_request request = {
			.request = BMX_SLICE("smtpd_access_policy"),
			.protocol_state = BMX_SLICE("RCPT"),
			.client_address = bmx_slice_of(clients[i % 3].client),
			.sasl_username = bmx_slice_of(clients[i % 3].login),
		};

		(void)snprintf(address, sizeof(address), "x%zu@a.test", i);
		request.recipient = bmx_slice_of(address);
		f->primary.own_address = clients[i % 3].own_address;
		assert_null(fixture_request(f, &request));
		assert_reply(f->answer, BMX_REPLY_USER_UNKNOWN);
	}
	f->primary.own_address = false;
	assert_int_equal(f->primary.asked, 120);
}

static void
test_stress(void **state)
{
	struct fixture *f = *state;
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.client_address = BMX_SLICE("192.0.2.1"),
		.recipient = BMX_SLICE("u@a.test"),
		.stress = BMX_SLICE("yes"),
	};

	assert_null(fixture_request(f, &request));
	assert_reply(f->answer, BMX_REPLY_UNVERIFIED);
	assert_int_equal(f->primary.asked, 0);
}

static struct bmx_slice
knock(struct fixture *f, const char *client, const char *login)
{
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.client_address = bmx_slice_of(client),
		.sender = BMX_SLICE("from@sender.test"),
		.recipient = BMX_SLICE("u@g.test"),
		.sasl_username = bmx_slice_of(login),
	};

	assert_null(fixture_request(f, &request));
	return f->answer;
}

static void
test_gate(void **state)
{
	struct fixture *f = *state;

	assert_reply(knock(f, "192.0.2.1", ""), BMX_REPLY_PRIMARY_UP);
	assert_logged(f,
	              "why=primary-up src=primary authority=fresh "
	              "gate=stranger");
	assert_reply(fixture_ask(f, "none@g.test"), BMX_REPLY_USER_UNKNOWN);
	fake_loop_advance(f->loop, 60000);
	assert_reply(knock(f, "192.0.2.77", ""), BMX_REPLY_PRIMARY_UP);
	assert_logged(f, "gate=early");
	fake_loop_advance(f->loop, 9 * 60000);
	assert_reply(knock(f, "192.0.2.1", ""), BMX_REPLY_DUNNO);
	assert_logged(f, "gate=passed");
	assert_reply(knock(f, "192.0.2.9", ""), BMX_REPLY_DUNNO);
	assert_logged(f, "gate=proven");
	assert_reply(knock(f, "203.0.113.1", ""), BMX_REPLY_PRIMARY_UP);
	assert_reply(knock(f, "203.0.113.1", "me"), BMX_REPLY_DUNNO);
	assert_reply(knock(f, "198.51.100.9", ""), BMX_REPLY_DUNNO);
	f->primary.own_address = true;
	assert_reply(knock(f, "203.0.113.1", ""), BMX_REPLY_DUNNO);
	f->primary.own_address = false;
	f->primary.view.status = BMX_PRIMARY_SUSPECT;
	assert_reply(knock(f, "203.0.113.1", ""), BMX_REPLY_DUNNO);
}

/* Where nobody is turned away, nobody's coming back proves anything. */
static void
test_gate_observed(void **state)
{
	struct fixture *f = *state;

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "u@o.test");
	assert_logged(f, "act=warn why=primary-up");
	fake_loop_advance(f->loop, HOUR);
	(void)fixture_ask(f, "u@o.test");
	assert_logged(f, "gate=stranger");
	assert_int_equal(memory_store_records(f->records), 1); /* of u */
}

static void
test_frozen(void **state)
{
	struct fixture *f = *state;

	fake_loop_advance(f->loop, 23 * HOUR);
	f->primary.view.status = BMX_PRIMARY_DOWN;
	f->primary.view.since_ms = fixture_wall_ms(f);
	fake_loop_advance(f->loop, 48 * HOUR);
	assert_reply(fixture_ask(f, "none@g.test"), BMX_REPLY_USER_UNKNOWN);
	assert_logged(f, "authority=frozen");
	f->primary.view.status = BMX_PRIMARY_UP;
	assert_reply(fixture_ask(f, "none@g.test"), BMX_REPLY_UNVERIFIED);
}

/* A list's last good sync, after which its word is newer than a record's. */
static void
test_list_contradicts(void **state)
{
	struct fixture *f = *state;
	struct fixture_list *list = &f->lists[0];

	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "gone@a.test");
	fake_loop_advance(f->loop, HOUR);
	list->present = true;
	list->meta.synced_at_ms = fixture_wall_ms(f);
	f->version++;
	bmx_engine_end_turn(f->engine);
	assert_reply(fixture_ask(f, "gone@a.test"), BMX_REPLY_USER_UNKNOWN);
	fake_loop_advance(f->loop, 25 * HOUR); /* stale */
	says(f, BMX_PROBE_UNSURE);
	bmx_engine_end_turn(f->engine);
	f->primary.view.status = BMX_PRIMARY_DOWN;
	f->primary.view.since_ms = fixture_wall_ms(f);
	assert_reply(fixture_ask(f, "gone@a.test"), BMX_REPLY_UNVERIFIED);
}

/* A sync while a record is being read: the list that did not have the address
 * is not the one that contradicts the record. */
static void
test_sync_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct fixture_list *list = &f->lists[0];

	list->present = true;
	list->meta.synced_at_ms = fixture_wall_ms(f) - 25 * HOUR;
	says(f, BMX_PROBE_VALID);
	(void)fixture_ask(f, "new@a.test");
	bmx_engine_end_turn(f->engine);
	memory_store_set_delayed(f->records, true);
	assert_non_null(fixture_begin_ask(f, "new@a.test"));
	bmx_engine_end_turn(f->engine);
	list->meta.synced_at_ms = fixture_wall_ms(f) + 1;
	list->entries[0] = (struct fixture_entry){"new", BMX_RECIPIENT_ACTIVE};
	f->version++;
	(void)fixture_ask(f, "new@a.test"); /* sees the new list */
	while (memory_store_answer(f->records))
		;
	assert_int_equal(f->answers, 3);
	assert_reply(f->answer, BMX_REPLY_DUNNO);
	assert_int_equal(memory_store_removals(f->records), 0);
}

static void
test_explain_asks_nobody(void **state)
{
	struct fixture *f = *state;
	struct bmx_engine_lookup lookup;

	memory_store_set_delayed(f->records, true);
	bmx_engine_explain(f->engine, BMX_SLICE("u@a.test"), NULL, NULL,
	                   &lookup);
	assert_int_equal(lookup.verdict.reply, BMX_REPLY_UNVERIFIED);
	assert_int_equal(f->primary.asked, 0);
	memory_store_set_delayed(f->records, false);
	bmx_engine_explain(f->engine, BMX_SLICE("u@g.test"), NULL, NULL,
	                   &lookup);
	assert_int_equal(lookup.verdict.reply, BMX_REPLY_PRIMARY_UP);
	assert_int_equal(memory_store_records(f->records), 0);
}

#define TEST(name, function)                                                   \
	{                                                                      \
		name, function, setup, teardown, NULL                          \
	}

static const struct CMUnitTest tests[] = {
	TEST("what the primary accepts is learnt", test_learns_valid),
	TEST("what the primary refuses is learnt", test_learns_unknown),
	TEST("what it does not decide is not learnt",
             test_unsure_is_not_learnt),
	TEST("what was learnt holds in an outage", test_outage),
	TEST("an extension is its owner's", test_extension),
	TEST("but not one that the primary did not know",
             test_extension_unknown),
	TEST("a VALID that is too old to be used still has a witness",
             test_old_valid),
	TEST("a primary that accepts all is not asked again", test_accepts_all),
	TEST("records are refreshed ahead", test_refresh_ahead),
	TEST("a lost user table is not believed", test_lost_users),
	TEST("answers wait for the primary", test_waits_for_primary),
	TEST("but not longer than the deadline", test_deadline),
	TEST("a slow request's deadline is its own", test_deadline_order),
	TEST("nor for a store longer than that", test_deadline_of_store),
	TEST("records may come later", test_store_far_away),
	TEST("who is gone is not answered", test_forgotten),
	TEST("a reload while an answer waits", test_reload_while_waiting),
	TEST("a harvester is braked, then sent away", test_harvest),
	TEST("those whom the brake is not for", test_harvest_exempt),
	TEST("nobody is asked under stress", test_stress),
	TEST("the gate", test_gate),
	TEST("observe keeps nothing at the gate", test_gate_observed),
	TEST("a list is frozen while the primary is down", test_frozen),
	TEST("a newer list contradicts a record", test_list_contradicts),
	TEST("a sync while a record is read", test_sync_meanwhile),
	TEST("an explanation asks nobody", test_explain_asks_nobody),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
