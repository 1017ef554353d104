/*
 * dialogue_run.h - a probe session and its scripted primary, and what of time
 * they are given: the fake loop's, or real time on TCP.
 */
#ifndef BACKUPMX_TESTS_DIALOGUE_RUN_H
#define BACKUPMX_TESTS_DIALOGUE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/probe_session.h"
#include "tests/replay/primary.h"
#include "tests/support/tls_server.h"

/** Whose certificate the session asks for. */
#define HOST "mx1.example.test"
#define RESULTS_MAX 16
#define TEXT_MAX ((size_t)256)

struct run {
	const char *path;
	int line;
	bool tcp;
	struct bmx_loop *loop;
	int64_t began_us;
	struct bmx_probe_session *session;
	struct bmx_probe_session_parts parts;
	struct primary primary;
	struct tls_authority *authority;
	struct tls_certificate *certificate;
	struct ssl_ctx_st *server_ctx;
	struct bmx_tls_context *tls_context;
	struct bmx_tlsa tlsa;
	uint8_t digest[TLS_DIGEST_LEN];
	char sender[TEXT_MAX];
	/* What the session has told. */
	char results[RESULTS_MAX][TEXT_MAX];
	struct bmx_smtp_reply replies[RESULTS_MAX];
	size_t result_count;
	size_t results_taken;
	size_t idle_count;
	char keywords[TEXT_MAX];
	const char *wanted; /* as keywords */
	char closed[TEXT_MAX];
	bool closed_taken;
	char line_got[BMX_DIALOGUE_PATH_MAX * 2];
};

/** Says where the script is and what came instead, and exits. */
void run_fail(const struct run *r, const char *what, const char *got)
	__attribute__((noreturn));

/** A number of a script, 0 or more; anything else fails. */
int64_t run_number(const struct run *r, const char *text);

/** Connects the session, as r->parts and the rest say; once. */
void run_start(struct run *r);

/** Lets happen what happens without time passing, until it is so.
 * @return whether it is */
bool run_await(struct run *r, bool (*so)(struct run *));

/** Lets time pass: the fake clock's alone. */
void run_advance(struct run *r, int64_t ms);

/** Frees all but the authority. */
void run_end(struct run *r);

#endif
