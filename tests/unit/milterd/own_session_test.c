#include "milter/own_session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/cmocka.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* Long enough for a thread of the test to run, under a sanitizer, too. */
#define WAIT_MS 10000
/* For those that are to time out. */
#define SHORT_MS 50

/* What the other end does. */
enum end {
	END_NONE,   /* nobody listens */
	END_KERNEL, /* listens, and accepts nothing */
	END_SILENT, /* accepts, and sends nothing */
	END_CLOSE,  /* sends the reply and closes */
	END_KEEP,   /* sends the reply and waits for the end */
	END_DRIP,   /* as END_KEEP, one octet after the other */
};

struct answer_case {
	const char *name;
	enum end end;
	int wait_ms;
	const char *reply;
	size_t len;
	bool want;
};

#define REPLY(literal) (literal), sizeof(literal) - 1
#define REST "\0\0\0\6\0\0\0\0\0\0\0\0"

/* clang-format off */
static struct answer_case cases[] = {
	{"an answer",                     END_KEEP,   WAIT_MS,  REPLY("\0\0\0\15O" REST), true},
	{"an answer with macros",         END_KEEP,   WAIT_MS,  REPLY("\0\0\0\23O" REST "\0\0\0\0i\0"), true},
	{"an answer in pieces",           END_DRIP,   WAIT_MS,  REPLY("\0\0\0\15O" REST), true},
	{"an answer, then the end",       END_CLOSE,  WAIT_MS,  REPLY("\0\0\0\15O" REST), true},
	{"another answer",                END_KEEP,   WAIT_MS,  REPLY("\0\0\0\15c" REST), false},
	{"a refusal",                     END_KEEP,   WAIT_MS,  REPLY("\0\0\0\1r"), false},
	{"an answer that is too short",   END_KEEP,   WAIT_MS,  REPLY("\0\0\0\14O" REST), false},
	{"half a length, then the end",   END_CLOSE,  WAIT_MS,  REPLY("\0\0"), false},
	{"a length without a command",    END_CLOSE,  WAIT_MS,  REPLY("\0\0\0\15"), false},
	{"closed at once",                END_CLOSE,  WAIT_MS,  REPLY(""), false},
	{"half an answer, then silence",  END_KEEP,   SHORT_MS, REPLY("\0\0\0"), false},
	{"silence",                       END_SILENT, SHORT_MS, REPLY(""), false},
	{"only the kernel has taken it",  END_KERNEL, SHORT_MS, REPLY(""), false},
	{"nobody listens",                END_NONE,   SHORT_MS, REPLY(""), false},
};
/* clang-format on */

struct peer {
	const struct answer_case *tc;
	int listen_fd;
	unsigned char got[64]; /* what the milter's own session sent */
	size_t got_len;
};

/* Who knows enough after a part of the reply may have closed. */
static void
send_reply(const struct answer_case *tc, int fd)
{
	const size_t step = tc->end == END_DRIP ? 1 : tc->len;
	size_t at = 0;

	while (at < tc->len &&
	       send(fd, tc->reply + at, step, MSG_NOSIGNAL) == (ssize_t)step)
		at += step;
}

static void *
serve(void *ctx)
{
	struct peer *peer = ctx;
	const int fd = accept(peer->listen_fd, NULL, NULL);
	ssize_t got;

	peer->got_len = 17;
	if (recv(fd, peer->got, 17, MSG_WAITALL) != 17)
		peer->got_len = 0;
	send_reply(peer->tc, fd);
	while (peer->tc->end != END_CLOSE && peer->got_len > 0 &&
	       (got = recv(fd, peer->got + peer->got_len,
	                   sizeof(peer->got) - peer->got_len, 0)) > 0)
		peer->got_len += (size_t)got;
	(void)close(fd);
	return NULL;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void
check_sent(const struct peer *peer)
{
	static const unsigned char quit[] = {0, 0, 0, 1, 'Q'};

	assert_memory_equal(peer->got, "\0\0\0\15O\0\0\0\6", 9);
	if (!peer->tc->want || peer->tc->end == END_CLOSE)
		return;
	assert_int_equal(peer->got_len, 17 + sizeof(quit));
	assert_memory_equal(peer->got + 17, quit, sizeof(quit));
}

static void
test_answer(void **state)
{
	struct peer peer = {.tc = *state, .listen_fd = -1};
	const bool threaded = peer.tc->end > END_KERNEL;
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};
	char dir[] = "/tmp/bmx-XXXXXX";
	pthread_t thread;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(endpoint.path, sizeof(endpoint.path), "%s/s", dir);
	if (peer.tc->end != END_NONE)
		peer.listen_fd = listen_at(endpoint.path);
	if (threaded)
		assert_int_equal(pthread_create(&thread, NULL, serve, &peer),
		                 0);
	assert_int_equal(bmx_own_session_answers(&endpoint, peer.tc->wait_ms),
	                 peer.tc->want);
	if (threaded) {
		assert_int_equal(pthread_join(thread, NULL), 0);
		check_sent(&peer);
	}
	if (peer.listen_fd >= 0) {
		(void)close(peer.listen_fd);
		(void)unlink(endpoint.path);
	}
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	struct CMUnitTest tests[COUNT(cases)] = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = test_answer;
		tests[i].initial_state = &cases[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
