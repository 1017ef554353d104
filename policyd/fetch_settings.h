/*
 * fetch_settings.h - a copy of a domain's section fetch that outlives the
 * configuration it came from.
 */
#ifndef BACKUPMX_POLICYD_FETCH_SETTINGS_H
#define BACKUPMX_POLICYD_FETCH_SETTINGS_H

#include <stdbool.h>

#include <backupmx/config.h>

/** Copies from, whose strings may be NULL: they are then "".
 * @return 0 with *to, which the caller clears, or -1 when memory is short */
int bmx_fetch_settings_copy(const struct bmx_config_fetch *from,
                            struct bmx_config_fetch *to);

/** Frees what a copy holds; a zeroed one is fine. */
void bmx_fetch_settings_clear(struct bmx_config_fetch *copy);

/** Do two copies say the same? */
bool bmx_fetch_settings_equal(const struct bmx_config_fetch *a,
                              const struct bmx_config_fetch *b);

#endif
