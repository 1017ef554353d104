/*
 * hosts.h - a host that DNS or the configuration names, and where it leads:
 * what the groups dns and primary both look at.
 */
#ifndef BACKUPMX_CTL_DOCTOR_HOSTS_H
#define BACKUPMX_CTL_DOCTOR_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netinet/in.h>

#include <backupmx/dns.h>
#include <backupmx/own_addresses.h>
#include <backupmx/target_spec.h>

#include "ctl/doctor/doctor.h"

/** Addresses of one host that are kept, both families together. */
#define BMXCTL_HOST_ADDRESSES_MAX ((size_t)16)
/** Hosts of one set that are looked at; of MX the best. */
#define BMXCTL_HOSTS_MAX ((size_t)32)
/** Octets of an address as text, terminator included. */
#define BMXCTL_ADDRESS_TEXT ((size_t)INET6_ADDRSTRLEN)

enum bmxctl_host_kind {
	BMXCTL_HOST_NAME,    /* a name that a host can have */
	BMXCTL_HOST_ADDRESS, /* the text is an address */
	BMXCTL_HOST_ROOT,    /* "." */
	BMXCTL_HOST_BAD      /* none of these */
};

struct bmxctl_host_address {
	struct bmx_target_address address;
	bool here; /* this machine's, or led to it (proxy_interfaces) */
};

struct bmxctl_host {
	char name[BMX_DOMAIN_BUFFER]; /* as DNS has it; normalised if a name */
	enum bmxctl_host_kind kind;
	uint16_t preference;           /* of an MX */
	uint16_t port;                 /* of a primary */
	bool ours;                     /* one of mx_names, or hostname */
	char alias[BMX_DOMAIN_BUFFER]; /* what the name is an alias of; "" */
	/* BMX_DNS_OK: there is an address; otherwise why there is none. */
	enum bmx_dns_status status;
	bool secure; /* DNSSEC vouches for the addresses */
	size_t address_count;
	struct bmxctl_host_address addresses[BMXCTL_HOST_ADDRESSES_MAX];
};

/** Which addresses and names are this machine's. */
struct bmxctl_here {
	struct bmx_own_addresses *own;
	/* Addresses from which something else leads to us: Postfix's
	 * proxy_interfaces. */
	size_t proxy_count;
	struct bmx_target_address proxy[BMXCTL_HOST_ADDRESSES_MAX];
	bool only_private; /* no public address is on an interface */
	const struct bmx_config *config;
};

/** Finds out which addresses are this machine's. Freed by
 * bmxctl_here_clear. */
void bmxctl_here_init(struct bmxctl_here *here,
                      const struct bmxctl_patient *patient);

/** Frees what it holds. */
void bmxctl_here_clear(struct bmxctl_here *here);

/** Is that address this machine's, or one that leads to it? */
bool bmxctl_here_has(const struct bmxctl_here *here,
                     const struct bmx_target_address *address);

/** Is name one that mx_names (or else hostname) says is ours? Any case, a
 * final dot is let pass. */
bool bmxctl_here_is_named(const struct bmxctl_here *here,
                          struct bmx_slice name);

/** Makes a host of a name in a record; nothing is asked. */
void bmxctl_host_init(struct bmxctl_host *host, const struct bmxctl_here *here,
                      struct bmx_slice name);

/** Makes a host that is an address. */
void bmxctl_host_init_address(struct bmxctl_host *host,
                              const struct bmxctl_here *here,
                              const struct bmx_target_address *address);

/** Asks for the alias and the addresses of count hosts at once, until
 * deadline_us (CLOCK_MONOTONIC). */
void bmxctl_hosts_look_up(struct bmxctl_host *hosts, size_t count,
                          const struct bmxctl_here *here, struct bmx_dns *dns,
                          int64_t deadline_us);

/** Same family and octets? */
bool bmxctl_same_address(const struct bmx_target_address *a,
                         const struct bmx_target_address *b);

/** Have two hosts an address in common? */
bool bmxctl_hosts_meet(const struct bmxctl_host *a,
                       const struct bmxctl_host *b);

/** Does any of the host's addresses lead here? */
bool bmxctl_host_is_here(const struct bmxctl_host *host);

/** May that address be used within a site alone: private (RFC 1918, RFC 4193),
 * shared (RFC 6598), link-local, loopback? */
bool bmxctl_address_is_private(const struct bmx_target_address *address);

/** Writes an address as text into buffer, which is returned. */
const char *bmxctl_address_text(const struct bmx_target_address *address,
                                char buffer[BMXCTL_ADDRESS_TEXT]);

/** Microseconds on CLOCK_MONOTONIC, in_ms from now. */
int64_t bmxctl_deadline(int64_t in_ms);

#endif
