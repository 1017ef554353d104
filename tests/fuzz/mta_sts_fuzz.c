/*
 * MTA-STS policies and records as anybody may publish them. What is read keeps
 * to its caps, and every host that an `mx` line names outright matches.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor/mta_sts.h"

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_policy(const struct bmxctl_sts_policy *policy)
{
	require(policy->mx_count <= BMXCTL_STS_MX_MAX);
	require(policy->max_age_s >= 0);
	for (size_t i = 0; i < policy->mx_count; i++) {
		const char *mx = policy->mx[i];

		require(strlen(mx) < sizeof(policy->mx[i]));
		if (strncmp(mx, "*.", 2) != 0)
			require(bmxctl_sts_matches(policy, mx));
	}
	(void)bmxctl_sts_matches(policy, "mx1.example.test");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice text = {(const char *)data, size};
	struct bmxctl_sts_policy policy;
	struct bmx_error err = {0};

	(void)bmxctl_sts_is_record(text);
	(void)bmxctl_sts_has_id(text);
	if (bmxctl_sts_parse(text, &policy, &err) == 0)
		check_policy(&policy);
	else
		require(err.code != BMX_E_NONE && err.text[0] != '\0');
	return 0;
}
