#include "milter/edits.h"

#include <stdio.h>

#include <libmilter/mfapi.h>

#include "milter/headers.h"

/* libmilter's calls take char * and only read it. */
struct call {
	char name[64];
	char body[BMX_SCAN_FIELD_MAX * 2 + 1];
};

_Static_assert(sizeof(((struct call *)0)->body) >= BMX_HEADER_BUFFER &&
                       sizeof(((struct call *)0)->body) >= BMX_SEAL_TEXT_MAX,
               "the fields that we add fit");

static void
fill(struct call *call, const char *name, const char *body)
{
	(void)snprintf(call->name, sizeof(call->name), "%s", name);
	(void)snprintf(call->body, sizeof(call->body), "%s", body);
}

static int
insert(SMFICTX *ctx, int place, const char *name, const char *body)
{
	struct call call;

	fill(&call, name, body);
	return place < 0 ? smfi_addheader(ctx, call.name, call.body) :
			   smfi_insheader(ctx, place, call.name, call.body);
}

static int
take_out(SMFICTX *ctx, const struct bmx_session_removal *removal)
{
	struct call call;

	fill(&call, removal->name, "");
	return smfi_chgheader(ctx, call.name, (int)removal->which, NULL);
}

/* Of others: out of the way before our own fields are put on top. */
static int
edit_theirs(SMFICTX *ctx, const struct bmx_session_edits *edits)
{
	for (size_t i = 0; i < edits->removal_count; i++)
		if (take_out(ctx, &edits->removals[i]) != MI_SUCCESS)
			return -1;
	for (size_t i = 0; i < edits->added_count; i++)
		if (insert(ctx, edits->added[i].place, edits->added[i].name,
		           edits->added[i].body) != MI_SUCCESS)
			return -1;
	return 0;
}

/* From the lowest to the one on top. */
static int
add_ours(SMFICTX *ctx, const struct bmx_session_edits *edits)
{
	const struct {
		const char *name, *body;
	} ours[] = {
		{BMX_HEADER_AUTH_RESULTS, edits->auth_results},
		{BMX_HEADER_RECEIVED_SPF, edits->received_spf},
		{BMX_SEAL_HEADER, edits->seal},
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (ours[i].body &&
		    insert(ctx, 0, ours[i].name, ours[i].body) != MI_SUCCESS)
			return -1;
	return 0;
}

static int
quarantine(SMFICTX *ctx, const char *reason)
{
	struct call call;

	if (!reason)
		return 0;
	fill(&call, "", reason);
	return smfi_quarantine(ctx, call.body) == MI_SUCCESS ? 0 : -1;
}

int
bmx_edits_apply(SMFICTX *ctx, const struct bmx_session_edits *edits)
{
	if (edit_theirs(ctx, edits) != 0 || add_ours(ctx, edits) != 0)
		return -1;
	return quarantine(ctx, edits->quarantine);
}
