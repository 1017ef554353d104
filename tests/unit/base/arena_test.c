#include <tests/support/cmocka.h>

#include <string.h>

#include <backupmx/arena.h>

static void
test_arena(void **state)
{
	struct bmx_arena *arena = bmx_arena_new(10000);
	char *first, *large;

	(void)state;
	assert_non_null(arena);
	first = bmx_arena_copy(arena, BMX_SLICE("abc"));
	assert_string_equal(first, "abc");
	large = bmx_arena_alloc(arena, 9000);
	assert_non_null(large);
	assert_int_equal((uintptr_t)large % _Alignof(max_align_t), 0);
	for (size_t i = 0; i < 9000; i++)
		assert_int_equal(large[i], 0);
	assert_string_equal(first, "abc");
	/* 9,004 are out: 996 are left, not 997. */
	assert_null(bmx_arena_alloc(arena, 997));
	assert_non_null(bmx_arena_alloc(arena, 996));
	assert_null(bmx_arena_alloc(arena, 1));
	bmx_arena_reset(arena);
	assert_null(bmx_arena_alloc(arena, 10001));
	assert_null(bmx_arena_alloc(arena, (size_t)-1));
	large = bmx_arena_alloc(arena, 10000);
	assert_non_null(large);
	memset(large, 'x', 10000);
	bmx_arena_free(&arena);
	assert_null(arena);
	bmx_arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_arena)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
