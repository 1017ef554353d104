/*
 * finder.h - what the parts of wanted.h share: one run of bmxctl_wanted_find.
 *
 *	wanted.c -> wanted_policy.c wanted_milter.c wanted_domains.c
 *	            wanted_simple.c (changes), wanted_notes.c (notes)
 *
 * Every part returns 0, or -1 with the finder's err set.
 */
#ifndef BACKUPMX_CTL_POSTFIX_FINDER_H
#define BACKUPMX_CTL_POSTFIX_FINDER_H

#include "ctl/postfix/restrictions.h"
#include "ctl/postfix/wanted.h"

struct bmxctl_finder {
	const struct bmxctl_wiring *wiring;
	const struct bmx_config *config;        /* of wiring */
	const struct bmxctl_postconf *postconf; /* of wiring */
	struct bmxctl_rules_context rules;
	struct bmx_arena *arena; /* of list */
	struct bmxctl_wanted_list *list;
	bool with_milter; /* the milter is to be wired */
	bool with_guard;  /* and is to see bounces */
	struct bmx_error *err;
};

/** Adds a change; value and why are kept as they are: of the arena, or
 * static. */
int bmxctl_finder_want(struct bmxctl_finder *finder, const char *name,
                       const char *value, const char *why);

/** Adds a note; subject is kept, text is made as printf would. */
int bmxctl_finder_note(struct bmxctl_finder *finder, const char *subject,
                       const char *text, ...)
	__attribute__((format(printf, 3, 4)));

/** A text of the arena, made as printf would; NULL with the finder's err when
 * it is longer than 999 octets or memory is short. */
char *bmxctl_finder_text(struct bmxctl_finder *finder, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Of count sockets the one that Postfix is to use, before others a unix one;
 * NULL when it can reach none. */
const struct bmx_endpoint *
bmxctl_finder_socket(const struct bmxctl_finder *finder,
                     const struct bmx_endpoint *listen, size_t count);

/** Notes that Postfix can reach no socket of name ("policyd.listen"). */
int bmxctl_finder_unreachable(struct bmxctl_finder *finder, const char *name);

/** Is name in the list that the parameter has, expanded? */
bool bmxctl_finder_lists(struct bmxctl_finder *finder, const char *parameter,
                         const char *name);

/** Is the service an smtpd that strangers can write to? One that listens on
 * loopback, or refuses all but those it knows, is not. */
bool bmxctl_finder_public(struct bmxctl_finder *finder, size_t service);

/** Is our milter in the list? Words that are `$name` count for what they
 * stand for; *peer_out is ours, if it is there. */
bool bmxctl_finder_has_milter(struct bmxctl_finder *finder, const char *text,
                              struct bmxctl_peer *peer_out);

/** relay_domains. */
int bmxctl_want_domains(struct bmxctl_finder *finder);

/** smtpd_recipient_restrictions. */
int bmxctl_want_policy(struct bmxctl_finder *finder);

/** smtpd_milters, and for the bounce guard non_smtpd_milters and its kin. */
int bmxctl_want_milter(struct bmxctl_finder *finder);

/** All that is one word. */
int bmxctl_want_simple(struct bmxctl_finder *finder);

/** What a change of main.cf by us does not mend. */
int bmxctl_note_all(struct bmxctl_finder *finder);

#endif
