/* The milter's place and settings. */
#include <string.h>

#include "ctl/doctor/postfix_rows.h"

/* What the milter takes at most, s. */
#define COMMAND_S 20
#define CONTENT_S 60
#define PROTOCOL 6

/* Our milter's place among the words of a list, or their count. */
static size_t
find_ours(const struct bmxctl_postfix_facts *facts, const char *value,
          struct bmxctl_words *words, struct bmxctl_peer *peer)
{
	const struct bmxctl_postfix_place place =
		bmxctl_postfix_rules(facts).place;
	struct bmx_error err;

	if (bmxctl_words_split(facts->arena, bmx_slice_of(value), words,
	                       &err) != 0)
		return words->count = 0;
	for (size_t i = 0; i < words->count; i++)
		if (bmxctl_peer_parse(facts->arena, words->items[i], peer,
		                      &err) == 0 &&
		    bmxctl_peer_reaches(peer, &facts->config->milter.listen,
		                        &place))
			return i;
	return words->count;
}

static bool
has_ours(const struct bmxctl_postfix_facts *facts, const char *value)
{
	struct bmxctl_words words;
	struct bmxctl_peer peer;

	return find_ours(facts, value, &words, &peer) < words.count;
}

static const char *
setting(const struct bmxctl_postfix_facts *facts,
        const struct bmxctl_peer *peer, const char *name, const char *parameter)
{
	const char *value = bmxctl_peer_attribute(facts->arena, peer, name);

	return value ? value : bmxctl_postconf_get(facts->postconf, parameter);
}

static void
judge_action(const struct bmxctl_postfix_facts *facts, const char *list,
             const struct bmxctl_peer *peer, struct bmxctl_findings *findings)
{
	static const char *const good[] = {"tempfail", "shutdown",
	                                   "quarantine"};
	const char *action =
		setting(facts, peer, "default_action", "milter_default_action");

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (bmx_slice_equal_nocase(bmx_slice_of(action),
		                           bmx_slice_of(good[i])))
			return;
	bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_ACTION, list,
	                     "default_action is %s", action);
}

static void
judge_timeout(const struct bmxctl_postfix_facts *facts, const char *list,
              const struct bmxctl_peer *peer, const char *name,
              int64_t at_least_s, struct bmxctl_findings *findings)
{
	char parameter[64] = "milter_";
	const char *value;

	(void)strcat(parameter, name);
	value = setting(facts, peer, name, parameter);
	if (bmxctl_postfix_time(value, 's') < at_least_s)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_TIMEOUT,
		                     list,
		                     "%s is %s, the milter may take %lld s",
		                     name, value, (long long)at_least_s);
}

/* Ours is in the list. */
static void
judge_settings(const struct bmxctl_postfix_facts *facts, const char *list,
               size_t at, const struct bmxctl_words *words,
               const struct bmxctl_peer *peer, struct bmxctl_findings *findings)
{
	if (at > 0)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_ORDER,
		                     list, "before it stands %.*s",
		                     (int)(words->items[at - 1].len < 200 ?
		                                   words->items[at - 1].len :
		                                   200),
		                     words->items[at - 1].data);
	if (bmxctl_postfix_leads_nowhere(facts, peer,
	                                 &facts->config->milter.listen))
		bmxctl_postfix_found(
			findings, BMXCTL_POSTFIX_MILTER_SOCKET, list,
			"smtpd runs in a chroot, where %.*s leads nowhere",
			(int)peer->socket.len, peer->socket.data);
	judge_action(facts, list, peer, findings);
	judge_timeout(facts, list, peer, "command_timeout", COMMAND_S,
	              findings);
	judge_timeout(facts, list, peer, "content_timeout", CONTENT_S,
	              findings);
}

static void
judge_bounces(const struct bmxctl_postfix_facts *facts,
              struct bmxctl_findings *findings)
{
	static const char list[] = "non_smtpd_milters";
	static const char classes[] = "internal_mail_filter_classes";
	const struct bmxctl_postconf *postconf = facts->postconf;

	if (facts->config->milter.bounce_guard == BMX_BOUNCE_GUARD_OFF)
		return;
	if (!has_ours(facts, bmxctl_postconf_get(postconf, list)))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_BOUNCES_UNSEEN,
		                     list, "the milter is not in it");
	else if (!bmxctl_postfix_holds(facts,
	                               bmxctl_postconf_get(postconf, classes),
	                               "bounce"))
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_BOUNCE_CLASS,
		                     classes, "it does not hold \"bounce\"");
	else
		bmxctl_found_good(findings, "postfix.bounce-guard-unwired",
		                  list, "the milter sees bounces");
	if (!bmxctl_postfix_yes(
		    bmxctl_postconf_get(postconf, "enable_long_queue_ids")))
		bmxctl_postfix_found(
			findings, BMXCTL_POSTFIX_QUEUE_IDS,
			"enable_long_queue_ids", "it is %s",
			bmxctl_postconf_get(postconf, "enable_long_queue_ids"));
	if (bmxctl_postconf_get(postconf, "content_filter")[0] != '\0')
		bmxctl_postfix_found(
			findings, BMXCTL_POSTFIX_CONTENT_FILTER,
			"content_filter", "it is %s",
			bmxctl_postconf_get(postconf, "content_filter"));
}

static void
judge_overrides(const struct bmxctl_postfix_facts *facts,
                struct bmxctl_findings *findings)
{
	const struct bmxctl_postconf *postconf = facts->postconf;

	for (size_t i = 0; i < bmxctl_postconf_service_count(postconf); i++) {
		const char *name = bmxctl_postconf_service(postconf, i)->name;
		const char *own =
			bmxctl_postconf_override(postconf, i, "smtpd_milters");
		const char *options = bmxctl_postconf_service_get(
			postconf, i, "receive_override_options");

		if (!bmxctl_postfix_is_public(facts, i))
			continue;
		if (own && !has_ours(facts, own))
			bmxctl_postfix_found(
				findings, BMXCTL_POSTFIX_MILTER_OVERRIDE, name,
				"it has -o smtpd_milters=%s", own);
		if (bmxctl_postfix_holds(facts, options, "no_milters"))
			bmxctl_postfix_found(
				findings, BMXCTL_POSTFIX_MILTER_OVERRIDE, name,
				"receive_override_options is %s", options);
	}
}

static void
judge_protocol(const struct bmxctl_postfix_facts *facts,
               struct bmxctl_findings *findings)
{
	const char *protocol =
		bmxctl_postconf_get(facts->postconf, "milter_protocol");

	/* A number alone is a time without a unit, too. */
	if (bmxctl_postfix_time(protocol, 's') < PROTOCOL)
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_PROTOCOL,
		                     "milter_protocol", "it is %s", protocol);
}

void
bmxctl_postfix_judge_milter(const struct bmxctl_postfix_facts *facts,
                            struct bmxctl_findings *findings)
{
	static const char list[] = "smtpd_milters";
	const char *value = bmxctl_postconf_get(facts->postconf, list);
	struct bmxctl_words words;
	struct bmxctl_peer peer;
	const size_t at = find_ours(facts, value, &words, &peer);

	if (at == words.count && !facts->milter_answers)
		return; /* a host may do without it */
	if (at == words.count) {
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_MISSING,
		                     list, "the milter is not in it");
		return;
	}
	judge_settings(facts, list, at, &words, &peer, findings);
	judge_protocol(facts, findings);
	if (facts->milter_trouble[0] != '\0')
		bmxctl_postfix_found(findings, BMXCTL_POSTFIX_MILTER_SOCKET,
		                     "milter.listen", "%s",
		                     facts->milter_trouble);
	else
		bmxctl_found_good(findings, "postfix.milter-missing", list,
		                  "Postfix shows the milter what comes in");
	judge_bounces(facts, findings);
	judge_overrides(facts, findings);
}
