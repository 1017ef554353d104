#include <tests/support/cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/queue.h"

#define MESSAGE(queue, at, recipients)                                         \
	"{\"queue_name\": \"" queue "\", \"queue_id\": \"A1\", "               \
	"\"arrival_time\": " at ", \"message_size\": 100, \"sender\": "        \
	"\"a@w.test\", \"recipients\": [" recipients "]}\n"
#define TO(address) "{\"address\": \"" address "\"}"
#define LATE(address, reason)                                                  \
	"{\"address\": \"" address "\", \"delay_reason\": \"" reason "\"}"

struct queue_case {
	const char *name;
	const char *text;
	long long messages, recipients, unreadable;
	const char *domain; /* of which the rest is wanted; NULL: none */
	long long of_messages, of_held, oldest_at;
	const char *reason;
};

/* clang-format off */
static struct queue_case cases[] = {
	{"nothing", "", 0, 0, 0, "a.test", 0, 0, 0, ""},
	{"one", MESSAGE("deferred", "500", LATE("u@a.test", "no route")), 1, 1, 0,
	 "a.test", 1, 0, 500, "no route"},
	{"a message counts once in its domain",
	 MESSAGE("active", "500", TO("u@a.test") ", " TO("v@A.test")), 1, 2, 0,
	 "a.test", 1, 0, 500, ""},
	{"and once in each", MESSAGE("active", "500", TO("u@a.test") ", " TO("v@b.test")),
	 1, 2, 0, "b.test", 1, 0, 500, ""},
	{"the oldest one says why", MESSAGE("deferred", "500", LATE("u@a.test", "x"))
	 MESSAGE("deferred", "400", LATE("u@a.test", "old")), 2, 2, 0,
	 "a.test", 2, 0, 400, "old"},
	{"held mail does not wait", MESSAGE("hold", "400", TO("u@a.test"))
	 MESSAGE("active", "500", TO("u@a.test")), 2, 2, 0, "a.test", 2, 1, 500, ""},
	{"no line end at the end", "{\"queue_name\": \"active\"}", 1, 0, 0, NULL, 0, 0, 0, NULL},
	{"a line that is no JSON", "postqueue: what\n" MESSAGE("active", "500", TO("u@a.test")),
	 1, 1, 1, "a.test", 1, 0, 500, ""},
	{"an array", "[1]\n", 0, 0, 1, NULL, 0, 0, 0, NULL},
	{"no UTF-8", MESSAGE("active", "500", TO("\xff@a.test")), 1, 1, 0,
	 "a.test", 1, 0, 500, ""},
	{"an address without domain", MESSAGE("active", "500", TO("root")), 1, 1, 0,
	 "", 1, 0, 500, ""},
	{"numbers that are texts", "{\"arrival_time\": \"x\", \"message_size\": -5, "
	 "\"recipients\": [{\"address\": 7}, 5]}\n", 1, 0, 0, "a.test", 0, 0, 0, ""},
	{"empty lines", "\n\n" MESSAGE("active", "500", TO("u@a.test")) "\n", 1, 1, 0,
	 "a.test", 1, 0, 500, ""},
};
/* clang-format on */
#define CASES (sizeof(cases) / sizeof(cases[0]))

static long long
number(const json_t *root, const char *key)
{
	return json_integer_value(json_object_get(root, key));
}

static const json_t *
domain_of(const json_t *root, const char *name)
{
	const json_t *domains = json_object_get(root, "domains");

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *one = json_array_get(domains, i);

		if (strcmp(json_string_value(json_object_get(one, "name")),
		           name) == 0)
			return one;
	}
	return NULL;
}

static void
assert_case(const struct queue_case *tc, size_t step)
{
	struct bmxctl_queue *queue = bmxctl_queue_new();
	const size_t len = strlen(tc->text);
	const json_t *domain;
	json_t *root;

	assert_non_null(queue);
	assert_int_equal(bmxctl_queue_add_domain(queue, "a.test"), 0);
	for (size_t at = 0; at < len; at += step)
		assert_int_equal(
			bmxctl_queue_feed(queue,
		                          (struct bmx_slice){tc->text + at,
		                                             len - at < step ?
		                                                     len - at :
		                                                     step}),
			0);
	assert_int_equal(bmxctl_queue_end(queue), 0);
	root = bmxctl_queue_json(queue);
	assert_int_equal(number(root, "messages"), tc->messages);
	assert_int_equal(number(root, "recipients"), tc->recipients);
	assert_int_equal(number(root, "unreadable"), tc->unreadable);
	if (tc->domain) {
		domain = domain_of(root, tc->domain);
		assert_non_null(domain);
		assert_int_equal(number(domain, "messages"), tc->of_messages);
		assert_int_equal(number(domain, "held"), tc->of_held);
		assert_int_equal(number(domain, "oldest_at"), tc->oldest_at);
		assert_string_equal(
			json_string_value(json_object_get(domain, "reason")),
			tc->reason);
	}
	json_decref(root);
	bmxctl_queue_free(&queue);
}

/* Whole, octet by octet, and in pieces that end within words. */
static void
test_case(void **state)
{
	assert_case(*state, 1 << 20);
	assert_case(*state, 1);
	assert_case(*state, 7);
}

static void
test_too_many_domains(void **state)
{
	struct bmxctl_queue *queue = bmxctl_queue_new();
	char line[256];
	json_t *root;

	(void)state;
	assert_int_equal(bmxctl_queue_add_domain(queue, "a.test"), 0);
	for (size_t i = 0; i < BMXCTL_QUEUE_OTHERS_MAX + 5; i++) {
		(void)snprintf(line, sizeof(line),
		               "{\"arrival_time\": 9, \"recipients\": "
		               "[{\"address\": \"u@d%zu.test\"}]}\n",
		               i);
		assert_int_equal(bmxctl_queue_feed(queue, bmx_slice_of(line)),
		                 0);
	}
	root = bmxctl_queue_json(queue);
	assert_int_equal(json_array_size(json_object_get(root, "domains")),
	                 BMXCTL_QUEUE_OTHERS_MAX + 1);
	assert_int_equal(number(json_object_get(root, "others"), "messages"),
	                 5);
	json_decref(root);
	bmxctl_queue_free(&queue);
}

static void
test_line_too_long(void **state)
{
	struct bmxctl_queue *queue = bmxctl_queue_new();
	const size_t len = BMXCTL_QUEUE_LINE_MAX + 1;
	char *line = malloc(len);
	json_t *root;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', len);
	assert_int_equal(
		bmxctl_queue_feed(queue, (struct bmx_slice){line, len}), 0);
	assert_int_equal(bmxctl_queue_feed(queue,
	                                   BMX_SLICE("y\n{\"queue_name\": "
	                                             "\"active\"}\n")),
	                 0);
	root = bmxctl_queue_json(queue);
	assert_int_equal(number(root, "unreadable"), 1);
	assert_int_equal(number(root, "messages"), 1);
	json_decref(root);
	bmxctl_queue_free(&queue);
	free(line);
}

int
main(void)
{
	struct CMUnitTest tests[2 + CASES] = {
		cmocka_unit_test(test_too_many_domains),
		cmocka_unit_test(test_line_too_long),
	};

	for (size_t i = 0; i < CASES; i++)
		tests[2 + i] = (struct CMUnitTest){.name = cases[i].name,
		                                   .test_func = test_case,
		                                   .initial_state = &cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
