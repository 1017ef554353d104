#include "milter/checks/zone_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

#include "milter/checks/breaker.h"

struct zone {
	char name[BMX_DNSBL_ZONE_MAX + 1];
	struct bmx_breaker breaker;
	struct bmx_log_throttle throttle;
	struct bmx_metric *words[BMX_DNSBL_WORDS];
};

struct bmx_zone_watch {
	const struct bmx_clock *clock;
	struct bmx_log *log;
	struct bmx_metrics *metrics;
	pthread_mutex_t lock; /* all below */
	size_t count;
	struct zone zones[BMX_ZONE_WATCH_MAX];
};

struct bmx_zone_watch *
bmx_zone_watch_new(const struct bmx_clock *clock, struct bmx_log *log,
                   struct bmx_metrics *metrics)
{
	struct bmx_zone_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	if (pthread_mutex_init(&watch->lock, NULL) != 0) {
		free(watch);
		return NULL;
	}
	watch->clock = clock;
	watch->log = log;
	watch->metrics = metrics;
	return watch;
}

void
bmx_zone_watch_free(struct bmx_zone_watch **watch)
{
	if (!*watch)
		return;
	(void)pthread_mutex_destroy(&(*watch)->lock);
	free(*watch);
	*watch = NULL;
}

static void
name_zone(struct bmx_zone_watch *watch, struct zone *zone, const char *name)
{
	struct bmx_text text;

	bmx_text_init(&text, zone->name, sizeof(zone->name));
	bmx_text_append_string(&text, name);
	zone->throttle.interval_ms = BMX_ZONE_WATCH_LOG_MS;
	for (int i = 0; i < BMX_DNSBL_WORDS; i++) {
		const struct bmx_metrics_label labels[] = {
			{"zone", name},
			{"result", bmx_dnsbl_word_name((enum bmx_dnsbl_word)i)},
		};

		zone->words[i] = bmx_metrics_counter(
			watch->metrics, "backupmx_dnsbl_answers_total",
			"What DNS lists said.", labels, 2);
	}
}

/* Under the lock. A handful of zones: a walk is quicker than a hash. */
static struct zone *
find_zone(struct bmx_zone_watch *watch, const char *name)
{
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->zones[i].name, name) == 0)
			return &watch->zones[i];
	if (watch->count == BMX_ZONE_WATCH_MAX)
		return NULL;
	name_zone(watch, &watch->zones[watch->count], name);
	return &watch->zones[watch->count++];
}

bool
bmx_zone_watch_allows(struct bmx_zone_watch *watch, const char *name)
{
	const int64_t now_ms = bmx_clock_mono_ms(watch->clock);
	struct zone *zone;
	bool allowed = true;

	(void)pthread_mutex_lock(&watch->lock);
	zone = find_zone(watch, name);
	if (zone)
		allowed = bmx_breaker_allows(&zone->breaker, now_ms);
	if (!allowed)
		bmx_metric_add(zone->words[BMX_DNSBL_UNASKED], 1);
	(void)pthread_mutex_unlock(&watch->lock);
	return allowed;
}

static void
log_change(struct bmx_zone_watch *watch, struct zone *zone,
           enum bmx_dnsbl_word word, bool opened)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&zone->throttle, watch->clock, &suppressed))
		return;
	bmx_log_begin(&line, watch->log, opened ? BMX_LOG_WARN : BMX_LOG_INFO,
	              opened ? "dnsbl-skipped" : "dnsbl-back");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, zone->name);
	bmx_log_add_string(&line, BMX_KEY_RESULT, bmx_dnsbl_word_name(word));
	if (suppressed > 0)
		bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	if (opened)
		bmx_log_add_string(
			&line, BMX_KEY_HINT,
			"the list is left out for a while; does it still "
			"exist, and does it answer this resolver?");
	bmx_log_end(&line);
}

void
bmx_zone_watch_report(struct bmx_zone_watch *watch, const char *name,
                      enum bmx_dnsbl_word word)
{
	const bool worked =
		word != BMX_DNSBL_FAILED && word != BMX_DNSBL_DISTRUSTED;
	const int64_t now_ms = bmx_clock_mono_ms(watch->clock);
	enum bmx_breaker_change change = BMX_BREAKER_SAME;
	struct zone *zone;

	(void)pthread_mutex_lock(&watch->lock);
	zone = find_zone(watch, name);
	if (zone) {
		change = bmx_breaker_report(&zone->breaker, worked, now_ms);
		bmx_metric_add(zone->words[word], 1);
	}
	if (change != BMX_BREAKER_SAME)
		log_change(watch, zone, word, change == BMX_BREAKER_OPENED);
	(void)pthread_mutex_unlock(&watch->lock);
}
