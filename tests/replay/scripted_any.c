#include "tests/replay/scripted_any.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_dns.h"
#include "tests/support/zone_text.h"

struct scripted_any {
	struct bmx_any_domains *domains;
	struct zone *zone;
	struct fake_dns *dns;
	struct bmx_config *loaded;
	scripted_any_enforce *enforce;
	void *ctx;
};

/* No address is ours: names tell. */
static bool
is_ours(void *ctx, sa_family_t family, const uint8_t *octets)
{
	(void)ctx;
	(void)family;
	(void)octets;
	return false;
}

static int
apply(void *ctx)
{
	struct scripted_any *any = ctx;
	struct bmx_config *next =
		bmx_any_domains_expand(any->domains, any->loaded, NULL);

	if (!next)
		abort();
	any->enforce(any->ctx, next);
	bmx_any_domains_in_force(any->domains, any->loaded, next);
	bmx_config_unref(&next);
	return 0;
}

struct scripted_any *
scripted_any_new(struct bmx_loop *loop, struct bmx_log *log,
                 struct bmx_metrics *metrics, scripted_any_enforce *enforce,
                 void *ctx)
{
	struct scripted_any *any = calloc(1, sizeof(*any));
	struct bmx_any_domains_parts parts = {
		.loop = loop,
		.log = log,
		.metrics = metrics,
		.apply = apply,
		.ctx = any,
		.is_ours = is_ours,
	};

	if (!any)
		abort();
	any->zone = zone_new();
	any->dns = fake_dns_new(any->zone, loop);
	parts.asker = fake_dns_asker(any->dns);
	any->enforce = enforce;
	any->ctx = ctx;
	any->domains = bmx_any_domains_new(&parts);
	if (!any->domains)
		abort();
	return any;
}

void
scripted_any_free(struct scripted_any **any)
{
	struct scripted_any *old = *any;

	*any = NULL;
	if (!old)
		return;
	bmx_any_domains_free(&old->domains);
	fake_dns_free(&old->dns);
	zone_free(&old->zone);
	bmx_config_unref(&old->loaded);
	free(old);
}

struct bmx_any_source
scripted_any_source(struct scripted_any *any)
{
	return bmx_any_domains_source(any->domains);
}

void
scripted_any_load(struct scripted_any *any, struct bmx_config *loaded)
{
	loaded = bmx_config_ref(loaded);
	bmx_config_unref(&any->loaded);
	any->loaded = loaded;
	(void)apply(any);
}

void
scripted_any_dns(struct scripted_any *any, const char *what)
{
	struct zone *zone;

	fake_dns_fail(any->dns, strcmp(what, "fail") == 0);
	fake_dns_delay(any->dns, strcmp(what, "silent") == 0 ? -1 : 0);
	if (strcmp(what, "fail") == 0 || strcmp(what, "silent") == 0 ||
	    strcmp(what, "back") == 0)
		return;
	zone = zone_of_text(what);
	fake_dns_set_zone(any->dns, zone);
	zone_free(&any->zone);
	any->zone = zone;
}
