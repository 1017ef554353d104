#include "counters.h"

#include <stddef.h>

#define EVENTS "backupmx_dns_events_total"
#define EVENTS_HELP "DNS look-ups and what became of them"

static struct bmx_metric *
event(struct bmx_metrics *registry, const char *name)
{
	const struct bmx_metrics_label label = {"event", name};

	return bmx_metrics_counter(registry, EVENTS, EVENTS_HELP, &label, 1);
}

int
bmx_dns_metrics_init(struct bmx_dns_metrics *metrics,
                     struct bmx_metrics *shared)
{
	struct bmx_metrics *registry = shared ? shared : bmx_metrics_new();

	*metrics = (struct bmx_dns_metrics){.own = shared ? NULL : registry};
	if (!registry)
		return -1;
	metrics->lookups = event(registry, "lookup");
	metrics->hits = event(registry, "hit");
	metrics->joined = event(registry, "joined");
	metrics->sent = event(registry, "sent");
	metrics->failed = event(registry, "failed");
	metrics->timeouts = event(registry, "timeout");
	metrics->cancelled = event(registry, "cancelled");
	metrics->refused = event(registry, "refused");
	metrics->evicted =
		bmx_metrics_gauge(registry, "backupmx_dns_cache_evicted",
	                          "DNS answers dropped for the caps", NULL, 0);
	metrics->entries =
		bmx_metrics_gauge(registry, "backupmx_dns_cache_entries",
	                          "DNS answers kept", NULL, 0);
	metrics->bytes =
		bmx_metrics_gauge(registry, "backupmx_dns_cache_bytes",
	                          "Octets of the DNS answers kept", NULL, 0);
	metrics->pending = bmx_metrics_gauge(registry, "backupmx_dns_pending",
	                                     "DNS questions open", NULL, 0);
	return 0;
}

void
bmx_dns_metrics_clear(struct bmx_dns_metrics *metrics)
{
	bmx_metrics_free(&metrics->own);
}
