/* Each option is in backupmx.conf(5), with its default. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "lib/config/config_priv.h"

static char manual[128 * 1024];

static void
read_manual(void)
{
	char path[1024] = __FILE__;
	char *end = strstr(path, "tests/unit/config/");
	FILE *in;

	assert_non_null(end);
	(void)snprintf(end, sizeof(path) - (size_t)(end - path), "%s",
	               "docs/backupmx.conf.5");
	in = fopen(path, "r");
	assert_non_null(in);
	manual[fread(manual, 1, sizeof(manual) - 1, in)] = '\0';
	(void)fclose(in);
}

static void
test_every_option(void **state)
{
	(void)state;
	read_manual();
	for (size_t i = 0; i < config_row_count; i++) {
		const struct config_row *row = &config_rows[i];
		char want[512];
		const char *item, *initial, *next;

		(void)snprintf(want, sizeof(want), "\n.It Ic %s\n", row->key);
		item = strstr(manual, want);
		if (!item)
			fail_msg("%s is not in the manual", row->key);
		next = strstr(item + 1, "\n.It ");
		(void)snprintf(want, sizeof(want), "\nDefault: %s\n",
		               *row->initial ? row->initial : "(empty)");
		initial = strstr(item, want);
		if (!initial || (next && initial > next))
			fail_msg("%s has another default", row->key);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
