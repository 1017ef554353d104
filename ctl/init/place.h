/*
 * place.h - where a plan goes: a new configuration, or files of its own in
 * conf.d beside one that is there.
 */
#ifndef BACKUPMX_CTL_INIT_PLACE_H
#define BACKUPMX_CTL_INIT_PLACE_H

#include <limits.h>

#include <backupmx/config.h>

#include "ctl/init/plan.h"

/** Tells of each file that was written. */
typedef void bmxctl_wrote_cb(void *ctx, const char *path);

/**
 * Writes a new configuration at path. It is checked beside its place first,
 * and what is at path, a symbolic link that leads nowhere among it, is never
 * replaced. Mode 0640 and group backupmx, where that group is and we may; else
 * 0644.
 * @return 0, or -1 with *err: BMX_E_BUSY (something is at path), BMX_E_SYNTAX,
 *         BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_IO, BMX_E_NOMEM
 */
int bmxctl_place_new(const struct bmxctl_plan *plan, const char *path,
                     bmxctl_wrote_cb *wrote, void *ctx, struct bmx_error *err);

/**
 * Writes conf.d/DOMAIN.conf beside the configuration at path, for each domain,
 * all or none; files that are there are not touched. The configuration, which
 * is existing, must include them.
 * @return 0, or -1 with *err as bmxctl_place_new; BMX_E_BUSY when a domain has
 *         a section or a file already, BMX_E_REFUSED when path does not
 *         include conf.d/DOMAIN.conf
 */
int bmxctl_place_beside(const struct bmxctl_plan *plan, const char *path,
                        const struct bmx_config *existing,
                        bmxctl_wrote_cb *wrote, void *ctx,
                        struct bmx_error *err);

#endif
