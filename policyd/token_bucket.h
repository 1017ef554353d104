/*
 * token_bucket.h - at most so many a second, with bursts.
 *
 * Pure: time is handed in. It starts full.
 */
#ifndef BACKUPMX_POLICYD_TOKEN_BUCKET_H
#define BACKUPMX_POLICYD_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/** A burst is what comes in so many seconds, but at least so many tokens. */
#define BMX_TOKEN_BUCKET_BURST_S 4
#define BMX_TOKEN_BUCKET_BURST_MIN 10

struct bmx_token_bucket {
	int64_t rate;     /* tokens a second */
	int64_t capacity; /* thousandths of a token */
	int64_t level;    /* thousandths of a token */
	int64_t at_ms;    /* monotonic: when level was right */
};

/** Starts full. rate: 1 to 1,000,000 tokens a second. */
void bmx_token_bucket_init(struct bmx_token_bucket *bucket, int64_t rate,
                           int64_t now_ms);

/** Another rate; the level stays, at most the new capacity. */
void bmx_token_bucket_set_rate(struct bmx_token_bucket *bucket, int64_t rate,
                               int64_t now_ms);

/** Takes a token if there is one. With spare, only if half the capacity is
 * left after that: for work that can wait. */
bool bmx_token_bucket_take(struct bmx_token_bucket *bucket, bool spare,
                           int64_t now_ms);

/** Milliseconds until the token with `ahead` others before it is there (0:
 * the next one); 0 when it is there now. */
int64_t bmx_token_bucket_wait_ms(const struct bmx_token_bucket *bucket,
                                 uint64_t ahead, bool spare, int64_t now_ms);

#endif
