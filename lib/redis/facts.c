#include "facts.h"

#include <backupmx/text.h>
#include <backupmx/units.h>

static struct bmx_slice
text_of(const struct bmx_redis_reply *reply)
{
	if (reply->type == BMX_REDIS_STRING || reply->type == BMX_REDIS_STATUS)
		return reply->text;
	return (struct bmx_slice){0};
}

void
bmx_redis_facts_take_role(struct bmx_redis_facts *facts,
                          const struct bmx_redis_reply *reply)
{
	struct bmx_slice role = {0};

	facts->role = BMX_REDIS_ROLE_UNKNOWN;
	facts->replica_link_up = false;
	if (reply->type == BMX_REDIS_ARRAY && reply->count > 0)
		role = text_of(&reply->element[0]);
	if (bmx_slice_equal(role, BMX_SLICE("master")))
		facts->role = BMX_REDIS_ROLE_MASTER;
	if (bmx_slice_equal(role, BMX_SLICE("slave"))) {
		facts->role = BMX_REDIS_ROLE_REPLICA;
		facts->replica_link_up = reply->count > 3 &&
			bmx_slice_equal(text_of(&reply->element[3]),
		                        BMX_SLICE("connected"));
	}
	if (facts->role != BMX_REDIS_ROLE_REPLICA)
		facts->replica_lag_s = -1;
}

/* The value of "name:value" in a text of lines; empty when it is not there. */
static struct bmx_slice
info_value(struct bmx_slice info, struct bmx_slice name)
{
	while (info.len > 0) {
		const char *end = memchr(info.data, '\n', info.len);
		const size_t line = end ? (size_t)(end - info.data) : info.len;
		struct bmx_slice value = {info.data, line};

		info.data += end ? line + 1 : line;
		info.len -= end ? line + 1 : line;
		if (value.len <= name.len || value.data[name.len] != ':' ||
		    memcmp(value.data, name.data, name.len) != 0)
			continue;
		value.data += name.len + 1;
		value.len -= name.len + 1;
		if (value.len > 0 && value.data[value.len - 1] == '\r')
			value.len--;
		return value;
	}
	return (struct bmx_slice){0};
}

void
bmx_redis_facts_take_replication(struct bmx_redis_facts *facts,
                                 const struct bmx_redis_reply *reply)
{
	const struct bmx_slice silence = info_value(
		text_of(reply), BMX_SLICE("master_last_io_seconds_ago"));
	int64_t value = -1;

	/* "-1" while the link is down: that is no number of ours. */
	if (silence.len == 0 || silence.len > 18 ||
	    bmx_units_parse_number(silence, &value) != 0 || value < 0)
		value = -1;
	facts->replica_lag_s = value;
}

bool
bmx_redis_facts_take_policy(struct bmx_redis_facts *facts,
                            const struct bmx_redis_reply *reply)
{
	struct bmx_slice policy = {0};
	struct bmx_text text;

	if (reply->type == BMX_REDIS_ARRAY && reply->count == 2)
		policy = text_of(&reply->element[1]);
	else if (reply->type == BMX_REDIS_STRING)
		policy = info_value(reply->text, BMX_SLICE("maxmemory_policy"));
	bmx_text_init(&text, facts->maxmemory_policy,
	              sizeof(facts->maxmemory_policy));
	bmx_text_append_clean(&text, policy,
	                      sizeof(facts->maxmemory_policy) - 1);
	return policy.len > 0;
}
