/* DNS for the checks out of a zone in memory, slow or silent at will. To be
 * included by one test program after cmocka.h. */
#ifndef BACKUPMX_TESTS_FAKE_DNS_H
#define BACKUPMX_TESTS_FAKE_DNS_H

#include <stdlib.h>
#include <string.h>

#include "milter/checks/lookups.h"
#include "tests/support/zone.h"

struct fake_dns {
	struct zone *zone;
	bool slow;        /* not done until it is waited for */
	bool silent;      /* every wait ends without an answer */
	unsigned started; /* questions in all */
	int open;         /* neither waited for nor cancelled */
	int64_t latest_deadline_us;
};

struct fake_query {
	struct fake_dns *dns;
	enum bmx_dns_type type;
	char name[BMX_DNS_NAME_MAX + 1];
};

static struct bmx_dns_query *
fake_start(void *ctx, struct bmx_slice name, enum bmx_dns_type type)
{
	struct fake_query *query = calloc(1, sizeof(*query));
	struct fake_dns *dns = ctx;

	assert_non_null(query);
	assert_in_range(name.len, 1, BMX_DNS_NAME_MAX);
	query->dns = dns;
	query->type = type;
	memcpy(query->name, name.data, name.len);
	dns->started++;
	dns->open++;
	return (struct bmx_dns_query *)query;
}

static bool
fake_done(const struct bmx_dns_query *query)
{
	return !((const struct fake_query *)query)->dns->slow;
}

static void
fake_cancel(struct bmx_dns_query **query)
{
	struct fake_query *fake = (struct fake_query *)*query;

	if (fake)
		fake->dns->open--;
	free(fake);
	*query = NULL;
}

static const struct bmx_dns_answer *
fake_wait(struct bmx_dns_query **query, int64_t deadline_us)
{
	const struct fake_query *fake = (const struct fake_query *)*query;
	const struct bmx_dns_source source = zone_source(fake->dns->zone);
	const struct bmx_dns_answer *answer;

	if (deadline_us > fake->dns->latest_deadline_us)
		fake->dns->latest_deadline_us = deadline_us;
	if (fake->dns->silent)
		answer = bmx_dns_answer_new(BMX_DNS_TEMPFAIL, fake->type, 0,
		                            NULL, 0);
	else
		answer = source.resolve(source.ctx, bmx_slice_of(fake->name),
		                        fake->type, deadline_us);
	fake_cancel(query);
	return answer;
}

static struct bmx_check_dns
fake_dns_of(struct fake_dns *dns)
{
	return (struct bmx_check_dns){fake_start, fake_done, fake_wait,
	                              fake_cancel, dns};
}

#endif
