/*
 * status_screen.h - what was gathered (gather.h), for people, on standard
 * output.
 */
#ifndef BACKUPMX_CTL_STATUS_SCREEN_H
#define BACKUPMX_CTL_STATUS_SCREEN_H

#include <stdbool.h>

struct json_t; /* jansson's */

/** Domains from which on those that are well and have no mail are only
 * counted. */
#define BMXCTL_SCREEN_DOMAINS ((size_t)40)

/** Prints the screen; a line for each domain with all, else as above. */
void bmxctl_status_print_screen(const struct json_t *facts, bool all);

/** Prints one domain at length. @return false when there is none of that name
 */
bool bmxctl_status_print_domain(const struct json_t *facts, const char *name);

#endif
