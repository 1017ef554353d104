/*
 * edits.h - what is changed about a message, as calls of libmilter.
 */
#ifndef BACKUPMX_MILTER_EDITS_H
#define BACKUPMX_MILTER_EDITS_H

#include "milter/session.h"

/** libmilter's SMFICTX. */
struct smfi_str;

/**
 * Takes out what is to go, adds what scanners ask for, then puts our own
 * fields on top, and has the message held if it is to be. At the end of a
 * message only.
 * @return 0, or -1 when libmilter did not take one of them
 */
int bmx_edits_apply(struct smfi_str *ctx,
                    const struct bmx_session_edits *edits);

#endif
