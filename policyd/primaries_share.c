/* Primaries that domains share: made when the first domain has it, freed with
 * the last one; so many checks at a time. */
#include "policyd/primaries_priv.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>

/* Hosts with ports, a file, a sender, and numbers. */
#define KEY_MAX                                                                \
	(BMX_TARGET_HOSTS_MAX * (BMX_DOMAIN_BUFFER + 8) +                      \
	 2 * BMX_ADDRESS_MAX + 1024)

/*
 * What makes two domains' primaries one. With DANE what may be believed of a
 * host follows from the domain's own records, so nobody else's will do.
 * @return 0, or -1 when it is too long
 */
static int
make_key(const struct primary_domain *domain, struct bmx_text *key)
{
	const struct bmx_config_domain *section = domain->section;

	bmx_text_append_string(key, bmx_targets_get(domain->targets)->text);
	bmx_text_printf(key, "\n%d %s\n%s\n%s\n%lld %lld %lld",
	                (int)section->tls,
	                section->tls == BMX_TLS_DANE ? section->name : "",
	                section->tls_ca_file, section->probe_sender,
	                (long long)section->probe_rate,
	                (long long)section->probe_connections,
	                (long long)section->check_interval_ms);
	return key->cut ? -1 : 0;
}

static struct shared_tls *
use_tls(struct bmx_primaries *registry, const char *ca_file,
        struct bmx_error *err)
{
	const size_t len = strlen(ca_file);
	struct shared_tls *tls = registry->tls;

	while (tls && strcmp(tls->ca_file, ca_file) != 0)
		tls = tls->next;
	if (!tls) {
		tls = calloc(1, sizeof(*tls) + len + 1);
		if (!tls) {
			(void)bmx_error_set(err, BMX_E_NOMEM,
			                    "no memory for TLS");
			return NULL;
		}
		memcpy(tls->ca_file, ca_file, len + 1);
		tls->context = bmx_tls_context_new(ca_file, err);
		if (!tls->context) {
			free(tls);
			return NULL;
		}
		tls->next = registry->tls;
		registry->tls = tls;
	}
	tls->users++;
	return tls;
}

static void
drop_tls(struct bmx_primaries *registry, struct shared_tls *tls)
{
	struct shared_tls **at = &registry->tls;

	if (!tls || --tls->users > 0)
		return;
	while (*at != tls)
		at = &(*at)->next;
	*at = tls->next;
	bmx_tls_context_free(&tls->context);
	free(tls);
}

/* Starts checks while there is room and someone waits. A check may be over
 * within its start, when memory is short: then this loop goes on. */
static void
dispatch(struct bmx_primaries *registry)
{
	if (registry->dispatching)
		return;
	registry->dispatching = true;
	while (registry->queue && registry->checks < BMX_PRIMARIES_CHECKS_MAX) {
		struct shared_primary *shared = registry->queue;

		registry->queue = shared->next_queued;
		if (!registry->queue)
			registry->queue_end = &registry->queue;
		shared->queued = false;
		shared->checking = true;
		registry->checks++;
		bmx_primary_check(shared->primary);
	}
	registry->dispatching = false;
}

static void
unqueue(struct shared_primary *shared)
{
	struct bmx_primaries *registry = shared->registry;
	struct shared_primary **at = &registry->queue;

	if (!shared->queued)
		return;
	while (*at != shared)
		at = &(*at)->next_queued;
	*at = shared->next_queued;
	if (!*at)
		registry->queue_end = at;
	shared->queued = false;
}

void
bmx_shared_primary_due(struct shared_primary *shared)
{
	struct bmx_primaries *registry = shared->registry;

	if (shared->queued || shared->checking)
		return;
	shared->queued = true;
	shared->next_queued = NULL;
	*registry->queue_end = shared;
	registry->queue_end = &shared->next_queued;
	dispatch(registry);
}

static void
on_due(void *ctx)
{
	bmx_shared_primary_due(ctx);
}

static void
on_checked(void *ctx)
{
	struct shared_primary *shared = ctx;

	shared->checking = false;
	shared->registry->checks--;
	dispatch(shared->registry);
}

/* All its domains have the same hosts; one may have just lost them to a new
 * configuration. */
static struct bmx_target_tries *
make_tries(void *ctx)
{
	const struct shared_primary *shared = ctx;
	const struct primary_domain *domain = shared->domains;

	while (domain && !domain->targets)
		domain = domain->next_sharing;
	return domain ? bmx_targets_tries(domain->targets) : NULL;
}

static void
log_status(const struct shared_primary *shared, enum bmx_primary_status status)
{
	const struct primary_domain *domain = shared->domains;
	struct bmx_primary_trouble trouble;
	struct bmx_log_line line;

	bmx_log_begin(&line, shared->registry->parts.log,
	              status == BMX_PRIMARY_DOWN ? BMX_LOG_WARN : BMX_LOG_INFO,
	              "primary");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, domain->section->name);
	bmx_log_add_string(&line, BMX_KEY_PRIMARY,
	                   bmx_primary_name(shared->primary));
	bmx_log_add_string(&line, BMX_KEY_RESULT,
	                   bmx_primary_status_name(status));
	bmx_log_add_u64(&line, BMX_KEY_COUNT, shared->domain_count);
	bmx_primary_trouble(shared->primary, &trouble);
	if (status != BMX_PRIMARY_UP && trouble.last_error[0] != '\0')
		bmx_log_add_string(&line, BMX_KEY_ERR, trouble.last_error);
	bmx_log_end(&line);
}

static void
on_change(void *ctx, enum bmx_primary_status before)
{
	struct shared_primary *shared = ctx;
	const enum bmx_primary_status status =
		bmx_primary_knows(shared->primary)->state.status;

	if (status != before)
		log_status(shared, status);
	for (struct primary_domain *d = shared->domains; d;
	     d = d->next_sharing) {
		bmx_primary_domain_changed(d);
		bmx_primary_domain_update(d);
	}
}

static void
shared_free(struct shared_primary *shared)
{
	struct bmx_primaries *registry = shared->registry;

	unqueue(shared);
	if (shared->checking)
		registry->checks--;
	bmx_primary_free(&shared->primary);
	drop_tls(registry, shared->tls);
	free(shared->tls_error);
	free(shared->key);
	free(shared);
	dispatch(registry);
}

static void
forget(struct shared_primary *shared)
{
	struct shared_primary **at =
		&shared->registry->shared[shared->hash % SHARED_BUCKETS];

	while (*at != shared)
		at = &(*at)->next_in_bucket;
	*at = shared->next_in_bucket;
	shared_free(shared);
}

static struct shared_primary *
find(struct bmx_primaries *registry, struct bmx_slice key, uint64_t hash)
{
	struct shared_primary *s = registry->shared[hash % SHARED_BUCKETS];

	while (s &&
	       !(s->hash == hash && bmx_slice_equal(bmx_slice_of(s->key), key)))
		s = s->next_in_bucket;
	return s;
}

/* Without a context there is no call-ahead; checks need none. */
static void
open_tls(struct shared_primary *shared, const struct primary_domain *domain)
{
	const struct bmx_config_domain *section = domain->section;
	struct bmx_log_line line;
	struct bmx_error err;

	if (section->tls == BMX_TLS_NONE)
		return;
	shared->tls = use_tls(shared->registry, section->tls_ca_file, &err);
	if (shared->tls)
		return;
	shared->tls_error = strdup(err.text);
	bmx_log_begin(&line, shared->registry->parts.log, BMX_LOG_ERROR,
	              "primary-tls");
	bmx_log_add_string(&line, BMX_KEY_DOMAIN, section->name);
	bmx_log_add_string(&line, BMX_KEY_ERR, err.text);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "correct tls_ca_file and reload; the primary is "
	                   "asked about no recipient until then");
	bmx_log_end(&line);
}

static int
open_primary(struct shared_primary *shared, struct primary_domain *domain,
             struct bmx_error *err)
{
	struct bmx_primaries *registry = shared->registry;
	const struct bmx_config_domain *section = domain->section;
	const struct bmx_primary_parts parts = {
		.loop = registry->parts.loop,
		.log = registry->parts.log,
		.metrics = registry->parts.metrics,
		.callbacks = {.tries = make_tries,
	                      .on_due = on_due,
	                      .on_checked = on_checked,
	                      .on_change = on_change,
	                      .on_result = registry->parts.on_result,
	                      .result_ctx = registry->parts.ctx,
	                      .ctx = shared}};
	const struct bmx_primary_settings settings = {
		.name = bmx_targets_get(domain->targets)->text,
		.hostname = registry->config->hostname,
		.tls = section->tls,
		.tls_context = shared->tls ? shared->tls->context : NULL,
		.probe_sender = section->probe_sender,
		.probe_rate = section->probe_rate,
		.probe_connections = section->probe_connections,
		.check_interval_ms = section->check_interval_ms};

	shared->primary = bmx_primary_new(
		&parts, &settings, bmx_primary_domain_knows(domain), 0, err);
	return shared->primary ? 0 : -1;
}

/* Makes a primary that begins with what the domain's former one knew. */
static struct shared_primary *
make(struct primary_domain *domain, struct bmx_slice key, uint64_t hash)
{
	struct bmx_primaries *registry = domain->registry;
	struct shared_primary *shared = calloc(1, sizeof(*shared));
	struct bmx_error err = {BMX_E_NOMEM, "no memory for a primary"};

	if (shared) {
		shared->registry = registry;
		shared->hash = hash;
		shared->key = strndup(key.data, key.len);
		open_tls(shared, domain);
	}
	if (!shared || !shared->key ||
	    open_primary(shared, domain, &err) != 0) {
		bmx_log_error(registry->parts.log, BMX_LOG_ERROR,
		              "primary-failed", err.text, NULL);
		if (shared)
			shared_free(shared);
		return NULL;
	}
	shared->next_in_bucket = registry->shared[hash % SHARED_BUCKETS];
	registry->shared[hash % SHARED_BUCKETS] = shared;
	return shared;
}

/* Takes domain out of its primary. @return that, if nobody else has it */
static struct shared_primary *
leave(struct primary_domain *domain)
{
	struct shared_primary *shared = domain->shared;
	struct primary_domain **at;

	if (!shared)
		return NULL;
	domain->carried = *bmx_primary_knows(shared->primary);
	at = &shared->domains;
	while (*at != domain)
		at = &(*at)->next_sharing;
	*at = domain->next_sharing;
	domain->shared = NULL;
	return --shared->domain_count == 0 ? shared : NULL;
}

static void
join(struct primary_domain *domain, struct shared_primary *shared)
{
	domain->shared = shared;
	domain->next_sharing = shared->domains;
	shared->domains = domain;
	shared->domain_count++;
}

void
bmx_primary_domain_settle(struct primary_domain *domain)
{
	struct bmx_primaries *registry = domain->registry;
	struct shared_primary *wanted = NULL;
	struct shared_primary *unused;
	char buffer[KEY_MAX];
	struct bmx_text key;

	bmx_text_init(&key, buffer, sizeof(buffer));
	if (domain->targets &&
	    bmx_targets_get(domain->targets)->state == BMX_TARGETS_READY &&
	    make_key(domain, &key) == 0) {
		const uint64_t hash =
			bmx_siphash24(registry->key, key.data, key.len);

		wanted = find(registry, bmx_text_slice(&key), hash);
		if (!wanted)
			wanted = make(domain, bmx_text_slice(&key), hash);
	}
	if (wanted == domain->shared)
		return;
	unused = leave(domain);
	if (wanted)
		join(domain, wanted);
	if (wanted && domain->carried.state.checked_at_ms != 0)
		bmx_primary_resume(wanted->primary, &domain->carried);
	bmx_primary_domain_changed(domain);
	bmx_primary_domain_update(domain);
	/* Last: whoever waits for an answer of it is called back. */
	if (unused)
		forget(unused);
}

void
bmx_primary_domain_detach(struct primary_domain *domain)
{
	struct shared_primary *unused = leave(domain);

	if (unused)
		forget(unused);
}
