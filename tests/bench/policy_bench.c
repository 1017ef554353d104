/*
 * policy_bench.c - what policyd costs against the floor of its protocol.
 *
 *	policy_bench BACKUPMX-POLICYD [RECIPIENTS [ROUNDS [SECONDS]]]
 *	policy_bench compare SOCKET SOCKET RECIPIENTS ROUNDS SECONDS
 *
 * Makes a list of RECIPIENTS (1,000,000) addresses, starts policyd on it and,
 * beside it, a server that only finds the empty line and answers DUNNO. Loads
 * both in turn over 50 connections, three in ten recipients unknown, checks
 * every answer of policyd, and prints the median rates, their ratio, policyd's
 * start-up and load times and its memory without the mapped file.
 *
 * The second form loads two policyds that are there, both with that list.
 */
#define _GNU_SOURCE /* memmem, accept4 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 50
#define BUFFER 16384

static char folder[] = "/tmp/backupmx-bench-XXXXXX";

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
in_folder(char *buffer, size_t size, const char *name)
{
	(void)snprintf(buffer, size, "%s/%s", folder, name);
	return buffer;
}

static struct sockaddr_un
address_of(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (name[0] == '/')
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		               name);
	else
		(void)in_folder(address.sun_path, sizeof(address.sun_path),
		                name);
	return address;
}

/* --- the floor ---------------------------------------------------------- */

struct floor_client {
	int fd;
	size_t len;
	char in[BUFFER];
};

static bool
floor_serve(struct floor_client *client)
{
	static const char answer[] = "action=DUNNO\n\n";
	const ssize_t got = read(client->fd, client->in + client->len,
	                         BUFFER - client->len);
	char *end;

	if (got <= 0)
		return false;
	client->len += (size_t)got;
	while ((end = memmem(client->in, client->len, "\n\n", 2)) != NULL) {
		const size_t used = (size_t)(end + 2 - client->in);

		if (write(client->fd, answer, sizeof(answer) - 1) < 0)
			return false;
		client->len -= used;
		memmove(client->in, client->in + used, client->len);
	}
	return client->len < BUFFER;
}

static void
floor_accept(int epoll, int listener)
{
	struct floor_client *client = calloc(1, sizeof(*client));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	if (!client)
		die("calloc");
	client->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (client->fd < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		die("accept");
}

static void
floor_run(int listener)
{
	const int epoll = epoll_create1(0);
	struct epoll_event events[256];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		const int ready = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < ready; i++) {
			struct floor_client *client = events[i].data.ptr;

			if (!client) {
				floor_accept(epoll, listener);
			} else if (!floor_serve(client)) {
				(void)close(client->fd);
				free(client);
			}
		}
	}
}

static pid_t
floor_start(void)
{
	const struct sockaddr_un address = address_of("floor.sock");
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	if (bind(listener, (const struct sockaddr *)&address,
	         sizeof(address)) != 0 ||
	    listen(listener, 128) != 0)
		die("floor.sock");
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGPIPE,
		             SIG_IGN); /* a load that ends mid-answer */
		floor_run(listener);
	}
	(void)close(listener);
	return pid;
}

/* --- the load ----------------------------------------------------------- */

struct load {
	const char *socket;
	bool check;
	uint64_t recipients;
	double until;
	uint64_t answers;
	uint64_t wrong;
	uint64_t state; /* of the generator */
};

struct load_client {
	int fd;
	bool known; /* the recipient that was asked for */
	size_t len;
	char in[1024];
};

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
load_ask(struct load *load, struct load_client *client)
{
	const uint64_t n = next_random(&load->state) % load->recipients;
	char request[1024];
	int len;

	client->known = next_random(&load->state) % 10 >= 3;
	len = snprintf(
		request, sizeof(request),
		"request=smtpd_access_policy\nprotocol_state=RCPT\n"
		"protocol_name=ESMTP\nclient_address=192.0.2.17\n"
		"client_name=mail.sender.test\nclient_port=40962\n"
		"reverse_client_name=mail.sender.test\n"
		"server_address=192.0.2.1\nserver_port=25\n"
		"helo_name=mail.sender.test\nsender=someone@sender.test\n"
		"recipient=%s%llu@example.test\nrecipient_count=0\nqueue_id=\n"
		"instance=4d2.65f0a1b2.%llx.0\nsize=4312\netrn_domain=\n"
		"stress=\nsasl_method=\nsasl_username=\nsasl_sender=\n"
		"ccert_subject=\nccert_issuer=\nccert_fingerprint=\n"
		"ccert_pubkey_fingerprint=\nencryption_protocol=\n"
		"encryption_cipher=\nencryption_keysize=0\npolicy_context=\n"
		"compatibility_level=3.6\nmail_version=3.7.11\n\n",
		client->known ? "user." : "nobody.", (unsigned long long)n,
		(unsigned long long)n);
	if (write(client->fd, request, (size_t)len) != len)
		die("write");
}

static void
load_take(struct load *load, struct load_client *client)
{
	static const char dunno[] = "action=DUNNO\n\n";
	static const char unknown[] = "action=550 5.1.1 User unknown\n\n";
	const char *want = client->known ? dunno : unknown;
	const ssize_t got = read(client->fd, client->in + client->len,
	                         sizeof(client->in) - client->len);

	if (got <= 0)
		die("read");
	client->len += (size_t)got;
	if (client->len < 2 ||
	    memcmp(client->in + client->len - 2, "\n\n", 2) != 0)
		return;
	load->answers++;
	if (load->check &&
	    (client->len != strlen(want) ||
	     memcmp(client->in, want, client->len) != 0))
		load->wrong++;
	client->len = 0;
	load_ask(load, client);
}

static void
load_connect(struct load *load, int epoll, struct load_client *client)
{
	const struct sockaddr_un address = address_of(load->socket);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	client->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(client->fd, (const struct sockaddr *)&address,
	            sizeof(address)) != 0)
		die(address.sun_path);
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
	load_ask(load, client);
}

/* @return answers a second */
static double
load_run(struct load *load, double seconds)
{
	struct load_client *clients = calloc(CONNECTIONS, sizeof(*clients));
	struct epoll_event events[CONNECTIONS];
	const int epoll = epoll_create1(0);
	const double start = now();
	const uint64_t before = load->answers;
	double end = start;

	if (!clients)
		die("calloc");
	for (int i = 0; i < CONNECTIONS; i++)
		load_connect(load, epoll, &clients[i]);
	while (end < start + seconds) {
		const int ready = epoll_wait(epoll, events, CONNECTIONS, 1000);

		for (int i = 0; i < ready; i++)
			load_take(load, events[i].data.ptr);
		end = now();
	}
	for (int i = 0; i < CONNECTIONS; i++)
		(void)close(clients[i].fd);
	(void)close(epoll);
	free(clients);
	return (double)(load->answers - before) / (end - start);
}

/* --- policyd ------------------------------------------------------------ */

static void
write_list(uint64_t recipients)
{
	char path[128];
	FILE *out = fopen(in_folder(path, sizeof(path), "list"), "w");

	if (!out)
		die(path);
	for (uint64_t i = 0; i < recipients; i++)
		(void)fprintf(out, "user.%llu@example.test\n",
		              (unsigned long long)i);
	if (fclose(out) != 0)
		die(path);
}

static void
write_config(void)
{
	char path[128];
	FILE *out = fopen(in_folder(path, sizeof(path), "conf"), "w");

	if (!out)
		die(path);
	(void)fprintf(out,
	              "state_dir = \"%s/state\"\n"
	              "policyd { listen = {\"unix:%s/policyd.sock\"} "
	              "socket_group = \"\" metrics = \"\" control = \"\" }\n"
	              "domain \"example.test\" { recipients = "
	              "\"file:%s/list\" }\n",
	              folder, folder, folder);
	if (fclose(out) != 0)
		die(path);
	if (mkdir(in_folder(path, sizeof(path), "state"), 0755) != 0)
		die(path);
}

static pid_t
policyd_start(const char *program)
{
	char config[128], log[128];
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)in_folder(config, sizeof(config), "conf");
	if (!freopen(in_folder(log, sizeof(log), "log"), "a", stderr))
		_exit(127);
	(void)execl(program, program, "-f", "-u", "root", "-c", config,
	            (char *)NULL);
	_exit(127);
}

/* Asks for a known user until he is known. @return seconds it took */
static double
wait_for(const char *want, double since)
{
	const struct sockaddr_un address = address_of("policyd.sock");
	static const char request[] =
		"request=smtpd_access_policy\nprotocol_state=RCPT\n"
		"recipient=user.0@example.test\n\n";
	char answer[512] = "";

	while (now() < since + 60) {
		const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (connect(fd, (const struct sockaddr *)&address,
		            sizeof(address)) == 0 &&
		    write(fd, request, sizeof(request) - 1) > 0) {
			const ssize_t got =
				read(fd, answer, sizeof(answer) - 1);

			answer[got > 0 ? got : 0] = '\0';
		}
		(void)close(fd);
		if (strncmp(answer, want, strlen(want)) == 0)
			return now() - since;
		(void)usleep(5000);
	}
	(void)fprintf(stderr, "policyd did not answer \"%s\" but \"%s\"\n",
	              want, answer);
	exit(1);
}

static long
status_kib(pid_t pid, const char *field)
{
	char path[64], line[256];
	long kib = -1;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtol(line + strlen(field) + 1, NULL, 10);
	if (in)
		(void)fclose(in);
	return kib;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void
compare_rates(uint64_t recipients, size_t rounds, double seconds)
{
	struct load floor = {.socket = "floor.sock",
	                     .recipients = recipients,
	                     .state = 88172645463325252u};
	struct load ours = {.socket = "policyd.sock",
	                    .check = true,
	                    .recipients = recipients,
	                    .state = 88172645463325252u};
	double floor_rates[64], our_rates[64], ratios[64];

	if (rounds > 64)
		rounds = 64;
	for (size_t i = 0; i < rounds; i++) {
		floor_rates[i] = load_run(&floor, seconds);
		our_rates[i] = load_run(&ours, seconds);
		ratios[i] = our_rates[i] / floor_rates[i];
		(void)printf("round %zu: floor %.0f/s, policyd %.0f/s, ratio "
		             "%.3f\n",
		             i + 1, floor_rates[i], our_rates[i], ratios[i]);
	}
	(void)printf("median: floor %.0f/s, policyd %.0f/s, ratio %.3f; "
	             "%llu answers checked, %llu wrong\n",
	             median(floor_rates, rounds), median(our_rates, rounds),
	             median(ratios, rounds), (unsigned long long)ours.answers,
	             (unsigned long long)ours.wrong);
}

/* The process that listens at that socket. */
static pid_t
listener_of(const char *name)
{
	const struct sockaddr_un address = address_of(name);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
	            0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		die(address.sun_path);
	(void)close(fd);
	return peer.pid;
}

/* Processor time that a process has taken so far. */
static double
processor_s(pid_t pid)
{
	struct timespec t = {0};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &t) != 0)
		die("processor time");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Two policyds in turn: every answer of both is checked. Beside the rates,
 * which other programs disturb, the processor time of a look-up. */
static int
compare_two(char **argv)
{
	const uint64_t recipients = strtoull(argv[2], NULL, 10);
	const size_t rounds = strtoul(argv[3], NULL, 10);
	const double seconds = strtod(argv[4], NULL);
	struct load load[2];
	pid_t pids[2];
	double rates[2][64], costs[2][64], ratios[64];

	if (rounds == 0 || rounds > 64)
		return 64;
	for (size_t k = 0; k < 2; k++) {
		pids[k] = listener_of(argv[k]);
		load[k] = (struct load){.socket = argv[k],
		                        .check = true,
		                        .recipients = recipients,
		                        .state = 88172645463325252u};
	}
	for (size_t i = 0; i < rounds; i++) {
		for (size_t j = 0; j < 2; j++) {
			/* Each is first in every other round. */
			const size_t k = (i + j) % 2;
			const double before = processor_s(pids[k]);
			const uint64_t answers = load[k].answers;

			rates[k][i] = load_run(&load[k], seconds);
			costs[k][i] = (processor_s(pids[k]) - before) * 1e6 /
				(double)(load[k].answers - answers);
		}
		ratios[i] = costs[1][i] / costs[0][i];
	}
	(void)printf("median: first %.0f/s, %.2f us a look-up; second %.0f/s, "
	             "%.2f us; ratio of the times %.3f\n"
	             "%llu answers checked, %llu wrong\n",
	             median(rates[0], rounds), median(costs[0], rounds),
	             median(rates[1], rounds), median(costs[1], rounds),
	             median(ratios, rounds),
	             (unsigned long long)(load[0].answers + load[1].answers),
	             (unsigned long long)(load[0].wrong + load[1].wrong));
	return load[0].wrong + load[1].wrong == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	const uint64_t recipients =
		argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	const size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 5;
	const double seconds = argc > 4 ? strtod(argv[4], NULL) : 3;
	char command[160];
	pid_t floor, ours;
	double start;

	if (argc == 7 && strcmp(argv[1], "compare") == 0)
		return compare_two(argv + 2);
	if (argc < 2 || !mkdtemp(folder)) {
		(void)fprintf(stderr,
		              "usage: policy_bench BACKUPMX-POLICYD "
		              "[RECIPIENTS [ROUNDS [SECONDS]]]\n"
		              "       policy_bench compare SOCKET SOCKET "
		              "RECIPIENTS ROUNDS SECONDS\n");
		return 64;
	}
	write_list(recipients);
	write_config();
	floor = floor_start();
	start = now();
	ours = policyd_start(argv[1]);
	(void)printf("first answer after %.2f s\n", wait_for("action=", start));
	(void)printf("%llu recipients in force after %.2f s\n",
	             (unsigned long long)recipients,
	             wait_for("action=DUNNO", start));
	(void)kill(ours, SIGTERM);
	(void)waitpid(ours, NULL, 0);
	start = now();
	ours = policyd_start(argv[1]);
	(void)printf("restarted: right answer after %.2f s\n",
	             wait_for("action=DUNNO", start));
	compare_rates(recipients, rounds, seconds);
	(void)printf("memory: RssAnon %ld KiB, RssFile %ld KiB\n",
	             status_kib(ours, "RssAnon:"),
	             status_kib(ours, "RssFile:"));
	(void)kill(ours, SIGTERM);
	(void)kill(floor, SIGKILL);
	while (wait(NULL) > 0)
		;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 ? 0 : 1;
}
