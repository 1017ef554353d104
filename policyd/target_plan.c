/* MX records and configuration in, hosts to be looked up out. */
#include "target_set.h"

#include <string.h>

#include <backupmx/mx_standing.h>

#define RANK_OF_SPEC(index) ((uint32_t)(index) << 16)

bool
bmx_target_wants_mx(const struct bmx_target_spec *specs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (specs[i].kind == BMX_TARGET_MX)
			return true;
	return false;
}

static bool
is_our_name(const struct bmx_target_facts *facts, struct bmx_slice name)
{
	return bmx_mx_is_our_name(facts->our_names, facts->our_name_count,
	                          name);
}

static bool
same_target(const struct bmx_target_plan_host *a,
            const struct bmx_target_plan_host *b)
{
	return a->port == b->port && strcmp(a->name, b->name) == 0 &&
		a->address.family == b->address.family &&
		memcmp(a->address.octets, b->address.octets,
	               sizeof(a->address.octets)) == 0;
}

/* A host that is there already keeps its better rank. */
static void
add(struct bmx_target_plan *plan, const struct bmx_target_plan_host *host)
{
	for (size_t i = 0; i < plan->count; i++)
		if (same_target(&plan->hosts[i], host))
			return;
	if (plan->count < BMX_TARGET_HOSTS_MAX)
		plan->hosts[plan->count++] = *host;
}

static void
plan_records(const struct bmx_target_facts *facts, uint16_t port,
             uint32_t first_rank, struct bmx_target_plan *plan)
{
	const uint32_t ours = bmx_mx_our_preference(
		facts->our_names, facts->our_name_count, facts->mx);
	size_t better = 0, bad = 0;

	for (size_t i = 0; i < facts->mx->count; i++) {
		const struct bmx_dns_record *mx = &facts->mx->records[i];
		struct bmx_target_plan_host host = {
			.port = port,
			.rank = first_rank | mx->preference,
			.from_mx = true,
			.secure = facts->mx->secure};

		if (mx->preference >= ours)
			break;
		better++;
		if (bmx_target_host_name(mx->text, host.name))
			add(plan, &host);
		else
			bad++;
	}
	plan->not_in_mx = ours == BMX_MX_NO_PREFERENCE;
	plan->bad_names += bad;
	if (better == 0)
		plan->mx_state = BMX_TARGETS_WE_ARE_BEST;
	else if (better == bad)
		plan->mx_state = BMX_TARGETS_NO_ADDRESS;
}

/* RFC 5321 section 5.1: without MX the domain is its own mail host. */
static void
plan_implicit(const struct bmx_target_facts *facts, uint16_t port,
              uint32_t rank, struct bmx_target_plan *plan)
{
	struct bmx_target_plan_host host = {.port = port,
	                                    .rank = rank,
	                                    .from_mx = true,
	                                    .secure = facts->mx->secure};

	if (is_our_name(facts, facts->domain))
		plan->mx_state = BMX_TARGETS_WE_ARE_BEST;
	else if (bmx_target_host_name(facts->domain, host.name))
		add(plan, &host);
	else
		plan->mx_state = BMX_TARGETS_NXDOMAIN;
}

static void
plan_mx(const struct bmx_target_facts *facts, uint16_t port, uint32_t rank,
        struct bmx_target_plan *plan)
{
	switch (facts->mx ? facts->mx->status : BMX_DNS_TEMPFAIL) {
	case BMX_DNS_OK:
		if (bmx_mx_is_null(facts->mx))
			plan->mx_state = BMX_TARGETS_NULL_MX;
		else
			plan_records(facts, port, rank, plan);
		break;
	case BMX_DNS_NODATA:
		plan_implicit(facts, port, rank, plan);
		break;
	case BMX_DNS_NXDOMAIN:
	case BMX_DNS_BADNAME:
		plan->mx_state = BMX_TARGETS_NXDOMAIN;
		break;
	case BMX_DNS_TEMPFAIL:
	case BMX_DNS_STATUSES:
		plan->mx_state = BMX_TARGETS_FAILED;
		break;
	}
}

static void
plan_fixed(const struct bmx_target_spec *spec, uint32_t rank,
           struct bmx_target_plan *plan)
{
	struct bmx_target_plan_host host = {.address = spec->address,
	                                    .port = spec->port,
	                                    .rank = rank,
	                                    .secure = true};

	memcpy(host.name, spec->name, sizeof(host.name));
	add(plan, &host);
}

void
bmx_target_plan_make(const struct bmx_target_facts *facts,
                     struct bmx_target_plan *plan_out)
{
	memset(plan_out, 0, sizeof(*plan_out));
	plan_out->mx_state = BMX_TARGETS_READY;
	for (size_t i = 0; i < facts->spec_count && i < BMX_TARGET_SPECS_MAX;
	     i++) {
		const struct bmx_target_spec *spec = &facts->specs[i];

		if (spec->kind == BMX_TARGET_MX)
			plan_mx(facts, spec->port, RANK_OF_SPEC(i), plan_out);
		else
			plan_fixed(spec, RANK_OF_SPEC(i), plan_out);
	}
}
