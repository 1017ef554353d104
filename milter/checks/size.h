/*
 * size.h - how large a message is, and whether the primary would take it.
 *
 * Counted is what SMTP transfers (RFC 1870 section 5): header fields with
 * their line ends, the empty line and the body. Pure.
 */
#ifndef BACKUPMX_MILTER_CHECKS_SIZE_H
#define BACKUPMX_MILTER_CHECKS_SIZE_H

#include <stdint.h>

#include <backupmx/slice.h>

#include "milter/checks/check.h"

/** Octets of a field as libmilter hands it over: without the blank behind the
 * colon, and with bare line feeds. */
uint64_t bmx_size_of_field(struct bmx_slice name, struct bmx_slice body);

/** limit 0 is none; octets 0 is not known. */
enum bmx_finding bmx_size_check(int64_t limit, uint64_t octets);

/** What the client said behind SIZE=; 0 when it is no number. */
uint64_t bmx_size_announced(struct bmx_slice text);

#endif
