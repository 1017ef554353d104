/* Gathers a domain's MTA-STS policy and what it asks of the MX hosts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/http_get.h>
#include <backupmx/text.h>

#include "ctl/doctor/exam.h"
#include "ctl/doctor/sts_rows.h"

/* For the page, and for each look-up, ms. */
#define FETCH_MS 4000
#define LOOK_UP_MS 3000
#define PATH "/.well-known/mta-sts.txt"

struct policy {
	size_t record_count;
	bool has_id;
	char fetch_error[BMX_ERROR_TEXT_MAX];
	char parse_error[BMX_ERROR_TEXT_MAX];
	struct bmxctl_sts_policy policy;
	struct bmxctl_sts_host hosts[BMXCTL_HOSTS_MAX];
	size_t host_count;
	char errors[BMXCTL_HOSTS_MAX][BMX_ERROR_TEXT_MAX];
};

static void
name_below(char out[BMX_DOMAIN_BUFFER], const char *label, const char *domain)
{
	struct bmx_text text;

	bmx_text_init(&text, out, BMX_DOMAIN_BUFFER);
	bmx_text_printf(&text, "%s.%s", label, domain);
}

static void
look_up_record(const struct bmxctl_exam *exam, struct policy *policy)
{
	char name[BMX_DOMAIN_BUFFER];
	const struct bmx_dns_answer *txt;

	name_below(name, "_mta-sts", exam->domain->name);
	txt = bmx_dns_resolve(exam->patient->dns, bmx_slice_of(name),
	                      BMX_DNS_TXT, bmxctl_deadline(LOOK_UP_MS));
	for (size_t i = 0; i < txt->count; i++) {
		if (!bmxctl_sts_is_record(txt->records[i].text))
			continue;
		policy->record_count++;
		policy->has_id = bmxctl_sts_has_id(txt->records[i].text);
	}
	bmx_dns_answer_unref(&txt);
}

static void
take_page(struct policy *policy, const struct bmx_http_page *page)
{
	struct bmx_error err;

	if (page->status != 200)
		(void)snprintf(policy->fetch_error, sizeof(policy->fetch_error),
		               "the server answers %ld", page->status);
	else if (bmxctl_sts_parse((struct bmx_slice){page->data, page->len},
	                          &policy->policy, &err) != 0)
		memcpy(policy->parse_error, err.text, sizeof(err.text));
}

static void
fetch(const struct bmxctl_exam *exam, struct policy *policy)
{
	char address[BMXCTL_ADDRESS_TEXT];
	struct bmxctl_host host;
	char name[BMX_DOMAIN_BUFFER];
	struct bmx_http_get get = {
		.host = name,
		.path = PATH,
		.address = address,
		.ca_file = "",
		.max = BMXCTL_STS_MAX,
		.timeout_ms = FETCH_MS,
	};
	struct bmx_http_page page;
	struct bmx_error err;
	int rc;

	name_below(name, "mta-sts", exam->domain->name);
	bmxctl_host_init(&host, &exam->here, bmx_slice_of(name));
	bmxctl_hosts_look_up(&host, 1, &exam->here, exam->patient->dns,
	                     bmxctl_deadline(LOOK_UP_MS));
	if (host.address_count == 0) {
		(void)snprintf(policy->fetch_error, sizeof(policy->fetch_error),
		               "that name has no address");
		return;
	}
	/* IPv4 comes last, and is what every host here has. */
	(void)bmxctl_address_text(
		&host.addresses[host.address_count - 1].address, address);
	rc = bmx_http_get(&get, &page, &err);
	/* A site's own authority, where that is what its primary has. */
	if (rc != 0 && exam->domain->tls_ca_file[0] != '\0') {
		get.ca_file = exam->domain->tls_ca_file;
		rc = bmx_http_get(&get, &page, &err);
	}
	if (rc != 0) {
		memcpy(policy->fetch_error, err.text, sizeof(err.text));
		return;
	}
	take_page(policy, &page);
	bmx_http_page_clear(&page);
}

/* What the examination has found out of a host of the primary. */
static bool
is_known(const struct bmxctl_exam *exam, struct bmxctl_sts_host *host)
{
	for (size_t i = 0; i < exam->host_count; i++) {
		const struct bmxctl_primary_host *known = &exam->hosts[i];

		if (strcmp(known->host->name, host->name) != 0)
			continue;
		if (known->names == BMXCTL_CHECK_GOOD)
			host->proof = BMXCTL_STS_PROVEN;
		if (known->names == BMXCTL_CHECK_BAD) {
			host->proof = BMXCTL_STS_UNPROVEN;
			host->error = known->names_error;
		}
		if (known->session.keywords.known &&
		    !known->session.offers_starttls) {
			host->proof = BMXCTL_STS_UNPROVEN;
			host->error = "does not offer STARTTLS";
		}
		return true;
	}
	return false;
}

/* Our own MX name, over the network as senders do. */
static void
prove_ours(const struct bmxctl_exam *exam, const struct bmxctl_host *mx,
           struct bmxctl_sts_host *host, char error[BMX_ERROR_TEXT_MAX])
{
	const struct bmx_tls_request request = {.context = exam->tls,
	                                        .trust = BMX_TLS_TRUST_NAMES,
	                                        .name = mx->name};
	enum bmxctl_check check;

	if (mx->address_count == 0)
		return;
	check = bmxctl_exam_try_tls(
		exam, &mx->addresses[mx->address_count - 1].address,
		BMX_TARGET_PORT, &request, error);
	host->error = error;
	if (check != BMXCTL_CHECK_UNTRIED)
		host->proof = check == BMXCTL_CHECK_GOOD ? BMXCTL_STS_PROVEN :
							   BMXCTL_STS_UNPROVEN;
}

static void
add_hosts(const struct bmxctl_exam *exam, struct policy *policy)
{
	for (size_t i = 0; i < exam->set.count; i++) {
		const struct bmxctl_host *mx = &exam->set.mx[i];
		struct bmxctl_sts_host *host =
			&policy->hosts[policy->host_count];

		if (mx->kind != BMXCTL_HOST_NAME)
			continue;
		*host = (struct bmxctl_sts_host){.name = mx->name,
		                                 .ours = mx->ours};
		if (!is_known(exam, host) && mx->ours &&
		    policy->policy.mode == BMXCTL_STS_ENFORCE)
			prove_ours(exam, mx, host,
			           policy->errors[policy->host_count]);
		policy->host_count++;
	}
}

static void
judge(const struct bmxctl_exam *exam, const struct policy *policy)
{
	const struct bmxctl_sts_facts facts = {
		.domain = exam->domain->name,
		.record_count = policy->record_count,
		.has_id = policy->has_id,
		.fetch_error = policy->fetch_error,
		.parse_error = policy->parse_error,
		.policy = &policy->policy,
		.hosts = policy->hosts,
		.host_count = policy->host_count,
	};

	bmxctl_sts_judge(&facts, exam->patient->findings);
}

void
bmxctl_exam_sts(const struct bmxctl_exam *exam)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return; /* whoever keeps findings says that memory is short */
	look_up_record(exam, policy);
	if (policy->record_count > 0) {
		fetch(exam, policy);
		add_hosts(exam, policy);
		judge(exam, policy);
	}
	free(policy);
}
