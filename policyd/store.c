#include "policyd/store.h"

#include <limits.h>
#include <stdio.h>

#include <unistd.h>

/* @return 0, or -1 when nothing could be moved */
static int
set_aside(const char *state_dir, const struct bmx_clock *clock,
          struct bmx_log *log, const struct bmx_error *why)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct bmx_log_line line;

	(void)snprintf(from, sizeof(from), "%s/list.mdb", state_dir);
	(void)snprintf(to, sizeof(to), "%s/list.mdb.bad-%lld", state_dir,
	               (long long)(bmx_clock_wall_ms(clock) / 1000));
	if (rename(from, to) != 0)
		return -1;
	bmx_log_begin(&line, log, BMX_LOG_ERROR, "store-set-aside");
	bmx_log_add_string(&line, BMX_KEY_PATH, to);
	bmx_log_add_string(&line, BMX_KEY_ERR, why->text);
	bmx_log_add_string(&line, BMX_KEY_HINT,
	                   "a new one is filled from the sources");
	bmx_log_end(&line);
	(void)snprintf(from, sizeof(from), "%s/list.mdb-lock", state_dir);
	(void)unlink(from); /* made anew with the store */
	return 0;
}

struct bmx_list_store *
bmx_store_open(const char *state_dir, const struct bmx_clock *clock,
               struct bmx_log *log, struct bmx_error *err)
{
	struct bmx_list_store *store =
		bmx_list_store_open(state_dir, BMX_LIST_READ_WRITE, err);

	if (store || err->code != BMX_E_CORRUPT ||
	    set_aside(state_dir, clock, log, err) != 0)
		return store;
	return bmx_list_store_open(state_dir, BMX_LIST_READ_WRITE, err);
}
