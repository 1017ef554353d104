/* Two stores as one: who is asked, what is kept where, in which order answers
 * may come. */
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/record_pair.h>

#include "tests/support/memory_store.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DOMAIN BMX_SLICE("example.test")

struct answer {
	int calls;
	enum bmx_record_found found;
	struct bmx_record record;
	struct bmx_record_pair **frees; /* the pair, when called */
};

struct fixture {
	struct bmx_record_store *local, *remote, *records;
	struct bmx_record_pair *pair;
	struct answer answer;
};

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return -1;
	fx->local = memory_store_new();
	fx->remote = memory_store_new();
	fx->pair = bmx_record_pair_new(fx->local, fx->remote);
	fx->records = bmx_record_pair_records(fx->pair);
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;

	bmx_record_pair_free(&fx->pair);
	memory_store_free(&fx->local);
	memory_store_free(&fx->remote);
	free(fx);
	return 0;
}

static void
on_answer(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	struct answer *answer = ctx;

	answer->calls++;
	answer->found = found;
	assert_int_equal(record != NULL, found == BMX_RECORD_FOUND);
	if (record)
		answer->record = *record;
	if (answer->frees)
		bmx_record_pair_free(answer->frees);
}

static struct bmx_record_key
key_of(enum bmx_record_kind kind)
{
	static const char *const names[] = {"joe", "0123456789abcdef", ""};

	return (struct bmx_record_key){kind, DOMAIN, bmx_slice_of(names[kind])};
}

/* The stamp tells records apart. */
static struct bmx_record
record_of(enum bmx_record_kind kind, int64_t stamp)
{
	struct bmx_record record = {.kind = kind};

	switch (kind) {
	case BMX_RECORD_VERIFICATION:
		record.as.verification.checked_at_ms = stamp;
		break;
	case BMX_RECORD_GATE:
		record.as.gate.first_seen_ms = stamp;
		break;
	case BMX_RECORD_PRIMARY:
		record.as.primary.since_ms = stamp;
		break;
	case BMX_RECORD_KINDS:
		break;
	}
	return record;
}

static int64_t
stamp_of(const struct bmx_record *record)
{
	switch (record->kind) {
	case BMX_RECORD_VERIFICATION:
		return record->as.verification.checked_at_ms;
	case BMX_RECORD_GATE:
		return record->as.gate.first_seen_ms;
	case BMX_RECORD_PRIMARY:
		return record->as.primary.since_ms;
	case BMX_RECORD_KINDS:
		break;
	}
	return -1;
}

static void
put_into(struct bmx_record_store *store, enum bmx_record_kind kind,
         int64_t stamp)
{
	const struct bmx_record_key key = key_of(kind);
	const struct bmx_record record = record_of(kind, stamp);

	store->ops->put(store, &key, &record);
}

static int64_t
stamp_in(const struct bmx_record_store *store, enum bmx_record_kind kind)
{
	const struct bmx_record_key key = key_of(kind);
	const struct bmx_record *record = memory_store_find(store, &key);

	return record ? stamp_of(record) : 0;
}

static struct bmx_record_get *
start(struct fixture *fx, enum bmx_record_kind kind)
{
	/* The caller's key is gone when get has returned. */
	char domain[32] = "example.test", name[32] = {0};
	struct bmx_record_key key = key_of(kind);
	struct bmx_record_get *read;

	memcpy(name, key.name.data, key.name.len);
	key.domain.data = domain;
	key.name.data = name;
	memset(&fx->answer, 0, sizeof(fx->answer));
	read = fx->records->ops->get(fx->records, &key, on_answer, &fx->answer);
	memset(domain, 'x', sizeof(domain));
	memset(name, 'x', sizeof(name));
	assert_int_equal(read == NULL, fx->answer.calls == 1);
	return read;
}

static void
settle(const struct fixture *fx)
{
	while (memory_store_answer(fx->local) ||
	       memory_store_answer(fx->remote))
		continue;
}

/*
 * What both have, whether they are there, and what comes of it, with every
 * way in which the answers can be late.
 */

struct read_case {
	const char *name;
	int64_t local, remote; /* the record's stamp; 0: none */
	bool local_away, remote_away;
	enum bmx_record_found want;
	int64_t want_stamp;
	int64_t want_local; /* afterwards */
	size_t want_asked;  /* reads of the remote store */
};

#define FOUND BMX_RECORD_FOUND
#define ABSENT BMX_RECORD_ABSENT
#define UNAVAILABLE BMX_RECORD_UNAVAILABLE

/* clang-format off */
static struct read_case cases[] = {
	{"both have it: the local one", 1, 2, false, false, FOUND, 1, 1, 0},
	{"the local one has it",        1, 0, false, false, FOUND, 1, 1, 0},
	{"the local one has it, the remote one is away", 1, 0, false, true, FOUND, 1, 1, 0},
	{"the remote one has it: kept", 0, 2, false, false, FOUND, 2, 2, 1},
	{"none has it",                 0, 0, false, false, ABSENT, 0, 0, 1},
	{"the remote one is away",      0, 2, false, true, ABSENT, 0, 0, 1},
	{"the local one is away",       1, 2, true, false, FOUND, 2, 1, 1},
	{"the local one is away, the remote one has none", 1, 0, true, false, ABSENT, 0, 1, 1},
	{"both are away",               1, 2, true, true, UNAVAILABLE, 0, 1, 1},
};
/* clang-format on */

static void
check_read(struct fixture *fx, const struct read_case *tc,
           enum bmx_record_kind kind)
{
	if (tc->local)
		put_into(fx->local, kind, tc->local);
	if (tc->remote)
		put_into(fx->remote, kind, tc->remote);
	memory_store_set_available(fx->local, !tc->local_away);
	memory_store_set_available(fx->remote, !tc->remote_away);
	(void)start(fx, kind);
	settle(fx);
	assert_int_equal(fx->answer.calls, 1);
	assert_int_equal(fx->answer.found, tc->want);
	if (tc->want == FOUND) {
		assert_int_equal(fx->answer.record.kind, kind);
		assert_int_equal(stamp_of(&fx->answer.record), tc->want_stamp);
	}
	assert_int_equal(stamp_in(fx->local, kind), tc->want_local);
	assert_int_equal(memory_store_gets(fx->remote), tc->want_asked);
	assert_int_equal(stamp_in(fx->remote, kind), tc->remote);
}

static void
test_read(void **state)
{
	const struct read_case *tc = *state;

	for (int kind = 0; kind < BMX_RECORD_KINDS; kind++)
		for (unsigned late = 0; late < 4; late++) {
			void *own = NULL;
			struct fixture *fx;

			assert_int_equal(set_up(&own), 0);
			fx = own;
			memory_store_set_delayed(fx->local, late & 1);
			memory_store_set_delayed(fx->remote, late & 2);
			check_read(fx, tc, (enum bmx_record_kind)kind);
			assert_int_equal(tear_down(&own), 0);
		}
}

static void
test_write(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record_key key = key_of(BMX_RECORD_GATE);

	for (int kind = 0; kind < BMX_RECORD_KINDS; kind++) {
		put_into(fx->records, (enum bmx_record_kind)kind, 7);
		assert_int_equal(
			stamp_in(fx->local, (enum bmx_record_kind)kind), 7);
		assert_int_equal(
			stamp_in(fx->remote, (enum bmx_record_kind)kind), 7);
	}
	fx->records->ops->remove(fx->records, &key);
	assert_int_equal(memory_store_records(fx->local), 2);
	assert_int_equal(memory_store_records(fx->remote), 2);
	fx->records->ops->remove_domain(fx->records, BMX_RECORD_PRIMARY,
	                                DOMAIN);
	assert_int_equal(memory_store_records(fx->local), 1);
	assert_int_equal(memory_store_records(fx->remote), 1);
	/* A remote store that is away takes nothing; the local one does. */
	memory_store_set_available(fx->remote, false);
	put_into(fx->records, BMX_RECORD_GATE, 8);
	assert_int_equal(stamp_in(fx->local, BMX_RECORD_GATE), 8);
	assert_int_equal(memory_store_records(fx->remote), 1);
}

/* What came while the remote store was asked is newer than its answer. */
static void
test_put_overtakes(void **state)
{
	struct fixture *fx = *state;

	put_into(fx->remote, BMX_RECORD_VERIFICATION, 1);
	memory_store_set_delayed(fx->remote, true);
	assert_non_null(start(fx, BMX_RECORD_VERIFICATION));
	put_into(fx->local, BMX_RECORD_PRIMARY, 9);
	memory_store_set_available(fx->remote, false);
	put_into(fx->records, BMX_RECORD_VERIFICATION, 2);
	memory_store_set_available(fx->remote, true);
	settle(fx);
	assert_int_equal(fx->answer.found, FOUND);
	assert_int_equal(stamp_of(&fx->answer.record), 2);
	assert_int_equal(stamp_in(fx->local, BMX_RECORD_VERIFICATION), 2);
}

static void
test_remove_overtakes(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record_key key = key_of(BMX_RECORD_VERIFICATION);

	for (int i = 0; i < 2; i++) {
		put_into(fx->remote, BMX_RECORD_VERIFICATION, 1);
		memory_store_set_delayed(fx->remote, true);
		assert_non_null(start(fx, BMX_RECORD_VERIFICATION));
		/* So that the remote answer is the old record. */
		memory_store_set_available(fx->remote, false);
		if (i == 0)
			fx->records->ops->remove(fx->records, &key);
		else
			fx->records->ops->remove_domain(
				fx->records, BMX_RECORD_VERIFICATION, DOMAIN);
		memory_store_set_available(fx->remote, true);
		settle(fx);
		assert_int_equal(fx->answer.found, ABSENT);
		assert_int_equal(memory_store_records(fx->local), 0);
		assert_int_equal(memory_store_records(fx->remote), 1);
	}
}

/* Of another key, name or kind, nothing is overtaken. */
static void
test_others_do_not_overtake(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record_key jane = {BMX_RECORD_VERIFICATION, DOMAIN,
	                                    BMX_SLICE("jane")};
	const struct bmx_record_key other = {BMX_RECORD_VERIFICATION,
	                                     BMX_SLICE("other.test"),
	                                     BMX_SLICE("joe")};

	put_into(fx->remote, BMX_RECORD_VERIFICATION, 1);
	memory_store_set_delayed(fx->remote, true);
	assert_non_null(start(fx, BMX_RECORD_VERIFICATION));
	fx->records->ops->remove(fx->records, &jane);
	fx->records->ops->remove(fx->records, &other);
	fx->records->ops->remove_domain(fx->records, BMX_RECORD_GATE, DOMAIN);
	settle(fx);
	assert_int_equal(fx->answer.found, FOUND);
	assert_int_equal(stamp_in(fx->local, BMX_RECORD_VERIFICATION), 1);
}

static void
test_cancel(void **state)
{
	struct fixture *fx = *state;
	struct bmx_record_get *read;

	memory_store_set_delayed(fx->remote, true);
	read = start(fx, BMX_RECORD_VERIFICATION);
	assert_int_equal(memory_store_waiting(fx->remote), 1);
	fx->records->ops->cancel(read);
	assert_int_equal(memory_store_waiting(fx->remote), 0);
	memory_store_set_delayed(fx->local, true);
	read = start(fx, BMX_RECORD_VERIFICATION);
	assert_int_equal(memory_store_waiting(fx->local), 1);
	fx->records->ops->cancel(read);
	settle(fx);
	assert_int_equal(fx->answer.calls, 0);
	assert_int_equal(memory_store_gets(fx->remote), 1);
}

static void
test_cancel_one_of_many(void **state)
{
	struct fixture *fx = *state;
	const struct bmx_record_key key = key_of(BMX_RECORD_VERIFICATION);
	struct answer answers[3] = {0};
	struct bmx_record_get *reads[3];

	for (unsigned which = 0; which < 3; which++) {
		memset(answers, 0, sizeof(answers));
		memory_store_set_delayed(fx->remote, true);
		for (unsigned i = 0; i < 3; i++)
			reads[i] = fx->records->ops->get(
				fx->records, &key, on_answer, &answers[i]);
		fx->records->ops->cancel(reads[which]);
		settle(fx);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(answers[i].calls, i != which);
	}
}

/* The owner may free the pair in the callback of its last read. */
static void
test_freed_in_callback(void **state)
{
	for (unsigned late = 0; late < 4; late++) {
		struct fixture *fx = *state;
		const struct bmx_record_key key =
			key_of(BMX_RECORD_VERIFICATION);
		struct bmx_record_pair *pair =
			bmx_record_pair_new(fx->local, fx->remote);
		struct bmx_record_store *records =
			bmx_record_pair_records(pair);
		struct answer answer = {.frees = &pair};

		memory_store_set_delayed(fx->local, late & 1);
		memory_store_set_delayed(fx->remote, late & 2);
		(void)records->ops->get(records, &key, on_answer, &answer);
		settle(fx);
		assert_int_equal(answer.calls, 1);
		assert_null(pair);
	}
}

static void
test_too_long(void **state)
{
	struct fixture *fx = *state;
	char name[BMX_RECORD_NAME_MAX + 1];
	const struct bmx_record_key key = {
		BMX_RECORD_VERIFICATION, DOMAIN, {name, sizeof(name)}};

	memset(name, 'n', sizeof(name));
	assert_null(fx->records->ops->get(fx->records, &key, on_answer,
	                                  &fx->answer));
	assert_int_equal(fx->answer.calls, 1);
	assert_int_equal(fx->answer.found, UNAVAILABLE);
}

static void
test_counters(void **state)
{
	struct fixture *fx = *state;
	struct bmx_record_pair_counters counters;

	(void)start(fx, BMX_RECORD_VERIFICATION); /* absent */
	put_into(fx->remote, BMX_RECORD_VERIFICATION, 1);
	(void)start(fx, BMX_RECORD_VERIFICATION); /* remote */
	(void)start(fx, BMX_RECORD_VERIFICATION); /* local */
	(void)start(fx, BMX_RECORD_VERIFICATION);
	memory_store_set_available(fx->remote, false);
	(void)start(fx, BMX_RECORD_GATE); /* unavailable */
	bmx_record_pair_count(fx->pair, &counters);
	assert_int_equal(counters.absent, 1);
	assert_int_equal(counters.remote, 1);
	assert_int_equal(counters.local, 2);
	assert_int_equal(counters.unavailable, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest others[] = {
		TEST(test_write),
		TEST(test_put_overtakes),
		TEST(test_remove_overtakes),
		TEST(test_others_do_not_overtake),
		TEST(test_cancel),
		TEST(test_cancel_one_of_many),
		TEST(test_freed_in_callback),
		TEST(test_too_long),
		TEST(test_counters),
	};
	struct CMUnitTest tests[COUNT(cases) + COUNT(others)] = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_read;
		tests[i].initial_state = &cases[i];
	}
	memcpy(tests + COUNT(cases), others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
