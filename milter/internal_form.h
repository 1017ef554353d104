/*
 * internal_form.h - an SMTP address without its quoting, as Postfix hands it
 * to a policy service.
 *
 * A milter gets addresses in external form: "joe smith"@example.test. Postfix
 * tells policyd joe smith@example.test, and so must we: in what policyd reads
 * a '"' is part of the name, so the quoted form would be an unknown user.
 */
#ifndef BACKUPMX_MILTER_INTERNAL_FORM_H
#define BACKUPMX_MILTER_INTERNAL_FORM_H

#include <backupmx/slice.h>

/**
 * Takes quotes and backslashes off the local part, once: "\"joe\""@d becomes
 * "joe"@d. An address without '@' is all local part. buffer has room for
 * address.len octets and must not be address's own. Source: Postfix 3.7,
 * unquote_822_local.
 * @return the result, borrowing from address when there is no quoting in it,
 *         else from buffer
 */
struct bmx_slice bmx_internal_form(struct bmx_slice address, char *buffer);

#endif
