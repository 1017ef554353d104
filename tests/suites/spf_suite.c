/*
 * Runs the tests that spf_suite.py and its likes write to standard input, on
 * the zones that are written there, too, or as "spf_suite ADDRESS@PORT" with
 * the real resolver.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/spf/spf.h"
#include "tests/support/zone.h"

#define FIELDS_MAX 8

/* %{t} in spf_differential.py. */
#define WALL_MS (INT64_C(1000000000) * 1000)

struct run {
	struct bmx_spf *spf;
	struct zone *zone;
	struct bmx_dns *dns; /* NULL: the zone */
	int64_t deadline_ms; /* 0: none */
	int64_t limit_ms;    /* a test that takes longer fails; 0: none */
	unsigned passed;
	unsigned failed;
};

static int
nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Decodes in place; the text is terminated, too. */
static struct bmx_slice
unhex(char *text)
{
	size_t len = 0;

	if (strcmp(text, "-") != 0)
		for (; text[2 * len] && text[2 * len + 1]; len++)
			text[len] = (char)(nibble(text[2 * len]) * 16 +
			                   nibble(text[2 * len + 1]));
	text[len] = '\0';
	return (struct bmx_slice){text, len};
}

static void
add_record(struct run *run, char **fields)
{
	static const struct {
		const char *name;
		enum bmx_dns_type type;
	} types[] = {{"A", BMX_DNS_A},
	             {"AAAA", BMX_DNS_AAAA},
	             {"MX", BMX_DNS_MX},
	             {"PTR", BMX_DNS_PTR},
	             {"TXT", BMX_DNS_TXT}};
	const struct bmx_slice name = unhex(fields[1]);
	const struct bmx_slice data = unhex(fields[3]);

	if (!strcmp(fields[2], "FAIL"))
		zone_add_failure(run->zone, name.data);
	if (!strcmp(fields[2], "CNAME"))
		zone_add_alias(run->zone, name.data, data.data);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(fields[2], types[i].name))
			zone_add(run->zone, name.data, types[i].type, data);
}

static void
read_client(const char *text, uint8_t client[16])
{
	memset(client, 0, 16);
	client[10] = client[11] = 0xff;
	if (inet_pton(AF_INET, text, client + 12) != 1 &&
	    inet_pton(AF_INET6, text, client) != 1)
		exit(1);
}

static int64_t
mono_us(void *ctx)
{
	(void)ctx;
	return bmx_clock_mono_us(bmx_clock_system());
}

static int64_t
wall_ms(void *ctx)
{
	(void)ctx;
	return WALL_MS;
}

static bool
is_wanted(const char *list, const char *result)
{
	const size_t len = strlen(result);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, result, len) &&
		    (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static int64_t
deadline_us(const struct run *run)
{
	if (run->deadline_ms == 0)
		return INT64_MAX;
	return mono_us(NULL) + run->deadline_ms * 1000;
}

static bool
is_late(const struct run *run, int64_t since_us)
{
	return run->limit_ms > 0 &&
		mono_us(NULL) - since_us > run->limit_ms * 1000;
}

static void
run_test(struct run *run, char **fields)
{
	const int64_t since_us = mono_us(NULL);
	static const struct bmx_clock clock = {mono_us, wall_ms, NULL};
	struct bmx_spf_request request = {
		.dns = run->dns ? bmx_dns_as_source(run->dns) :
				  zone_source(run->zone),
		.helo = unhex(fields[3]),
		.sender = unhex(fields[4]),
		.explanation = "DEFAULT",
		.deadline_us = deadline_us(run),
		.clock = &clock,
	};
	const struct bmx_slice explanation = unhex(fields[6]);
	static struct bmx_spf_verdict verdict;
	const char *result;

	read_client(fields[2], request.client);
	bmx_spf_check(run->spf, &request, &verdict);
	result = bmx_spf_result_name(verdict.result);
	if (is_late(run, since_us))
		result = "too late";
	if (is_wanted(fields[5], result) &&
	    (fields[7][0] == '0' || verdict.result != BMX_SPF_FAIL ||
	     !strcmp(verdict.explanation, explanation.data))) {
		run->passed++;
		return;
	}
	run->failed++;
	(void)printf("FAIL %s: want %s '%s', got %s '%s' (%s)\n", fields[1],
	             fields[5], explanation.data, result, verdict.explanation,
	             verdict.problem);
}

static void
run_line(struct run *run, char *line)
{
	char *fields[FIELDS_MAX] = {0};
	size_t count = 0;

	line[strcspn(line, "\n")] = '\0';
	while (line && count < FIELDS_MAX) {
		fields[count++] = line;
		line = strchr(line, ' ');
		if (line)
			*line++ = '\0';
	}
	if (!strcmp(fields[0], "zone")) {
		zone_free(&run->zone);
		run->zone = zone_new();
	} else if (!strcmp(fields[0], "record") && count == 4) {
		add_record(run, fields);
	} else if (!strcmp(fields[0], "limit") && count == 3) {
		run->deadline_ms = strtol(fields[1], NULL, 10);
		run->limit_ms = strtol(fields[2], NULL, 10);
	} else if (!strcmp(fields[0], "test") && count == 8) {
		run_test(run, fields);
	}
}

static struct bmx_dns *
make_resolver(const char *const *address)
{
	const struct bmx_dns_options options = {.resolvers = address,
	                                        .resolver_count = 1};
	struct bmx_dns *dns = bmx_dns_new(&options, NULL);

	if (!dns)
		exit(1);
	return dns;
}

int
main(int argc, char **argv)
{
	struct run run = {.spf = bmx_spf_new(NULL)};
	const char *const resolver = argc > 1 ? argv[1] : NULL;
	char *line = NULL;
	size_t size = 0;

	if (!run.spf)
		return 1;
	if (resolver)
		run.dns = make_resolver(&resolver);
	while (getline(&line, &size, stdin) > 0)
		run_line(&run, line);
	(void)printf("%u of %u tests passed\n", run.passed,
	             run.passed + run.failed);
	free(line);
	zone_free(&run.zone);
	bmx_dns_free(&run.dns);
	bmx_spf_free(&run.spf);
	return run.failed == 0 && run.passed > 0 ? 0 : 1;
}
