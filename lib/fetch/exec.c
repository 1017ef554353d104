/* exec:/path argument ...: what a program writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <backupmx/command.h>

#include "exec_words.h"
#include "fetch_priv.h"

#define SCHEME "exec:"
#define DOMAIN_VARIABLE "BACKUPMX_DOMAIN="
/* Octets of a domain name, terminator included. */
#define DOMAIN_SIZE 256
/* An exit status behind this one, up to 128 and the last signal, is that of a
 * program that was ended by one; ssh's 255 is no signal's. */
#define SIGNALLED 128
#define SIGNAL_MAX 64
/* Octets of what a program said that go into a message. */
#define SAID_SHOWN 200

static const char *
check(const char *source)
{
	struct exec_words words;

	return exec_words_split(source + strlen(SCHEME), &words);
}

/* Without the blanks that its line feeds became. */
static int
said_length(const char *said)
{
	size_t len = strlen(said);

	while (len > 0 && said[len - 1] == ' ')
		len--;
	return len > SAID_SHOWN ? SAID_SHOWN : (int)len;
}

/* What the program said itself comes first: it knows best. */
static int
judge(const struct bmx_command_result *result, struct bmx_error *err)
{
	const char *said = result->said + strspn(result->said, " ");
	const char *mark = said[0] ? ": " : "";
	const int len = said_length(said);

	if (result->status == 0)
		return 0;
	if (result->status > SIGNALLED &&
	    result->status <= SIGNALLED + SIGNAL_MAX)
		return bmx_error_set(err, BMX_E_IO, "ended by signal %d%s%.*s",
		                     result->status - SIGNALLED, mark, len,
		                     said);
	return bmx_error_set(err, BMX_E_IO, "ended with status %d%s%.*s",
	                     result->status, mark, len, said);
}

static int
run(const struct bmx_command *command, struct fetch_answer *answer,
    struct bmx_error *err)
{
	struct bmx_command_result result;

	if (bmx_command_run(command, &result, err) != 0)
		return -1;
	if (judge(&result, err) != 0) {
		bmx_command_result_clear(&result);
		return -1;
	}
	answer->text.data = result.output;
	answer->text.len = result.output_len;
	result.output = NULL; /* the answer's now */
	bmx_command_result_clear(&result);
	return 0;
}

static int
fetch(const struct bmx_list_fetch *fetch, int64_t deadline_ms,
      struct fetch_answer *answer, struct bmx_error *err)
{
	char domain[sizeof(DOMAIN_VARIABLE) + DOMAIN_SIZE];
	const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
		"/bin",
		"LANG=C.UTF-8", domain, NULL};
	struct exec_words words;
	const struct bmx_command command = {
		.argv = words.argv,
		.environment = environment,
		.timeout_ms = fetch->settings->timeout_ms,
		.output_max = answer->text.max,
	};

	(void)deadline_ms; /* that of the program alone: nothing was before */
	if (geteuid() == 0)
		return bmx_error_set(err, BMX_E_PERMISSION,
		                     "programs are not run as root; let the "
		                     "daemon run as its own user");
	if (exec_words_split(fetch->source + strlen(SCHEME), &words))
		return bmx_error_set(err, BMX_E_USAGE, "not a command");
	(void)snprintf(domain, sizeof(domain), "%s%s", DOMAIN_VARIABLE,
	               fetch->domain);
	return run(&command, answer, err);
}

const struct fetch_kind fetch_kind_exec = {SCHEME, check, fetch};
