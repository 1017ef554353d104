/*
 * list.h - the lists in values of main.cf, as Postfix takes them apart.
 *
 * Words stand between commas and blanks; what is in braces belongs together
 * (Postfix mystrtokq). Slices borrow from the text.
 */
#ifndef BACKUPMX_CTL_POSTFIX_LIST_H
#define BACKUPMX_CTL_POSTFIX_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/arena.h>
#include <backupmx/error.h>
#include <backupmx/slice.h>

/** Most octets of a value that we would write: one word of a command line. */
#define BMXCTL_VALUE_MAX ((size_t)100000)

struct bmxctl_words {
	struct bmx_slice *items; /* of the arena */
	size_t count;
};

/**
 * Splits text into words.
 * @return 0, or -1 with *err: BMX_E_SYNTAX (braces do not pair), BMX_E_NOMEM
 */
int bmxctl_words_split(struct bmx_arena *arena, struct bmx_slice text,
                       struct bmxctl_words *words_out, struct bmx_error *err);

/**
 * The words with ", " between them; terminated, of the arena.
 * @return NULL with *err: BMX_E_TOO_BIG (past BMXCTL_VALUE_MAX), BMX_E_NOMEM
 */
char *bmxctl_words_join(struct bmx_arena *arena,
                        const struct bmxctl_words *words,
                        struct bmx_error *err);

/** Is word among them? Case of ASCII letters does not count. */
bool bmxctl_words_hold(const struct bmxctl_words *words, const char *word);

/** A copy of words with word put in at place at; false without memory. */
bool bmxctl_words_insert(struct bmx_arena *arena,
                         const struct bmxctl_words *words, size_t at,
                         struct bmx_slice word, struct bmxctl_words *out);

/** Does word read `$NAME`, `${NAME}` or `$(NAME)`, and nothing more? Then
 * *name_out is the name. */
bool bmxctl_word_is_macro(struct bmx_slice word, struct bmx_slice *name_out);

/**
 * Reads a time as Postfix writes it: a number and one of s m h d w, which may
 * be missing: then unit counts.
 * @return seconds, or -1 when it is none
 */
int64_t bmxctl_postfix_time(const char *text, char unit);

/** Says Postfix's boolean parameter value "yes"? */
bool bmxctl_postfix_yes(const char *text);

/** Does a pattern of a list of domains (relay_domains, fast_flush_domains)
 * hold name? With subdomains (parent_domain_matches_subdomains) a pattern
 * holds what is below it, too; without, one that begins with a dot does. */
bool bmxctl_domain_matches(struct bmx_slice pattern, const char *name,
                           bool subdomains);

#endif
