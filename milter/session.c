#include "milter/session.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <backupmx/address.h>
#include <backupmx/arena.h>

#include "milter/headers.h"
#include "milter/internal_form.h"
#include "milter/verdict.h"

/* Octets of names of the client that are kept; DNS has no longer ones. */
#define NAME_MAX_OCTETS ((size_t)512)

/* Local part of Postfix's address probes (address_verify_sender). */
#define PROBE_LOCAL BMX_SLICE("double-bounce")

struct message {
	struct bmx_arena *arena; /* NULL: no message, or no memory for it */
	bool open;
	bool authenticated;
	bool probe;
	bool tell;               /* the SPF result goes into the header */
	bool flooded;            /* more forged fields than are taken out */
	struct bmx_slice sender; /* as the client wrote it */
	struct bmx_slice internal_sender; /* without quoting, for policyd */
	struct bmx_slice size;
	const struct bmx_spf_verdict *spf; /* NULL: not evaluated yet */
	unsigned accepted;                 /* recipients */
	uint32_t fields;                   /* Authentication-Results seen */
	uint32_t *forged;                  /* which of them are forged */
	size_t forged_count;
};

struct bmx_session {
	const struct bmx_session_services *services;
	struct bmx_config *config;
	uint64_t number;         /* of this session, for its id */
	unsigned message_number; /* within it */
	bool trusted;
	bool has_address;
	uint8_t address[16];
	char address_text[INET6_ADDRSTRLEN];
	char client_name[NAME_MAX_OCTETS];
	char helo[NAME_MAX_OCTETS];
	char id[40]; /* of the message; what policyd logs, too */
	struct message message;
};

static void
keep_name(char *buffer, struct bmx_slice name)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, NAME_MAX_OCTETS);
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
                struct bmx_config *config)
{
	static atomic_uint_fast64_t last_number;
	struct bmx_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->services = services;
	session->config = bmx_config_ref(config);
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
	/* A gauge is a sum modulo 2^64: adding the largest number is -1. */
	bmx_metric_add((*session)->services->counters->sessions, UINT64_MAX);
	bmx_config_unref(&(*session)->config);
	free(*session);
	*session = NULL;
}

void
bmx_session_clear(struct bmx_session *session)
{
	bmx_arena_free(&session->message.arena);
	session->message = (struct message){0};
}

static bool
is_within(const uint8_t address[16], const struct bmx_config_network *network)
{
	const unsigned whole = network->prefix_length / 8;
	const unsigned bits = network->prefix_length % 8;
	const uint8_t mask = (uint8_t)(0xff00u >> bits);

	if (memcmp(address, network->network, whole) != 0)
		return false;
	return bits == 0 ||
		((address[whole] ^ network->network[whole]) & mask) == 0;
}

static bool
is_trusted(const struct bmx_config_milter *milter, const uint8_t address[16])
{
	for (size_t i = 0; i < milter->trusted_count; i++)
		if (is_within(address, &milter->trusted[i]))
			return true;
	return false;
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

enum bmx_session_next
bmx_session_connect(struct bmx_session *session, struct bmx_slice name,
                    const uint8_t *address)
{
	bmx_session_clear(session);
	session->helo[0] = '\0';
	session->address_text[0] = '\0';
	session->trusted = false;
	session->has_address = address != NULL;
	keep_name(session->client_name, name);
	if (!address)
		return BMX_SESSION_CONTINUE;
	memcpy(session->address, address, sizeof(session->address));
	write_address(session);
	session->trusted = is_trusted(&session->config->milter, address);
	return session->trusted ? BMX_SESSION_ACCEPT : BMX_SESSION_CONTINUE;
}

void
bmx_session_helo(struct bmx_session *session, struct bmx_slice name)
{
	keep_name(session->helo, name);
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

static struct bmx_slice
keep(struct message *message, struct bmx_slice bytes)
{
	const char *copy =
		message->arena ? bmx_arena_copy(message->arena, bytes) : NULL;

	return copy ? (struct bmx_slice){copy, bytes.len} :
		      (struct bmx_slice){0};
}

/* The kept sender in internal form, kept as well. */
static struct bmx_slice
keep_internal(struct message *message)
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
	struct message *message = &session->message;

	bmx_session_clear(session);
	session->message_number++;
	make_id(session);
	message->arena = bmx_arena_new(BMX_SESSION_MESSAGE_MAX);
	message->sender = keep(message, sender);
	message->internal_sender = keep_internal(message);
	message->size = keep(message, mail->size);
	message->authenticated = mail->authenticated;
	message->probe = is_probe(session, sender);
	/* Without memory the message stays closed, and its RCPTs are deferred:
	 * a sender that was lost must not pass for <>. */
	message->open = message->arena && message->sender.data &&
		message->internal_sender.data;
}

/* One recipient and what is found out about it. */
struct inquiry {
	struct bmx_slice recipient;
	struct bmx_slice queue_id;
	int64_t started_us;
	const struct bmx_config_domain *section;
	struct bmx_verdict_facts facts;
	struct bmx_verdict verdict;
};

static void
find_section(const struct bmx_session *session, struct inquiry *inquiry)
{
	const struct bmx_config *config = session->config;
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice local, domain;

	if (bmx_address_split(inquiry->recipient, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, buffer, &domain) != 0)
		return;
	inquiry->section = bmx_config_find_domain(config, domain);
	if (!inquiry->section)
		inquiry->section = bmx_config_any_domain(config);
}

static void
gather_facts(const struct bmx_session *session, struct inquiry *inquiry)
{
	const struct message *message = &session->message;
	struct bmx_verdict_facts *facts = &inquiry->facts;

	facts->trusted = session->trusted;
	facts->authenticated = message->authenticated;
	facts->probe = message->probe;
	facts->policy_on = session->config->milter.policy_on;
	facts->served = inquiry->section != NULL;
	if (inquiry->section) {
		facts->observe = inquiry->section->mode == BMX_MODE_OBSERVE;
		facts->actions = inquiry->section->spf;
	}
	facts->spf_known = message->spf != NULL;
	if (message->spf)
		facts->spf = message->spf->result;
}

static enum bmx_policy_outcome
outcome_of(enum bmx_policy_reply reply)
{
	switch (bmx_policy_reply_class(reply)) {
	case BMX_REPLY_PASSES:
		return BMX_POLICY_OUTCOME_ACCEPT;
	case BMX_REPLY_DEFERS:
		return BMX_POLICY_OUTCOME_DEFER;
	case BMX_REPLY_REJECTS:
		break;
	}
	return BMX_POLICY_OUTCOME_REJECT;
}

static void
log_policy_away(const struct bmx_session *session, const struct bmx_error *err)
{
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_WARN,
	                 bmx_slice_of(session->id), "policy-away");
	bmx_log_add_string(&line, BMX_KEY_ERR, err->text);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "is backupmx-policyd running, and milter.policy one "
	                   "of its sockets?");
	bmx_log_end(&line);
}

static int64_t
policy_deadline(const struct bmx_session *session, int64_t started_us)
{
	int64_t wait_ms = session->config->policyd.deadline_ms +
		BMX_SESSION_POLICY_GRACE_MS;

	if (wait_ms > BMX_SESSION_COMMAND_MS)
		wait_ms = BMX_SESSION_COMMAND_MS;
	return started_us + wait_ms * 1000;
}

static void
ask_policy(struct bmx_session *session, struct inquiry *inquiry)
{
	const struct bmx_session_services *services = session->services;
	/* It has a section, so it was short enough to be split. */
	char recipient[BMX_ADDRESS_MAX];
	const struct bmx_policy_request request = {
		.request = BMX_SLICE("smtpd_access_policy"),
		.protocol_state = BMX_SLICE("RCPT"),
		.instance = bmx_slice_of(session->id),
		.queue_id = inquiry->queue_id,
		.client_address = bmx_slice_of(session->address_text),
		.client_name = bmx_slice_of(session->client_name),
		.helo_name = bmx_slice_of(session->helo),
		.sender = session->message.internal_sender,
		.recipient = bmx_internal_form(inquiry->recipient, recipient),
		.size = session->message.size,
	};
	struct bmx_verdict_facts *facts = &inquiry->facts;
	enum bmx_policy_outcome outcome = BMX_POLICY_OUTCOME_AWAY;
	struct bmx_error err = {0};

	if (services->ask_policy(services->ctx, &request,
	                         policy_deadline(session, inquiry->started_us),
	                         &facts->policy_reply, &err) == 0) {
		facts->policy = BMX_POLICY_ANSWERED;
		outcome = outcome_of(facts->policy_reply);
	} else {
		facts->policy = BMX_POLICY_AWAY;
		log_policy_away(session, &err);
	}
	bmx_metric_add(services->counters->policy[outcome], 1);
}

/* The sender with its domain as A-labels, as the evaluator wants it; as it is
 * when there is no domain to be had. */
static struct bmx_slice
sender_for_spf(struct message *message)
{
	char domain_buffer[BMX_DOMAIN_BUFFER];
	char buffer[BMX_ADDRESS_MAX + BMX_DOMAIN_BUFFER];
	struct bmx_slice local, domain, copy;
	struct bmx_text text;

	if (bmx_address_split(message->sender, &local, &domain) != 0 ||
	    bmx_domain_normalise(domain, domain_buffer, &domain) != 0)
		return message->sender;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append(&text, local);
	bmx_text_append_char(&text, '@');
	bmx_text_append(&text, domain);
	copy = keep(message, bmx_text_slice(&text));
	return copy.data ? copy : message->sender;
}

static void
evaluate_spf(struct bmx_session *session, struct inquiry *inquiry,
             struct bmx_spf_verdict *verdict)
{
	const struct bmx_session_services *services = session->services;
	struct bmx_spf_request request = {
		.helo = bmx_slice_of(session->helo),
		.sender = sender_for_spf(&session->message),
		.receiver = session->config->hostname,
		.deadline_us = inquiry->started_us +
			BMX_SESSION_COMMAND_MS * INT64_C(1000),
		.clock = services->clock,
	};

	memcpy(request.client, session->address, sizeof(request.client));
	services->check_spf(services->ctx, &request, verdict);
	session->message.spf = verdict;
	bmx_metric_add(services->counters->spf[verdict->result], 1);
}

static void
check_spf(struct bmx_session *session, struct inquiry *inquiry)
{
	struct message *message = &session->message;
	struct bmx_spf_verdict *verdict = NULL;

	/* A client without an address cannot be judged by it. */
	if (session->has_address)
		verdict = bmx_arena_alloc(message->arena, sizeof(*verdict));
	if (verdict)
		evaluate_spf(session, inquiry, verdict);
	inquiry->facts.spf_known = true;
	if (verdict)
		inquiry->facts.spf = verdict->result;
	else
		inquiry->facts.spf =
			session->has_address ? BMX_SPF_TEMPERROR : BMX_SPF_NONE;
}

static void
decide(struct bmx_session *session, struct inquiry *inquiry)
{
	enum bmx_verdict_step step;

	do {
		step = bmx_verdict_next(&inquiry->facts, &inquiry->verdict);
		switch (step) {
		case BMX_VERDICT_NEEDS_POLICY:
			ask_policy(session, inquiry);
			break;
		case BMX_VERDICT_NEEDS_SPF:
			check_spf(session, inquiry);
			break;
		case BMX_VERDICT_DONE:
			break;
		}
	} while (step != BMX_VERDICT_DONE);
}

static enum bmx_milter_act
act_of(const struct bmx_verdict *verdict)
{
	if (verdict->observed != BMX_SAY_NOTHING)
		return BMX_ACT_OBSERVE;
	if (verdict->say == BMX_SAY_NOTHING)
		return BMX_ACT_ACCEPT;
	return bmx_milter_reply_permanent(verdict->say) ? BMX_ACT_REJECT :
							  BMX_ACT_DEFER;
}

static void
log_envelope(struct bmx_log_line *line, const struct bmx_session *session)
{
	bmx_log_add_string(line, BMX_KEY_CLIENT, session->address_text);
	bmx_log_add_address(line, BMX_KEY_SENDER, session->message.sender);
}

static void
log_spf(struct bmx_log_line *line, const struct bmx_spf_verdict *spf)
{
	bmx_log_add_string(line, BMX_KEY_CHECK, "spf");
	bmx_log_add_string(line, BMX_KEY_RESULT,
	                   bmx_spf_result_name(spf->result));
	if (spf->domain[0] != '\0')
		bmx_log_add_string(line, BMX_KEY_DOMAIN, spf->domain);
	if (spf->problem[0] != '\0')
		bmx_log_add_string(line, BMX_KEY_ERR, spf->problem);
}

static struct bmx_slice
id_of(const struct bmx_session *session, struct bmx_slice queue_id)
{
	return queue_id.len > 0 ? queue_id : bmx_slice_of(session->id);
}

static void
log_decision(const struct bmx_session *session, const struct inquiry *inquiry,
             int64_t took_us)
{
	const struct bmx_verdict *verdict = &inquiry->verdict;
	const enum bmx_milter_reply reply = verdict->say != BMX_SAY_NOTHING ?
		verdict->say :
		verdict->observed;
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_INFO,
	                 id_of(session, inquiry->queue_id), "decision");
	log_envelope(&line, session);
	bmx_log_add_address(&line, BMX_KEY_RCPT, inquiry->recipient);
	bmx_log_add_string(&line, BMX_KEY_ACT,
	                   bmx_milter_act_name(act_of(verdict)));
	bmx_log_add_string(&line, BMX_KEY_WHY,
	                   bmx_verdict_why_name(verdict->why));
	if (session->message.spf)
		log_spf(&line, session->message.spf);
	if (reply != BMX_SAY_NOTHING)
		bmx_log_add_string(&line, BMX_KEY_REPLY,
		                   bmx_milter_reply_codes(reply));
	bmx_log_add_ms(&line, took_us);
	bmx_log_end(&line);
}

static void
account(const struct bmx_session *session, const struct inquiry *inquiry)
{
	const struct bmx_session_services *services = session->services;
	const int64_t took_us =
		bmx_clock_mono_us(services->clock) - inquiry->started_us;
	const enum bmx_milter_act act = act_of(&inquiry->verdict);

	/* What other software must decide is no decision of ours. */
	if (inquiry->section)
		bmx_milter_count_decision(services->counters,
		                          inquiry->section->name, act,
		                          inquiry->verdict.why);
	bmx_histogram_observe(services->counters->reply_seconds, took_us);
	log_decision(session, inquiry, took_us);
}

static enum bmx_session_next
refuse(const struct bmx_session *session, enum bmx_milter_reply say,
       struct bmx_smtp_answer *answer_out)
{
	const struct bmx_spf_verdict *spf = session->message.spf;
	const struct bmx_slice explanation =
		spf ? bmx_slice_of(spf->explanation) : (struct bmx_slice){0};

	bmx_milter_reply_build(say, explanation, answer_out);
	return BMX_SESSION_REFUSE;
}

enum bmx_session_next
bmx_session_rcpt(struct bmx_session *session, struct bmx_slice recipient,
                 struct bmx_slice queue_id, struct bmx_smtp_answer *answer_out)
{
	struct message *message = &session->message;
	struct inquiry inquiry = {
		.recipient = without_brackets(recipient),
		.queue_id = queue_id,
		.started_us = bmx_clock_mono_us(session->services->clock),
	};

	if (!message->open)
		return refuse(session, BMX_SAY_TROUBLE, answer_out);
	find_section(session, &inquiry);
	gather_facts(session, &inquiry);
	decide(session, &inquiry);
	account(session, &inquiry);
	if (inquiry.verdict.say != BMX_SAY_NOTHING)
		return refuse(session, inquiry.verdict.say, answer_out);
	message->accepted++;
	message->tell = message->tell || inquiry.verdict.tell;
	return BMX_SESSION_CONTINUE;
}

static void
note_forged(struct message *message)
{
	if (!message->forged)
		message->forged = bmx_arena_alloc(message->arena,
		                                  BMX_SESSION_FORGED_MAX *
		                                          sizeof(uint32_t));
	if (!message->forged ||
	    message->forged_count == BMX_SESSION_FORGED_MAX) {
		message->flooded = true;
		return;
	}
	message->forged[message->forged_count++] = message->fields;
}

void
bmx_session_header(struct bmx_session *session, struct bmx_slice name,
                   struct bmx_slice body)
{
	struct message *message = &session->message;

	if (!message->open || message->flooded ||
	    !bmx_headers_is_auth_results(name))
		return;
	message->fields++;
	if (bmx_headers_claims(body, bmx_slice_of(session->config->hostname)))
		note_forged(message);
}

/* A field body in the message's arena, or NULL when there is none to add. */
static const char *
build_field(struct bmx_session *session,
            int (*build)(struct bmx_text *, const struct bmx_header_facts *))
{
	struct message *message = &session->message;
	const struct bmx_header_facts facts = {
		.authserv_id = bmx_slice_of(session->config->hostname),
		.result = message->spf->result,
		.helo_identity = message->spf->identity == BMX_SPF_HELO,
		.client = bmx_slice_of(session->address_text),
		.sender = message->sender,
		.helo = bmx_slice_of(session->helo),
		.problem = bmx_slice_of(message->spf->problem),
	};
	char *buffer = bmx_arena_alloc(message->arena, BMX_HEADER_BUFFER);
	struct bmx_text text;

	if (!buffer)
		return NULL;
	bmx_text_init(&text, buffer, BMX_HEADER_BUFFER);
	return build(&text, &facts) == 0 ? buffer : NULL;
}

static void
log_message(const struct bmx_session *session, struct bmx_slice queue_id,
            const char *act)
{
	const struct message *message = &session->message;
	struct bmx_log_line line;

	bmx_log_begin_id(&line, session->services->log, BMX_LOG_INFO,
	                 id_of(session, queue_id), "message");
	log_envelope(&line, session);
	bmx_log_add_string(&line, BMX_KEY_ACT, act);
	bmx_log_add_u64(&line, BMX_KEY_COUNT, message->accepted);
	if (message->spf)
		log_spf(&line, message->spf);
	if (message->forged_count > 0)
		bmx_log_add_u64(&line, BMX_KEY_REMOVED, message->forged_count);
	bmx_log_end(&line);
}

static enum bmx_session_next
refuse_message(struct bmx_session *session, struct bmx_slice queue_id,
               enum bmx_milter_reply say, struct bmx_smtp_answer *answer_out)
{
	log_message(session, queue_id,
	            bmx_milter_reply_permanent(say) ? "reject" : "defer");
	return refuse(session, say, answer_out);
}

enum bmx_session_next
bmx_session_end(struct bmx_session *session, struct bmx_slice queue_id,
                struct bmx_session_edits *edits_out,
                struct bmx_smtp_answer *answer_out)
{
	struct message *message = &session->message;

	*edits_out = (struct bmx_session_edits){0};
	if (!message->open)
		return refuse(session, BMX_SAY_TROUBLE, answer_out);
	/* Nobody but a forger sends a message under the probes' name, which
	 * passed its recipients unchecked. */
	if (message->probe && !message->authenticated)
		return refuse_message(session, queue_id,
		                      BMX_SAY_PROBE_WITH_MESSAGE, answer_out);
	if (message->flooded)
		return refuse_message(session, queue_id,
		                      BMX_SAY_TOO_MANY_FORGED, answer_out);
	edits_out->removals = message->forged;
	edits_out->removal_count = message->forged_count;
	if (message->spf && message->tell) {
		edits_out->auth_results =
			build_field(session, bmx_headers_auth_results);
		edits_out->received_spf =
			build_field(session, bmx_headers_received_spf);
	}
	bmx_metric_add(session->services->counters->forged,
	               message->forged_count);
	log_message(session, queue_id, "accept");
	return BMX_SESSION_CONTINUE;
}
