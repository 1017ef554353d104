#include "milter/scanners/ask.h"

#include "milter/scanners/http.h"

typedef int ask_function(const char *url,
                         const struct bmx_scan_message *message,
                         struct bmx_patience *patience,
                         struct bmx_scan_reply *reply_out,
                         struct bmx_error *err);

static ask_function *const functions[] = {
	[BMX_SCANNER_RSPAMD] = bmx_rspamd_ask,
	[BMX_SCANNER_SPAMD] = bmx_spamd_ask,
	[BMX_SCANNER_CLAMD] = bmx_clamd_ask,
};

int
bmx_scan_global_init(void)
{
	return bmx_http_global_init();
}

int
bmx_scan_ask(enum bmx_config_scanner_type type, const char *url,
             const struct bmx_scan_message *message,
             struct bmx_patience *patience, struct bmx_scan_reply *reply_out,
             struct bmx_error *err)
{
	return functions[type](url, message, patience, reply_out, err);
}

bool
bmx_scan_is_http(enum bmx_config_scanner_type type)
{
	return type == BMX_SCANNER_RSPAMD;
}
