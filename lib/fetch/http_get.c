#include <backupmx/http_get.h>

#include <stdlib.h>
#include <string.h>

#include <backupmx/clock.h>
#include <backupmx/text.h>

#include "curl_get.h"
#include "fetch_priv.h"

/* A host's name, ":443:" and an address in brackets. */
#define RESOLVE_SIZE 400

static void
fill_page(struct bmx_http_page *page, const struct curl_got *got,
          struct fetch_answer *answer)
{
	*page = (struct bmx_http_page){
		.status = got->status,
		.data = answer->text.data,
		.len = answer->text.len,
	};
	_Static_assert(sizeof(page->type) == sizeof(got->content_type),
	               "a type that fits here fits there");
	memcpy(page->type, got->content_type, sizeof(page->type));
	answer->text = (struct fetch_buffer){0}; /* handed over */
}

int
bmx_http_get(const struct bmx_http_get *get, struct bmx_http_page *page_out,
             struct bmx_error *err)
{
	static const char *const none = "";
	const struct bmx_config_fetch settings = {
		.tls_ca_file = get->ca_file,
		.tls_cert_file = none,
		.tls_key_file = none,
	};
	char url[CURL_GET_URL_MAX], resolve[RESOLVE_SIZE];
	struct fetch_answer answer = {.text = {.max = get->max}};
	struct curl_get request = {
		.protocol = CURL_GET_HTTPS,
		.url = url,
		.settings = &settings,
		.deadline_ms =
			bmx_clock_mono_ms(bmx_clock_system()) + get->timeout_ms,
	};
	struct bmx_text text;
	struct curl_got got;

	bmx_text_init(&text, url, sizeof(url));
	bmx_text_printf(&text, "https://%s%s", get->host, get->path);
	if (text.cut)
		return bmx_error_set(err, BMX_E_USAGE, "a shorter address");
	if (get->address) {
		bmx_text_init(&text, resolve, sizeof(resolve));
		bmx_text_printf(&text, "%s:443:%s", get->host, get->address);
		request.resolve = resolve;
	}
	if (curl_get(&request, &got, &answer, err) != 0) {
		fetch_buffer_clear(&answer.text);
		return -1;
	}
	fill_page(page_out, &got, &answer);
	return 0;
}

void
bmx_http_page_clear(struct bmx_http_page *page)
{
	free(page->data);
	*page = (struct bmx_http_page){0};
}
