#include "policyd/gate.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <backupmx/hash.h>

static const char *const names[] = {"accept", "not-up", "exempt",   "proven",
                                    "passed", "defer",  "stranger", "early"};
static_assert(sizeof(names) / sizeof(names[0]) == BMX_GATE_WHYS,
              "one name a reason");

/* The first octets of SHA-256 of "backupmx gate v1". Fixed, so that backups
 * that share a store agree on names; who finds a collision gains nothing but
 * to be let through as a client that comes back. */
static const uint8_t name_key[BMX_SIPHASH_KEY_SIZE] = {
	0x6c, 0x33, 0x70, 0x56, 0xb5, 0x9f, 0xde, 0xd3,
	0x38, 0x36, 0x85, 0x3e, 0xb1, 0x2d, 0x0a, 0x8a};

const char *
bmx_gate_why_name(enum bmx_gate_why why)
{
	return names[why];
}

bool
bmx_gate_needs_records(enum bmx_config_primary_up policy,
                       enum bmx_primary_status primary, bool exempt)
{
	return policy == BMX_PRIMARY_UP_GATE && primary == BMX_PRIMARY_UP &&
		!exempt;
}

static struct bmx_gate_verdict
verdict(bool pass, enum bmx_gate_why why)
{
	return (struct bmx_gate_verdict){.pass = pass, .why = why};
}

static bool
is_remembered(bool has, const struct bmx_gate_entry *entry,
              const struct bmx_gate_facts *facts)
{
	return has && entry->passed_at_ms != 0 &&
		facts->now_ms - entry->passed_at_ms < facts->memory_ms;
}

/* Who keeps coming stays known, at one write in a part of the memory. */
static struct bmx_gate_verdict
pass_proven(const struct bmx_gate_facts *facts)
{
	struct bmx_gate_verdict proven = verdict(true, BMX_GATE_PROVEN);

	if (facts->now_ms - facts->client.passed_at_ms <
	    facts->memory_ms / BMX_GATE_RENEW_PART)
		return proven;
	proven.write_client = true;
	proven.client = facts->client;
	proven.client.last_seen_ms = facts->now_ms;
	proven.client.passed_at_ms = facts->now_ms;
	return proven;
}

static bool
is_known(const struct bmx_gate_facts *facts)
{
	return facts->has_stranger &&
		facts->now_ms - facts->stranger.last_seen_ms <
		BMX_GATE_RETRY_MAX_MS;
}

/* Counts this try in entry. @return false when it belongs to the last one */
static bool
count_try(struct bmx_gate_entry *entry, const struct bmx_gate_facts *facts)
{
	const int64_t pause_ms = facts->now_ms - entry->last_seen_ms;
	const int64_t same_ms = facts->delay_ms < BMX_GATE_SAME_TRY_MS ?
		facts->delay_ms :
		BMX_GATE_SAME_TRY_MS;

	/* A clock that was set back must not hold anyone off for longer. */
	if (pause_ms >= 0 && pause_ms < same_ms)
		return false;
	if (entry->first_seen_ms > facts->now_ms)
		entry->first_seen_ms = facts->now_ms;
	if (entry->tries < INT32_MAX)
		entry->tries++;
	entry->last_seen_ms = facts->now_ms;
	return true;
}

static struct bmx_gate_verdict
pass_stranger(const struct bmx_gate_entry *entry, int64_t now_ms)
{
	struct bmx_gate_verdict passed = verdict(true, BMX_GATE_PASSED);

	passed.write_stranger = true;
	passed.stranger = *entry;
	passed.stranger.passed_at_ms = now_ms;
	if (passed.stranger.first_seen_ms > now_ms)
		passed.stranger.first_seen_ms = now_ms;
	passed.write_client = true;
	passed.client = passed.stranger;
	return passed;
}

static struct bmx_gate_verdict
decide_stranger(const struct bmx_gate_facts *facts)
{
	struct bmx_gate_entry entry = {.first_seen_ms = facts->now_ms,
	                               .last_seen_ms = facts->now_ms,
	                               .tries = 1};
	const bool known = is_known(facts);
	struct bmx_gate_verdict early = verdict(false, BMX_GATE_EARLY);

	if (known)
		entry = facts->stranger;
	early.write_stranger = !known || count_try(&entry, facts);
	early.stranger = entry;
	if (!known)
		early.why = BMX_GATE_STRANGER;
	if (entry.tries >= facts->tries &&
	    facts->now_ms - entry.first_seen_ms >= facts->delay_ms)
		return pass_stranger(&entry, facts->now_ms);
	return early;
}

struct bmx_gate_verdict
bmx_gate_decide(const struct bmx_gate_facts *facts)
{
	if (facts->policy == BMX_PRIMARY_UP_ACCEPT)
		return verdict(true, BMX_GATE_POLICY_ACCEPT);
	/* Only a primary that is known to be up can take its mail itself. */
	if (facts->primary != BMX_PRIMARY_UP)
		return verdict(true, BMX_GATE_NOT_UP);
	if (facts->exempt)
		return verdict(true, BMX_GATE_EXEMPT);
	if (facts->policy == BMX_PRIMARY_UP_DEFER)
		return verdict(false, BMX_GATE_POLICY_DEFER);
	if (is_remembered(facts->has_client, &facts->client, facts))
		return pass_proven(facts);
	/* The client's entry may have been lost, or was not to be read. */
	if (is_remembered(facts->has_stranger, &facts->stranger, facts))
		return pass_stranger(&facts->stranger, facts->now_ms);
	return decide_stranger(facts);
}

/* Fields of fixed length first, then the domain, which has no NUL, then one,
 * then the sender: no two sets of fields make the same octets. */
static void
name_of(char kind, const struct bmx_client_net *net, struct bmx_slice domain,
        struct bmx_slice sender, char name_out[BMX_GATE_NAME_BUFFER])
{
	char octets[1 + BMX_CLIENT_NET_SIZE + BMX_DOMAIN_MAX + 1 +
	            BMX_ADDRESS_MAX + 1];
	struct bmx_text text;
	size_t local = sender.len;

	while (local > 0 && sender.data[local - 1] != '@')
		local--;
	bmx_text_init(&text, octets, sizeof(octets));
	bmx_text_append_char(&text, kind);
	bmx_text_append(&text,
	                (struct bmx_slice){(const char *)net->octets,
	                                   sizeof(net->octets)});
	bmx_text_append(&text, domain);
	bmx_text_append_char(&text, '\0');
	bmx_text_append(&text, (struct bmx_slice){sender.data, local});
	for (size_t i = local; i < sender.len; i++)
		bmx_text_append_char(&text, bmx_ascii_lower(sender.data[i]));
	(void)snprintf(name_out, BMX_GATE_NAME_BUFFER, "%016" PRIx64,
	               bmx_siphash24(name_key, octets, text.len));
}

void
bmx_gate_stranger_name(const struct bmx_client_net *net,
                       struct bmx_slice sender, struct bmx_slice domain,
                       char name_out[BMX_GATE_NAME_BUFFER])
{
	name_of('s', net, domain, sender, name_out);
}

void
bmx_gate_client_name(const struct bmx_client_net *net, struct bmx_slice domain,
                     char name_out[BMX_GATE_NAME_BUFFER])
{
	name_of('c', net, domain, (struct bmx_slice){0}, name_out);
}
