/*
 * list_member.h - an entry of a list as one piece of text: the member of the
 * published set (docs in publication.h), and what the digest sums up.
 *
 * An active entry is its local part; others have '@' and the state behind it
 * ("joe@full"), which no local part can hold.
 */
#ifndef BACKUPMX_LIST_MEMBER_H
#define BACKUPMX_LIST_MEMBER_H

#include <stdbool.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>

/** Octets of the longest suffix and of the longest member. */
#define BMX_LIST_SUFFIX_MAX (sizeof("@disabled") - 1)
#define BMX_LIST_MEMBER_MAX (BMX_LOCAL_MAX + BMX_LIST_SUFFIX_MAX)

/**
 * The member of an entry whose local part has at most BMX_LOCAL_MAX octets.
 * @return a slice of buffer, or the entry's local part itself
 */
struct bmx_slice bmx_list_member_of(const struct bmx_list_entry *entry,
                                    char buffer[BMX_LIST_MEMBER_MAX]);

/**
 * Reads a member, octets of any content. Its local part must stand in the
 * form in which it is looked up, or it would never be found.
 * @return 0 with *entry_out, which borrows from member, or -1 with *err:
 *         BMX_E_CORRUPT, BMX_E_NOMEM
 */
int bmx_list_member_read(struct bmx_slice member, bool case_sensitive,
                         struct bmx_list_entry *entry_out,
                         struct bmx_error *err);

#endif
