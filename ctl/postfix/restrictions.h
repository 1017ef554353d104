/*
 * restrictions.h - a restriction list of smtpd, and policyd's place in it.
 *
 * smtpd looks at a list from left to right until something permits or refuses;
 * a permit ends that list only (Postfix SMTPD_ACCESS_README). So policyd must
 * stand before whatever may permit a stranger's recipient, and is best asked
 * after reject_unauth_destination, about our own domains alone. Wherever it
 * stands it opens nothing: it never says OK.
 */
#ifndef BACKUPMX_CTL_POSTFIX_RESTRICTIONS_H
#define BACKUPMX_CTL_POSTFIX_RESTRICTIONS_H

#include "ctl/postfix/peer.h"
#include "ctl/postfix/postconf.h"

/** What a restriction does to a stranger. */
enum bmxctl_rule_kind {
	BMXCTL_RULE_TRUST,      /* permits whom we know: permit_mynetworks */
	BMXCTL_RULE_GUARD,      /* refuses other domains for all others */
	BMXCTL_RULE_REFUSES,    /* refuses some, permits nobody */
	BMXCTL_RULE_ENDS,       /* refuses all: nothing behind it counts */
	BMXCTL_RULE_MAY_PERMIT, /* lets some past what is behind it */
	BMXCTL_RULE_OURS,       /* check_policy_service of policyd */
	BMXCTL_RULE_OURS_WARNS  /* with warn_if_reject before it */
};

/** One restriction with what belongs to it: `warn_if_reject` before it, its
 * table or service behind it. */
struct bmxctl_rule {
	enum bmxctl_rule_kind kind;
	struct bmx_slice text;     /* all of it */
	struct bmx_slice argument; /* "" when it has none */
};

struct bmxctl_rules {
	struct bmxctl_rule *items; /* of the arena */
	size_t count;
};

/** What tells our own service from others. */
struct bmxctl_rules_context {
	struct bmx_arena *arena;
	const struct bmxctl_postconf *postconf;
	const struct bmx_endpoint *listen; /* policyd's sockets */
	size_t listen_count;
	struct bmxctl_postfix_place place;
};

/**
 * Takes a list apart. A `$name` in it is one restriction, of the kind of what
 * it stands for.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_NOMEM
 */
int bmxctl_rules_read(const struct bmxctl_rules_context *context,
                      const char *text, struct bmxctl_rules *rules_out,
                      struct bmx_error *err);

/** The first of that kind, or rules->count. */
size_t bmxctl_rules_find(const struct bmxctl_rules *rules,
                         enum bmxctl_rule_kind kind);

/** The first that permits some stranger or ends the list, or rules->count:
 * policyd must stand before it. */
size_t bmxctl_rules_barrier(const struct bmxctl_rules *rules);

/** Is policyd asked about every stranger's recipient? */
bool bmxctl_rules_wired(const struct bmxctl_rules *rules);

/** Does the list refuse every stranger, whatever the recipient is? */
bool bmxctl_rules_closed(const struct bmxctl_rules *rules);

/** Where policyd belongs in a list without it: behind
 * reject_unauth_destination, if nothing before that permits. */
size_t bmxctl_rules_place(const struct bmxctl_rules *rules);

#endif
