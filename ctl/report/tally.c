#include "ctl/report/tally.h"

#include <stdlib.h>
#include <string.h>

#include <backupmx/text.h>
#include <backupmx/units.h>

#include "ctl/report/outages.h"

/* 0.1, 0.5, 1, 5, 10, 50, 100, 250, 500 ms, 1, 2.5, 5 s */
static const uint64_t bounds[BMXCTL_TALLY_TIMES] = {
	1, 5, 10, 50, 100, 500, 1000, 2500, 5000, 10000, 25000, 50000};
#define SLOW ((uint64_t)10000)

static size_t
capacity_of(enum bmxctl_tally_table table)
{
	return table == BMXCTL_TALLY_REFUSED_RCPT ||
			table == BMXCTL_TALLY_REFUSED_CLIENT ||
			table == BMXCTL_TALLY_REFUSED_SENDER ?
		BMXCTL_TALLY_ADDRESSES :
		BMXCTL_TALLY_WORDS;
}

struct bmxctl_tally *
bmxctl_tally_new(void)
{
	struct bmxctl_tally *tally = calloc(1, sizeof(*tally));

	for (int i = 0; tally && i < BMXCTL_TALLY_TABLES; i++) {
		tally->tables[i] =
			bmxctl_top_new(capacity_of((enum bmxctl_tally_table)i));
		if (!tally->tables[i])
			bmxctl_tally_free(&tally);
	}
	return tally;
}

void
bmxctl_tally_free(struct bmxctl_tally **tally)
{
	if (!*tally)
		return;
	for (int i = 0; i < BMXCTL_TALLY_TABLES; i++)
		bmxctl_top_free(&(*tally)->tables[i]);
	free(*tally);
	*tally = NULL;
}

static void
add(struct bmxctl_tally *tally, enum bmxctl_tally_table table,
    struct bmx_slice key)
{
	bmxctl_top_add(tally->tables[table], key);
}

/* Counts "FIRST SECOND", with what stands between them. */
static void
add_pair(struct bmxctl_tally *tally, enum bmxctl_tally_table table,
         struct bmx_slice first, const char *between, struct bmx_slice second)
{
	char key[2 * BMXCTL_TOP_KEY];
	struct bmx_text text;

	bmx_text_init(&text, key, sizeof(key));
	bmx_text_append(&text, first);
	bmx_text_append_string(&text, between);
	bmx_text_append(&text, second);
	add(tally, table, bmx_text_slice(&text));
}

/* "12.3" in tenths; what is no such number counts as 0. */
static uint64_t
tenths_of(struct bmx_slice ms)
{
	const char *dot = ms.len > 0 ? memchr(ms.data, '.', ms.len) : NULL;
	const size_t whole_len = dot ? (size_t)(dot - ms.data) : ms.len;
	int64_t whole = 0;
	uint64_t tenths = 0;

	if (whole_len > 9 ||
	    bmx_units_parse_number((struct bmx_slice){ms.data, whole_len},
	                           &whole) != 0)
		return 0;
	if (dot && whole_len + 1 < ms.len && dot[1] >= '0' && dot[1] <= '9')
		tenths = (uint64_t)(dot[1] - '0');
	return (uint64_t)whole * 10 + tenths;
}

static void
note_time(struct bmxctl_tally_times *times, struct bmx_slice ms)
{
	const uint64_t tenths = tenths_of(ms);
	size_t bucket = 0;

	while (bucket < BMXCTL_TALLY_TIMES && tenths > bounds[bucket])
		bucket++;
	times->buckets[bucket]++;
	times->count++;
	times->slow += tenths > SLOW;
	if (tenths > times->longest)
		times->longest = tenths;
}

uint64_t
bmxctl_tally_rank(const struct bmxctl_tally_times *times, double rank)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < BMXCTL_TALLY_TIMES; i++) {
		seen += times->buckets[i];
		if ((double)seen >= rank * (double)times->count)
			return bounds[i] < times->longest || i == 0 ?
				bounds[i] :
				times->longest;
	}
	return times->longest;
}

static struct bmx_slice
domain_of(struct bmx_slice address)
{
	for (size_t i = address.len; i > 0; i--)
		if (address.data[i - 1] == '@')
			return (struct bmx_slice){address.data + i,
			                          address.len - i};
	return (struct bmx_slice){"", 0};
}

static void
add_domain(struct bmxctl_tally *tally, struct bmx_slice rcpt,
           struct bmx_slice act)
{
	struct bmx_slice domain = domain_of(rcpt);
	char lower[BMXCTL_TOP_KEY];

	if (domain.len > sizeof(lower))
		domain.len = sizeof(lower);
	for (size_t i = 0; i < domain.len; i++)
		lower[i] = bmx_ascii_lower(domain.data[i]);
	domain.data = lower;
	add_pair(tally, BMXCTL_TALLY_DOMAINS, domain, " ", act);
}

static void
add_refusal(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	const struct bmx_slice sender = bmxctl_log_value(line, "sender");

	add(tally, BMXCTL_TALLY_REFUSED_RCPT, bmxctl_log_value(line, "rcpt"));
	add(tally, BMXCTL_TALLY_REFUSED_CLIENT,
	    bmxctl_log_value(line, "client"));
	add(tally, BMXCTL_TALLY_REFUSED_SENDER,
	    sender.len > 0 ? sender : BMX_SLICE("<>"));
}

/* "helo:fail:own,spf:pass,scanner:rspamd:reject": the first two words of
 * each, of a scanner the first three. */
static void
add_checks(struct bmxctl_tally *tally, struct bmx_slice checks, bool scanners)
{
	static const struct bmx_slice scanner = {"scanner:", 8};

	while (checks.len > 0) {
		const char *comma = memchr(checks.data, ',', checks.len);
		struct bmx_slice one = {checks.data,
		                        comma ? (size_t)(comma - checks.data) :
		                                checks.len};
		const bool is_scanner = one.len > scanner.len &&
			memcmp(one.data, scanner.data, scanner.len) == 0;
		int colons = is_scanner ? 3 : 2;

		checks.data += one.len + (comma != NULL);
		checks.len -= one.len + (comma != NULL);
		for (size_t i = 0; i < one.len; i++)
			if (one.data[i] == ':' && --colons == 0)
				one.len = i;
		if (one.len > 0 && is_scanner == scanners)
			add(tally,
			    scanners ? BMXCTL_TALLY_SCANNERS :
			               BMXCTL_TALLY_CHECKS,
			    one);
	}
}

/*
 * policyd logs what the milter asks of it as well as what Postfix asks; a
 * refusal that the milter has from policyd is counted with policyd's.
 */
static void
take_decision(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	const struct bmx_slice act = bmxctl_log_value(line, "act");
	const struct bmx_slice why = bmxctl_log_value(line, "why");
	const bool refused = bmx_slice_equal(act, BMX_SLICE("reject"));

	note_time(&tally->times[line->program], bmxctl_log_value(line, "ms"));
	if (line->program == BMXCTL_LOG_POLICYD) {
		add_pair(tally, BMXCTL_TALLY_DECISIONS, act, " ", why);
		add_domain(tally, bmxctl_log_value(line, "rcpt"), act);
		if (refused)
			add_refusal(tally, line);
		return;
	}
	add_pair(tally, BMXCTL_TALLY_MILTER, act, " ", why);
	add_checks(tally, bmxctl_log_value(line, "checks"), false);
	if (refused && !bmx_slice_equal(why, BMX_SLICE("policy")))
		add_refusal(tally, line);
}

static void
take_message(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	add(tally, BMXCTL_TALLY_MESSAGES, bmxctl_log_value(line, "act"));
	add_checks(tally, bmxctl_log_value(line, "checks"), true);
}

static void
take_bounce(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	add_pair(tally, BMXCTL_TALLY_BOUNCES, bmxctl_log_value(line, "act"),
	         " ", bmxctl_log_value(line, "why"));
}

static void
take_sync_done(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	add_pair(tally, BMXCTL_TALLY_SYNCS, bmxctl_log_value(line, "domain"),
	         " ", BMX_SLICE("done"));
}

static void
take_sync_failed(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	const struct bmx_slice domain = bmxctl_log_value(line, "domain");

	add_pair(tally, BMXCTL_TALLY_SYNCS, domain, " ", BMX_SLICE("failed"));
	add_pair(tally, BMXCTL_TALLY_SYNC_ERRORS, domain, ": ",
	         bmxctl_log_value(line, "err"));
}

static void
take_primary(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	const struct bmx_slice result = bmxctl_log_value(line, "result");
	const struct bmx_slice domain = bmxctl_log_value(line, "domain");

	if (bmx_slice_equal(result, BMX_SLICE("down")))
		bmxctl_outage_begin(tally, domain, line);
	else if (bmx_slice_equal(result, BMX_SLICE("up")))
		bmxctl_outage_end(tally, domain, line);
}

static void
take_redis_up(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	bmxctl_outage_end(tally, BMX_SLICE("redis"), line);
}

static void
take_redis_down(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	bmxctl_outage_begin(tally, BMX_SLICE("redis"), line);
}

static void
take_recovery(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	add_pair(tally, BMXCTL_TALLY_RECOVERIES,
	         bmxctl_log_value(line, "domain"), " ",
	         bmxctl_log_value(line, "result"));
}

static void
take_other(struct bmxctl_tally *tally, const struct bmxctl_log_line *line)
{
	const char *program = bmxctl_log_program_name(line->program);
	const struct bmx_slice error = bmxctl_log_value(line, "err");
	char name[BMXCTL_TOP_KEY];
	struct bmx_text text;

	bmx_text_init(&text, name, sizeof(name));
	bmx_text_append_string(&text, program);
	bmx_text_append_char(&text, ' ');
	bmx_text_append(&text, line->event);
	add(tally, BMXCTL_TALLY_EVENTS, bmx_text_slice(&text));
	if (error.len > 0)
		add_pair(tally, BMXCTL_TALLY_EVENT_ERRORS,
		         bmx_text_slice(&text), ": ", error);
}

void
bmxctl_tally_take(struct bmxctl_tally *tally,
                  const struct bmxctl_log_line *line)
{
	static const struct {
		const char *event;
		void (*take)(struct bmxctl_tally *tally,
		             const struct bmxctl_log_line *line);
	} rows[] = {
		{"decision", take_decision},
		{"message", take_message},
		{"bounce", take_bounce},
		{"sync-done", take_sync_done},
		{"sync-failed", take_sync_failed},
		{"primary", take_primary},
		{"redis-up", take_redis_up},
		{"redis-down", take_redis_down},
		{"recovery", take_recovery},
	};

	tally->lines++;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bmx_slice_equal(line->event, bmx_slice_of(rows[i].event))) {
			rows[i].take(tally, line);
			return;
		}
	take_other(tally, line);
}

void
bmxctl_tally_end(struct bmxctl_tally *tally)
{
	for (int i = 0; i < BMXCTL_TALLY_TABLES; i++)
		bmxctl_top_sort(tally->tables[i]);
}
