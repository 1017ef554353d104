#include <string.h>

#include "eval.h"
#include "name.h"

/* What %{p} is asked with. */
struct context {
	struct bmx_spf_eval *eval;
	const struct bmx_spf_record *record;
};

/* Once a record: a text may hold thousands of %{p}. */
static struct bmx_slice
validated_cb(void *ctx)
{
	const struct context *context = ctx;
	struct bmx_spf_eval *eval = context->eval;

	if (eval->validated_of != context->record) {
		struct bmx_slice name = bmx_spf_validated_name(
			eval, context->record->domain, false, eval->validated);

		if (name.len == 0)
			memcpy(eval->validated, "unknown", sizeof("unknown"));
		eval->validated_of = context->record;
	}
	return bmx_slice_of(eval->validated);
}

static struct bmx_spf_macro_values
values_of(struct context *context)
{
	const struct bmx_spf_eval *eval = context->eval;
	const char *receiver = eval->request->receiver;

	return (struct bmx_spf_macro_values){
		.sender = eval->sender,
		.local = eval->local,
		.origin = eval->domain,
		.domain = context->record->domain,
		.helo = eval->helo,
		.receiver = bmx_slice_of(receiver ? receiver : "unknown"),
		.address = eval->address,
		.address_len = eval->address_len,
		.time_s = bmx_clock_wall_ms(eval->clock) / 1000,
		.validated = validated_cb,
		.ctx = context,
	};
}

struct bmx_slice
bmx_spf_expand_name(struct bmx_spf_eval *eval,
                    const struct bmx_spf_record *record, struct bmx_slice spec,
                    char buffer[BMX_SPF_NAME_BUFFER])
{
	struct context context = {eval, record};
	struct bmx_spf_macro_values values;

	if (spec.len == 0)
		return record->domain;
	if (!memchr(spec.data, '%', spec.len))
		return bmx_spf_name_fit(spec);
	values = values_of(&context);
	return bmx_spf_macro_name(spec, &values, buffer);
}

/* The text of the one TXT record at the name that exp= names. */
static bool
expand_text(struct bmx_spf_eval *eval, const struct bmx_spf_record *record,
            const struct bmx_dns_answer *answer, struct bmx_text *text)
{
	struct context context = {eval, record};
	const struct bmx_spf_macro_values values = values_of(&context);

	if (answer->count != 1 ||
	    !bmx_spf_macro_is_explanation(answer->records[0].text))
		return false;
	bmx_spf_macro_explanation(answer->records[0].text, &values, text);
	return !text->cut;
}

static bool
explain_as_told(struct bmx_spf_eval *eval, struct bmx_text *text)
{
	const struct bmx_spf_record *record = eval->leading;
	char buffer[BMX_SPF_NAME_BUFFER];
	const struct bmx_dns_answer *answer;
	bool good;

	if (!record->outline.has_exp)
		return false;
	answer = bmx_spf_ask(
		eval,
		bmx_spf_expand_name(eval, record, record->outline.exp, buffer),
		BMX_DNS_TXT);
	good = expand_text(eval, record, answer, text);
	bmx_dns_answer_unref(&answer);
	return good;
}

void
bmx_spf_explain(struct bmx_spf_eval *eval)
{
	const char *fallback = eval->request->explanation;
	struct bmx_spf_verdict *verdict = eval->verdict;
	struct bmx_text text;

	bmx_text_init(&text, verdict->explanation,
	              sizeof(verdict->explanation));
	if (explain_as_told(eval, &text))
		return;
	bmx_text_init(&text, verdict->explanation,
	              sizeof(verdict->explanation));
	bmx_text_append_string(&text, fallback ? fallback : "");
}
