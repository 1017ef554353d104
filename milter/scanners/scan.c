#include "milter/scanners/scan.h"

#include <assert.h>
#include <string.h>

#include <arpa/inet.h>

#include <backupmx/endpoint.h>

static const char *const result_names[] = {"unasked", "pass",    "tag", "defer",
                                           "reject",  "skipped", "away"};
static_assert(sizeof(result_names) / sizeof(result_names[0]) ==
                      BMX_SCAN_RESULTS,
              "one name each");

const char *
bmx_scan_result_name(enum bmx_scan_result result)
{
	return result_names[result];
}

static enum bmx_scan_result
result_of_action(enum bmx_config_action action)
{
	switch (action) {
	case BMX_ACTION_IGNORE:
	case BMX_ACTION_SCORE:
		break;
	case BMX_ACTION_TAG:
		return BMX_SCAN_TAGGED;
	case BMX_ACTION_DEFER:
		return BMX_SCAN_DEFERRED;
	case BMX_ACTION_REJECT:
		return BMX_SCAN_REJECTED;
	}
	return BMX_SCAN_PASSED;
}

enum bmx_scan_result
bmx_scan_result_of(const struct bmx_config_scanner *scanner,
                   enum bmx_scan_say say)
{
	static const enum bmx_scan_result results[] = {
		[BMX_SCAN_PASS] = BMX_SCAN_PASSED,
		[BMX_SCAN_TAG] = BMX_SCAN_TAGGED,
		[BMX_SCAN_DEFER] = BMX_SCAN_DEFERRED,
		[BMX_SCAN_REJECT] = BMX_SCAN_REJECTED,
	};

	if (scanner->type != BMX_SCANNER_RSPAMD && say == BMX_SCAN_REJECT)
		return result_of_action(scanner->action);
	return results[say];
}

enum bmx_scan_say
bmx_scan_say_of(const struct bmx_config_scanner *scanner,
                enum bmx_scan_result result)
{
	switch (result) {
	case BMX_SCAN_UNASKED:
	case BMX_SCAN_PASSED:
	case BMX_SCAN_SKIPPED:
	case BMX_SCAN_RESULTS:
		break;
	case BMX_SCAN_TAGGED:
		return BMX_SCAN_TAG;
	case BMX_SCAN_DEFERRED:
		return BMX_SCAN_DEFER;
	case BMX_SCAN_REJECTED:
		return BMX_SCAN_REJECT;
	case BMX_SCAN_AWAY:
		if (scanner->unavailable == BMX_UNAVAILABLE_DEFER)
			return BMX_SCAN_DEFER;
		break;
	}
	return BMX_SCAN_PASS;
}

/* One URL, for no longer than the scanner may take. */
static int
ask_url(struct bmx_scan_health *health, const char *url,
        const struct bmx_scan_message *message, struct bmx_patience *patience,
        struct bmx_scan_finding *finding)
{
	const struct bmx_config_scanner *scanner = finding->scanner;
	const int64_t all_us = patience->deadline_us;
	const int64_t own_us =
		bmx_clock_mono_us(patience->clock) + scanner->timeout_ms * 1000;
	struct bmx_error err = {0};
	int rc;

	if (own_us < all_us)
		patience->deadline_us = own_us;
	rc = bmx_scan_ask(scanner->type, url, message, patience,
	                  &finding->reply, &err);
	patience->deadline_us = all_us;
	bmx_scan_health_report(health, url, rc == 0 ? NULL : &err);
	return rc;
}

static void
ask_scanner(struct bmx_scan_health *health,
            const struct bmx_scan_message *message,
            struct bmx_patience *patience, struct bmx_scan_finding *finding)
{
	const struct bmx_config_strings *urls = &finding->scanner->urls;

	finding->result = BMX_SCAN_AWAY;
	for (size_t i = 0; i < urls->count; i++) {
		if (bmx_patience_left_ms(patience) == 0)
			return;
		if (!bmx_scan_health_allows(health, urls->items[i]) ||
		    ask_url(health, urls->items[i], message, patience,
		            finding) != 0)
			continue;
		finding->url = urls->items[i];
		finding->result = bmx_scan_result_of(finding->scanner,
		                                     finding->reply.say);
		return;
	}
}

/* A spool that failed is nobody's fault but ours: it was not scanned. */
static void
run_one(struct bmx_scan_health *health, const struct bmx_scan_message *message,
        struct bmx_patience *patience, struct bmx_scan_finding *finding)
{
	const uint64_t most = (uint64_t)finding->scanner->max_size;

	if (bmx_spool_size(message->spool) > most)
		finding->result = BMX_SCAN_SKIPPED;
	else if (bmx_spool_state(message->spool) != BMX_SPOOL_KEPT)
		finding->result = BMX_SCAN_AWAY;
	else
		ask_scanner(health, message, patience, finding);
}

/* The strongest word so far counts, and of equal ones the first. */
static void
add_up(struct bmx_scan_report *report, const struct bmx_scan_finding *finding)
{
	const enum bmx_scan_say say =
		bmx_scan_say_of(finding->scanner, finding->result);

	if (say <= report->say)
		return;
	report->say = say;
	report->unscanned = finding->result == BMX_SCAN_AWAY;
	report->text = finding->reply.text;
}

void
bmx_scan_run(struct bmx_scan_health *health,
             const struct bmx_config_scanner *scanners, size_t count,
             const struct bmx_scan_message *message,
             struct bmx_patience *patience, struct bmx_scan_report *report_out)
{
	assert(count <= BMX_SCANNERS_MAX);
	*report_out = (struct bmx_scan_report){.count = count, .text = ""};
	for (size_t i = 0; i < count; i++)
		report_out->findings[i].scanner = &scanners[i];
	for (size_t i = 0; i < count; i++) {
		run_one(health, message, patience, &report_out->findings[i]);
		add_up(report_out, &report_out->findings[i]);
		if (report_out->say == BMX_SCAN_REJECT)
			break;
	}
}

static bool
is_same(const struct bmx_config_scanner *a, const struct bmx_config_scanner *b)
{
	if (a->type != b->type || a->action != b->action ||
	    a->unavailable != b->unavailable || a->max_size != b->max_size ||
	    a->timeout_ms != b->timeout_ms || a->urls.count != b->urls.count)
		return false;
	for (size_t i = 0; i < a->urls.count; i++)
		if (strcmp(a->urls.items[i], b->urls.items[i]) != 0)
			return false;
	return true;
}

bool
bmx_scan_same(const struct bmx_config_domain *a,
              const struct bmx_config_domain *b)
{
	if (a->scanner_count != b->scanner_count)
		return false;
	for (size_t i = 0; i < a->scanner_count; i++)
		if (!is_same(&a->scanners[i], &b->scanners[i]))
			return false;
	return true;
}

uint64_t
bmx_scan_largest(const struct bmx_config_scanner *scanners, size_t count)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < count; i++)
		if ((uint64_t)scanners[i].max_size > largest)
			largest = (uint64_t)scanners[i].max_size;
	return largest;
}

/* Names are looked up by the system, for as long as that takes: libcurl bounds
 * it, the plain sockets do not. */
static bool
has_bounded_host(const char *url)
{
	struct bmx_endpoint endpoint;
	uint8_t octets[16];

	if (bmx_endpoint_parse(bmx_slice_of(url), &endpoint, NULL) != 0)
		return false;
	return endpoint.kind == BMX_ENDPOINT_UNIX ||
		strcmp(endpoint.host, "localhost") == 0 ||
		inet_pton(AF_INET, endpoint.host, octets) == 1 ||
		inet_pton(AF_INET6, endpoint.host, octets) == 1;
}

const char *
bmx_scan_problem(const struct bmx_config_scanner *scanner)
{
	const bool http = bmx_scan_is_http(scanner->type);

	if (scanner->urls.count == 0)
		return "has no urls";
	for (size_t i = 0; i < scanner->urls.count; i++) {
		const char *url = scanner->urls.items[i];

		if (http && strncmp(url, "http", 4) != 0)
			return "type rspamd has urls as http://host:port";
		if (!http && !has_bounded_host(url))
			return "this type has urls as inet:address:port or "
			       "unix:/path";
	}
	return NULL;
}
