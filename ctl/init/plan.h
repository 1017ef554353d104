/*
 * plan.h - what `init` is to write: answers, their check, the text of them.
 *
 *	questions.c (asks) -> plan.c (checks, writes as text) -> place.c (files)
 */
#ifndef BACKUPMX_CTL_INIT_PLAN_H
#define BACKUPMX_CTL_INIT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <backupmx/address.h>
#include <backupmx/error.h>

/** Domains of one call, and hosts of one primary. */
#define BMXCTL_PLAN_DOMAINS_MAX 100
#define BMXCTL_PLAN_PRIMARY_MAX 16

struct bmxctl_plan {
	/* A-labels in lower case, or "*". */
	char domains[BMXCTL_PLAN_DOMAINS_MAX][BMX_DOMAIN_BUFFER];
	size_t domain_count;
	/* Of argv or of questions.c, as long as the plan. "mx" is left out: it
	 * is the default. */
	const char *primary[BMXCTL_PLAN_PRIMARY_MAX];
	size_t primary_count;
	const char *recipients; /* NULL or "": no list */
	const char *hostname;   /* NULL or "": the system's */
	bool observe;           /* refuse nothing yet */
	bool with_redis; /* beside it is a section redis: for the check alone */
};

/**
 * Adds a domain. One that is there already is not added again.
 * @return 0, or -1 with *err: BMX_E_SYNTAX (it is no domain), BMX_E_TOO_BIG
 */
int bmxctl_plan_add_domain(struct bmxctl_plan *plan, const char *word,
                           struct bmx_error *err);

/** Adds a host of the primary; "mx" alone is the default. @return 0, or -1
 * with *err: BMX_E_TOO_BIG */
int bmxctl_plan_add_primary(struct bmxctl_plan *plan, const char *word,
                            struct bmx_error *err);

/** Writes the sections of count domains from first on. */
void bmxctl_plan_write_sections(const struct bmxctl_plan *plan, size_t first,
                                size_t count, FILE *out);

/** Writes a whole configuration; nothing in it is a default. */
void bmxctl_plan_write_file(const struct bmxctl_plan *plan, FILE *out);

/**
 * Reads the plan through the loader of the configuration.
 * @return 0, or -1 with *err: BMX_E_SYNTAX with the first mistake, others
 *         when no trial file can be written
 */
int bmxctl_plan_check(const struct bmxctl_plan *plan, struct bmx_error *err);

/** As bmxctl_plan_check, for text that is read as the file at path, which is
 * made for it and removed again; what it includes is found beside it. */
int bmxctl_plan_check_text(const char *path, const char *text,
                           struct bmx_error *err);

#endif
