/* policyd's place in the restriction lists, and who may relay. */
#include <string.h>

#include "ctl/doctor/postfix_rows.h"

/* A longer wait than this over the deadline holds clients for nothing, s. */
#define PATIENCE_S 55

bool
bmxctl_postfix_holds(const struct bmxctl_postfix_facts *facts,
                     const char *value, const char *word)
{
	struct bmxctl_words words;
	struct bmx_error err;

	return bmxctl_words_split(facts->arena, bmx_slice_of(value), &words,
	                          &err) == 0 &&
		bmxctl_words_hold(&words, word);
}

static bool
is_smtpd(const struct bmxctl_postfix_service *service)
{
	return strcmp(service->command, "smtpd") == 0;
}

struct bmxctl_rules_context
bmxctl_postfix_rules(const struct bmxctl_postfix_facts *facts)
{
	struct bmxctl_rules_context context = {
		.arena = facts->arena,
		.postconf = facts->postconf,
		.listen = facts->config->policyd.listen,
		.listen_count = facts->config->policyd.listen_count,
		.place = {bmxctl_postconf_get(facts->postconf,
	                                      "queue_directory"),
	                  false},
	};

	for (size_t i = 0; i < bmxctl_postconf_service_count(facts->postconf);
	     i++)
		if (is_smtpd(bmxctl_postconf_service(facts->postconf, i)) &&
		    bmxctl_postconf_service(facts->postconf, i)->chroot)
			context.place.chroot = true;
	return context;
}

size_t
bmxctl_postfix_find_service(const struct bmxctl_postfix_facts *facts,
                            const char *name)
{
	const size_t count = bmxctl_postconf_service_count(facts->postconf);
	size_t i = 0;

	while (i < count &&
	       (strcmp(bmxctl_postconf_service(facts->postconf, i)->name,
	               name) != 0 ||
	        strcmp(bmxctl_postconf_service(facts->postconf, i)->type,
	               "unix") != 0))
		i++;
	return i;
}

bool
bmxctl_postfix_leads_nowhere(const struct bmxctl_postfix_facts *facts,
                             const struct bmxctl_peer *peer,
                             const struct bmx_endpoint *endpoint)
{
	struct bmx_slice path = peer->socket;
	const char *colon = memchr(path.data, ':', path.len);

	if (!colon || endpoint->kind != BMX_ENDPOINT_UNIX ||
	    !bmxctl_postfix_rules(facts).place.chroot)
		return false;
	path.len -= (size_t)(colon + 1 - path.data);
	path.data = colon + 1;
	return bmx_slice_equal(path, bmx_slice_of(endpoint->path));
}

static bool
read_rules(const struct bmxctl_postfix_facts *facts, const char *text,
           struct bmxctl_rules *rules)
{
	const struct bmxctl_rules_context context = bmxctl_postfix_rules(facts);
	struct bmx_error err;

	return bmxctl_rules_read(&context, text, rules, &err) == 0;
}

bool
bmxctl_postfix_is_public(const struct bmxctl_postfix_facts *facts, size_t index)
{
	const struct bmxctl_postfix_service *service =
		bmxctl_postconf_service(facts->postconf, index);
	struct bmxctl_rules rules;

	if (!is_smtpd(service) || strncmp(service->name, "127.", 4) == 0 ||
	    strncmp(service->name, "localhost:", 10) == 0 ||
	    strstr(service->name, "::1") != NULL)
		return false;
	/* One that ends in reject is for those it knows: submission. */
	for (size_t i = 0; i < BMXCTL_POSTFIX_LISTS; i++)
		if (read_rules(facts,
		               bmxctl_postconf_service_get(
				       facts->postconf, index,
				       bmxctl_postfix_lists[i]),
		               &rules) &&
		    bmxctl_rules_closed(&rules))
			return false;
	return true;
}

/* What the service itself says, or the parameter for all services. */
static const char *
setting(const struct bmxctl_postfix_facts *facts,
        const struct bmxctl_peer *peer, const char *name, const char *parameter)
{
	const char *value = bmxctl_peer_attribute(facts->arena, peer, name);

	return value ? value : bmxctl_postconf_get(facts->postconf, parameter);
}

static bool
is_temporary(const char *action)
{
	const struct bmx_slice word = {action, strcspn(action, " \t")};

	if (word.len == 3 && word.data[0] == '4')
		return true;
	return bmx_slice_equal_nocase(word, BMX_SLICE("defer")) ||
		bmx_slice_equal_nocase(word, BMX_SLICE("defer_if_permit"));
}

static void
judge_path(const struct bmxctl_postfix_facts *facts, const char *list,
           const struct bmxctl_peer *peer, struct bmxctl_findings *findings)
{
	for (size_t i = 0; i < facts->config->policyd.listen_count; i++)
		if (bmxctl_postfix_leads_nowhere(
			    facts, peer, &facts->config->policyd.listen[i]))
			bmxctl_postfix_found(
				findings, BMXCTL_POSTFIX_POLICY_SOCKET, list,
				"smtpd runs in a chroot, where %.*s leads "
				"nowhere",
				(int)peer->socket.len, peer->socket.data);
}

static void
judge_service(const struct bmxctl_postfix_facts *facts, const char *list,
              const struct bmxctl_rule *rule, struct bmxctl_findings *findings)
{
	const int64_t deadline_s =
		(facts->config->policyd.deadline_ms + 999) / 1000;
	const char *timeout, *action;
	struct bmxctl_peer peer;
	struct bmx_error err;
	int64_t seconds;

	/* Within what a `$name` stands for there is no argument to see. */
	if (rule->argument.len == 0 ||
	    bmxctl_peer_parse(facts->arena, rule->argument, &peer, &err) != 0)
		return;
	judge_path(facts, list, &peer, findings);
	timeout = setting(facts, &peer, "timeout",
	                  "smtpd_policy_service_timeout");
	action = setting(facts, &peer, "default_action",
	                 "smtpd_policy_service_default_action");
	seconds = bmxctl_postfix_time(timeout, 's');
	if (seconds <= deadline_s)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_TIMEOUT,
		                     list,
		                     "timeout is %s, policyd.deadline %lld s",
		                     timeout, (long long)deadline_s);
	else if (seconds > deadline_s + PATIENCE_S)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_PATIENCE,
		                     list,
		                     "timeout is %s, policyd.deadline %lld s",
		                     timeout, (long long)deadline_s);
	if (!is_temporary(action))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_ACTION,
		                     list, "default_action is \"%s\"", action);
}

/* Where policyd stands in vain, if it is there. */
static void
judge_unwired(const struct bmxctl_rules *rules, const char *list,
              struct bmxctl_findings *findings)
{
	const size_t barrier = bmxctl_rules_barrier(rules);
	const struct bmxctl_rule *before = &rules->items[barrier];

	if (bmxctl_rules_find(rules, BMXCTL_RULE_OURS_WARNS) < rules->count)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_WARNS,
		                     list, "warn_if_reject stands before it");
	else if (bmxctl_rules_find(rules, BMXCTL_RULE_OURS) < rules->count)
		bmxctl_postfix_found(
			findings, BMXCTL_POSTFIX_POLICY_PLACE, list,
			"before check_policy_service stands %.*s",
			(int)(before->text.len < 200 ? before->text.len : 200),
			before->text.data);
	else
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_MISSING,
		                     list, "policyd is not in it");
}

/* Both lists are evaluated for every recipient: either will do. */
static bool
judge_lists(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	static const char *const names[] = {"smtpd_relay_restrictions",
	                                    "smtpd_recipient_restrictions"};
	struct bmxctl_rules rules;

	for (size_t i = 0; i < 2; i++) {
		if (!read_rules(facts,
		                bmxctl_postconf_raw(facts->postconf, names[i]),
		                &rules))
			continue;
		if (bmxctl_rules_wired(&rules)) {
			judge_service(facts, names[i],
			              &rules.items[bmxctl_rules_find(
					      &rules, BMXCTL_RULE_OURS)],
			              findings);
			return true;
		}
		if (i == 1)
			judge_unwired(&rules, names[i], findings);
	}
	return false;
}

static bool
is_wired(const struct bmxctl_postfix_facts *facts, const char *text)
{
	struct bmxctl_rules rules;

	return read_rules(facts, text, &rules) && bmxctl_rules_wired(&rules);
}

static void
judge_override(const struct bmxctl_postfix_facts *facts, size_t index,
               struct bmxctl_findings *findings)
{
	static const char name[] = "smtpd_recipient_restrictions";
	const struct bmxctl_postfix_service *service =
		bmxctl_postconf_service(facts->postconf, index);
	const char *own =
		bmxctl_postconf_override(facts->postconf, index, name);

	if (!own || is_wired(facts, own) ||
	    is_wired(facts,
	             bmxctl_postconf_service_get(facts->postconf, index,
	                                         "smtpd_relay_restrictions")))
		return;
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_OVERRIDE,
	                     service->name, "it has -o %s=%s", name, own);
}

/* Postfix itself runs no smtpd without it, but for a list of one's own. */
static void
judge_relay(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	static const char *const names[] = {"smtpd_relay_restrictions",
	                                    "smtpd_recipient_restrictions"};
	struct bmxctl_rules rules;

	for (size_t i = 0; i < 2; i++)
		if (read_rules(facts,
		               bmxctl_postconf_get(facts->postconf, names[i]),
		               &rules) &&
		    (bmxctl_rules_find(&rules, BMXCTL_RULE_GUARD) <
		             rules.count ||
		     bmxctl_rules_find(&rules, BMXCTL_RULE_ENDS) <
		             rules.count)) {
			bmxctl_found_good(findings, "postfix.open-relay",
			                  names[i], "it refuses other domains");
			return;
		}
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_OPEN_RELAY, names[0],
	                     "neither it nor %s has reject_unauth_destination",
	                     names[1]);
}

static void
judge_words(const struct bmxctl_postfix_facts *facts,
            struct bmxctl_findings *findings)
{
	for (size_t i = 0; i < BMXCTL_POSTFIX_LISTS; i++) {
		const char *list = bmxctl_postfix_lists[i];
		const char *value = bmxctl_postconf_get(facts->postconf, list);

		if (bmxctl_postfix_holds(facts, value, "permit_mx_backup"))
			bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MX_BACKUP,
			                     list, "it has permit_mx_backup");
		if (bmxctl_postfix_holds(facts, value,
		                         "reject_unverified_recipient"))
			bmxctl_postfix_found(
				findings, BMXCTL_POSTFIX_VERIFY, list,
				"it has reject_unverified_recipient");
	}
}

void
bmxctl_postfix_judge_policy(const struct bmxctl_postfix_facts *facts,
                            struct bmxctl_findings *findings)
{
	const size_t services = bmxctl_postconf_service_count(facts->postconf);
	const bool wired = judge_lists(facts, findings);

	if (wired && facts->policy_trouble[0] != '\0')
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_POLICY_SOCKET,
		                     "policyd.listen", "%s",
		                     facts->policy_trouble);
	else if (wired)
		bmxctl_found_good(findings, "postfix.policy-missing", "",
		                  "Postfix asks policyd about each recipient");
	for (size_t i = 0; i < services; i++)
		if (bmxctl_postfix_is_public(facts, i))
			judge_override(facts, i, findings);
	judge_relay(facts, findings);
	judge_words(facts, findings);
}
