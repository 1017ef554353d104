/*
 * postfix_rows.h - what may be wrong with the Postfix of a backup.
 *
 *	postfix.c (gathers) -> postfix_policy.c postfix_milter.c
 *	                       postfix_settings.c (the machine)
 *	                       postfix_domain.c (a domain)
 *
 * The judges are pure: facts in, findings out; no I/O, no clock.
 */
#ifndef BACKUPMX_CTL_DOCTOR_POSTFIX_ROWS_H
#define BACKUPMX_CTL_DOCTOR_POSTFIX_ROWS_H

#include <stdint.h>

#include "ctl/doctor/doctor.h"
#include "ctl/postfix/restrictions.h"

/** The rows, by their place in the table. */
enum bmxctl_postfix_row {
	BMXCTL_POSTFIX_ABSENT,
	BMXCTL_POSTFIX_UNREADABLE,
	BMXCTL_POSTFIX_OLD,
	BMXCTL_POSTFIX_DOWN,
	BMXCTL_POSTFIX_MYHOSTNAME,
	BMXCTL_POSTFIX_LOOPBACK,
	BMXCTL_POSTFIX_NETWORKS,
	BMXCTL_POSTFIX_XCLIENT,
	BMXCTL_POSTFIX_OPEN_RELAY,
	BMXCTL_POSTFIX_MX_BACKUP,
	BMXCTL_POSTFIX_POLICY_MISSING,
	BMXCTL_POSTFIX_POLICY_PLACE,
	BMXCTL_POSTFIX_POLICY_WARNS,
	BMXCTL_POSTFIX_POLICY_TIMEOUT,
	BMXCTL_POSTFIX_POLICY_PATIENCE,
	BMXCTL_POSTFIX_POLICY_ACTION,
	BMXCTL_POSTFIX_POLICY_SOCKET,
	BMXCTL_POSTFIX_POLICY_OVERRIDE,
	BMXCTL_POSTFIX_VERIFY,
	BMXCTL_POSTFIX_MILTER_MISSING,
	BMXCTL_POSTFIX_MILTER_ORDER,
	BMXCTL_POSTFIX_MILTER_ACTION,
	BMXCTL_POSTFIX_MILTER_TIMEOUT,
	BMXCTL_POSTFIX_MILTER_PROTOCOL,
	BMXCTL_POSTFIX_MILTER_SOCKET,
	BMXCTL_POSTFIX_MILTER_OVERRIDE,
	BMXCTL_POSTFIX_BOUNCES_UNSEEN,
	BMXCTL_POSTFIX_BOUNCE_CLASS,
	BMXCTL_POSTFIX_QUEUE_IDS,
	BMXCTL_POSTFIX_CONTENT_FILTER,
	BMXCTL_POSTFIX_DELAY_REJECT,
	BMXCTL_POSTFIX_SOFT_BOUNCE,
	BMXCTL_POSTFIX_UNKNOWN_CODE,
	BMXCTL_POSTFIX_VRFY,
	BMXCTL_POSTFIX_DSN,
	BMXCTL_POSTFIX_RECIPIENT_MAPS,
	BMXCTL_POSTFIX_QUEUE_LIFETIME,
	BMXCTL_POSTFIX_BOUNCE_LIFETIME,
	BMXCTL_POSTFIX_NOTIFY,
	BMXCTL_POSTFIX_SRS,
	BMXCTL_POSTFIX_XFORWARD,
	BMXCTL_POSTFIX_TLS_NONE,
	BMXCTL_POSTFIX_TLS_WEAKER,
	BMXCTL_POSTFIX_TLS_DANE,
	BMXCTL_POSTFIX_RELAY_SERVICE,
	BMXCTL_POSTFIX_DEFERRED,
	BMXCTL_POSTFIX_QUEUE_FULL,
	BMXCTL_POSTFIX_QUEUE_ROOM,
	BMXCTL_POSTFIX_UNSERVED,
	BMXCTL_POSTFIX_RELAY_DOMAINS,
	BMXCTL_POSTFIX_LOCAL_DOMAIN,
	BMXCTL_POSTFIX_TRANSPORT,
	BMXCTL_POSTFIX_OTHER_HOST,
	BMXCTL_POSTFIX_LOOP,
	BMXCTL_POSTFIX_NO_DNS,
	BMXCTL_POSTFIX_FAST_FLUSH,
	BMXCTL_POSTFIX_ROWS
};

/** The row at that place. */
const struct bmxctl_row *bmxctl_postfix_row(enum bmxctl_postfix_row row);

/** What is looked at. */
struct bmxctl_postfix_facts {
	const struct bmx_config *config;
	const struct bmxctl_postconf *postconf;
	struct bmx_arena *arena;    /* for what the judges take apart */
	bool running;               /* or not known to be away */
	bool milter_answers;        /* on its own socket */
	const char *policy_trouble; /* of a connection as Postfix's user; "" */
	const char *milter_trouble; /* the same; "" also when not known */
	bool queue_known;
	uint64_t queue_octets; /* free, for users that are not root */
	uint64_t queue_inodes;
	bool inodes_known;
};

/** And of a domain. */
struct bmxctl_postfix_domain_facts {
	const struct bmx_config_domain *domain;
	bool relayed_by_table; /* a table of relay_domains holds it */
	/* The list of local domains of which a table holds it, or NULL. */
	const char *local_by_table;
	const char *transport; /* what transport_maps say of it, or "" */
};

/** policyd's place in the restriction lists, and who may relay. */
void bmxctl_postfix_judge_policy(const struct bmxctl_postfix_facts *facts,
                                 struct bmxctl_findings *findings);

/** The milter's place and settings. */
void bmxctl_postfix_judge_milter(const struct bmxctl_postfix_facts *facts,
                                 struct bmxctl_findings *findings);

/** Settings of one value, and the queue. */
void bmxctl_postfix_judge_settings(const struct bmxctl_postfix_facts *facts,
                                   struct bmxctl_findings *findings);

/** How a domain's mail is taken and where it goes. */
void
bmxctl_postfix_judge_domain(const struct bmxctl_postfix_facts *facts,
                            const struct bmxctl_postfix_domain_facts *domain,
                            struct bmxctl_findings *findings);

/*
 * What the judges share.
 */

/** The restriction lists of smtpd, in the order in which they are
 * evaluated. */
#define BMXCTL_POSTFIX_LISTS ((size_t)5)
extern const char *const bmxctl_postfix_lists[BMXCTL_POSTFIX_LISTS];

/** Does the list that value is hold the word? */
bool bmxctl_postfix_holds(const struct bmxctl_postfix_facts *facts,
                          const char *value, const char *word);

/** How policyd is told from other services. */
struct bmxctl_rules_context
bmxctl_postfix_rules(const struct bmxctl_postfix_facts *facts);

/** Is the service at index an smtpd that strangers may write to? */
bool bmxctl_postfix_is_public(const struct bmxctl_postfix_facts *facts,
                              size_t index);

/** Is smtpd shut into the queue directory, while peer names endpoint by its
 * path outside? Then it leads nowhere. */
bool bmxctl_postfix_leads_nowhere(const struct bmxctl_postfix_facts *facts,
                                  const struct bmxctl_peer *peer,
                                  const struct bmx_endpoint *endpoint);

/** The unix service of that name, or the count of services. */
size_t bmxctl_postfix_find_service(const struct bmxctl_postfix_facts *facts,
                                   const char *name);

/** Reports row with what was seen. */
void bmxctl_postfix_found(struct bmxctl_findings *findings,
                          enum bmxctl_postfix_row row, const char *subject,
                          const char *seen, ...)
	__attribute__((format(printf, 4, 5)));

#endif
