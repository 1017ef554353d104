/*
 * cache_check.h - is a cache.mdb whole? Asked of a child process, since LMDB
 * ends, and a damaged file may crash, the process that meets a bad page.
 */
#ifndef BACKUPMX_CACHE_CHECK_H
#define BACKUPMX_CACHE_CHECK_H

#include <backupmx/error.h>

/**
 * Looks through the file of state_dir. One that is not there, or that cannot
 * be looked at, is not found fault with: opening will tell. Not while another
 * thread runs, nor while this process has the file open.
 * @return 0, or -1 with *err: BMX_E_CORRUPT
 */
int bmx_cache_check(const char *state_dir, struct bmx_error *err);

#endif
