#include "ctl/doctor/mx_set.h"

static void
take_mx(struct bmxctl_mx_set *set, const struct bmxctl_here *here,
        const struct bmx_dns_answer *answer)
{
	set->status = answer->status;
	set->secure = answer->secure;
	set->ttl_s = answer->ttl_s;
	for (size_t i = 0; i < answer->count && i < BMXCTL_HOSTS_MAX; i++) {
		bmxctl_host_init(&set->mx[i], here, answer->records[i].text);
		set->mx[i].preference = answer->records[i].preference;
		set->count++;
	}
}

static void
take_spec(struct bmxctl_mx_set *set, const struct bmxctl_here *here,
          const char *text)
{
	struct bmxctl_host *host = &set->primaries[set->primary_count];
	struct bmx_target_spec spec;

	if (bmx_target_spec_parse(bmx_slice_of(text), &spec, NULL) != 0)
		return; /* loading the configuration has said so */
	if (spec.kind == BMX_TARGET_MX) {
		set->wants_mx = true;
		set->mx_port = spec.port;
		return;
	}
	if (set->primary_count == BMXCTL_HOSTS_MAX)
		return;
	if (spec.kind == BMX_TARGET_HOST)
		bmxctl_host_init(host, here, bmx_slice_of(spec.name));
	else
		bmxctl_host_init_address(host, here, &spec.address);
	host->port = spec.port;
	set->primary_count++;
}

void
bmxctl_mx_set_look_up(struct bmxctl_mx_set *set,
                      const struct bmxctl_patient *patient,
                      const struct bmxctl_here *here,
                      const struct bmx_config_domain *domain,
                      int64_t deadline_us)
{
	const struct bmx_dns_answer *answer =
		bmx_dns_resolve(patient->dns, bmx_slice_of(domain->name),
	                        BMX_DNS_MX, deadline_us);

	*set = (struct bmxctl_mx_set){.mx_port = BMX_TARGET_PORT};
	take_mx(set, here, answer);
	bmx_dns_answer_unref(&answer);
	for (size_t i = 0; i < domain->primary.count; i++)
		take_spec(set, here, domain->primary.items[i]);
	bmxctl_hosts_look_up(set->mx, set->count, here, patient->dns,
	                     deadline_us);
	bmxctl_hosts_look_up(set->primaries, set->primary_count, here,
	                     patient->dns, deadline_us);
}
