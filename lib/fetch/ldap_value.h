/*
 * ldap_value.h - what a directory's attribute values mean for a list.
 *
 * Facts in, verdict out: no I/O, no libldap. Values are hostile: in many
 * directories people edit their own.
 */
#ifndef BACKUPMX_LIB_FETCH_LDAP_VALUE_H
#define BACKUPMX_LIB_FETCH_LDAP_VALUE_H

#include <stdbool.h>

#include <backupmx/slice.h>

enum ldap_value_kind {
	LDAP_VALUE_ADDRESS, /* an address, or `@domain` */
	LDAP_VALUE_OTHER,   /* of another mail system: "X500:", "SIP:" */
	LDAP_VALUE_ODD,     /* nothing that could be on a list */
};

/** An address as it goes on a line of a list. */
struct ldap_address {
	struct bmx_slice local; /* as it is written; empty is the wildcard */
	bool quote;             /* local needs quotes around it on a line */
	struct bmx_slice domain;
};

/**
 * Reads a value of mail, proxyAddresses and the like. "smtp:" before an
 * address is taken off, whatever its case (Active Directory writes the first
 * address of a mailbox with "SMTP:"), and so are blanks around it.
 * @return LDAP_VALUE_ADDRESS with *address_out, which borrows from value and
 *         whose line bmx_list_parse takes
 */
enum ldap_value_kind ldap_value_read(struct bmx_slice value,
                                     struct ldap_address *address_out);

/**
 * Is an attribute description, as "proxyAddresses;range=0-1499", the part of
 * its values that Active Directory gives at once?
 */
bool ldap_value_is_part(struct bmx_slice description);

/**
 * May a referral in an answer be left alone? True of the ones that Active
 * Directory adds to each search from a domain's root, which lead to its
 * configuration and its DNS zones, where no mailbox is. What any other leads
 * to is missing from the list.
 */
bool ldap_referral_is_harmless(struct bmx_slice url);

#endif
