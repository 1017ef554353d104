/*
 * dialogue.c - runs a probe session against a primary that follows a script:
 * over a socket pair, the fake loop and the fake clock; or, with --tcp, on
 * 127.0.0.1 in real time (scripts in which nobody hangs).
 *
 * A script is lines; '#' starts a comment line. First what the session is:
 *
 *	tls MODE          none (the default), may, encrypt, verify, dane
 *	certificate WHICH good (the default), self, expired, other
 *	tlsa WHICH        good, bad
 *	sender ADDRESS    refuses-null      check
 *
 * Then what happens, in order:
 *
 *	job LOCAL [confirm] [random] [limit=MS]    @example.test
 *	S TEXT            the primary sends a line
 *	s TEXT            it sends octets: \r \n \0 \\ \xHH, \*N repeats the
 *	                  octet before, N times in all
 *	C TEXT            the client must have sent this line
 *	octets            the client must have sent something; it is dropped
 *	drip MS TEXT      it sends a line, an octet every MS, while it is heard
 *	secure            TLS comes up at its side
 *	close             it closes
 *	hang              it says nothing more until the session is over
 *	advance MS        time passes
 *	at MS             so much time has passed since the beginning
 *	result TEXT       the job's: outcome, why, random=, retry=
 *	reply CODE ENHANCED TEXT     that decided it
 *	idle              the session told that it takes a job
 *	keywords TEXT     those last told
 *	quit              its owner wants no more of it
 *	closed WHY STATE [clear] [refuses-null]
 *	free              its owner drops it: nothing calls back
 *
 * At the end all must have been expected: lines, results, and the close.
 */
#include "tests/replay/dialogue_run.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/fake_loop.h"

static bool
at_once(struct run *r)
{
	(void)r;
	return true;
}

/* ---- commands: the session ---- */

static void
do_tls(struct run *r, char *args)
{
	static const char *const modes[] = {"none", "may", "encrypt", "verify",
	                                    "dane"};
	unsigned mode = 0;

	while (strcmp(modes[mode], args) != 0)
		if (++mode == sizeof(modes) / sizeof(modes[0]))
			run_fail(r, "no mode of TLS", args);
	r->parts.dialogue.tls = (enum bmx_config_tls)mode;
}

static void
do_certificate(struct run *r, char *args)
{
	const bool self = strcmp(args, "self") == 0;
	const bool other = strcmp(args, "other") == 0;

	r->certificate = tls_certificate_new(
		self ? NULL : r->authority,
		other ? "DNS:mx2.example.test" : "DNS:" HOST,
		strcmp(args, "expired") == 0 ? -1 : 10);
}

static void
do_tlsa(struct run *r, char *args)
{
	r->parts.tlsa_count = 1;
	if (strcmp(args, "bad") == 0)
		memset(r->digest, 7, sizeof(r->digest));
}

static void
do_sender(struct run *r, char *args)
{
	(void)snprintf(r->sender, sizeof(r->sender), "%s", args);
}

static void
do_refuses_null(struct run *r, char *args)
{
	(void)args;
	r->parts.dialogue.refuses_null_sender = true;
}

static void
do_check(struct run *r, char *args)
{
	(void)args;
	r->parts.dialogue.check_only = true;
}

static bool
takes_job(struct run *r)
{
	return r->session && bmx_probe_session_takes_job(r->session);
}

static void
do_job(struct run *r, char *args)
{
	struct bmx_probe_job job = {.domain = BMX_SLICE("example.test")};
	int64_t limit_ms = 5000;
	char *word;

	job.local = bmx_slice_of(strsep(&args, " "));
	while ((word = strsep(&args, " ")) != NULL) {
		if (strcmp(word, "confirm") == 0)
			job.confirm = true;
		else if (strcmp(word, "random") == 0)
			job.random_local = BMX_SLICE("x7f3a9");
		else if (strncmp(word, "limit=", 6) == 0)
			limit_ms = run_number(r, word + 6);
		else
			run_fail(r, "what of a job?", word);
	}
	if (!run_await(r, takes_job))
		run_fail(r, "it takes no job", r->closed);
	bmx_probe_session_give(r->session, &job, limit_ms);
}

static void
do_quit(struct run *r, char *args)
{
	(void)args;
	bmx_probe_session_quit(r->session);
}

static void
do_free(struct run *r, char *args)
{
	(void)args;
	bmx_probe_session_free(&r->session);
	(void)snprintf(r->closed, sizeof(r->closed), "freed");
	r->closed_taken = true;
}

/* ---- commands: the primary ---- */

static void
do_send_line(struct run *r, char *args)
{
	char line[TEXT_MAX * 2];
	const int len = snprintf(line, sizeof(line), "%s\r\n", args);

	primary_send(&r->primary, (struct bmx_slice){line, (size_t)len});
}

/* One escape, from behind its backslash; moves *from past it. */
static void
unescape(const struct run *r, char **from, struct bmx_text *to)
{
	const char kind = *(*from)++;
	const char last = to->len > 0 ? to->data[to->len - 1] : '\0';
	char hex[3] = "";

	switch (kind) {
	case 'r':
		bmx_text_append_char(to, '\r');
		break;
	case 'n':
		bmx_text_append_char(to, '\n');
		break;
	case '0':
		bmx_text_append_char(to, '\0');
		break;
	case '\\':
		bmx_text_append_char(to, '\\');
		break;
	case 'x':
		(void)snprintf(hex, sizeof(hex), "%.2s", *from);
		bmx_text_append_char(to, (char)strtol(hex, NULL, 16));
		*from += 2;
		break;
	case '*':
		for (long i = strtol(*from, from, 10); i > 1; i--)
			bmx_text_append_char(to, last);
		break;
	default:
		run_fail(r, "what escape?", *from - 1);
	}
}

static void
do_send_octets(struct run *r, char *args)
{
	static char octets[64 * 1024];
	struct bmx_text text;

	bmx_text_init(&text, octets, sizeof(octets));
	while (*args != '\0') {
		if (*args == '\\') {
			args++;
			unescape(r, &args, &text);
		} else {
			bmx_text_append_char(&text, *args++);
		}
	}
	primary_send(&r->primary, bmx_text_slice(&text));
}

static void
do_drip(struct run *r, char *args)
{
	const int64_t ms = run_number(r, strsep(&args, " "));
	char line[TEXT_MAX * 2];

	(void)snprintf(line, sizeof(line), "%s\r\n", args);
	for (const char *at = line; *at != '\0' && r->session; at++) {
		primary_send(&r->primary, (struct bmx_slice){at, 1});
		run_advance(r, ms);
	}
}

static bool
has_line(struct run *r)
{
	return primary_take_line(&r->primary, r->line_got, sizeof(r->line_got));
}

static void
do_expect_line(struct run *r, char *args)
{
	if (!run_await(r, has_line))
		run_fail(r, "no line of the client", r->closed);
	if (strcmp(r->line_got, args) != 0)
		run_fail(r, args, r->line_got);
}

static bool
has_octets(struct run *r)
{
	return primary_drop(&r->primary) > 0;
}

static void
do_octets(struct run *r, char *args)
{
	(void)args;
	if (!run_await(r, has_octets))
		run_fail(r, "nothing of the client", r->closed);
}

static bool
is_secure(struct run *r)
{
	return r->primary.fd < 0 || primary_secure(&r->primary, r->server_ctx);
}

static void
do_secure(struct run *r, char *args)
{
	(void)args;
	/* Each step needs an answer: over a socket pair, a few rounds. */
	for (int i = 0; i < 10 && !run_await(r, is_secure); i++)
		continue;
}

static void
do_close(struct run *r, char *args)
{
	(void)args;
	(void)run_await(r, at_once);
	primary_close(&r->primary);
}

static void
do_hang(struct run *r, char *args)
{
	(void)args;
	run_advance(r, 0);
	for (int i = 0; r->session; i++) {
		const int64_t next_ms = fake_loop_next_ms(r->loop);

		if (next_ms < 0 || i == 100)
			run_fail(r, "it would wait for ever", "");
		run_advance(r, next_ms);
	}
}

static void
do_advance(struct run *r, char *args)
{
	run_advance(r, run_number(r, args));
}

/* ---- commands: what must be ---- */

static void
do_at(struct run *r, char *args)
{
	const int64_t ms =
		(bmx_clock_mono_us(r->loop->clock) - r->began_us) / 1000;
	char got[32];

	(void)snprintf(got, sizeof(got), "%lld", (long long)ms);
	if (!r->tcp && ms != run_number(r, args))
		run_fail(r, "the time is another", got);
}

static bool
has_result(struct run *r)
{
	return r->result_count > r->results_taken;
}

static void
do_result(struct run *r, char *args)
{
	if (!run_await(r, has_result))
		run_fail(r, "no result", r->closed);
	if (strcmp(r->results[r->results_taken], args) != 0)
		run_fail(r, args, r->results[r->results_taken]);
	r->results_taken++;
}

static void
do_reply(struct run *r, char *args)
{
	const struct bmx_smtp_reply *reply;
	char got[TEXT_MAX + 64];

	assert(r->results_taken > 0);
	reply = &r->replies[r->results_taken - 1];
	(void)snprintf(got, sizeof(got), "%d %d.%d.%d %s", reply->code,
	               reply->enhanced[0], reply->enhanced[1],
	               reply->enhanced[2], reply->text);
	if (strcmp(got, args) != 0)
		run_fail(r, args, got);
}

static bool
was_idle(struct run *r)
{
	return r->idle_count > 0;
}

static void
do_idle(struct run *r, char *args)
{
	(void)args;
	if (!run_await(r, was_idle))
		run_fail(r, "it is not idle", r->closed);
	r->idle_count--;
}

static bool
has_keywords(struct run *r)
{
	return strcmp(r->keywords, r->wanted) == 0;
}

static void
do_keywords(struct run *r, char *args)
{
	r->wanted = args;
	if (!run_await(r, has_keywords))
		run_fail(r, args, r->keywords);
}

static bool
is_closed(struct run *r)
{
	return r->closed[0] != '\0';
}

static void
do_closed(struct run *r, char *args)
{
	if (!run_await(r, is_closed))
		run_fail(r, "it is open", "");
	if (strcmp(r->closed, args) != 0)
		run_fail(r, args, r->closed);
	r->closed_taken = true;
}

/* ---- scripts ---- */

static const struct command {
	const char *name;
	void (*run)(struct run *, char *args);
	bool before_start;
} commands[] = {
	{"tls", do_tls, true},
	{"certificate", do_certificate, true},
	{"tlsa", do_tlsa, true},
	{"sender", do_sender, true},
	{"refuses-null", do_refuses_null, true},
	{"check", do_check, true},
	{"job", do_job, false},
	{"quit", do_quit, false},
	{"free", do_free, false},
	{"S", do_send_line, false},
	{"s", do_send_octets, false},
	{"C", do_expect_line, false},
	{"octets", do_octets, false},
	{"drip", do_drip, false},
	{"secure", do_secure, false},
	{"close", do_close, false},
	{"hang", do_hang, false},
	{"advance", do_advance, false},
	{"at", do_at, false},
	{"result", do_result, false},
	{"reply", do_reply, false},
	{"idle", do_idle, false},
	{"keywords", do_keywords, false},
	{"closed", do_closed, false},
};

static void
run_line(struct run *r, char *line)
{
	const char *name;
	char *args = line;

	line[strcspn(line, "\n")] = '\0';
	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#')
		return;
	args = line;
	name = strsep(&args, " ");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (!commands[i].before_start)
			run_start(r);
		commands[i].run(r, args ? args : line + strlen(line));
		return;
	}
	run_fail(r, "no such command", name);
}

/* Nothing came that the script does not name. */
static void
check_rest(struct run *r)
{
	if (!r->loop)
		run_fail(r, "the script does nothing", "");
	(void)run_await(r, at_once);
	if (has_line(r))
		run_fail(r, "a line of the client too many", r->line_got);
	if (has_result(r))
		run_fail(r, "a result too many", r->results[r->results_taken]);
	if (!r->closed_taken)
		run_fail(r, "the close was not expected", r->closed);
	if (r->session)
		run_fail(r, "the session is open", "");
}

static void
run_script(const char *path, bool tcp, struct tls_authority *authority)
{
	struct run r = {.path = path, .tcp = tcp, .authority = authority};
	FILE *in = fopen(path, "r");
	char line[1024];

	r.primary.fd = -1;
	if (!in)
		run_fail(&r, "it cannot be read", "");
	while (fgets(line, sizeof(line), in)) {
		r.line++;
		run_line(&r, line);
	}
	(void)fclose(in);
	check_rest(&r);
	run_end(&r);
}

int
main(int argc, char **argv)
{
	const bool tcp = argc > 1 && strcmp(argv[1], "--tcp") == 0;
	struct tls_authority *authority = tls_authority_new();

	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = tcp ? 2 : 1; i < argc; i++)
		run_script(argv[i], tcp, authority);
	tls_authority_free(authority);
	return 0;
}
