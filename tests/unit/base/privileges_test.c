#define _GNU_SOURCE /* getresuid, setgroups */

#include <backupmx/privileges.h>

#include <string.h>

#include <grp.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

/* In a child: what is dropped does not come back. */
static int
drop_to_nobody(void)
{
	struct bmx_identity identity;
	struct bmx_error err;
	uid_t real, effective, saved;

	/* As a shell of root has it. */
	if (setgroups(1, &(gid_t){0}) != 0)
		return 6;
	if (bmx_privileges_resolve("nobody", &identity, &err) != 0 ||
	    bmx_privileges_drop(&identity, &err) != 0)
		return 1;
	if (getresuid(&real, &effective, &saved) != 0 || real == 0 ||
	    real != identity.uid || effective != real || saved != real)
		return 2;
	if (getegid() != identity.gid || getgid() != identity.gid)
		return 3;
	for (int i = 0, count = getgroups(0, NULL); i < count; i++) {
		gid_t groups[64];

		if (getgroups(64, groups) != count || groups[i] == 0)
			return 4; /* root's own group was kept */
	}
	return setuid(0) == 0 || seteuid(0) == 0 ? 5 : 0;
}

static void
test_drop(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(drop_to_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_no_such_user(void **state)
{
	struct bmx_identity identity;
	struct bmx_error err;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(
		bmx_privileges_resolve("no-such-user", &identity, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_non_null(strstr(err.text, "no-such-user"));
	assert_non_null(strstr(err.text, "-u"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_drop),
	                                   cmocka_unit_test(test_no_such_user)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
