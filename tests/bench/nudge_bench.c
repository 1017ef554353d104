/*
 * What the nudge does for libmilter's worker pool. A milter of its own, whose
 * RCPT callback sleeps as long as the recipient's name says, serves sessions
 * that this program plays itself over a unix socket.
 *
 *	nudge_bench [off]	with "off" the callbacks do not mark themselves
 *
 * Prints: the time until 64 sessions with callbacks of 1 s are answered (wanted:
 * 2.5 s), the longest wait of 196 quick sessions beside 4 slow ones (wanted:
 * 0.3 s), and the wake-ups of the nudge in 2 s of idleness (wanted: 0).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include <backupmx/clock.h>

#include "milter/nudge.h"

#define SESSIONS_MAX 200

static struct bmx_nudge *nudge;
static struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_UNIX};
static bool marking = true;

static double
now_s(void)
{
	return (double)bmx_clock_mono_us(bmx_clock_system()) / 1e6;
}

static void
sleep_ms(long ms)
{
	const struct timespec wait = {.tv_sec = ms / 1000,
	                              .tv_nsec = ms % 1000 * 1000000};

	(void)nanosleep(&wait, NULL);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **words)
{
	struct bmx_nudge_mark mark;

	(void)ctx;
	if (marking)
		bmx_nudge_enter(nudge, &mark);
	sleep_ms(strtol(words[0] + 1, NULL, 10));
	if (marking)
		bmx_nudge_leave(nudge, &mark);
	return SMFIS_CONTINUE;
}

static void *
run_milter(void *ctx)
{
	static char name[] = "nudge_bench";
	const struct smfiDesc description = {.xxfi_name = name,
	                                     .xxfi_version = SMFI_VERSION,
	                                     .xxfi_envrcpt = on_rcpt};
	char where[32];

	(void)snprintf(where, sizeof(where), "fd:%d", *(int *)ctx);
	if (smfi_register(description) != MI_SUCCESS ||
	    smfi_setconn(where) != MI_SUCCESS || smfi_main() != MI_SUCCESS)
		(void)fprintf(stderr, "libmilter did not start\n");
	return NULL;
}

static void
command(int fd, char verb, const void *data, size_t len)
{
	char packet[128];
	const uint32_t size = htonl((uint32_t)len + 1);

	memcpy(packet, &size, 4);
	packet[4] = verb;
	memcpy(packet + 5, data, len);
	if (send(fd, packet, len + 5, MSG_NOSIGNAL) != (ssize_t)len + 5)
		(void)fprintf(stderr, "a session was lost\n");
}

static void
read_exactly(int fd, char *buffer, size_t len)
{
	while (len > 0) {
		const ssize_t got = recv(fd, buffer, len, 0);

		if (got <= 0) {
			(void)fprintf(stderr, "a session was lost\n");
			exit(1);
		}
		buffer += got;
		len -= (size_t)got;
	}
}

static void
read_answer(int fd)
{
	char packet[256];
	uint32_t size;

	read_exactly(fd, (char *)&size, 4);
	size = ntohl(size);
	if (size <= sizeof(packet))
		read_exactly(fd, packet, size);
}

/* A session; steps without a callback are negotiated away and not sent. */
static int
open_session(void)
{
	static const char negotiation[] = "\0\0\0\6\0\0\1\xff\0\x1f\xff\xff";
	const int fd = bmx_endpoint_connect(&endpoint, 5000, NULL);

	if (fd < 0) {
		(void)fprintf(stderr, "cannot connect\n");
		exit(1);
	}
	command(fd, SMFIC_OPTNEG, negotiation, 12);
	read_answer(fd);
	return fd;
}

static void
ask(int fd, long ms)
{
	char words[32];
	const int len = snprintf(words, sizeof(words), "<%ld@x>", ms);

	command(fd, SMFIC_RCPT, words, (size_t)len + 1);
}

/* All answers; the longest wait of the sessions from `from` on, seconds. */
static double
collect(const int *fds, int count, int from, double start)
{
	struct pollfd ready[SESSIONS_MAX];
	double longest = 0;
	int open = count;

	for (int i = 0; i < count; i++)
		ready[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	while (open > 0 && poll(ready, (nfds_t)count, 60000) > 0) {
		for (int i = 0; i < count; i++) {
			if (ready[i].fd < 0 || !ready[i].revents)
				continue;
			read_answer(ready[i].fd);
			ready[i].fd = -1;
			open--;
			if (i >= from)
				longest = now_s() - start;
		}
	}
	return open > 0 ? -1 : longest;
}

/* count sessions ask at once, the first `slow` ones for slow_ms; the longest
 * wait of the others, or of all when all are slow. */
static double
round_of(int count, int slow, long slow_ms)
{
	int fds[SESSIONS_MAX];
	double start, longest;

	for (int i = 0; i < count; i++)
		fds[i] = open_session();
	sleep_ms(200);
	start = now_s();
	for (int i = 0; i < count; i++) {
		ask(fds[i], i < slow ? slow_ms : 0);
		if (i == slow - 1 && slow < count)
			sleep_ms(50);
	}
	longest = collect(fds, count, slow < count ? slow : 0, start);
	for (int i = 0; i < count; i++)
		(void)close(fds[i]);
	return longest;
}

static int
start(int *fd)
{
	const struct bmx_endpoint_owner owner = {
		.mode = 0600, .group = "", .uid = (uid_t)-1};
	struct bmx_error err;
	pthread_t thread;

	(void)snprintf(endpoint.path, sizeof(endpoint.path),
	               "/tmp/bmx-nudge-bench-%d", (int)getpid());
	*fd = bmx_endpoint_listen(&endpoint, &owner, &err);
	if (*fd < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	nudge = bmx_nudge_new(&endpoint);
	return nudge ? pthread_create(&thread, NULL, run_milter, fd) : -1;
}

int
main(int argc, char **argv)
{
	static int fd;
	uint64_t wakeups;

	marking = !(argc > 1 && strcmp(argv[1], "off") == 0);
	if (start(&fd) != 0)
		return 1;
	(void)printf("nudge %s\n", marking ? "on" : "off");
	(void)printf("64 sessions with 1 s callbacks: %.2f s\n",
	             round_of(64, 64, 1000));
	(void)printf("196 quick beside 4 slow (4 s): longest wait %.3f s\n",
	             round_of(200, 4, 4000));
	sleep_ms(200);
	wakeups = bmx_nudge_wakeups(nudge);
	sleep_ms(2000);
	(void)printf("wake-ups in 2 s of idleness: %llu\n",
	             (unsigned long long)(bmx_nudge_wakeups(nudge) - wakeups));
	(void)printf("nudges sent: %llu\n",
	             (unsigned long long)bmx_nudge_sent(nudge));
	bmx_endpoint_unlink(&endpoint);
	return 0;
}
