/* What a judge has reported, as one line, for tables of tests. */
#ifndef BACKUPMX_TESTS_CTL_ROWS_CHECK_H
#define BACKUPMX_TESTS_CTL_ROWS_CHECK_H

#include <string.h>

#include <jansson.h>

#include "ctl/doctor/doctor.h"

/* The names of what is wrong, in the order of reporting, with blanks. */
static inline void
rows_of(const struct bmxctl_findings *findings, char out[512])
{
	json_t *root = bmxctl_findings_json(findings);
	const json_t *list = json_object_get(root, "findings");

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *finding = json_array_get(list, i);

		if (strcmp(json_string_value(
				   json_object_get(finding, "severity")),
		           "good") == 0)
			continue;
		if (out[0] != '\0')
			(void)strncat(out, " ", 511 - strlen(out));
		(void)strncat(
			out, json_string_value(json_object_get(finding, "row")),
			511 - strlen(out));
	}
	json_decref(root);
}

/* Checks them, and frees the findings. */
static inline void
check_rows(struct bmxctl_findings *findings, const char *want)
{
	char got[512];

	rows_of(findings, got);
	bmxctl_findings_free(&findings);
	assert_string_equal(got, want);
}

#endif
