/*
 * smtp_client.h - a blocking SMTP client for the doctor: connect, lines,
 * replies, STARTTLS, each with a deadline.
 *
 * Over the streams of lib/wire, on a loop of its own that turns while a
 * function waits. Several clients may share a loop: connecting goes on for all
 * of them while one is waited for. Deadlines are CLOCK_MONOTONIC, in
 * microseconds.
 */
#ifndef BACKUPMX_CTL_DOCTOR_SMTP_CLIENT_H
#define BACKUPMX_CTL_DOCTOR_SMTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/loop.h>
#include <backupmx/smtp_reply.h>
#include <backupmx/target_spec.h>
#include <backupmx/tls_client.h>

struct bmxctl_smtp;

/**
 * Starts to connect, for at most timeout_ms.
 * @return the client, which the caller frees before the loop, or NULL with
 *         *err (BMX_E_NOMEM, BMX_E_IO)
 */
struct bmxctl_smtp *bmxctl_smtp_new(struct bmx_loop *loop,
                                    const struct bmx_target_address *address,
                                    uint16_t port, int64_t timeout_ms,
                                    struct bmx_error *err);

/** Waits until it is connected. @return 0, or -1 with *err, final */
int bmxctl_smtp_wait_connected(struct bmxctl_smtp *client, int64_t deadline_us,
                               struct bmx_error *err);

/**
 * Waits for a whole reply; on_line as in smtp_reply.h, or NULL.
 * @return 0 with *reply_out, or -1 with *err (BMX_E_TIMEOUT, BMX_E_CLOSED,
 *         BMX_E_SYNTAX, ...), after which the client is to be freed
 */
int bmxctl_smtp_reply(struct bmxctl_smtp *client, int64_t deadline_us,
                      bmx_smtp_line_cb *on_line, void *ctx,
                      struct bmx_smtp_reply *reply_out, struct bmx_error *err);

/** Sends a line, to which CRLF is added. @return 0, or -1 with *err, final */
int bmxctl_smtp_send(struct bmxctl_smtp *client, const char *line,
                     struct bmx_error *err);

/** Makes TLS, after the server's 220 to STARTTLS. @return 0, or -1 with *err
 * (BMX_E_REFUSED: the certificate is not what was asked), final */
int bmxctl_smtp_secure(struct bmxctl_smtp *client,
                       const struct bmx_tls_request *request,
                       int64_t deadline_us, struct bmx_error *err);

/** As bmx_stream_certificate. */
bool bmxctl_smtp_certificate(const struct bmxctl_smtp *client,
                             struct bmx_tls_certificate *certificate_out);

/** Closes, frees *client and sets it to NULL. NULL is fine. */
void bmxctl_smtp_free(struct bmxctl_smtp **client);

#endif
