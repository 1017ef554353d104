/*
 * config_names.h - the known name that a mistyped one most likely meant.
 */
#ifndef BACKUPMX_CONFIG_NAMES_H
#define BACKUPMX_CONFIG_NAMES_H

#include <stddef.h>

/** Longer names than this are compared with nothing. */
#define BMX_CONFIG_NAME_MAX ((size_t)63)

/**
 * The name of names[0..count) with the smallest edit distance (insertions,
 * deletions, replacements, neighbours swapped), if that is at most a third of
 * the longer name's length, but at least one. Any thread.
 * @return one of names, or NULL when none is near
 */
const char *bmx_config_nearest_name(const char *name, const char *const *names,
                                    size_t count);

#endif
