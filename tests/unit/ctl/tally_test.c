#include <tests/support/cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ctl/report/tally.h"

static void
take(struct bmxctl_tally *tally, const char *text)
{
	struct bmxctl_log_line line;

	assert_true(bmxctl_log_line_parse(bmx_slice_of(text), &line));
	bmxctl_tally_take(tally, &line);
}

static uint64_t
count_of(const struct bmxctl_tally *tally, enum bmxctl_tally_table table,
         const char *key)
{
	for (size_t i = 0; i < bmxctl_top_count(tally->tables[table]); i++) {
		uint64_t count;

		if (strcmp(bmxctl_top_key(tally->tables[table], i, &count),
		           key) == 0)
			return count;
	}
	return 0;
}

#define P(time) "Nov 20 " time " h backupmx-policyd[1]: "
#define M(time) "Nov 20 " time " h backupmx-milter[1]: "
#define REFUSED                                                                \
	P("10:00:00")                                                          \
	"id=1 ev=decision client=192.0.2.1 sender=<> rcpt=<X@A.test> "         \
	"act=reject why=unknown ms=0.2"

static void
test_decisions(void **state)
{
	struct bmxctl_tally *tally = bmxctl_tally_new();

	(void)state;
	take(tally, REFUSED);
	take(tally, REFUSED);
	take(tally,
	     P("10:00:00") "ev=decision client=192.0.2.1 sender=<s@w> "
	                   "rcpt=<u@a.test> act=accept why=listed "
	                   "ms=1200.5");
	bmxctl_tally_end(tally);
	assert_int_equal(
		count_of(tally, BMXCTL_TALLY_DECISIONS, "reject unknown"), 2);
	assert_int_equal(
		count_of(tally, BMXCTL_TALLY_DECISIONS, "accept listed"), 1);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_DOMAINS, "a.test reject"),
	                 2);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_REFUSED_RCPT, "X@A.test"),
	                 2);
	assert_int_equal(
		count_of(tally, BMXCTL_TALLY_REFUSED_CLIENT, "192.0.2.1"), 2);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_REFUSED_SENDER, "<>"), 2);
	assert_int_equal(tally->times[BMXCTL_LOG_POLICYD].slow, 1);
	assert_int_equal(tally->times[BMXCTL_LOG_POLICYD].longest, 12005);
	assert_int_equal(
		bmxctl_tally_rank(&tally->times[BMXCTL_LOG_POLICYD], 0.5), 5);
	bmxctl_tally_free(&tally);
}

static void
test_milter(void **state)
{
	struct bmxctl_tally *tally = bmxctl_tally_new();

	(void)state;
	take(tally,
	     M("10:00:00") "ev=decision client=c sender=<s@w> rcpt=<u@a> "
	                   "act=reject why=policy checks=helo:fail:own,"
	                   "spf:pass ms=1.0");
	take(tally,
	     M("10:00:00") "ev=decision client=c sender=<s@w> rcpt=<u@a> "
	                   "act=reject why=spf checks=spf:fail ms=1.0");
	take(tally,
	     M("10:00:00") "ev=message act=accept count=1 "
	                   "checks=spf:pass,scanner:rspamd:tag:add");
	take(tally, M("10:00:00") "ev=bounce act=quarantine why=unproven");
	take(tally, M("10:00:00") "ev=scanner-failed peer=x err=\"too slow\"");
	bmxctl_tally_end(tally);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_CHECKS, "helo:fail"), 1);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_CHECKS, "spf:pass"), 1);
	assert_int_equal(
		count_of(tally, BMXCTL_TALLY_SCANNERS, "scanner:rspamd:tag"),
		1);
	/* That of policyd is counted with policyd's own line. */
	assert_int_equal(count_of(tally, BMXCTL_TALLY_REFUSED_RCPT, "u@a"), 1);
	assert_int_equal(
		count_of(tally, BMXCTL_TALLY_BOUNCES, "quarantine unproven"),
		1);
	assert_int_equal(count_of(tally, BMXCTL_TALLY_EVENT_ERRORS,
	                          "milter scanner-failed: too slow"),
	                 1);
	bmxctl_tally_free(&tally);
}

static void
test_outages(void **state)
{
	struct bmxctl_tally *tally = bmxctl_tally_new();

	(void)state;
	take(tally, P("09:00:00") "ev=primary domain=a.test result=up");
	take(tally, P("10:00:00") "ev=primary domain=a.test result=down");
	take(tally, P("10:00:30") "ev=primary domain=a.test result=suspect");
	take(tally, P("10:01:00") "ev=redis-down err=x");
	take(tally, P("10:01:30") "ev=redis-down err=y");
	take(tally, P("11:30:00") "ev=primary domain=a.test result=up");
	bmxctl_tally_end(tally);
	assert_int_equal(tally->outage_count, 2);
	assert_string_equal(tally->outages[0].what, "a.test");
	assert_string_equal(tally->outages[0].from, "11-20 10:00:00");
	assert_int_equal(tally->outages[0].seconds, 5400);
	assert_string_equal(tally->outages[1].what, "redis");
	assert_string_equal(tally->outages[1].to, "");
	bmxctl_tally_free(&tally);
}

static void
test_too_many_outages(void **state)
{
	struct bmxctl_tally *tally = bmxctl_tally_new();

	(void)state;
	for (size_t i = 0; i < BMXCTL_TALLY_OUTAGES + 3; i++) {
		take(tally, P("10:00:00") "ev=primary domain=a result=down");
		take(tally, P("10:00:01") "ev=primary domain=a result=up");
	}
	assert_int_equal(tally->outage_count, BMXCTL_TALLY_OUTAGES);
	assert_int_equal(tally->outages_dropped, 3);
	bmxctl_tally_free(&tally);
}

/* The key that comes most often is found among any number of others. */
static void
test_top_is_bounded(void **state)
{
	struct bmxctl_top *top = bmxctl_top_new(10);
	uint64_t count;
	char key[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		bmxctl_top_add(top, bmx_slice_of(key));
		bmxctl_top_add(top, BMX_SLICE("often"));
	}
	bmxctl_top_sort(top);
	assert_int_equal(bmxctl_top_total(top), 2000);
	assert_true(bmxctl_top_count(top) <= 10);
	assert_string_equal(bmxctl_top_key(top, 0, &count), "often");
	assert_true(count + bmxctl_top_missing(top) >= 1000);
	assert_true(count <= 1000);
	bmxctl_top_free(&top);
}

static void
test_top_cleans(void **state)
{
	struct bmxctl_top *top = bmxctl_top_new(1);
	uint64_t count;

	(void)state;
	bmxctl_top_add(top, BMX_SLICE("a\033[31m\xff"));
	bmxctl_top_add(top, BMX_SLICE("a?[31m?"));
	bmxctl_top_sort(top);
	assert_string_equal(bmxctl_top_key(top, 0, &count), "a?[31m?");
	assert_int_equal(count, 2);
	bmxctl_top_free(&top);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_milter),
		cmocka_unit_test(test_outages),
		cmocka_unit_test(test_too_many_outages),
		cmocka_unit_test(test_top_is_bounded),
		cmocka_unit_test(test_top_cleans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
