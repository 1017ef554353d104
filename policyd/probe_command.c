#include "policyd/probe_command.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <backupmx/hash.h>
#include <backupmx/text.h>

#include "policyd/probe_next.h"
#include "policyd/probe_session.h"
#include "policyd/target_set.h"

/* An unpredictable local part, terminated. */
#define BMX_PROBE_RANDOM_LOCAL_BUFFER 24
/* An enhanced status code: three numbers. */
#define ENHANCED_SIZE 40

struct bmx_probe_command {
	struct bmx_probe_command_parts parts;
	int64_t deadline_ms;
	struct bmx_probe_session *session;
	struct bmx_timer *end; /* frees the session, or the command, later */
	const struct bmx_target_try *target;
	bool in_clear; /* this target once more, without TLS */
	bool decided;  /* result is of the last session */
	json_t *lines;
	size_t line_count;
	bool settings_copied; /* and with them a reference to TLS's */
	struct bmx_probe_result result;
	char address[BMX_ADDRESS_MAX + 1];
	char local[BMX_LOCAL_BUFFER];
	size_t local_len;
	char domain[BMX_DOMAIN_BUFFER];
	char random[BMX_PROBE_RANDOM_LOCAL_BUFFER];
	char hostname[BMX_DOMAIN_BUFFER];
	char sender[BMX_ADDRESS_MAX];
};

static void
add_line(struct bmx_probe_command *command, const char *who,
         struct bmx_slice line)
{
	if (command->line_count == BMX_PROBE_COMMAND_LINES)
		return;
	command->line_count++;
	(void)json_array_append_new(command->lines,
	                            json_pack("{s:s, s:o}", "who", who, "line",
	                                      bmx_control_text(line)));
}

static void
on_trace(void *ctx, bool ours, struct bmx_slice line)
{
	add_line(ctx, ours ? "we" : "primary", line);
}

static void
note(struct bmx_probe_command *command, const char *what, const char *detail)
{
	char buffer[400];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, what);
	bmx_text_append_string(&text, detail);
	add_line(command, "note", bmx_text_slice(&text));
}

/* "5.1.1", or "" for a reply without an enhanced code. */
static void
print_enhanced(const struct bmx_smtp_reply *reply, struct bmx_text *text)
{
	if (reply->enhanced[0] > 0)
		bmx_text_printf(text, "%d.%d.%d", reply->enhanced[0],
		                reply->enhanced[1], reply->enhanced[2]);
}

static json_t *
result_object(const struct bmx_probe_command *command)
{
	const struct bmx_probe_result *result = &command->result;
	char buffer[ENHANCED_SIZE];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	print_enhanced(&result->reply, &text);
	return json_pack("{s:b, s:o, s:O, s:s, s:s, s:s, s:i, s:o, s:o}", "ok",
	                 1, "address",
	                 bmx_control_text(bmx_slice_of(command->address)),
	                 "lines", command->lines, "outcome",
	                 bmx_probe_outcome_name(result->outcome), "why",
	                 bmx_probe_why_name(result->why), "accepts_all_test",
	                 bmx_probe_random_name(result->random), "code",
	                 result->reply.code, "enhanced",
	                 bmx_control_text(bmx_text_slice(&text)), "text",
	                 bmx_control_text(bmx_slice_of(result->reply.text)));
}

static struct bmx_call_ahead_request
request_of(const struct bmx_probe_command *command)
{
	return (struct bmx_call_ahead_request){
		.domain = bmx_slice_of(command->domain),
		.local = {command->local, command->local_len},
		.test_accept_all = true,
		.had_valid = command->parts.had_valid,
	};
}

/* The last thing that is done with a command. */
static void
finish(struct bmx_probe_command *command)
{
	const struct bmx_call_ahead_request request = request_of(command);
	const struct bmx_call_ahead_answer answer = {BMX_CALL_AHEAD_ANSWERED,
	                                             &command->result};
	bmx_control_answered_cb *answered = command->parts.answered;
	void *ctx = command->parts.answered_ctx;
	json_t *root;

	command->parts.on_result(command->parts.result_ctx, &request, &answer);
	root = result_object(command);
	bmx_probe_command_free(&command);
	answered(ctx, root);
}

static void
on_job(void *ctx, const struct bmx_probe_result *result)
{
	struct bmx_probe_command *command = ctx;

	command->result = *result;
	command->decided = true;
	bmx_probe_session_quit(command->session);
}

/* Another session is worth it: in clear where that is allowed, or with the
 * next host, if this one could not be asked. */
static bool
wants_another(const struct bmx_probe_command *command)
{
	return command->result.why != BMX_PROBE_REFUSED_SENDER &&
		bmx_probe_says(&command->result) == BMX_PROBE_SAYS_FAILS;
}

static void
on_closed(void *ctx, const struct bmx_probe_closed *closed)
{
	struct bmx_probe_command *command = ctx;

	command->in_clear = closed->retry_in_clear && !command->in_clear;
	if (!command->decided)
		command->result = (struct bmx_probe_result){
			.outcome = BMX_PROBE_UNSURE,
			.why = closed->why == BMX_PROBE_WHY_NONE ?
				BMX_PROBE_CLOSED :
				closed->why,
			.reply = closed->reply,
		};
	/* What is on the stack must not be freed: from the next turn. */
	bmx_timer_set(command->parts.loop, command->end, 0);
}

static struct bmx_probe_session_parts
session_parts(struct bmx_probe_command *command)
{
	const struct bmx_call_ahead_settings *settings =
		&command->parts.settings;
	const struct bmx_target_try *target = command->target;
	const enum bmx_config_tls tls =
		command->in_clear ? BMX_TLS_NONE : settings->tls;

	return (struct bmx_probe_session_parts){
		.loop = command->parts.loop,
		.address = (const struct sockaddr *)&target->address,
		.address_len = target->address_len,
		.dialogue = {.hostname = settings->hostname,
	                     .sender = settings->probe_sender,
	                     .tls = tls},
		.host = target->host->name,
		.tls_context =
			tls == BMX_TLS_NONE ? NULL : settings->tls_context,
		.tlsa = target->host->tlsa,
		.tlsa_count = target->host->tlsa_count,
		.callbacks = {.on_job = on_job,
	                      .on_closed = on_closed,
	                      .on_trace = on_trace,
	                      .ctx = command},
	};
}

static void
begin_session(struct bmx_probe_command *command, int64_t left_ms)
{
	const struct bmx_probe_session_parts parts = session_parts(command);
	const struct bmx_probe_job job = {
		.local = {command->local, command->local_len},
		.domain = bmx_slice_of(command->domain),
		.random_local = bmx_slice_of(command->random),
		.confirm = command->parts.had_valid,
	};
	struct bmx_error err;

	command->decided = false;
	note(command, command->in_clear ? "once more in clear: " : "asking ",
	     command->target->host->name);
	command->session = bmx_probe_session_new(&parts, &err);
	if (command->session) {
		bmx_probe_session_give(command->session, &job,
		                       left_ms < BMX_CALL_AHEAD_PROBE_MS ?
		                               left_ms :
		                               BMX_CALL_AHEAD_PROBE_MS);
		return;
	}
	note(command, "no connection: ", err.text);
	command->result = (struct bmx_probe_result){.outcome = BMX_PROBE_UNSURE,
	                                            .why = BMX_PROBE_NO_MEMORY};
	bmx_timer_set(command->parts.loop, command->end, 0);
}

/* A host that DANE cannot vouch for is not asked. */
static bool
may_be_asked(struct bmx_probe_command *command)
{
	if (command->parts.settings.tls != BMX_TLS_DANE ||
	    command->target->dane_ok)
		return true;
	note(command, "no secure TLSA records for ",
	     command->target->host->name);
	command->result = (struct bmx_probe_result){
		.outcome = BMX_PROBE_UNSURE, .why = BMX_PROBE_REFUSED_TLS};
	return false;
}

static void
on_end(void *ctx)
{
	struct bmx_probe_command *command = ctx;
	const int64_t left_ms = command->deadline_ms -
		bmx_clock_mono_ms(command->parts.loop->clock);

	bmx_probe_session_free(&command->session);
	if ((command->target && !wants_another(command)) || left_ms <= 0) {
		finish(command);
		return;
	}
	do {
		if (!command->in_clear)
			command->target =
				bmx_target_tries_next(command->parts.tries);
	} while (command->target && !may_be_asked(command));
	if (command->target)
		begin_session(command, left_ms);
	else
		finish(command);
}

/* Call-ahead may be gone before the command is, and its TLS context with it: a
 * reload, or DNS that names no host any more. Its strings fit, as they did
 * there. */
static void
copy_settings(struct bmx_probe_command *command)
{
	struct bmx_call_ahead_settings *settings = &command->parts.settings;
	struct bmx_text text;

	bmx_text_init(&text, command->hostname, sizeof(command->hostname));
	bmx_text_append_string(&text, settings->hostname);
	settings->hostname = command->hostname;
	bmx_text_init(&text, command->sender, sizeof(command->sender));
	bmx_text_append_string(&text, settings->probe_sender);
	settings->probe_sender = command->sender;
	(void)bmx_tls_context_ref(settings->tls_context);
	command->settings_copied = true;
}

static int
fill(struct bmx_probe_command *command, struct bmx_error *err)
{
	const struct bmx_probe_command_parts *parts = &command->parts;
	uint8_t key[BMX_SIPHASH_KEY_SIZE] = {0};
	struct bmx_text text;

	if (parts->local.len > sizeof(command->local) ||
	    parts->domain.len >= sizeof(command->domain))
		return bmx_error_set(err, BMX_E_TOO_BIG, "too long an address");
	copy_settings(command);
	memcpy(command->local, parts->local.data, parts->local.len);
	command->local_len = parts->local.len;
	memcpy(command->domain, parts->domain.data, parts->domain.len);
	bmx_text_init(&text, command->address, sizeof(command->address));
	bmx_text_append(&text, parts->address);
	bmx_siphash_random_key(key);
	bmx_probe_random_local(
		bmx_siphash24(key, command->local, command->local_len),
		command->random);
	command->lines = json_array();
	command->end = bmx_timer_new(parts->loop, on_end, command);
	if (!command->lines || !command->end)
		return bmx_error_set(err, BMX_E_NOMEM, "out of memory");
	return 0;
}

struct bmx_probe_command *
bmx_probe_command_new(const struct bmx_probe_command_parts *parts,
                      struct bmx_error *err)
{
	struct bmx_probe_command *command = calloc(1, sizeof(*command));
	struct bmx_target_tries *tries = parts->tries;

	if (!command) {
		bmx_target_tries_free(&tries);
		(void)bmx_error_set(err, BMX_E_NOMEM, "out of memory");
		return NULL;
	}
	command->parts = *parts;
	command->result = (struct bmx_probe_result){.outcome = BMX_PROBE_UNSURE,
	                                            .why = BMX_PROBE_TRANSPORT};
	command->deadline_ms =
		bmx_clock_mono_ms(parts->loop->clock) + BMX_PROBE_COMMAND_MS;
	if (fill(command, err) != 0) {
		bmx_probe_command_free(&command);
		return NULL;
	}
	bmx_timer_set(parts->loop, command->end, 0);
	return command;
}

void
bmx_probe_command_free(struct bmx_probe_command **command)
{
	struct bmx_probe_command *c = *command;

	if (!c)
		return;
	bmx_probe_session_free(&c->session);
	bmx_timer_free(c->parts.loop, &c->end);
	bmx_target_tries_free(&c->parts.tries);
	if (c->settings_copied)
		bmx_tls_context_free(&c->parts.settings.tls_context);
	json_decref(c->lines);
	free(c);
	*command = NULL;
}
