/* What postconf writes, taken apart. */
#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/list.h"
#include "ctl/postfix/peer.h"
#include "ctl/postfix/postconf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of Postfix 3.7, cut short. */
static const struct bmxctl_postconf_text text = {
	.all = "compatibility_level = 0\nempty =\nmine = $mydomain\n"
	       "relay_domains = a.test $mine\n",
	.expanded = "compatibility_level = 0\nempty =\nmine = x.test\n"
		    "relay_domains = a.test x.test\n",
	.set = "mine = $mydomain\nrelay_domains = a.test $mine\n",
	.services = "smtp/inet/service = smtp\nsmtp/inet/type = inet\n"
		    "smtp/inet/private = n\nsmtp/inet/chroot = y\n"
		    "smtp/inet/command = smtpd -o foo=bar\n"
		    "smtp/unix/service = smtp\nsmtp/unix/type = unix\n"
		    "smtp/unix/chroot = -\nsmtp/unix/command = smtp\n"
		    "a/b/unix/service = a/b\na/b/unix/type = unix\n"
		    "a/b/unix/chroot = n\na/b/unix/command = lmtp\n",
	.overrides = "smtp/inet/foo = a = b\nsmtp/inet/empty =\n"
		     "smtp/inet/twice = 1\nsmtp/inet/twice = 2\n"
		     "a/b/unix/foo = c\n",
};

static void
test_values(void **state)
{
	struct bmx_error err;
	struct bmxctl_postconf *postconf = bmxctl_postconf_parse(&text, &err);

	(void)state;
	assert_non_null(postconf);
	assert_string_equal(bmxctl_postconf_raw(postconf, "relay_domains"),
	                    "a.test $mine");
	assert_string_equal(bmxctl_postconf_get(postconf, "relay_domains"),
	                    "a.test x.test");
	assert_string_equal(bmxctl_postconf_get(postconf, "empty"), "");
	assert_string_equal(bmxctl_postconf_get(postconf, "nothing"), "");
	assert_string_equal(bmxctl_postconf_raw(postconf, "nothing"), "");
	assert_true(bmxctl_postconf_is_set(postconf, "mine"));
	assert_false(bmxctl_postconf_is_set(postconf, "empty"));
	assert_true(bmxctl_postconf_knows(postconf, "empty"));
	assert_false(bmxctl_postconf_knows(postconf, "nothing"));
	assert_false(bmxctl_postconf_knows(postconf, "empt"));
	bmxctl_postconf_free(&postconf);
	bmxctl_postconf_free(&postconf);
}

static void
test_services(void **state)
{
	struct bmx_error err;
	struct bmxctl_postconf *postconf = bmxctl_postconf_parse(&text, &err);
	const struct bmxctl_postfix_service *service;

	(void)state;
	assert_non_null(postconf);
	assert_int_equal(bmxctl_postconf_service_count(postconf), 3);
	service = bmxctl_postconf_service(postconf, 0);
	assert_string_equal(service->name, "smtp");
	assert_string_equal(service->type, "inet");
	assert_string_equal(service->command, "smtpd");
	assert_true(service->chroot);
	/* Level 0: "-" means chroot. */
	assert_true(bmxctl_postconf_service(postconf, 1)->chroot);
	service = bmxctl_postconf_service(postconf, 2);
	assert_string_equal(service->name, "a/b");
	assert_false(service->chroot);
	bmxctl_postconf_free(&postconf);
}

static void
test_overrides(void **state)
{
	struct bmx_error err;
	struct bmxctl_postconf *postconf = bmxctl_postconf_parse(&text, &err);

	(void)state;
	assert_non_null(postconf);
	assert_string_equal(bmxctl_postconf_override(postconf, 0, "foo"),
	                    "a = b");
	assert_string_equal(bmxctl_postconf_override(postconf, 0, "empty"), "");
	assert_string_equal(bmxctl_postconf_override(postconf, 0, "twice"),
	                    "2");
	assert_string_equal(bmxctl_postconf_override(postconf, 2, "foo"), "c");
	assert_null(bmxctl_postconf_override(postconf, 1, "foo"));
	assert_string_equal(bmxctl_postconf_service_get(postconf, 1, "mine"),
	                    "x.test");
	assert_string_equal(bmxctl_postconf_service_get(postconf, 0, "empty"),
	                    "");
	bmxctl_postconf_free(&postconf);
}

static struct bmxctl_postconf_text bad_texts[] = {
	{"no setting\n", "", "", "", ""},
	{"", "= x\n", "", "", ""},
	{"", "", "", "smtp/inet/type = inet\n", ""},
	{"", "", "", "service = smtp\n", ""},
	{"", "", "", "", "foo = bar\n"},
	{"", "", "", "", "inet/foo = bar\n"},
};

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_texts); i++) {
		struct bmx_error err = {.code = BMX_E_NONE};

		assert_null(bmxctl_postconf_parse(&bad_texts[i], &err));
		assert_int_equal(err.code, BMX_E_SYNTAX);
	}
}

/* Cut anywhere, the text is read or refused, and nothing else. */
static void
test_cut(void **state)
{
	(void)state;
	for (size_t len = 0; len <= strlen(text.services); len++) {
		char *services = strndup(text.services, len);
		const struct bmxctl_postconf_text cut = {
			text.all, text.expanded, text.set, services,
			text.overrides};
		struct bmx_error err;
		struct bmxctl_postconf *postconf =
			bmxctl_postconf_parse(&cut, &err);

		if (postconf)
			assert_true(bmxctl_postconf_service_count(postconf) <=
			            3);
		bmxctl_postconf_free(&postconf);
		free(services);
	}
}

static void
test_no_such_folder(void **state)
{
	struct bmx_error err = {.code = BMX_E_NONE};

	(void)state;
	assert_null(bmxctl_postconf_read("/nonexistent", &err));
	/* With and without Postfix. */
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

struct time_case {
	const char *text;
	char unit;
	int64_t want;
};

static void
test_times(void **state)
{
	static const struct time_case cases[] = {
		{"10s", 's', 10},   {"10", 's', 10},
		{"2", 'd', 172800}, {"5m", 's', 300},
		{"1H", 's', 3600},  {"1w", 's', 604800},
		{"", 's', -1},      {"s", 's', -1},
		{"1x", 's', -1},    {"1s ", 's', -1},
		{"-1s", 's', -1},   {"1ss", 's', -1},
		{"0", 's', 0},      {"9999999999999999999", 's', -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
			bmxctl_postfix_time(cases[i].text, cases[i].unit),
			cases[i].want);
}

struct split_case {
	const char *text;
	size_t count;
	const char *second;
};

static void
test_split(void **state)
{
	static const struct split_case cases[] = {
		{"", 0, NULL},
		{" , \t ", 0, NULL},
		{"a, b", 2, "b"},
		{"a b,c", 3, "b"},
		{"x { a, { b = c } }, y", 3, "{ a, { b = c } }"},
		{"x ${a?{b c}} y", 3, "${a?{b c}}"},
	};
	struct bmx_arena *arena = bmx_arena_new(65536);
	struct bmxctl_words words;
	struct bmx_error err;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(bmxctl_words_split(arena,
		                                    bmx_slice_of(cases[i].text),
		                                    &words, &err),
		                 0);
		assert_int_equal(words.count, cases[i].count);
		if (cases[i].second)
			assert_true(bmx_slice_equal(
				words.items[1], bmx_slice_of(cases[i].second)));
	}
	assert_int_equal(
		bmxctl_words_split(arena, BMX_SLICE("a {b"), &words, &err), -1);
	assert_int_equal(
		bmxctl_words_split(arena, BMX_SLICE("a}"), &words, &err), -1);
	bmx_arena_free(&arena);
}

static void
test_macro(void **state)
{
	struct bmx_slice name;

	(void)state;
	assert_true(bmxctl_word_is_macro(BMX_SLICE("$a_1"), &name));
	assert_true(bmx_slice_equal(name, BMX_SLICE("a_1")));
	assert_true(bmxctl_word_is_macro(BMX_SLICE("${a}"), &name));
	assert_true(bmx_slice_equal(name, BMX_SLICE("a")));
	assert_true(bmxctl_word_is_macro(BMX_SLICE("$(a)"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("$"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("${}"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("${a"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("$a/b"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("${a?b}"), &name));
	assert_false(bmxctl_word_is_macro(BMX_SLICE("a"), &name));
}

struct reach_case {
	const char *socket;
	const char *endpoint;
	bool chroot, want;
};

static void
test_reaches(void **state)
{
	static const struct reach_case cases[] = {
		{"unix:b/s", "unix:/q/b/s", true, true},
		{"unix:b/s", "unix:/q/b/s", false, true},
		{"local:b/s", "unix:/q/b/s", false, true},
		{"unix:/b/s", "unix:/q/b/s", true, true},
		{"unix:/b/s", "unix:/q/b/s", false, false},
		{"unix:/q/b/s", "unix:/q/b/s", false, true},
		{"unix:/q/b/s", "unix:/q/b/s", true, true},
		{"unix:b/s", "unix:/qq/b/s", true, false},
		{"unix:", "unix:/q/b/s", true, false},
		{"inet:127.0.0.1:1", "unix:/q/b/s", true, false},
		{"inet:[::1]:25", "inet:[::1]:25", true, true},
		{"inet:localhost:25", "inet::25", true, true},
		{"inet:192.0.2.1:25", "inet:192.0.2.1:25", true, true},
		{"inet:192.0.2.1:25", "inet:192.0.2.2:25", true, false},
		{"inet:127.0.0.1:125", "inet:127.0.0.1:25", true, false},
		{"inet:25", "inet:127.0.0.1:25", true, true},
		{"tcp:127.0.0.1:25", "inet:127.0.0.1:25", true, false},
		{"", "inet:127.0.0.1:25", true, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct bmxctl_peer peer = {
			.socket = bmx_slice_of(cases[i].socket)};
		const struct bmxctl_postfix_place place = {"/q",
		                                           cases[i].chroot};
		struct bmx_endpoint endpoint;
		struct bmx_error err;

		assert_int_equal(
			bmx_endpoint_parse(bmx_slice_of(cases[i].endpoint),
		                           &endpoint, &err),
			0);
		if (bmxctl_peer_reaches(&peer, &endpoint, &place) !=
		    cases[i].want)
			fail_msg("row %zu: %s", i, cases[i].socket);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_such_folder),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_macro),
		cmocka_unit_test(test_reaches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
