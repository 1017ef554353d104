#include "upstream.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <unbound.h>

#include <backupmx/text.h>

#include "answer.h"

/* TTL of a negative answer without SOA, seconds. */
#define NEGATIVE_TTL_S 60
/* TTL of a failure, seconds. */
#define FAILURE_TTL_S 5
/* RRs of one answer that are looked at: as many as can be kept. */
#define RDATA_MAX BMX_DNS_RECORDS_MAX

struct unbound {
	struct ub_ctx *ctx;
	pthread_t thread;
	bool running;
	int stop_fd; /* eventfd: readable when the thread shall end */
};

/* What is handed to libunbound for one question. */
struct asked {
	bmx_dns_upstream_cb *done;
	void *flight;
	enum bmx_dns_type type;
	int id; /* libunbound's; written before the question is sent */
};

/*
 * RFC 2308 section 5: a negative answer's TTL is in its SOA, which libunbound
 * has already taken the minimum of. Octets 8 and 9 of the packet count the
 * authority section; an answer without SOA says nothing about its TTL.
 */
static uint32_t
negative_ttl(const struct ub_result *result)
{
	const uint8_t *packet = result->answer_packet;
	const bool has_soa = packet && result->answer_len >= 12 &&
		(packet[8] != 0 || packet[9] != 0);

	if (!has_soa)
		return NEGATIVE_TTL_S;
	return result->ttl > 0 ? (uint32_t)result->ttl : 0;
}

static const struct bmx_dns_answer *
read_data(enum bmx_dns_type type, const struct ub_result *result)
{
	struct bmx_dns_rdata rdata[RDATA_MAX];
	size_t count = 0;

	while (count < RDATA_MAX && result->data[count]) {
		rdata[count].data = (const uint8_t *)result->data[count];
		rdata[count].len = (size_t)result->len[count];
		count++;
	}
	return bmx_dns_answer_read(type,
	                           result->ttl > 0 ? (uint32_t)result->ttl : 0,
	                           rdata, count);
}

static const struct bmx_dns_answer *
read_result(enum bmx_dns_type type, int error, const struct ub_result *result)
{
	if (error != 0 || !result || result->bogus ||
	    (result->rcode != 0 && result->rcode != 3))
		return bmx_dns_answer_new(BMX_DNS_TEMPFAIL, type, FAILURE_TTL_S,
		                          NULL, 0);
	if (result->havedata && result->data && result->data[0])
		return read_data(type, result);
	return bmx_dns_answer_new(result->nxdomain ? BMX_DNS_NXDOMAIN :
	                                             BMX_DNS_NODATA,
	                          type, negative_ttl(result), NULL, 0);
}

static void
on_result(void *arg, int error, struct ub_result *result)
{
	struct asked *asked = arg;

	const struct bmx_dns_answer *answer =
		read_result(asked->type, error, result);

	if (error == 0 && result && result->secure &&
	    answer->status != BMX_DNS_TEMPFAIL)
		answer = bmx_dns_answer_secured(answer);
	asked->done(asked->flight, answer);
	ub_resolve_free(result);
	free(asked);
}

static int
unbound_start(void *ctx, const struct bmx_dns_question *question,
              bmx_dns_upstream_cb *done, void *flight, void **handle_out)
{
	const struct unbound *unbound = ctx;
	char name[BMX_DNS_ESCAPED_SIZE];
	struct asked *asked = malloc(sizeof(*asked));

	if (!asked)
		return -1;
	*asked = (struct asked){done, flight, question->type, 0};
	*handle_out = asked;
	bmx_dns_question_escape(question, name);
	if (ub_resolve_async(unbound->ctx, name, (int)question->type, 1, asked,
	                     on_result, &asked->id) != 0) {
		free(asked);
		return -1;
	}
	return 0;
}

/*
 * ub_cancel and the hand-over of a result take libunbound's lock in turn: it
 * finds the question and no callback follows, or the callback is on its way.
 */
static bool
unbound_cancel(void *ctx, void *handle)
{
	const struct unbound *unbound = ctx;
	struct asked *asked = handle;

	if (ub_cancel(unbound->ctx, asked->id) != 0)
		return false;
	free(asked);
	return true;
}

static void *
run(void *arg)
{
	struct unbound *unbound = arg;
	struct pollfd fds[2] = {
		{.fd = ub_fd(unbound->ctx), .events = POLLIN},
		{.fd = unbound->stop_fd, .events = POLLIN},
	};

	while (!(fds[1].revents & POLLIN)) {
		if (poll(fds, 2, -1) < 0)
			fds[0].revents = fds[1].revents = 0; /* EINTR */
		if (fds[0].revents)
			(void)ub_process(unbound->ctx); /* per question */
	}
	return NULL;
}

static void
unbound_free(void *ctx)
{
	struct unbound *unbound = ctx;
	const uint64_t one = 1;

	if (unbound->running) {
		/* Cannot fail: the counter is far from its end. */
		if (write(unbound->stop_fd, &one, sizeof(one)) == sizeof(one))
			(void)pthread_join(unbound->thread, NULL);
	}
	if (unbound->ctx)
		ub_ctx_delete(unbound->ctx);
	if (unbound->stop_fd >= 0)
		(void)close(unbound->stop_fd);
	free(unbound);
}

/* What libunbound shall do other than by itself, in the order of setting. */
static int
set_options(struct ub_ctx *ctx, bool validate)
{
	static const struct {
		const char *name;
		const char *value;
	} options[] = {
		{"do-not-query-localhost:", "no"},
		{"unblock-lan-zones:", "yes"},
		{"cache-min-ttl:", "0"},
		{"cache-max-negative-ttl:", "900"},
		/* A server that was away is tried again soon, not in 15 min. */
		{"infra-host-ttl:", "30"},
		{"infra-keep-probing:", "yes"},
		/* What fails validation counts as not signed: a private zone
	         * below a signed parent is not to vanish. */
		{"val-permissive-mode:", "yes"},
	};
	/* Without a trust anchor validation is the resolver's that we ask. */
	int error = ub_ctx_set_option(
		ctx,
		"module-config:", validate ? "validator iterator" : "iterator");

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (error == 0)
			error = ub_ctx_set_option(ctx, options[i].name,
			                          options[i].value);
	return error;
}

/* libunbound has a day of its own. */
static int
set_max_ttl(struct ub_ctx *ctx, uint32_t max_ttl_s)
{
	char value[16];
	struct bmx_text text;

	if (max_ttl_s == 0)
		return 0;
	bmx_text_init(&text, value, sizeof(value));
	bmx_text_append_u64(&text, max_ttl_s);
	return ub_ctx_set_option(ctx, "cache-max-ttl:", value);
}

static int
set_servers(struct ub_ctx *ctx, const char *const *resolvers, size_t count,
            struct bmx_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (ub_ctx_set_fwd(ctx, resolvers[i]) != 0)
			return bmx_error_set(
				err, BMX_E_SYNTAX,
				"%s: no address@port of a resolver",
				resolvers[i]);
	/* Without resolv.conf, or with an empty one: the root servers. */
	if (count == 0)
		(void)ub_ctx_resolvconf(ctx, NULL);
	return 0;
}

/* libunbound reads the file when it first needs it and then says only that
 * setting up failed: what is wrong is found out here as far as it can be. */
static int
set_trust_anchors(struct ub_ctx *ctx, const char *path, struct bmx_error *err)
{
	if (!path)
		return 0;
	if (access(path, R_OK) != 0)
		return bmx_error_set_errno(err, errno, "trust anchors %s",
		                           path);
	if (ub_ctx_add_ta_file(ctx, path) != 0)
		return bmx_error_set(err, BMX_E_NOMEM, "libunbound: no memory");
	return 0;
}

/*
 * RFC 6761 and RFC 8375 names that private resolvers do serve. Removing a zone
 * finalises the context: nothing can be set after it.
 */
static int
remove_zones(struct ub_ctx *ctx)
{
	const int error = ub_ctx_zone_remove(ctx, "test.");

	return error ? error : ub_ctx_zone_remove(ctx, "home.arpa.");
}

static int
set_up(struct unbound *unbound, const struct bmx_dns_options *options,
       struct bmx_error *err)
{
	int error;

	if (!unbound->ctx)
		return bmx_error_set(err, BMX_E_NOMEM, "libunbound: no memory");
	if (unbound->stop_fd < 0)
		return bmx_error_set_errno(err, errno, "eventfd");
	/* A library writes nothing to our stderr. */
	(void)ub_ctx_debugout(unbound->ctx, NULL);
	error = set_options(unbound->ctx, options->trust_anchor_file != NULL);
	if (error == 0)
		error = set_max_ttl(unbound->ctx, options->max_ttl_s);
	if (error == 0)
		error = ub_ctx_async(unbound->ctx, 1);
	if (error == 0 &&
	    (set_servers(unbound->ctx, options->resolvers,
	                 options->resolver_count, err) != 0 ||
	     set_trust_anchors(unbound->ctx, options->trust_anchor_file, err) !=
	             0))
		return -1;
	if (error == 0)
		error = remove_zones(unbound->ctx);
	if (error != 0 && options->trust_anchor_file)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "libunbound with trust anchors %s: %s",
		                     options->trust_anchor_file,
		                     ub_strerror(error));
	if (error != 0)
		return bmx_error_set(err, BMX_E_IO, "libunbound: %s",
		                     ub_strerror(error));
	error = pthread_create(&unbound->thread, NULL, run, unbound);
	if (error != 0)
		return bmx_error_set_errno(err, error, "thread for DNS");
	unbound->running = true;
	return 0;
}

int
bmx_dns_unbound_new(struct bmx_dns_upstream *upstream_out,
                    const struct bmx_dns_options *options,
                    struct bmx_error *err)
{
	struct unbound *unbound = calloc(1, sizeof(*unbound));

	if (!unbound)
		return bmx_error_set(err, BMX_E_NOMEM, "no memory for DNS");
	unbound->ctx = ub_ctx_create();
	unbound->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (set_up(unbound, options, err) != 0) {
		unbound_free(unbound);
		return -1;
	}
	*upstream_out = (struct bmx_dns_upstream){unbound_start, unbound_cancel,
	                                          unbound_free, unbound};
	return 0;
}
