#include "cache.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/hash.h>

#include "answer.h"

/* Below this many entries one shard does: the caps are then exact. */
#define SHARDED_FROM ((size_t)1024)
#define SHARDS ((size_t)16)

struct entry {
	struct entry *next_in_bucket;
	struct entry *newer; /* used later; NULL: the newest */
	struct entry *older;
	const struct bmx_dns_answer *answer;
	int64_t until_us;
	uint64_t hash;
	struct bmx_dns_question question;
};

struct shard {
	pthread_mutex_t lock;
	struct entry **buckets;
	struct entry *newest;
	struct entry *oldest;
	size_t entries;
	size_t bytes;
	uint64_t evicted;
};

struct bmx_dns_cache {
	const struct bmx_clock *clock;
	size_t shard_count; /* these three: powers of two but max_* */
	size_t bucket_count;
	size_t max_entries; /* of one shard */
	size_t max_bytes;
	uint8_t key[BMX_SIPHASH_KEY_SIZE];
	struct shard shards[SHARDS];
};

static size_t
power_of_two_from(size_t least)
{
	size_t n = 1;

	while (n < least && n < ((size_t)1 << 20))
		n *= 2;
	return n;
}

struct bmx_dns_cache *
bmx_dns_cache_new(size_t max_entries, size_t max_bytes,
                  const struct bmx_clock *clock)
{
	struct bmx_dns_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->clock = clock;
	cache->shard_count = max_entries < SHARDED_FROM ? 1 : SHARDS;
	cache->max_entries = max_entries / cache->shard_count;
	cache->max_bytes = max_bytes / cache->shard_count;
	cache->bucket_count = power_of_two_from(cache->max_entries);
	bmx_siphash_random_key(cache->key);
	for (size_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_init(&shard->lock, NULL); /* cannot fail */
		shard->buckets =
			calloc(cache->bucket_count, sizeof(struct entry *));
		if (!shard->buckets) {
			cache->shard_count = i + 1;
			bmx_dns_cache_free(&cache);
			return NULL;
		}
	}
	return cache;
}

static void
unlink_use(struct shard *shard, struct entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		shard->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		shard->oldest = entry->newer;
}

static void
link_newest(struct shard *shard, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = shard->newest;
	if (shard->newest)
		shard->newest->newer = entry;
	else
		shard->oldest = entry;
	shard->newest = entry;
}

static size_t
cost(const struct bmx_dns_answer *answer)
{
	return sizeof(struct entry) + bmx_dns_answer_bytes(answer);
}

/* Where in its bucket's chain the entry of that question hangs, or the end. */
static struct entry **
find(const struct bmx_dns_cache *cache, const struct shard *shard,
     uint64_t hash, const struct bmx_dns_question *question)
{
	struct entry **at =
		&shard->buckets[hash / SHARDS & (cache->bucket_count - 1)];

	while (*at &&
	       ((*at)->hash != hash ||
	        !bmx_dns_question_equal(&(*at)->question, question)))
		at = &(*at)->next_in_bucket;
	return at;
}

static void
drop(struct shard *shard, struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next_in_bucket;
	unlink_use(shard, entry);
	shard->entries--;
	shard->bytes -= cost(entry->answer);
	bmx_dns_answer_unref(&entry->answer);
	free(entry);
}

static void
drop_oldest(const struct bmx_dns_cache *cache, struct shard *shard)
{
	const struct entry *oldest = shard->oldest;

	drop(shard, find(cache, shard, oldest->hash, &oldest->question));
}

static struct shard *
shard_of(struct bmx_dns_cache *cache, uint64_t hash)
{
	return &cache->shards[hash & (cache->shard_count - 1)];
}

const struct bmx_dns_answer *
bmx_dns_cache_get(struct bmx_dns_cache *cache,
                  const struct bmx_dns_question *question)
{
	const uint64_t hash = bmx_dns_question_hash(question, cache->key);
	const int64_t now_us = bmx_clock_mono_us(cache->clock);
	struct shard *shard = shard_of(cache, hash);
	const struct bmx_dns_answer *answer = NULL;
	struct entry **at;

	(void)pthread_mutex_lock(&shard->lock);
	at = find(cache, shard, hash, question);
	if (*at && (*at)->until_us <= now_us) {
		drop(shard, at);
	} else if (*at) {
		answer = bmx_dns_answer_ref((*at)->answer);
		if (shard->newest != *at) {
			unlink_use(shard, *at);
			link_newest(shard, *at);
		}
	}
	(void)pthread_mutex_unlock(&shard->lock);
	return answer;
}

static uint32_t
keep_s(const struct bmx_dns_answer *answer)
{
	uint32_t most = 0;

	switch (answer->status) {
	case BMX_DNS_OK:
		most = BMX_DNS_KEEP_MAX_S;
		break;
	case BMX_DNS_NODATA:
	case BMX_DNS_NXDOMAIN:
		most = BMX_DNS_KEEP_NEGATIVE_MAX_S;
		break;
	case BMX_DNS_TEMPFAIL:
		most = BMX_DNS_KEEP_FAILURE_MAX_S;
		break;
	case BMX_DNS_BADNAME:
	case BMX_DNS_STATUSES:
		break;
	}
	return answer->ttl_s < most ? answer->ttl_s : most;
}

static void
put_entry(const struct bmx_dns_cache *cache, struct shard *shard,
          struct entry *entry)
{
	struct entry **at = find(cache, shard, entry->hash, &entry->question);
	const size_t bytes = cost(entry->answer);

	if (*at)
		drop(shard, at);
	while (shard->oldest &&
	       (shard->entries >= cache->max_entries ||
	        shard->bytes + bytes > cache->max_bytes)) {
		drop_oldest(cache, shard);
		shard->evicted++;
	}
	/* The chain may have lost its end to an eviction: look again. */
	at = find(cache, shard, entry->hash, &entry->question);
	*at = entry;
	link_newest(shard, entry);
	shard->entries++;
	shard->bytes += bytes;
}

void
bmx_dns_cache_put(struct bmx_dns_cache *cache,
                  const struct bmx_dns_question *question,
                  const struct bmx_dns_answer *answer)
{
	const uint32_t seconds = keep_s(answer);
	struct shard *shard;
	struct entry *entry;

	if (seconds == 0 || cache->max_entries == 0 ||
	    cost(answer) > cache->max_bytes)
		return;
	entry = malloc(sizeof(*entry));
	if (!entry)
		return; /* not kept: it is asked for again */
	*entry = (struct entry){
		.answer = bmx_dns_answer_ref(answer),
		.until_us = bmx_clock_mono_us(cache->clock) +
			(int64_t)seconds * 1000000,
		.hash = bmx_dns_question_hash(question, cache->key),
		.question = *question,
	};
	shard = shard_of(cache, entry->hash);
	(void)pthread_mutex_lock(&shard->lock);
	put_entry(cache, shard, entry);
	(void)pthread_mutex_unlock(&shard->lock);
}

void
bmx_dns_cache_flush(struct bmx_dns_cache *cache)
{
	for (size_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_lock(&shard->lock);
		while (shard->oldest)
			drop_oldest(cache, shard);
		(void)pthread_mutex_unlock(&shard->lock);
	}
}

struct bmx_dns_cache_stats
bmx_dns_cache_stats(struct bmx_dns_cache *cache)
{
	struct bmx_dns_cache_stats stats = {0};

	for (size_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_lock(&shard->lock);
		stats.entries += shard->entries;
		stats.bytes += shard->bytes;
		stats.evicted += shard->evicted;
		(void)pthread_mutex_unlock(&shard->lock);
	}
	return stats;
}

void
bmx_dns_cache_free(struct bmx_dns_cache **cache)
{
	if (!*cache)
		return;
	for (size_t i = 0; i < (*cache)->shard_count; i++) {
		struct shard *shard = &(*cache)->shards[i];

		while (shard->oldest)
			drop_oldest(*cache, shard);
		free(shard->buckets);
		(void)pthread_mutex_destroy(&shard->lock);
	}
	free(*cache);
	*cache = NULL;
}
