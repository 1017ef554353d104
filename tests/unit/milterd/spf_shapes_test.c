/* Zones that are large where a limit is: the right result, and no more
 * questions than the limits allow. */
#include "tests/support/rows.h"

#include <string.h>

#include <backupmx/text.h>

#include "milter/spf/spf.h"
#include "tests/support/zone.h"

#define CLIENT "203.0.113.5"
#define REVERSE "5.113.0.203.in-addr.arpa"

struct shape_case {
	const char *name;
	void (*fill)(struct zone *zone, unsigned count);
	unsigned count;
	enum bmx_spf_result want;
	unsigned lookups;   /* at most */
	size_t explanation; /* octets */
};

/* head, count times unit with # as the number, tail: a TXT of domain. */
static void
add_repeated(struct zone *zone, const char *domain, const char *head,
             const char *unit, unsigned count, const char *tail)
{
	static char buffer[65536];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append_string(&text, head);
	for (unsigned i = 0; i < count; i++)
		for (const char *at = unit; *at; at++)
			if (*at == '#')
				bmx_text_append_u64(&text, i);
			else
				bmx_text_append_char(&text, *at);
	bmx_text_append_string(&text, tail);
	assert_false(text.cut);
	zone_add(zone, domain, BMX_DNS_TXT, bmx_text_slice(&text));
}

static const char *
numbered(char buffer[64], const char *format_head, unsigned number,
         const char *format_tail)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, 64);
	bmx_text_append_string(&text, format_head);
	bmx_text_append_u64(&text, number);
	bmx_text_append_string(&text, format_tail);
	return buffer;
}

static void
fill_tree(struct zone *zone, unsigned count)
{
	char name[64], unit[64];

	add_repeated(zone, "d.test", "v=spf1 ", "include:t#.test ", count,
	             "-all");
	for (unsigned i = 0; i < count * count; i++)
		add_repeated(zone, numbered(name, "t", i, ".test"), "v=spf1 ",
		             numbered(unit, "include:t", i, "#.test "), count,
		             "-all");
}

/* Long includes, each just within the longest record. */
static void
fill_wide(struct zone *zone, unsigned count)
{
	char name[64];

	add_repeated(zone, "d.test", "v=spf1 ", "include:t#.test ", count,
	             "-all");
	for (unsigned i = 0; i < count; i++)
		add_repeated(zone, numbered(name, "t", i, ".test"), "v=spf1 ",
		             "ip4:1.2.3.4 ", 1360, "?all");
}

/* A record of count octets. */
static void
fill_long(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 ", " ", count - 11, "-all");
}

static void
add_hosts(struct zone *zone, unsigned count, unsigned good)
{
	char name[64], mx[64];

	for (unsigned i = 0; i < count; i++) {
		numbered(name, "h", i, ".h.test");
		numbered(mx, "10 h", i, ".h.test");
		zone_add(zone, "d.test", BMX_DNS_MX, bmx_slice_of(mx));
		zone_add(zone, REVERSE, BMX_DNS_PTR, bmx_slice_of(name));
		zone_add(zone, name, BMX_DNS_A,
		         i == good ? BMX_SLICE(CLIENT) :
		                     BMX_SLICE("192.0.2.1"));
	}
}

static void
fill_mx(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 mx -all", "", 0, "");
	add_hosts(zone, count, 9);
}

static void
fill_first_mx(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 mx -all", "", 0, "");
	add_hosts(zone, count, 0);
}

static void
fill_void_mx(struct zone *zone, unsigned count)
{
	char mx[64];

	add_repeated(zone, "d.test", "v=spf1 mx -all", "", 0, "");
	for (unsigned i = 0; i < count; i++)
		zone_add(zone, "d.test", BMX_DNS_MX,
		         bmx_slice_of(numbered(mx, "10 no", i, ".test")));
}

static void
fill_ten_mx(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 ", "mx ", count, "-all");
	add_hosts(zone, 10, 99);
}

static void
fill_ptr(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 ptr:h.test -all", "", 0, "");
	add_hosts(zone, count, count - 1);
}

/* The client owns these names: they must not undo the -all. */
static void
fill_void_ptr(struct zone *zone, unsigned count)
{
	char name[64];

	add_repeated(zone, "d.test", "v=spf1 ptr:h.test -all", "", 0, "");
	for (unsigned i = 0; i < count; i++)
		zone_add(zone, REVERSE, BMX_DNS_PTR,
		         bmx_slice_of(numbered(name, "no", i, ".h.test")));
}

static void
fill_p_macros(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 exists:", "%{p}", count,
	             ".x.test -all");
	add_hosts(zone, 10, 99);
}

static void
fill_redirects(struct zone *zone, unsigned count)
{
	char name[64], record[64];

	add_repeated(zone, "d.test", "v=spf1 redirect=t0.test", "", 0, "");
	for (unsigned i = 0; i < count; i++)
		add_repeated(zone, numbered(name, "t", i, ".test"),
		             i + 1 == count ?
		                     "v=spf1 -all" :
		                     numbered(record, "v=spf1 redirect=t",
		                              i + 1, ".test"),
		             "", 0, "");
}

static void
fill_circle(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 include:e.test -all", "", count,
	             "");
	add_repeated(zone, "e.test", "v=spf1 redirect=d.test", "", count, "");
}

static void
fill_explanation(struct zone *zone, unsigned count)
{
	add_repeated(zone, "d.test", "v=spf1 -all exp=e.test", "", 0, "");
	add_repeated(zone, "e.test", "", "%{d}", count, "");
}

/* clang-format off */
static struct shape_case cases[] = {
	{"10 x 10 x 10 includes",         fill_tree,        10,    BMX_SPF_PERMERROR, 11,  0},
	{"10 includes of 16 KB",          fill_wide,        10,    BMX_SPF_FAIL,      11,  7},
	{"the longest record",            fill_long,        16384, BMX_SPF_FAIL,      1,   7},
	{"an octet more",                 fill_long,        16385, BMX_SPF_PERMERROR, 1,   0},
	{"the 10th of 10 MX",             fill_mx,          10,    BMX_SPF_PASS,      12,  0},
	{"the 10th of 11 MX",             fill_mx,          11,    BMX_SPF_PERMERROR, 2,   0},
	{"the first of 11 MX",            fill_first_mx,    11,    BMX_SPF_PERMERROR, 2,   0},
	{"2 MX without address",          fill_void_mx,     2,     BMX_SPF_FAIL,      4,   7},
	{"3 MX without address",          fill_void_mx,     3,     BMX_SPF_PERMERROR, 5,   0},
	{"10 mx of 10 hosts",             fill_ten_mx,      10,    BMX_SPF_FAIL,      111, 7},
	{"the 10th of 10 PTR",            fill_ptr,         10,    BMX_SPF_PASS,      12,  0},
	{"the 11th of 11 PTR",            fill_ptr,         11,    BMX_SPF_FAIL,      12,  7},
	{"10 PTR without address",        fill_void_ptr,    10,    BMX_SPF_FAIL,      12,  7},
	{"1,000 %{p} ask once",           fill_p_macros,    1000,  BMX_SPF_FAIL,      13,  7},
	{"10 redirects",                  fill_redirects,   10,    BMX_SPF_FAIL,      11,  7},
	{"11 redirects",                  fill_redirects,   11,    BMX_SPF_PERMERROR, 11,  0},
	{"include and redirect in turn",  fill_circle,      0,     BMX_SPF_PERMERROR, 11,  0},
	{"127 macros explain",            fill_explanation, 127,   BMX_SPF_FAIL,      2,   127 * 6},
	{"4,095 octets explain",          fill_explanation, 682,   BMX_SPF_FAIL,      2,   682 * 6},
	{"more are not used",             fill_explanation, 683,   BMX_SPF_FAIL,      2,   7},
	{"nor are 10,000 macros",         fill_explanation, 10000, BMX_SPF_FAIL,      2,   7},
};
/* clang-format on */

static void
test_shape(void **state)
{
	const struct shape_case *tc = *state;
	static struct bmx_spf_verdict verdict;
	struct bmx_spf *spf = bmx_spf_new(NULL);
	struct zone *zone = zone_new();
	const struct bmx_spf_request request = {
		.dns = zone_source(zone),
		.client = {[10] = 0xff, 0xff, 203, 0, 113, 5},
		.helo = BMX_SLICE("mail.test"),
		.sender = BMX_SLICE("user@d.test"),
		.explanation = "default",
		.deadline_us = INT64_MAX,
	};

	assert_non_null(spf);
	tc->fill(zone, tc->count);
	bmx_spf_check(spf, &request, &verdict);
	assert_string_equal(bmx_spf_result_name(verdict.result),
	                    bmx_spf_result_name(tc->want));
	assert_true(verdict.lookups <= tc->lookups);
	assert_true(verdict.terms <= BMX_SPF_TERMS_MAX);
	assert_true(verdict.voids <= BMX_SPF_VOIDS_MAX);
	assert_int_equal(strlen(verdict.explanation), tc->explanation);
	zone_free(&zone);
	bmx_spf_free(&spf);
}

int
main(void)
{
	ROWS_RUN(cases, test_shape);
}
