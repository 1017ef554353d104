#include "ctl/judge.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include <jansson.h>

#include "ctl/gather.h"

static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
static_assert(sizeof(names) / sizeof(names[0]) == BMXCTL_STATES,
              "one name each");

static const struct bmxctl_check checks[] = {
	{"service",
         bmxctl_judge_service,
         BMXCTL_PART_POLICYD | BMXCTL_PART_MILTER,
         BMXCTL_UNIT_NONE,
         false,
         {0, 0}},
	{"lists",
         bmxctl_judge_lists,
         BMXCTL_PART_POLICYD,
         BMXCTL_UNIT_PERCENT,
         false,
         {50, 100}},
	{"primary",
         bmxctl_judge_primary,
         BMXCTL_PART_POLICYD,
         BMXCTL_UNIT_DURATION,
         false,
         {600, 4 * 3600}},
	{"queue",
         bmxctl_judge_queue,
         BMXCTL_PART_POLICYD | BMXCTL_PART_QUEUE,
         BMXCTL_UNIT_DURATION,
         false,
         {1800, 2 * 3600}},
	{"redis",
         bmxctl_judge_redis,
         BMXCTL_PART_POLICYD,
         BMXCTL_UNIT_DURATION,
         false,
         {60, 3600}},
	{"bounces",
         bmxctl_judge_bounces,
         BMXCTL_PART_BOUNCES,
         BMXCTL_UNIT_COUNT,
         false,
         {20, 200}},
	{"disk",
         bmxctl_judge_disk,
         BMXCTL_PART_DISK,
         BMXCTL_UNIT_PERCENT,
         true,
         {10, 5}},
};

const struct bmxctl_check *
bmxctl_checks(size_t *count_out)
{
	*count_out = sizeof(checks) / sizeof(checks[0]);
	return checks;
}

const char *
bmxctl_state_name(enum bmxctl_state state)
{
	return names[state];
}

enum bmxctl_state
bmxctl_state_worse(enum bmxctl_state a, enum bmxctl_state b)
{
	static const int weight[] = {0, 2, 3, 1};

	return weight[b] > weight[a] ? b : a;
}

int
bmxctl_verdict_init(struct bmxctl_verdict *verdict)
{
	verdict->state = BMXCTL_STATE_OK;
	verdict->away_said = false;
	verdict->problems = json_array();
	bmx_text_init(&verdict->good, verdict->good_buffer,
	              sizeof(verdict->good_buffer));
	bmx_text_init(&verdict->figures, verdict->figures_buffer,
	              sizeof(verdict->figures_buffer));
	return verdict->problems ? 0 : -1;
}

void
bmxctl_verdict_clear(struct bmxctl_verdict *verdict)
{
	json_decref(verdict->problems);
	verdict->problems = NULL;
}

void
bmxctl_verdict_add(struct bmxctl_verdict *verdict, enum bmxctl_state state,
                   const char *check, const char *format, ...)
{
	char said[BMXCTL_PROBLEM_TEXT];
	char clean[BMXCTL_PROBLEM_TEXT + 8];
	struct bmx_text text;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	bmx_text_init(&text, clean, sizeof(clean));
	bmx_text_append_clean(&text, bmx_slice_of(said), sizeof(said));
	for (size_t i = 0; i < text.len; i++)
		if (clean[i] == '|')
			clean[i] = '/';
	verdict->state = bmxctl_state_worse(verdict->state, state);
	(void)json_array_append_new(
		verdict->problems,
		json_pack("{s:s, s:s, s:o}", "state", bmxctl_state_name(state),
	                  "check", check, "text",
	                  json_stringn(text.data, text.len)));
}
