#include <backupmx/publication.h>

#include <assert.h>
#include <inttypes.h>

#include "list_guard.h"

static const char *const publish_names[] = {"nothing", "delta", "full",
                                            "refuse"};
static_assert(sizeof(publish_names) / sizeof(publish_names[0]) ==
                      BMX_PUBLISH_REFUSE + 1,
              "one name an act");

static const char *const follow_names[] = {"nothing", "deltas", "whole",
                                           "refuse"};
static_assert(sizeof(follow_names) / sizeof(follow_names[0]) ==
                      BMX_FOLLOW_REFUSE + 1,
              "one name an act");

const char *
bmx_publish_act_name(enum bmx_publish_act act)
{
	return publish_names[act];
}

const char *
bmx_follow_act_name(enum bmx_follow_act act)
{
	return follow_names[act];
}

/*
 * The publisher.
 */

static bool
is_whole(const struct bmx_publish_facts *facts)
{
	return facts->found == BMX_PUBLICATION_FOUND &&
		facts->members == facts->count;
}

/* Small enough for followers to apply it, and for Redis to carry it out at
 * once without keeping others waiting. */
static bool
fits_delta(const struct bmx_publish_facts *facts)
{
	const uint64_t changes = facts->added + facts->removed + facts->changed;

	return facts->compared && changes > 0 &&
		changes <= BMX_PUBLICATION_DELTA_MAX &&
		facts->delta_bytes <= BMX_PUBLICATION_ENTRY_MAX / 2;
}

/* Is the new list in force, for followers too? A Redis that went back, to a
 * replica that was behind, is older than what they have. */
static bool
is_in_force(const struct bmx_publish_facts *facts)
{
	return is_whole(facts) && facts->digest == facts->new_digest &&
		facts->count == facts->new_count &&
		facts->generation >= facts->published;
}

/* How many are lost: when the members in force are not known, at least as
 * many as their number says. */
static uint64_t
lost_by(const struct bmx_publish_facts *facts)
{
	if (facts->compared)
		return facts->removed;
	return facts->count > facts->new_count ?
		facts->count - facts->new_count :
		0;
}

enum bmx_publish_act
bmx_publish_decide(const struct bmx_publish_facts *facts, struct bmx_error *err)
{
	if (bmx_list_guard_empty(facts->new_count, err) != 0)
		return BMX_PUBLISH_REFUSE;
	if (facts->found == BMX_PUBLICATION_FOREIGN) {
		if (facts->force)
			return BMX_PUBLISH_FULL;
		(void)bmx_error_set(err, BMX_E_CORRUPT,
		                    "what stands in Redis is not a list of "
		                    "this release; --force replaces it");
		return BMX_PUBLISH_REFUSE;
	}
	if (facts->found == BMX_PUBLICATION_ABSENT)
		return BMX_PUBLISH_FULL;
	if (is_in_force(facts))
		return facts->force ? BMX_PUBLISH_FULL : BMX_PUBLISH_NOTHING;
	if (!facts->force &&
	    bmx_list_guard_shrink(facts->count, lost_by(facts),
	                          facts->max_shrink, err) != 0)
		return BMX_PUBLISH_REFUSE;
	return is_whole(facts) && fits_delta(facts) ? BMX_PUBLISH_DELTA :
						      BMX_PUBLISH_FULL;
}

/*
 * The follower.
 */

static enum bmx_follow_act
refuse_what_is_found(const struct bmx_follow_facts *facts,
                     struct bmx_error *err)
{
	if (facts->found == BMX_PUBLICATION_ABSENT)
		(void)bmx_error_set(err, BMX_E_NOT_FOUND,
		                    "Redis has no published list%s",
		                    facts->has_origin ? " any more" : "");
	else
		(void)bmx_error_set(err, BMX_E_CORRUPT,
		                    "Redis holds something else in the place "
		                    "of the list: %s",
		                    facts->foreign ? facts->foreign : "");
	return BMX_FOLLOW_REFUSE;
}

/* Emptied, evicted or written to by somebody else. */
static int
check_set(const struct bmx_follow_facts *facts, struct bmx_error *err)
{
	const struct bmx_publication *p = &facts->publication;

	if (!facts->set_found)
		return bmx_error_set(err, BMX_E_CORRUPT,
		                     "Redis holds something else than a set in "
		                     "the place of the members");
	if (facts->members == p->count && p->count > 0)
		return 0;
	return bmx_error_set(err, BMX_E_CORRUPT,
	                     "the published list has %" PRIu64
	                     " members, its meta says %" PRIu64
	                     ": emptied, evicted or damaged",
	                     facts->members, p->count);
}

static int
check_age(const struct bmx_follow_facts *facts, struct bmx_error *err)
{
	const struct bmx_publication *p = &facts->publication;
	const struct bmx_list_origin *origin = &facts->origin;

	if (!facts->has_origin || facts->force)
		return 0;
	if (p->generation < origin->generation)
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "the published list is older (generation "
		                     "%" PRIu64 ") than the one that was "
		                     "followed (%" PRIu64 ")",
		                     p->generation, origin->generation);
	if (p->generation == origin->generation &&
	    (p->digest != origin->digest || p->count != origin->count))
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "generation %" PRIu64 " of the published "
		                     "list is not the one that was followed "
		                     "under that number",
		                     p->generation);
	return 0;
}

/* What the numbers tell before a million members are read. */
static int
check_guards(const struct bmx_follow_facts *facts, struct bmx_error *err)
{
	const struct bmx_publication *p = &facts->publication;

	if (facts->force)
		return 0;
	if (facts->held && facts->held_digest == p->digest)
		return bmx_error_set(err, BMX_E_REFUSED,
		                     "the published list is the one that a "
		                     "rollback took out of force");
	if (!facts->has_list || facts->count <= p->count)
		return 0;
	return bmx_list_guard_shrink(facts->count, facts->count - p->count,
	                             facts->max_shrink, err);
}

enum bmx_follow_act
bmx_follow_decide(const struct bmx_follow_facts *facts, struct bmx_error *err)
{
	const struct bmx_publication *p = &facts->publication;
	const struct bmx_list_origin *origin = &facts->origin;
	bool followed;

	if (facts->found != BMX_PUBLICATION_FOUND)
		return refuse_what_is_found(facts, err);
	if (check_age(facts, err) != 0 || check_set(facts, err) != 0 ||
	    check_guards(facts, err) != 0)
		return BMX_FOLLOW_REFUSE;
	followed = facts->has_list && facts->has_origin && origin->in_force &&
		facts->digest == origin->digest &&
		facts->count == origin->count;
	if (!followed || p->generation < origin->generation)
		return BMX_FOLLOW_WHOLE;
	return p->generation == origin->generation ? BMX_FOLLOW_NOTHING :
						     BMX_FOLLOW_DELTAS;
}
