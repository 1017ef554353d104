#include "tests/replay/scripted_list.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static int
begin(void *ctx, struct bmx_error *err)
{
	struct scripted_list *list = ctx;

	assert(!list->reading);
	if (list->begin_fails)
		return bmx_error_set(err, BMX_E_IO, "begin fails");
	list->reading = true;
	return 0;
}

static void
end(void *ctx)
{
	struct scripted_list *list = ctx;

	assert(list->reading);
	list->reading = false;
}

static uint64_t
version(void *ctx)
{
	const struct scripted_list *list = ctx;

	assert(list->reading);
	return list->version;
}

static int
meta(void *ctx, struct bmx_slice domain, struct bmx_list_meta *meta_out,
     struct bmx_error *err)
{
	const struct scripted_list *list = ctx;

	assert(list->reading);
	if (list->meta_fails)
		return bmx_error_set(err, BMX_E_CORRUPT, "meta fails");
	for (size_t i = 0; i < list->count; i++) {
		if (!bmx_slice_equal(bmx_slice_of(list->domains[i].name),
		                     domain))
			continue;
		*meta_out = list->domains[i].meta;
		return meta_out->generation > 0;
	}
	return 0;
}

static int
find(void *ctx, uint32_t domain_id, struct bmx_slice local,
     enum bmx_recipient_state *state_out, struct bmx_error *err)
{
	const struct scripted_list *list = ctx;
	const struct scripted_domain *domain = &list->domains[domain_id];

	assert(list->reading);
	if (list->find_fails)
		return bmx_error_set(err, BMX_E_IO, "find fails");
	for (size_t i = 0; i < domain->count; i++) {
		if (!bmx_slice_equal(bmx_slice_of(domain->locals[i]), local))
			continue;
		*state_out = domain->states[i];
		return 1;
	}
	return 0;
}

struct bmx_list_source
scripted_list_source(struct scripted_list *list)
{
	return (struct bmx_list_source){begin, end, version, meta, find, list};
}

struct scripted_domain *
scripted_list_domain(struct scripted_list *list, const char *name)
{
	struct scripted_domain *domain;

	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->domains[i].name, name) == 0)
			return &list->domains[i];
	if (list->count == SCRIPTED_DOMAINS)
		abort();
	domain = &list->domains[list->count];
	domain->meta.id = (uint32_t)list->count++;
	(void)snprintf(domain->name, sizeof(domain->name), "%s", name);
	return domain;
}

static enum bmx_recipient_state
state_of(const char *name)
{
	if (strcmp(name, "full") == 0)
		return BMX_RECIPIENT_FULL;
	if (strcmp(name, "disabled") == 0)
		return BMX_RECIPIENT_DISABLED;
	abort();
}

void
scripted_list_add(struct scripted_domain *domain, const char *entry)
{
	const char *colon = strchr(entry, ':');
	const size_t len = colon ? (size_t)(colon - entry) : strlen(entry);

	if (domain->count == SCRIPTED_ENTRIES || len >= BMX_LOCAL_BUFFER)
		abort();
	memcpy(domain->locals[domain->count], entry, len);
	domain->locals[domain->count][len] = '\0';
	domain->states[domain->count] =
		colon ? state_of(colon + 1) : BMX_RECIPIENT_ACTIVE;
	if (strcmp(entry, BMX_LOCAL_WILDCARD) == 0)
		domain->meta.has_wildcard = true;
	domain->count++;
}
