/*
 * ldap_io.h - the lowest layer of a connection of libldap: each read and write
 * ends at the deadline.
 *
 * libldap's own waits for messages only. Within a TLS record or handshake it
 * waits for ever on a blocking socket, and spins on another (seen in 2.5.13
 * with GnuTLS).
 */
#ifndef BACKUPMX_LIB_FETCH_LDAP_IO_H
#define BACKUPMX_LIB_FETCH_LDAP_IO_H

#include <stdint.h>

struct sockbuf; /* liblber's Sockbuf */

struct ldap_io {
	int fd;              /* connected; -1 when closed */
	int64_t deadline_ms; /* monotonic, of bmx_clock_system */
};

/** Milliseconds until the deadline, 0 when it has passed. */
int64_t ldap_io_left_ms(const struct ldap_io *io);

/**
 * Puts io, which the caller keeps alive and in place, under sockbuf. The
 * descriptor is closed with it.
 * @return 0, or -1 when memory is short
 */
int ldap_io_put(struct ldap_io *io, struct sockbuf *sockbuf);

#endif
