/*
 * client_net.h - the network an SMTP client belongs to.
 *
 * Who sends in bulk has many addresses of one network: the gate and the
 * harvest brake look at the /24 of an IPv4 address and the /64 of an IPv6
 * one. An IPv4 address that is mapped into IPv6 is that IPv4 address. What is
 * no address at all ("unknown") is one network of its own. Pure; any thread.
 */
#ifndef BACKUPMX_POLICYD_CLIENT_NET_H
#define BACKUPMX_POLICYD_CLIENT_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/slice.h>

/** Octets of an address; IPv4 is mapped into ::ffff:0:0/96. */
#define BMX_CLIENT_ADDRESS_SIZE 16
/** Octets that name a network, and a number for its kind before them. */
#define BMX_CLIENT_NET_SIZE 9

/** A network; two are the same when their octets are. */
struct bmx_client_net {
	/* 4, 6, or 0 for what is no address; then the network, zero-filled */
	uint8_t octets[BMX_CLIENT_NET_SIZE];
};

/**
 * Reads an address as text, without brackets; a zone ("%eth0") is let pass.
 * @return 0 with address_out in network order, or -1 when text is none
 */
int bmx_client_address_parse(struct bmx_slice text,
                             uint8_t address_out[BMX_CLIENT_ADDRESS_SIZE]);

/** The network of a client's address as text. */
struct bmx_client_net bmx_client_net_of(struct bmx_slice client_ip);

/** The same network? */
bool bmx_client_net_equal(const struct bmx_client_net *a,
                          const struct bmx_client_net *b);

#endif
