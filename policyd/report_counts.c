#include "policyd/report_counts.h"

#include <jansson.h>

static void
add_row(json_t *rows, enum bmx_decided decided, enum bmx_why why,
        uint64_t count)
{
	(void)json_array_append_new(rows,
	                            json_pack("{s:s, s:s, s:I}", "action",
	                                      bmx_decided_name(decided),
	                                      "reason", bmx_why_name(why),
	                                      "count", (json_int_t)count));
}

json_t *
bmx_report_today(const struct bmx_today *today)
{
	json_t *rows = json_array();
	uint64_t total = 0;

	for (int i = 0; i < BMX_DECIDEDS; i++)
		for (int j = 0; j < BMX_WHYS; j++) {
			if (today->counts[i][j] == 0)
				continue;
			add_row(rows, (enum bmx_decided)i, (enum bmx_why)j,
			        today->counts[i][j]);
			total += today->counts[i][j];
		}
	return json_pack("{s:I, s:I, s:o}", "since",
	                 (json_int_t)(today->since_ms / 1000), "total",
	                 (json_int_t)total, "decisions", rows);
}

json_t *
bmx_report_feedback(const struct bmx_learner *learner)
{
	struct bmx_learner_counts counts;
	json_t *gone = json_object();

	bmx_learner_counts(learner, &counts);
	for (int i = 0; i < BMX_GONE_WORDS; i++)
		(void)json_object_set_new(
			gone, bmx_gone_name((enum bmx_gone)i),
			json_integer((json_int_t)counts.gone[i]));
	return json_pack("{s:I, s:I, s:o}", "evicted",
	                 (json_int_t)counts.evicted, "lost_users",
	                 (json_int_t)counts.lost, "gone", gone);
}
