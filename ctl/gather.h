/*
 * gather.h - all that is known of a backup, as one JSON object.
 *
 * What policyd answers to "status" is at the top. Beside it stand "queue",
 * "bounces", "milter" and "disk"; a part that cannot be had is an object with
 * "error". Blocks, each part with its own time limit.
 */
#ifndef BACKUPMX_CTL_GATHER_H
#define BACKUPMX_CTL_GATHER_H

#include "ctl/ctl.h"

struct json_t; /* jansson's */

/** How long postqueue and postconf may take, ms. */
#define BMXCTL_POSTQUEUE_MS 30000
#define BMXCTL_POSTCONF_MS 5000
/** Octets that postqueue may write: some 500,000 messages. */
#define BMXCTL_POSTQUEUE_MAX ((size_t)256 * 1024 * 1024)
/** How long the milter may take to say that it lives, ms. */
#define BMXCTL_MILTER_MS 2000

/** What to look at. */
enum bmxctl_part {
	BMXCTL_PART_POLICYD = 1 << 0,
	BMXCTL_PART_QUEUE = 1 << 1,
	BMXCTL_PART_BOUNCES = 1 << 2,
	BMXCTL_PART_MILTER = 1 << 3,
	BMXCTL_PART_DISK = 1 << 4
};
#define BMXCTL_PARTS_ALL 0x1fU

/**
 * Gathers the parts. postfix_dir holds main.cf; NULL: Postfix's own. "ok" is
 * false, with "error", when policyd was to be asked and cannot be; "time" is
 * now.
 * @return a new reference, or NULL when memory is short
 */
struct json_t *bmxctl_gather(const struct bmx_config *config,
                             const char *postfix_dir, unsigned parts);

/** Postfix's queue, with every domain of config. As below. */
struct json_t *bmxctl_gather_queue(const struct bmx_config *config,
                                   const char *postfix_dir);

/** The bounces that the milter judged: how many by action, of the last day
 * too, and when the last was held. now_s: seconds since 1970. */
struct json_t *bmxctl_gather_bounces(const struct bmx_config *config,
                                     long long now_s);

/** Does the milter answer? "expected" is false when it seems never to have
 * been used here: it has left neither socket nor seals. */
struct json_t *bmxctl_gather_milter(const struct bmx_config *config);

/** The space of state_dir and of Postfix's queue. */
struct json_t *bmxctl_gather_disk(const struct bmx_config *config,
                                  const char *postfix_dir);

#endif
