/*
 * curl_get.h - one request through libcurl, which is used in this one file of
 * the floor: for https:// and sftp://.
 */
#ifndef BACKUPMX_LIB_FETCH_CURL_GET_H
#define BACKUPMX_LIB_FETCH_CURL_GET_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

#include "fetch_priv.h"

/** How long a connection may take to stand, log-in included, ms. */
#define CURL_GET_CONNECT_MS ((int64_t)20 * 1000)
/** A server that sends less than one octet a second for so long is given up,
 * s. */
#define CURL_GET_SILENCE_S 30L
/** Octets of a URL, terminator included. */
#define CURL_GET_URL_MAX ((size_t)2048)

enum curl_get_protocol { CURL_GET_HTTPS, CURL_GET_SFTP };

struct curl_get {
	enum curl_get_protocol protocol; /* and no other */
	const char *url;
	const struct bmx_config_fetch *settings;
	const char *username; /* NULL: none; as are the next two */
	const char *password;
	const char *token;
	/* https only: what is known; NULL: the list whatever it is. */
	const struct bmx_list_validator *known;
	int64_t deadline_ms; /* monotonic */
};

/** What came back. */
struct curl_got {
	long status;                     /* of HTTP; 0: of sftp */
	char content_type[128];          /* as it was given; "" for none */
	char encoding[64];               /* Content-Encoding, likewise */
	char location[CURL_GET_URL_MAX]; /* of a redirect, in full; "" */
	bool framed; /* the answer said where it ends, and ended there */
};

/**
 * Asks. Only the body of an answer 200 is gathered, in answer->text; its
 * validator is filled. Redirects are not followed. Certificates and host keys
 * are checked always. Proxies: of the environment (https_proxy, no_proxy) for
 * https, none for sftp.
 * @return 0 with *got, whatever the status is, or -1 with *err as
 *         bmx_list_fetch
 */
int curl_get(const struct curl_get *get, struct curl_got *got,
             struct fetch_answer *answer, struct bmx_error *err);

/** Is the other URL of the same scheme, host and port, and without a user? Not
 * when either cannot be read. */
bool curl_same_origin(const char *url, const char *other);

#endif
