/*
 * target_spec.h - the hosts of a primary as they are configured.
 *
 * One string of the option `primary`, read; and the type in which an address
 * of a host is kept. Pure; any thread.
 */
#ifndef BACKUPMX_TARGET_SPEC_H
#define BACKUPMX_TARGET_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

#include <backupmx/address.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Port of a target that names none. */
#define BMX_TARGET_PORT ((uint16_t)25)

/** An address; same octets and family, same address. */
struct bmx_target_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	uint8_t octets[16]; /* AF_INET: the first 4, the others 0 */
};

enum bmx_target_kind {
	BMX_TARGET_MX,      /* the MX hosts better than ours, at this port */
	BMX_TARGET_HOST,    /* a name's addresses */
	BMX_TARGET_LITERAL, /* one address */
};

/** One string of the option `primary`. */
struct bmx_target_spec {
	enum bmx_target_kind kind;
	uint16_t port;
	char name[BMX_DOMAIN_BUFFER];      /* BMX_TARGET_HOST: normalised */
	struct bmx_target_address address; /* BMX_TARGET_LITERAL */
};

/**
 * Reads "mx", "mx:2525" (a host of that name is "[mx]"), "host", "host:2525",
 * "[host]:2525", "[192.0.2.10]:25", "192.0.2.10", "[2001:db8::1]:25",
 * "[IPv6:2001:db8::1]" or "2001:db8::1".
 * @return 0, or -1 with *err (BMX_E_SYNTAX; BMX_E_RANGE: the port)
 */
int bmx_target_spec_parse(struct bmx_slice text,
                          struct bmx_target_spec *spec_out,
                          struct bmx_error *err);

/**
 * Writes text as a name that a mail host can have into out, normalised. Not
 * one: a domain that bmx_domain_normalise refuses, or one whose last label is
 * a number, which is a mistyped address.
 * @return false when it is none
 */
bool bmx_target_host_name(struct bmx_slice text, char out[BMX_DOMAIN_BUFFER]);

#endif
