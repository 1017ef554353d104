#include <tests/support/cmocka.h>

#include <backupmx/units.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef int parse_cb(struct bmx_slice text, int64_t *value_out);

struct units_case {
	const char *name;
	parse_cb *parse;
	const char *text;
	int64_t want; /* -1: refused */
};

#define DURATION bmx_units_parse_duration
#define SIZE bmx_units_parse_size
#define NUMBER bmx_units_parse_number

/* clang-format off */
static struct units_case cases[] = {
	{"milliseconds",             DURATION, "250ms", 250},
	{"seconds",                  DURATION, "30s",   30000},
	{"minutes",                  DURATION, "5m",    300000},
	{"hours",                    DURATION, "2h",    7200000},
	{"days",                     DURATION, "7d",    604800000},
	{"weeks",                    DURATION, "2w",    1209600000},
	{"no time",                  DURATION, "0s",    0},
	{"largest duration",         DURATION, "9223372036854775807ms", INT64_MAX},
	{"duration one too large",   DURATION, "9223372036854775808ms", -1},
	{"seconds past int64",       DURATION, "9223372036854776s", -1},
	{"duration without unit",    DURATION, "30",    -1},
	{"duration without number",  DURATION, "s",     -1},
	{"empty duration",           DURATION, "",      -1},
	{"negative duration",        DURATION, "-1s",   -1},
	{"signed duration",          DURATION, "+1s",   -1},
	{"blank before the unit",    DURATION, "1 s",   -1},
	{"blank after the unit",     DURATION, "1s ",   -1},
	{"unit in upper case",       DURATION, "1S",    -1},
	{"two units",                DURATION, "1h30m", -1},
	{"fraction",                 DURATION, "1.5s",  -1},
	{"octets",                   SIZE,     "512",   512},
	{"kibioctets",               SIZE,     "64K",   65536},
	{"mebioctets",               SIZE,     "10M",   10485760},
	{"gibioctets",               SIZE,     "2G",    INT64_C(2147483648)},
	{"largest size in G",        SIZE,     "8589934591G", INT64_C(9223372035781033984)},
	{"size one G too large",     SIZE,     "8589934592G", -1},
	{"unknown size",             SIZE,     "1T",    -1},
	{"number",                   NUMBER,   "42",    42},
	{"largest number",           NUMBER,   "9223372036854775807", INT64_MAX},
	{"number one too large",     NUMBER,   "9223372036854775808", -1},
	{"number with unit",         NUMBER,   "42s",   -1},
	{"empty number",             NUMBER,   "",      -1},
};
/* clang-format on */

static void
test_units(void **state)
{
	const struct units_case *tc = *state;
	int64_t got = 0;
	const int rc = tc->parse(bmx_slice_of(tc->text), &got);

	assert_int_equal(rc, tc->want < 0 ? -1 : 0);
	if (rc == 0)
		assert_true(got == tc->want);
}

static void
test_append(void **state)
{
	char buffer[64];
	struct bmx_text text;

	(void)state;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_units_append_duration(&text, 300000);
	bmx_units_append_duration(&text, 1001);
	bmx_units_append_duration(&text, 1209600000);
	bmx_units_append_size(&text, 10485760);
	bmx_units_append_size(&text, 1025);
	bmx_units_append_size(&text, 0);
	assert_string_equal(buffer, "5m1001ms2w10M10250");
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases) + 1] = {
		cmocka_unit_test(test_append)};

	for (size_t i = 0; i < COUNT(cases); i++)
		tests[i + 1] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_units,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
