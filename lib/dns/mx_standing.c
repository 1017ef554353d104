#include <backupmx/mx_standing.h>

#include <assert.h>

/* Above every preference. */

static const char *const names[] = {
	[BMX_MX_OPEN] = "open",         [BMX_MX_BACKUP] = "backup",
	[BMX_MX_BEST] = "best-mx",      [BMX_MX_ABSENT] = "not-in-mx",
	[BMX_MX_NULL] = "null-mx",      [BMX_MX_NONE] = "no-mx",
	[BMX_MX_NXDOMAIN] = "nxdomain", [BMX_MX_FAILED] = "dns-failed",
};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_MX_STANDINGS,
              "one name a standing");

const char *
bmx_mx_standing_name(enum bmx_mx_standing standing)
{
	return names[standing];
}

enum bmx_mx_served
bmx_mx_standing_served(enum bmx_mx_standing standing)
{
	switch (standing) {
	case BMX_MX_BACKUP:
		return BMX_MX_SERVED_YES;
	case BMX_MX_BEST:
	case BMX_MX_ABSENT:
	case BMX_MX_NULL:
	case BMX_MX_NONE:
	case BMX_MX_NXDOMAIN:
		return BMX_MX_SERVED_NO;
	case BMX_MX_OPEN:
	case BMX_MX_FAILED:
	case BMX_MX_STANDINGS:
		break;
	}
	return BMX_MX_SERVED_UNKNOWN;
}

static struct bmx_slice
without_dot(struct bmx_slice name)
{
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	return name;
}

bool
bmx_mx_is_our_name(const char *const *our_names, size_t count,
                   struct bmx_slice name)
{
	name = without_dot(name);
	for (size_t i = 0; i < count; i++) {
		const struct bmx_slice ours =
			without_dot(bmx_slice_of(our_names[i]));

		if (ours.len > 0 && bmx_slice_equal_nocase(name, ours))
			return true;
	}
	return false;
}

uint32_t
bmx_mx_our_preference(const char *const *our_names, size_t count,
                      const struct bmx_dns_answer *mx)
{
	for (size_t i = 0; i < mx->count; i++)
		if (bmx_mx_is_our_name(our_names, count, mx->records[i].text))
			return mx->records[i].preference;
	return BMX_MX_NO_PREFERENCE;
}

static uint32_t
our_preference(const struct bmx_mx_facts *facts)
{
	return bmx_mx_our_preference(facts->our_names, facts->our_name_count,
	                             facts->mx);
}

bool
bmx_mx_is_null(const struct bmx_dns_answer *mx)
{
	for (size_t i = 0; i < mx->count; i++)
		if (mx->records[i].text.len > 0)
			return false;
	return true;
}

static bool
is_among(const struct bmx_slice *hosts, size_t count, struct bmx_slice name)
{
	for (size_t i = 0; i < count; i++)
		if (bmx_slice_equal_nocase(hosts[i], name))
			return true;
	return false;
}

/* Hosts below the preference `ours`, each once, with its best preference.
 * @return how many there are, also of those that there is no room for */
static size_t
better_hosts(const struct bmx_mx_facts *facts, uint32_t ours,
             struct bmx_slice hosts[BMX_MX_HOSTS_MAX],
             uint32_t preferences[BMX_MX_HOSTS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < facts->mx->count; i++) {
		const struct bmx_dns_record *mx = &facts->mx->records[i];

		/* The root among others is no host at all. */
		if (mx->preference >= ours || mx->text.len == 0 ||
		    is_among(hosts,
		             count < BMX_MX_HOSTS_MAX ? count :
		                                        BMX_MX_HOSTS_MAX,
		             mx->text))
			continue;
		if (count < BMX_MX_HOSTS_MAX) {
			hosts[count] = mx->text;
			preferences[count] = mx->preference;
		}
		count++;
	}
	return count;
}

size_t
bmx_mx_hosts(const struct bmx_mx_facts *facts,
             struct bmx_slice hosts_out[BMX_MX_HOSTS_MAX])
{
	uint32_t preferences[BMX_MX_HOSTS_MAX];
	size_t count;

	if (!facts->mx || facts->mx->status != BMX_DNS_OK)
		return 0;
	count = better_hosts(facts, our_preference(facts), hosts_out,
	                     preferences);
	return count < BMX_MX_HOSTS_MAX ? count : BMX_MX_HOSTS_MAX;
}

static bool
has_ours(const struct bmx_mx_facts *facts, const struct bmx_dns_answer *answer,
         sa_family_t family)
{
	for (size_t i = 0; facts->is_ours && answer && i < answer->count; i++)
		if (facts->is_ours(facts->is_ours_ctx, family,
		                   answer->records[i].address))
			return true;
	return false;
}

static bool
is_ours_by_address(const struct bmx_mx_facts *facts, size_t host)
{
	const struct bmx_mx_addresses *addresses = &facts->addresses[host];

	return has_ours(facts, addresses->a, AF_INET) ||
		has_ours(facts, addresses->aaaa, AF_INET6);
}

static bool
is_unsure(const struct bmx_dns_answer *answer)
{
	return !answer || answer->status == BMX_DNS_TEMPFAIL;
}

/* The set as the addresses show it: ourselves may be there under other
 * names, also above the place where we are named. */
static enum bmx_mx_standing
by_addresses(const struct bmx_mx_facts *facts)
{
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];
	uint32_t preferences[BMX_MX_HOSTS_MAX];
	const uint32_t named = our_preference(facts);
	uint32_t ours = named, best = BMX_MX_NO_PREFERENCE;
	size_t count = better_hosts(facts, named, hosts, preferences);
	bool unsure = count > BMX_MX_HOSTS_MAX || !facts->is_ours;

	if (count > BMX_MX_HOSTS_MAX)
		count = BMX_MX_HOSTS_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct bmx_mx_addresses *host = &facts->addresses[i];

		if (is_ours_by_address(facts, i)) {
			if (preferences[i] < ours)
				ours = preferences[i];
			continue;
		}
		unsure = unsure || is_unsure(host->a) || is_unsure(host->aaaa);
		if (preferences[i] < best)
			best = preferences[i];
	}
	if (ours == BMX_MX_NO_PREFERENCE)
		return unsure ? BMX_MX_FAILED : BMX_MX_ABSENT;
	return best < ours ? BMX_MX_BACKUP : BMX_MX_BEST;
}

static enum bmx_mx_standing
by_records(const struct bmx_mx_facts *facts)
{
	struct bmx_slice hosts[BMX_MX_HOSTS_MAX];

	if (bmx_mx_is_null(facts->mx))
		return BMX_MX_NULL;
	if (bmx_mx_hosts(facts, hosts) == 0)
		return BMX_MX_BEST; /* it names us first */
	return facts->addresses ? by_addresses(facts) : BMX_MX_OPEN;
}

enum bmx_mx_standing
bmx_mx_standing_of(const struct bmx_mx_facts *facts)
{
	switch (facts->mx ? facts->mx->status : BMX_DNS_TEMPFAIL) {
	case BMX_DNS_OK:
		return by_records(facts);
	case BMX_DNS_NODATA:
		return BMX_MX_NONE;
	case BMX_DNS_NXDOMAIN:
	case BMX_DNS_BADNAME:
		return BMX_MX_NXDOMAIN;
	case BMX_DNS_TEMPFAIL:
	case BMX_DNS_STATUSES:
		break;
	}
	return BMX_MX_FAILED;
}

static int64_t
between(uint32_t ttl_s, int64_t least_ms, int64_t most_ms)
{
	const int64_t ttl_ms = (int64_t)ttl_s * 1000;

	if (ttl_ms < least_ms)
		return least_ms;
	return ttl_ms < most_ms ? ttl_ms : most_ms;
}

/* DNS cannot say: what was served stays so; a no that is over is none. */
static void
take_failure(struct bmx_mx_memory *memory, int64_t now_ms)
{
	if (memory->served == BMX_MX_SERVED_YES) {
		memory->ask_again_ms = now_ms + BMX_MX_YES_RETRY_MS;
		return;
	}
	memory->served = BMX_MX_SERVED_UNKNOWN;
	memory->ask_again_ms = now_ms + BMX_MX_RETRY_MS;
}

static void
take_no(struct bmx_mx_memory *memory, uint32_t ttl_s, int64_t now_ms)
{
	memory->ask_again_ms =
		now_ms + between(ttl_s, BMX_MX_NO_MIN_MS, BMX_MX_NO_MAX_MS);
	if (memory->served != BMX_MX_SERVED_YES ||
	    now_ms - memory->last_yes_ms >= BMX_MX_KEEP_MS)
		memory->served = BMX_MX_SERVED_NO;
}

void
bmx_mx_memory_take(struct bmx_mx_memory *memory, enum bmx_mx_standing standing,
                   uint32_t ttl_s, int64_t now_ms)
{
	assert(standing != BMX_MX_OPEN);
	memory->standing = standing;
	switch (bmx_mx_standing_served(standing)) {
	case BMX_MX_SERVED_YES:
		memory->served = BMX_MX_SERVED_YES;
		memory->last_yes_ms = now_ms;
		memory->ask_again_ms = now_ms +
			between(ttl_s, BMX_MX_YES_MIN_MS, BMX_MX_YES_MAX_MS);
		break;
	case BMX_MX_SERVED_NO:
		take_no(memory, ttl_s, now_ms);
		break;
	case BMX_MX_SERVED_UNKNOWN:
		take_failure(memory, now_ms);
		break;
	}
}

enum bmx_mx_served
bmx_mx_memory_says(const struct bmx_mx_memory *memory, int64_t now_ms)
{
	if (memory->served == BMX_MX_SERVED_NO &&
	    now_ms >= memory->ask_again_ms)
		return BMX_MX_SERVED_UNKNOWN;
	return memory->served;
}
