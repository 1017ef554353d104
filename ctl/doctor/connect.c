/* The sessions with the hosts of a primary. */
#include <stdio.h>
#include <string.h>

#include <backupmx/clock.h>

#include "ctl/doctor/dead.h"
#include "ctl/doctor/exam.h"

/* Records of one host that are tried. */
#define TLSA_MAX ((size_t)32)

/* Connections that are under way, by host and address. */
struct attempts {
	struct bmxctl_smtp *clients[BMXCTL_EXAM_HOSTS][BMXCTL_EXAM_ADDRESSES];
	struct bmxctl_smtp *open[BMXCTL_EXAM_HOSTS]; /* the first that stands */
	size_t address[BMXCTL_EXAM_HOSTS];           /* whose it is */
};

static int64_t
earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* Is it one that Postfix here would try? */
static bool
is_usable(const struct bmxctl_exam *exam,
          const struct bmx_target_address *address)
{
	return address->family == AF_INET ||
		(!exam->ipv4_only && bmxctl_has_way(address));
}

/* Those of no use are left out, unless there is no other. */
static void
choose_addresses(const struct bmxctl_exam *exam,
                 struct bmxctl_primary_host *host)
{
	const struct bmxctl_host *from = host->host;

	for (size_t i = 0; i < from->address_count; i++)
		if (host->address_count < BMXCTL_EXAM_ADDRESSES &&
		    is_usable(exam, &from->addresses[i].address))
			host->addresses[host->address_count++] =
				from->addresses[i].address;
	if (host->address_count == 0 && from->address_count > 0)
		host->addresses[host->address_count++] =
			from->addresses[0].address;
}

static void
note_unreached(struct bmxctl_primary_host *host, size_t address,
               const char *why)
{
	if (host->unreached[0] != '\0')
		return;
	(void)bmxctl_address_text(&host->addresses[address], host->unreached);
	(void)snprintf(host->unreached_why, sizeof(host->unreached_why), "%s",
	               why);
}

static struct bmxctl_smtp *
begin(const struct bmxctl_exam *exam, struct bmxctl_primary_host *host,
      size_t address)
{
	const struct bmx_target_address *to = &host->addresses[address];
	const char *why =
		bmxctl_dead_why(exam->patient->dead, to, host->host->port);
	struct bmxctl_smtp *client = NULL;
	struct bmx_error err;

	if (!why) {
		client = bmxctl_smtp_new(exam->loop, to, host->host->port,
		                         BMXCTL_CONNECT_WAIT_MS, &err);
		why = err.text;
	}
	if (!client)
		note_unreached(host, address, why);
	return client;
}

static void
start(struct bmxctl_exam *exam, struct attempts *attempts)
{
	for (size_t h = 0; h < exam->host_count; h++) {
		struct bmxctl_primary_host *host = &exam->hosts[h];

		choose_addresses(exam, host);
		for (size_t a = 0; a < host->address_count; a++)
			attempts->clients[h][a] = begin(exam, host, a);
	}
}

static bool
stands(const struct bmxctl_exam *exam, struct bmxctl_primary_host *host,
       size_t address, struct bmxctl_smtp *client, int64_t deadline_us)
{
	struct bmx_error err;

	if (bmxctl_smtp_wait_connected(client, deadline_us, &err) == 0)
		return true;
	note_unreached(host, address, err.text);
	bmxctl_dead_add(exam->patient->dead, &host->addresses[address],
	                host->host->port, err.text);
	return false;
}

/* The first address that answers is taken; the others are let go. */
static void
settle_host(struct bmxctl_exam *exam, struct attempts *attempts, size_t h,
            int64_t deadline_us)
{
	struct bmxctl_primary_host *host = &exam->hosts[h];

	host->tried = true;
	for (size_t a = 0; a < host->address_count; a++) {
		struct bmxctl_smtp **client = &attempts->clients[h][a];
		const bool stood =
			*client && stands(exam, host, a, *client, deadline_us);

		host->reached += stood;
		if (!stood || attempts->open[h]) {
			bmxctl_smtp_free(client);
			continue;
		}
		attempts->open[h] = *client;
		attempts->address[h] = a;
	}
}

static void
settle(struct bmxctl_exam *exam, struct attempts *attempts)
{
	/* A little more than the connections have themselves. */
	const int64_t deadline_us =
		earlier(bmxctl_deadline(BMXCTL_CONNECT_WAIT_MS + 500),
	                exam->deadline_us);

	for (size_t h = 0; h < exam->host_count; h++)
		settle_host(exam, attempts, h, deadline_us);
}

static struct bmx_tls_request
request_of(const struct bmxctl_exam *exam, const char *name,
           enum bmx_tls_trust trust)
{
	return (struct bmx_tls_request){
		.context = exam->tls, .trust = trust, .name = name};
}

/* TLS that failed is told; the rest is looked at in clear. */
static void
again_in_clear(struct bmxctl_exam *exam, struct bmxctl_primary_host *host,
               const struct bmx_target_address *address,
               struct bmxctl_session_plan plan)
{
	const struct bmxctl_session first = host->session;
	struct bmxctl_smtp *client;
	struct bmx_error err;

	client = bmxctl_smtp_new(exam->loop, address, host->host->port,
	                         BMXCTL_CONNECT_WAIT_MS, &err);
	if (!client)
		return;
	plan.tls = NULL;
	bmxctl_session_run(
		&host->session, client, &plan,
		earlier(bmxctl_deadline(BMXCTL_SESSION_MS), exam->deadline_us));
	bmxctl_smtp_free(&client);
	host->session.offers_starttls = true;
	host->session.tls = first.tls;
	memcpy(host->session.tls_error, first.tls_error,
	       sizeof(first.tls_error));
}

enum bmxctl_check
bmxctl_exam_try_tls(const struct bmxctl_exam *exam,
                    const struct bmx_target_address *address, uint16_t port,
                    const struct bmx_tls_request *request,
                    char error_out[BMX_ERROR_TEXT_MAX])
{
	const struct bmxctl_session_plan plan = {
		.hostname = exam->patient->config->hostname, .tls = request};
	struct bmxctl_session session;
	struct bmxctl_smtp *client;
	struct bmx_error err;

	client = bmxctl_smtp_new(exam->loop, address, port,
	                         BMXCTL_CONNECT_WAIT_MS, &err);
	if (!client)
		return BMXCTL_CHECK_UNTRIED;
	bmxctl_session_run(
		&session, client, &plan,
		earlier(bmxctl_deadline(BMXCTL_SESSION_MS), exam->deadline_us));
	bmxctl_smtp_free(&client);
	if (session.tls == BMXCTL_TLS_UP)
		return BMXCTL_CHECK_GOOD;
	if (session.tls == BMXCTL_TLS_UNTRIED && !session.keywords.known)
		return BMXCTL_CHECK_UNTRIED;
	(void)snprintf(error_out, BMX_ERROR_TEXT_MAX, "%s",
	               session.tls_error[0] != '\0' ?
	                       session.tls_error :
	                       "does not offer STARTTLS");
	return BMXCTL_CHECK_BAD;
}

static void
try_dane(struct bmxctl_exam *exam, size_t h,
         const struct bmx_target_address *address)
{
	struct bmxctl_primary_host *host = &exam->hosts[h];
	const struct bmx_dns_answer *answer = exam->tlsa[h];
	struct bmx_tls_request request =
		request_of(exam, host->host->name, BMX_TLS_TRUST_DANE);
	struct bmx_tlsa tlsa[TLSA_MAX];

	if (!answer || host->tlsa != BMXCTL_TLSA_SIGNED)
		return;
	for (size_t i = 0; i < answer->count && i < TLSA_MAX; i++) {
		const struct bmx_dns_record *record = &answer->records[i];

		tlsa[request.tlsa_count++] = (struct bmx_tlsa){
			record->usage, record->selector, record->matching_type,
			(const uint8_t *)record->text.data, record->text.len};
	}
	request.tlsa = tlsa;
	host->dane = bmxctl_exam_try_tls(exam, address, host->host->port,
	                                 &request, host->dane_error);
}

static void
examine_host(struct bmxctl_exam *exam, struct attempts *attempts, size_t h)
{
	struct bmxctl_primary_host *host = &exam->hosts[h];
	const struct bmx_target_address *address =
		&host->addresses[attempts->address[h]];
	const struct bmx_tls_request any =
		request_of(exam, host->host->name, BMX_TLS_TRUST_ANY);
	const struct bmx_tls_request names =
		request_of(exam, host->host->name, BMX_TLS_TRUST_NAMES);
	const struct bmxctl_session_plan plan = {
		.hostname = exam->patient->config->hostname,
		.tls = &any,
		.domain = exam->domain->name,
		.spf_sender = exam->spf_sender,
	};

	(void)bmxctl_address_text(address, host->address);
	bmxctl_session_run(
		&host->session, attempts->open[h], &plan,
		earlier(bmxctl_deadline(BMXCTL_SESSION_MS), exam->deadline_us));
	if (host->session.tls == BMXCTL_TLS_FAILED)
		again_in_clear(exam, host, address, plan);
	if (host->session.tls != BMXCTL_TLS_UP)
		return;
	host->names = bmxctl_exam_try_tls(exam, address, host->host->port,
	                                  &names, host->names_error);
	try_dane(exam, h, address);
}

void
bmxctl_exam_connect(struct bmxctl_exam *exam)
{
	struct attempts attempts = {0};

	start(exam, &attempts);
	settle(exam, &attempts);
	for (size_t h = 0; h < exam->host_count; h++) {
		if (!attempts.open[h])
			continue;
		if (bmx_clock_mono_us(bmx_clock_system()) < exam->deadline_us)
			examine_host(exam, &attempts, h);
		else
			exam->hosts[h].tried = false;
		bmxctl_smtp_free(&attempts.open[h]);
	}
}
