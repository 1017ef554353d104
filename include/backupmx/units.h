/*
 * units.h - durations and sizes as they are written in the configuration:
 * a whole number and a unit, nothing between, nothing after.
 */
#ifndef BACKUPMX_UNITS_H
#define BACKUPMX_UNITS_H

#include <stdint.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

/**
 * Reads "250ms", "30s", "5m", "2h", "7d", "2w".
 * @return 0 with *ms_out set, or -1 when the unit is missing or unknown, the
 *         number is missing, signed, or too large for int64_t milliseconds
 */
int bmx_units_parse_duration(struct bmx_slice text, int64_t *ms_out);

/**
 * Reads "512", "64K", "10M", "2G" (powers of 1024) into octets.
 * @return 0 with *bytes_out set, or -1 as above
 */
int bmx_units_parse_size(struct bmx_slice text, int64_t *bytes_out);

/**
 * Reads a whole decimal number without sign.
 * @return 0 with *value_out set, or -1 for anything else or past INT64_MAX
 */
int bmx_units_parse_number(struct bmx_slice text, int64_t *value_out);

/** Appends ms in the largest unit that divides it: 300000 is "5m". */
void bmx_units_append_duration(struct bmx_text *text, int64_t ms);

/** Appends bytes in the largest unit that divides it: 10485760 is "10M". */
void bmx_units_append_size(struct bmx_text *text, int64_t bytes);

#endif
