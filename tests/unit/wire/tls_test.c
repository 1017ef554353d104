/* Streams with TLS, against a server in a thread; time is the fake loop's. */
#include "tests/support/cmocka.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <backupmx/stream.h>

#include "tests/support/fake_loop.h"
#include "tests/support/tls_server.h"

#define WALL_MS INT64_C(1790000000000)
#define TIMEOUT_MS 3000
/* Turns of at most 1 ms of real time to wait for what must come. */
#define TURNS 10000
#define HOST "mx1.example.test"

enum which { GOOD, WILD, PARTIAL, EXPIRED, SELF, ADDRESS, CERTIFICATES };
enum records { NO_TLSA, EE, EE_BAD, TA, TA_BAD, ODD, ODD_AND_EE };

static struct tls_authority *authority;
static struct tls_certificate *certificates[CERTIFICATES];

struct tls_case {
	const char *name;
	enum which which;
	enum tls_server_mode mode;
	enum bmx_tls_trust trust;
	const char *host;
	enum records records;
	bool system_store;        /* not our authority's file */
	enum bmx_error_code want; /* BMX_E_NONE: secured */
	const char *want_text;
};

#define ECHO TLS_SERVER_ECHO
#define ANY BMX_TLS_TRUST_ANY
#define NAMES BMX_TLS_TRUST_NAMES
#define DANE BMX_TLS_TRUST_DANE
#define NO_MATCH "no TLSA record matches the certificate"
#define OTHER(name) "the certificate is for other names than " name
#define NO_RECORD "no TLSA record of " HOST " can be used"

/* clang-format off */
static struct tls_case cases[] = {
	{"any: a good certificate", GOOD, ECHO, ANY, HOST, NO_TLSA, false, BMX_E_NONE, ""},
	{"any: self-signed", SELF, ECHO, ANY, HOST, NO_TLSA, false, BMX_E_NONE, ""},
	{"any: no name to ask for", SELF, ECHO, ANY, "", NO_TLSA, false, BMX_E_NONE, ""},
	{"any: TLS 1.1 alone", GOOD, TLS_SERVER_OLD, ANY, HOST, NO_TLSA, false, BMX_E_IO, "TLS failed: the server knows no TLS of version 1.2 or later"},
	{"any: no TLS", GOOD, TLS_SERVER_PLAIN, ANY, HOST, NO_TLSA, false, BMX_E_IO, "TLS failed: the server does not answer in TLS"},
	{"any: closed instead", GOOD, TLS_SERVER_CLOSES, ANY, HOST, NO_TLSA, false, BMX_E_CLOSED, "the server closed the connection when TLS was to begin"},
	{"names: good", GOOD, ECHO, NAMES, HOST, NO_TLSA, false, BMX_E_NONE, ""},
	{"names: upper case", GOOD, ECHO, NAMES, "MX1.example.TEST", NO_TLSA, false, BMX_E_NONE, ""},
	{"names: wildcard", WILD, ECHO, NAMES, HOST, NO_TLSA, false, BMX_E_NONE, ""},
	{"names: a wildcard is one label", WILD, ECHO, NAMES, "a.b.example.test", NO_TLSA, false, BMX_E_REFUSED, OTHER("a.b.example.test")},
	{"names: a partial wildcard is none", PARTIAL, ECHO, NAMES, HOST, NO_TLSA, false, BMX_E_REFUSED, OTHER(HOST)},
	{"names: other name", GOOD, ECHO, NAMES, "mx2.example.test", NO_TLSA, false, BMX_E_REFUSED, OTHER("mx2.example.test")},
	{"names: expired", EXPIRED, ECHO, NAMES, HOST, NO_TLSA, false, BMX_E_REFUSED, "the certificate has expired"},
	{"names: self-signed", SELF, ECHO, NAMES, HOST, NO_TLSA, false, BMX_E_REFUSED, "the certificate is self-signed"},
	{"names: authority not in the system's store", GOOD, ECHO, NAMES, HOST, NO_TLSA, true, BMX_E_REFUSED, "the certificate's authority is not one of the known ones"},
	{"names: an address", ADDRESS, ECHO, NAMES, "127.0.0.1", NO_TLSA, false, BMX_E_NONE, ""},
	{"names: an address that it is not for", GOOD, ECHO, NAMES, "127.0.0.1", NO_TLSA, false, BMX_E_REFUSED, OTHER("127.0.0.1")},
	{"dane: 3 1 1", GOOD, ECHO, DANE, HOST, EE, true, BMX_E_NONE, ""},
	{"dane: 3 1 1, expired, self-signed, other name", EXPIRED, ECHO, DANE, "mx9.example.test", EE, true, BMX_E_NONE, ""},
	{"dane: 3 1 1 of another key", GOOD, ECHO, DANE, HOST, EE_BAD, false, BMX_E_REFUSED, NO_MATCH},
	{"dane: 2 0 1", GOOD, ECHO, DANE, HOST, TA, true, BMX_E_NONE, ""},
	{"dane: 2 0 1, other name", GOOD, ECHO, DANE, "mx2.example.test", TA, true, BMX_E_REFUSED, OTHER("mx2.example.test")},
	{"dane: 2 0 1, expired", EXPIRED, ECHO, DANE, HOST, TA, true, BMX_E_REFUSED, "the certificate has expired"},
	{"dane: 2 0 1 of another authority", GOOD, ECHO, DANE, HOST, TA_BAD, false, BMX_E_REFUSED, NO_MATCH},
	{"dane: unusable and good records", GOOD, ECHO, DANE, HOST, ODD_AND_EE, true, BMX_E_NONE, ""},
	{"dane: unusable records alone", GOOD, ECHO, DANE, HOST, ODD, false, BMX_E_REFUSED, NO_RECORD},
	{"dane: no records", GOOD, ECHO, DANE, HOST, NO_TLSA, false, BMX_E_REFUSED, NO_RECORD},
};
/* clang-format on */

struct fixture {
	struct bmx_loop *loop;
	struct bmx_tls_context *context;
	struct tls_server *server;
	struct bmx_stream *stream;
	unsigned told[BMX_STREAM_FAILED + 1];
	struct bmx_error err;
	int free_at;
};

static void
on_event(void *ctx, enum bmx_stream_event event, const struct bmx_error *err)
{
	struct fixture *fx = ctx;

	assert_non_null(fx->stream);
	fx->told[event]++;
	if (err)
		fx->err = *err;
	if ((int)event == fx->free_at)
		bmx_stream_free(&fx->stream);
}

static bool
over(const struct fixture *fx)
{
	return fx->told[BMX_STREAM_FAILED] || fx->told[BMX_STREAM_CLOSED];
}

static void
await(struct fixture *fx, enum bmx_stream_event event)
{
	for (int i = 0; i < TURNS && fx->told[event] == 0 && !over(fx); i++) {
		fake_loop_settle(fx->loop);
		if (fx->told[event] == 0)
			(void)fake_loop_poll(fx->loop, 1);
	}
}

/* A stream that is connected to a new server of that kind. */
static struct fixture *
begin(enum which which, enum tls_server_mode mode, bool system_store)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct bmx_error err;

	fx->loop = fake_loop_new(WALL_MS);
	fx->free_at = -1;
	fx->context = bmx_tls_context_new(
		system_store ? "" : tls_authority_file(authority), &err);
	assert_non_null(fx->context);
	fx->server = tls_server_new(certificates[which], mode);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(tls_server_port(fx->server));
	fx->stream =
		bmx_stream_connect(fx->loop, (struct sockaddr *)&in, sizeof(in),
	                           TIMEOUT_MS, on_event, fx, &err);
	assert_non_null(fx->stream);
	await(fx, BMX_STREAM_CONNECTED);
	assert_int_equal(fx->told[BMX_STREAM_CONNECTED], 1);
	return fx;
}

static void
end(struct fixture *fx)
{
	bmx_stream_free(&fx->stream);
	bmx_tls_context_free(&fx->context);
	fake_loop_free(&fx->loop);
	tls_server_free(fx->server);
	free(fx);
}

static int
secure(struct fixture *fx, const struct bmx_tls_request *request)
{
	return bmx_stream_secure(fx->stream, request, TIMEOUT_MS, &fx->err);
}

static int
secure_any(struct fixture *fx)
{
	const struct bmx_tls_request request = {
		.context = fx->context, .trust = ANY, .name = HOST};

	return secure(fx, &request);
}

static void
make_digests(enum records records, enum which which, uint8_t *ee, uint8_t *ta)
{
	tls_certificate_digest(certificates[which], ee);
	tls_authority_digest(authority, ta);
	if (records == EE_BAD)
		ee[0] ^= 1;
	if (records == TA_BAD)
		ta[0] ^= 1;
}

/* All certificates are valid from yesterday on, EXPIRED until yesterday. */
static void
check_certificate(const struct fixture *fx, enum which which)
{
	struct bmx_tls_certificate shown;

	assert_true(bmx_stream_certificate(fx->stream, &shown));
	assert_true(shown.not_before_s > 0);
	assert_int_equal(shown.not_after_s <= (int64_t)time(NULL),
	                 which == EXPIRED);
	assert_int_equal(shown.self_signed, which == SELF);
	assert_string_not_equal(shown.subject, "");
	assert_string_not_equal(shown.issuer, "");
}

static void
test_case(void **state)
{
	const struct tls_case *tc = *state;
	struct fixture *fx = begin(tc->which, tc->mode, tc->system_store);
	uint8_t ee[TLS_DIGEST_LEN], ta[TLS_DIGEST_LEN];
	const struct bmx_tlsa all[] = {
		{2, 0, 1, ta, sizeof(ta)},
		{0, 0, 1, ta, sizeof(ta)},     /* usage 0: not for SMTP */
		{1, 1, 1, ee, sizeof(ee)},     /* usage 1: neither */
		{3, 1, 2, ee, sizeof(ee)},     /* SHA-512 is longer */
		{3, 1, 1, ee, sizeof(ee) - 1}, /* cut */
		{3, 7, 1, ee, sizeof(ee)},     /* no such selector */
		{3, 1, 9, ee, sizeof(ee)},     /* no such digest */
		{3, 1, 0, ee, 0},              /* empty */
		{3, 1, 1, ee, sizeof(ee)},
	};
	static const struct {
		size_t from, count;
	} slices[] = {
		[NO_TLSA] = {0, 0},    [EE] = {8, 1},     [EE_BAD] = {8, 1},
		[TA] = {0, 1},         [TA_BAD] = {0, 1}, [ODD] = {1, 7},
		[ODD_AND_EE] = {1, 8},
	};
	const struct bmx_tls_request request = {
		.context = fx->context,
		.trust = tc->trust,
		.name = tc->host,
		.tlsa = all + slices[tc->records].from,
		.tlsa_count = slices[tc->records].count};

	make_digests(tc->records, tc->which, ee, ta);
	if (secure(fx, &request) == 0)
		await(fx, BMX_STREAM_SECURED);
	assert_string_equal(fx->err.text, tc->want_text);
	assert_int_equal(fx->err.code, tc->want);
	assert_int_equal(fx->told[BMX_STREAM_SECURED], tc->want == BMX_E_NONE);
	assert_int_equal(bmx_stream_is_secure(fx->stream),
	                 tc->want == BMX_E_NONE);
	assert_int_equal(fake_loop_timers(fx->loop), 0);
	if (tc->want == BMX_E_NONE) {
		check_certificate(fx, tc->which);
		assert_int_equal(bmx_stream_write(fx->stream,
		                                  BMX_SLICE("EHLO\r\n"),
		                                  &fx->err),
		                 0);
		await(fx, BMX_STREAM_DATA);
		assert_true(bmx_slice_equal(bmx_stream_input(fx->stream),
		                            BMX_SLICE("EHLO\r\n")));
		assert_string_equal(tls_server_sni(fx->server),
		                    tc->which == ADDRESS ? "" : tc->host);
	}
	end(fx);
}

static void
test_cap(void **state)
{
	struct fixture *fx = begin(GOOD, TLS_SERVER_SOURCE, false);
	const size_t most = BMX_STREAM_INPUT_MAX + BMX_STREAM_READ_MAX;
	size_t seen = 0;

	(void)state;
	assert_int_equal(secure_any(fx), 0);
	for (int i = 0; i < TURNS && seen < 1024 * 1024; i++) {
		const size_t len = bmx_stream_input(fx->stream).len;

		assert_true(len <= most);
		if (len >= BMX_STREAM_INPUT_MAX || i > TURNS / 10) {
			seen += len;
			bmx_stream_consume(fx->stream, len);
		}
		fake_loop_settle(fx->loop);
		(void)fake_loop_poll(fx->loop, 1);
	}
	assert_int_equal(seen, 1024 * 1024);
	assert_false(over(fx));
	end(fx);
}

static void
says_bye(enum tls_server_mode mode)
{
	struct fixture *fx = begin(GOOD, mode, false);

	assert_int_equal(secure_any(fx), 0);
	await(fx, BMX_STREAM_CLOSED);
	assert_int_equal(fx->told[BMX_STREAM_CLOSED], 1);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 0);
	assert_true(bmx_slice_equal(bmx_stream_input(fx->stream),
	                            BMX_SLICE("bye")));
	end(fx);
}

static void
test_dirty(void **state)
{
	(void)state;
	says_bye(TLS_SERVER_DIRTY);
}

static void
test_clean(void **state)
{
	(void)state;
	says_bye(TLS_SERVER_CLEAN);
}

static void
test_hang(void **state)
{
	struct fixture *fx = begin(GOOD, TLS_SERVER_SILENT, false);

	(void)state;
	assert_int_equal(secure_any(fx), 0);
	assert_int_equal(bmx_stream_write(fx->stream, BMX_SLICE("x"), &fx->err),
	                 -1);
	assert_int_equal(fx->err.code, BMX_E_CLOSED);
	fake_loop_settle(fx->loop);
	fake_loop_advance(fx->loop, TIMEOUT_MS - 1);
	assert_false(over(fx));
	fake_loop_advance(fx->loop, 1);
	assert_int_equal(fx->told[BMX_STREAM_FAILED], 1);
	assert_int_equal(fx->err.code, BMX_E_TIMEOUT);
	assert_string_equal(fx->err.text, "no TLS within 3000 ms");
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->told[BMX_STREAM_SECURED], 0);
	end(fx);
}

/* "220 go ahead" with more behind it, in one packet: CVE-2011-0411. */
static void
test_injection(void **state)
{
	struct fixture *fx = begin(GOOD, TLS_SERVER_EARLY, false);

	(void)state;
	await(fx, BMX_STREAM_DATA);
	bmx_stream_consume(fx->stream, sizeof("220 go ahead\r\n") - 1);
	assert_int_equal(secure_any(fx), -1);
	assert_int_equal(fx->err.code, BMX_E_SYNTAX);
	assert_int_equal(bmx_stream_write(fx->stream, BMX_SLICE("x"), &fx->err),
	                 -1);
	fake_loop_settle(fx->loop);
	assert_false(over(fx));
	end(fx);
}

static void
free_at(enum tls_server_mode mode, enum bmx_stream_event event)
{
	struct fixture *fx = begin(GOOD, mode, false);

	fx->free_at = (int)event;
	assert_int_equal(secure_any(fx), 0);
	await(fx, event);
	assert_int_equal(fx->told[event], 1);
	assert_null(fx->stream);
	fake_loop_settle(fx->loop);
	end(fx);
}

static void
test_free_at_secured(void **state)
{
	(void)state;
	free_at(TLS_SERVER_CLEAN, BMX_STREAM_SECURED);
}

static void
test_free_at_data(void **state)
{
	(void)state;
	free_at(TLS_SERVER_SOURCE, BMX_STREAM_DATA);
}

static void
test_free_at_closed(void **state)
{
	(void)state;
	free_at(TLS_SERVER_CLEAN, BMX_STREAM_CLOSED);
}

static void
test_free_at_failed(void **state)
{
	(void)state;
	free_at(TLS_SERVER_PLAIN, BMX_STREAM_FAILED);
}

static void
test_free_while_securing(void **state)
{
	struct fixture *fx = begin(GOOD, ECHO, false);

	(void)state;
	assert_int_equal(secure_any(fx), 0);
	bmx_stream_free(&fx->stream);
	fake_loop_settle(fx->loop);
	end(fx);
}

static void
test_context(void **state)
{
	char path[] = "/tmp/backupmx-tls-XXXXXX";
	const int fd = mkstemp(path);
	struct bmx_error err;

	(void)state;
	assert_int_equal(write(fd, "no PEM\n", 7), 7);
	(void)close(fd);
	assert_null(bmx_tls_context_new(path, &err));
	assert_int_equal(err.code, BMX_E_SYNTAX);
	assert_int_equal(unlink(path), 0);
	assert_null(bmx_tls_context_new(path, &err));
	assert_int_equal(err.code, BMX_E_NOT_FOUND);
}

/* Whoever holds a reference may use it when its maker has gone. */
static void
test_context_ref(void **state)
{
	struct fixture *fx = begin(GOOD, ECHO, false);
	struct bmx_tls_context *other = bmx_tls_context_ref(fx->context);

	(void)state;
	assert_null(bmx_tls_context_ref(NULL));
	assert_ptr_equal(other, fx->context);
	bmx_tls_context_free(&other);
	assert_null(other);
	assert_int_equal(secure_any(fx), 0);
	await(fx, BMX_STREAM_SECURED);
	assert_int_equal(fx->told[BMX_STREAM_SECURED], 1);
	end(fx);
}

static int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	authority = tls_authority_new();
	certificates[GOOD] = tls_certificate_new(authority, "DNS:" HOST, 9);
	certificates[WILD] =
		tls_certificate_new(authority, "DNS:*.example.test", 9);
	certificates[PARTIAL] =
		tls_certificate_new(authority, "DNS:mx*.example.test", 9);
	certificates[EXPIRED] = tls_certificate_new(authority, "DNS:" HOST, -1);
	certificates[SELF] = tls_certificate_new(NULL, "DNS:" HOST, 9);
	certificates[ADDRESS] =
		tls_certificate_new(authority, "IP:127.0.0.1", 9);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < CERTIFICATES; i++)
		tls_certificate_free(certificates[i]);
	tls_authority_free(authority);
	return 0;
}

static const struct CMUnitTest others[] = {
	{"input rests at its cap, nothing is stuck", test_cap, NULL, NULL,
         NULL},
	{"closed without close_notify", test_dirty, NULL, NULL, NULL},
	{"closed with close_notify", test_clean, NULL, NULL, NULL},
	{"a handshake that hangs ends in the loop's time", test_hang, NULL,
         NULL, NULL},
	{"input before TLS is refused", test_injection, NULL, NULL, NULL},
	{"freed when secured", test_free_at_secured, NULL, NULL, NULL},
	{"freed at data", test_free_at_data, NULL, NULL, NULL},
	{"freed when closed", test_free_at_closed, NULL, NULL, NULL},
	{"freed when failed", test_free_at_failed, NULL, NULL, NULL},
	{"freed while securing", test_free_while_securing, NULL, NULL, NULL},
	{"a file of authorities that is none", test_context, NULL, NULL, NULL},
	{"a context that somebody else holds", test_context_ref, NULL, NULL,
         NULL},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))
#define OTHERS (sizeof(others) / sizeof(others[0]))

int
main(void)
{
	struct CMUnitTest tests[CASES + OTHERS] = {0};

	for (size_t i = 0; i < CASES; i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_case;
		tests[i].initial_state = &cases[i];
	}
	memcpy(tests + CASES, others, sizeof(others));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
