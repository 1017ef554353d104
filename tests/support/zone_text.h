/* A zone from one text, for tables of tests. */
#ifndef BACKUPMX_TESTS_ZONE_TEXT_H
#define BACKUPMX_TESTS_ZONE_TEXT_H

#include "tests/support/zone.h"

/* "NAME TYPE DATA; NAME TYPE DATA"; TYPE is A, AAAA, MX, TLSA, TXT, CNAME, or
 * FAIL, without data: see zone_add_failure. The caller frees the zone. Exits
 * when an entry is none. */
struct zone *zone_of_text(const char *text);

#endif
