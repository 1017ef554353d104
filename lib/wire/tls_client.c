#include <backupmx/tls_client.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls.h"

/* Certificates between a server's and its root; Postfix takes 9 as well. */
#define DEPTH_MAX 9

/* TLSA usages (RFC 7218 section 2.1). */
enum { DANE_TA = 2, DANE_EE = 3 };

struct bmx_tls_context {
	size_t refs;
	SSL_CTX *ctx;
};

/* An unreadable file has a clear reason; OpenSSL would only say "system lib".
 */
static int
check_readable(const char *path, struct bmx_error *err)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return bmx_error_set_errno(err, errno, "%s", path);
	(void)fclose(file); /* nothing was written */
	return 0;
}

static int
load_authorities(SSL_CTX *ctx, const char *ca_file, struct bmx_error *err)
{
	if (ca_file[0] == '\0') {
		if (SSL_CTX_set_default_verify_paths(ctx) != 1)
			return bmx_error_set(err, BMX_E_NOMEM,
			                     "memory is short for TLS");
		return 0;
	}
	if (check_readable(ca_file, err) != 0)
		return -1;
	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "%s: no certificate in PEM form", ca_file);
	return 0;
}

static int
set_up(SSL_CTX *ctx)
{
	/* Many servers close without close_notify. SMTP and RESP both know
	 * where a message ends, so that a cut one is seen anyway. */
	SSL_CTX_set_options(ctx,
	                    SSL_OP_IGNORE_UNEXPECTED_EOF |
	                            SSL_OP_NO_RENEGOTIATION |
	                            SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
			SSL_CTX_dane_enable(ctx) == 1 ?
		0 :
		-1;
}

struct bmx_tls_context *
bmx_tls_context_new(const char *ca_file, struct bmx_error *err)
{
	struct bmx_tls_context *context = calloc(1, sizeof(*context));

	ERR_clear_error();
	if (context) {
		context->refs = 1;
		context->ctx = SSL_CTX_new(TLS_client_method());
	}
	if (!context || !context->ctx || set_up(context->ctx) != 0)
		(void)bmx_error_set(err, BMX_E_NOMEM,
		                    "memory is short for TLS");
	else if (load_authorities(context->ctx, ca_file, err) == 0)
		return context;
	bmx_tls_context_free(&context);
	ERR_clear_error();
	return NULL;
}

struct bmx_tls_context *
bmx_tls_context_ref(struct bmx_tls_context *context)
{
	if (context)
		context->refs++;
	return context;
}

void
bmx_tls_context_free(struct bmx_tls_context **context)
{
	struct bmx_tls_context *old = *context;

	*context = NULL;
	if (!old || --old->refs > 0)
		return;
	SSL_CTX_free(old->ctx); /* streams hold references */
	free(old);
}

static bool
is_address(const char *name)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, name, octets) == 1 ||
		inet_pton(AF_INET6, name, octets) == 1;
}

static int
no_memory(struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOMEM, "memory is short for TLS");
}

static int
ask_names(SSL *ssl, const char *name, struct bmx_error *err)
{
	int rc;

	if (name[0] == '\0')
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "there is no name to check the "
		                     "certificate for");
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_address(name))
		rc = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	else
		rc = SSL_set1_host(ssl, name);
	return rc == 1 ? 0 : no_memory(err);
}

/*
 * Usages 0 and 1 ask for public authorities, which SMTP servers cannot be
 * expected to share with their clients: unusable (RFC 7672 section 3.1.3).
 * What OpenSSL does not know, or finds malformed, is unusable too.
 */
static int
add_tlsa(SSL *ssl, const struct bmx_tls_request *request, struct bmx_error *err)
{
	size_t usable = 0;

	for (size_t i = 0; i < request->tlsa_count; i++) {
		const struct bmx_tlsa *tlsa = &request->tlsa[i];
		int rc = 0;

		/* OpenSSL takes an empty one for a lack of memory. */
		if (tlsa->len > 0 &&
		    (tlsa->usage == DANE_TA || tlsa->usage == DANE_EE))
			rc = SSL_dane_tlsa_add(ssl, tlsa->usage, tlsa->selector,
			                       tlsa->matching_type, tlsa->data,
			                       tlsa->len);
		if (rc < 0)
			return no_memory(err);
		usable += rc > 0;
	}
	ERR_clear_error(); /* of the unusable ones */
	if (usable == 0)
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "no TLSA record of %s can be used",
		                     request->name);
	return 0;
}

static int
ask_dane(SSL *ssl, const struct bmx_tls_request *request, struct bmx_error *err)
{
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_dane_enable(ssl, request->name) != 1)
		return no_memory(err);
	/* RFC 7672 section 3.1.1: with usage 3 neither names nor dates count.
	 */
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	return add_tlsa(ssl, request, err);
}

static int
ask_trust(SSL *ssl, const struct bmx_tls_request *request,
          struct bmx_error *err)
{
	switch (request->trust) {
	case BMX_TLS_TRUST_ANY:
		/* Whatever the server has is better than no encryption. */
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		SSL_set_security_level(ssl, 0);
		return 0;
	case BMX_TLS_TRUST_NAMES:
		return ask_names(ssl, request->name, err);
	case BMX_TLS_TRUST_DANE:
		return ask_dane(ssl, request, err);
	}
	return bmx_error_set(err, BMX_E_USAGE, "no such trust");
}

static int
set_sni(SSL *ssl, const char *name, struct bmx_error *err)
{
	char *copy; /* OpenSSL's macro takes no const, and copies as well */
	int rc;

	if (name[0] == '\0' || is_address(name))
		return 0;
	copy = strdup(name);
	rc = copy ? (int)SSL_set_tlsext_host_name(ssl, copy) : 0;
	free(copy);
	return rc == 1 ? 0 : no_memory(err);
}

struct ssl_st *
bmx_tls_start(const struct bmx_tls_request *request, struct bmx_error *err)
{
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(request->context->ctx);
	if (!ssl) {
		(void)no_memory(err);
		return NULL;
	}
	SSL_set_verify_depth(ssl, DEPTH_MAX);
	if (ask_trust(ssl, request, err) == 0 &&
	    set_sni(ssl, request->name, err) == 0)
		return ssl;
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}

static void
explain_certificate(long verify, enum bmx_tls_trust trust, const char *name,
                    struct bmx_error *err)
{
	const char *why;

	switch (verify) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)bmx_error_set(err, BMX_E_REFUSED,
		                    "the certificate is for other names than "
		                    "%s",
		                    name);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		why = "the certificate has expired";
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		why = "the certificate is not valid yet";
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		why = "the certificate is self-signed";
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		why = "the certificate's authority is not one of the known "
		      "ones";
		break;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		why = "the certificate's authority is not known, or the server "
		      "does not send its intermediate certificates";
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		why = "the certificate is not meant for servers";
		break;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		why = "the certificate's key or digest is too weak";
		break;
	default:
		why = X509_verify_cert_error_string(verify);
		break;
	}
	/* A chain that leads to no trust anchor leads to no TLSA record. */
	if (trust == BMX_TLS_TRUST_DANE &&
	    verify != X509_V_ERR_CERT_HAS_EXPIRED &&
	    verify != X509_V_ERR_CERT_NOT_YET_VALID)
		why = "no TLSA record matches the certificate";
	(void)bmx_error_set(err, BMX_E_REFUSED, "%s", why);
}

static const char *
protocol_text(unsigned long error)
{
	const char *reason = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SSL) {
		switch (ERR_GET_REASON(error)) {
		case SSL_R_WRONG_VERSION_NUMBER:
			return "the server does not answer in TLS";
		case SSL_R_UNSUPPORTED_PROTOCOL:
		case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
			return "the server knows no TLS of version 1.2 or "
			       "later";
		case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
			return "the server refuses our TLS ciphers";
		case SSL_R_TLSV1_UNRECOGNIZED_NAME:
			return "the server does not know its own name in TLS";
		default:
			break;
		}
	}
	return reason ? reason : "the protocol was broken";
}

void
bmx_tls_explain(const struct ssl_st *ssl, unsigned long error, int errnum,
                enum bmx_tls_trust trust, const char *name,
                struct bmx_error *err)
{
	if (error == 0) {
		if (errnum == 0)
			errnum = ECONNRESET;
		(void)bmx_error_set(err, BMX_E_IO,
		                    "the connection broke within TLS: %s",
		                    strerror(errnum));
	} else if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
	           ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		explain_certificate(SSL_get_verify_result(ssl), trust, name,
		                    err);
	} else {
		(void)bmx_error_set(err, BMX_E_IO, "TLS failed: %s",
		                    protocol_text(error));
	}
}
