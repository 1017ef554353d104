#include "policyd/gone.h"

#include "policyd/recipient_form.h"

/* 1: its list has it; 0: not, or there is no list; -1 with *err. */
static int
look_up(struct bmx_list_reader *reader, const struct bmx_recipient_form *form,
        struct bmx_error *err)
{
	enum bmx_recipient_state state;
	struct bmx_list_meta meta;
	int rc = bmx_list_reader_begin(reader, err);

	if (rc != 0)
		return rc;
	rc = bmx_list_reader_meta(reader, bmx_slice_of(form->section->name),
	                          &meta, err);
	if (rc > 0)
		rc = bmx_list_reader_find(reader, meta.id, form->local, &state,
		                          err);
	bmx_list_reader_end(reader);
	return rc;
}

/* A reader of its own: that of the engine may be in the middle of a turn. */
static int
is_listed(struct bmx_list_store *lists, const struct bmx_recipient_form *form,
          struct bmx_error *err)
{
	struct bmx_list_reader *reader = bmx_list_reader_new(lists, err);
	int rc = -1;

	if (reader)
		rc = look_up(reader, form, err);
	bmx_list_reader_free(&reader);
	return rc;
}

int
bmx_gone_take(struct bmx_learner *learner, struct bmx_list_store *lists,
              const struct bmx_config *config, struct bmx_slice address,
              enum bmx_gone *gone_out, struct bmx_error *err)
{
	struct bmx_recipient_form form;
	int listed;

	if (bmx_recipient_form_read(&form, config, address, err) != 0)
		return -1;
	listed = is_listed(lists, &form, err);
	if (listed < 0)
		return -1;
	*gone_out =
		bmx_learner_gone(learner, form.domain, form.local, listed > 0);
	return 0;
}
