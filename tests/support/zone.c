#include "tests/support/zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 64
#define CHAIN_MAX 8
#define CNAME_TYPE 5
#define FAILURE_TYPE 0

struct entry {
	struct entry *next;
	int type;
	struct bmx_dns_record record;
	char *data;
	char name[];
};

struct zone {
	struct entry *first;
	struct entry **last;
};

static void *
must(void *memory)
{
	if (!memory) {
		(void)fprintf(stderr, "zone: no memory\n");
		exit(1);
	}
	return memory;
}

struct zone *
zone_new(void)
{
	struct zone *zone = must(calloc(1, sizeof(*zone)));

	zone->last = &zone->first;
	return zone;
}

void
zone_free(struct zone **zone)
{
	struct entry *entry = *zone ? (*zone)->first : NULL;

	while (entry) {
		struct entry *next = entry->next;

		free(entry->data);
		free(entry);
		entry = next;
	}
	free(*zone);
	*zone = NULL;
}

static struct entry *
add(struct zone *zone, const char *name, int type, struct bmx_slice data)
{
	const size_t size = strlen(name) + 1;
	struct entry *entry = must(calloc(1, sizeof(*entry) + size));

	memcpy(entry->name, name, size);
	entry->type = type;
	entry->data = must(calloc(1, data.len + 1));
	if (data.len > 0)
		memcpy(entry->data, data.data, data.len);
	entry->record.text = (struct bmx_slice){entry->data, data.len};
	*zone->last = entry;
	zone->last = &entry->next;
	return entry;
}

static void
read_tlsa(struct entry *entry)
{
	struct bmx_dns_record *record = &entry->record;
	const char *last = entry->data + record->text.len;
	uint8_t *numbers[] = {&record->usage, &record->selector,
	                      &record->matching_type};
	char *end = entry->data;

	for (size_t i = 0; i < 3; i++)
		*numbers[i] = (uint8_t)strtoul(end, &end, 10);
	end += *end == ' ';
	record->text = (struct bmx_slice){end, (size_t)(last - end)};
}

void
zone_add(struct zone *zone, const char *name, enum bmx_dns_type type,
         struct bmx_slice data)
{
	struct entry *entry = add(zone, name, (int)type, data);
	char *end = NULL;

	if (type == BMX_DNS_TXT)
		entry->record.has_nul =
			data.len > 0 && memchr(data.data, 0, data.len);
	if (type == BMX_DNS_MX) {
		entry->record.preference =
			(uint16_t)strtoul(entry->data, &end, 10);
		end += *end == ' ';
		entry->record.text = bmx_slice_of(end);
	}
	if (type == BMX_DNS_TLSA)
		read_tlsa(entry);
	if (type != BMX_DNS_A && type != BMX_DNS_AAAA)
		return;
	if (inet_pton(type == BMX_DNS_A ? AF_INET : AF_INET6, entry->data,
	              entry->record.address) != 1) {
		(void)fprintf(stderr, "zone: %s: no address\n", entry->data);
		exit(1);
	}
}

void
zone_add_alias(struct zone *zone, const char *name, const char *target)
{
	(void)add(zone, name, CNAME_TYPE, bmx_slice_of(target));
}

void
zone_add_failure(struct zone *zone, const char *name)
{
	(void)add(zone, name, FAILURE_TYPE, (struct bmx_slice){0});
}

static bool
is_name(struct bmx_slice text)
{
	size_t label = 0;

	if (text.len == 0 || text.len > BMX_DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '.' && label == 0)
			return false;
		label = text.data[i] == '.' ? 0 : label + 1;
		if (label > BMX_DNS_LABEL_MAX)
			return false;
	}
	return label > 0;
}

/* The records of one name; an alias and failures are noted beside them. */
struct found {
	struct bmx_dns_record records[RECORDS_MAX];
	size_t count;
	bool exists;
	bool fails;
	const char *alias;
};

static void
collect(const struct zone *zone, struct bmx_slice name, int type,
        struct found *found)
{
	*found = (struct found){0};
	for (const struct entry *at = zone->first; at; at = at->next) {
		if (!bmx_slice_equal_nocase(name, bmx_slice_of(at->name)))
			continue;
		found->exists = true;
		if (at->type == FAILURE_TYPE)
			found->fails = true;
		else if (at->type == CNAME_TYPE)
			found->alias = at->data;
		else if (at->type == type && found->count < RECORDS_MAX)
			found->records[found->count++] = at->record;
	}
}

static const struct bmx_dns_answer *
answer(const struct found *found, enum bmx_dns_type type)
{
	enum bmx_dns_status status = BMX_DNS_NXDOMAIN;

	if (found->count > 0)
		status = BMX_DNS_OK;
	else if (found->fails)
		status = BMX_DNS_TEMPFAIL;
	else if (found->exists)
		status = BMX_DNS_NODATA;
	return bmx_dns_answer_new(status, type, 60, found->records,
	                          found->count);
}

static const struct bmx_dns_answer *
resolve(void *ctx, struct bmx_slice name, enum bmx_dns_type type,
        int64_t deadline_us)
{
	const struct zone *zone = ctx;
	struct found found;

	(void)deadline_us;
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	if (!is_name(name))
		return bmx_dns_answer_new(BMX_DNS_BADNAME, type, 0, NULL, 0);
	collect(zone, name, (int)type, &found);
	for (int i = 0; found.alias && i < CHAIN_MAX; i++)
		collect(zone, bmx_slice_of(found.alias), (int)type, &found);
	return answer(&found, type);
}

struct bmx_dns_source
zone_source(struct zone *zone)
{
	return (struct bmx_dns_source){resolve, zone};
}
