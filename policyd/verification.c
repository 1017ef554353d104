#include "policyd/verification.h"

#include <assert.h>

static const char *const answer_names[] = {
	"none",          "fresh-valid",  "fresh-disabled", "fresh-full",
	"fresh-unknown", "usable-valid", "usable-unknown",
};
static_assert(sizeof(answer_names) / sizeof(answer_names[0]) ==
                      BMX_CACHE_ANSWERS,
              "one name an answer");

static const char *const accepts_all_names[] = {"unknown", "no", "yes"};
static_assert(sizeof(accepts_all_names) / sizeof(accepts_all_names[0]) ==
                      BMX_ACCEPTS_ALL_ANSWERS,
              "one name an answer");

const char *
bmx_cache_answer_name(enum bmx_cache_answer answer)
{
	return answer_names[answer];
}

const char *
bmx_accepts_all_name(enum bmx_accepts_all answer)
{
	return accepts_all_names[answer];
}

/* -1 for a record from further ahead than clocks of honest hosts differ: its
 * age is not known, and it must not stay fresh until its time comes. Stamps
 * are 0 or more, so no difference overflows. */
static int64_t
age_of(int64_t checked_at_ms, int64_t now_ms)
{
	if (checked_at_ms <= now_ms)
		return now_ms - checked_at_ms;
	return checked_at_ms - now_ms <= BMX_VERIFICATION_SKEW_MS ? 0 : -1;
}

static bool
is_contradicted(const struct bmx_verification *record,
                const struct bmx_verification_facts *facts)
{
	if (!facts->has_list || facts->list_synced_ms < record->checked_at_ms)
		return false;
	return facts->on_list != (record->result == BMX_VERIFIED_VALID);
}

static enum bmx_cache_answer
judge_valid(enum bmx_recipient_state state, int64_t age_ms, bool primary_down)
{
	const bool usable =
		primary_down && age_ms < BMX_VERIFICATION_VALID_USABLE_MS;

	switch (state) {
	case BMX_RECIPIENT_ACTIVE:
		if (age_ms < BMX_VERIFICATION_VALID_FRESH_MS)
			return BMX_CACHE_FRESH_VALID;
		break;
	case BMX_RECIPIENT_FULL:
		if (age_ms < BMX_VERIFICATION_STATE_FRESH_MS)
			return BMX_CACHE_FRESH_FULL;
		/* Room may have been made; the mailbox is there. */
		break;
	case BMX_RECIPIENT_DISABLED:
		/* It may be gone for good by now, or take mail again. */
		return age_ms < BMX_VERIFICATION_STATE_FRESH_MS ?
			BMX_CACHE_FRESH_DISABLED :
			BMX_CACHE_NONE;
	}
	return usable ? BMX_CACHE_USABLE_VALID : BMX_CACHE_NONE;
}

static enum bmx_cache_answer
judge_unknown(int64_t age_ms, bool primary_down)
{
	if (age_ms < BMX_VERIFICATION_UNKNOWN_FRESH_MS)
		return BMX_CACHE_FRESH_UNKNOWN;
	return primary_down && age_ms < BMX_VERIFICATION_UNKNOWN_USABLE_MS ?
		BMX_CACHE_USABLE_UNKNOWN :
		BMX_CACHE_NONE;
}

struct bmx_verification_verdict
bmx_verification_judge(const struct bmx_verification *record,
                       const struct bmx_verification_facts *facts)
{
	const int64_t age_ms = age_of(record->checked_at_ms, facts->now_ms);
	struct bmx_verification_verdict verdict = {.answer = BMX_CACHE_NONE};

	if (age_ms < 0)
		return verdict;
	if (is_contradicted(record, facts)) {
		verdict.drop = true;
		return verdict;
	}
	verdict.answer = record->result == BMX_VERIFIED_VALID ?
		judge_valid(record->state, age_ms, facts->primary_down) :
		judge_unknown(age_ms, facts->primary_down);
	return verdict;
}

bool
bmx_verification_refresh_due(const struct bmx_verification *record,
                             int64_t now_ms, uint64_t jitter)
{
	const int64_t tenth = BMX_VERIFICATION_REFRESH_MS / 10;
	const int64_t due_ms = BMX_VERIFICATION_REFRESH_MS - tenth +
		(int64_t)(jitter % (uint64_t)(2 * tenth + 1));
	const int64_t age_ms = age_of(record->checked_at_ms, now_ms);

	return record->result == BMX_VERIFIED_VALID &&
		record->state == BMX_RECIPIENT_ACTIVE && age_ms >= due_ms &&
		age_ms < BMX_VERIFICATION_VALID_FRESH_MS;
}

/* Fills *record_out; false for a result that is never stored. */
static bool
take_result(enum bmx_probe_outcome outcome, struct bmx_verification *record_out)
{
	record_out->result = BMX_VERIFIED_VALID;
	record_out->state = BMX_RECIPIENT_ACTIVE;
	switch (outcome) {
	case BMX_PROBE_VALID:
		return true;
	case BMX_PROBE_VALID_DISABLED:
		record_out->state = BMX_RECIPIENT_DISABLED;
		return true;
	case BMX_PROBE_VALID_FULL:
		record_out->state = BMX_RECIPIENT_FULL;
		return true;
	case BMX_PROBE_UNKNOWN:
		record_out->result = BMX_VERIFIED_UNKNOWN;
		return true;
	case BMX_PROBE_ACCEPTS_ALL: /* says nothing of the address */
	case BMX_PROBE_UNSURE:
	case BMX_PROBE_OUTCOMES:
		break;
	}
	return false;
}

struct bmx_verification_merge
bmx_verification_merge(const struct bmx_verification *old,
                       enum bmx_probe_outcome outcome, enum bmx_verified_by by,
                       int64_t checked_at_ms)
{
	struct bmx_verification_merge merge = {
		.change = BMX_VERIFICATION_KEEP,
		.record = {.by = by, .checked_at_ms = checked_at_ms},
	};

	if (!take_result(outcome, &merge.record))
		return merge;
	if (old && old->checked_at_ms > checked_at_ms &&
	    old->checked_at_ms - checked_at_ms <= BMX_VERIFICATION_SKEW_MS)
		return merge;
	merge.change = BMX_VERIFICATION_STORE;
	merge.evicts = old && old->result == BMX_VERIFIED_VALID &&
		merge.record.result == BMX_VERIFIED_UNKNOWN;
	return merge;
}

enum bmx_accepts_all
bmx_verification_accepts_all(const struct bmx_verification *record,
                             const struct bmx_verification_facts *facts)
{
	int64_t age_ms, most_ms = BMX_VERIFICATION_ACCEPTS_ALL_FRESH_MS;
	bool yes;

	if (!record)
		return BMX_ACCEPTS_ALL_UNKNOWN;
	yes = record->result == BMX_VERIFIED_VALID;
	if (facts->primary_down)
		most_ms = yes ? BMX_VERIFICATION_VALID_USABLE_MS :
				BMX_VERIFICATION_UNKNOWN_USABLE_MS;
	age_ms = age_of(record->checked_at_ms, facts->now_ms);
	if (age_ms < 0 || age_ms >= most_ms)
		return BMX_ACCEPTS_ALL_UNKNOWN;
	return yes ? BMX_ACCEPTS_ALL_YES : BMX_ACCEPTS_ALL_NO;
}
