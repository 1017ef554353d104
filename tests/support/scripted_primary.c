#include "tests/support/scripted_primary.h"

#include <stdio.h>
#include <stdlib.h>

static void
view(void *ctx, const struct bmx_config_domain *section,
     struct bmx_primary_view *view_out)
{
	const struct scripted_primary *primary = ctx;

	(void)section;
	*view_out = primary->view;
}

static bool
is_own_address(void *ctx, const struct bmx_config_domain *section,
               struct bmx_slice client_ip)
{
	const struct scripted_primary *primary = ctx;

	(void)section;
	(void)client_ip;
	return primary->own_address;
}

static void
remember(struct scripted_primary *primary,
         const struct bmx_call_ahead_request *request)
{
	primary->asked++;
	primary->last = *request;
	(void)snprintf(primary->last_local, sizeof(primary->last_local), "%.*s",
	               (int)request->local.len, request->local.data);
	(void)snprintf(primary->last_domain, sizeof(primary->last_domain),
	               "%.*s", (int)request->domain.len, request->domain.data);
	primary->last.local = bmx_slice_of(primary->last_local);
	primary->last.domain = bmx_slice_of(primary->last_domain);
}

static struct bmx_call_ahead_wait *
wait_for(struct scripted_primary *primary, bmx_call_ahead_cb *cb, void *ctx)
{
	for (size_t i = 0; i < SCRIPTED_WAITS_MAX; i++) {
		struct bmx_call_ahead_wait *wait = &primary->waits[i];

		if (wait->cb)
			continue;
		*wait = (struct bmx_call_ahead_wait){primary, cb, ctx};
		return wait;
	}
	(void)fprintf(stderr, "scripted_primary: too many wait\n");
	abort();
}

static struct bmx_call_ahead_wait *
ask(void *ctx, const struct bmx_config_domain *section,
    const struct bmx_call_ahead_request *request, int64_t deadline_ms,
    bmx_call_ahead_cb *cb, void *cb_ctx)
{
	struct scripted_primary *primary = ctx;
	const struct bmx_call_ahead_answer answer = {primary->why,
	                                             &primary->probe};

	(void)section;
	(void)deadline_ms;
	remember(primary, request);
	if (primary->later)
		return cb ? wait_for(primary, cb, cb_ctx) : NULL;
	if (primary->on_result)
		primary->on_result(primary->result_ctx, request, &answer);
	if (cb)
		cb(cb_ctx, &answer);
	return NULL;
}

static void
leave(void *ctx, struct bmx_call_ahead_wait **wait)
{
	(void)ctx;
	if (*wait)
		(*wait)->cb = NULL;
	*wait = NULL;
}

struct bmx_primary_source
scripted_primary_source(struct scripted_primary *primary)
{
	return (struct bmx_primary_source){
		.view = view,
		.is_own_address = is_own_address,
		.ask = ask,
		.leave = leave,
		.ctx = primary,
	};
}

void
scripted_answer(struct scripted_primary *primary)
{
	const struct bmx_call_ahead_answer answer = {primary->why,
	                                             &primary->probe};

	if (primary->on_result && primary->asked > 0)
		primary->on_result(primary->result_ctx, &primary->last,
		                   &answer);
	for (size_t i = 0; i < SCRIPTED_WAITS_MAX; i++) {
		struct bmx_call_ahead_wait wait = primary->waits[i];

		primary->waits[i].cb = NULL;
		if (wait.cb)
			wait.cb(wait.ctx, &answer);
	}
}

size_t
scripted_waiting(const struct scripted_primary *primary)
{
	size_t count = 0;

	for (size_t i = 0; i < SCRIPTED_WAITS_MAX; i++)
		count += primary->waits[i].cb != NULL;
	return count;
}
