/* Access maps: what a file may say, and what is found in it. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "milter/checks/access_map.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define IN BMX_ACCESS_INDEXED
#define CIDR BMX_ACCESS_CIDR
#define FOUND(what) BMX_FOUND_##what
#define NOT_THERE BMX_FINDINGS

struct file_case {
	const char *name;
	enum bmx_access_form form;
	const char *text;
	size_t count;     /* patterns */
	int line;         /* of the first problem; 0: none */
	const char *says; /* in it; mistakes make no map */
	bool warning;
};

/* clang-format off */
static struct file_case files[] = {
	{"nothing", IN, "", 0, 0, NULL, false},
	{"no line end", IN, "a OK", 1, 0, NULL, false},
	{"comments and blank lines", IN, "# x\n\n  \t\n  # y\na OK\n", 1, 0, NULL, false},
	{"CRLF", IN, "a OK\r\nb OK\r\n", 2, 0, NULL, false},
	{"a line that goes on", IN, "a\n  REJECT\n # x\n\n\tgo away\nb OK\n", 2, 0, NULL, false},
	{"digits are OK", IN, "a 1234567", 1, 0, NULL, false},
	{"actions in any case", IN, "a ok\nb Reject\nc dunno", 3, 0, NULL, false},
	{"a text with a '%'", IN, "a REJECT 100% sure", 1, 0, NULL, false},
	{"WARN is not logged", IN, "a WARN hm", 1, 1, "DUNNO", true},
	{"a pattern given twice", IN, "a OK\nb OK\nA REJECT", 2, 3, "before", true},
	{"no action", IN, "\na\n", 0, 2, "pattern and an action", false},
	{"DISCARD", IN, "a OK\nb DISCARD", 0, 2, "\"DISCARD\" is not supported", false},
	{"HOLD", IN, "b HOLD", 0, 1, "not supported", false},
	{"a restriction", IN, "b reject_unknown_client_hostname", 0, 1, "not supported", false},
	{"a code without text", IN, "b 554", 0, 1, "read it as OK", false},
	{"a code that is none", IN, "b 654 text", 0, 1, "4NN or 5NN", false},
	{"codes that do not go together", IN, "b 554 4.7.1 text", 0, 1, "do not go together", false},
	{"an enhanced code without text", IN, "b 554 5.7.1", 0, 1, "no text", false},
	{"an octet that cannot be sent", IN, "b REJECT \xc3\xa9", 0, 1, "octet", false},
	{"OK and more", IN, "b OK x", 0, 1, "nothing behind", false},
	{"a network in an indexed file", IN, "192.0.2.0/24 OK", 0, 1, "cidr:", false},
	{"a slash in a local part", IN, "a/b@c.test OK", 1, 0, NULL, false},
	{"a quoted pattern", IN, "\"a b\" OK", 0, 1, "quoted", false},
	{"brackets", IN, "[192.0.2.1] OK", 0, 1, "brackets", false},

	{"networks", CIDR, "192.0.2.0/24 OK\n2001:db8::/32 REJECT\n", 2, 0, NULL, false},
	{"brackets around both", CIDR, "[192.0.2.0]/24 OK\n[2001:db8::/32] OK\n", 2, 0, NULL, false},
	{"ifs", CIDR, "if 192.0.2.0/24\nif !192.0.2.128/25\n192.0.2.1 OK\nendif\nENDIF\n", 3, 0, NULL, false},
	{"a name", CIDR, "a.test OK", 0, 1, "expected a network", false},
	{"bits behind the prefix", CIDR, "\n192.0.2.1/24 OK", 0, 2, "bits set", false},
	{"a prefix that is too long", CIDR, "192.0.2.0/33 OK", 0, 1, "longer", false},
	{"a network without action", CIDR, "192.0.2.0/24", 0, 1, "action", false},
	{"an if with an action", CIDR, "if 192.0.2.0/24 OK\nendif", 0, 1, "no action", false},
	{"endif alone", CIDR, "endif", 0, 1, "without if", false},
	{"endif and more", CIDR, "if 192.0.2.0/24\nendif x", 0, 2, "nothing behind", false},
	{"an if that stays open", CIDR, "if 192.0.2.0/24\n192.0.2.1 OK\n", 0, 3, "without endif", false},
	{"an if of nothing", CIDR, "if\nendif", 0, 1, "expected a network", false},
};

static const char clients[] =
	"a.test REJECT 5.7.9 not you\n"
	".b.test DEFER\n"
	"c.test DUNNO\n"
	"test OK\n"
	"unknown 450 4.7.25 no name\n"
	"192.0.2.1 OK\n"
	"192.0.2 REJECT\n"
	"198 DEFER\n"
	"2001:db8::1 OK\n"
	"2001:db8 REJECT\n";

static const char senders[] =
	"joe@a.test OK\n"
	"jim+x@a.test DEFER\n"
	"a.test REJECT\n"
	".b.test REJECT\n"
	"Bulk@ DEFER\n"
	"<> 550 5.7.1 no bounces\n";

static const char networks[] =
	"192.0.2.1 OK\n"
	"if 192.0.2.0/24\n"
	"if !192.0.2.128/25\n"
	"192.0.2.64/26 DEFER\n"
	"192.0.2.200 REJECT\n"
	"endif\n"
	"192.0.2.192/26 DUNNO\n"
	"endif\n"
	"!192.0.0.0/8 REJECT\n"
	"2001:db8::/32 DEFER\n"
	"::/0 OK\n";

struct find_case {
	const char *name;
	const char *text; /* of a file */
	const char *key;  /* name or sender */
	const char *address;
	enum bmx_finding want;
	const char *reply; /* code and text */
};

static struct find_case finds[] = {
	{"a client by name", clients, "a.test", "203.0.113.1", FOUND(ACCESS_REJECT), "554 5.7.9 not you"},
	{"in upper case with a final dot", clients, "A.TEST.", "203.0.113.1", FOUND(ACCESS_REJECT), "554 5.7.9 not you"},
	{"below a name", clients, "x.y.a.test", "203.0.113.1", FOUND(ACCESS_REJECT), "554 5.7.9 not you"},
	{"below a name with a dot", clients, "x.b.test", "203.0.113.1", FOUND(ACCESS_DEFER), "  "},
	{"that name itself", clients, "b.test", "203.0.113.1", FOUND(GOOD), NULL},
	{"no part of a label", clients, "xa.test", "203.0.113.1", FOUND(GOOD), NULL},
	{"DUNNO ends the search", clients, "c.test", "192.0.2.9", FOUND(NOTHING), NULL},
	{"the name before the address", clients, "a.test", "192.0.2.1", FOUND(ACCESS_REJECT), "554 5.7.9 not you"},
	{"without a name", clients, "unknown", "203.0.113.1", FOUND(ACCESS_DEFER), "450 4.7.25 no name"},
	{"by address", clients, "x.example", "192.0.2.1", FOUND(GOOD), NULL},
	{"by three octets", clients, "x.example", "192.0.2.2", FOUND(ACCESS_REJECT), "  "},
	{"by one octet", clients, "x.example", "198.51.100.1", FOUND(ACCESS_DEFER), "  "},
	{"no part of an octet", clients, "x.example", "19.0.0.1", NOT_THERE, NULL},
	{"by IPv6 address", clients, "x.example", "2001:db8::1", FOUND(GOOD), NULL},
	{"by groups of it", clients, "x.example", "2001:db8::2", FOUND(ACCESS_REJECT), "  "},
	{"by groups of a longer one", clients, "x.example", "2001:db8:1:2:3:4:5:6", FOUND(ACCESS_REJECT), "  "},
	{"without an address", clients, "x.example", NULL, NOT_THERE, NULL},
	{"an empty name", clients, "", NULL, NOT_THERE, NULL},
	{"a dot as a name", clients, ".", NULL, NOT_THERE, NULL},

	{"a sender", senders, "joe@a.test", "", FOUND(GOOD), NULL},
	{"in upper case", senders, "JOE@A.Test", "", FOUND(GOOD), NULL},
	{"with an extension", senders, "joe+x+y@a.test", "", FOUND(GOOD), NULL},
	{"with its own extension", senders, "jim+x@a.test", "", FOUND(ACCESS_DEFER), "  "},
	{"with another one", senders, "jim+y@a.test", "", FOUND(ACCESS_REJECT), "  "},
	{"by domain", senders, "x@a.test", "", FOUND(ACCESS_REJECT), "  "},
	{"below a domain", senders, "x@y.a.test", "", FOUND(ACCESS_REJECT), "  "},
	{"below a domain with a dot", senders, "x@y.b.test", "", FOUND(ACCESS_REJECT), "  "},
	{"that domain itself", senders, "x@b.test", "", NOT_THERE, NULL},
	{"by user", senders, "bulk@c.test", "", FOUND(ACCESS_DEFER), "  "},
	{"by user without domain", senders, "bulk", "", FOUND(ACCESS_DEFER), "  "},
	{"by user with an extension", senders, "bulk+x@c.test", "", FOUND(ACCESS_DEFER), "  "},
	{"the null sender", senders, "", "", FOUND(ACCESS_REJECT), "550 5.7.1 no bounces"},
	{"nobody known", senders, "x@c.test", "", NOT_THERE, NULL},

	{"the first line counts", networks, NULL, "192.0.2.1", FOUND(GOOD), NULL},
	{"within both ifs", networks, NULL, "192.0.2.65", FOUND(ACCESS_DEFER), "  "},
	{"within both ifs without a line", networks, NULL, "192.0.2.2", NOT_THERE, NULL},
	{"a line within an if that does not match", networks, NULL, "192.0.2.200", FOUND(NOTHING), NULL},
	{"outside the ifs", networks, NULL, "192.0.3.65", NOT_THERE, NULL},
	{"what does not match", networks, NULL, "198.51.100.1", FOUND(ACCESS_REJECT), "  "},
	{"IPv6", networks, NULL, "2001:db8::1", FOUND(ACCESS_DEFER), "  "},
	{"not of IPv4 is not IPv6", networks, NULL, "2001:db9::1", FOUND(GOOD), NULL},
};
/* clang-format on */

static void
test_file(void **state)
{
	const struct file_case *tc = *state;
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_access_map *map = bmx_access_map_parse(
		tc->form, "access", bmx_slice_of(tc->text), problems);

	assert_int_equal(bmx_config_problems_count(problems), tc->line != 0);
	if (tc->line != 0) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, 0);

		assert_string_equal(problem->file, "access");
		assert_int_equal(problem->line, tc->line);
		assert_int_equal(problem->warning, tc->warning);
		assert_non_null(strstr(problem->text, tc->says));
	}
	assert_int_equal(map != NULL, tc->line == 0 || tc->warning);
	if (map)
		assert_int_equal(bmx_access_map_count(map), tc->count);
	bmx_access_map_free(&map);
	bmx_config_problems_free(&problems);
}

static bool
read_address(const char *text, uint8_t address[16])
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	return text && *text &&
		(inet_pton(AF_INET, text, address + 12) == 1 ||
	         inet_pton(AF_INET6, text, address) == 1);
}

static const struct bmx_access_action *
find(const struct bmx_access_map *map, const struct find_case *tc)
{
	uint8_t address[16];
	const bool known = read_address(tc->address, address);

	if (tc->text == senders)
		return bmx_access_map_sender(map, bmx_slice_of(tc->key), "+");
	return bmx_access_map_client(map, bmx_slice_of(tc->key),
	                             known ? address : NULL);
}

static void
test_find(void **state)
{
	const struct find_case *tc = *state;
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_access_map *map =
		bmx_access_map_parse(tc->text == networks ? CIDR : IN, "access",
	                             bmx_slice_of(tc->text), problems);
	const struct bmx_access_action *action;
	char reply[128];

	assert_non_null(map);
	action = find(map, tc);
	assert_int_equal(action ? action->found : NOT_THERE, tc->want);
	if (tc->reply) {
		(void)snprintf(reply, sizeof(reply), "%s %s %s", action->code,
		               action->enhanced, action->text);
		assert_string_equal(reply, tc->reply);
	}
	bmx_access_map_free(&map);
	bmx_config_problems_free(&problems);
}

/* As deep as may be, and one more. */
static void
test_depth(void **state)
{
	char text[2048] = "";

	(void)state;
	for (size_t depth = BMX_ACCESS_DEPTH_MAX;
	     depth <= BMX_ACCESS_DEPTH_MAX + 1; depth++) {
		struct bmx_config_problems *problems =
			bmx_config_problems_new();
		struct bmx_access_map *map;

		text[0] = '\0';
		for (size_t i = 0; i < depth; i++)
			strcat(text, "if 192.0.2.0/24\n");
		strcat(text, "192.0.2.1 OK\n");
		for (size_t i = 0; i < depth; i++)
			strcat(text, "endif\n");
		map = bmx_access_map_parse(CIDR, "access", bmx_slice_of(text),
		                           problems);
		assert_int_equal(map != NULL, depth == BMX_ACCESS_DEPTH_MAX);
		bmx_access_map_free(&map);
		bmx_config_problems_free(&problems);
	}
}

/* A comment has no length; a line has. */
static void
test_length(void **state)
{
	char text[BMX_ACCESS_LINE_MAX + 2];

	(void)state;
	for (size_t len = BMX_ACCESS_LINE_MAX; len < sizeof(text); len++) {
		struct bmx_config_problems *problems =
			bmx_config_problems_new();
		struct bmx_access_map *map;

		memset(text, ' ', sizeof(text));
		memcpy(text, "a REJECT x", 10);
		text[len - 1] = 'y';
		map = bmx_access_map_parse(
			IN, "access", (struct bmx_slice){text, len}, problems);
		assert_null(map);
		assert_int_equal(bmx_config_problems_count(problems), 1);
		assert_int_equal(
			strstr(bmx_config_problems_get(problems, 0)->text,
		               "the line is too long") != NULL,
			len > BMX_ACCESS_LINE_MAX);
		bmx_config_problems_free(&problems);
		text[0] = '#';
		map = bmx_access_map_parse(IN, "access",
		                           (struct bmx_slice){text, 900}, NULL);
		assert_non_null(map);
		bmx_access_map_free(&map);
	}
}

/* No octet behind the end is looked at, wherever the file ends. */
static void
test_cut_anywhere(void **state)
{
	const char *const all[] = {clients, networks};

	(void)state;
	for (size_t i = 0; i < LENGTH(all); i++)
		for (size_t len = 0; len <= strlen(all[i]); len++) {
			struct bmx_config_problems *problems =
				bmx_config_problems_new();
			char *copy = malloc(len + (len == 0));
			struct bmx_access_map *map;

			assert_non_null(copy);
			memcpy(copy, all[i], len);
			map = bmx_access_map_parse(
				i == 0 ? IN : CIDR, "access",
				(struct bmx_slice){copy, len}, problems);
			free(copy);
			bmx_access_map_free(&map);
			bmx_config_problems_free(&problems);
		}
}

static void
test_empty_slice(void **state)
{
	struct bmx_access_map *map =
		bmx_access_map_parse(IN, "access", (struct bmx_slice){0}, NULL);

	(void)state;
	assert_non_null(map);
	assert_int_equal(bmx_access_map_count(map), 0);
	assert_null(bmx_access_map_sender(map, (struct bmx_slice){0}, "+"));
	assert_null(bmx_access_map_client(map, (struct bmx_slice){0}, NULL));
	bmx_access_map_free(&map);
}

static void
test_load(void **state)
{
	char path[] = "/tmp/bmx-access-XXXXXX", spec[64];
	struct bmx_config_problems *problems = bmx_config_problems_new();
	const int fd = mkstemp(path);
	struct bmx_access_map *map;

	(void)state;
	assert_int_equal(write(fd, "192.0.2.0/24 OK\n", 16), 16);
	(void)close(fd);
	(void)snprintf(spec, sizeof(spec), "cidr:%s", path);
	map = bmx_access_map_load(spec, problems);
	assert_non_null(map);
	bmx_access_map_free(&map);
	/* The same as an indexed file, which has no prefixes. */
	(void)snprintf(spec, sizeof(spec), "hash:%s", path);
	assert_null(bmx_access_map_load(spec, problems));
	assert_null(bmx_access_map_load(path, problems));
	assert_int_equal(bmx_config_problems_count(problems), 2);
	(void)unlink(path);
	assert_null(bmx_access_map_load(path, problems));
	assert_null(bmx_access_map_load("hash:/tmp", problems));
	assert_int_equal(bmx_config_problems_count(problems), 4);
	bmx_config_problems_free(&problems);
}

#define FIXED 5

int
main(void)
{
	struct CMUnitTest tests[LENGTH(files) + LENGTH(finds) + FIXED] = {
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_empty_slice),
	};
	size_t n = FIXED;

	for (size_t i = 0; i < LENGTH(files); i++)
		tests[n++] = (struct CMUnitTest){files[i].name, test_file, NULL,
		                                 NULL, &files[i]};
	for (size_t i = 0; i < LENGTH(finds); i++)
		tests[n++] = (struct CMUnitTest){finds[i].name, test_find, NULL,
		                                 NULL, &finds[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
