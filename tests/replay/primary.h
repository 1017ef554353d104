/*
 * primary.h - the server's side of one SMTP connection, as a script plays it.
 *
 * Nothing waits: what has not arrived is not there. Functions abort when the
 * system fails them.
 */
#ifndef BACKUPMX_TESTS_PRIMARY_H
#define BACKUPMX_TESTS_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>

#include <backupmx/slice.h>

struct ssl_ctx_st;
struct ssl_st;

/** Octets of the client that were not taken. */
#define PRIMARY_INPUT_MAX ((size_t)16 * 1024)

struct primary {
	int fd;             /* -1: closed */
	struct ssl_st *ssl; /* NULL: no TLS */
	char input[PRIMARY_INPUT_MAX];
	size_t len;
};

/** Takes fd over. */
void primary_init(struct primary *primary, int fd);

/** Closes, if it is open. */
void primary_close(struct primary *primary);

/** Sends octets; that the client has gone is no error. */
void primary_send(struct primary *primary, struct bmx_slice octets);

/** Takes the client's next line, without CRLF, terminated. @return whether
 * there is one */
bool primary_take_line(struct primary *primary, char *line, size_t size);

/** Takes all that the client has sent. @return how many octets */
size_t primary_drop(struct primary *primary);

/** Goes on with TLS, which the first call begins. @return whether it is up;
 * a failure closes */
bool primary_secure(struct primary *primary, struct ssl_ctx_st *ctx);

#endif
