/*
 * mime_type.h - the body of a Content-Type field.
 */
#ifndef BACKUPMX_MILTER_MIME_TYPE_H
#define BACKUPMX_MILTER_MIME_TYPE_H

#include <stdbool.h>

#include <backupmx/slice.h>
#include <backupmx/text.h>

/** Is body of that type, "message/rfc822", whatever the case? Parameters and
 * comments may follow. */
bool bmx_mime_type_is(struct bmx_slice body, struct bmx_slice type);

/**
 * Finds a parameter, whatever the case of its name, the first of that name;
 * a quoted one without its quoting. RFC 2045 section 5.1.
 * @return true with value_out filled
 */
bool bmx_mime_type_parameter(struct bmx_slice body, struct bmx_slice name,
                             struct bmx_text *value_out);

#endif
