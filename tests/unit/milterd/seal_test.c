/* Seals: made, verified, forged; and the files of their keys. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>
#include <unistd.h>

#include "milter/seal.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define HEX16 "0123456789abcdef"
#define HEX HEX16 HEX16 HEX16 HEX16
#define OTHER_HEX HEX16 HEX16 HEX16 "0123456789abcdee"

static const char key_text[] = "new " HEX "\nold " OTHER_HEX "\n";

static struct bmx_seal_keys
keys_of(const char *text)
{
	struct bmx_seal_keys keys;
	struct bmx_error err;

	if (bmx_seal_keys_parse(bmx_slice_of(text), "f", &keys, &err) != 0)
		fail_msg("%s", err.text);
	return keys;
}

static const struct bmx_seal sample = {
	.queue_id = {"4XyZ", 4},
	.sender = {"joe@example.test", 16},
	.client = {"192.0.2.1", 9},
	.at_s = 1700000000,
	.result = BMX_SEALED_SPF,
};

static void
make(const struct bmx_seal *seal, const char *keys, char *buffer)
{
	const struct bmx_seal_keys parsed = keys_of(keys);
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMX_SEAL_TEXT_MAX);
	assert_int_equal(bmx_seal_append(&text, seal, &parsed), 0);
}

static enum bmx_seal_word
check(const char *text, const char *id, const char *sender, const char *keys,
      struct bmx_seal *seal)
{
	const struct bmx_seal_keys parsed = keys_of(keys);

	return bmx_seal_verify(bmx_slice_of(text), bmx_slice_of(id),
	                       bmx_slice_of(sender), &parsed, seal);
}

static void
test_form(void **state)
{
	char text[BMX_SEAL_TEXT_MAX];

	(void)state;
	make(&sample, key_text, text);
	/* printf '%s' 'v=1 ... r=spf s=joe@example.test' | openssl dgst -sha256
	 * -mac HMAC -macopt hexkey:0123... */
	assert_string_equal(text,
	                    "v=1 k=new t=1700000000 i=4XyZ c=192.0.2.1 "
	                    "r=spf h=9f7d24583c739c73d9ec2d3fbfe8a803"
	                    "a72e42072b3cb96c8341e5166d957aaa");
}

static void
test_every_result(void **state)
{
	char text[BMX_SEAL_TEXT_MAX];
	struct bmx_seal seal = sample, got;

	(void)state;
	for (int i = 0; i < BMX_SEALED_RESULTS; i++) {
		seal.result = (enum bmx_seal_result)i;
		make(&seal, key_text, text);
		assert_int_equal(
			check(text, "4XyZ", "joe@example.test", key_text, &got),
			BMX_SEAL_GOOD);
		assert_int_equal(got.result, i);
		assert_int_equal(got.at_s, seal.at_s);
		assert_true(bmx_slice_equal(got.client, seal.client));
	}
}

static void
test_no_client(void **state)
{
	char text[BMX_SEAL_TEXT_MAX];
	struct bmx_seal seal = sample, got;

	(void)state;
	seal.client = (struct bmx_slice){0};
	make(&seal, key_text, text);
	assert_non_null(strstr(text, " c=- "));
	assert_int_equal(
		check(text, "4XyZ", "joe@example.test", key_text, &got),
		BMX_SEAL_GOOD);
	assert_int_equal(got.client.len, 0);
}

struct unsealable_case {
	const char *name;
	const char *queue_id, *client;
	int64_t at_s;
	bool no_key;
};

/* clang-format off */
static struct unsealable_case unsealable[] = {
	{"no queue id", "", "192.0.2.1", 1, false},
	{"queue id with a blank", "a b", "192.0.2.1", 1, false},
	{"queue id with a line feed", "a\nb", "192.0.2.1", 1, false},
	{"queue id of 65", "00000000000000000000000000000000000000000000000000000000000000000", "-", 1, false},
	{"client with a blank", "a", "1 r=trusted", 1, false},
	{"time before 1970", "a", "192.0.2.1", -1, false},
	{"no key", "a", "192.0.2.1", 1, true},
};
/* clang-format on */

static void
test_unsealable(void **state)
{
	const struct unsealable_case *tc = *state;
	const struct bmx_seal_keys keys =
		tc->no_key ? (struct bmx_seal_keys){0} : keys_of(key_text);
	const struct bmx_seal seal = {.queue_id = bmx_slice_of(tc->queue_id),
	                              .sender = sample.sender,
	                              .client = bmx_slice_of(tc->client),
	                              .at_s = tc->at_s};
	char buffer[BMX_SEAL_TEXT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(bmx_seal_append(&text, &seal, &keys), -1);
}

static void
test_no_room(void **state)
{
	const struct bmx_seal_keys keys = keys_of(key_text);
	char whole[BMX_SEAL_TEXT_MAX], buffer[BMX_SEAL_TEXT_MAX];
	struct bmx_text text;

	(void)state;
	make(&sample, key_text, whole);
	for (size_t size = 1; size <= strlen(whole); size++) {
		bmx_text_init(&text, buffer, size);
		assert_int_equal(bmx_seal_append(&text, &sample, &keys), -1);
	}
	bmx_text_init(&text, buffer, strlen(whole) + 1);
	assert_int_equal(bmx_seal_append(&text, &sample, &keys), 0);
}

struct verify_case {
	const char *name;
	const char *from, *to; /* what is changed in the seal */
	const char *queue_id, *sender, *keys;
	enum bmx_seal_word want;
};

#define ID "4XyZ"
#define JOE "joe@example.test"
#define IS(word) BMX_SEAL_##word

/* clang-format off */
static struct verify_case verifies[] = {
	{"untouched", "", "", ID, JOE, key_text, IS(GOOD)},
	{"the only key", "", "", ID, JOE, "new " HEX "\n", IS(GOOD)},
	{"an old key", "", "", ID, JOE, "newer " OTHER_HEX "\nnew " HEX "\n", IS(GOOD)},
	{"blanks around", "v=1", " \t\r\n v=1", ID, JOE, key_text, IS(GOOD)},
	{"another queue id asked for", "", "", "4XyY", JOE, key_text, IS(OTHER)},
	{"queue id asked for in lower case", "", "", "4xyz", JOE, key_text, IS(OTHER)},
	{"another sender", "", "", ID, "eve@example.test", key_text, IS(FORGED)},
	{"no sender", "", "", ID, "", key_text, IS(FORGED)},
	{"sender one longer", "", "", ID, JOE "t", key_text, IS(FORGED)},
	{"key gone", "", "", ID, JOE, "old " OTHER_HEX "\n", IS(UNKNOWN_KEY)},
	{"key of that name changed", "", "", ID, JOE, "new " OTHER_HEX "\n", IS(FORGED)},
	{"key's name changed", "k=new", "k=old", ID, JOE, key_text, IS(FORGED)},
	{"queue id changed", "i=4XyZ", "i=4XyY", "4XyY", JOE, key_text, IS(FORGED)},
	{"result changed", "r=spf", "r=trusted", ID, JOE, key_text, IS(FORGED)},
	{"time changed", "t=17", "t=18", ID, JOE, key_text, IS(FORGED)},
	{"client changed", "c=192.0.2.1", "c=192.0.2.2", ID, JOE, key_text, IS(FORGED)},
	{"a word too many", "r=spf", "r=spf x=1", ID, JOE, key_text, IS(MALFORMED)},
	{"a blank too many", "v=1 ", "v=1  ", ID, JOE, key_text, IS(MALFORMED)},
	{"later version", "v=1", "v=2", ID, JOE, key_text, IS(MALFORMED)},
	{"result unknown", "r=spf", "r=dkim", ID, JOE, key_text, IS(MALFORMED)},
	{"result empty", "r=spf", "r=", ID, JOE, key_text, IS(MALFORMED)},
	{"time no number", "t=1", "t=x", ID, JOE, key_text, IS(MALFORMED)},
	{"time too long", "t=1", "t=1000000", ID, JOE, key_text, IS(MALFORMED)},
	{"time negative", "t=1", "t=-1", ID, JOE, key_text, IS(MALFORMED)},
	{"no HMAC", " h=", " g=", ID, JOE, key_text, IS(MALFORMED)},
	{"order changed", "v=1 k=new", "k=new v=1", ID, JOE, key_text, IS(MALFORMED)},
	{"queue id empty", "i=4XyZ", "i=", "", JOE, key_text, IS(MALFORMED)},
};
/* clang-format on */

static void
replace(char *text, const char *from, const char *to)
{
	char copy[2 * BMX_SEAL_TEXT_MAX];
	char *at = strstr(text, from);

	assert_non_null(at);
	(void)snprintf(copy, sizeof(copy), "%.*s%s%s", (int)(at - text), text,
	               to, at + strlen(from));
	(void)snprintf(text, 2 * BMX_SEAL_TEXT_MAX, "%s", copy);
}

static void
test_verify(void **state)
{
	const struct verify_case *tc = *state;
	char text[2 * BMX_SEAL_TEXT_MAX];
	struct bmx_seal seal;

	make(&sample, key_text, text);
	replace(text, tc->from, tc->to);
	assert_int_equal(check(text, tc->queue_id, tc->sender, tc->keys, &seal),
	                 tc->want);
}

/* No change of a single octet, and no cut, leaves it good. */
static void
test_every_octet(void **state)
{
	char text[BMX_SEAL_TEXT_MAX], changed[BMX_SEAL_TEXT_MAX];
	struct bmx_seal seal;

	(void)state;
	make(&sample, key_text, text);
	for (size_t i = 0; text[i]; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(changed, text, sizeof(changed));
			changed[i] = (char)(changed[i] ^ (1 << bit));
			assert_int_not_equal(
				check(changed, ID, JOE, key_text, &seal),
				BMX_SEAL_GOOD);
		}
		memcpy(changed, text, sizeof(changed));
		changed[i] = '\0';
		assert_int_not_equal(check(changed, ID, JOE, key_text, &seal),
		                     BMX_SEAL_GOOD);
	}
}

/* The sender is the last of what is signed, so none can stand in for more. */
static void
test_sender_is_no_tag(void **state)
{
	char text[2 * BMX_SEAL_TEXT_MAX];
	struct bmx_seal seal = sample, got;

	(void)state;
	seal.result = BMX_SEALED_NONE;
	seal.sender = bmx_slice_of("a r=trusted s=" JOE);
	make(&seal, key_text, text);
	replace(text, "r=none", "r=trusted");
	assert_int_not_equal(check(text, ID, JOE, key_text, &got),
	                     BMX_SEAL_GOOD);
}

struct keys_case {
	const char *name;
	const char *text;
	size_t want;       /* keys */
	const char *error; /* NULL: none */
};

/* clang-format off */
static struct keys_case key_files[] = {
	{"one key", "a " HEX "\n", 1, NULL},
	{"no line feed at the end", "a " HEX, 1, NULL},
	{"two keys", "a " HEX "\nb " HEX "\n", 2, NULL},
	{"comments and empty lines", "# keys\n\na " HEX "\n\n# end\n", 1, NULL},
	{"four keys", "a " HEX "\nb " HEX "\nc " HEX "\nd " HEX "\n", 4, NULL},
	{"five keys", "a " HEX "\nb " HEX "\nc " HEX "\nd " HEX "\ne " HEX "\n", 0, "f:5: there are more than 4 keys"},
	{"id of 16", "0123456789abcdef " HEX "\n", 1, NULL},
	{"id of 17", "0123456789abcdefg " HEX "\n", 0, "f:1: the key's id must have 1 to 16 characters"},
	{"id with a dash", "a-b " HEX "\n", 0, "f:1: the key's id may have letters and digits only"},
	{"blank at the front", " " HEX "\n", 0, "f:1: the key's id must have 1 to 16 characters"},
	{"id twice", "a " HEX "\n#\na " HEX "\n", 0, "f:3: there is a key of that id already"},
	{"key too short", "a " HEX16 "\n", 0, "f:1: expected \"ID KEY\", the key with 64 hex digits"},
	{"key too long", "a " HEX "0\n", 0, "f:1: expected \"ID KEY\", the key with 64 hex digits"},
	{"no hex digit", "a " HEX16 HEX16 HEX16 "0123456789abcdeg\n", 0, "f:1: a key has hex digits only"},
	{"hex digits in upper case", "a " HEX16 HEX16 HEX16 "0123456789ABCDEF\n", 1, NULL},
	{"no key behind the id", "a\n", 0, "f:1: expected \"ID KEY\", the key with 64 hex digits"},
	{"empty", "", 0, "f:1: there is no key"},
	{"comments only", "# none\n", 0, "f:1: there is no key"},
};
/* clang-format on */

static void
test_key_file(void **state)
{
	const struct keys_case *tc = *state;
	struct bmx_seal_keys keys;
	struct bmx_error err = {0};
	const int rc =
		bmx_seal_keys_parse(bmx_slice_of(tc->text), "f", &keys, &err);

	assert_int_equal(rc, tc->error ? -1 : 0);
	if (tc->error)
		assert_string_equal(err.text, tc->error);
	else
		assert_int_equal(keys.count, tc->want);
}

static void
test_made_file(void **state)
{
	char dir[] = "/tmp/bmx-seal-test-XXXXXX", path[64];
	struct bmx_seal_keys keys, again;
	struct bmx_error err;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/seal.key", dir);
	assert_int_equal(bmx_seal_keys_read(path, &keys, &err), -1);
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
	assert_int_equal(bmx_seal_keys_make(path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(bmx_seal_keys_read(path, &keys, &err), 0);
	assert_int_equal(keys.count, 1);
	/* A file that is there stays as it is. */
	assert_int_equal(bmx_seal_keys_make(path, &err), 0);
	assert_int_equal(bmx_seal_keys_read(path, &again, &err), 0);
	assert_memory_equal(&keys, &again, sizeof(keys));
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(bmx_seal_keys_read(path, &keys, &err), -1);
	assert_int_equal(err.code, BMX_E_PERMISSION);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	struct CMUnitTest tests[128] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_every_result),
		cmocka_unit_test(test_no_client),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_every_octet),
		cmocka_unit_test(test_sender_is_no_tag),
		cmocka_unit_test(test_made_file),
	};
	size_t count = 7;

	for (size_t i = 0; i < LENGTH(unsealable); i++)
		tests[count++] =
			(struct CMUnitTest){.name = unsealable[i].name,
		                            .test_func = test_unsealable,
		                            .initial_state = &unsealable[i]};
	for (size_t i = 0; i < LENGTH(verifies); i++)
		tests[count++] =
			(struct CMUnitTest){.name = verifies[i].name,
		                            .test_func = test_verify,
		                            .initial_state = &verifies[i]};
	for (size_t i = 0; i < LENGTH(key_files); i++)
		tests[count++] =
			(struct CMUnitTest){.name = key_files[i].name,
		                            .test_func = test_key_file,
		                            .initial_state = &key_files[i]};
	return _cmocka_run_group_tests("seal", tests, count, NULL, NULL);
}
