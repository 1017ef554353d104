/* Sorting is what comparing each with each says, and stable. */
#include "lib/directory/list_sort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/address.h>

#include "tests/support/cmocka.h"

#define COUNT 3000

static char texts[COUNT][BMX_LOCAL_MAX];
static struct bmx_list_entry entries[COUNT], want[COUNT];

/* Stable by definition: by text, then by place. */
static int
compare(const void *left, const void *right)
{
	const struct bmx_list_entry *a = left, *b = right;
	const int order = bmx_slice_order(a->local, b->local);

	if (order != 0)
		return order;
	return a->local.data < b->local.data ? -1 : 1;
}

/* Texts of few different octets, so that many begin alike and some are the
 * same; alphabet is their number. */
static void
test_random(size_t count, size_t longest, int alphabet)
{
	for (size_t i = 0; i < count; i++) {
		const size_t len = 1 + (size_t)rand() % longest;

		for (size_t k = 0; k < len; k++)
			texts[i][k] = (char)(k < 8 && rand() % 8 ?
			                             'a' :
			                             250 - rand() % alphabet);
		entries[i] = (struct bmx_list_entry){
			{texts[i], len},
			(enum bmx_recipient_state)(rand() % 3)};
		want[i] = entries[i];
	}
	qsort(want, count, sizeof(*want), compare);
	assert_int_equal(bmx_list_sort(entries, count, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(entries[i].local.data, want[i].local.data);
		assert_int_equal(entries[i].local.len, want[i].local.len);
		assert_int_equal(entries[i].state, want[i].state);
	}
}

static void
test_sort(void **state)
{
	(void)state;
	srand(7);
	for (int turn = 0; turn < 10; turn++) {
		test_random(COUNT, BMX_LOCAL_MAX, 2);
		test_random(COUNT, BMX_LOCAL_MAX, 200);
		test_random(COUNT, 9, 2);
		test_random(COUNT, 8, 2);
		test_random(COUNT, 1, 3);
		test_random(2, 16, 2);
	}
}

static void
test_few(void **state)
{
	struct bmx_list_entry one = {BMX_SLICE("a"), BMX_RECIPIENT_FULL};

	(void)state;
	assert_int_equal(bmx_list_sort(NULL, 0, NULL), 0);
	assert_int_equal(bmx_list_sort(&one, 1, NULL), 0);
	assert_int_equal(one.state, BMX_RECIPIENT_FULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
