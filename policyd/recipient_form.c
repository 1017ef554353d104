#include "policyd/recipient_form.h"

int
bmx_recipient_not_served(const struct bmx_config *config, struct bmx_error *err)
{
	return bmx_error_set(
		err, BMX_E_NOT_FOUND, "there is no section for that domain%s",
		bmx_config_any_domain(config) ?
			", and it is not known to be one of \"*\"" :
			"");
}

int
bmx_recipient_form_read(struct bmx_recipient_form *form,
                        const struct bmx_config *config,
                        struct bmx_slice address, struct bmx_error *err)
{
	struct bmx_slice local, domain;
	bool utf8;

	if (bmx_address_split(address, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, form->domain_buffer, &form->domain) !=
	            0)
		return bmx_error_set(err, BMX_E_SYNTAX, "that is no address");
	form->section = bmx_config_find_domain(config, form->domain);
	if (!form->section)
		return bmx_recipient_not_served(config, err);
	if (bmx_local_normalise(local, form->section->case_sensitive,
	                        form->local_buffer, &form->local,
	                        &utf8) != BMX_LOCAL_OK)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "no mailbox can have that local part");
	return 0;
}
