/* What the engine and people ask of the registry. */
#include "policyd/primaries_priv.h"

#include <string.h>

#include "policyd/client_net.h"

void
bmx_primaries_view(const struct bmx_primaries *registry,
                   struct bmx_slice domain, struct bmx_primary_view *view_out)
{
	const struct primary_domain *d = bmx_primaries_find(registry, domain);
	const struct bmx_primary_knowledge *knows;

	*view_out = (struct bmx_primary_view){.status = BMX_PRIMARY_SUSPECT};
	if (!d)
		return;
	knows = bmx_primary_domain_knows(d);
	view_out->status = bmx_primary_domain_status(d);
	if (view_out->status == knows->state.status)
		view_out->since_ms = knows->state.since_ms;
	view_out->keywords = knows->keywords;
}

struct bmx_call_ahead *
bmx_primaries_call_ahead(const struct bmx_primaries *registry,
                         struct bmx_slice domain)
{
	const struct primary_domain *d = bmx_primaries_find(registry, domain);

	return d && d->shared ? bmx_primary_call_ahead(d->shared->primary) :
				NULL;
}

static bool
is_address(const struct bmx_target_address *target,
           const uint8_t address[BMX_CLIENT_ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
	                                   0, 0, 0, 0, 0xff, 0xff};

	if (target->family == AF_INET)
		return memcmp(address, mapped, sizeof(mapped)) == 0 &&
			memcmp(address + sizeof(mapped), target->octets, 4) ==
			0;
	return memcmp(address, target->octets, BMX_CLIENT_ADDRESS_SIZE) == 0;
}

bool
bmx_primaries_is_own_address(const struct bmx_primaries *registry,
                             struct bmx_slice domain,
                             struct bmx_slice client_ip)
{
	const struct primary_domain *d = bmx_primaries_find(registry, domain);
	uint8_t address[BMX_CLIENT_ADDRESS_SIZE];
	const struct bmx_target_set *set;

	if (!d || !d->targets ||
	    bmx_client_address_parse(client_ip, address) != 0)
		return false;
	set = bmx_targets_get(d->targets);
	for (size_t i = 0; i < set->host_count; i++)
		for (size_t k = 0; k < set->hosts[i].address_count; k++)
			if (is_address(&set->hosts[i].addresses[k], address))
				return true;
	return false;
}

void
bmx_primaries_check_now(struct bmx_primaries *registry, struct bmx_slice domain)
{
	struct primary_domain *d = bmx_primaries_find(registry, domain);

	if (d && d->targets)
		bmx_targets_refresh(d->targets);
	if (d && d->shared)
		bmx_shared_primary_due(d->shared);
}

static void
report_hosts(const struct primary_domain *d, struct bmx_primary_report *report)
{
	const struct bmx_target_set *set;

	report->targets = BMX_TARGETS_LOADING;
	report->hosts = "";
	report->config_error = d->error ? d->error : "";
	if (!d->targets)
		return;
	set = bmx_targets_get(d->targets);
	report->targets = set->state;
	report->hosts = set->text;
	report->not_in_mx = set->not_in_mx;
	report->hosts_stale = bmx_targets_stale(d->targets);
}

static void
report_shared(const struct shared_primary *shared,
              struct bmx_primary_report *report)
{
	struct bmx_call_ahead *ca = bmx_primary_call_ahead(shared->primary);
	struct bmx_primary_trouble trouble;

	bmx_primary_trouble(shared->primary, &trouble);
	report->refused_us = trouble.refused_us;
	report->last_error = trouble.last_error;
	report->last_error_at_ms = trouble.at_ms;
	report->shared_by = shared->domain_count;
	if (shared->tls_error)
		report->config_error = shared->tls_error;
	report->has_call_ahead = ca != NULL;
	if (ca)
		bmx_call_ahead_status(ca, &report->call_ahead);
}

bool
bmx_primaries_report(const struct bmx_primaries *registry,
                     struct bmx_slice domain,
                     struct bmx_primary_report *report_out)
{
	const struct primary_domain *d = bmx_primaries_find(registry, domain);
	const struct bmx_primary_knowledge *knows;
	struct bmx_primary_view view;

	if (!d)
		return false;
	bmx_primaries_view(registry, domain, &view);
	knows = bmx_primary_domain_knows(d);
	*report_out = (struct bmx_primary_report){
		.shared_by = 1,
		.status = view.status,
		.since_ms = view.since_ms,
		.checked_at_ms = knows->state.checked_at_ms,
		.keywords = knows->keywords,
		.refuses_null_sender = knows->refuses_null_sender,
		.last_error = ""};
	report_hosts(d, report_out);
	if (d->shared)
		report_shared(d->shared, report_out);
	return true;
}

size_t
bmx_primaries_count(const struct bmx_primaries *registry)
{
	return registry->domain_count;
}
