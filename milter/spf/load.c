#include "eval.h"
#include "name.h"

/* The one record among the TXT of a domain (RFC 7208 section 4.5). */
static enum bmx_spf_loaded
select_record(struct bmx_spf_eval *eval, struct bmx_slice domain,
              const struct bmx_dns_answer *answer, struct bmx_slice *text_out)
{
	size_t found = 0;

	for (size_t i = 0; i < answer->count; i++) {
		if (bmx_spf_record_is(answer->records[i].text)) {
			*text_out = answer->records[i].text;
			found++;
		}
	}
	if (found == 0)
		return BMX_SPF_NO_RECORD;
	if (found == 1 && text_out->len <= BMX_SPF_RECORD_MAX)
		return BMX_SPF_LOADED;
	bmx_spf_stop(eval, BMX_SPF_STOP_PERM,
	             found > 1 ? "several records at" : "record too long at",
	             domain);
	return BMX_SPF_LOAD_STOPPED;
}

static bool
copy_into(struct bmx_spf_eval *eval, struct bmx_slice *bytes)
{
	char *copy = bmx_arena_copy(eval->arena, *bytes);

	bytes->data = copy;
	if (!copy)
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "no memory",
		             (struct bmx_slice){0});
	return copy;
}

static enum bmx_spf_loaded
fetch_text(struct bmx_spf_eval *eval, struct bmx_slice domain,
           struct bmx_slice *text_out)
{
	const struct bmx_dns_answer *answer =
		bmx_spf_ask(eval, domain, BMX_DNS_TXT);
	enum bmx_spf_loaded loaded = BMX_SPF_LOAD_STOPPED;

	if (answer->status == BMX_DNS_TEMPFAIL)
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "DNS failed for", domain);
	else
		loaded = select_record(eval, domain, answer, text_out);
	if (loaded == BMX_SPF_LOADED && !copy_into(eval, text_out))
		loaded = BMX_SPF_LOAD_STOPPED;
	bmx_dns_answer_unref(&answer);
	return loaded;
}

/* One more alias; the limits of terms and records bound their number. */
static unsigned
add_alias(struct bmx_spf_eval *eval, const struct bmx_spf_record *record,
          const struct bmx_spf_term *term)
{
	if (eval->alias_count == BMX_SPF_ALIASES_MAX) {
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM, "too many terms at",
		             record->domain);
		return 0;
	}
	eval->aliases[eval->alias_count] =
		(struct bmx_spf_alias){*term, record};
	return eval->alias_count++;
}

/* What has become of a record while its text is generated. */
struct generator {
	struct bmx_spf_eval *eval;
	const struct bmx_spf_record *record;
	struct bmx_text text;
	unsigned shown; /* terms that ask DNS */
	bool done;      /* what follows cannot be reached */
};

static void
show_all(struct generator *generator, char qualifier)
{
	bmx_text_printf(&generator->text, " %call", qualifier);
	generator->done = true;
}

static void
show_alias(struct generator *generator, const struct bmx_spf_term *term)
{
	const unsigned alias =
		add_alias(generator->eval, generator->record, term);

	bmx_text_printf(&generator->text, " %c%s:a%u.s", term->qualifier,
	                term->kind == BMX_SPF_INCLUDE ? "include" : "exists",
	                alias);
	/* The one past the limit ends the evaluation when it is reached. */
	generator->done = ++generator->shown == BMX_SPF_TERMS_SHOWN;
}

static void
show_term(struct generator *generator, const struct bmx_spf_term *term)
{
	switch (term->kind) {
	case BMX_SPF_ALL:
		show_all(generator, term->qualifier);
		break;
	case BMX_SPF_IP4:
	case BMX_SPF_IP6:
		if (bmx_spf_network_matches(generator->eval, term))
			show_all(generator, term->qualifier);
		break;
	case BMX_SPF_INCLUDE:
	case BMX_SPF_A:
	case BMX_SPF_MX:
	case BMX_SPF_PTR:
	case BMX_SPF_EXISTS:
		show_alias(generator, term);
		break;
	case BMX_SPF_REDIRECT: /* comes last, wherever it stands */
	case BMX_SPF_EXP:
	case BMX_SPF_OTHER_MODIFIER:
		break;
	}
}

static void
show_redirect(struct generator *generator)
{
	const struct bmx_spf_outline *outline = &generator->record->outline;
	const struct bmx_spf_term term = {.kind = BMX_SPF_REDIRECT,
	                                  .spec = outline->redirect};

	/* Section 6.1: an "all" anywhere makes it void. */
	if (generator->done || outline->has_all || !outline->has_redirect)
		return;
	bmx_text_printf(&generator->text, " redirect=a%u.s",
	                add_alias(generator->eval, generator->record, &term));
}

static void
generate(struct bmx_spf_eval *eval, const struct bmx_spf_record *record,
         struct bmx_slice text, char generated[BMX_SPF_GENERATED_SIZE])
{
	struct generator generator = {.eval = eval, .record = record};
	struct bmx_slice rest = bmx_spf_record_terms(text), bad;
	struct bmx_spf_term term;

	bmx_text_init(&generator.text, generated, BMX_SPF_GENERATED_SIZE);
	bmx_text_append_string(&generator.text, "v=spf1");
	while (!generator.done && bmx_spf_record_next(&rest, &term, &bad) > 0)
		show_term(&generator, &term);
	show_redirect(&generator);
}

static struct bmx_spf_record *
new_record(struct bmx_spf_eval *eval, struct bmx_slice domain)
{
	struct bmx_spf_record *record =
		bmx_arena_alloc(eval->arena, sizeof(*record));

	if (!record) {
		bmx_spf_stop(eval, BMX_SPF_STOP_TEMP, "no memory", domain);
		return NULL;
	}
	record->domain = domain;
	return copy_into(eval, &record->domain) ? record : NULL;
}

enum bmx_spf_loaded
bmx_spf_load(struct bmx_spf_eval *eval, struct bmx_slice domain,
             char generated[BMX_SPF_GENERATED_SIZE],
             const struct bmx_spf_record **record_out)
{
	struct bmx_slice text = {0}, bad = {0};
	const enum bmx_spf_loaded loaded = fetch_text(eval, domain, &text);
	struct bmx_spf_record *record;

	if (loaded != BMX_SPF_LOADED)
		return loaded;
	record = new_record(eval, domain);
	if (!record)
		return BMX_SPF_LOAD_STOPPED;
	if (bmx_spf_record_check(text, &record->outline, &bad) != 0) {
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM, "bad term", bad);
		return BMX_SPF_LOAD_STOPPED;
	}
	*record_out = record;
	generate(eval, record, text, generated);
	return eval->stop == BMX_SPF_GOES_ON ? BMX_SPF_LOADED :
					       BMX_SPF_LOAD_STOPPED;
}

bool
bmx_spf_load_target(struct bmx_spf_eval *eval,
                    const struct bmx_spf_alias *alias,
                    char generated[BMX_SPF_GENERATED_SIZE])
{
	const struct bmx_spf_record *record = NULL;
	char buffer[BMX_SPF_NAME_BUFFER];
	struct bmx_slice domain;

	if (eval->stop != BMX_SPF_GOES_ON ||
	    !bmx_spf_count_term(eval, alias->record->domain))
		return false;
	domain = bmx_spf_expand_name(eval, alias->record, alias->term.spec,
	                             buffer);
	if (!bmx_spf_name_is_domain(domain) ||
	    bmx_spf_load(eval, domain, generated, &record) == BMX_SPF_NO_RECORD)
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM, "no record at", domain);
	if (eval->stop != BMX_SPF_GOES_ON)
		return false;
	/* Section 6.1: its explanation counts, not the redirecting one's. */
	if (alias->term.kind == BMX_SPF_REDIRECT &&
	    alias->record == eval->leading)
		eval->leading = record;
	return true;
}
