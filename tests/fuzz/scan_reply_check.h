/* scan_reply_check.h - what holds of every reply of spamd and clamd. */
#ifndef BACKUPMX_TESTS_FUZZ_SCAN_REPLY_CHECK_H
#define BACKUPMX_TESTS_FUZZ_SCAN_REPLY_CHECK_H

#include <stdbool.h>
#include <stdlib.h>

#include "milter/scanners/reply.h"

/** Ends the program when it does not hold. */
static inline void
require(bool holds)
{
	if (!holds)
		abort();
}

/** ASCII without control characters; blanks only where they may be. */
static inline void
check_clean(const char *text, bool blanks)
{
	for (; *text; text++)
		require(*text <= '~' && *text >= (blanks ? ' ' : '!'));
}

/** A verdict that such a scanner can give, nothing to edit, clean words. */
static inline void
check_scan_reply(const struct bmx_scan_reply *reply)
{
	require(reply->say == BMX_SCAN_PASS || reply->say == BMX_SCAN_REJECT);
	require(reply->edits.added_count == 0);
	check_clean(reply->detail, false);
	check_clean(reply->text, true);
}

#endif
