/*
 * panel.h - the checks of one session: started at their events, collected when
 * a recipient needs them.
 *
 *	connect -> helo -> mail -> collect ... -> clear_message -> mail ...
 *
 * What a check has found on a connection, HELO or message stays for all that
 * follow in it. One thread at a time. SPF is not among them: it is evaluated
 * in one go at RCPT.
 */
#ifndef BACKUPMX_MILTER_CHECKS_PANEL_H
#define BACKUPMX_MILTER_CHECKS_PANEL_H

#include "milter/checks/lookups.h"
#include "milter/checks/zone_watch.h"
#include "milter/rules.h"

/** What a panel needs of the daemon. */
struct bmx_panel_services {
	struct bmx_check_dns dns;
	struct bmx_zone_watch *watch;
};

/** What a check came to for one recipient's domain. */
struct bmx_check_outcome {
	enum bmx_finding found; /* BMX_FOUND_UNDECIDED: not collected */
	const char *detail;     /* for logs: the list's zone; or NULL */
	const struct bmx_access_action *action; /* of an access file */
};

struct bmx_panel {
	const struct bmx_panel_services *services;
	const struct bmx_rules *rules;
	bool on; /* a client is being checked */
	struct bmx_check_facts facts;
	struct bmx_slice client_name;
	struct bmx_lookups helo, reverse_dns, sender_domain;
	struct bmx_panel_zone *zones; /* as rules->zones; NULL: none asked */
};

/** Starts empty; both must outlive the panel. */
void bmx_panel_init(struct bmx_panel *panel,
                    const struct bmx_panel_services *services,
                    const struct bmx_rules *rules);

/**
 * A client to be checked; what ran before is given up. address and
 * own_address are 16 octets, IPv4 mapped, or NULL; they and name are borrowed
 * until bmx_panel_clear or the next client.
 */
void bmx_panel_connect(struct bmx_panel *panel, struct bmx_slice name,
                       const uint8_t *address, const uint8_t *own_address);

/** Its HELO name, borrowed until the next one. Nothing without a client. */
void bmx_panel_helo(struct bmx_panel *panel, struct bmx_slice helo);

/** Its sender in internal form, borrowed until bmx_panel_clear_message.
 * Nothing without a client. */
void bmx_panel_mail(struct bmx_panel *panel, struct bmx_slice sender);

/**
 * What check found, for a domain that wants it. Waits for it until its row's
 * time after started_us (CLOCK_MONOTONIC) at most. BMX_CHECK_SIZE and
 * BMX_CHECK_SPF are not for the panel.
 * @return never BMX_FOUND_UNDECIDED
 */
struct bmx_check_outcome bmx_panel_collect(struct bmx_panel *panel,
                                           enum bmx_check check,
                                           const struct bmx_domain_rules *rules,
                                           int64_t started_us);

/** Gives up what belongs to the message. */
void bmx_panel_clear_message(struct bmx_panel *panel);

/** Gives up everything; there is no client then. */
void bmx_panel_clear(struct bmx_panel *panel);

#endif
