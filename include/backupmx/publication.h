/*
 * publication.h - a recipient list as it stands in Redis: its keys, its
 * records, and what a publisher and a follower do about them.
 *
 * All is pure: no I/O, no clock, no log; what comes from Redis is hostile.
 *
 * The keys of a domain (DESIGN.md section 6) share the hash tag {DOMAIN}:
 *
 *	PREFIX:{DOMAIN}:meta      hash, the fields below
 *	PREFIX:{DOMAIN}:list:HEX  set, named by the meta's field `list`. A full
 *	                          load goes to a new one; the old one expires.
 *	                          (PREFIX:{DOMAIN}:list itself is fine, too.)
 *	PREFIX:{DOMAIN}:log       stream, at most one entry a generation
 *	PREFIX:changed            channel, messages "DOMAIN GENERATION"
 *
 * A member of the set is a local part in look-up form, "*" the wildcard; one
 * whose mailbox is disabled or full has "@disabled" or "@full" behind it,
 * which no local part can hold.
 *
 * The meta's fields, all of them required:
 *
 *	schema      1
 *	generation  decimal; grows with each change. The first one is the time
 *	            in ms, so that it is above all that a Redis which lost its
 *	            data ever had
 *	count       members of the set
 *	digest      16 hex digits, DESIGN.md section 6
 *	updated_at  ms since 1970
 *	source      where the publisher has the list from, for people
 *	list        the set's key
 *
 * An entry of the log has the id GENERATION-0 and the fields `previous` (the
 * generation that it follows on), `count`, `digest` (both of the list after
 * it), `removed` and `added`: members, each with a line feed behind it, which
 * no member can hold. Removed ones go first. A full load empties the log.
 */
#ifndef BACKUPMX_PUBLICATION_H
#define BACKUPMX_PUBLICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <backupmx/error.h>
#include <backupmx/list_store.h>
#include <backupmx/slice.h>
#include <backupmx/text.h>

#define BMX_PUBLICATION_SCHEMA 1
/** Octets of a key, terminator included. */
#define BMX_PUBLICATION_KEY_MAX ((size_t)400)
/** Most hex digits behind `list:`. */
#define BMX_PUBLICATION_LIST_HEX_MAX ((size_t)32)
/** Octets of a meta field's value, terminator included. */
#define BMX_PUBLICATION_VALUE_MAX BMX_PUBLICATION_KEY_MAX
/** Most octets of `added` or `removed` of one log entry. */
#define BMX_PUBLICATION_ENTRY_MAX ((size_t)512 * 1024)
/** Most changes that go into one log entry; more make a full load. */
#define BMX_PUBLICATION_DELTA_MAX ((uint64_t)10000)

enum bmx_publication_key {
	BMX_PUBLICATION_META,
	BMX_PUBLICATION_LIST, /* what the name of every set begins with */
	BMX_PUBLICATION_LOG,
};

/** Appends the key of domain; it fits BMX_PUBLICATION_KEY_MAX when prefix has
 * at most 64 octets and domain BMX_DOMAIN_MAX. */
void bmx_publication_append_key(struct bmx_text *text, const char *prefix,
                                struct bmx_slice domain,
                                enum bmx_publication_key key);

/** Appends the name of the channel. */
void bmx_publication_append_channel(struct bmx_text *text, const char *prefix);

/** Appends a message for the channel. */
void bmx_publication_append_message(struct bmx_text *text,
                                    struct bmx_slice domain,
                                    uint64_t generation);

/** Reads a message. @return 0, or -1 when it is none; *domain_out borrows */
int bmx_publication_read_message(struct bmx_slice message,
                                 struct bmx_slice *domain_out,
                                 uint64_t *generation_out);

/** The meta of a published list. */
struct bmx_publication {
	uint64_t generation; /* at least 1 */
	uint64_t count;      /* 0: nobody publishes that */
	uint64_t digest;
	int64_t updated_at_ms;              /* wall */
	char source[BMX_LIST_SOURCE_MAX];   /* terminated, clean */
	char list[BMX_PUBLICATION_KEY_MAX]; /* terminated */
};

/** The fields of a meta, in their order. */
#define BMX_PUBLICATION_FIELDS ((size_t)7)

/** A meta as names and values, as HSET takes them. */
struct bmx_publication_fields {
	struct {
		const char *name; /* a literal */
		char value[BMX_PUBLICATION_VALUE_MAX];
	} field[BMX_PUBLICATION_FIELDS];
};

/** Fills *fields_out. */
void bmx_publication_to_fields(const struct bmx_publication *publication,
                               struct bmx_publication_fields *fields_out);

/** A meta while it is read: begin, each field, end. */
struct bmx_publication_reader {
	struct bmx_publication publication;
	unsigned seen;   /* bits of the fields that were there */
	const char *bad; /* name of the first one that is not as it must be */
	bool other_schema;
};

/** Starts to read a meta. */
void bmx_publication_begin(struct bmx_publication_reader *reader);

/** One field, octets of any content; unknown names are let pass. */
void bmx_publication_field(struct bmx_publication_reader *reader,
                           struct bmx_slice name, struct bmx_slice value);

/**
 * Ends. prefix and domain are those of the key that was read: the set must be
 * one of theirs.
 * @return 0 with *publication_out, or -1 with *err (BMX_E_CORRUPT) that says
 *         which field is missing, doubled or not of its form or range, or
 *         that the schema is another one
 */
int bmx_publication_end(const struct bmx_publication_reader *reader,
                        const char *prefix, struct bmx_slice domain,
                        struct bmx_publication *publication_out,
                        struct bmx_error *err);

/** The generation that follows on previous (0: none) at wall time now_ms. */
uint64_t bmx_publication_next(uint64_t previous, int64_t now_ms);

/*
 * The log.
 */

/** An entry of the log; added and removed are borrowed. */
struct bmx_publication_entry {
	uint64_t generation;
	uint64_t previous;
	uint64_t count;
	uint64_t digest;
	struct bmx_slice removed;
	struct bmx_slice added;
};

/** An entry while it is read: begin, each field, end. */
struct bmx_publication_entry_reader {
	struct bmx_publication_entry entry;
	unsigned seen;
	bool bad;
};

/** Starts to read the entry with that id, octets of any content. */
void bmx_publication_entry_begin(struct bmx_publication_entry_reader *reader,
                                 struct bmx_slice id);

/** One field, octets of any content; unknown names are let pass. */
void bmx_publication_entry_field(struct bmx_publication_entry_reader *reader,
                                 struct bmx_slice name, struct bmx_slice value);

/** @return 0 with *entry_out, or -1 with *err (BMX_E_CORRUPT) */
int bmx_publication_entry_end(const struct bmx_publication_entry_reader *reader,
                              struct bmx_publication_entry *entry_out,
                              struct bmx_error *err);

/**
 * Takes the next member off *members, which is `added` or `removed`.
 * @return 1 with *member_out, 0 at the end, -1 when a line has no end
 */
int bmx_publication_next_member(struct bmx_slice *members,
                                struct bmx_slice *member_out);

/*
 * What a publisher does.
 */

/** What was found under a key of ours. */
enum bmx_publication_found {
	BMX_PUBLICATION_FOUND,
	BMX_PUBLICATION_ABSENT,
	BMX_PUBLICATION_FOREIGN, /* of another type, or not to be understood */
};

enum bmx_publish_act {
	BMX_PUBLISH_NOTHING, /* the list in force is the new one */
	BMX_PUBLISH_DELTA,   /* change the set that is there */
	BMX_PUBLISH_FULL,    /* a new set */
	BMX_PUBLISH_REFUSE,  /* *err says why */
};

/** "nothing", "delta", "full", "refuse". */
const char *bmx_publish_act_name(enum bmx_publish_act act);

struct bmx_publish_facts {
	enum bmx_publication_found found;
	uint64_t generation; /* of the meta, when found */
	uint64_t count;
	uint64_t digest;
	uint64_t members;   /* of its set: SCARD */
	uint64_t published; /* the last generation from here; 0: not known */

	bool compared;      /* the members in force are known, and so are: */
	uint64_t added;     /* local parts that are new */
	uint64_t removed;   /* local parts that are gone */
	uint64_t changed;   /* local parts in another state */
	size_t delta_bytes; /* of all members of a log entry */

	uint64_t new_count;
	uint64_t new_digest;
	int64_t max_shrink; /* per cent */
	bool force; /* no guard applies; what is the same is written anew */
};

/** Decides; *err is set for BMX_PUBLISH_REFUSE: BMX_E_REFUSED, and
 * BMX_E_CORRUPT for what is not ours to overwrite without force. */
enum bmx_publish_act bmx_publish_decide(const struct bmx_publish_facts *facts,
                                        struct bmx_error *err);

/*
 * What a follower does.
 */

enum bmx_follow_act {
	BMX_FOLLOW_NOTHING, /* the local list is the published one */
	BMX_FOLLOW_DELTAS,  /* apply the log from the local generation on; read
	                       the whole when it does not reach back */
	BMX_FOLLOW_WHOLE,   /* read the whole set */
	BMX_FOLLOW_REFUSE,  /* the local list stays: *err says why */
};

/** "nothing", "deltas", "whole", "refuse". */
const char *bmx_follow_act_name(enum bmx_follow_act act);

struct bmx_follow_facts {
	bool has_list; /* below */
	uint64_t count;
	uint64_t digest;
	bool held; /* a rollback holds held_digest back */
	uint64_t held_digest;
	bool has_origin;
	struct bmx_list_origin origin;

	enum bmx_publication_found found;
	const char *foreign;                /* of FOREIGN: what it is */
	struct bmx_publication publication; /* when found */
	bool set_found;   /* the key of the set holds a set, or nothing */
	uint64_t members; /* of the set: SCARD */
	int64_t max_shrink;
	bool force; /* no guard applies; what is inconsistent is refused */
};

/** Decides; *err is set for BMX_FOLLOW_REFUSE: BMX_E_NOT_FOUND (nothing is
 * published), BMX_E_CORRUPT, BMX_E_REFUSED. */
enum bmx_follow_act bmx_follow_decide(const struct bmx_follow_facts *facts,
                                      struct bmx_error *err);

#endif
