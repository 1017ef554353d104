/* check_policy_service, its place and its settings. */
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/finder.h"

/* Over policyd's deadline, s: for the way there and back. */
#define MARGIN_S 5
/* Longer waits hold a client when policyd hangs; s over the deadline. */
#define PATIENCE_S 55
#define DEFAULT_ACTION                                                         \
	"DEFER_IF_PERMIT 4.3.0 Temporary recipient lookup failure"

static int64_t
deadline_s(const struct bmxctl_finder *finder)
{
	return (finder->config->policyd.deadline_ms + 999) / 1000;
}

/* What the service itself says, or the parameter for all services. */
static const char *
setting(struct bmxctl_finder *finder, const struct bmxctl_peer *peer,
        const char *name, const char *parameter)
{
	const char *value = bmxctl_peer_attribute(finder->arena, peer, name);

	return value ? value : bmxctl_postconf_get(finder->postconf, parameter);
}

static bool
timeout_good(struct bmxctl_finder *finder, const struct bmxctl_peer *peer)
{
	const int64_t seconds =
		bmxctl_postfix_time(setting(finder, peer, "timeout",
	                                    "smtpd_policy_service_timeout"),
	                            's');

	return seconds > deadline_s(finder) &&
		seconds <= deadline_s(finder) + PATIENCE_S;
}

/* What counts while policyd is away must be a "not now". */
static bool
action_good(struct bmxctl_finder *finder, const struct bmxctl_peer *peer)
{
	const char *action = setting(finder, peer, "default_action",
	                             "smtpd_policy_service_default_action");
	const struct bmx_slice word = {action, strcspn(action, " \t")};

	if (word.len == 3 && word.data[0] == '4')
		return true;
	return bmx_slice_equal_nocase(word, BMX_SLICE("defer")) ||
		bmx_slice_equal_nocase(word, BMX_SLICE("defer_if_permit")) ||
		bmx_slice_equal_nocase(word, BMX_SLICE("defer_if_reject"));
}

/* `check_policy_service { ... }` from peer, with what it must have. */
static char *
build(struct bmxctl_finder *finder, const struct bmxctl_peer *peer,
      bool timeout, bool action)
{
	struct bmxctl_attribute attributes[2];
	size_t count = 0;
	char *text;

	if (timeout) {
		char *seconds = bmxctl_finder_text(
			finder, "%llds",
			(long long)(deadline_s(finder) + MARGIN_S));

		if (!seconds)
			return NULL;
		attributes[count++] =
			(struct bmxctl_attribute){"timeout", seconds};
	}
	if (action)
		attributes[count++] = (struct bmxctl_attribute){
			"default_action", DEFAULT_ACTION};
	text = bmxctl_peer_build(finder->arena, peer, attributes, count,
	                         finder->err);
	return text ?
		bmxctl_finder_text(finder, "check_policy_service %s", text) :
		NULL;
}

/* The list with rule at replaced by text. */
static int
want_replaced(struct bmxctl_finder *finder, const char *name,
              const struct bmxctl_rules *rules, size_t at, const char *text,
              const char *why)
{
	struct bmxctl_words words = {
		bmx_arena_alloc(finder->arena,
	                        rules->count * sizeof(struct bmx_slice)),
		rules->count};
	char *value;

	if (!words.items)
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	for (size_t i = 0; i < rules->count; i++)
		words.items[i] = rules->items[i].text;
	words.items[at] = bmx_slice_of(text);
	value = bmxctl_words_join(finder->arena, &words, finder->err);
	return value ? bmxctl_finder_want(finder, name, value, why) : -1;
}

/* It is asked in time; are its settings good? */
static int
want_settings(struct bmxctl_finder *finder, const char *name,
              const struct bmxctl_rules *rules)
{
	const size_t at = bmxctl_rules_find(rules, BMXCTL_RULE_OURS);
	struct bmxctl_peer peer;
	bool timeout, action;
	char *text;

	/* Within what a `$name` stands for: for its owner to look at. */
	if (rules->items[at].argument.len == 0)
		return 0;
	if (bmxctl_peer_parse(finder->arena, rules->items[at].argument, &peer,
	                      finder->err) != 0)
		return -1;
	timeout = !timeout_good(finder, &peer);
	action = !action_good(finder, &peer);
	if (!timeout && !action)
		return 0;
	text = build(finder, &peer, timeout, action);
	if (!text)
		return -1;
	return want_replaced(
		finder, name, rules, at, text,
		action ? "while policyd is away recipients are to get a 4xx" :
			 "smtpd is to wait for policyd a little longer than "
			 "its deadline, and not for minutes");
}

/* Does either list refuse what is not ours to relay? */
static bool
relay_guarded(struct bmxctl_finder *finder, const struct bmxctl_rules *rules)
{
	struct bmxctl_rules relay;

	if (bmxctl_rules_find(rules, BMXCTL_RULE_GUARD) < rules->count ||
	    bmxctl_rules_find(rules, BMXCTL_RULE_ENDS) < rules->count)
		return true;
	return bmxctl_rules_read(
		       &finder->rules,
		       bmxctl_postconf_get(finder->postconf,
	                                   "smtpd_relay_restrictions"),
		       &relay, finder->err) == 0 &&
		(bmxctl_rules_find(&relay, BMXCTL_RULE_GUARD) < relay.count ||
	         bmxctl_rules_find(&relay, BMXCTL_RULE_ENDS) < relay.count);
}

/* The rules without ours, which stand where they do not help. */
static struct bmxctl_rules
without_ours(struct bmxctl_finder *finder, const struct bmxctl_rules *rules)
{
	struct bmxctl_rules kept = {
		bmx_arena_alloc(finder->arena,
	                        (rules->count + 1) * sizeof(*rules->items)),
		0};

	for (size_t i = 0; kept.items && i < rules->count; i++)
		if (rules->items[i].argument.len == 0 ||
		    (rules->items[i].kind != BMXCTL_RULE_OURS &&
		     rules->items[i].kind != BMXCTL_RULE_OURS_WARNS))
			kept.items[kept.count++] = rules->items[i];
	return kept;
}

static const char *
why_placed(struct bmxctl_finder *finder, const struct bmxctl_rules *rules)
{
	const size_t ours = bmxctl_rules_find(rules, BMXCTL_RULE_OURS);
	const size_t barrier = bmxctl_rules_barrier(rules);

	if (bmxctl_rules_find(rules, BMXCTL_RULE_OURS_WARNS) < rules->count)
		return "with warn_if_reject policyd refuses nobody; "
		       "mode = \"observe\" is for that";
	if (ours == rules->count)
		return "policyd is asked about each recipient, before "
		       "anything that may permit a stranger";
	return bmxctl_finder_text(
		finder, "policyd stood behind %.*s, which may let %s past it",
		(int)(rules->items[barrier].text.len < 200 ?
	                      rules->items[barrier].text.len :
	                      200),
		rules->items[barrier].text.data,
		rules->items[barrier].kind == BMXCTL_RULE_ENDS ? "nobody" :
								 "a stranger");
}

static int
want_inserted(struct bmxctl_finder *finder, const char *name,
              const struct bmxctl_rules *rules, const char *ours)
{
	const struct bmxctl_rules kept = without_ours(finder, rules);
	const size_t at = bmxctl_rules_place(&kept);
	const char *why = why_placed(finder, rules);
	const bool guarded = relay_guarded(finder, rules);
	struct bmxctl_words words = {0};
	char *value;

	words.items = bmx_arena_alloc(
		finder->arena, (kept.count + 3) * sizeof(struct bmx_slice));
	if (!kept.items || !words.items || !why)
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	for (size_t i = 0; i <= kept.count; i++) {
		/* smtpd does not run when neither list refuses to relay. */
		if (i == at && !guarded && kept.count == 0)
			words.items[words.count++] =
				BMX_SLICE("permit_mynetworks");
		if (i == at && !guarded)
			words.items[words.count++] =
				BMX_SLICE("reject_unauth_destination");
		if (i == at)
			words.items[words.count++] = bmx_slice_of(ours);
		if (i < kept.count)
			words.items[words.count++] = kept.items[i].text;
	}
	value = bmxctl_words_join(finder->arena, &words, finder->err);
	return value ? bmxctl_finder_want(finder, name, value, why) : -1;
}

/* 1 when the list asks policyd in time (its settings have been looked at), 0
 * when not, -1 on failure. */
static int
look(struct bmxctl_finder *finder, const char *name, struct bmxctl_rules *rules)
{
	if (bmxctl_rules_read(&finder->rules,
	                      bmxctl_postconf_raw(finder->postconf, name),
	                      rules, finder->err) != 0)
		return -1;
	if (!bmxctl_rules_wired(rules))
		return 0;
	return want_settings(finder, name, rules) == 0 ? 1 : -1;
}

int
bmxctl_want_policy(struct bmxctl_finder *finder)
{
	static const char name[] = "smtpd_recipient_restrictions";
	const struct bmx_endpoint *socket =
		bmxctl_finder_socket(finder, finder->config->policyd.listen,
	                             finder->config->policyd.listen_count);
	struct bmxctl_peer peer = {0};
	struct bmxctl_rules rules;
	char *ours;
	int rc;

	if (!socket)
		return bmxctl_finder_unreachable(finder, "policyd.listen");
	/* Both lists are evaluated for every recipient. */
	rc = look(finder, "smtpd_relay_restrictions", &rules);
	if (rc == 0)
		rc = look(finder, name, &rules);
	if (rc != 0)
		return rc > 0 ? 0 : -1;
	peer.socket = bmx_slice_of(bmxctl_peer_socket(finder->arena, socket,
	                                              &finder->rules.place));
	ours = build(finder, &peer, true, true);
	if (!ours || peer.socket.len == 0)
		return -1;
	return want_inserted(finder, name, &rules, ours);
}
