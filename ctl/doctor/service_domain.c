/* A domain's list and its primary's state, as policyd tells them. */
#include <string.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/doctor/service_rows.h"

/* A list that is being fetched for the first time is not late yet. */
#define START_S 60
#define HOUR_S 3600

static void
found(const struct bmxctl_service_domain *facts,
      struct bmxctl_findings *findings, enum bmxctl_service_row row,
      const char *seen)
{
	bmxctl_found(findings, bmxctl_service_row(row), facts->config->name,
	             "%s", seen);
}

/* What the configuration alone tells. */
static void
judge_config(const struct bmxctl_service_domain *facts,
             struct bmxctl_findings *findings)
{
	const struct bmx_config_domain *config = facts->config;

	if (config->mode == BMX_MODE_OBSERVE)
		found(facts, findings, BMXCTL_SERVICE_OBSERVE,
		      "mode is observe");
	if (config->recipients[0] == '\0' && !config->call_ahead)
		found(facts, findings, BMXCTL_SERVICE_NO_LIST,
		      "recipients is \"\" and call_ahead is false");
	if (facts->held)
		found(facts, findings, BMXCTL_SERVICE_LIST_HELD,
		      "a rollback holds the list back");
	if (facts->has_wildcard)
		found(facts, findings, BMXCTL_SERVICE_LIST_WILDCARD,
		      "the list has a wildcard");
}

static bool
is_first_fetch(const struct bmxctl_service_domain *facts, const json_t *sync)
{
	const char *state = bmxctl_string(sync, "state");

	return facts->uptime_s < START_S &&
		(strcmp(state, "running") == 0 || strcmp(state, "queued") == 0);
}

static void
judge_no_list(const struct bmxctl_service_domain *facts, const json_t *sync,
              struct bmxctl_findings *findings)
{
	const char *error = bmxctl_string(sync, "last_error");

	if (facts->config->recipients[0] == '\0' || is_first_fetch(facts, sync))
		return;
	found(facts, findings, BMXCTL_SERVICE_LIST_NEVER,
	      error[0] != '\0' ? error : "no list has come from its source");
}

static void
judge_list(const struct bmxctl_service_domain *facts, const json_t *sync,
           struct bmxctl_findings *findings)
{
	const char *authority = bmxctl_string(facts->status, "authority");
	const json_t *list = json_object_get(facts->status, "list");
	const struct bmx_config_domain *config = facts->config;
	const long long age_s = bmxctl_number(list, "age_s");

	if (strcmp(authority, "unreadable") == 0)
		found(facts, findings, BMXCTL_SERVICE_LIST_UNREADABLE,
		      "the list cannot be read");
	else if (!json_is_object(list))
		judge_no_list(facts, sync, findings);
	else if (bmxctl_number(list, "entries") == 0)
		found(facts, findings, BMXCTL_SERVICE_LIST_EMPTY,
		      "the list has no entry");
	else if (strcmp(authority, "stale") == 0)
		bmxctl_found(
			findings, bmxctl_service_row(BMXCTL_SERVICE_LIST_STALE),
			config->name,
			"the last good fetch was %lld h ago, list_max_age "
			"is %lld h",
			age_s / HOUR_S,
			(long long)config->list_max_age_ms / 1000 / HOUR_S);
	else
		bmxctl_found_good(findings, "service.list-stale", config->name,
		                  "the list is %s, %lld entries, %lld s old",
		                  authority, bmxctl_number(list, "entries"),
		                  age_s);
}

static void
judge_sync(const struct bmxctl_service_domain *facts, const json_t *sync,
           struct bmxctl_findings *findings)
{
	const char *error = bmxctl_string(sync, "last_error");
	const bool has_list =
		json_is_object(json_object_get(facts->status, "list"));

	/* Without a list service.list-never-loaded says it already. */
	if (!json_is_object(sync) || !has_list)
		return;
	if (bmxctl_number(sync, "failures") == 0 || error[0] == '\0')
		bmxctl_found_good(findings, "service.sync-failing",
		                  facts->config->name,
		                  "the last fetch of the list was good");
	else
		bmxctl_found(findings, bmxctl_service_row(BMXCTL_SERVICE_SYNC),
		             facts->config->name,
		             "%s (failed %lld times in a row, for %lld min)",
		             error, bmxctl_number(sync, "failures"),
		             ((long long)facts->now_s -
		              bmxctl_number(sync, "failing_since")) /
		                     60);
}

static void
judge_call_ahead(const struct bmxctl_service_domain *facts,
                 const json_t *primary, struct bmxctl_findings *findings)
{
	const json_t *call_ahead = json_object_get(primary, "call_ahead");
	const char *breaker = bmxctl_string(call_ahead, "breaker");
	const char *all = bmxctl_string(facts->status, "accepts_all");

	if (json_is_object(call_ahead) && strcmp(breaker, "open") == 0)
		found(facts, findings, BMXCTL_SERVICE_BREAKER,
		      "call-ahead's breaker is open");
	if (facts->config->call_ahead && facts->config->recipients[0] == '\0' &&
	    strcmp(all, "yes") == 0)
		found(facts, findings, BMXCTL_SERVICE_ACCEPTS_ALL,
		      "it accepted a local part that cannot exist");
}

static void
judge_primary_state(const struct bmxctl_service_domain *facts,
                    const json_t *primary, struct bmxctl_findings *findings)
{
	const char *state = bmxctl_string(primary, "state");
	const char *error = bmxctl_string(primary, "last_error");
	const long long since = bmxctl_number(primary, "since");

	if (strcmp(state, "down") != 0)
		bmxctl_found_good(findings, "service.primary-down",
		                  facts->config->name, "the primary is %s",
		                  state);
	else
		bmxctl_found(
			findings,
			bmxctl_service_row(BMXCTL_SERVICE_PRIMARY_DOWN),
			facts->config->name, "down for %lld min%s%s",
			since > 0 ? ((long long)facts->now_s - since) / 60 : 0,
			error[0] != '\0' ? ": " : "", error);
}

static void
judge_primary(const struct bmxctl_service_domain *facts,
              struct bmxctl_findings *findings)
{
	const json_t *primary = json_object_get(facts->status, "primary");
	const char *wrong = bmxctl_string(primary, "config_error");

	if (!json_is_object(primary))
		return;
	if (wrong[0] != '\0')
		found(facts, findings, BMXCTL_SERVICE_PRIMARY_CONFIG, wrong);
	judge_primary_state(facts, primary, findings);
	if (json_is_true(json_object_get(primary, "refuses_us")))
		found(facts, findings, BMXCTL_SERVICE_PRIMARY_REFUSES,
		      bmxctl_string(primary, "last_error"));
	if (json_is_true(json_object_get(primary, "hosts_stale")))
		found(facts, findings, BMXCTL_SERVICE_HOSTS_STALE,
		      "its hosts are from an older look-up");
	judge_call_ahead(facts, primary, findings);
}

void
bmxctl_service_judge_domain(const struct bmxctl_service_domain *facts,
                            struct bmxctl_findings *findings)
{
	const json_t *sync = json_object_get(facts->status, "sync");

	judge_config(facts, findings);
	if (!facts->answers)
		return;
	if (!json_is_object(facts->status)) {
		found(facts, findings, BMXCTL_SERVICE_UNSERVED,
		      "policyd does not serve it");
		return;
	}
	judge_list(facts, sync, findings);
	judge_sync(facts, sync, findings);
	judge_primary(facts, findings);
}
