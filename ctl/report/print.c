#include "ctl/report/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"

/* Columns of the names on the left. */
#define LEFT 24
/* Reasons and the like that follow on one line. */
#define DETAILS_MAX ((size_t)8)

/* "reject unknown" is of "reject": what follows, or NULL. */
static const char *
detail_of(const char *key, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(key, word, len) != 0 || key[len] != ' ')
		return NULL;
	return key + len + 1;
}

static uint64_t
sum_of(const struct bmxctl_top *table, const char *word)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < bmxctl_top_count(table); i++) {
		uint64_t count;

		if (detail_of(bmxctl_top_key(table, i, &count), word))
			sum += count;
	}
	return sum;
}

static void
print_details(const struct bmxctl_top *table, const char *word)
{
	size_t shown = 0;

	for (size_t i = 0; i < bmxctl_top_count(table) && shown < DETAILS_MAX;
	     i++) {
		uint64_t count;
		const char *detail =
			detail_of(bmxctl_top_key(table, i, &count), word);

		if (!detail)
			continue;
		(void)printf("%s%s %" PRIu64, shown++ > 0 ? ", " : "", detail,
		             count);
	}
	(void)putchar('\n');
}

static void
print_title(const char *title)
{
	(void)printf("\n%s\n", title);
	for (size_t i = 0; i < strlen(title); i++)
		(void)putchar('-');
	(void)putchar('\n');
}

/* A line an act, with its reasons. */
static void
print_acts(const struct bmxctl_top *table)
{
	static const char *const acts[][2] = {
		{"accept", "accepted"},    {"pass", "let go"},
		{"reject", "refused"},     {"defer", "deferred"},
		{"warn", "only observed"}, {"observe", "only observed"},
		{"quarantine", "held"},    {"discard", "discarded"}};

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		const uint64_t sum = sum_of(table, acts[i][0]);

		if (sum == 0)
			continue;
		(void)printf("  %-14s %10" PRIu64 "   ", acts[i][1], sum);
		print_details(table, acts[i][0]);
	}
}

static void
print_recipients(const struct bmxctl_tally *tally)
{
	const struct bmxctl_top *table = tally->tables[BMXCTL_TALLY_DECISIONS];

	if (bmxctl_top_total(table) == 0)
		return;
	print_title("Recipients (policyd)");
	print_acts(table);
}

/* The domain of a key "DOMAIN act". */
static void
copy_domain(const char *key, char domain[BMXCTL_TOP_KEY])
{
	const char *end = strrchr(key, ' ');
	struct bmx_text text;

	bmx_text_init(&text, domain, BMXCTL_TOP_KEY);
	bmx_text_append(&text,
	                (struct bmx_slice){
				key, end ? (size_t)(end - key) : strlen(key)});
}

static bool
is_first(const struct bmxctl_top *table, size_t place, const char *domain)
{
	uint64_t count;

	for (size_t i = 0; i < place; i++)
		if (detail_of(bmxctl_top_key(table, i, &count), domain))
			return false;
	return true;
}

static uint64_t
count_of(const struct bmxctl_top *table, const char *domain, const char *act)
{
	for (size_t i = 0; i < bmxctl_top_count(table); i++) {
		uint64_t count;
		const char *detail =
			detail_of(bmxctl_top_key(table, i, &count), domain);

		if (detail && strcmp(detail, act) == 0)
			return count;
	}
	return 0;
}

/* A line a domain, in the order of how often they were asked for. */
static void
print_domains(const struct bmxctl_top *table)
{
	static const char *const acts[] = {"accept", "reject", "defer", "warn"};

	if (bmxctl_top_total(table) == 0)
		return;
	(void)printf("\n  %-*s %10s %10s %10s %10s\n", LEFT, "domain",
	             "accepted", "refused", "deferred", "observed");
	for (size_t i = 0; i < bmxctl_top_count(table); i++) {
		char domain[BMXCTL_TOP_KEY];
		uint64_t count;

		copy_domain(bmxctl_top_key(table, i, &count), domain);
		if (!is_first(table, i, domain))
			continue; /* has had its line */
		(void)printf("  %-*s", LEFT, domain);
		for (size_t j = 0; j < sizeof(acts) / sizeof(acts[0]); j++)
			(void)printf(" %10" PRIu64,
			             count_of(table, domain, acts[j]));
		(void)putchar('\n');
	}
}

static void
print_top(const struct bmxctl_top *table, const char *title, size_t top)
{
	if (bmxctl_top_total(table) == 0 || top == 0)
		return;
	print_title(title);
	for (size_t i = 0; i < bmxctl_top_count(table) && i < top; i++) {
		uint64_t count;
		const char *key = bmxctl_top_key(table, i, &count);

		(void)printf("  %10" PRIu64 "  %s\n", count, key);
	}
	if (bmxctl_top_missing(table) > 0)
		(void)printf("  (too many to count each: up to %" PRIu64
		             " more of each)\n",
		             bmxctl_top_missing(table));
}

static void
print_milter(const struct bmxctl_tally *tally)
{
	const struct bmxctl_top *checks = tally->tables[BMXCTL_TALLY_CHECKS];
	const struct bmxctl_top *scanners =
		tally->tables[BMXCTL_TALLY_SCANNERS];
	uint64_t count;

	if (bmxctl_top_total(tally->tables[BMXCTL_TALLY_MILTER]) > 0) {
		print_title("Recipients (milter)");
		print_acts(tally->tables[BMXCTL_TALLY_MILTER]);
	}
	if (bmxctl_top_count(checks) + bmxctl_top_count(scanners) == 0)
		return;
	print_title("Checks");
	for (size_t i = 0; i < bmxctl_top_count(checks); i++) {
		const char *key = bmxctl_top_key(checks, i, &count);

		(void)printf("  %10" PRIu64 "  %s\n", count, key);
	}
	for (size_t i = 0; i < bmxctl_top_count(scanners); i++) {
		const char *key = bmxctl_top_key(scanners, i, &count);

		(void)printf("  %10" PRIu64 "  %s (messages)\n", count, key);
	}
}

static void
print_times_of(const struct bmxctl_tally_times *times, const char *program)
{
	const uint64_t half = bmxctl_tally_rank(times, 0.5);
	const uint64_t most = bmxctl_tally_rank(times, 0.99);

	if (times->count == 0)
		return;
	(void)printf("  %-10s half within %" PRIu64 ".%" PRIu64
	             " ms, 99 %% within %" PRIu64 ".%" PRIu64
	             " ms, longest %" PRIu64 ".%" PRIu64 " ms",
	             program, half / 10, half % 10, most / 10, most % 10,
	             times->longest / 10, times->longest % 10);
	if (times->slow > 0)
		(void)printf(", %" PRIu64 " over a second", times->slow);
	(void)putchar('\n');
}

static void
print_times(const struct bmxctl_tally *tally)
{
	if (tally->times[BMXCTL_LOG_POLICYD].count +
	            tally->times[BMXCTL_LOG_MILTER].count ==
	    0)
		return;
	print_title("Answers");
	for (int i = 0; i < BMXCTL_LOG_PROGRAMS; i++)
		print_times_of(
			&tally->times[i],
			bmxctl_log_program_name((enum bmxctl_log_program)i));
}

static void
print_outages(const struct bmxctl_tally *tally)
{
	if (tally->outage_count == 0)
		return;
	print_title("Away");
	for (size_t i = 0; i < tally->outage_count; i++) {
		const struct bmxctl_outage *outage = &tally->outages[i];

		(void)printf("  %-*s %s to %s", LEFT, outage->what,
		             outage->from,
		             outage->to[0] ? outage->to : "the end");
		if (outage->seconds >= 0) {
			(void)printf("  (");
			bmxctl_print_age(outage->seconds);
			(void)printf(")");
		}
		(void)putchar('\n');
	}
	if (tally->outages_dropped > 0)
		(void)printf("  and %" PRIu64 " more\n",
		             tally->outages_dropped);
}

void
bmxctl_report_print(const struct bmxctl_tally *tally, const char *when,
                    size_t top)
{
	struct bmxctl_top *const *tables = tally->tables;

	(void)printf("backupmx, %s: %" PRIu64 " lines of the log\n", when,
	             tally->lines);
	print_recipients(tally);
	print_domains(tables[BMXCTL_TALLY_DOMAINS]);
	print_milter(tally);
	print_top(tables[BMXCTL_TALLY_REFUSED_RCPT], "Refused recipients", top);
	print_top(tables[BMXCTL_TALLY_REFUSED_CLIENT], "Refused clients", top);
	print_top(tables[BMXCTL_TALLY_REFUSED_SENDER], "Refused senders", top);
	print_top(tables[BMXCTL_TALLY_MESSAGES], "Messages (milter)", 10);
	if (bmxctl_top_total(tables[BMXCTL_TALLY_BOUNCES]) > 0) {
		print_title("Bounces");
		print_acts(tables[BMXCTL_TALLY_BOUNCES]);
	}
	print_times(tally);
	print_top(tables[BMXCTL_TALLY_SYNCS], "Syncs of lists", 100);
	print_top(tables[BMXCTL_TALLY_SYNC_ERRORS], "Failed syncs", top);
	print_outages(tally);
	print_top(tables[BMXCTL_TALLY_RECOVERIES], "Runs of on_recovery", 100);
	print_top(tables[BMXCTL_TALLY_EVENTS], "Other events", 100);
	print_top(tables[BMXCTL_TALLY_EVENT_ERRORS], "What went wrong", top);
}
