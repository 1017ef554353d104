#include "ctl/doctor/mta_sts.h"

#include <string.h>

#include <backupmx/units.h>

/* RFC 8461 section 3.2: at most a year and some days. */
#define MAX_AGE_MOST INT64_C(31557600)
#define ID_MAX ((size_t)32)

#define BLANKS BMX_SLICE(" \t\r")

/* Which keys a policy has had. */
enum { HAS_VERSION = 1, HAS_MODE = 2, HAS_MAX_AGE = 4 };

/* What stands before the next separator; *text is moved behind it. */
static struct bmx_slice
cut(struct bmx_slice *text, char separator)
{
	const char *at =
		text->len > 0 ? memchr(text->data, separator, text->len) : NULL;
	struct bmx_slice piece = *text;

	if (at) {
		piece.len = (size_t)(at - text->data);
		text->data = at + 1;
		text->len -= piece.len + 1;
	} else {
		*text = (struct bmx_slice){0};
	}
	return bmx_slice_trim(piece, BLANKS);
}

bool
bmxctl_sts_is_record(struct bmx_slice txt)
{
	return bmx_slice_equal(cut(&txt, ';'), BMX_SLICE("v=STSv1"));
}

static bool
is_id(struct bmx_slice text)
{
	if (text.len < 1 || text.len > ID_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		const char c = bmx_ascii_lower(text.data[i]);

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
			return false;
	}
	return true;
}

bool
bmxctl_sts_has_id(struct bmx_slice txt)
{
	while (txt.len > 0) {
		struct bmx_slice field = cut(&txt, ';');
		const struct bmx_slice name = cut(&field, '=');

		if (bmx_slice_equal(name, BMX_SLICE("id")))
			return is_id(bmx_slice_trim(field, BLANKS));
	}
	return false;
}

static int
bad(struct bmx_error *err, const char *expected)
{
	return bmx_error_set(err, BMX_E_SYNTAX, "%s", expected);
}

static int
read_mode(struct bmx_slice value, struct bmxctl_sts_policy *policy,
          struct bmx_error *err)
{
	if (bmx_slice_equal(value, BMX_SLICE("enforce")))
		policy->mode = BMXCTL_STS_ENFORCE;
	else if (bmx_slice_equal(value, BMX_SLICE("testing")))
		policy->mode = BMXCTL_STS_TESTING;
	else if (bmx_slice_equal(value, BMX_SLICE("none")))
		policy->mode = BMXCTL_STS_NONE;
	else
		return bad(err, "mode is enforce, testing or none");
	return 0;
}

static int
read_mx(struct bmx_slice value, struct bmxctl_sts_policy *policy,
        struct bmx_error *err)
{
	char *mx = policy->mx[policy->mx_count];
	struct bmx_slice name;
	size_t star = 0;

	if (policy->mx_count == BMXCTL_STS_MX_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "more than %zu lines mx",
		                     BMXCTL_STS_MX_MAX);
	if (value.len > 2 && value.data[0] == '*' && value.data[1] == '.') {
		memcpy(mx, "*.", 2);
		star = 2;
		value.data += 2;
		value.len -= 2;
	}
	if (bmx_domain_normalise(value, mx + star, &name) != 0)
		return bad(err, "mx is a host, or *.domain");
	mx[star + name.len] = '\0';
	policy->mx_count++;
	return 0;
}

static int
read_pair(struct bmx_slice key, struct bmx_slice value, unsigned *has,
          struct bmxctl_sts_policy *policy, struct bmx_error *err)
{
	if (bmx_slice_equal(key, BMX_SLICE("version"))) {
		*has |= HAS_VERSION;
		return bmx_slice_equal(value, BMX_SLICE("STSv1")) ?
			0 :
			bad(err, "version is STSv1");
	}
	if (bmx_slice_equal(key, BMX_SLICE("mode"))) {
		*has |= HAS_MODE;
		return read_mode(value, policy, err);
	}
	if (bmx_slice_equal(key, BMX_SLICE("max_age"))) {
		*has |= HAS_MAX_AGE;
		return bmx_units_parse_number(value, &policy->max_age_s) == 0 &&
				policy->max_age_s <= MAX_AGE_MOST ?
			0 :
			bad(err, "max_age is seconds, at most 31557600");
	}
	if (bmx_slice_equal(key, BMX_SLICE("mx")))
		return read_mx(value, policy, err);
	return 0;
}

int
bmxctl_sts_parse(struct bmx_slice text, struct bmxctl_sts_policy *policy_out,
                 struct bmx_error *err)
{
	unsigned has = 0;

	memset(policy_out, 0, sizeof(*policy_out));
	if (text.len > BMXCTL_STS_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG, "larger than %zu KiB",
		                     BMXCTL_STS_MAX / 1024);
	while (text.len > 0) {
		struct bmx_slice line = cut(&text, '\n');
		struct bmx_slice key;

		if (line.len == 0)
			continue;
		if (!memchr(line.data, ':', line.len))
			return bad(err, "a line is KEY: VALUE");
		key = cut(&line, ':');
		if (read_pair(key, bmx_slice_trim(line, BLANKS), &has,
		              policy_out, err) != 0)
			return -1;
	}
	if (has != (HAS_VERSION | HAS_MODE | HAS_MAX_AGE))
		return bad(err, "version, mode and max_age have to be there");
	if (policy_out->mx_count == 0 && policy_out->mode != BMXCTL_STS_NONE)
		return bad(err, "at least one line mx has to be there");
	return 0;
}

static bool
matches(const char *pattern, const char *host)
{
	const char *dot = strchr(host, '.');

	if (strncmp(pattern, "*.", 2) != 0)
		return strcmp(pattern, host) == 0;
	return dot && dot != host && strcmp(pattern + 2, dot + 1) == 0;
}

bool
bmxctl_sts_matches(const struct bmxctl_sts_policy *policy, const char *host)
{
	for (size_t i = 0; i < policy->mx_count; i++)
		if (matches(policy->mx[i], host))
			return true;
	return false;
}
