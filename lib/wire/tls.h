/*
 * tls.h - what tls_client.c does for stream.c: OpenSSL objects, made as a
 * request asks, and their failures in words.
 */
#ifndef BACKUPMX_WIRE_TLS_H
#define BACKUPMX_WIRE_TLS_H

#include <stdbool.h>

#include <backupmx/error.h>
#include <backupmx/tls_client.h>

struct ssl_st;

/**
 * Makes the OpenSSL object of one connection.
 * @return it, which the caller frees with SSL_free, or NULL with *err:
 *         BMX_E_REFUSED (no TLSA record can be used, no name to check),
 *         BMX_E_NOMEM
 */
struct ssl_st *bmx_tls_start(const struct bmx_tls_request *request,
                             struct bmx_error *err);

/** Reads the certificate that the server has shown; false: it has shown none.
 */
bool bmx_tls_read_certificate(const struct ssl_st *ssl,
                              struct bmx_tls_certificate *certificate_out);

/**
 * Says why TLS failed: BMX_E_REFUSED when the certificate is not what was
 * asked, else BMX_E_IO.
 * @param error of OpenSSL's queue, 0 if there was none: then errnum says why
 */
void bmx_tls_explain(const struct ssl_st *ssl, unsigned long error, int errnum,
                     enum bmx_tls_trust trust, const char *name,
                     struct bmx_error *err);

#endif
