#include "milter/scanners/health.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/circuit.h>

struct url {
	char *text;
	struct bmx_circuit circuit;
	struct bmx_log_throttle throttle;
	bool told; /* that it fails */
};

struct bmx_scan_health {
	const struct bmx_clock *clock;
	struct bmx_log *log;
	pthread_mutex_t lock; /* all below */
	size_t count;
	struct url urls[BMX_SCAN_URLS_MAX];
};

struct bmx_scan_health *
bmx_scan_health_new(const struct bmx_clock *clock, struct bmx_log *log)
{
	struct bmx_scan_health *health = calloc(1, sizeof(*health));

	if (!health)
		return NULL;
	if (pthread_mutex_init(&health->lock, NULL) != 0) {
		free(health);
		return NULL;
	}
	health->clock = clock;
	health->log = log;
	return health;
}

void
bmx_scan_health_free(struct bmx_scan_health **health)
{
	if (!*health)
		return;
	for (size_t i = 0; i < (*health)->count; i++)
		free((*health)->urls[i].text);
	(void)pthread_mutex_destroy(&(*health)->lock);
	free(*health);
	*health = NULL;
}

/* Under the lock. A handful of URLs: a walk is quicker than a hash. */
static struct url *
find_url(struct bmx_scan_health *health, const char *text)
{
	struct url *url = &health->urls[health->count];

	for (size_t i = 0; i < health->count; i++)
		if (strcmp(health->urls[i].text, text) == 0)
			return &health->urls[i];
	if (health->count == BMX_SCAN_URLS_MAX)
		return NULL;
	url->text = strdup(text);
	if (!url->text)
		return NULL;
	bmx_circuit_init(&url->circuit, BMX_SCAN_FAILURES);
	url->throttle.interval_ms = BMX_SCAN_LOG_MS;
	health->count++;
	return url;
}

bool
bmx_scan_health_allows(struct bmx_scan_health *health, const char *text)
{
	struct url *url;
	bool allowed = true;

	(void)pthread_mutex_lock(&health->lock);
	url = find_url(health, text);
	if (url)
		allowed = bmx_circuit_admit(&url->circuit,
		                            bmx_clock_mono_ms(health->clock));
	(void)pthread_mutex_unlock(&health->lock);
	return allowed;
}

static void
log_failure(struct bmx_scan_health *health, struct url *url,
            const struct bmx_error *err)
{
	struct bmx_log_line line;
	uint64_t suppressed;

	if (!bmx_log_throttle_pass(&url->throttle, health->clock, &suppressed))
		return;
	url->told = true;
	bmx_log_begin(&line, health->log, BMX_LOG_WARN, "scanner-failed");
	bmx_log_add_string(&line, BMX_KEY_PEER, url->text);
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	if (suppressed > 0)
		bmx_log_add_u64(&line, BMX_KEY_SUPPRESSED, suppressed);
	bmx_log_end(&line);
}

static void
log_return(struct bmx_scan_health *health, struct url *url)
{
	struct bmx_log_line line;

	url->told = false;
	url->throttle.next_ms = 0;
	bmx_log_begin(&line, health->log, BMX_LOG_INFO, "scanner-back");
	bmx_log_add_string(&line, BMX_KEY_PEER, url->text);
	bmx_log_end(&line);
}

static bool
has_answered(const struct bmx_error *err)
{
	return !err ||
		(err->code != BMX_E_CLOSED && err->code != BMX_E_TIMEOUT);
}

void
bmx_scan_health_report(struct bmx_scan_health *health, const char *text,
                       const struct bmx_error *err)
{
	struct url *url;

	(void)pthread_mutex_lock(&health->lock);
	url = find_url(health, text);
	if (url && has_answered(err))
		bmx_circuit_success(&url->circuit);
	else if (url)
		bmx_circuit_failure(&url->circuit,
		                    bmx_clock_mono_ms(health->clock),
		                    BMX_SCAN_REST_MS);
	if (url && err)
		log_failure(health, url, err);
	else if (url && url->told)
		log_return(health, url);
	(void)pthread_mutex_unlock(&health->lock);
}
