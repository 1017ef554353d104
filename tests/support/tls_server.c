#include "tests/support/tls_server.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_certificate {
	EVP_PKEY *key;
	X509 *x509;
	X509 *issuer; /* sent as well; NULL: none */
};

struct tls_authority {
	struct tls_certificate own;
	char file[64];
};

struct tls_server {
	const struct tls_certificate *certificate;
	enum tls_server_mode mode;
	SSL_CTX *ctx;
	int listening;
	uint16_t port;
	atomic_int connection; /* -1: none */
	atomic_bool ends;
	char sni[256];
	atomic_bool has_sni; /* it is written: to be read by others */
	pthread_t thread;
};

static void
must(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "tls_server: %s failed\n", what);
	abort();
}

static void *
must_alloc(size_t size)
{
	void *p = calloc(1, size);

	must(p != NULL, "calloc");
	return p;
}

static void
add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(ext && X509_add_ext(x509, ext, -1) == 1, "X509_add_ext");
	X509_EXTENSION_free(ext);
}

/* A certificate with a key of its own that nobody has signed yet. */
static struct tls_certificate
draft(const char *subject, int days)
{
	static long serial;
	struct tls_certificate c = {EVP_EC_gen("P-256"), X509_new(), NULL};

	must(c.key && c.x509, "EVP_EC_gen");
	must(X509_set_version(c.x509, 2) == 1 &&
	             ASN1_INTEGER_set(X509_get_serialNumber(c.x509),
	                              ++serial) == 1 &&
	             X509_gmtime_adj(X509_getm_notBefore(c.x509),
	                             -86400L * 2) &&
	             X509_gmtime_adj(X509_getm_notAfter(c.x509),
	                             86400L * days) &&
	             X509_set_pubkey(c.x509, c.key) == 1,
	     "X509_set");
	must(X509_NAME_add_entry_by_txt(
		     X509_get_subject_name(c.x509), "CN", MBSTRING_ASC,
		     (const unsigned char *)subject, -1, -1, 0) == 1,
	     "X509_NAME_add_entry");
	return c;
}

static void
sign(X509 *x509, const struct tls_certificate *issuer)
{
	must(X509_set_issuer_name(x509, X509_get_subject_name(issuer->x509)) ==
	                     1 &&
	             X509_sign(x509, issuer->key, EVP_sha256()) > 0,
	     "X509_sign");
}

struct tls_authority *
tls_authority_new(void)
{
	struct tls_authority *authority = must_alloc(sizeof(*authority));
	FILE *file;
	int fd;

	authority->own = draft("A private authority", 10);
	add_extension(authority->own.x509, NID_basic_constraints,
	              "critical,CA:TRUE");
	sign(authority->own.x509, &authority->own);
	(void)strcpy(authority->file, "/tmp/backupmx-ca-XXXXXX");
	fd = mkstemp(authority->file);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	must(file && PEM_write_X509(file, authority->own.x509) == 1 &&
	             fclose(file) == 0,
	     "PEM_write_X509");
	return authority;
}

static void
drop(const struct tls_certificate *certificate)
{
	EVP_PKEY_free(certificate->key);
	X509_free(certificate->x509);
	X509_free(certificate->issuer);
}

void
tls_authority_free(struct tls_authority *authority)
{
	(void)unlink(authority->file); /* a leftover harms nobody */
	drop(&authority->own);
	free(authority);
}

const char *
tls_authority_file(const struct tls_authority *authority)
{
	return authority->file;
}

void
tls_authority_digest(const struct tls_authority *authority,
                     uint8_t digest_out[TLS_DIGEST_LEN])
{
	must(X509_digest(authority->own.x509, EVP_sha256(), digest_out, NULL) ==
	             1,
	     "X509_digest");
}

struct tls_certificate *
tls_certificate_new(const struct tls_authority *authority, const char *name,
                    int days)
{
	struct tls_certificate *certificate = must_alloc(sizeof(*certificate));

	*certificate = draft("A server", days);
	add_extension(certificate->x509, NID_subject_alt_name, name);
	sign(certificate->x509, authority ? &authority->own : certificate);
	if (authority) {
		must(X509_up_ref(authority->own.x509) == 1, "X509_up_ref");
		certificate->issuer = authority->own.x509;
	}
	return certificate;
}

void
tls_certificate_free(struct tls_certificate *certificate)
{
	drop(certificate);
	free(certificate);
}

void
tls_certificate_digest(const struct tls_certificate *certificate,
                       uint8_t digest_out[TLS_DIGEST_LEN])
{
	unsigned char *der = NULL;
	const int len =
		i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &der);

	must(len > 0 &&
	             EVP_Digest(der, (size_t)len, digest_out, NULL,
	                        EVP_sha256(), NULL) == 1,
	     "EVP_Digest");
	OPENSSL_free(der);
}

static void
await_end(int fd)
{
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		continue;
}

static void
await_octet(int fd)
{
	char octet;

	(void)!read(fd, &octet, 1);
}

static void
echo(SSL *ssl)
{
	char buffer[4096];
	int len;

	while ((len = SSL_read(ssl, buffer, sizeof(buffer))) > 0)
		if (SSL_write(ssl, buffer, len) <= 0)
			return;
}

static void
pour(SSL *ssl)
{
	char block[16384];

	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i < 64; i++)
		if (SSL_write(ssl, block, sizeof(block)) <= 0)
			return;
	(void)SSL_read(ssl, block, 1);
}

static void
keep_sni(struct tls_server *server, const SSL *ssl)
{
	const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (atomic_load(&server->has_sni))
		return;
	(void)snprintf(server->sni, sizeof(server->sni), "%s", sni ? sni : "");
	atomic_store(&server->has_sni, true);
}

static void
speak(struct tls_server *server, int fd)
{
	SSL *ssl = SSL_new(server->ctx);

	must(ssl && SSL_set_fd(ssl, fd) == 1, "SSL_new");
	if (SSL_accept(ssl) == 1) {
		keep_sni(server, ssl);
		if (server->mode == TLS_SERVER_SOURCE)
			pour(ssl);
		else if (server->mode == TLS_SERVER_ECHO)
			echo(ssl);
		else
			(void)SSL_write(ssl, "bye", 3);
		if (server->mode == TLS_SERVER_CLEAN)
			(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	(void)shutdown(fd, SHUT_WR);
	await_end(fd); /* no reset for what is not read */
}

static void
serve(struct tls_server *server, int fd)
{
	switch (server->mode) {
	case TLS_SERVER_ECHO:
	case TLS_SERVER_SOURCE:
	case TLS_SERVER_DIRTY:
	case TLS_SERVER_CLEAN:
	case TLS_SERVER_OLD:
		speak(server, fd);
		break;
	case TLS_SERVER_PLAIN:
		await_octet(fd);
		(void)!write(fd, "500 what?\r\n", 11);
		await_end(fd);
		break;
	case TLS_SERVER_EARLY:
		(void)!write(fd, "220 go ahead\r\n250 more\r\n", 24);
		await_end(fd);
		break;
	case TLS_SERVER_CLOSES:
		await_octet(fd);
		(void)shutdown(fd, SHUT_WR);
		await_end(fd);
		break;
	case TLS_SERVER_SILENT:
		await_end(fd);
		break;
	}
}

static void *
run(void *arg)
{
	struct tls_server *server = arg;
	int fd;

	while ((fd = accept(server->listening, NULL, NULL)) >= 0) {
		atomic_store(&server->connection, fd);
		if (!atomic_load(&server->ends))
			serve(server, fd);
		atomic_store(&server->connection, -1);
		(void)close(fd);
	}
	return NULL;
}

static void
listen_somewhere(struct tls_server *server)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(server->listening >= 0 &&
	             bind(server->listening, (struct sockaddr *)&in, len) ==
	                     0 &&
	             listen(server->listening, 16) == 0 &&
	             getsockname(server->listening, (struct sockaddr *)&in,
	                         &len) == 0,
	     "listen");
	server->port = ntohs(in.sin_port);
}

SSL_CTX *
tls_certificate_context(const struct tls_certificate *certificate)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	must(ctx && SSL_CTX_use_certificate(ctx, certificate->x509) == 1 &&
	             SSL_CTX_use_PrivateKey(ctx, certificate->key) == 1,
	     "SSL_CTX_new");
	/* RFC 7672 section 3.1.2: with usage 2 the anchor is sent. */
	if (certificate->issuer)
		must(SSL_CTX_add1_chain_cert(ctx, certificate->issuer) == 1,
		     "SSL_CTX_add1_chain_cert");
	return ctx;
}

struct tls_server *
tls_server_new(const struct tls_certificate *certificate,
               enum tls_server_mode mode)
{
	struct tls_server *server = must_alloc(sizeof(*server));

	server->certificate = certificate;
	server->mode = mode;
	atomic_init(&server->connection, -1);
	server->ctx = tls_certificate_context(certificate);
	if (mode == TLS_SERVER_OLD) {
		SSL_CTX_set_security_level(server->ctx, 0);
		must(SSL_CTX_set_min_proto_version(server->ctx, TLS1_VERSION) ==
		                     1 &&
		             SSL_CTX_set_max_proto_version(server->ctx,
		                                           TLS1_1_VERSION) == 1,
		     "SSL_CTX_set_max_proto_version");
	}
	listen_somewhere(server);
	must(pthread_create(&server->thread, NULL, run, server) == 0,
	     "pthread_create");
	return server;
}

uint16_t
tls_server_port(const struct tls_server *server)
{
	return server->port;
}

const char *
tls_server_sni(const struct tls_server *server)
{
	return atomic_load(&server->has_sni) ? server->sni : "";
}

void
tls_server_free(struct tls_server *server)
{
	int fd;

	atomic_store(&server->ends, true);
	(void)shutdown(server->listening, SHUT_RDWR);
	fd = atomic_load(&server->connection);
	if (fd >= 0)
		(void)shutdown(fd, SHUT_RDWR);
	must(pthread_join(server->thread, NULL) == 0, "pthread_join");
	(void)close(server->listening);
	SSL_CTX_free(server->ctx);
	free(server);
}
