#include "policyd/list_source.h"

static int
begin(void *ctx, struct bmx_error *err)
{
	return bmx_list_reader_begin(ctx, err);
}

static void
end(void *ctx)
{
	bmx_list_reader_end(ctx);
}

static uint64_t
version(void *ctx)
{
	return bmx_list_reader_version(ctx);
}

static int
meta(void *ctx, struct bmx_slice domain, struct bmx_list_meta *meta_out,
     struct bmx_error *err)
{
	return bmx_list_reader_meta(ctx, domain, meta_out, err);
}

static int
find(void *ctx, uint32_t domain_id, struct bmx_slice local,
     enum bmx_recipient_state *state_out, struct bmx_error *err)
{
	return bmx_list_reader_find(ctx, domain_id, local, state_out, err);
}

struct bmx_list_source
bmx_list_source_of(struct bmx_list_reader *reader)
{
	return (struct bmx_list_source){begin, end,  version,
	                                meta,  find, reader};
}
