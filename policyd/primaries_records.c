/* What is stored of primaries: read at the start, written on change and once
 * an hour, and all at the end, so that a restart finds what was known. */
#include "policyd/primaries_priv.h"

/* A change waits so long for others, ms. */
#define SOON_MS 100
#define BATCH_PAUSE_MS 1000

static struct bmx_record_key
key_of(const struct primary_domain *domain)
{
	return (struct bmx_record_key){
		.kind = BMX_RECORD_PRIMARY,
		.domain = bmx_slice_of(domain->section->name)};
}

static struct bmx_primary_now
now_of(const struct bmx_primaries *registry)
{
	const struct bmx_clock *clock = registry->parts.loop->clock;

	return (struct bmx_primary_now){bmx_clock_wall_ms(clock),
	                                bmx_clock_mono_ms(clock)};
}

static void
on_record(void *ctx, enum bmx_record_found found,
          const struct bmx_record *record)
{
	struct primary_domain *domain = ctx;
	const struct bmx_primary_now now = now_of(domain->registry);
	struct bmx_primary_knowledge stored;

	domain->get = NULL;
	if (found != BMX_RECORD_FOUND || record->kind != BMX_RECORD_PRIMARY)
		return;
	bmx_primary_knowledge_resume(&stored, &record->as.primary,
	                             domain->section->check_interval_ms, &now);
	if (domain->shared) {
		bmx_primary_resume(domain->shared->primary, &stored);
		return;
	}
	if (domain->carried.state.checked_at_ms != 0)
		return;
	domain->carried = stored;
	bmx_primary_domain_update(domain);
}

void
bmx_primary_domain_read(struct primary_domain *domain)
{
	struct bmx_record_store *records = domain->registry->parts.records;
	const struct bmx_record_key key = key_of(domain);

	domain->get = records->ops->get(records, &key, on_record, domain);
}

void
bmx_primary_domain_changed(struct primary_domain *domain)
{
	struct bmx_primaries *registry = domain->registry;

	domain->write_at_ms = bmx_clock_mono_ms(registry->parts.loop->clock);
	if (registry->writer_soon)
		return;
	registry->writer_soon = true;
	bmx_timer_set(registry->parts.loop, registry->writer, SOON_MS);
}

/* When it is written again without a change: spread out, a tenth more or
 * less, as thousands may have changed together. */
static int64_t
next_write_ms(struct bmx_primaries *registry, int64_t now)
{
	const int64_t spread = BMX_PRIMARIES_WRITE_MS / 5;

	return now + BMX_PRIMARIES_WRITE_MS - spread / 2 +
		(int64_t)(bmx_primaries_random(registry) % (uint64_t)spread);
}

void
bmx_primary_domain_write(struct primary_domain *domain)
{
	struct bmx_primaries *registry = domain->registry;
	struct bmx_record_store *records = registry->parts.records;
	const struct bmx_record_key key = key_of(domain);
	struct bmx_record record = {.kind = BMX_RECORD_PRIMARY};

	domain->write_at_ms = 0;
	if (!bmx_primary_knowledge_record(bmx_primary_domain_knows(domain),
	                                  &record.as.primary))
		return;
	records->ops->put(records, &key, &record);
	domain->write_at_ms = next_write_ms(
		registry, bmx_clock_mono_ms(registry->parts.loop->clock));
}

void
bmx_primaries_on_writer(void *ctx)
{
	struct bmx_primaries *registry = ctx;
	const int64_t now = bmx_clock_mono_ms(registry->parts.loop->clock);
	size_t left = BMX_PRIMARIES_WRITE_BATCH;
	int64_t next = 0;

	registry->writer_soon = false;
	for (size_t i = 0; i < registry->domain_count; i++) {
		const size_t at =
			(registry->write_next + i) % registry->domain_count;
		struct primary_domain *domain = registry->domains[at];

		if (domain->write_at_ms != 0 && domain->write_at_ms <= now &&
		    left > 0) {
			bmx_primary_domain_write(domain);
			if (--left == 0)
				registry->write_next = at + 1;
		}
		if (domain->write_at_ms != 0 &&
		    (next == 0 || domain->write_at_ms < next))
			next = domain->write_at_ms;
	}
	if (next != 0)
		bmx_timer_set(registry->parts.loop, registry->writer,
		              next > now + BATCH_PAUSE_MS ? next - now :
		                                            BATCH_PAUSE_MS);
}
