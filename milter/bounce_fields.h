/*
 * bounce_fields.h - what the fields of a bounce's parts say; the half of
 * bounce_report.h that knows their names.
 */
#ifndef BACKUPMX_MILTER_BOUNCE_FIELDS_H
#define BACKUPMX_MILTER_BOUNCE_FIELDS_H

#include <backupmx/slice.h>

#include "milter/bounce_report.h"

/** A field of a part's own header, whole. */
void bmx_bounce_field_of_part(struct bmx_bounce_report *report,
                              struct bmx_slice field);

/** A field of the delivery-status part. */
void bmx_bounce_field_of_status(struct bmx_bounce_report *report,
                                struct bmx_slice field);

/** A field of the header that comes back. */
void bmx_bounce_field_of_returned(struct bmx_bounce_report *report,
                                  struct bmx_slice field);

/** A group of the delivery-status part has ended. */
void bmx_bounce_end_group(struct bmx_bounce_report *report);

#endif
