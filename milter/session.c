#include "milter/session.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "milter/checks/size.h"
#include "milter/headers.h"
#include "milter/internal_form.h"
#include "milter/session_priv.h"

/* Local part of Postfix's address probes (address_verify_sender). */
#define PROBE_LOCAL BMX_SLICE("double-bounce")

static void
keep_name(char *buffer, struct bmx_slice name)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMX_SESSION_NAME_SIZE);
	bmx_text_append(&text, name);
}

/* Ours alone, and the same in both daemons' logs. */
static void
make_id(struct bmx_session *session)
{
	struct bmx_text text;

	bmx_text_init(&text, session->id, sizeof(session->id));
	bmx_text_printf(&text, "m%llx.%x", (unsigned long long)session->number,
	                session->message_number);
}

struct bmx_session *
bmx_session_new(const struct bmx_session_services *services,
                struct bmx_rules *rules)
{
	static atomic_uint_fast64_t last_number;
	struct bmx_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->services = services;
	session->rules = bmx_rules_ref(rules);
	session->config = rules->config;
	bmx_panel_init(&session->panel, &services->panel, session->rules);
	/* The wall clock keeps ids apart over restarts. */
	session->number = (uint64_t)bmx_clock_wall_ms(services->clock) << 12 |
		(atomic_fetch_add(&last_number, 1) & 0xfff);
	bmx_metric_add(services->counters->sessions, 1);
	return session;
}

void
bmx_session_free(struct bmx_session **session)
{
	if (!*session)
		return;
	bmx_session_clear(*session);
	bmx_panel_clear(&(*session)->panel);
	/* A gauge is a sum modulo 2^64: adding the largest number is -1. */
	bmx_metric_add((*session)->services->counters->sessions, UINT64_MAX);
	bmx_rules_unref(&(*session)->rules);
	free(*session);
	*session = NULL;
}

void
bmx_session_clear(struct bmx_session *session)
{
	/* Its sender is in the arena. */
	bmx_panel_clear_message(&session->panel);
	free(session->message.bounce);
	bmx_content_clear(&session->message.scan);
	bmx_arena_free(&session->message.arena);
	session->message = (struct bmx_message){0};
}

static void
write_address(struct bmx_session *session)
{
	struct in6_addr in6;
	const bool v4 = (memcpy(&in6, session->address, sizeof(in6)),
	                 IN6_IS_ADDR_V4MAPPED(&in6));

	if (!inet_ntop(v4 ? AF_INET : AF_INET6,
	               v4 ? session->address + 12 : session->address,
	               session->address_text, sizeof(session->address_text)))
		session->address_text[0] = '\0';
}

/* Postfix calls a client without a confirmed name "unknown"; other MTAs show
 * its address in brackets. */
static struct bmx_slice
name_for_checks(const struct bmx_session *session)
{
	return session->client_name[0] == '[' ?
		BMX_SLICE("unknown") :
		bmx_slice_of(session->client_name);
}

void
bmx_session_connect(struct bmx_session *session, struct bmx_slice name,
                    const uint8_t *address, const uint8_t *own_address)
{
	bmx_session_clear(session);
	bmx_panel_clear(&session->panel);
	session->helo[0] = '\0';
	session->address_text[0] = '\0';
	session->trusted = false;
	session->has_address = address != NULL;
	session->internal = false;
	keep_name(session->client_name, name);
	if (address) {
		memcpy(session->address, address, sizeof(session->address));
		write_address(session);
		session->trusted = bmx_config_networks_hold(
			session->config->milter.trusted,
			session->config->milter.trusted_count, address);
	}
	if (own_address)
		memcpy(session->own_address, own_address,
		       sizeof(session->own_address));
	if (!session->trusted)
		bmx_panel_connect(&session->panel, name_for_checks(session),
		                  address ? session->address : NULL,
		                  own_address ? session->own_address : NULL);
}

void
bmx_session_helo(struct bmx_session *session, struct bmx_slice name)
{
	keep_name(session->helo, name);
	bmx_panel_helo(&session->panel, bmx_slice_of(session->helo));
}

static struct bmx_slice
without_brackets(struct bmx_slice address)
{
	if (address.len >= 2 && address.data[0] == '<' &&
	    address.data[address.len - 1] == '>')
		return (struct bmx_slice){address.data + 1, address.len - 2};
	return address;
}

/* Our own Postfix's probe sender: its local part at our own name, or bare. */
static bool
is_probe(const struct bmx_session *session, struct bmx_slice sender)
{
	struct bmx_slice local, domain;

	if (bmx_slice_equal_nocase(sender, PROBE_LOCAL))
		return true;
	return bmx_address_split(sender, &local, &domain) == 0 &&
		bmx_slice_equal_nocase(local, PROBE_LOCAL) &&
		bmx_slice_equal_nocase(domain,
	                               bmx_slice_of(session->config->hostname));
}

struct bmx_slice
bmx_message_keep(struct bmx_message *message, struct bmx_slice bytes)
{
	const char *copy =
		message->arena ? bmx_arena_copy(message->arena, bytes) : NULL;

	return copy ? (struct bmx_slice){copy, bytes.len} :
		      (struct bmx_slice){0};
}

/* The kept sender in internal form, kept as well. */
static struct bmx_slice
keep_internal(struct bmx_message *message)
{
	char *buffer = message->sender.data ?
		bmx_arena_alloc(message->arena, message->sender.len + 1) :
		NULL;

	return buffer ? bmx_internal_form(message->sender, buffer) :
			(struct bmx_slice){0};
}

void
bmx_session_mail(struct bmx_session *session,
                 const struct bmx_session_mail *mail)
{
	const struct bmx_slice sender = without_brackets(mail->sender);
	struct bmx_message *message = &session->message;

	bmx_session_clear(session);
	session->message_number++;
	make_id(session);
	message->arena = bmx_arena_new(BMX_SESSION_MESSAGE_MAX);
	message->sender = bmx_message_keep(message, sender);
	message->internal_sender = keep_internal(message);
	message->size = bmx_message_keep(message, mail->size);
	message->authenticated = mail->authenticated;
	message->probe = is_probe(session, sender);
	/* Without memory the message stays closed, and its RCPTs are deferred:
	 * a sender that was lost must not pass for <>. */
	message->open = message->arena && message->sender.data &&
		message->internal_sender.data;
	if (message->open && !message->authenticated && !message->probe)
		bmx_panel_mail(&session->panel, message->internal_sender);
	bmx_session_begin_bounce(session);
}

static enum bmx_session_next
refuse_with(enum bmx_milter_reply say, const char *text,
            struct bmx_smtp_answer *answer_out)
{
	bmx_milter_reply_build(say, bmx_slice_of(text), answer_out);
	return BMX_SESSION_REFUSE;
}

static enum bmx_session_next
refuse(enum bmx_milter_reply say, struct bmx_smtp_answer *answer_out)
{
	return refuse_with(say, "", answer_out);
}

static void
accept_recipient(struct bmx_message *message, const struct bmx_inquiry *inquiry)
{
	if (message->accepted++ == 0)
		message->content = inquiry->rules;
	bmx_content_recipient(message, inquiry->recipient);
	message->tell = message->tell || inquiry->verdict.tell;
	message->tell_iprev =
		message->tell_iprev || inquiry->verdict.tell_iprev;
}

enum bmx_session_next
bmx_session_rcpt(struct bmx_session *session, struct bmx_slice recipient,
                 struct bmx_slice queue_id, struct bmx_smtp_answer *answer_out)
{
	struct bmx_inquiry inquiry = {
		.recipient = without_brackets(recipient),
		.queue_id = queue_id,
		.started_us = bmx_clock_mono_us(session->services->clock),
		.answer = answer_out,
	};

	if (session->trusted)
		return BMX_SESSION_CONTINUE;
	if (!session->message.open)
		return refuse(BMX_SAY_TROUBLE, answer_out);
	bmx_inquiry_decide(session, &inquiry);
	bmx_session_account(session, &inquiry);
	if (inquiry.verdict.say != BMX_SAY_NOTHING)
		return BMX_SESSION_REFUSE;
	accept_recipient(&session->message, &inquiry);
	return BMX_SESSION_CONTINUE;
}

/* The list is filled from its end: the last field is to go first. */
static void
note_forged(struct bmx_message *message, const char *name, unsigned which)
{
	if (message->forged_count == 0) {
		struct bmx_session_removal *list = bmx_arena_alloc(
			message->arena, BMX_SESSION_FORGED_MAX * sizeof(*list));

		message->forged = list ? list + BMX_SESSION_FORGED_MAX : NULL;
	}
	if (!message->forged ||
	    message->forged_count == BMX_SESSION_FORGED_MAX) {
		message->flooded = true;
		return;
	}
	message->forged--;
	message->forged_count++;
	*message->forged = (struct bmx_session_removal){name, which};
}

void
bmx_session_header(struct bmx_session *session, struct bmx_slice name,
                   struct bmx_slice body)
{
	struct bmx_message *message = &session->message;

	if (message->open &&
	    bmx_slice_equal_nocase(name, BMX_SLICE(BMX_SEAL_HEADER)))
		note_forged(message, BMX_SEAL_HEADER, ++message->seals);
	if (message->bounce)
		bmx_bounce_report_header(message->bounce, name, body);
	if (session->trusted || !message->open)
		return;
	message->octets += bmx_size_of_field(name, body);
	bmx_content_field(message, name, body);
	if (message->flooded || !bmx_headers_is_auth_results(name))
		return;
	message->auth_results++;
	if (bmx_headers_claims(body, bmx_slice_of(session->config->hostname)))
		note_forged(message, BMX_HEADER_AUTH_RESULTS,
		            message->auth_results);
}

bool
bmx_session_wants_body(const struct bmx_session *session)
{
	return session->rules->scans ||
		(session->rules->wanted & BMX_CHECK_BIT(BMX_CHECK_SIZE));
}

bool
bmx_session_may_want_body(const struct bmx_session *session)
{
	return session->services->guard &&
		session->config->milter.bounce_guard != BMX_BOUNCE_GUARD_OFF;
}

bool
bmx_session_body(struct bmx_session *session, struct bmx_slice octets)
{
	struct bmx_message *message = &session->message;

	message->octets += octets.len;
	if (message->bounce)
		bmx_bounce_report_body(message->bounce, octets);
	bmx_content_body(message, octets);
	return message->bounce != NULL || bmx_session_wants_body(session);
}

void
bmx_session_set_progress(struct bmx_session *session,
                         void (*progress)(void *ctx), void *ctx)
{
	session->progress = progress;
	session->progress_ctx = ctx;
}

static enum bmx_check_result
iprev_of(const struct bmx_message *message)
{
	return message->tell_iprev ?
		bmx_finding_result(
			message->outcomes[BMX_CHECK_REVERSE_DNS].found) :
		BMX_RESULT_NONE;
}

/* A field body in the message's arena, or NULL when there is none to add. */
static const char *
build_field(struct bmx_session *session,
            int (*build)(struct bmx_text *, const struct bmx_header_facts *))
{
	struct bmx_message *message = &session->message;
	const struct bmx_header_facts facts = {
		.authserv_id = bmx_slice_of(session->config->hostname),
		.without_spf = !message->spf || !message->tell,
		.result = message->spf ? message->spf->result : BMX_SPF_NONE,
		.helo_identity =
			message->spf && message->spf->identity == BMX_SPF_HELO,
		.iprev = iprev_of(message),
		.client = bmx_slice_of(session->address_text),
		.sender = message->sender,
		.helo = bmx_slice_of(session->helo),
		.problem = bmx_slice_of(message->spf ? message->spf->problem :
	                                               NULL),
	};
	char *buffer = bmx_arena_alloc(message->arena, BMX_HEADER_BUFFER);
	struct bmx_text text;

	if (!buffer)
		return NULL;
	bmx_text_init(&text, buffer, BMX_HEADER_BUFFER);
	return build(&text, &facts) == 0 ? buffer : NULL;
}

static enum bmx_session_next
refuse_message(struct bmx_session *session, struct bmx_slice queue_id,
               enum bmx_milter_reply say, struct bmx_smtp_answer *answer_out)
{
	bmx_session_log_message(session, queue_id,
	                        bmx_milter_reply_permanent(say) ? "reject" :
	                                                          "defer");
	return refuse(say, answer_out);
}

static void
build_edits(struct bmx_session *session, struct bmx_session_edits *edits)
{
	struct bmx_message *message = &session->message;
	const bool spf = message->spf && message->tell;

	bmx_content_edit(message, edits);
	if (spf || iprev_of(message) != BMX_RESULT_NONE)
		edits->auth_results =
			build_field(session, bmx_headers_auth_results);
	if (spf)
		edits->received_spf =
			build_field(session, bmx_headers_received_spf);
}

/* What the announced size was too small for. */
static bool
is_too_large(struct bmx_session *session)
{
	const struct bmx_message *message = &session->message;
	const int64_t limit =
		message->content ? message->content->section->size : 0;
	const struct bmx_check_outcome outcome = {
		.found = bmx_size_check(limit, message->octets)};

	if (message->authenticated || outcome.found == BMX_FOUND_NOTHING)
		return false;
	bmx_inquiry_note(session, BMX_CHECK_SIZE, outcome);
	return outcome.found == BMX_FOUND_TOO_LARGE;
}

static enum bmx_session_next
accept_message(struct bmx_session *session, struct bmx_slice queue_id,
               const char *act, struct bmx_session_edits *edits_out)
{
	build_edits(session, edits_out);
	bmx_session_seal(session, queue_id, edits_out);
	bmx_metric_add(session->services->counters->forged,
	               session->message.forged_count);
	bmx_session_log_message(session, queue_id, act);
	return BMX_SESSION_CONTINUE;
}

static bool
is_observed(const struct bmx_message *message)
{
	return message->content->section->mode == BMX_MODE_OBSERVE;
}

enum bmx_session_next
bmx_session_end(struct bmx_session *session, struct bmx_slice queue_id,
                struct bmx_session_edits *edits_out,
                struct bmx_smtp_answer *answer_out)
{
	struct bmx_message *message = &session->message;
	enum bmx_milter_reply say;
	const char *text = "";

	*edits_out = (struct bmx_session_edits){0};
	if (message->is_bounce)
		return bmx_session_end_bounce(session, queue_id, edits_out);
	edits_out->removals = message->forged;
	edits_out->removal_count = message->forged_count;
	if (session->trusted) {
		bmx_session_seal(session, queue_id, edits_out);
		return BMX_SESSION_CONTINUE;
	}
	if (!message->open)
		return refuse(BMX_SAY_TROUBLE, answer_out);
	/* Nobody but a forger sends a message under the probes' name, which
	 * passed its recipients unchecked. */
	if (message->probe && !message->authenticated)
		return refuse_message(session, queue_id,
		                      BMX_SAY_PROBE_WITH_MESSAGE, answer_out);
	if (message->flooded)
		return refuse_message(session, queue_id,
		                      BMX_SAY_TOO_MANY_FORGED, answer_out);
	if (is_too_large(session))
		say = BMX_SAY_TOO_LARGE;
	else
		say = bmx_content_judge(session, queue_id, &text);
	if (say == BMX_SAY_NOTHING)
		return accept_message(session, queue_id, "accept", edits_out);
	if (is_observed(message))
		return accept_message(session, queue_id, "observe", edits_out);
	(void)refuse_message(session, queue_id, say, answer_out);
	return refuse_with(say, text, answer_out);
}
