/* Gathers what a domain's primary says of itself, over SMTP. */
#include <stdlib.h>
#include <string.h>

#include <backupmx/clock.h>
#include <backupmx/text.h>
#include <backupmx/units.h>

#include "ctl/doctor/dns_rows.h"
#include "ctl/doctor/envelope_rows.h"
#include "ctl/doctor/exam.h"
#include "ctl/doctor/names_rows.h"
#include "ctl/postfix/postconf.h"

/* For all look-ups together, ms. */
#define LOOK_UP_MS 3000
/* "_65535._tcp." and a name. */
#define TLSA_NAME_SIZE (BMX_DOMAIN_BUFFER + 16)

static void
add_host(struct bmxctl_exam *exam, struct bmxctl_host *host, uint16_t port)
{
	if (exam->host_count == BMXCTL_EXAM_HOSTS || host->address_count == 0)
		return;
	host->port = port;
	exam->hosts[exam->host_count++].host = host;
}

/* As policyd chooses them: of MX those before us, and what is named. */
static void
choose_hosts(struct bmxctl_exam *exam)
{
	struct bmxctl_mx_set *set = &exam->set;
	const struct bmxctl_dns_facts facts = {.mx = set->mx,
	                                       .mx_count = set->count};
	const struct bmxctl_dns_place place = bmxctl_dns_place_of(&facts);

	for (size_t i = 0; set->wants_mx && i < set->count; i++)
		if (!set->mx[i].ours &&
		    (!place.listed || set->mx[i].preference < place.ours))
			add_host(exam, &set->mx[i], set->mx_port);
	for (size_t i = 0; i < set->primary_count; i++)
		add_host(exam, &set->primaries[i], set->primaries[i].port);
}

static struct bmx_dns_query *
ask_tlsa(const struct bmxctl_exam *exam, const struct bmxctl_host *host)
{
	char name[TLSA_NAME_SIZE];
	struct bmx_text text;

	if (host->kind != BMXCTL_HOST_NAME)
		return NULL;
	bmx_text_init(&text, name, sizeof(name));
	bmx_text_printf(&text, "_%u._tcp.%s", (unsigned)host->port, host->name);
	return bmx_dns_start(exam->patient->dns, bmx_text_slice(&text),
	                     BMX_DNS_TLSA);
}

/* RFC 7672 section 2.2: the address has to be proven as well. */
static enum bmxctl_tlsa_state
tlsa_state(const struct bmxctl_exam *exam, const struct bmxctl_host *host,
           const struct bmx_dns_answer *answer)
{
	const bool from_mx =
		host >= exam->set.mx && host < exam->set.mx + BMXCTL_HOSTS_MAX;

	if (!exam->has_anchor)
		return BMXCTL_TLSA_UNKNOWN;
	if (answer->status == BMX_DNS_TEMPFAIL)
		return BMXCTL_TLSA_FAILED;
	if (answer->count == 0)
		return BMXCTL_TLSA_NONE;
	return answer->secure && host->secure &&
			(!from_mx || exam->set.secure) ?
		BMXCTL_TLSA_SIGNED :
		BMXCTL_TLSA_UNSIGNED;
}

static void
look_up_tlsa(struct bmxctl_exam *exam)
{
	struct bmx_dns_query *queries[BMXCTL_EXAM_HOSTS];
	const int64_t deadline_us = bmxctl_deadline(LOOK_UP_MS);

	for (size_t i = 0; i < exam->host_count; i++)
		queries[i] = ask_tlsa(exam, exam->hosts[i].host);
	for (size_t i = 0; i < exam->host_count; i++) {
		struct bmxctl_primary_host *host = &exam->hosts[i];

		if (host->host->kind != BMXCTL_HOST_NAME)
			continue;
		exam->tlsa[i] = bmx_dns_wait(&queries[i], deadline_us);
		host->tlsa = tlsa_state(exam, host->host, exam->tlsa[i]);
	}
}

/* Is any of our names in the set without TLSA records? Only that DNS says so
 * counts. */
static bool
is_without_tlsa(const struct bmxctl_exam *exam)
{
	bool without = false;

	for (size_t i = 0; i < exam->set.count && !without; i++) {
		const struct bmxctl_host *mx = &exam->set.mx[i];
		struct bmx_dns_query *query;
		const struct bmx_dns_answer *answer;

		if (!mx->ours || mx->kind != BMXCTL_HOST_NAME)
			continue;
		query = ask_tlsa(exam, mx);
		answer = bmx_dns_wait(&query, bmxctl_deadline(LOOK_UP_MS));
		without = answer->status == BMX_DNS_NODATA ||
			answer->status == BMX_DNS_NXDOMAIN;
		bmx_dns_answer_unref(&answer);
	}
	return without;
}

/* A sender whose domain says that nobody sends for it. These domains are
 * nobody's (RFC 2606), and nothing is sent. */
static const char *
find_spf_sender(const struct bmxctl_exam *exam)
{
	static const char *const senders[] = {"doctor@example.com",
	                                      "doctor@example.net",
	                                      "doctor@example.org"};
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		const struct bmx_dns_answer *txt = bmx_dns_resolve(
			exam->patient->dns,
			bmx_slice_of(strchr(senders[i], '@') + 1), BMX_DNS_TXT,
			bmxctl_deadline(LOOK_UP_MS));

		for (size_t t = 0; t < txt->count && !found; t++)
			if (bmxctl_spf_refuses_all(txt->records[t].text))
				found = senders[i];
		/* Where DNS does not answer it will not for the next. */
		if (txt->status == BMX_DNS_TEMPFAIL)
			i = sizeof(senders);
		bmx_dns_answer_unref(&txt);
		if (found)
			break;
	}
	return found;
}

static int64_t
size_here(const struct bmxctl_postconf *postconf)
{
	const char *value = postconf ?
		bmxctl_postconf_get(postconf, "message_size_limit") :
		"";
	int64_t size;

	return bmx_units_parse_number(bmx_slice_of(value), &size) == 0 ? size :
									 -1;
}

/* Is a word in a list that has blanks or commas between words? */
static bool
has_word(const char *list, const char *word)
{
	size_t len;

	for (; *list; list += len) {
		list += strspn(list, ", \t\r\n");
		len = strcspn(list, ", \t\r\n");
		if (bmx_slice_equal_nocase((struct bmx_slice){list, len},
		                           bmx_slice_of(word)))
			return true;
	}
	return false;
}

/* Does Postfix's smtpd offer SMTPUTF8? */
static bool
smtputf8_here(const struct bmxctl_postconf *postconf)
{
	return postconf &&
		strcmp(bmxctl_postconf_get(postconf, "smtputf8_enable"),
	               "yes") == 0 &&
		!has_word(bmxctl_postconf_get(postconf,
	                                      "smtpd_discard_ehlo_keywords"),
	                  "smtputf8");
}

static void
judge(const struct bmxctl_exam *exam)
{
	const struct bmx_config *config = exam->patient->config;
	const struct bmx_config_domain *domain = exam->domain;
	const bool mx_names = config->mx_names.count > 0;
	const struct bmxctl_primary_facts facts = {
		.domain = domain->name,
		.our_names =
			mx_names ? config->mx_names.items : &config->hostname,
		.our_name_count = mx_names ? config->mx_names.count : 1,
		.tls = domain->tls,
		.call_ahead = domain->call_ahead,
		.configured_size = domain->size,
		.here_size = size_here(exam->patient->postconf),
		.here_smtputf8 = smtputf8_here(exam->patient->postconf),
		.now_s = bmx_clock_wall_ms(bmx_clock_system()) / 1000,
		.backup_has_tlsa = !is_without_tlsa(exam),
		.hosts = exam->hosts,
		.host_count = exam->host_count,
	};

	bmxctl_primary_judge(&facts, exam->patient->findings);
	for (size_t i = 0; i < exam->host_count; i++) {
		const struct bmxctl_envelope_facts envelope = {
			.domain = domain->name,
			.host = exam->hosts[i].host->name,
			.has_list = domain->recipients[0] != '\0',
			.call_ahead = domain->call_ahead,
			.spf_sender = exam->spf_sender,
			.envelope = &exam->hosts[i].session.envelope,
		};

		bmxctl_envelope_judge(&envelope, exam->patient->findings);
	}
}

static int
prepare(struct bmxctl_exam *exam)
{
	const char *ca_file = exam->domain->tls_ca_file;

	exam->loop = bmx_loop_new();
	exam->tls = bmx_tls_context_new(ca_file, NULL);
	/* That a file is not there is told where files are looked at. */
	if (!exam->tls)
		exam->tls = bmx_tls_context_new("", NULL);
	return exam->loop && exam->tls ? 0 : -1;
}

static void
examine(struct bmxctl_exam *exam)
{
	bmxctl_mx_set_look_up(&exam->set, exam->patient, &exam->here,
	                      exam->domain, bmxctl_deadline(LOOK_UP_MS));
	choose_hosts(exam);
	look_up_tlsa(exam);
	if (exam->host_count > 0)
		exam->spf_sender = find_spf_sender(exam);
	bmxctl_exam_connect(exam);
	judge(exam);
	if (exam->set.status == BMX_DNS_OK)
		bmxctl_exam_sts(exam);
}

/* With many domains the time for all of them may be up. */
static bool
is_late(const struct bmxctl_patient *patient)
{
	return patient->deadline_us != 0 &&
		bmx_clock_mono_us(bmx_clock_system()) >= patient->deadline_us;
}

void
bmxctl_doctor_primary(const struct bmxctl_patient *patient,
                      const struct bmx_config_domain *domain)
{
	struct bmxctl_exam *exam;

	if (is_late(patient)) {
		bmxctl_primary_left_out(domain->name, patient->findings);
		return;
	}
	exam = calloc(1, sizeof(*exam));
	if (!exam)
		return; /* whoever keeps findings says that memory is short */
	exam->patient = patient;
	exam->domain = domain;
	exam->deadline_us = bmxctl_deadline(BMXCTL_EXAM_MS);
	exam->has_anchor =
		bmx_dns_trust_anchor(patient->config->trust_anchor) != NULL;
	exam->ipv4_only = patient->postconf &&
		strcmp(bmxctl_postconf_get(patient->postconf, "inet_protocols"),
	               "ipv4") == 0;
	bmxctl_here_init(&exam->here, patient);
	if (prepare(exam) == 0)
		examine(exam);
	for (size_t i = 0; i < exam->host_count; i++)
		bmx_dns_answer_unref(&exam->tlsa[i]);
	bmx_tls_context_free(&exam->tls);
	bmx_loop_free(&exam->loop);
	bmxctl_here_clear(&exam->here);
	free(exam);
}
