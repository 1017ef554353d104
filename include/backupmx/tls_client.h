/*
 * tls_client.h - what a TLS client asks of the server's certificate.
 *
 * A context is made once for a set of requirements and used for many
 * connections. OpenSSL is seen by tls_client.c and stream.c alone.
 *
 * Sources: RFC 8446, RFC 6125 (names), RFC 7672 (DANE for SMTP), RFC 6066
 * (SNI).
 */
#ifndef BACKUPMX_TLS_CLIENT_H
#define BACKUPMX_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>

/** What is asked of the server's certificate. */
enum bmx_tls_trust {
	BMX_TLS_TRUST_ANY,   /* encrypt, whoever it is */
	BMX_TLS_TRUST_NAMES, /* a chain to a known authority, and the name */
	BMX_TLS_TRUST_DANE,  /* one of the TLSA records, RFC 7672 */
};

/** One TLSA record as it came from DNS (RFC 6698 section 2.1). */
struct bmx_tlsa {
	uint8_t usage;
	uint8_t selector;
	uint8_t matching_type;
	const uint8_t *data; /* borrowed for the call that takes it */
	size_t len;
};

struct bmx_tls_context;

/**
 * Makes a context: TLS 1.2 and later. ca_file holds the authorities in PEM,
 * "" means the system's store.
 * @return the context, which the caller frees after its streams, or NULL
 *         with *err: BMX_E_NOT_FOUND, BMX_E_PERMISSION, BMX_E_SYNTAX (no
 *         certificate in ca_file), BMX_E_NOMEM
 */
struct bmx_tls_context *bmx_tls_context_new(const char *ca_file,
                                            struct bmx_error *err);

/** Returns context, which is then to be freed once more; NULL is fine. One
 * thread. */
struct bmx_tls_context *bmx_tls_context_ref(struct bmx_tls_context *context);

/** Drops one reference, the last of which frees it, and sets *context to NULL.
 * NULL is fine. */
void bmx_tls_context_free(struct bmx_tls_context **context);

/** Octets kept of a name in a certificate, terminator included. */
#define BMX_TLS_NAME_MAX ((size_t)128)

/** What a server's certificate says of itself, whoever vouches for it. */
struct bmx_tls_certificate {
	int64_t not_before_s; /* seconds since 1970; 0: not to be read */
	int64_t not_after_s;
	bool self_signed;
	/* Whose it is and who made it: the common names, what is not printable
	 * ASCII as '?', terminated; "" for none. */
	char subject[BMX_TLS_NAME_MAX];
	char issuer[BMX_TLS_NAME_MAX];
};

/** What one connection asks for. */
struct bmx_tls_request {
	struct bmx_tls_context *context;
	enum bmx_tls_trust trust;
	/* Sent as SNI unless it is an address or "", and checked against the
	 * certificate (BMX_TLS_TRUST_NAMES; for DANE usage 2). */
	const char *name;
	const struct bmx_tlsa *tlsa; /* BMX_TLS_TRUST_DANE: at least one that
	                              * can be used, else securing fails */
	size_t tlsa_count;
};

#endif
