#include "tests/support/cmocka.h"

#include <errno.h>
#include <stdio.h>

#include <unistd.h>

#include <backupmx/file_octets.h>

/* Fewer octets than the file has, as many, and more, from its beginning
 * whatever was read before. */
static void
test_sizes(void **state)
{
	FILE *file = tmpfile();
	char data[16];

	(void)state;
	assert_non_null(file);
	assert_int_equal(fputs("abcdef", file), 1);
	assert_int_equal(fflush(file), 0);
	for (size_t size = 0; size <= sizeof(data); size++) {
		const size_t want = size < 6 ? size : 6;

		assert_int_equal(bmx_file_octets(fileno(file), data, size),
		                 want);
		assert_memory_equal(data, "abcdef", want);
	}
	(void)fclose(file);
}

static void
test_error(void **state)
{
	int fds[2];
	char data[1];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(bmx_file_octets(fds[0], data, sizeof(data)), -1);
	assert_int_equal(errno, ESPIPE); /* no regular file */
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
