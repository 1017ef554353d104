/*
 * fake_dns.h - an asker that answers from a zone in memory, when the test
 * says so: for scenarios on the fake loop.
 */
#ifndef BACKUPMX_TESTS_FAKE_DNS_H
#define BACKUPMX_TESTS_FAKE_DNS_H

#include <stddef.h>

#include <backupmx/dns_loop.h>

#include "tests/support/zone.h"

struct fake_dns;

/* Borrows zone and loop. Answers after 0 ms, unsigned. Exits when memory is
 * short. */
struct fake_dns *fake_dns_new(struct zone *zone, struct bmx_loop *loop);
/* Open questions are cancelled. */
void fake_dns_free(struct fake_dns **dns);

struct bmx_dns_asker *fake_dns_asker(struct fake_dns *dns);

/* From now on questions are answered after delay_ms; less than 0: never. */
void fake_dns_delay(struct fake_dns *dns, int64_t delay_ms);
/* From now on all fail (true) or are answered from the zone. */
void fake_dns_fail(struct fake_dns *dns, bool fail);
/* From now on answers are validated, but for names below `unsigned_below`
 * ("" none; borrowed). */
void fake_dns_sign(struct fake_dns *dns, bool secure,
                   const char *unsigned_below);

/* Another zone, borrowed: for records that change. */
void fake_dns_set_zone(struct fake_dns *dns, struct zone *zone);

/* Questions asked since the start, and those that are open. */
size_t fake_dns_asked(const struct fake_dns *dns);
size_t fake_dns_open(const struct fake_dns *dns);

#endif
