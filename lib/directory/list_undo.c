#include "list_undo.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Octets of a record before its local part. */
#define STEP_HEAD ((size_t)4)

void
bmx_list_undo_clear(struct bmx_list_undo *undo)
{
	free(undo->data);
	memset(undo, 0, sizeof(*undo));
}

static int
make_room(struct bmx_list_undo *undo, size_t more, struct bmx_error *err)
{
	size_t size = undo->size ? undo->size : 4096;
	uint8_t *data;

	if (undo->size - undo->len >= more)
		return 0;
	while (size - undo->len < more) {
		if (size > SIZE_MAX / 2)
			return bmx_error_set(err, BMX_E_NOMEM,
			                     "the list's changes do not fit "
			                     "in memory");
		size *= 2;
	}
	data = realloc(undo->data, size);
	if (!data)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for the list's changes");
	undo->data = data;
	undo->size = size;
	return 0;
}

static void
count_step(struct bmx_list_undo *undo, enum bmx_list_change change)
{
	switch (change) {
	case BMX_LIST_ADDED:
		undo->added++;
		break;
	case BMX_LIST_REMOVED:
		undo->removed++;
		break;
	case BMX_LIST_CHANGED:
		undo->changed++;
		break;
	}
}

int
bmx_list_undo_append(struct bmx_list_undo *undo,
                     const struct bmx_list_undo_step *step,
                     struct bmx_error *err)
{
	uint8_t *at;

	assert(step->local.len > 0 && step->local.len <= BMX_LOCAL_MAX);
	if (make_room(undo, STEP_HEAD + step->local.len, err) != 0)
		return -1;
	at = undo->data + undo->len;
	at[0] = (uint8_t)step->change;
	at[1] = (uint8_t)step->before;
	at[2] = (uint8_t)step->after;
	at[3] = (uint8_t)step->local.len;
	memcpy(at + STEP_HEAD, step->local.data, step->local.len);
	undo->len += STEP_HEAD + step->local.len;
	count_step(undo, step->change);
	return 0;
}

int
bmx_list_undo_append_raw(struct bmx_list_undo *undo, const void *data,
                         size_t len, struct bmx_error *err)
{
	if (len == 0)
		return 0;
	if (make_room(undo, len, err) != 0)
		return -1;
	memcpy(undo->data + undo->len, data, len);
	undo->len += len;
	return 0;
}

int
bmx_list_undo_next(const struct bmx_list_undo *undo, size_t *offset,
                   struct bmx_list_undo_step *step_out)
{
	const size_t left = undo->len - *offset;
	const uint8_t *at;

	if (left == 0)
		return 0;
	at = undo->data + *offset;
	if (left < STEP_HEAD || at[0] > BMX_LIST_CHANGED ||
	    at[1] > BMX_RECIPIENT_FULL || at[2] > BMX_RECIPIENT_FULL ||
	    at[3] == 0 || at[3] > BMX_LOCAL_MAX || left - STEP_HEAD < at[3])
		return -1;
	step_out->change = (enum bmx_list_change)at[0];
	step_out->before = (enum bmx_recipient_state)at[1];
	step_out->after = (enum bmx_recipient_state)at[2];
	step_out->local =
		(struct bmx_slice){(const char *)at + STEP_HEAD, at[3]};
	*offset += STEP_HEAD + at[3];
	return 1;
}

struct bmx_list_undo_step
bmx_list_undo_inverse(const struct bmx_list_undo_step *step)
{
	struct bmx_list_undo_step inverse = {.before = step->after,
	                                     .after = step->before,
	                                     .local = step->local};

	switch (step->change) {
	case BMX_LIST_ADDED:
		inverse.change = BMX_LIST_REMOVED;
		break;
	case BMX_LIST_REMOVED:
		inverse.change = BMX_LIST_ADDED;
		break;
	case BMX_LIST_CHANGED:
		inverse.change = BMX_LIST_CHANGED;
		break;
	}
	return inverse;
}
