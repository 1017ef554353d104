/*
 * name.h - what SPF wants to know of domain names and addresses as names.
 */
#ifndef BACKUPMX_MILTER_SPF_NAME_H
#define BACKUPMX_MILTER_SPF_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** Room for the name of an address under in-addr.arpa or ip6.arpa. */
#define BMX_SPF_REVERSE_SIZE ((size_t)80)

/** The name without its final dot, if it has one. */
struct bmx_slice bmx_spf_name_trim(struct bmx_slice name);

/**
 * May check_host() be asked about it (RFC 7208 section 4.3)? At least two
 * labels of 1 to 63 octets, at most 253 in all, printable, no address literal.
 * The final dot has been trimmed: another one is an empty label.
 */
bool bmx_spf_name_is_domain(struct bmx_slice name);

/**
 * Drops labels from the left until at most 253 octets are left (RFC 7208
 * section 7.3); a name that cannot be cut so stays too long.
 */
struct bmx_slice bmx_spf_name_fit(struct bmx_slice name);

/** 2 when host is domain, 1 when it is below it, else 0; whatever the case. */
int bmx_spf_name_closeness(struct bmx_slice host, struct bmx_slice domain);

/** The name under which PTR records of 4 or 16 octets of address are. */
struct bmx_slice bmx_spf_name_reverse(const uint8_t *address, size_t len,
                                      char buffer[BMX_SPF_REVERSE_SIZE]);

/** Do the first bits bits of both addresses agree? bits: 0 to 128. */
bool bmx_spf_address_in(const uint8_t *address, const uint8_t *network,
                        unsigned bits);

#endif
