/* What a server's certificate says of itself. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls.h"

/* Seconds since 1970, or 0 for what is no time. */
static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct tm parts;

	if (!time || ASN1_TIME_to_tm(time, &parts) != 1)
		return 0;
	return (int64_t)timegm(&parts);
}

static void
copy_common_name(X509_NAME *name, char out[BMX_TLS_NAME_MAX])
{
	const int len = X509_NAME_get_text_by_NID(name, NID_commonName, out,
	                                          (int)BMX_TLS_NAME_MAX);

	if (len < 0) {
		out[0] = '\0';
		return;
	}
	/* A server chooses these octets. */
	for (int i = 0; i < len && i < (int)BMX_TLS_NAME_MAX - 1; i++)
		if (out[i] < ' ' || out[i] > '~')
			out[i] = '?';
}

bool
bmx_tls_read_certificate(const struct ssl_st *ssl,
                         struct bmx_tls_certificate *certificate_out)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	X509_NAME *subject, *issuer;

	*certificate_out = (struct bmx_tls_certificate){0};
	if (!certificate)
		return false;
	subject = X509_get_subject_name(certificate);
	issuer = X509_get_issuer_name(certificate);
	certificate_out->not_before_s =
		seconds_of(X509_get0_notBefore(certificate));
	certificate_out->not_after_s =
		seconds_of(X509_get0_notAfter(certificate));
	certificate_out->self_signed = X509_NAME_cmp(subject, issuer) == 0;
	copy_common_name(subject, certificate_out->subject);
	copy_common_name(issuer, certificate_out->issuer);
	X509_free(certificate);
	ERR_clear_error();
	return true;
}
