/*
 * rows.h - the main of a test that is one table, or a table and single tests.
 */
#ifndef BACKUPMX_TESTS_ROWS_H
#define BACKUPMX_TESTS_ROWS_H

#include "tests/support/cmocka.h"

#define ROWS_OF(array) (sizeof(array) / sizeof((array)[0]))

/** Runs test with each row of cases, whose field name names it, as *state.
 * Returns from the function it stands in. */
#define ROWS_RUN(cases, test)                                                  \
	do {                                                                   \
		struct CMUnitTest tests[ROWS_OF(cases)] = {0};                 \
                                                                               \
		for (size_t i = 0; i < ROWS_OF(cases); i++)                    \
			tests[i] = (struct CMUnitTest){                        \
				.name = (cases)[i].name,                       \
				.test_func = (test),                           \
				.initial_state = &(cases)[i]};                 \
		return cmocka_run_group_tests(tests, NULL, NULL);              \
	} while (0)

/** The same, and then singles, an array of struct CMUnitTest. */
#define ROWS_RUN_WITH(cases, test, singles)                                    \
	do {                                                                   \
		struct CMUnitTest tests[ROWS_OF(cases) + ROWS_OF(singles)] = { \
			0};                                                    \
                                                                               \
		for (size_t i = 0; i < ROWS_OF(cases); i++)                    \
			tests[i] = (struct CMUnitTest){                        \
				.name = (cases)[i].name,                       \
				.test_func = (test),                           \
				.initial_state = &(cases)[i]};                 \
		for (size_t i = 0; i < ROWS_OF(singles); i++)                  \
			tests[ROWS_OF(cases) + i] = (singles)[i];              \
		return cmocka_run_group_tests(tests, NULL, NULL);              \
	} while (0)

#endif
