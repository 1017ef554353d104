/* Deltas applied to a store, by hand and from random histories: a follower
 * ends with the publisher's list, or keeps its own. */
#include <backupmx/list_store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/directory/list_changes.h"
#include "lib/directory/list_diff.h"
#include "lib/directory/list_digest.h"
#include "lib/directory/list_member.h"
#include "tests/support/cmocka.h"
#include <backupmx/publication.h>

#define DOMAIN BMX_SLICE("example.test")
#define NAMES 30
#define GENERATIONS 12

/* A list of at most NAMES entries: state of each name, or -1. */
struct model {
	int states[NAMES];
};

struct fixture {
	char dir[64];
	struct bmx_list_store *store;
};

static char names[NAMES][4];

static int
set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct bmx_error err;

	assert_non_null(fx);
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/bmx-delta-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	fx->store = bmx_list_store_open(fx->dir, BMX_LIST_READ_WRITE, &err);
	assert_non_null(fx->store);
	for (size_t i = 0; i < NAMES; i++)
		(void)snprintf(names[i], sizeof(names[i]), "n%02zu", i);
	(void)snprintf(names[0], sizeof(names[0]), "*");
	*state = fx;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[96];

	bmx_list_store_free(&fx->store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", fx->dir);
	assert_int_equal(system(command), 0);
	free(fx);
	return 0;
}

static size_t
entries_of(const struct model *model, struct bmx_list_entry entries[NAMES])
{
	size_t count = 0;

	for (size_t i = 0; i < NAMES; i++)
		if (model->states[i] >= 0)
			entries[count++] = (struct bmx_list_entry){
				bmx_slice_of(names[i]),
				(enum bmx_recipient_state)model->states[i]};
	return count;
}

static struct bmx_list_origin
origin_of(const struct model *model, uint64_t generation)
{
	struct bmx_list_origin origin = {.generation = generation};
	struct bmx_list_entry entries[NAMES];
	struct bmx_list_digest digest;
	char member[BMX_LIST_MEMBER_MAX];

	origin.count = entries_of(model, entries);
	assert_int_equal(bmx_list_digest_init(&digest, DOMAIN, 0, NULL), 0);
	for (size_t i = 0; i < origin.count; i++)
		bmx_list_digest_add(&digest,
		                    bmx_list_member_of(&entries[i], member));
	origin.digest = digest.sum;
	return origin;
}

static struct bmx_list_replace_options
options_for(const struct bmx_list_origin *origin)
{
	return (struct bmx_list_replace_options){.max_shrink = 100,
	                                         .source = "redis:",
	                                         .origin = origin,
	                                         .now_ms = 1000};
}

static int
load(struct fixture *fx, const struct model *model,
     const struct bmx_list_origin *origin, struct bmx_error *err)
{
	const struct bmx_list_replace_options options = options_for(origin);
	struct bmx_list_entry entries[NAMES];
	struct bmx_list_replace_result result;
	const size_t count = entries_of(model, entries);

	return bmx_list_store_replace(fx->store, DOMAIN, entries, count,
	                              &options, &result, err);
}

/* What the store holds, its record fitting it. */
struct held {
	struct model model;
	struct bmx_list_meta meta;
	struct bmx_list_origin origin;
	int has_origin;
};

static int
take(void *ctx, const struct bmx_list_entry *entry)
{
	struct held *held = ctx;

	for (size_t i = 0; i < NAMES; i++)
		if (bmx_slice_equal(entry->local, bmx_slice_of(names[i])))
			held->model.states[i] = (int)entry->state;
	return 0;
}

static struct held
look(struct fixture *fx)
{
	struct bmx_error err;
	struct bmx_list_reader *reader = bmx_list_reader_new(fx->store, &err);
	struct bmx_list_origin want;
	struct held held;

	for (size_t i = 0; i < NAMES; i++)
		held.model.states[i] = -1;
	assert_non_null(reader);
	assert_int_equal(bmx_list_reader_begin(reader, &err), 0);
	assert_int_equal(bmx_list_reader_meta(reader, DOMAIN, &held.meta, &err),
	                 1);
	held.has_origin =
		bmx_list_reader_origin(reader, DOMAIN, &held.origin, &err);
	assert_int_equal(
		bmx_list_reader_each(reader, held.meta.id, take, &held, &err),
		0);
	bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	want = origin_of(&held.model, 0);
	assert_int_equal(held.meta.count, want.count);
	assert_true(held.meta.digest == want.digest);
	assert_int_equal(held.meta.has_wildcard, held.model.states[0] >= 0);
	return held;
}

static void
assert_models_equal(const struct model *a, const struct model *b)
{
	for (size_t i = 0; i < NAMES; i++)
		assert_int_equal(a->states[i], b->states[i]);
}

/*
 * Random histories.
 */

static struct model
random_change(const struct model *from)
{
	struct model model = *from;
	const int changes = 1 + rand() % 6;

	for (int i = 0; i < changes; i++)
		model.states[rand() % NAMES] = rand() % 4 - 1;
	model.states[1] = 0; /* never empty */
	return model;
}

/* One entry of the log: the members that lead from one list to the next. */
struct step {
	char gone[1024];
	char come[1024];
};

static struct step
diff(const struct model *from, const struct model *to)
{
	struct bmx_list_entry old[NAMES], new[NAMES];
	const size_t old_count = entries_of(from, old);
	const size_t new_count = entries_of(to, new);
	struct bmx_list_diff diff;
	struct step step;

	bmx_list_diff_begin(&diff, new, new_count, NULL, NULL);
	for (size_t i = 0; i < old_count; i++)
		assert_int_equal(bmx_list_diff_old(&diff, &old[i], NULL), 0);
	assert_int_equal(bmx_list_diff_end(&diff, NULL), 0);
	assert_int_equal(diff.before, old_count);
	assert_int_equal(old_count + diff.added - diff.removed, new_count);
	(void)snprintf(step.gone, sizeof(step.gone), "%.*s", (int)diff.gone.len,
	               diff.gone.data ? diff.gone.data : "");
	(void)snprintf(step.come, sizeof(step.come), "%.*s", (int)diff.come.len,
	               diff.come.data ? diff.come.data : "");
	bmx_list_diff_clear(&diff);
	return step;
}

static void
add(struct bmx_list_changes *changes, bool present, const char *members)
{
	struct bmx_slice rest = bmx_slice_of(members), member;

	while (bmx_publication_next_member(&rest, &member) > 0)
		assert_int_equal(
			bmx_list_changes_add(changes, present, member, NULL),
			0);
}

/* Applies the steps from (exclusive) to upto, but for the one left out. */
static int
follow(struct fixture *fx, const struct step *steps, size_t from, size_t upto,
       size_t left_out, const struct bmx_list_origin *origin)
{
	const struct bmx_list_replace_options options = options_for(origin);
	struct bmx_list_changes *changes = bmx_list_changes_new(false);
	struct bmx_list_replace_result result;
	const struct bmx_list_delta *deltas;
	struct bmx_error err = {0};
	size_t count;
	int rc;

	for (size_t i = from + 1; i <= upto; i++) {
		if (i == left_out)
			continue;
		add(changes, false, steps[i].gone);
		add(changes, true, steps[i].come);
	}
	rc = bmx_list_changes_settle(changes, &deltas, &count, &err);
	if (rc == 0)
		rc = bmx_list_store_apply(fx->store, DOMAIN, deltas, count,
		                          &options, &result, &err);
	bmx_list_changes_free(&changes);
	if (rc != 0)
		assert_int_equal(err.code, BMX_E_CORRUPT);
	return rc;
}

static void
test_history(struct fixture *fx, unsigned seed)
{
	struct model lists[GENERATIONS];
	struct step steps[GENERATIONS];
	struct bmx_error err;
	size_t from, left_out;
	int rc;

	srand(seed);
	for (size_t i = 0; i < NAMES; i++)
		lists[0].states[i] = rand() % 4 - 1;
	lists[0].states[1] = 0;
	for (size_t i = 1; i < GENERATIONS; i++) {
		lists[i] = random_change(&lists[i - 1]);
		steps[i] = diff(&lists[i - 1], &lists[i]);
	}
	from = (size_t)rand() % GENERATIONS;
	left_out = (size_t)rand() % (2 * GENERATIONS);
	{
		const struct bmx_list_origin start =
			origin_of(&lists[from], from + 1);
		const struct bmx_list_origin last =
			origin_of(&lists[GENERATIONS - 1], GENERATIONS);
		struct held held;

		assert_int_equal(load(fx, &lists[from], &start, &err), 0);
		rc = follow(fx, steps, from, GENERATIONS - 1, left_out, &last);
		held = look(fx);
		/* A step that was left out may have been done and undone. */
		if (left_out <= from || left_out >= GENERATIONS)
			assert_int_equal(rc, 0);
		assert_models_equal(&held.model,
		                    rc == 0 ? &lists[GENERATIONS - 1] :
		                              &lists[from]);
		assert_int_equal(held.origin.generation,
		                 rc == 0 ? GENERATIONS : from + 1);
		assert_true(held.origin.in_force);
	}
}

static void
test_histories(void **state)
{
	for (unsigned seed = 0; seed < 150; seed++)
		test_history(*state, seed);
}

/*
 * By hand.
 */

static struct model
model_of(const char *text)
{
	struct model model;

	for (size_t i = 0; i < NAMES; i++)
		model.states[i] =
			i < strlen(text) && text[i] != '.' ? text[i] - '0' : -1;
	return model;
}

static int
apply_one(struct fixture *fx, size_t name, int to, int64_t max_shrink,
          bool dry_run, struct bmx_list_replace_result *result,
          struct bmx_error *err)
{
	const struct bmx_list_replace_options options = {.max_shrink =
	                                                         max_shrink,
	                                                 .dry_run = dry_run,
	                                                 .source = "x",
	                                                 .now_ms = 2000};
	const struct bmx_list_delta delta = {
		.entry = {bmx_slice_of(names[name]),
	                  to < 0 ? BMX_RECIPIENT_ACTIVE :
	                           (enum bmx_recipient_state)to},
		.removed = to < 0};

	return bmx_list_store_apply(fx->store, DOMAIN, &delta, 1, &options,
	                            result, err);
}

static void
test_no_list(void **state)
{
	struct bmx_list_replace_result result;
	struct bmx_error err;

	assert_int_equal(apply_one(*state, 1, 0, 100, false, &result, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

static void
test_by_hand(void **state)
{
	const struct model start = model_of("0000");
	struct bmx_list_replace_result result;
	struct bmx_error err;
	struct held held;

	assert_int_equal(load(*state, &start, NULL, &err), 0);
	assert_int_equal(look(*state).has_origin, 0);
	assert_int_equal(apply_one(*state, 1, 2, 0, true, &result, &err), 0);
	assert_int_equal(result.changed, 1);
	held = look(*state);
	assert_int_equal(held.meta.generation, 1);
	assert_int_equal(apply_one(*state, 1, 2, 0, false, &result, &err), 0);
	assert_int_equal(result.generation, 2);
	assert_int_equal(result.changed, 1);
	assert_int_equal(look(*state).model.states[1], 2);
	assert_int_equal(apply_one(*state, 0, -1, 0, false, &result, &err), 0);
	assert_int_equal(result.removed, 1);
	assert_int_equal(result.before, 4);
	assert_int_equal(result.after, 3);
	assert_int_equal(look(*state).model.states[0], -1);
	/* As it is already: no new generation. */
	assert_int_equal(apply_one(*state, 0, -1, 0, false, &result, &err), 0);
	assert_int_equal(result.generation, 3);
	held = look(*state);
	assert_int_equal(held.meta.generation, 3);
	assert_int_equal(held.meta.synced_at_ms, 2000);
}

/* A delta can be taken back, and is then held back. */
static void
test_rollback(void **state)
{
	const struct model start = model_of("0000");
	const struct bmx_list_origin origin = origin_of(&start, 5);
	struct bmx_list_replace_result result;
	struct fixture *fx = *state;
	struct bmx_error err;
	struct held held;

	assert_int_equal(load(fx, &start, &origin, &err), 0);
	assert_true(look(fx).origin.in_force);
	assert_int_equal(apply_one(fx, 5, 0, 0, false, &result, &err), 0);
	assert_int_equal(
		bmx_list_store_rollback(fx->store, DOMAIN, 3000, &result, &err),
		0);
	held = look(fx);
	assert_models_equal(&held.model, &start);
	assert_true(held.meta.held);
	/* The list has changed since it was followed. */
	assert_false(held.origin.in_force);
	assert_int_equal(held.origin.generation, 5);
	assert_int_equal(apply_one(fx, 5, 0, 0, false, &result, &err), -1);
	assert_int_equal(err.code, BMX_E_REFUSED);
}

static void
test_guards(void **state)
{
	const struct model start = model_of("..00");
	const struct bmx_list_delta all[] = {
		{.entry = {BMX_SLICE("n02"), BMX_RECIPIENT_ACTIVE},
	         .removed = true},
		{.entry = {BMX_SLICE("n03"), BMX_RECIPIENT_ACTIVE},
	         .removed = true},
	};
	struct bmx_list_replace_options options = {.max_shrink = 100,
	                                           .now_ms = 1};
	struct bmx_list_replace_result result;
	struct fixture *fx = *state;
	struct bmx_error err;
	struct held held;

	assert_int_equal(load(fx, &start, NULL, &err), 0);
	assert_int_equal(bmx_list_store_apply(fx->store, DOMAIN, all, 2,
	                                      &options, &result, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_REFUSED);
	assert_non_null(strstr(err.text, "empty"));
	options.max_shrink = 20;
	assert_int_equal(apply_one(fx, 7, 0, 20, false, &result, &err), 0);
	assert_int_equal(bmx_list_store_apply(fx->store, DOMAIN, all, 2,
	                                      &options, &result, &err),
	                 -1);
	assert_int_equal(err.code, BMX_E_REFUSED);
	assert_non_null(strstr(err.text, "max_shrink"));
	held = look(fx);
	assert_int_equal(held.meta.count, 3);
	options.force = true;
	assert_int_equal(bmx_list_store_apply(fx->store, DOMAIN, all, 2,
	                                      &options, &result, &err),
	                 0);
	assert_int_equal(look(fx).meta.count, 1);
}

/* A list that is not what was published is not taken. */
static void
test_other_digest(void **state)
{
	const struct model start = model_of("00"), next = model_of("000");
	struct bmx_list_origin origin = origin_of(&start, 1);
	struct fixture *fx = *state;
	struct bmx_error err;
	struct held held;

	assert_int_equal(load(fx, &start, &origin, &err), 0);
	origin = origin_of(&next, 2);
	origin.digest++;
	assert_int_equal(load(fx, &next, &origin, &err), -1);
	assert_int_equal(err.code, BMX_E_CORRUPT);
	origin.digest--;
	origin.count++;
	assert_int_equal(load(fx, &next, &origin, &err), -1);
	held = look(fx);
	assert_models_equal(&held.model, &start);
	assert_int_equal(held.origin.generation, 1);
	assert_int_equal(held.meta.generation, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_histories, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(test_no_list, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(test_by_hand, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(test_rollback, set_up,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(test_guards, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_other_digest, set_up,
	                                        tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
