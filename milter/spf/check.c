#include <assert.h>
#include <string.h>

#include "eval.h"
#include "name.h"

/* Octets of an evaluation's arena: 11 records with what belongs to them. */
#define ARENA_MAX ((size_t)256 * 1024)

const char *
bmx_spf_result_name(enum bmx_spf_result result)
{
	static const char *const names[] = {"none",     "neutral",  "pass",
	                                    "fail",     "softfail", "temperror",
	                                    "permerror"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == BMX_SPF_RESULTS,
	               "one name a result");
	assert(result < BMX_SPF_RESULTS);
	return names[result];
}

static void
set_client(struct bmx_spf_eval *eval)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
	                                   0, 0, 0, 0, 0xff, 0xff};
	const uint8_t *client = eval->request->client;
	const bool ip4 = !memcmp(client, mapped, sizeof(mapped));

	eval->address = ip4 ? client + sizeof(mapped) : client;
	eval->address_len = ip4 ? 4 : 16;
}

static void
set_deadline(struct bmx_spf_eval *eval)
{
	const int64_t latest = bmx_clock_mono_us(eval->clock) +
		(int64_t)BMX_SPF_TIME_MAX_MS * 1000;
	const int64_t asked = eval->request->deadline_us;

	eval->deadline_us = asked < latest ? asked : latest;
}

/* Where the last '@' stands; the length when there is none. */
static size_t
find_at(struct bmx_slice text)
{
	for (size_t i = text.len; i > 0; i--)
		if (text.data[i - 1] == '@')
			return i - 1;
	return text.len;
}

/* What is too long is cut where it says least: a name to its right-hand end. */
static struct bmx_slice
last_of(struct bmx_slice text)
{
	const size_t max = BMX_SPF_SENDER_MAX;

	if (text.len > max)
		text = (struct bmx_slice){text.data + (text.len - max), max};
	return text;
}

static struct bmx_slice
first_of(struct bmx_slice text)
{
	if (text.len > BMX_SPF_SENDER_MAX)
		text.len = BMX_SPF_SENDER_MAX;
	return text;
}

/* Section 2.4: <> is checked as postmaster at the HELO name; section 4.3: so
 * is a sender without local part at its domain. */
static void
set_identity(struct bmx_spf_eval *eval)
{
	const struct bmx_slice sender = eval->request->sender;
	const size_t at = find_at(sender);

	eval->local = BMX_SLICE("postmaster");
	eval->helo = last_of(eval->request->helo);
	if (sender.len == 0) {
		eval->verdict->identity = BMX_SPF_HELO;
		eval->domain = bmx_spf_name_trim(eval->request->helo);
		return;
	}
	eval->verdict->identity = BMX_SPF_MAILFROM;
	eval->domain = sender;
	if (at < sender.len)
		eval->domain = (struct bmx_slice){sender.data + at + 1,
		                                  sender.len - at - 1};
	eval->domain = bmx_spf_name_trim(eval->domain);
	if (at > 0 && at < sender.len)
		eval->local = first_of((struct bmx_slice){sender.data, at});
}

/* Is there a domain to check? None otherwise (section 4.3). */
static bool
take_domain(struct bmx_spf_eval *eval)
{
	struct bmx_text text;

	if (!bmx_spf_name_is_domain(eval->domain))
		return false;
	bmx_text_init(&text, eval->verdict->domain,
	              sizeof(eval->verdict->domain));
	bmx_text_append(&text, eval->domain);
	return true;
}

/* local@domain, which <> and a bare domain do not have as a whole. */
static bool
join_sender(struct bmx_spf_eval *eval)
{
	const size_t size = eval->local.len + 1 + eval->domain.len + 1;
	char *buffer = bmx_arena_alloc(eval->arena, size);
	struct bmx_text text;

	if (!buffer)
		return false;
	bmx_text_init(&text, buffer, size);
	bmx_text_append(&text, eval->local);
	bmx_text_append_char(&text, '@');
	bmx_text_append(&text, eval->domain);
	eval->sender = bmx_text_slice(&text);
	return true;
}

static enum bmx_spf_result
stop_result(const struct bmx_spf_eval *eval)
{
	return eval->stop == BMX_SPF_STOP_PERM ? BMX_SPF_PERMERROR :
						 BMX_SPF_TEMPERROR;
}

static enum bmx_spf_result
evaluate(struct bmx_spf *spf, struct bmx_spf_eval *eval)
{
	char generated[BMX_SPF_GENERATED_SIZE];
	enum bmx_spf_result result;

	switch (bmx_spf_load(eval, eval->domain, generated, &eval->leading)) {
	case BMX_SPF_NO_RECORD:
		return BMX_SPF_NONE;
	case BMX_SPF_LOAD_STOPPED:
		return stop_result(eval);
	case BMX_SPF_LOADED:
		break;
	}
	result = bmx_spf_walk(spf, eval, generated);
	if (eval->stop != BMX_SPF_GOES_ON)
		return stop_result(eval);
	if (result == BMX_SPF_FAIL)
		bmx_spf_explain(eval);
	return result;
}

/* The parts of the verdict that are read; its large texts are not zeroed. */
static void
clear_verdict(struct bmx_spf_verdict *verdict)
{
	verdict->result = BMX_SPF_NONE;
	verdict->identity = BMX_SPF_MAILFROM;
	verdict->terms = verdict->voids = verdict->lookups = 0;
	verdict->domain[0] = '\0';
	verdict->explanation[0] = '\0';
	verdict->problem[0] = '\0';
}

static void
check_with_arena(struct bmx_spf *spf, struct bmx_spf_eval *eval)
{
	struct bmx_spf_verdict *verdict = eval->verdict;

	set_client(eval);
	set_deadline(eval);
	set_identity(eval);
	if (!take_domain(eval)) {
		verdict->result = BMX_SPF_NONE;
		bmx_spf_stop(eval, BMX_SPF_STOP_PERM, "no domain to check",
		             (struct bmx_slice){0});
		return;
	}
	if (!join_sender(eval)) {
		verdict->result = BMX_SPF_TEMPERROR;
		return;
	}
	verdict->result = evaluate(spf, eval);
}

void
bmx_spf_check(struct bmx_spf *spf, const struct bmx_spf_request *request,
              struct bmx_spf_verdict *verdict_out)
{
	struct bmx_arena *arena = bmx_arena_new(ARENA_MAX);
	struct bmx_spf_eval *eval = NULL;

	clear_verdict(verdict_out);
	if (arena)
		eval = bmx_arena_alloc(arena, sizeof(*eval));
	if (eval) {
		eval->request = request;
		eval->verdict = verdict_out;
		eval->arena = arena;
		eval->clock =
			request->clock ? request->clock : bmx_clock_system();
		check_with_arena(spf, eval);
	} else {
		verdict_out->result = BMX_SPF_TEMPERROR;
	}
	bmx_arena_free(&arena);
}
