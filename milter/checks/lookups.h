/*
 * lookups.h - takes a check of steps through DNS: started early, driven on
 * when there is time, collected at RCPT.
 *
 * One thread at a time. Nothing waits but bmx_lookups_finish.
 */
#ifndef BACKUPMX_MILTER_CHECKS_LOOKUPS_H
#define BACKUPMX_MILTER_CHECKS_LOOKUPS_H

#include "milter/checks/step.h"

/** Where questions go: as the functions of dns.h, behind ctx. */
struct bmx_check_dns {
	struct bmx_dns_query *(*start)(void *ctx, struct bmx_slice name,
	                               enum bmx_dns_type type);
	bool (*done)(const struct bmx_dns_query *query);
	const struct bmx_dns_answer *(*wait)(struct bmx_dns_query **query,
	                                     int64_t deadline_us);
	void (*cancel)(struct bmx_dns_query **query);
	void *ctx;
};

/** The resolver as such; valid as long as dns. */
struct bmx_check_dns bmx_check_dns_of(struct bmx_dns *dns);

/** One check on its way; zeroed it has not begun. */
struct bmx_lookups {
	const struct bmx_check_dns *dns;
	bmx_check_step *step;                /* NULL: not begun */
	const struct bmx_check_facts *facts; /* borrowed until the end */
	enum bmx_finding found;
	unsigned rounds;
	size_t count; /* questions of this round */
	struct bmx_dns_query *queries[BMX_CHECK_ROUND_MAX];
};

/** Begins: asks the first round. What ran before is cancelled. */
void bmx_lookups_start(struct bmx_lookups *lookups,
                       const struct bmx_check_dns *dns, bmx_check_step *step,
                       const struct bmx_check_facts *facts);

/** Goes on as far as answers have come. */
void bmx_lookups_drive(struct bmx_lookups *lookups);

/**
 * Waits until deadline_us (CLOCK_MONOTONIC); questions that are open then
 * have failed. Returns at once when it was finished before.
 * @return never BMX_FOUND_UNDECIDED; BMX_FOUND_NOTHING when not begun
 */
enum bmx_finding bmx_lookups_finish(struct bmx_lookups *lookups,
                                    int64_t deadline_us);

/** Gives up what is open and zeroes it. Safe at any time. */
void bmx_lookups_cancel(struct bmx_lookups *lookups);

#endif
