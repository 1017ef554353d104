#include "milter/checks/panel.h"

#include <assert.h>
#include <stdlib.h>

/* A zone's question on its way, then its answer. */
struct bmx_panel_zone {
	struct bmx_dns_query *query;
	bool asked;
	bool read;
	struct bmx_dnsbl_answer answer;
};

void
bmx_panel_init(struct bmx_panel *panel,
               const struct bmx_panel_services *services,
               const struct bmx_rules *rules)
{
	*panel = (struct bmx_panel){.services = services, .rules = rules};
	panel->facts.hostname = bmx_slice_of(rules->config->hostname);
	panel->facts.mx_names = rules->config->mx_names;
}

static bool
wants(const struct bmx_panel *panel, enum bmx_check check)
{
	return panel->rules->wanted & BMX_CHECK_BIT(check);
}

/* Without memory for them the zones are not asked, as if they had failed too
 * often. */
static void
start_zones(struct bmx_panel *panel)
{
	const struct bmx_rules *rules = panel->rules;
	const struct bmx_check_dns *dns = &panel->services->dns;
	char buffer[BMX_DNSBL_NAME_SIZE];

	panel->zones = calloc(rules->zone_count + 1, sizeof(*panel->zones));
	for (size_t i = 0; panel->zones && i < rules->zone_count; i++) {
		struct bmx_panel_zone *zone = &panel->zones[i];

		zone->asked = bmx_zone_watch_allows(panel->services->watch,
		                                    rules->zones[i]);
		if (zone->asked)
			zone->query = dns->start(
				dns->ctx,
				bmx_dnsbl_name(panel->facts.address,
			                       rules->zones[i], buffer),
				BMX_DNS_A);
	}
}

static void
clear_zones(struct bmx_panel *panel)
{
	for (size_t i = 0; panel->zones && i < panel->rules->zone_count; i++)
		panel->services->dns.cancel(&panel->zones[i].query);
	free(panel->zones);
	panel->zones = NULL;
}

void
bmx_panel_connect(struct bmx_panel *panel, struct bmx_slice name,
                  const uint8_t *address, const uint8_t *own_address)
{
	bmx_panel_clear(panel);
	panel->on = true;
	panel->client_name = name;
	panel->facts.address = address;
	panel->facts.own_address = own_address;
	if (address && wants(panel, BMX_CHECK_DNSBL))
		start_zones(panel);
	if (wants(panel, BMX_CHECK_REVERSE_DNS))
		bmx_lookups_start(&panel->reverse_dns, &panel->services->dns,
		                  bmx_reverse_dns_step, &panel->facts);
}

void
bmx_panel_helo(struct bmx_panel *panel, struct bmx_slice helo)
{
	bmx_lookups_cancel(&panel->helo);
	panel->facts.helo = helo;
	if (!panel->on || !wants(panel, BMX_CHECK_HELO))
		return;
	bmx_lookups_start(&panel->helo, &panel->services->dns, bmx_helo_step,
	                  &panel->facts);
}

void
bmx_panel_mail(struct bmx_panel *panel, struct bmx_slice sender)
{
	bmx_panel_clear_message(panel);
	panel->facts.sender = sender;
	if (!panel->on)
		return;
	/* There is time until RCPT: the second questions can go out now. */
	bmx_lookups_drive(&panel->reverse_dns);
	bmx_lookups_drive(&panel->helo);
	if (wants(panel, BMX_CHECK_SENDER_DOMAIN))
		bmx_lookups_start(&panel->sender_domain, &panel->services->dns,
		                  bmx_sender_domain_step, &panel->facts);
}

static void
read_zone(struct bmx_panel *panel, size_t place, int64_t deadline_us)
{
	struct bmx_panel_zone *zone = &panel->zones[place];
	const struct bmx_dns_answer *answer;

	if (!zone->asked || zone->read)
		return;
	answer = panel->services->dns.wait(&zone->query, deadline_us);
	zone->answer = bmx_dnsbl_read(answer);
	zone->read = true;
	bmx_dns_answer_unref(&answer);
	bmx_zone_watch_report(panel->services->watch,
	                      panel->rules->zones[place], zone->answer.word);
}

static struct bmx_check_outcome
collect_dnsbl(struct bmx_panel *panel, const struct bmx_domain_rules *rules,
              int64_t deadline_us)
{
	struct bmx_dnsbl_answer answers[BMX_DNSBL_ZONES_MAX];
	struct bmx_dnsbl_sum sum;

	if (!panel->zones)
		return (struct bmx_check_outcome){.found = BMX_FOUND_NOTHING};
	for (size_t i = 0; i < rules->list_count; i++) {
		const size_t place = rules->lists[i].zone;

		read_zone(panel, place, deadline_us);
		answers[place] = panel->zones[place].answer;
	}
	sum = bmx_dnsbl_judge(rules->lists, rules->list_count, answers,
	                      rules->section->dnsbl.threshold);
	return (struct bmx_check_outcome){
		.found = sum.found,
		.detail = sum.heaviest ? sum.heaviest->site.zone : NULL,
	};
}

static struct bmx_check_outcome
outcome_of(const struct bmx_access_action *action)
{
	return (struct bmx_check_outcome){
		.found = action ? action->found : BMX_FOUND_NOTHING,
		.action = action,
	};
}

/* The first file that decides does; DUNNO and nothing lead on. */
static struct bmx_check_outcome
collect_client_access(const struct bmx_panel *panel,
                      const struct bmx_domain_rules *rules)
{
	for (size_t i = 0; i < rules->client_count; i++) {
		const struct bmx_access_action *action = bmx_access_map_client(
			rules->clients[i], panel->client_name,
			panel->facts.address);

		if (action && action->found != BMX_FOUND_NOTHING)
			return outcome_of(action);
	}
	return outcome_of(NULL);
}

static struct bmx_check_outcome
collect_sender_access(const struct bmx_panel *panel,
                      const struct bmx_domain_rules *rules)
{
	for (size_t i = 0; i < rules->sender_count; i++) {
		const struct bmx_access_action *action = bmx_access_map_sender(
			rules->senders[i], panel->facts.sender,
			rules->section->recipient_delimiter);

		if (action && action->found != BMX_FOUND_NOTHING)
			return outcome_of(action);
	}
	return outcome_of(NULL);
}

static struct bmx_check_outcome
finish(struct bmx_lookups *lookups, int64_t deadline_us)
{
	return (struct bmx_check_outcome){
		.found = bmx_lookups_finish(lookups, deadline_us)};
}

struct bmx_check_outcome
bmx_panel_collect(struct bmx_panel *panel, enum bmx_check check,
                  const struct bmx_domain_rules *rules, int64_t started_us)
{
	const int64_t deadline_us =
		started_us + bmx_check_row(check)->wait_ms * INT64_C(1000);

	assert(check != BMX_CHECK_SIZE && check != BMX_CHECK_SPF);
	switch (check) {
	case BMX_CHECK_CLIENT_ACCESS:
		return collect_client_access(panel, rules);
	case BMX_CHECK_SENDER_ACCESS:
		return collect_sender_access(panel, rules);
	case BMX_CHECK_HELO:
		return finish(&panel->helo, deadline_us);
	case BMX_CHECK_REVERSE_DNS:
		return finish(&panel->reverse_dns, deadline_us);
	case BMX_CHECK_SENDER_DOMAIN:
		return finish(&panel->sender_domain, deadline_us);
	case BMX_CHECK_DNSBL:
		return collect_dnsbl(panel, rules, deadline_us);
	case BMX_CHECK_SIZE:
	case BMX_CHECK_SPF:
	case BMX_CHECKS:
		break;
	}
	return outcome_of(NULL);
}

void
bmx_panel_clear_message(struct bmx_panel *panel)
{
	bmx_lookups_cancel(&panel->sender_domain);
	panel->facts.sender = (struct bmx_slice){0};
}

void
bmx_panel_clear(struct bmx_panel *panel)
{
	bmx_panel_clear_message(panel);
	bmx_lookups_cancel(&panel->helo);
	bmx_lookups_cancel(&panel->reverse_dns);
	clear_zones(panel);
	panel->on = false;
	panel->client_name = (struct bmx_slice){0};
	panel->facts.address = NULL;
	panel->facts.own_address = NULL;
	panel->facts.helo = (struct bmx_slice){0};
}
