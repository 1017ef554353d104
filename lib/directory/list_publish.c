#include <backupmx/list_publish.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list_copy.h"
#include "list_digest.h"
#include "list_link.h"
#include "list_member.h"
#include "list_publish_write.h"
#include "list_read.h"

/* One publication under way. */
struct publish {
	const struct bmx_list_sync_spec *spec;
	const struct bmx_list_publish_options *options;
	struct bmx_slice domain;
	struct bmx_list list; /* the new one */
	uint64_t digest;      /* of it */
	struct bmx_list_link link;
	struct bmx_list_remote remote;
	struct bmx_list_store *copy; /* NULL: there is none */
	bool copy_fits;              /* it is what Redis has */
	uint64_t copy_generation;
	struct bmx_list_diff diff; /* from what Redis has to the new list */
	bool compared;
};

static int
digest_of(struct bmx_slice domain, const struct bmx_list_entry *entries,
          size_t count, uint64_t *digest_out, struct bmx_error *err)
{
	struct bmx_list_digest digest;
	char member[BMX_LIST_MEMBER_MAX];

	if (bmx_list_digest_init(&digest, domain, 0, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		bmx_list_digest_add(&digest,
		                    bmx_list_member_of(&entries[i], member));
	*digest_out = digest.sum;
	return 0;
}

/*
 * What differs from the list in force.
 */

static int
compare_with(struct publish *publish, const struct bmx_list_entry *entries,
             size_t count, struct bmx_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (bmx_list_diff_old(&publish->diff, &entries[i], err) != 0)
			return -1;
	return bmx_list_diff_end(&publish->diff, err);
}

/* A set that is not what its meta says is compared with nothing: it is
 * replaced whole. */
static int
compare_with_set(struct publish *publish, const struct bmx_list_entry *entries,
                 size_t count, struct bmx_error *err)
{
	uint64_t digest;
	int rc = digest_of(publish->domain, entries, count, &digest, err);

	if (rc == 0 && digest == publish->remote.publication.digest) {
		rc = compare_with(publish, entries, count, err);
		publish->compared = rc == 0;
	}
	return rc;
}

static int
compare_with_redis(struct publish *publish, struct bmx_error *err)
{
	struct bmx_list_changes *changes = NULL;
	struct bmx_list_entry *entries = NULL;
	size_t count;
	int rc = bmx_list_link_read_whole(&publish->link,
	                                  publish->spec->case_sensitive,
	                                  &publish->remote, &changes, err);

	if (rc == 0)
		rc = bmx_list_changes_whole(changes, &entries, &count, err);
	if (rc == 0)
		rc = compare_with_set(publish, entries, count, err);
	free(entries);
	bmx_list_changes_free(&changes);
	return rc < 0 && err->code == BMX_E_CORRUPT ? 0 : rc;
}

static bool
is_new_list(const struct publish *publish)
{
	const struct bmx_publication *p = &publish->remote.publication;

	return p->digest == publish->digest && p->count == publish->list.count;
}

static int
compare(struct publish *publish, struct bmx_error *err)
{
	const struct bmx_list_remote *remote = &publish->remote;

	if (remote->found == BMX_PUBLICATION_FOREIGN ||
	    (remote->found == BMX_PUBLICATION_FOUND &&
	     (!remote->set_found ||
	      remote->members != remote->publication.count)))
		return 0;
	publish->compared = true;
	if (remote->found == BMX_PUBLICATION_ABSENT)
		return compare_with(publish, NULL, 0, err);
	if (is_new_list(publish))
		return 0;
	if (publish->copy_fits)
		return bmx_list_copy_compare(publish->copy, publish->domain,
		                             &publish->diff, err);
	publish->compared = false;
	return compare_with_redis(publish, err);
}

/*
 * Deciding and doing.
 */

static enum bmx_publish_act
decide(const struct publish *publish, struct bmx_error *err)
{
	const struct bmx_publication *p = &publish->remote.publication;
	const struct bmx_list_diff *diff = &publish->diff;
	const struct bmx_publish_facts facts = {
		.found = publish->remote.found,
		.generation = p->generation,
		.count = p->count,
		.digest = p->digest,
		.members = publish->remote.members,
		.published = publish->copy_generation,
		.compared = publish->compared,
		.added = diff->added,
		.removed = diff->removed,
		.changed = diff->changed,
		.delta_bytes = diff->gone.len + diff->come.len,
		.new_count = publish->list.count,
		.new_digest = publish->digest,
		.max_shrink = publish->options->max_shrink,
		.force = publish->options->force,
	};

	return bmx_publish_decide(&facts, err);
}

static uint64_t
next_generation(const struct publish *publish)
{
	const uint64_t previous =
		publish->remote.found == BMX_PUBLICATION_FOUND ?
		publish->remote.publication.generation :
		0;
	const uint64_t next =
		bmx_publication_next(previous, publish->options->now_ms);

	/* The clock may have gone back since Redis lost its data. */
	return next > publish->copy_generation ? next :
						 publish->copy_generation + 1;
}

/* Everybody who may read Redis sees it: no secret may be in it. */
static const char *
source_name(const char *source, char buffer[BMX_LIST_FETCH_NAME_MAX])
{
	return bmx_list_is_fetched(source) ?
		bmx_list_fetch_name(source, buffer) :
		source;
}

static struct bmx_publication
new_publication(const struct publish *publish)
{
	struct bmx_publication publication = {
		.generation = next_generation(publish),
		.count = publish->list.count,
		.digest = publish->digest,
		.updated_at_ms = publish->options->now_ms,
	};
	char name[BMX_LIST_FETCH_NAME_MAX];
	struct bmx_text text;

	bmx_text_init(&text, publication.source, sizeof(publication.source));
	bmx_text_append_clean(
		&text, bmx_slice_of(source_name(publish->spec->source, name)),
		sizeof(publication.source) - 4);
	return publication;
}

static void
update_copy(struct publish *publish, const struct bmx_publication *publication,
            bool by_diff)
{
	char name[BMX_LIST_FETCH_NAME_MAX];
	const struct bmx_list_copy_change change = {
		.entries = publish->list.entries,
		.count = publish->list.count,
		.diff = by_diff ? &publish->diff : NULL,
		.case_sensitive = publish->spec->case_sensitive,
		.publication = publication,
		.source = source_name(publish->spec->source, name),
		.now_ms = publish->options->now_ms,
	};

	bmx_list_copy_update(publish->copy, publish->domain, &change);
}

static int
write_list(struct publish *publish, enum bmx_publish_act act,
           struct bmx_error *err)
{
	struct bmx_list_publish_write write = {
		.link = &publish->link,
		.remote = &publish->remote,
		.list = &publish->list,
		.diff = &publish->diff,
		.publication = new_publication(publish),
	};
	const bool delta = act == BMX_PUBLISH_DELTA;
	const int rc = delta ? bmx_list_publish_delta(&write, err) :
			       bmx_list_publish_full(&write, err);

	if (rc != 0)
		return -1;
	update_copy(publish, &write.publication, delta && publish->copy_fits);
	publish->remote.publication = write.publication;
	return 0;
}

static void
fill_result(const struct publish *publish, enum bmx_publish_act act,
            struct bmx_list_publish_result *result_out)
{
	const struct bmx_publication *p = &publish->remote.publication;
	const bool found = publish->remote.found == BMX_PUBLICATION_FOUND;

	*result_out = (struct bmx_list_publish_result){
		.act = act,
		.compared = publish->compared,
		.counts =
			{
				.generation = found ? p->generation : 0,
				.before = found ? p->count : 0,
				.after = publish->list.count,
				.added = publish->diff.added,
				.removed = publish->diff.removed,
				.changed = publish->diff.changed,
			},
	};
}

static int
act(struct publish *publish, struct bmx_list_publish_result *result_out,
    struct bmx_error *err)
{
	const enum bmx_publish_act what = decide(publish, err);

	fill_result(publish, what, result_out);
	if (what == BMX_PUBLISH_REFUSE)
		return -1;
	if (publish->options->dry_run)
		return 0;
	if (what == BMX_PUBLISH_NOTHING) {
		if (!publish->copy_fits)
			update_copy(publish, &publish->remote.publication,
			            false);
		return 0;
	}
	if (write_list(publish, what, err) != 0)
		return -1;
	result_out->counts.generation = publish->remote.publication.generation;
	return 0;
}

static int
publish_list(struct publish *publish,
             struct bmx_list_publish_result *result_out, struct bmx_error *err)
{
	const struct bmx_list_publish_options *options = publish->options;
	const struct bmx_list_remote *remote = &publish->remote;

	if (bmx_list_link_read_meta(&publish->link, BMX_LIST_NO_WATCH,
	                            &publish->remote, err) != 0)
		return -1;
	publish->copy =
		bmx_list_copy_open(options->state_dir, !options->dry_run);
	publish->copy_generation = bmx_list_copy_is(
		publish->copy, publish->domain,
		remote->found == BMX_PUBLICATION_FOUND ? &remote->publication :
							 NULL,
		&publish->copy_fits);
	bmx_list_diff_begin(&publish->diff, publish->list.entries,
	                    publish->list.count, options->on_change,
	                    options->ctx);
	if (compare(publish, err) != 0)
		return -1;
	return act(publish, result_out, err);
}

static int
read_source(struct publish *publish, struct bmx_error *err)
{
	struct bmx_list_text text;

	if (bmx_list_read(publish->spec, NULL, &text, err) != 0)
		return -1;
	publish->list = text.list;
	return 0;
}

int
bmx_list_publish(const struct bmx_list_sync_spec *spec,
                 const struct bmx_list_publish_options *options,
                 struct bmx_list_publish_result *result_out,
                 struct bmx_error *err)
{
	struct publish publish = {.spec = spec,
	                          .options = options,
	                          .domain = bmx_slice_of(spec->domain)};
	struct bmx_error why = {0};
	int rc = -1;

	memset(result_out, 0, sizeof(*result_out));
	if (!spec->redis)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "publishing needs a section redis in the "
		                     "configuration");
	if (read_source(&publish, &why) == 0 &&
	    digest_of(publish.domain, publish.list.entries, publish.list.count,
	              &publish.digest, &why) == 0 &&
	    bmx_list_link_open(&publish.link, spec->redis, publish.domain,
	                       "backupmx-publish", &why) == 0)
		rc = publish_list(&publish, result_out, &why);
	bmx_list_diff_clear(&publish.diff);
	bmx_list_store_free(&publish.copy);
	bmx_list_link_close(&publish.link);
	bmx_list_clear(&publish.list);
	if (rc != 0 && err)
		*err = why;
	return rc;
}
