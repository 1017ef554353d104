#include <assert.h>

#include "eval.h"

void
bmx_spf_stop(struct bmx_spf_eval *eval, enum bmx_spf_stop stop, const char *why,
             struct bmx_slice about)
{
	struct bmx_text text;

	assert(stop != BMX_SPF_GOES_ON);
	if (eval->stop != BMX_SPF_GOES_ON)
		return;
	eval->stop = stop;
	bmx_text_init(&text, eval->verdict->problem,
	              sizeof(eval->verdict->problem));
	bmx_text_append_string(&text, why);
	if (about.len == 0)
		return;
	bmx_text_append_string(&text, " '");
	for (size_t i = 0; i < about.len && i < 100; i++) {
		const char c = about.data[i];

		bmx_text_append_char(&text, c < 0x20 || c > 0x7e ? '?' : c);
	}
	bmx_text_append_char(&text, '\'');
}

bool
bmx_spf_count_term(struct bmx_spf_eval *eval, struct bmx_slice about)
{
	if (eval->verdict->terms >= BMX_SPF_TERMS_MAX) {
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM,
		             "more than 10 terms that ask DNS, at", about);
		return false;
	}
	eval->verdict->terms++;
	return true;
}

bool
bmx_spf_count_void(struct bmx_spf_eval *eval,
                   const struct bmx_dns_answer *answer, struct bmx_slice about)
{
	if (answer->status != BMX_DNS_NODATA &&
	    answer->status != BMX_DNS_NXDOMAIN)
		return true;
	if (eval->verdict->voids >= BMX_SPF_VOIDS_MAX) {
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM,
		             "more than 2 look-ups found nothing, at", about);
		return false;
	}
	eval->verdict->voids++;
	return true;
}

static const struct bmx_dns_answer *
no_answer(void)
{
	return bmx_dns_answer_new(BMX_DNS_TEMPFAIL, BMX_DNS_TXT, 0, NULL, 0);
}

static bool
is_late(const struct bmx_spf_eval *eval)
{
	return bmx_clock_mono_us(eval->clock) >= eval->deadline_us;
}

const struct bmx_dns_answer *
bmx_spf_ask(struct bmx_spf_eval *eval, struct bmx_slice name,
            enum bmx_dns_type type)
{
	const struct bmx_dns_source *dns = &eval->request->dns;
	const struct bmx_dns_answer *answer;

	if (is_late(eval)) {
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "no time left for", name);
		return no_answer();
	}
	eval->verdict->lookups++;
	answer = dns->resolve(dns->ctx, name, type, eval->deadline_us);
	/* A ptr goes on after a failure, but nothing does after the deadline:
	 * the -all behind it would reject for a server that is slow. */
	if (answer->status == BMX_DNS_TEMPFAIL && is_late(eval))
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "no answer in time for",
		             name);
	return answer;
}
