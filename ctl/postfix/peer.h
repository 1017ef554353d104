/*
 * peer.h - a policy service or a milter as main.cf names it: a socket, alone
 * or in braces with settings of its own.
 *
 *	unix:backupmx/policyd.sock
 *	{ unix:backupmx/policyd.sock, timeout=10s, { default_action = 450 x y } }
 */
#ifndef BACKUPMX_CTL_POSTFIX_PEER_H
#define BACKUPMX_CTL_POSTFIX_PEER_H

#include <backupmx/endpoint.h>

#include "ctl/postfix/list.h"

struct bmxctl_peer {
	struct bmx_slice socket;        /* as written */
	struct bmxctl_words attributes; /* as written, with their braces */
};

/** A setting of a peer. */
struct bmxctl_attribute {
	const char *name;
	const char *value; /* "" says: leave it out, in what is built */
};

/** Where Postfix runs. */
struct bmxctl_postfix_place {
	const char *queue_directory;
	bool chroot; /* its smtpd is shut into queue_directory */
};

/**
 * Takes a word of a list apart; slices borrow from it.
 * @return 0, or -1 with *err: BMX_E_SYNTAX, BMX_E_NOMEM
 */
int bmxctl_peer_parse(struct bmx_arena *arena, struct bmx_slice word,
                      struct bmxctl_peer *peer_out, struct bmx_error *err);

/** The value of an attribute, terminated, of the arena; NULL when it has
 * none (or memory is short). */
const char *bmxctl_peer_attribute(struct bmx_arena *arena,
                                  const struct bmxctl_peer *peer,
                                  const char *name);

/** Does Postfix reach endpoint under what peer says? */
bool bmxctl_peer_reaches(const struct bmxctl_peer *peer,
                         const struct bmx_endpoint *endpoint,
                         const struct bmxctl_postfix_place *place);

/**
 * How Postfix names endpoint: a unix socket inside the queue directory by a
 * path from there, which holds with chroot and without; terminated, of the
 * arena.
 * @return NULL when memory is short
 */
const char *bmxctl_peer_socket(struct bmx_arena *arena,
                               const struct bmx_endpoint *endpoint,
                               const struct bmxctl_postfix_place *place);

/** Can Postfix reach it? Not a unix socket outside of a chroot. */
bool bmxctl_peer_reachable(const struct bmx_endpoint *endpoint,
                           const struct bmxctl_postfix_place *place);

/**
 * Writes `{ SOCKET, NAME=VALUE, { NAME = VALUE WITH BLANKS } }`: peer's own
 * attributes, those of attributes in their place, the others behind them.
 * @return text of the arena, or NULL with *err: BMX_E_TOO_BIG, BMX_E_NOMEM
 */
char *bmxctl_peer_build(struct bmx_arena *arena, const struct bmxctl_peer *peer,
                        const struct bmxctl_attribute *attributes, size_t count,
                        struct bmx_error *err);

#endif
