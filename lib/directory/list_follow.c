#include "list_follow.h"

#include <stdlib.h>
#include <string.h>

#include "list_link.h"

/* One domain's following under way. */
struct follow {
	struct bmx_list_store *store; /* NULL: a dry run without a store */
	const struct bmx_list_sync_spec *spec;
	struct bmx_list_replace_options options;
	struct bmx_list_origin origin; /* what options.origin points to */
	struct bmx_list_link link;
	struct bmx_list_remote remote;
	struct bmx_follow_facts facts;
};

/*
 * Facts.
 */

static int
read_local(struct follow *follow, struct bmx_list_reader *reader,
           struct bmx_error *err)
{
	const struct bmx_slice domain = bmx_slice_of(follow->spec->domain);
	struct bmx_follow_facts *facts = &follow->facts;
	struct bmx_list_meta meta;
	int rc = bmx_list_reader_meta(reader, domain, &meta, err);

	if (rc <= 0)
		return rc;
	facts->has_list = true;
	facts->count = meta.count;
	facts->digest = meta.digest;
	facts->held = meta.held;
	facts->held_digest = meta.held_digest;
	rc = bmx_list_reader_origin(reader, domain, &facts->origin, err);
	facts->has_origin = rc > 0;
	return rc < 0 ? -1 : 0;
}

static int
gather_local(struct follow *follow, struct bmx_error *err)
{
	struct bmx_list_reader *reader;
	int rc = -1;

	if (!follow->store)
		return 0;
	reader = bmx_list_reader_new(follow->store, err);
	if (reader && bmx_list_reader_begin(reader, err) == 0) {
		rc = read_local(follow, reader, err);
		bmx_list_reader_end(reader);
	}
	bmx_list_reader_free(&reader);
	return rc;
}

static int
gather(struct follow *follow, struct bmx_error *err)
{
	const struct bmx_list_remote *remote = &follow->remote;
	struct bmx_follow_facts *facts = &follow->facts;

	if (gather_local(follow, err) != 0 ||
	    bmx_list_link_read_meta(&follow->link, BMX_LIST_NO_WATCH,
	                            &follow->remote, err) != 0)
		return -1;
	facts->found = remote->found;
	facts->foreign = remote->foreign.text;
	facts->publication = remote->publication;
	facts->set_found = remote->set_found;
	facts->members = remote->members;
	facts->max_shrink = follow->options.max_shrink;
	facts->force = follow->options.force;
	return 0;
}

/*
 * Acts.
 */

/* The store checks that what it gets is what was published. */
static void
expect_published(struct follow *follow)
{
	follow->origin = (struct bmx_list_origin){
		.generation = follow->remote.publication.generation,
		.count = follow->remote.publication.count,
		.digest = follow->remote.publication.digest,
	};
	follow->options.origin = &follow->origin;
}

static int
apply(struct follow *follow, struct bmx_list_changes *changes,
      struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	const struct bmx_list_delta *deltas;
	size_t count;

	if (bmx_list_changes_settle(changes, &deltas, &count, err) != 0)
		return -1;
	expect_published(follow);
	return bmx_list_store_apply(follow->store,
	                            bmx_slice_of(follow->spec->domain), deltas,
	                            count, &follow->options, result_out, err);
}

/* @return 0, -1 with *err, or 1: the whole must be read */
static int
follow_deltas(struct follow *follow, struct bmx_list_replace_result *result_out,
              struct bmx_error *err)
{
	struct bmx_list_changes *changes =
		bmx_list_changes_new(follow->spec->case_sensitive);
	int rc;

	if (!changes)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the list");
	rc = bmx_list_link_read_log(
		&follow->link, follow->facts.origin.generation,
		follow->remote.publication.generation, changes, err);
	if (rc > 0)
		rc = apply(follow, changes, result_out, err);
	else if (rc == 0)
		rc = 1;
	bmx_list_changes_free(&changes);
	/* A log that leads elsewhere than the meta says, or a list here that
	 * is not what its record says: the set itself decides. */
	return rc < 0 && err->code == BMX_E_CORRUPT ? 1 : rc;
}

static int
replace(struct follow *follow, struct bmx_list_changes *changes,
        struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	struct bmx_list_entry *entries;
	size_t count;
	int rc;

	if (bmx_list_changes_whole(changes, &entries, &count, err) != 0)
		return -1;
	expect_published(follow);
	rc = bmx_list_store_replace(follow->store,
	                            bmx_slice_of(follow->spec->domain), entries,
	                            count, &follow->options, result_out, err);
	free(entries);
	return rc;
}

static int
follow_whole(struct follow *follow, struct bmx_list_replace_result *result_out,
             struct bmx_error *err)
{
	struct bmx_list_changes *changes;
	int rc;

	if (bmx_list_link_read_whole(&follow->link,
	                             follow->spec->case_sensitive,
	                             &follow->remote, &changes, err) != 0)
		return -1;
	rc = replace(follow, changes, result_out, err);
	bmx_list_changes_free(&changes);
	return rc;
}

/* Nothing to change: the time of the last good sync is renewed. */
static int
follow_nothing(struct follow *follow,
               struct bmx_list_replace_result *result_out,
               struct bmx_error *err)
{
	expect_published(follow);
	return bmx_list_store_apply(follow->store,
	                            bmx_slice_of(follow->spec->domain), NULL, 0,
	                            &follow->options, result_out, err);
}

static int
act(struct follow *follow, struct bmx_list_replace_result *result_out,
    struct bmx_error *err)
{
	int rc = 1;

	switch (bmx_follow_decide(&follow->facts, err)) {
	case BMX_FOLLOW_REFUSE:
		result_out->before = follow->facts.count;
		if (follow->facts.found == BMX_PUBLICATION_FOUND)
			result_out->after = follow->remote.publication.count;
		return -1;
	case BMX_FOLLOW_NOTHING:
		return follow_nothing(follow, result_out, err);
	case BMX_FOLLOW_DELTAS:
		rc = follow_deltas(follow, result_out, err);
		break;
	case BMX_FOLLOW_WHOLE:
		break;
	}
	return rc > 0 ? follow_whole(follow, result_out, err) : rc;
}

int
bmx_list_follow(struct bmx_list_store *store,
                const struct bmx_list_sync_spec *spec,
                const struct bmx_list_replace_options *options,
                struct bmx_list_replace_result *result_out,
                struct bmx_error *err)
{
	struct follow follow = {
		.store = store, .spec = spec, .options = *options};
	int rc;

	if (!spec->redis)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "the source redis: needs a section redis "
		                     "in the configuration");
	if (bmx_list_link_open(&follow.link, spec->redis,
	                       bmx_slice_of(spec->domain), "backupmx-sync",
	                       err) != 0)
		return -1;
	rc = gather(&follow, err);
	if (rc == 0)
		rc = act(&follow, result_out, err);
	bmx_list_link_close(&follow.link);
	return rc;
}
