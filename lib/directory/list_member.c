#include "list_member.h"

#include <assert.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/text.h>

/* Octets of a bad member that an error shows. */
#define SHOWN_MAX ((size_t)80)

static const char *const suffixes[] = {
	[BMX_RECIPIENT_ACTIVE] = "",
	[BMX_RECIPIENT_DISABLED] = "@disabled",
	[BMX_RECIPIENT_FULL] = "@full",
};
#define STATES (sizeof(suffixes) / sizeof(suffixes[0]))
static_assert(STATES == BMX_RECIPIENT_FULL + 1, "one suffix a state");

struct bmx_slice
bmx_list_member_of(const struct bmx_list_entry *entry,
                   char buffer[BMX_LIST_MEMBER_MAX])
{
	const struct bmx_slice suffix = bmx_slice_of(suffixes[entry->state]);

	if (suffix.len == 0)
		return entry->local;
	assert(entry->local.len <= BMX_LOCAL_MAX);
	memcpy(buffer, entry->local.data, entry->local.len);
	memcpy(buffer + entry->local.len, suffix.data, suffix.len);
	return (struct bmx_slice){buffer, entry->local.len + suffix.len};
}

static int
bad_member(struct bmx_slice member, struct bmx_error *err)
{
	char shown[SHOWN_MAX + 8];
	struct bmx_text text;

	bmx_text_init(&text, shown, sizeof(shown));
	bmx_text_append_clean(&text, member, SHOWN_MAX);
	return bmx_error_set(err, BMX_E_CORRUPT,
	                     "the published list holds \"%s\", which is not "
	                     "in look-up form; case_sensitive must be the same "
	                     "on both sides",
	                     shown);
}

/* Takes the suffix off; false when there is one that means nothing. */
static bool
take_state(struct bmx_slice *local, enum bmx_recipient_state *state_out)
{
	const char *at = memchr(local->data, '@', local->len);
	struct bmx_slice suffix;

	*state_out = BMX_RECIPIENT_ACTIVE;
	if (!at)
		return true;
	suffix.data = at;
	suffix.len = local->len - (size_t)(at - local->data);
	for (size_t i = 1; i < STATES; i++)
		if (bmx_slice_equal(suffix, bmx_slice_of(suffixes[i]))) {
			*state_out = (enum bmx_recipient_state)i;
			local->len -= suffix.len;
			return true;
		}
	return false;
}

int
bmx_list_member_read(struct bmx_slice member, bool case_sensitive,
                     struct bmx_list_entry *entry_out, struct bmx_error *err)
{
	char buffer[BMX_LOCAL_BUFFER];
	struct bmx_slice local = member, normal;
	bool utf8;

	if (member.len == 0 || member.len > BMX_LIST_MEMBER_MAX ||
	    !take_state(&local, &entry_out->state))
		return bad_member(member, err);
	entry_out->local = local;
	if (bmx_slice_equal(local, BMX_SLICE(BMX_LOCAL_WILDCARD)))
		return 0;
	switch (bmx_local_normalise_internal(local, case_sensitive, buffer,
	                                     &normal, &utf8)) {
	case BMX_LOCAL_OK:
		return bmx_slice_equal(normal, local) ? 0 :
							bad_member(member, err);
	case BMX_LOCAL_UNLISTABLE:
		return bad_member(member, err);
	case BMX_LOCAL_NOMEM:
		break;
	}
	return bmx_error_set(err, BMX_E_NOMEM, "no memory for the list");
}
