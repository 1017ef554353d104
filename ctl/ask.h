/*
 * ask.h - backupmxctl's end of the daemon's control socket.
 */
#ifndef BACKUPMX_CTL_ASK_H
#define BACKUPMX_CTL_ASK_H

#include "ctl/ctl.h"

/** How long the daemon may take to be reached, ms. */
#define BMXCTL_CONNECT_MS 2000
/** How long it may take to answer, ms: as long as it gives us. */
#define BMXCTL_ANSWER_MS 10000
/** How long, and how often, is asked whether DNS has found out what a domain
 * without a section is, ms. */
#define BMXCTL_PENDING_MS 6000
#define BMXCTL_PENDING_STEP_MS 100

struct json_t; /* jansson's */

/**
 * Asks policyd one thing and waits for the answer. argument is "" for verbs
 * that take none. What goes wrong, an answer with `"ok": false` among it, is
 * written to stderr in one line.
 * @return the answer, whose reference the caller drops, or NULL with
 *         *status_out set: EX_TEMPFAIL when policyd cannot be reached or does
 *         not answer, EX_UNAVAILABLE when it says no, others as they come
 */
struct json_t *bmxctl_ask(const struct bmxctl *ctl, const char *verb,
                          const char *argument, int *status_out);

/** May that word be an address, or a domain where one is meant? An option is
 * none; but a local part may begin with '-'. */
bool bmxctl_is_address(const char *word);

/** Prints an answer about an address for people. */
typedef void bmxctl_print_cb(const struct json_t *answer);

/** The exit status that an answer about an address means. */
typedef int bmxctl_status_cb(const struct json_t *answer);

/**
 * Runs `VERB ADDRESS [--json]`: asks policyd, prints what it says; the domain is
 * looked up as by bmxctl_look_up before.
 * @return what status says of the answer; 75 when policyd cannot say
 */
int bmxctl_ask_address(struct bmxctl *ctl, int argc, char **argv,
                       const char *usage, bmxctl_print_cb *print,
                       bmxctl_status_cb *status);

/** As bmxctl_ask, with a configuration that is loaded already: for commands
 * that ask many times. */
struct json_t *bmxctl_ask_of(const struct bmxctl *ctl,
                             const struct bmx_config *config, const char *verb,
                             const char *argument, int *status_out);

/** As bmxctl_ask_of, for `lookup ADDRESS`. The section "*" is waited for: while
 * policyd asks DNS whether the domain is one of it, it is asked again. */
struct json_t *bmxctl_look_up(const struct bmxctl *ctl,
                              const struct bmx_config *config,
                              const char *address, int *status_out);

/** As bmxctl_ask_of, but writes nothing: what went wrong is in *err, with
 * NULL. The answer may be one with `"ok": false`. */
struct json_t *bmxctl_ask_quietly(const struct bmx_config *config,
                                  const char *verb, const char *argument,
                                  struct bmx_error *err);

/** As bmxctl_ask_quietly without an argument, for what policyd says yes to.
 * @return the answer, or NULL with *err: BMX_E_USAGE (no control socket),
 *         BMX_E_REFUSED (policyd says no), others: it cannot be reached */
struct json_t *bmxctl_try(const struct bmx_config *config, const char *verb,
                          struct bmx_error *err);

/** The string at key, "" when there is none; borrowed from object. */
const char *bmxctl_string(const struct json_t *object, const char *key);

/** The number at key, 0 when there is none. */
long long bmxctl_number(const struct json_t *object, const char *key);

/** Prints the answer as JSON, indented. Returns EX_OK or EX_IOERR. */
int bmxctl_print_json(const struct json_t *answer);

/** Octets of a duration as text. */
#define BMXCTL_AGE_SIZE 48

/** Writes a duration into buffer as bmxctl_print_age does. @return buffer */
const char *bmxctl_age(char buffer[BMXCTL_AGE_SIZE], long long seconds);

/** Prints a duration in its two largest units: "-" when less than 0. */
void bmxctl_print_age(long long seconds);

#endif
