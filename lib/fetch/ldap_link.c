#include "ldap_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/time.h>
#include <unistd.h>

#include <ldap.h>
#include <openldap.h> /* ldap_init_fd */

#include <backupmx/clock.h>
#include <backupmx/endpoint.h>
#include <backupmx/text.h>

#include "fetch_priv.h"

/* Where the system keeps its authorities, when libldap's own file does not
 * say: it comes with a package that need not be there. */
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
/* Octets of one message: an entry, with all of its addresses. */
#define MESSAGE_MAX ((ber_len_t)16 * 1024 * 1024)
/* Octets that are shown of what a server says. */
#define SAID_MAX ((size_t)120)

/*
 * Errors.
 */

struct meaning {
	int result;
	enum bmx_error_code code;
	const char *text; /* NULL: as libldap calls it */
};

static const struct meaning meanings[] = {
	{LDAP_INVALID_CREDENTIALS, BMX_E_PERMISSION,
         "the server does not take fetch.username with this password"},
	{LDAP_INAPPROPRIATE_AUTH, BMX_E_PERMISSION, NULL},
	{LDAP_AUTH_METHOD_NOT_SUPPORTED, BMX_E_PERMISSION, NULL},
	{LDAP_STRONG_AUTH_REQUIRED, BMX_E_PERMISSION,
         "the server asks for TLS or a stronger log-in"},
	{LDAP_CONFIDENTIALITY_REQUIRED, BMX_E_PERMISSION,
         "the server asks for TLS: ldaps:// or fetch.starttls"},
	{LDAP_INSUFFICIENT_ACCESS, BMX_E_PERMISSION, NULL},
	{LDAP_NO_SUCH_OBJECT, BMX_E_NOT_FOUND,
         "there is no such base, or this user may not see it"},
	{LDAP_SIZELIMIT_EXCEEDED, BMX_E_TOO_BIG,
         "the server does not give all entries (size limit); let this user "
         "page through all of them"},
	{LDAP_ADMINLIMIT_EXCEEDED, BMX_E_TOO_BIG,
         "the server does not give all entries (its administrator's limit)"},
	{LDAP_TIMELIMIT_EXCEEDED, BMX_E_TIMEOUT, NULL},
	{LDAP_TIMEOUT, BMX_E_TIMEOUT, "no answer in time (fetch.timeout)"},
	{LDAP_SERVER_DOWN, BMX_E_CLOSED, "the connection ended early"},
	{LDAP_CONNECT_ERROR, BMX_E_CLOSED, NULL},
	{LDAP_UNAVAILABLE, BMX_E_CLOSED, NULL},
	{LDAP_BUSY, BMX_E_CLOSED, NULL},
	{LDAP_REFERRAL, BMX_E_NOT_FOUND,
         "the server refers to another one, which is not followed"},
	{LDAP_PARTIAL_RESULTS, BMX_E_NOT_FOUND,
         "the server does not have all of it"},
	{LDAP_FILTER_ERROR, BMX_E_USAGE,
         "the filter of the URL is not well-formed (RFC 4515)"},
	{LDAP_INVALID_DN_SYNTAX, BMX_E_USAGE, NULL},
	{LDAP_DECODING_ERROR, BMX_E_SYNTAX, NULL},
	{LDAP_NO_MEMORY, BMX_E_NOMEM, NULL},
};

static const struct meaning *
meaning_of(int result)
{
	static const struct meaning other = {0, BMX_E_IO, NULL};

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].result == result)
			return &meanings[i];
	return &other;
}

int
ldap_link_fail(int result, const char *doing, const char *said,
               struct bmx_error *err)
{
	const struct meaning *meaning = meaning_of(result);
	const char *text =
		meaning->text ? meaning->text : ldap_err2string(result);
	char clean[SAID_MAX + 8];
	struct bmx_text shown;

	bmx_text_init(&shown, clean, sizeof(clean));
	if (said)
		bmx_text_append_clean(&shown, bmx_slice_of(said), SAID_MAX);
	return bmx_error_set(err, meaning->code, "%s: %s%s%s%s", doing, text,
	                     shown.len > 0 ? " (" : "", clean,
	                     shown.len > 0 ? ")" : "");
}

int
ldap_link_fail_last(struct ldap_link *link, const char *doing,
                    struct bmx_error *err)
{
	int result = LDAP_OTHER;
	char *said = NULL;

	(void)ldap_get_option(link->ld, LDAP_OPT_RESULT_CODE, &result);
	(void)ldap_get_option(link->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said);
	if (result == LDAP_SUCCESS)
		result = LDAP_OTHER;
	(void)ldap_link_fail(result, doing, said, err);
	ldap_memfree(said);
	return -1;
}

/*
 * Time.
 */

static struct timeval
left_as_timeval(const struct ldap_link *link)
{
	const int64_t left_ms = ldap_io_left_ms(&link->io);

	return (struct timeval){.tv_sec = (time_t)(left_ms / 1000),
	                        .tv_usec =
	                                (suseconds_t)(left_ms % 1000) * 1000};
}

static int
out_of_time(const char *doing, struct bmx_error *err)
{
	return ldap_link_fail(LDAP_TIMEOUT, doing, NULL, err);
}

int
ldap_link_wait(struct ldap_link *link, int id, struct ldapmsg **message_out,
               struct bmx_error *err)
{
	struct timeval left = left_as_timeval(link);
	int type;

	*message_out = NULL;
	if (ldap_io_left_ms(&link->io) == 0)
		type = 0;
	else
		type = ldap_result(link->ld, id, LDAP_MSG_ONE, &left,
		                   message_out);
	if (type > 0)
		return 0;
	/* A deadline that passed within a message looks like its end. */
	if (type < 0 && ldap_io_left_ms(&link->io) > 0)
		return ldap_link_fail_last(link, "waiting", err);
	(void)ldap_abandon_ext(link->ld, id, NULL,
	                       NULL); /* as far as it goes */
	return out_of_time("waiting", err);
}

/*
 * Connecting.
 */

/* The server's part of a URL: libldap takes the name that the certificate
 * must have from it. */
static int
server_url(const struct ldap_server *server, char *url, size_t size,
           struct bmx_error *err)
{
	const bool is_ipv6 = strchr(server->host, ':') != NULL;
	const int len = snprintf(url, size, "%s://%s%s%s:%u",
	                         server->tls ? "ldaps" : "ldap",
	                         is_ipv6 ? "[" : "", server->host,
	                         is_ipv6 ? "]" : "", (unsigned)server->port);

	if (len > 0 && (size_t)len < size)
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG, "the host's name is too long");
}

static int
connect_server(struct ldap_link *link, const struct ldap_server *server,
               struct bmx_error *err)
{
	struct bmx_endpoint endpoint = {.kind = BMX_ENDPOINT_INET,
	                                .port = server->port};
	struct bmx_error why = {0};
	int fd;

	if (strlen(server->host) >= sizeof(endpoint.host))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the host's name is too long");
	memcpy(endpoint.host, server->host, strlen(server->host) + 1);
	fd = bmx_endpoint_connect(&endpoint, (int)ldap_io_left_ms(&link->io),
	                          &why);
	if (fd >= 0)
		return fd;
	return bmx_error_set(
		err, why.code == BMX_E_TIMEOUT ? BMX_E_TIMEOUT : BMX_E_CLOSED,
		"%s", why.text);
}

/* What libldap's configuration file and environment may have set, and must
 * not: whatever decides over what is trusted and what is whole. */
static int
set_options(struct ldap_link *link, struct bmx_error *err)
{
	const int version = LDAP_VERSION3, no_limit = LDAP_NO_LIMIT,
		  never = LDAP_DEREF_NEVER;
	LDAP *ld = link->ld;
	int bad = 0;

	bad |= ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	bad |= ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	bad |= ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	bad |= ldap_set_option(ld, LDAP_OPT_DEREF, &never);
	bad |= ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &no_limit);
	bad |= ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &no_limit);
	if (bad == LDAP_OPT_SUCCESS)
		return 0;
	return bmx_error_set(err, BMX_E_IO, "libldap refuses its settings");
}

/* Puts our layer under libldap's connection, which owns the descriptor then. */
static int
put_io(struct ldap_link *link, struct bmx_error *err)
{
	ber_len_t message_max = MESSAGE_MAX;
	Sockbuf *sockbuf = NULL;

	if (ldap_get_option(link->ld, LDAP_OPT_SOCKBUF, &sockbuf) ==
	            LDAP_OPT_SUCCESS &&
	    sockbuf && ldap_io_put(&link->io, sockbuf) == 0 &&
	    ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING,
	                     &message_max) == 1)
		return 0;
	return bmx_error_set(err, BMX_E_NOMEM, "no memory for a connection");
}

/* A link over TCP, nothing said yet. */
static int
start_link(struct ldap_link *link, const struct ldap_server *server,
           struct bmx_error *err)
{
	char url[sizeof(((struct bmx_endpoint *)0)->host) + 32];
	int result;

	if (server_url(server, url, sizeof(url), err) != 0)
		return -1;
	link->io.fd = connect_server(link, server, err);
	if (link->io.fd < 0)
		return -1;
	result = ldap_init_fd(link->io.fd, LDAP_PROTO_EXT, url, &link->ld);
	if (result != LDAP_SUCCESS)
		return ldap_link_fail(result, "libldap", NULL, err);
	return put_io(link, err) == 0 ? set_options(link, err) : -1;
}

/*
 * TLS.
 */

static int
set_authorities(struct ldap_link *link, const char *path, struct bmx_error *err)
{
	char *set = NULL;
	int bad;

	if (path[0] == '\0') {
		(void)ldap_get_option(link->ld, LDAP_OPT_X_TLS_CACERTFILE,
		                      &set);
		ldap_memfree(set);
		if (set)
			return 0;
		path = SYSTEM_CA_FILE;
	}
	if (fetch_file_check(path, err) != 0)
		return -1;
	bad = ldap_set_option(link->ld, LDAP_OPT_X_TLS_CACERTFILE, path);
	bad |= ldap_set_option(link->ld, LDAP_OPT_X_TLS_CACERTDIR, NULL);
	if (bad == LDAP_OPT_SUCCESS)
		return 0;
	return bmx_error_set(err, BMX_E_IO, "libldap refuses %s", path);
}

static int
set_certificate(struct ldap_link *link, const struct bmx_config_fetch *settings,
                struct bmx_error *err)
{
	const char *cert = settings->tls_cert_file;
	const char *key = settings->tls_key_file;
	int bad;

	if (cert[0] == '\0')
		return 0;
	if (key[0] == '\0')
		key = cert; /* both in one file */
	if (fetch_file_check(cert, err) != 0 ||
	    fetch_secret_check(key, err) != 0)
		return -1;
	bad = ldap_set_option(link->ld, LDAP_OPT_X_TLS_CERTFILE, cert);
	bad |= ldap_set_option(link->ld, LDAP_OPT_X_TLS_KEYFILE, key);
	if (bad == LDAP_OPT_SUCCESS)
		return 0;
	return bmx_error_set(err, BMX_E_IO, "libldap refuses %s", cert);
}

static int
prepare_tls(struct ldap_link *link, const struct bmx_config_fetch *settings,
            struct bmx_error *err)
{
	const int demand = LDAP_OPT_X_TLS_DEMAND, is_server = 0;
	const int oldest = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
	LDAP *ld = link->ld;
	int bad;

	if (set_authorities(link, settings->tls_ca_file, err) != 0 ||
	    set_certificate(link, settings, err) != 0)
		return -1;
	bad = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	bad |= ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &oldest);
	if (bad == LDAP_OPT_SUCCESS &&
	    ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &is_server) ==
	            LDAP_OPT_SUCCESS)
		return 0;
	return bmx_error_set(err, BMX_E_SYNTAX,
	                     "cannot be used for TLS: a file of "
	                     "fetch.tls_ca_file, tls_cert_file or "
	                     "tls_key_file");
}

/* The handshake; the certificate is checked within, and libldap does not say
 * what it did not like. */
static int
install_tls(struct ldap_link *link, const struct ldap_server *server,
            const struct bmx_config_fetch *settings, struct bmx_error *err)
{
	if (ldap_install_tls(link->ld) == LDAP_SUCCESS)
		return 0;
	if (ldap_io_left_ms(&link->io) == 0)
		return out_of_time("TLS", err);
	return bmx_error_set(
		err, BMX_E_CLOSED,
		"TLS: no handshake; the server's certificate has to be valid, "
		"for %.100s, and of an authority in %.100s",
		server->host,
		settings->tls_ca_file[0] ? settings->tls_ca_file :
					   "the system's store");
}

/* What an operation other than a search ended in. */
static int
take_result(struct ldap_link *link, int id, const char *doing,
            struct bmx_error *err)
{
	LDAPMessage *message = NULL;
	int result = LDAP_OTHER, rc;
	char *said = NULL;

	if (ldap_link_wait(link, id, &message, err) != 0)
		return -1;
	rc = ldap_parse_result(link->ld, message, &result, NULL, &said, NULL,
	                       NULL, 1);
	if (rc != LDAP_SUCCESS)
		result = rc;
	rc = 0;
	if (result != LDAP_SUCCESS)
		rc = ldap_link_fail(result, doing, said, err);
	ldap_memfree(said);
	return rc;
}

static int
start_tls(struct ldap_link *link, struct bmx_error *err)
{
	int id = 0;

	if (ldap_start_tls(link->ld, NULL, NULL, &id) != LDAP_SUCCESS)
		return ldap_link_fail_last(link, "StartTLS", err);
	return take_result(link, id, "StartTLS", err);
}

static int
secure(struct ldap_link *link, const struct ldap_server *server,
       const struct bmx_config_fetch *settings, struct bmx_error *err)
{
	if (!server->tls && !settings->starttls)
		return 0;
	if (prepare_tls(link, settings, err) != 0)
		return -1;
	if (!server->tls && start_tls(link, err) != 0)
		return -1;
	return install_tls(link, server, settings, err);
}

/*
 * Logging in.
 */

static int
bind_as(struct ldap_link *link, const char *dn, const char *mechanism,
        struct berval *credentials, struct bmx_error *err)
{
	int id = 0;

	if (ldap_sasl_bind(link->ld, dn, mechanism, credentials, NULL, NULL,
	                   &id) != LDAP_SUCCESS)
		return ldap_link_fail_last(link, "log-in", err);
	return take_result(link, id, "log-in", err);
}

/* A DN without a password would be an anonymous log-in that succeeds (RFC
 * 4513 section 5.1.2), and show less of the directory than is there. */
static int
bind_with_password(struct ldap_link *link,
                   const struct bmx_config_fetch *settings,
                   struct bmx_error *err)
{
	char password[FETCH_SECRET_MAX];
	struct berval credentials = {0, password};
	int rc;

	if (settings->password_file[0] == '\0')
		return bmx_error_set(err, BMX_E_USAGE,
		                     "fetch.username is set, and "
		                     "fetch.password_file is not");
	if (fetch_secret_read(settings->password_file, password, err) != 0)
		return -1;
	credentials.bv_len = strlen(password);
	rc = bind_as(link, settings->username, LDAP_SASL_SIMPLE, &credentials,
	             err);
	explicit_bzero(password, sizeof(password));
	return rc;
}

static int
log_in(struct ldap_link *link, const struct bmx_config_fetch *settings,
       struct bmx_error *err)
{
	char nothing[] = "";
	struct berval empty = {0, nothing};

	if (settings->username[0] != '\0')
		return bind_with_password(link, settings, err);
	if (settings->tls_cert_file[0] != '\0')
		return bind_as(link, "", "EXTERNAL", &empty, err);
	return bind_as(link, "", LDAP_SASL_SIMPLE, &empty, err);
}

int
ldap_link_open(const struct ldap_server *server,
               const struct bmx_config_fetch *settings, int64_t deadline_ms,
               struct ldap_link *link_out, struct bmx_error *err)
{
	*link_out = (struct ldap_link){
		.io = {.fd = -1, .deadline_ms = deadline_ms}};
	if (start_link(link_out, server, err) == 0 &&
	    secure(link_out, server, settings, err) == 0 &&
	    log_in(link_out, settings, err) == 0)
		return 0;
	ldap_link_close(link_out);
	return -1;
}

void
ldap_link_close(struct ldap_link *link)
{
	if (link->ld)
		(void)ldap_unbind_ext(link->ld, NULL, NULL); /* good-bye */
	link->ld = NULL;
	if (link->io.fd >= 0)
		(void)close(link->io.fd); /* nothing was written */
	link->io.fd = -1;
}
