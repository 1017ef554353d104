/*
 * access_priv.h - what the reader and the look-ups of access maps share.
 */
#ifndef BACKUPMX_MILTER_CHECKS_ACCESS_PRIV_H
#define BACKUPMX_MILTER_CHECKS_ACCESS_PRIV_H

#include <backupmx/arena.h>

#include "milter/checks/access_map.h"

/** A pattern of an indexed file. */
struct access_entry {
	struct bmx_slice key; /* lower case */
	size_t order;         /* in the file: the first of a key counts */
	int line;
	struct bmx_access_action action;
};

/** A line of a CIDR file. */
struct access_rule {
	struct bmx_config_network network;
	bool v4;
	bool negated; /* "!" */
	bool is_if;
	size_t skip_to; /* of an if: where to go on when it does not match */
	struct bmx_access_action action; /* unless is_if */
};

struct bmx_access_map {
	enum bmx_access_form form;
	struct bmx_arena *arena;
	struct access_entry *entries; /* sorted by key */
	struct access_rule *rules;    /* in the file's order */
	size_t count;
};

/**
 * Reads the action of a line; its text is copied into arena.
 * @return 0, or -1 with *err; *warning_out is what to warn of, or NULL
 */
int access_action_read(struct bmx_slice text, struct bmx_arena *arena,
                       struct bmx_access_action *action_out,
                       const char **warning_out, struct bmx_error *err);

#endif
