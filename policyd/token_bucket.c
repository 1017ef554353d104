#include "policyd/token_bucket.h"

#include <assert.h>

/* A token, in thousandths: a rate of 1 a second fills one in a millisecond. */
#define TOKEN INT64_C(1000)

static int64_t
capacity_of(int64_t rate)
{
	const int64_t tokens = rate * BMX_TOKEN_BUCKET_BURST_S;

	assert(rate >= 1 && rate <= 1000000);
	return (tokens > BMX_TOKEN_BUCKET_BURST_MIN ?
	                tokens :
	                BMX_TOKEN_BUCKET_BURST_MIN) *
		TOKEN;
}

/* Also for a clock that stands still or goes back: then nothing comes in. */
static int64_t
level_at(const struct bmx_token_bucket *bucket, int64_t now_ms)
{
	const int64_t room = bucket->capacity - bucket->level;
	const int64_t passed_ms = now_ms - bucket->at_ms;

	if (passed_ms <= 0)
		return bucket->level;
	if (passed_ms > room / bucket->rate)
		return bucket->capacity;
	return bucket->level + passed_ms * bucket->rate;
}

/* What must be there so that a token can be taken. */
static int64_t
needed(const struct bmx_token_bucket *bucket, bool spare)
{
	return TOKEN + (spare ? bucket->capacity / 2 : 0);
}

void
bmx_token_bucket_init(struct bmx_token_bucket *bucket, int64_t rate,
                      int64_t now_ms)
{
	bucket->rate = rate;
	bucket->capacity = capacity_of(rate);
	bucket->level = bucket->capacity;
	bucket->at_ms = now_ms;
}

void
bmx_token_bucket_set_rate(struct bmx_token_bucket *bucket, int64_t rate,
                          int64_t now_ms)
{
	bucket->level = level_at(bucket, now_ms);
	bucket->at_ms = now_ms;
	bucket->rate = rate;
	bucket->capacity = capacity_of(rate);
	if (bucket->level > bucket->capacity)
		bucket->level = bucket->capacity;
}

bool
bmx_token_bucket_take(struct bmx_token_bucket *bucket, bool spare,
                      int64_t now_ms)
{
	bucket->level = level_at(bucket, now_ms);
	if (now_ms > bucket->at_ms)
		bucket->at_ms = now_ms;
	if (bucket->level < needed(bucket, spare))
		return false;
	bucket->level -= TOKEN;
	return true;
}

int64_t
bmx_token_bucket_wait_ms(const struct bmx_token_bucket *bucket, uint64_t ahead,
                         bool spare, int64_t now_ms)
{
	const int64_t lacking = needed(bucket, spare) + (int64_t)ahead * TOKEN -
		level_at(bucket, now_ms);

	if (lacking <= 0)
		return 0;
	return (lacking + bucket->rate - 1) / bucket->rate;
}
