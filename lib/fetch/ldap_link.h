/*
 * ldap_link.h - a connection to a directory: TCP, TLS and log-in, all of it
 * until one deadline.
 */
#ifndef BACKUPMX_LIB_FETCH_LDAP_LINK_H
#define BACKUPMX_LIB_FETCH_LDAP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

#include "ldap_io.h"

/* libldap's LDAP and LDAPMessage, whose header stays out of ours. */
struct ldap;
struct ldapmsg;

struct ldap_server {
	const char *host; /* name or address, without brackets */
	uint16_t port;
	bool tls; /* from the first octet on: ldaps */
};

struct ldap_link {
	struct ldap *ld;
	struct ldap_io io; /* under ld: a link stays where it is */
};

/**
 * Connects, secures the connection as settings say, and logs in: with a DN
 * and a password, with the client's certificate (SASL EXTERNAL) when there is
 * one and no DN, else as nobody. A connection that was to be secured and is
 * not, is not used.
 * @return 0 with *link_out, which the caller closes, or -1 with *err:
 *         BMX_E_CLOSED, BMX_E_TIMEOUT, BMX_E_PERMISSION, BMX_E_NOT_FOUND,
 *         BMX_E_USAGE (settings that do not fit together), BMX_E_IO and what
 *         reading the secrets may give
 */
int ldap_link_open(const struct ldap_server *server,
                   const struct bmx_config_fetch *settings, int64_t deadline_ms,
                   struct ldap_link *link_out, struct bmx_error *err);

/** Says good-bye and frees; link may have been closed already. */
void ldap_link_close(struct ldap_link *link);

/**
 * Waits for the next message of the operation id, which is abandoned when
 * none comes in time.
 * @return 0 with *message_out, which the caller frees by ldap_msgfree, or -1
 *         with *err
 */
int ldap_link_wait(struct ldap_link *link, int id, struct ldapmsg **message_out,
                   struct bmx_error *err);

/**
 * Fills *err for an LDAP result code other than success: "DOING: what it
 * means: what the server said".
 * @return -1
 */
int ldap_link_fail(int result, const char *doing, const char *said,
                   struct bmx_error *err);

/** As ldap_link_fail, with the code and the text that libldap has kept. */
int ldap_link_fail_last(struct ldap_link *link, const char *doing,
                        struct bmx_error *err);

#endif
