#include "tests/support/fake_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bmx_dns_ask {
	struct fake_dns *dns;
	struct bmx_dns_ask *next;
	struct bmx_timer *timer;
	const struct bmx_dns_answer *answer;
	bmx_dns_answer_cb *cb;
	void *ctx;
};

struct fake_dns {
	struct bmx_dns_asker head; /* first: the interface's view of it */
	struct zone *zone;
	struct bmx_loop *loop;
	int64_t delay_ms;
	bool fail;
	bool secure;
	const char *unsigned_below;
	size_t asked;
	struct bmx_dns_ask *open;
};

static void *
must(void *memory)
{
	if (!memory) {
		(void)fprintf(stderr, "fake_dns: no memory\n");
		exit(1);
	}
	return memory;
}

static void
drop(struct bmx_dns_ask *ask)
{
	struct bmx_dns_ask **at = &ask->dns->open;

	while (*at != ask)
		at = &(*at)->next;
	*at = ask->next;
	bmx_timer_free(ask->dns->loop, &ask->timer);
	bmx_dns_answer_unref(&ask->answer);
	free(ask);
}

static void
on_due(void *ctx)
{
	struct bmx_dns_ask *ask = ctx;
	const struct bmx_dns_answer *answer = bmx_dns_answer_ref(ask->answer);
	bmx_dns_answer_cb *cb = ask->cb;
	void *cb_ctx = ask->ctx;

	drop(ask);
	cb(cb_ctx, answer);
	bmx_dns_answer_unref(&answer);
}

static bool
is_below(struct bmx_slice name, const char *parent)
{
	const struct bmx_slice want = bmx_slice_of(parent);

	return want.len > 0 && name.len >= want.len &&
		bmx_slice_equal_nocase(
			(struct bmx_slice){name.data + name.len - want.len,
	                                   want.len},
			want);
}

static const struct bmx_dns_answer *
find_answer(const struct fake_dns *dns, struct bmx_slice name,
            enum bmx_dns_type type, bool late)
{
	const struct bmx_dns_source source = zone_source(dns->zone);
	const struct bmx_dns_answer *answer;

	if (dns->fail || late)
		return bmx_dns_answer_new(BMX_DNS_TEMPFAIL, type, 0, NULL, 0);
	answer = source.resolve(source.ctx, name, type, 0);
	if (dns->secure && answer->status != BMX_DNS_TEMPFAIL &&
	    !is_below(name, dns->unsigned_below))
		answer = bmx_dns_answer_secured(answer);
	return answer;
}

static struct bmx_dns_ask *
ask(struct bmx_dns_asker *asker, struct bmx_slice name, enum bmx_dns_type type,
    int64_t timeout_ms, bmx_dns_answer_cb *cb, void *ctx)
{
	struct fake_dns *dns = (struct fake_dns *)asker;
	struct bmx_dns_ask *ask = must(calloc(1, sizeof(*ask)));
	const bool late = dns->delay_ms < 0 || dns->delay_ms >= timeout_ms;

	dns->asked++;
	*ask = (struct bmx_dns_ask){
		.dns = dns, .next = dns->open, .cb = cb, .ctx = ctx};
	ask->answer = find_answer(dns, name, type, late);
	ask->timer = must(bmx_timer_new(dns->loop, on_due, ask));
	dns->open = ask;
	bmx_timer_set(dns->loop, ask->timer, late ? timeout_ms : dns->delay_ms);
	return ask;
}

struct fake_dns *
fake_dns_new(struct zone *zone, struct bmx_loop *loop)
{
	struct fake_dns *dns = must(calloc(1, sizeof(*dns)));

	*dns = (struct fake_dns){.head = {ask, drop},
	                         .zone = zone,
	                         .loop = loop,
	                         .unsigned_below = ""};
	return dns;
}

void
fake_dns_free(struct fake_dns **dns)
{
	while ((*dns)->open)
		drop((*dns)->open);
	free(*dns);
	*dns = NULL;
}

struct bmx_dns_asker *
fake_dns_asker(struct fake_dns *dns)
{
	return &dns->head;
}

void
fake_dns_delay(struct fake_dns *dns, int64_t delay_ms)
{
	dns->delay_ms = delay_ms;
}

void
fake_dns_fail(struct fake_dns *dns, bool fail)
{
	dns->fail = fail;
}

void
fake_dns_sign(struct fake_dns *dns, bool secure, const char *unsigned_below)
{
	dns->secure = secure;
	dns->unsigned_below = unsigned_below;
}

void
fake_dns_set_zone(struct fake_dns *dns, struct zone *zone)
{
	dns->zone = zone;
}

size_t
fake_dns_asked(const struct fake_dns *dns)
{
	return dns->asked;
}

size_t
fake_dns_open(const struct fake_dns *dns)
{
	size_t count = 0;

	for (const struct bmx_dns_ask *at = dns->open; at; at = at->next)
		count++;
	return count;
}
