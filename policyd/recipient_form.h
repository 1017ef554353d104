/*
 * recipient_form.h - an address that an administrator typed, in the form in
 * which records are kept.
 */
#ifndef BACKUPMX_POLICYD_RECIPIENT_FORM_H
#define BACKUPMX_POLICYD_RECIPIENT_FORM_H

#include <backupmx/address.h>
#include <backupmx/config.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

struct bmx_recipient_form {
	const struct bmx_config_domain *section;
	struct bmx_slice local;  /* borrows from the form, or from the text */
	struct bmx_slice domain; /* borrows from the form */
	char local_buffer[BMX_LOCAL_BUFFER];
	char domain_buffer[BMX_DOMAIN_BUFFER];
};

/**
 * Reads address, which must outlive the form; the form must not be moved.
 * @return 0, or -1 with *err: BMX_E_SYNTAX (no address that can be a
 *         recipient's), BMX_E_NOT_FOUND (no section for its domain)
 */
int bmx_recipient_form_read(struct bmx_recipient_form *form,
                            const struct bmx_config *config,
                            struct bmx_slice address, struct bmx_error *err);

/** Sets *err for a domain that is not served. Returns -1. */
int bmx_recipient_not_served(const struct bmx_config *config,
                             struct bmx_error *err);

#endif
