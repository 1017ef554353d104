/*
 * tables.h - domains that main.cf keeps in tables and files.
 */
#ifndef BACKUPMX_CTL_POSTFIX_TABLES_H
#define BACKUPMX_CTL_POSTFIX_TABLES_H

#include <stdbool.h>

#include "ctl/postfix/postconf.h"

/**
 * Does a table (asked with postmap(1)) or a file that the list of domains in
 * parameter names hold domain, or a domain above it? What cannot be asked
 * holds nothing.
 */
bool bmxctl_tables_hold(const struct bmxctl_postconf *postconf,
                        const char *config_dir, const char *parameter,
                        const char *domain);

#endif
