/*
 * Warm SPF evaluations a second on one thread: 1,000 domains, answers from the
 * resolver's own cache over an upstream in memory.
 *
 * Each: TXT, include's TXT, MX, two A, or less when an earlier term matches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/upstream.h"
#include "milter/spf/spf.h"

#define DOMAINS 1000u
#define EVALUATIONS 400000u

static const struct bmx_dns_answer *
make_answer(const struct bmx_dns_question *question)
{
	static const char own[] = "v=spf1 include:_spf.test mx a:w.test -all";
	static const char other[] = "v=spf1 ip4:198.51.100.0/24 ?all";
	const bool included = !memcmp(question->name, "_spf", 4);
	struct bmx_dns_record records[2] = {
		{.text = BMX_SLICE("m1.test"), .preference = 10},
		{.text = BMX_SLICE("m2.test"), .preference = 20},
	};

	if (question->type == BMX_DNS_TXT)
		records[0].text = bmx_slice_of(included ? other : own);
	if (question->type == BMX_DNS_A)
		memcpy(records[0].address, "\xc0\x00\x02\x09", 4);
	return bmx_dns_answer_new(BMX_DNS_OK, question->type, 3600, records,
	                          question->type == BMX_DNS_MX ? 2 : 1);
}

static int
start(void *ctx, const struct bmx_dns_question *question,
      bmx_dns_upstream_cb *done, void *flight, void **handle_out)
{
	(void)ctx;
	*handle_out = NULL;
	done(flight, make_answer(question));
	return 0;
}

static bool
cancel(void *ctx, void *handle)
{
	(void)ctx;
	(void)handle;
	return false;
}

static void
no_free(void *ctx)
{
	(void)ctx;
}

static unsigned long
run(struct bmx_spf *spf, struct bmx_dns *dns, unsigned count)
{
	static struct bmx_spf_verdict verdict;
	struct bmx_spf_request request = {.dns = bmx_dns_as_source(dns),
	                                  .helo = BMX_SLICE("mail.test"),
	                                  .deadline_us = INT64_MAX};
	unsigned long lookups = 0;
	char sender[64];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(sender, sizeof(sender), "user@d%u.test",
		               i % DOMAINS);
		request.sender = bmx_slice_of(sender);
		memcpy(request.client,
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02", 15);
		request.client[15] = i / DOMAINS % 2 ? 9 : 5;
		bmx_spf_check(spf, &request, &verdict);
		lookups += verdict.lookups;
	}
	return lookups;
}

int
main(void)
{
	const struct bmx_dns_options options = {0};
	const struct bmx_dns_upstream upstream = {start, cancel, no_free, NULL};
	struct bmx_dns *dns = bmx_dns_new_over(&options, &upstream, NULL);
	struct bmx_spf *spf = bmx_spf_new(NULL);
	unsigned long lookups;
	int64_t us;

	if (!dns || !spf)
		return 1;
	(void)run(spf, dns, 2 * DOMAINS);
	us = bmx_clock_mono_us(bmx_clock_system());
	lookups = run(spf, dns, EVALUATIONS);
	us = bmx_clock_mono_us(bmx_clock_system()) - us;
	(void)printf("%.0f evaluations/s, %.1f look-ups each\n",
	             EVALUATIONS * 1e6 / (double)us,
	             (double)lookups / EVALUATIONS);
	bmx_spf_free(&spf);
	bmx_dns_free(&dns);
	return 0;
}
