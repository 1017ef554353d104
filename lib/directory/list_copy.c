#include "list_copy.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/stat.h>

#include <backupmx/list_publish.h>

#include "list_changes.h"

#define FOLDER_MODE 0750

/* A folder that root makes is its owner's who owns the one above it. */
static int
make_folder(const char *path, const char *state_dir)
{
	struct stat above;

	if (mkdir(path, FOLDER_MODE) != 0)
		return access(path, W_OK);
	if (geteuid() != 0 || stat(state_dir, &above) != 0)
		return 0;
	return lchown(path, above.st_uid, above.st_gid);
}

struct bmx_list_store *
bmx_list_copy_open(const char *state_dir, bool write)
{
	char path[PATH_MAX];
	const int len = snprintf(path, sizeof(path), "%s/%s", state_dir,
	                         BMX_LIST_PUBLISHED_DIR);

	if (len < 0 || (size_t)len >= sizeof(path) ||
	    (write && make_folder(path, state_dir) != 0))
		return NULL;
	return bmx_list_store_open(
		path, write ? BMX_LIST_READ_WRITE : BMX_LIST_READ_ONLY, NULL);
}

/* Runs a read of the copy; -1 when it cannot be read. */
static struct bmx_list_reader *
begin(struct bmx_list_store *copy, struct bmx_error *err)
{
	struct bmx_list_reader *reader = bmx_list_reader_new(copy, err);

	if (reader && bmx_list_reader_begin(reader, err) != 0)
		bmx_list_reader_free(&reader);
	return reader;
}

static void
end(struct bmx_list_reader **reader)
{
	if (!*reader)
		return;
	bmx_list_reader_end(*reader);
	bmx_list_reader_free(reader);
}

uint64_t
bmx_list_copy_is(struct bmx_list_store *copy, struct bmx_slice domain,
                 const struct bmx_publication *publication, bool *is_out)
{
	struct bmx_list_reader *reader = copy ? begin(copy, NULL) : NULL;
	struct bmx_list_origin origin = {0};

	*is_out = false;
	if (reader &&
	    bmx_list_reader_origin(reader, domain, &origin, NULL) == 1)
		*is_out = publication && origin.in_force &&
			origin.generation == publication->generation &&
			origin.count == publication->count &&
			origin.digest == publication->digest;
	end(&reader);
	return origin.generation;
}

struct compare {
	struct bmx_list_diff *diff;
	struct bmx_error *err;
};

static int
take_entry(void *ctx, const struct bmx_list_entry *entry)
{
	struct compare *compare = ctx;

	return bmx_list_diff_old(compare->diff, entry, compare->err);
}

int
bmx_list_copy_compare(struct bmx_list_store *copy, struct bmx_slice domain,
                      struct bmx_list_diff *diff, struct bmx_error *err)
{
	struct bmx_list_reader *reader = begin(copy, err);
	struct compare compare = {diff, err};
	struct bmx_list_meta meta;
	int rc = -1;

	if (reader && bmx_list_reader_meta(reader, domain, &meta, err) == 1)
		rc = bmx_list_reader_each(reader, meta.id, take_entry, &compare,
		                          err);
	if (rc == 0)
		rc = bmx_list_diff_end(diff, err);
	end(&reader);
	return rc;
}

/*
 * Keeping it up to date.
 */

static int
add_members(struct bmx_list_changes *changes, bool present,
            const struct bmx_list_members *members)
{
	struct bmx_slice rest = {members->data, members->len};
	struct bmx_slice member;

	while (bmx_publication_next_member(&rest, &member) > 0)
		if (bmx_list_changes_add(changes, present, member, NULL) != 0)
			return -1;
	return 0;
}

static int
apply(struct bmx_list_store *copy, struct bmx_slice domain,
      const struct bmx_list_copy_change *change,
      const struct bmx_list_replace_options *options)
{
	struct bmx_list_changes *changes =
		bmx_list_changes_new(change->case_sensitive);
	struct bmx_list_replace_result result;
	const struct bmx_list_delta *deltas;
	size_t count;
	int rc = -1;

	if (changes && add_members(changes, false, &change->diff->gone) == 0 &&
	    add_members(changes, true, &change->diff->come) == 0 &&
	    bmx_list_changes_settle(changes, &deltas, &count, NULL) == 0)
		rc = bmx_list_store_apply(copy, domain, deltas, count, options,
		                          &result, NULL);
	bmx_list_changes_free(&changes);
	return rc;
}

void
bmx_list_copy_update(struct bmx_list_store *copy, struct bmx_slice domain,
                     const struct bmx_list_copy_change *change)
{
	const struct bmx_list_origin origin = {
		.generation = change->publication->generation,
		.count = change->publication->count,
		.digest = change->publication->digest,
	};
	const struct bmx_list_replace_options options = {
		.force = true,
		.source = change->source,
		.origin = &origin,
		.now_ms = change->now_ms,
	};
	struct bmx_list_replace_result result;

	if (!copy ||
	    (change->diff && apply(copy, domain, change, &options) == 0))
		return;
	/* Fails: the record then names another generation than Redis. */
	(void)bmx_list_store_replace(copy, domain, change->entries,
	                             change->count, &options, &result, NULL);
}
