/* A zone in memory as a source of DNS answers; not for several threads while
 * it is filled. */
#ifndef BACKUPMX_TESTS_ZONE_H
#define BACKUPMX_TESTS_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include <backupmx/dns.h>

struct zone;

struct zone *zone_new(void);
void zone_free(struct zone **zone);

/* A: "192.0.2.1"; AAAA: "2001:db8::1"; MX: "10 host"; PTR: name; TXT: octets;
 * TLSA: "3 1 1 octets". Exits when memory is short or an address is none. */
void zone_add(struct zone *zone, const char *name, enum bmx_dns_type type,
              struct bmx_slice data);
/* CNAME. */
void zone_add_alias(struct zone *zone, const char *name, const char *target);
/* Every question for name that has no records of its type fails. */
void zone_add_failure(struct zone *zone, const char *name);

/* Borrows zone. */
struct bmx_dns_source zone_source(struct zone *zone);

#endif
