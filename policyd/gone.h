/*
 * gone.h - the control socket's verb "gone": a bounce says that the primary
 * does not know a recipient.
 */
#ifndef BACKUPMX_POLICYD_GONE_H
#define BACKUPMX_POLICYD_GONE_H

#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>

#include "policyd/learn.h"

/**
 * Takes the word of a bounce on address.
 * @return 0 with *gone_out, or -1 with *err: BMX_E_SYNTAX, BMX_E_NOT_FOUND
 *         (its domain is not served), or what reading the lists fails with
 */
int bmx_gone_take(struct bmx_learner *learner, struct bmx_list_store *lists,
                  const struct bmx_config *config, struct bmx_slice address,
                  enum bmx_gone *gone_out, struct bmx_error *err);

#endif
