/*
 * step.h - a check that asks DNS, as pure steps.
 *
 * A step looks at what is known and at the answers to the last round of
 * questions, and says what it has found or what is to be asked next. It does
 * no I/O and reads no clock; lookups.h asks for it.
 */
#ifndef BACKUPMX_MILTER_CHECKS_STEP_H
#define BACKUPMX_MILTER_CHECKS_STEP_H

#include <backupmx/address.h>
#include <backupmx/dns.h>

#include "milter/checks/check.h"

/** Most questions of one round. */
#define BMX_CHECK_ROUND_MAX ((size_t)10)

/** What is known of the client. All of it is borrowed, names are hostile. */
struct bmx_check_facts {
	const uint8_t *address;     /* 16 octets, IPv4 mapped; NULL: none */
	const uint8_t *own_address; /* of this host, the same; NULL: unknown */
	struct bmx_slice helo;
	struct bmx_slice sender; /* without brackets; empty is <> */
	struct bmx_slice hostname;
	struct bmx_config_strings mx_names; /* further names of this host */
};

struct bmx_check_question {
	enum bmx_dns_type type;
	char name[BMX_DNS_NAME_MAX + 1]; /* terminated */
};

/** What is to be asked at once. */
struct bmx_check_round {
	size_t count;
	struct bmx_check_question questions[BMX_CHECK_ROUND_MAX];
};

/** The answers to the last round, in its order; none before the first. */
struct bmx_check_answers {
	unsigned rounds; /* answered so far, this one included */
	size_t count;
	const struct bmx_dns_answer *items[BMX_CHECK_ROUND_MAX];
};

/**
 * One step. *next_out comes with no questions in it.
 * @return what was found, or BMX_FOUND_UNDECIDED with at least one question
 *         in *next_out. Each check ends after its third round at the latest.
 */
typedef enum bmx_finding bmx_check_step(const struct bmx_check_facts *facts,
                                        const struct bmx_check_answers *answers,
                                        struct bmx_check_round *next_out);

/** Is the name of HELO one that a stranger may have? */
bmx_check_step bmx_helo_step;

/** Does the client's address have a name that leads back to it (FCrDNS)? */
bmx_check_step bmx_reverse_dns_step;

/** Does the sender's domain take mail? */
bmx_check_step bmx_sender_domain_step;

/** Adds a question; a name that DNS cannot carry is left out.
 * @return false when it was left out */
bool bmx_check_ask(struct bmx_check_round *round, struct bmx_slice name,
                   enum bmx_dns_type type);

/**
 * What the answers of one round say of a name: BMX_DNS_OK when any has a
 * record, else BMX_DNS_TEMPFAIL when any failed, else BMX_DNS_NODATA.
 */
enum bmx_dns_status
bmx_check_any_record(const struct bmx_check_answers *answers);

/** 4 with *address_out on the last octets of an IPv4 mapped address, else
 * 16. */
size_t bmx_check_family(const uint8_t address[16], const uint8_t **address_out);

#endif
