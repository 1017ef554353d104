#include <backupmx/list_sync.h>

#include <string.h>

#include "list_follow.h"
#include "list_read.h"

static int
load(struct bmx_list_store *store, const struct bmx_list_sync_spec *spec,
     const struct bmx_list_replace_options *options,
     struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	struct bmx_list list;
	int rc;

	if (bmx_list_read(spec, &list, err) != 0)
		return -1;
	rc = bmx_list_store_replace(store, bmx_slice_of(spec->domain),
	                            list.entries, list.count, options,
	                            result_out, err);
	bmx_list_clear(&list);
	return rc;
}

int
bmx_list_sync(struct bmx_list_store *store,
              const struct bmx_list_sync_spec *spec,
              const struct bmx_list_replace_options *options,
              struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	struct bmx_list_replace_options with_source = *options;

	memset(result_out, 0, sizeof(*result_out));
	with_source.source = spec->source;
	if (strcmp(spec->source, BMX_LIST_SOURCE_REDIS) == 0)
		return bmx_list_follow(store, spec, &with_source, result_out,
		                       err);
	return load(store, spec, &with_source, result_out, err);
}
