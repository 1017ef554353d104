/* Bounces as Postfix makes them, and such as nobody should. */
#include "tests/support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/bounce_report.h"
#include "milter/mime_type.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define TYPE                                                                   \
	"multipart/report; report-type=delivery-status;\n\tboundary=\"b/1\""
#define TEXT                                                                   \
	"--b/1\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to "       \
	"inform you\r\n\r\n"
#define STATUS_TYPE "--b/1\r\nContent-Type: message/delivery-status\r\n\r\n"
#define MESSAGE                                                                \
	"Reporting-MTA: dns; mx2.example.test\r\nX-Postfix-Queue-ID: "         \
	"4XyZ\r\nX-Postfix-Sender: rfc822; joe@pass.test\r\n\r\n"
#define RECIPIENT(address, status)                                             \
	"Final-Recipient: rfc822; " address                                    \
	"\r\nAction: failed\r\nStatus: " status "\r\n\r\n"
#define ONE RECIPIENT("alice@example.test", "5.7.1")
#define RETURNED "--b/1\r\nContent-Type: message/rfc822\r\n\r\n"
#define SEAL "X-Backupmx-Seal: v=1 good\r\n"
#define REST "Subject: hi\r\n\r\nbody\r\n"
#define END "--b/1--\r\n"
#define GOOD TEXT STATUS_TYPE MESSAGE ONE RETURNED SEAL REST END

struct report_case {
	const char *name;
	const char *type;
	const char *body;
	const char *queue_id, *sender; /* NULL: no sender */
	const char *recipient, *status;
	size_t recipients, gone;
	const char *seal;
};

/* clang-format off */
static struct report_case cases[] = {
	{"as Postfix makes it", TYPE, GOOD, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"returned header only", TYPE, TEXT STATUS_TYPE MESSAGE ONE "--b/1\r\nContent-Type: text/rfc822-headers\r\n\r\n" SEAL "Subject: hi\r\n\r\n" END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"nothing returned", TYPE, TEXT STATUS_TYPE MESSAGE ONE END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"end missing", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED SEAL, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"cut in a recipient", TYPE, TEXT STATUS_TYPE MESSAGE "Final-Recipient: rfc822; alice@example.test", "4XyZ", "joe@pass.test", "alice@example.test", "", 1, 0, ""},
	{"UTF-8 types", TYPE, "--b/1\r\nContent-Type: message/global-delivery-status; charset=utf-8\r\n\r\n" "X-Postfix-Queue-ID: 4XyZ\r\nX-Postfix-Sender: utf-8; j\xc3\xb6@pass.test\r\n\r\nFinal-Recipient: utf-8; \xc3\xa4@example.test\r\n\r\n--b/1\r\nContent-Type: message/global-headers\r\n\r\n" SEAL END, "4XyZ", "j\xc3\xb6@pass.test", "\xc3\xa4@example.test", "", 1, 0, "v=1 good"},
	{"line feeds alone", TYPE, "--b/1\nContent-Type: message/delivery-status\n\nX-Postfix-Queue-ID: 4XyZ\nX-Postfix-Sender: rfc822; joe@pass.test\n\nFinal-Recipient: rfc822; a@example.test\n\n", "4XyZ", "joe@pass.test", "a@example.test", "", 1, 0, ""},
	{"another mail_name", TYPE, STATUS_TYPE "X-Mail-Works-Queue-ID: 4XyZ\r\nX-Mail-Works-Sender: rfc822; joe@pass.test\r\n\r\n" ONE, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"null sender", TYPE, STATUS_TYPE "X-Postfix-Queue-ID: 4XyZ\r\nX-Postfix-Sender: rfc822;\r\n\r\n" ONE, "4XyZ", "", "alice@example.test", "5.7.1", 1, 0, ""},
	{"sender folded", TYPE, STATUS_TYPE "X-Postfix-Queue-ID:\r\n 4XyZ\r\nX-Postfix-Sender: rfc822;\r\n\tjoe@pass.test\r\n\r\n" ONE, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"two queue ids, two senders", TYPE, STATUS_TYPE MESSAGE "--b/1\r\n", "4XyZ", "joe@pass.test", "", "", 0, 0, ""},
	{"queue id among the recipients", TYPE, STATUS_TYPE "Reporting-MTA: dns; x\r\n\r\nX-Postfix-Queue-ID: evil\r\nX-Postfix-Sender: rfc822; evil@pass.test\r\nFinal-Recipient: rfc822; a@example.test\r\n\r\n", "", NULL, "a@example.test", "", 1, 0, ""},
	{"three recipients, two gone", TYPE, STATUS_TYPE MESSAGE RECIPIENT("a@example.test", "5.1.1") RECIPIENT("b@example.test", "5.7.1") RECIPIENT("c@example.test", "5.1.1") END, "4XyZ", "joe@pass.test", "a@example.test", "5.1.1", 3, 2, ""},
	{"delayed with 5.1.1 is not gone", TYPE, STATUS_TYPE MESSAGE "Final-Recipient: rfc822; a@example.test\r\nAction: delayed\r\nStatus: 5.1.1\r\n\r\n", "4XyZ", "joe@pass.test", "a@example.test", "5.1.1", 1, 0, ""},
	{"5.1.10 is not 5.1.1", TYPE, STATUS_TYPE MESSAGE RECIPIENT("a@example.test", "5.1.10"), "4XyZ", "joe@pass.test", "a@example.test", "5.1.10", 1, 0, ""},
	{"empty lines between", TYPE, STATUS_TYPE "\r\n\r\n" MESSAGE "\r\n\r\n" ONE "\r\n\r\n" END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"no boundary told", "multipart/report", GOOD, "", NULL, "", "", 0, 0, ""},
	{"boundary of another part", "multipart/report; boundary=c", GOOD, "", NULL, "", "", 0, 0, ""},
	{"no report", "text/plain", GOOD, "", NULL, "", "", 0, 0, ""},
	{"mixed, no report", "multipart/mixed; boundary=\"b/1\"", GOOD, "", NULL, "", "", 0, 0, ""},
	{"upper case type", "MULTIPART/REPORT; BOUNDARY=\"b/1\"", GOOD, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"boundary with blanks behind", TYPE, TEXT "--b/1 \t\r\nContent-Type: message/delivery-status\r\n\r\n" MESSAGE ONE, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"longer than the boundary", TYPE, TEXT "--b/12\r\nContent-Type: message/delivery-status\r\n\r\n" MESSAGE ONE, "", NULL, "", "", 0, 0, ""},
	{"a report in the returned message", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED REST STATUS_TYPE "X-Postfix-Queue-ID: evil\r\nX-Postfix-Sender: rfc822; evil@pass.test\r\n\r\n" RECIPIENT("evil@example.test", "5.1.1") END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"a seal in a second returned message", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED REST RETURNED SEAL REST END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"a seal in the returned body", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED "Subject: hi\r\n\r\n" SEAL END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"two seals: the upper one", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED SEAL "X-Backupmx-Seal: v=1 other\r\n" REST END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"a seal that is folded", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED "X-Backupmx-Seal:\r\n v=1\r\n good\r\n" REST END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"a seal before the report", TYPE, RETURNED SEAL REST STATUS_TYPE MESSAGE ONE END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"a message returned in a message", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED SEAL "Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Type: message/rfc822\r\n\r\nX-Backupmx-Seal: inner\r\n\r\n--in--\r\n" END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"behind the end", TYPE, TEXT END STATUS_TYPE MESSAGE ONE, "", NULL, "", "", 0, 0, ""},
	{"8-bit header", TYPE, TEXT STATUS_TYPE MESSAGE ONE RETURNED "Subject: \xff\xfe\x80\r\n" SEAL REST END, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, "v=1 good"},
	{"no colon", TYPE, STATUS_TYPE "no colon\r\n" MESSAGE "nor here\r\n" ONE, "4XyZ", "joe@pass.test", "alice@example.test", "5.7.1", 1, 0, ""},
	{"empty", TYPE, "", "", NULL, "", "", 0, 0, ""},
};
/* clang-format on */

static struct bmx_bounce_report *
begin(const char *type)
{
	struct bmx_bounce_report *report = malloc(sizeof(*report));

	assert_non_null(report);
	bmx_bounce_report_init(report);
	bmx_bounce_report_header(report, BMX_SLICE("Subject"),
	                         BMX_SLICE("Undelivered Mail"));
	bmx_bounce_report_header(report, BMX_SLICE("content-type"),
	                         bmx_slice_of(type));
	return report;
}

/* In pieces of that size. */
static void
feed(struct bmx_bounce_report *report, const char *body, size_t len,
     size_t piece)
{
	for (size_t i = 0; i < len; i += piece) {
		const size_t left = len - i;

		bmx_bounce_report_body(
			report,
			(struct bmx_slice){body + i,
		                           left < piece ? left : piece});
	}
	bmx_bounce_report_end(report);
}

static void
check_facts(const struct report_case *tc, const struct bmx_bounce_facts *facts)
{
	assert_string_equal(facts->queue_id, tc->queue_id);
	assert_int_equal(facts->has_sender, tc->sender != NULL);
	assert_string_equal(facts->sender, tc->sender ? tc->sender : "");
	assert_int_equal(facts->recipients, tc->recipients);
	assert_string_equal(facts->first.address, tc->recipient);
	assert_string_equal(facts->first.status, tc->status);
	assert_int_equal(facts->gone_count, tc->gone);
	if (!strstr(tc->name, "folded"))
		assert_string_equal(facts->seal, tc->seal);
	else
		assert_int_equal(facts->seal[0] != '\0', tc->seal[0] != '\0');
}

static void
test_report(void **state)
{
	static const size_t pieces[] = {65536, 1, 2, 7};
	const struct report_case *tc = *state;

	for (size_t i = 0; i < LENGTH(pieces); i++) {
		struct bmx_bounce_report *report = begin(tc->type);

		feed(report, tc->body, strlen(tc->body), pieces[i]);
		check_facts(tc, &report->facts);
		free(report);
	}
}

/* Cut anywhere, what is known is never something else. */
static void
test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(GOOD); len++) {
		struct bmx_bounce_report *report = begin(TYPE);
		const struct bmx_bounce_facts *facts = &report->facts;

		feed(report, GOOD, len, 65536);
		assert_int_equal(strncmp("4XyZ", facts->queue_id,
		                         strlen(facts->queue_id)),
		                 0);
		assert_int_equal(strncmp("joe@pass.test", facts->sender,
		                         strlen(facts->sender)),
		                 0);
		assert_true(facts->recipients <= 1);
		free(report);
	}
}

static void
test_ten_megabytes(void **state)
{
	static char chunk[65536];
	struct bmx_bounce_report *report = begin(TYPE);

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	bmx_bounce_report_body(
		report, BMX_SLICE(TEXT STATUS_TYPE MESSAGE ONE RETURNED SEAL));
	for (int i = 0; i < 160; i++) /* one line */
		bmx_bounce_report_body(
			report, (struct bmx_slice){chunk, sizeof(chunk)});
	bmx_bounce_report_body(report, BMX_SLICE("\r\n\r\nbody\r\n" END));
	bmx_bounce_report_end(report);
	assert_string_equal(report->facts.queue_id, "4XyZ");
	assert_string_equal(report->facts.seal, "v=1 good");
	free(report);
}

static void
test_many_recipients(void **state)
{
	struct bmx_bounce_report *report = begin(TYPE);
	char group[256];

	(void)state;
	bmx_bounce_report_body(report, BMX_SLICE(STATUS_TYPE MESSAGE));
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(group, sizeof(group),
		               "Final-Recipient: rfc822; u%d@example.test\r\n"
		               "Action: failed\r\nStatus: 5.1.1\r\n\r\n",
		               i);
		bmx_bounce_report_body(report, bmx_slice_of(group));
	}
	bmx_bounce_report_end(report);
	assert_int_equal(report->facts.recipients, 1000);
	assert_int_equal(report->facts.gone_count, BMX_REPORT_GONE_MAX);
	assert_string_equal(report->facts.first.address, "u0@example.test");
	assert_string_equal(report->facts.gone[BMX_REPORT_GONE_MAX - 1],
	                    "u31@example.test");
	free(report);
}

/* What does not fit is nothing, and said. */
static void
test_long_values(void **state)
{
	struct bmx_bounce_report *report = begin(TYPE);
	char longer[BMX_REPORT_FIELD_MAX + 10];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	bmx_bounce_report_body(report,
	                       BMX_SLICE(STATUS_TYPE
	                                 "X-Postfix-Queue-ID: 4XyZ\r\n"
	                                 "X-Postfix-Sender: rfc822; "));
	bmx_bounce_report_body(report,
	                       (struct bmx_slice){longer, sizeof(longer)});
	bmx_bounce_report_body(report, BMX_SLICE("\r\n\r\n" ONE));
	bmx_bounce_report_end(report);
	assert_true(report->facts.cut);
	assert_false(report->facts.has_sender);
	assert_string_equal(report->facts.sender, "");
	assert_int_equal(report->facts.recipients, 1);
	free(report);
}

struct parameter_case {
	const char *name;
	const char *body;
	const char *want; /* NULL: none */
};

/* clang-format off */
static struct parameter_case parameters[] = {
	{"quoted", "multipart/report; boundary=\"a b\"", "a b"},
	{"escaped", "multipart/report; boundary=\"a\\\"b\"", "a\"b"},
	{"bare", "multipart/report; boundary=ab", "ab"},
	{"bare with an equals sign", "multipart/report; boundary=a=b", "a=b"},
	{"blanks around", "multipart/report ;\r\n\tboundary = ab ; x=y", "ab"},
	{"behind others", "multipart/report; a=\"; boundary=no\"; boundary=yes", "yes"},
	{"the first of two", "multipart/report; boundary=one; boundary=two", "one"},
	{"a name that ends so", "multipart/report; xboundary=no", NULL},
	{"no value", "multipart/report; boundary", NULL},
	{"quote open", "multipart/report; boundary=\"ab", "ab"},
	{"backslash at the end", "multipart/report; boundary=\"ab\\", "ab\\"},
	{"none", "multipart/report", NULL},
	{"empty", "", NULL},
};
/* clang-format on */

static void
test_parameter(void **state)
{
	const struct parameter_case *tc = *state;
	char buffer[64];
	struct bmx_text value;
	bool found;

	bmx_text_init(&value, buffer, sizeof(buffer));
	found = bmx_mime_type_parameter(bmx_slice_of(tc->body),
	                                BMX_SLICE("boundary"), &value);
	assert_int_equal(found, tc->want != NULL);
	if (found)
		assert_string_equal(buffer, tc->want);
}

int
main(void)
{
	struct CMUnitTest tests[LENGTH(cases) + LENGTH(parameters) + 4] = {
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_ten_megabytes),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_long_values),
	};
	size_t n = 4;

	for (size_t i = 0; i < LENGTH(cases); i++)
		tests[n++] = (struct CMUnitTest){.name = cases[i].name,
		                                 .test_func = test_report,
		                                 .initial_state = &cases[i]};
	for (size_t i = 0; i < LENGTH(parameters); i++)
		tests[n++] =
			(struct CMUnitTest){.name = parameters[i].name,
		                            .test_func = test_parameter,
		                            .initial_state = &parameters[i]};
	return _cmocka_run_group_tests("bounce_report", tests, n, NULL, NULL);
}
