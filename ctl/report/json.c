/* print.h: as JSON. */
#include <assert.h>

#include <jansson.h>

#include "ctl/report/print.h"

static const char *const names[] = {
	"decisions",       "domains",         "refused_recipients",
	"refused_clients", "refused_senders", "milter",
	"checks",          "messages",        "scanners",
	"bounces",         "syncs",           "sync_errors",
	"recoveries",      "events",          "event_errors"};
static_assert(sizeof(names) / sizeof(names[0]) == BMXCTL_TALLY_TABLES,
              "one name each");

static bool
is_of_addresses(enum bmxctl_tally_table table)
{
	return table == BMXCTL_TALLY_REFUSED_RCPT ||
		table == BMXCTL_TALLY_REFUSED_CLIENT ||
		table == BMXCTL_TALLY_REFUSED_SENDER;
}

static json_t *
table_json(const struct bmxctl_top *table, size_t most)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < bmxctl_top_count(table) && i < most; i++) {
		uint64_t count;
		const char *key = bmxctl_top_key(table, i, &count);

		(void)json_array_append_new(rows,
		                            json_pack("{s:s, s:I}", "key", key,
		                                      "count",
		                                      (json_int_t)count));
	}
	return json_pack("{s:I, s:I, s:o}", "total",
	                 (json_int_t)bmxctl_top_total(table), "missing",
	                 (json_int_t)bmxctl_top_missing(table), "rows", rows);
}

static json_t *
times_json(const struct bmxctl_tally_times *times)
{
	return json_pack("{s:I, s:f, s:f, s:f, s:I}", "count",
	                 (json_int_t)times->count, "half_ms",
	                 (double)bmxctl_tally_rank(times, 0.5) / 10, "most_ms",
	                 (double)bmxctl_tally_rank(times, 0.99) / 10,
	                 "longest_ms", (double)times->longest / 10, "slow",
	                 (json_int_t)times->slow);
}

static json_t *
outages_json(const struct bmxctl_tally *tally)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < tally->outage_count; i++) {
		const struct bmxctl_outage *outage = &tally->outages[i];

		(void)json_array_append_new(
			rows,
			json_pack("{s:s, s:s, s:s, s:I}", "what", outage->what,
		                  "from", outage->from, "to", outage->to,
		                  "seconds", (json_int_t)outage->seconds));
	}
	return rows;
}

json_t *
bmxctl_report_json(const struct bmxctl_tally *tally, const char *when,
                   size_t top)
{
	json_t *root = json_pack("{s:b, s:s, s:I, s:o, s:I}", "ok", 1, "when",
	                         when, "lines", (json_int_t)tally->lines,
	                         "away", outages_json(tally), "away_dropped",
	                         (json_int_t)tally->outages_dropped);
	json_t *times = json_object();

	for (int i = 0; i < BMXCTL_TALLY_TABLES; i++)
		(void)json_object_set_new(
			root, names[i],
			table_json(tally->tables[i],
		                   is_of_addresses((enum bmxctl_tally_table)i) ?
		                           top :
		                           BMXCTL_TALLY_WORDS));
	for (int i = 0; i < BMXCTL_LOG_PROGRAMS; i++)
		(void)json_object_set_new(
			times,
			bmxctl_log_program_name((enum bmxctl_log_program)i),
			times_json(&tally->times[i]));
	(void)json_object_set_new(root, "times", times);
	return root;
}
