/*
 * engine_gate.c - takes a valid recipient to the gate: who is exempt, what is
 * kept of the client, and what is to be kept.
 */
#include "policyd/engine_priv.h"

static bool
is_trusted(const struct bmx_engine_ask *ask)
{
	const struct bmx_config_milter *milter = &ask->setup->config->milter;
	uint8_t address[BMX_CLIENT_ADDRESS_SIZE];

	return bmx_client_address_parse(ask->request.client_address, address) ==
		0 &&
		bmx_config_networks_hold(milter->trusted, milter->trusted_count,
	                                 address);
}

bool
bmx_engine_is_exempt(const struct bmx_engine_ask *ask)
{
	const struct bmx_primary_source *primaries =
		&ask->engine->parts.primaries;

	return ask->request.sasl_username.len > 0 || is_trusted(ask) ||
		primaries->is_own_address(primaries->ctx, ask->served->section,
	                                  ask->request.client_address);
}

static void
begin_gate(struct bmx_engine_ask *ask)
{
	const struct bmx_config_domain *section = ask->served->section;
	const struct bmx_client_net *net = bmx_engine_net(ask);

	ask->gate_facts = (struct bmx_gate_facts){
		.policy = section->primary_up,
		.primary = ask->facts.primary,
		.exempt =
			!bmx_engine_explains(ask) && bmx_engine_is_exempt(ask),
		.now_ms = bmx_engine_wall_ms(ask),
		.tries = section->gate_tries,
		.delay_ms = section->gate_delay_ms,
		.memory_ms = section->gate_memory_ms,
	};
	ask->gate_stage = GATE_STRANGER;
	bmx_gate_stranger_name(net, ask->request.sender, ask->domain,
	                       ask->stranger);
	bmx_gate_client_name(net, ask->domain, ask->client);
	if (bmx_engine_explains(ask) ||
	    !bmx_gate_needs_records(section->primary_up, ask->facts.primary,
	                            ask->gate_facts.exempt))
		ask->gate_stage = GATE_DECIDE;
}

static void
on_gate_record(void *ctx, enum bmx_record_found found,
               const struct bmx_record *record)
{
	struct bmx_engine_ask *ask = ctx;
	struct bmx_gate_facts *facts = &ask->gate_facts;
	const bool later = bmx_engine_was_under_way(ask);
	const bool has = found == BMX_RECORD_FOUND;

	if (ask->gate_stage == GATE_STRANGER) {
		facts->has_stranger = has;
		if (has)
			facts->stranger = record->as.gate;
		ask->gate_stage = GATE_CLIENT;
	} else {
		facts->has_client = has;
		if (has)
			facts->client = record->as.gate;
		ask->gate_stage = GATE_DECIDE;
	}
	if (later)
		bmx_engine_go_on(ask);
}

static void
write_gate_entry(struct bmx_engine_ask *ask, const char *name,
                 const struct bmx_gate_entry *entry)
{
	struct bmx_record_store *records = ask->engine->parts.records;
	const struct bmx_record_key key =
		bmx_engine_key(ask, BMX_RECORD_GATE, bmx_slice_of(name));
	const struct bmx_record record = {.kind = BMX_RECORD_GATE,
	                                  .as.gate = *entry};

	records->ops->put(records, &key, &record);
}

static void
decide_gate(struct bmx_engine_ask *ask)
{
	struct bmx_gate_verdict *verdict = &ask->facts.gate;

	*verdict = bmx_gate_decide(&ask->gate_facts);
	ask->facts.gate_fact = BMX_FACT_KNOWN;
	bmx_engine_step(ask, "gate", bmx_gate_why_name(verdict->why),
	                ask->domain);
	/* Where nobody is turned away nobody comes back: what observe sees
	 * proves nothing, least of all to a backup that enforces. */
	if (bmx_engine_explains(ask) || bmx_engine_observes(ask))
		return;
	if (verdict->write_stranger)
		write_gate_entry(ask, ask->stranger, &verdict->stranger);
	if (verdict->write_client)
		write_gate_entry(ask, ask->client, &verdict->client);
}

bool
bmx_engine_fetch_gate(struct bmx_engine_ask *ask)
{
	if (!ask->gate_begun)
		begin_gate(ask);
	ask->gate_begun = true;
	while (ask->gate_stage != GATE_DECIDE) {
		const struct bmx_record_key key = bmx_engine_key(
			ask, BMX_RECORD_GATE,
			bmx_slice_of(ask->gate_stage == GATE_STRANGER ?
		                             ask->stranger :
		                             ask->client));

		if (!bmx_engine_read(ask, &key, on_gate_record))
			return false;
	}
	decide_gate(ask);
	return true;
}
