/*
 * engine_any.c - a domain without a section: is it one of "*"?
 */
#include "policyd/engine_priv.h"

void
bmx_engine_begin_any(struct bmx_engine_ask *ask)
{
	ask->facts.any = ask->engine->parts.any.ask &&
			bmx_config_any_domain(ask->setup->config) ?
		BMX_ANY_FACT_MISSING :
		BMX_ANY_FACT_NONE;
}

/* The section has come into the configuration since the ask began. A reload
 * may have taken it away again: then nobody can say, and nothing is lost. */
static void
take_section(struct bmx_engine_ask *ask)
{
	bmx_engine_renew_setup(ask);
	bmx_engine_parse_recipient(ask, ask->request.recipient,
	                           bmx_local_normalise_internal);
	if (!ask->served && ask->facts.any == BMX_ANY_FACT_MISSING)
		ask->facts.any = BMX_ANY_FACT_FAILED;
}

static void
on_any(void *ctx, enum bmx_any_answer answer)
{
	struct bmx_engine_ask *ask = ctx;
	const bool later = ask->any_wait != NULL;

	ask->any_wait = NULL;
	switch (answer) {
	case BMX_ANY_SERVED:
		take_section(ask);
		break;
	case BMX_ANY_NOT_OURS:
		ask->facts.any = BMX_ANY_FACT_NOT_OURS;
		break;
	case BMX_ANY_FULL:
		ask->facts.any = BMX_ANY_FACT_FULL;
		break;
	case BMX_ANY_FAILED:
	case BMX_ANY_ANSWERS:
		ask->facts.any = BMX_ANY_FACT_FAILED;
		break;
	}
	if (later)
		bmx_engine_go_on(ask);
}

static const char *
result_of(const struct bmx_engine_ask *ask)
{
	switch (ask->facts.any) {
	case BMX_ANY_FACT_NOT_OURS:
		return "no, by its MX set";
	case BMX_ANY_FACT_FULL:
		return "yes, but there are too many";
	case BMX_ANY_FACT_NONE:
	case BMX_ANY_FACT_MISSING:
	case BMX_ANY_FACT_FAILED:
		break;
	}
	return "DNS cannot say";
}

/* An explanation does not wait, but DNS has been asked then. */
static void
explain(struct bmx_engine_ask *ask)
{
	const struct bmx_any_source *any = &ask->engine->parts.any;

	if (ask->any_wait) {
		any->leave(any->ctx, &ask->any_wait);
		ask->facts.late = true;
		bmx_engine_step(ask, "one of \"*\"", "DNS is being asked",
		                ask->domain);
	} else {
		bmx_engine_step(ask, "one of \"*\"", result_of(ask),
		                ask->domain);
	}
}

bool
bmx_engine_fetch_any(struct bmx_engine_ask *ask)
{
	const struct bmx_any_source *any = &ask->engine->parts.any;

	ask->any_wait = any->ask(any->ctx, ask->domain, on_any, ask);
	if (!bmx_engine_explains(ask))
		return !ask->any_wait;
	explain(ask);
	return true;
}
