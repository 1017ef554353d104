#include "ctl/parity_class.h"

#include "tests/support/cmocka.h"

#define V BMXCTL_ANSWER_VALID
#define U BMXCTL_ANSWER_UNKNOWN
#define N BMXCTL_ANSWER_UNSURE

struct pair_case {
	const char *name;
	enum bmxctl_answer primary, backup;
	enum bmxctl_parity want;
};

static void
test_pair(void **state)
{
	const struct pair_case *tc = *state;

	assert_string_equal(
		bmxctl_parity_name(bmxctl_parity_of(tc->primary, tc->backup)),
		bmxctl_parity_name(tc->want));
}

static struct pair_case pairs[] = {
	{"both accept", V, V, BMXCTL_PARITY_SAME},
	{"both refuse", U, U, BMXCTL_PARITY_SAME},
	{"only the backup accepts", U, V, BMXCTL_PARITY_LEAK},
	{"only the backup refuses", V, U, BMXCTL_PARITY_LOSS},
	{"a known one is deferred", V, N, BMXCTL_PARITY_DELAY},
	{"an unknown one is deferred", U, N, BMXCTL_PARITY_SOFT},
	{"nobody says anything", N, N, BMXCTL_PARITY_UNTOLD},
	{"the primary alone is silent", N, V, BMXCTL_PARITY_UNTOLD},
	{"the primary alone is silent, refused here", N, U,
         BMXCTL_PARITY_UNTOLD},
};

struct status_case {
	const char *name;
	enum bmxctl_parity there, too;
	int want;
};

static void
test_status(void **state)
{
	const struct status_case *tc = *state;
	long long counts[BMXCTL_PARITIES] = {0};

	counts[tc->there]++;
	counts[tc->too]++;
	assert_int_equal(bmxctl_parity_status(counts), tc->want);
}

static struct status_case statuses[] = {
	{"all the same", BMXCTL_PARITY_SAME, BMXCTL_PARITY_SAME, 0},
	{"a leak", BMXCTL_PARITY_SAME, BMXCTL_PARITY_LEAK, 1},
	{"a loss", BMXCTL_PARITY_LOSS, BMXCTL_PARITY_UNTOLD, 1},
	{"deferred ones do no harm", BMXCTL_PARITY_SOFT, BMXCTL_PARITY_DELAY,
         0},
	{"one untold", BMXCTL_PARITY_SAME, BMXCTL_PARITY_UNTOLD, 75},
};

int
main(void)
{
	enum {
		PAIRS = sizeof(pairs) / sizeof(pairs[0]),
		STATUSES = sizeof(statuses) / sizeof(statuses[0])
	};
	struct CMUnitTest tests[PAIRS + STATUSES] = {0};

	for (size_t i = 0; i < PAIRS; i++)
		tests[i] = (struct CMUnitTest){pairs[i].name, test_pair, NULL,
		                               NULL, &pairs[i]};
	for (size_t i = 0; i < STATUSES; i++)
		tests[PAIRS + i] =
			(struct CMUnitTest){statuses[i].name, test_status, NULL,
		                            NULL, &statuses[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
