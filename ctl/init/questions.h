/*
 * questions.h - asks for what the command line has not said.
 */
#ifndef BACKUPMX_CTL_INIT_QUESTIONS_H
#define BACKUPMX_CTL_INIT_QUESTIONS_H

#include "ctl/init/plan.h"

/** How often a question is asked before init gives up. */
#define BMXCTL_TRIES 3
/** Octets of an answer. */
#define BMXCTL_ANSWER_MAX ((size_t)1000)

/** Where answers are kept while the plan lives. */
struct bmxctl_answers {
	char domains[BMXCTL_ANSWER_MAX];
	char primary[BMXCTL_ANSWER_MAX];
	char recipients[BMXCTL_ANSWER_MAX];
	char hostname[BMXCTL_ANSWER_MAX];
};

/** What is asked. */
struct bmxctl_asked {
	bool domains, primary, recipients, hostname;
};

/**
 * Asks on the terminal, into plan. Each answer is checked at once; a wrong one
 * is asked for again.
 * @return 0, or -1 with *err: BMX_E_CLOSED (the input ended), BMX_E_SYNTAX
 *         (BMXCTL_TRIES wrong answers)
 */
int bmxctl_ask_plan(struct bmxctl_plan *plan, struct bmxctl_answers *answers,
                    const struct bmxctl_asked *asked, FILE *in, FILE *out,
                    struct bmx_error *err);

/** Asks a question that is yes when nothing is answered. @return 1, 0, or -1
 * with *err as bmxctl_ask_plan */
int bmxctl_ask_yes(const char *question, FILE *in, FILE *out,
                   struct bmx_error *err);

#endif
