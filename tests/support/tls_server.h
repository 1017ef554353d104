/*
 * tls_server.h - a TLS server in a thread, and certificates made on the spot.
 *
 * All functions abort when something fails: they are for tests.
 */
#ifndef BACKUPMX_TESTS_TLS_SERVER_H
#define BACKUPMX_TESTS_TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/tls_client.h>

/** Octets of SHA-256. */
#define TLS_DIGEST_LEN ((size_t)32)

struct tls_authority;
struct tls_certificate;
struct tls_server;

/** An authority with a key of its own; its certificate is in a PEM file. */
struct tls_authority *tls_authority_new(void);

/** Removes the file as well. */
void tls_authority_free(struct tls_authority *authority);

/** Path of its certificate in PEM. */
const char *tls_authority_file(const struct tls_authority *authority);

/** SHA-256 of its certificate: the data of a TLSA record 2 0 1. */
void tls_authority_digest(const struct tls_authority *authority,
                          uint8_t digest_out[TLS_DIGEST_LEN]);

/**
 * A certificate for name (as "DNS:a.test" or "IP:127.0.0.1"), valid from
 * yesterday until day days from now, which may be less than 0.
 * @param authority that signs it; NULL: it is self-signed
 */
struct tls_certificate *
tls_certificate_new(const struct tls_authority *authority, const char *name,
                    int days);

/** Frees it; not while a server uses it. */
void tls_certificate_free(struct tls_certificate *certificate);

/** SHA-256 of its public key: the data of a TLSA record 3 1 1. */
void tls_certificate_digest(const struct tls_certificate *certificate,
                            uint8_t digest_out[TLS_DIGEST_LEN]);

struct ssl_ctx_st;

/** A server's context that shows this certificate, for servers of other
 * kinds. Freed by SSL_CTX_free. */
struct ssl_ctx_st *
tls_certificate_context(const struct tls_certificate *certificate);

/** What the server does with each connection, one after the other. */
enum tls_server_mode {
	TLS_SERVER_ECHO,   /* TLS, then sends back what it gets */
	TLS_SERVER_SOURCE, /* TLS, then sends 1 MiB of 'x', waits for the end */
	TLS_SERVER_DIRTY,  /* TLS, "bye", then closes without close_notify */
	TLS_SERVER_CLEAN,  /* TLS, "bye", close_notify, closes */
	TLS_SERVER_PLAIN,  /* answers "500 what?" instead of TLS */
	TLS_SERVER_EARLY,  /* says two lines before it is asked for TLS */
	TLS_SERVER_CLOSES, /* closes instead of TLS */
	TLS_SERVER_SILENT, /* says nothing */
	TLS_SERVER_OLD,    /* TLS 1.1 alone */
};

/** Listens on 127.0.0.1, some port. */
struct tls_server *tls_server_new(const struct tls_certificate *certificate,
                                  enum tls_server_mode mode);

/** Its port, in host order. */
uint16_t tls_server_port(const struct tls_server *server);

/** The SNI of the first connection, "" if it had none; its handshake must be
 * known to be over. */
const char *tls_server_sni(const struct tls_server *server);

/** Ends the thread, whatever it does, and frees. */
void tls_server_free(struct tls_server *server);

#endif
