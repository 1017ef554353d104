#include "policyd/forget.h"

#include <string.h>

#include <backupmx/address.h>
#include <backupmx/record_line.h>

#include "policyd/recipient_form.h"

static int
forget_domain(struct bmx_record_store *records, const struct bmx_config *config,
              struct bmx_slice text, struct bmx_error *err)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice domain;

	if (bmx_domain_normalise(text, buffer, &domain) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "expected an address or a domain");
	if (!bmx_config_find_domain(config, domain))
		return bmx_recipient_not_served(config, err);
	records->ops->remove_domain(records, BMX_RECORD_VERIFICATION, domain);
	return 0;
}

static int
forget_address(struct bmx_record_store *records,
               const struct bmx_config *config, struct bmx_slice address,
               struct bmx_error *err)
{
	struct bmx_recipient_form form;
	struct bmx_record_key key = {.kind = BMX_RECORD_VERIFICATION};

	if (bmx_recipient_form_read(&form, config, address, err) != 0)
		return -1;
	key.domain = form.domain;
	key.name = form.local;
	records->ops->remove(records, &key);
	return 0;
}

int
bmx_forget(struct bmx_record_store *records, const struct bmx_config *config,
           struct bmx_slice what, struct bmx_error *err)
{
	if (what.len > 0 && memchr(what.data, '@', what.len))
		return forget_address(records, config, what, err);
	return forget_domain(records, config, what, err);
}

int
bmx_keep(struct bmx_record_store *records, const struct bmx_config *config,
         struct bmx_slice line, struct bmx_error *err)
{
	struct bmx_record_line parsed;

	if (bmx_record_line_parse(line, &parsed, err) != 0)
		return -1;
	if (!bmx_config_find_domain(config, parsed.key.domain))
		return bmx_recipient_not_served(config, err);
	records->ops->put(records, &parsed.key, &parsed.record);
	return 0;
}
