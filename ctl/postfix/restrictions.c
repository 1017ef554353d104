#include "ctl/postfix/restrictions.h"

#include <string.h>

struct known_rule {
	const char *name;
	enum bmxctl_rule_kind kind;
	bool argument; /* the next word belongs to it */
};

/*
 * All that smtpd(8) of Postfix 3.10 knows by name and that never says permit;
 * the rest may, or is a class or a table (check_*_access, permit_*).
 * permit_auth_destination permits just what we are there for.
 */
static const struct known_rule known_rules[] = {
	{"permit_mynetworks", BMXCTL_RULE_TRUST, false},
	{"permit_sasl_authenticated", BMXCTL_RULE_TRUST, false},
	{"permit_tls_clientcerts", BMXCTL_RULE_TRUST, false},
	{"permit_tls_all_clientcerts", BMXCTL_RULE_TRUST, false},
	{"permit_inet_interfaces", BMXCTL_RULE_TRUST, false},
	{"reject_unauth_destination", BMXCTL_RULE_GUARD, false},
	{"defer_unauth_destination", BMXCTL_RULE_GUARD, false},
	{"reject", BMXCTL_RULE_ENDS, false},
	{"defer", BMXCTL_RULE_ENDS, false},
	{"permit_dnswl_client", BMXCTL_RULE_MAY_PERMIT, true},
	{"permit_rhswl_client", BMXCTL_RULE_MAY_PERMIT, true},
	{"check_policy_service", BMXCTL_RULE_MAY_PERMIT, true},
	{"reject_rbl_client", BMXCTL_RULE_REFUSES, true},
	{"reject_rhsbl_client", BMXCTL_RULE_REFUSES, true},
	{"reject_rhsbl_helo", BMXCTL_RULE_REFUSES, true},
	{"reject_rhsbl_recipient", BMXCTL_RULE_REFUSES, true},
	{"reject_rhsbl_reverse_client", BMXCTL_RULE_REFUSES, true},
	{"reject_rhsbl_sender", BMXCTL_RULE_REFUSES, true},
	{"sleep", BMXCTL_RULE_REFUSES, true},
	{"defer_if_permit", BMXCTL_RULE_REFUSES, false},
	{"defer_if_reject", BMXCTL_RULE_REFUSES, false},
};

#define WARN BMX_SLICE("warn_if_reject")

static bool
starts_with(struct bmx_slice text, const char *prefix)
{
	const size_t len = strlen(prefix);

	if (text.len < len)
		return false;
	text.len = len;
	return bmx_slice_equal_nocase(text, bmx_slice_of(prefix));
}

static bool
ends_with(struct bmx_slice text, const char *suffix)
{
	const size_t len = strlen(suffix);

	if (text.len < len)
		return false;
	return bmx_slice_equal_nocase(
		(struct bmx_slice){text.data + text.len - len, len},
		bmx_slice_of(suffix));
}

static struct known_rule
know(struct bmx_slice word)
{
	for (size_t i = 0; i < sizeof(known_rules) / sizeof(known_rules[0]);
	     i++)
		if (bmx_slice_equal_nocase(word,
		                           bmx_slice_of(known_rules[i].name)))
			return known_rules[i];
	if (starts_with(word, "check_") && ends_with(word, "_access"))
		return (struct known_rule){NULL, BMXCTL_RULE_MAY_PERMIT, true};
	if (starts_with(word, "reject_"))
		return (struct known_rule){NULL, BMXCTL_RULE_REFUSES, false};
	/* A class, a table, or what a later Postfix has. */
	return (struct known_rule){NULL, BMXCTL_RULE_MAY_PERMIT, false};
}

static bool
is_ours(const struct bmxctl_rules_context *context, struct bmx_slice argument)
{
	struct bmxctl_peer peer;
	struct bmx_error err;

	if (bmxctl_peer_parse(context->arena, argument, &peer, &err) != 0)
		return false;
	for (size_t i = 0; i < context->listen_count; i++)
		if (bmxctl_peer_reaches(&peer, &context->listen[i],
		                        &context->place))
			return true;
	return false;
}

/* From the beginning of the first word to the end of the last. */
static struct bmx_slice
span(struct bmx_slice first, struct bmx_slice last)
{
	return (struct bmx_slice){first.data,
	                          (size_t)(last.data + last.len - first.data)};
}

/* Takes one restriction from words, which begin at *at. */
static struct bmxctl_rule
take_rule(const struct bmxctl_rules_context *context,
          const struct bmxctl_words *words, size_t *at)
{
	const struct bmx_slice first = words->items[*at];
	struct bmxctl_rule rule = {0};
	struct known_rule known;
	bool warns = false;

	while (*at + 1 < words->count &&
	       bmx_slice_equal_nocase(words->items[*at], WARN)) {
		warns = true;
		(*at)++;
	}
	known = know(words->items[*at]);
	rule.kind = known.kind;
	if (known.argument && *at + 1 < words->count)
		rule.argument = words->items[++*at];
	else if (known.argument) /* it would take what comes behind it */
		rule.kind = BMXCTL_RULE_MAY_PERMIT;
	rule.text = span(first, words->items[*at]);
	(*at)++;
	if (known.name && strcmp(known.name, "check_policy_service") == 0 &&
	    is_ours(context, rule.argument))
		rule.kind = warns ? BMXCTL_RULE_OURS_WARNS : BMXCTL_RULE_OURS;
	else if (warns &&
	         (rule.kind == BMXCTL_RULE_GUARD ||
	          rule.kind == BMXCTL_RULE_ENDS))
		rule.kind = BMXCTL_RULE_REFUSES;
	return rule;
}

static int
read_words(const struct bmxctl_rules_context *context, const char *text,
           struct bmxctl_words *words, struct bmxctl_rules *rules,
           struct bmx_error *err)
{
	rules->count = 0;
	if (bmxctl_words_split(context->arena, bmx_slice_of(text), words,
	                       err) != 0)
		return -1;
	rules->items = bmx_arena_alloc(context->arena,
	                               (words->count + 1) *
	                                       sizeof(struct bmxctl_rule));
	if (!rules->items)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	return 0;
}

/* A list without `$name`: one that is left stands for we know not what. */
static int
read_expanded(const struct bmxctl_rules_context *context, const char *text,
              struct bmxctl_rules *rules, struct bmx_error *err)
{
	struct bmxctl_words words;

	if (read_words(context, text, &words, rules, err) != 0)
		return -1;
	for (size_t at = 0; at < words.count;)
		rules->items[rules->count++] = take_rule(context, &words, &at);
	return 0;
}

/* What a list does as a whole where `$name` stands for it. */
static enum bmxctl_rule_kind
kind_of_list(const struct bmxctl_rules *rules)
{
	const size_t barrier = bmxctl_rules_barrier(rules);
	enum bmxctl_rule_kind kind = BMXCTL_RULE_REFUSES;

	if (bmxctl_rules_wired(rules))
		return BMXCTL_RULE_OURS;
	if (barrier < rules->count)
		return rules->items[barrier].kind;
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->items[i].kind == BMXCTL_RULE_GUARD)
			return BMXCTL_RULE_GUARD;
		if (rules->items[i].kind == BMXCTL_RULE_TRUST)
			kind = BMXCTL_RULE_TRUST;
	}
	return kind;
}

static int
read_macro(const struct bmxctl_rules_context *context, struct bmx_slice name,
           struct bmxctl_rule *rule, struct bmx_error *err)
{
	const char *parameter = bmx_arena_copy(context->arena, name);
	struct bmxctl_rules rules;

	if (!parameter)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	if (read_expanded(context,
	                  bmxctl_postconf_get(context->postconf, parameter),
	                  &rules, err) != 0)
		return -1;
	rule->kind = kind_of_list(&rules);
	return 0;
}

int
bmxctl_rules_read(const struct bmxctl_rules_context *context, const char *text,
                  struct bmxctl_rules *rules_out, struct bmx_error *err)
{
	struct bmxctl_words words;
	struct bmx_slice name;

	if (read_words(context, text, &words, rules_out, err) != 0)
		return -1;
	for (size_t at = 0; at < words.count;) {
		struct bmxctl_rule *rule =
			&rules_out->items[rules_out->count++];
		const bool macro = bmxctl_word_is_macro(words.items[at], &name);

		*rule = take_rule(context, &words, &at);
		if (macro && read_macro(context, name, rule, err) != 0)
			return -1;
	}
	return 0;
}

size_t
bmxctl_rules_find(const struct bmxctl_rules *rules, enum bmxctl_rule_kind kind)
{
	size_t at = 0;

	while (at < rules->count && rules->items[at].kind != kind)
		at++;
	return at;
}

size_t
bmxctl_rules_barrier(const struct bmxctl_rules *rules)
{
	const size_t permits = bmxctl_rules_find(rules, BMXCTL_RULE_MAY_PERMIT);
	const size_t ends = bmxctl_rules_find(rules, BMXCTL_RULE_ENDS);

	return permits < ends ? permits : ends;
}

bool
bmxctl_rules_wired(const struct bmxctl_rules *rules)
{
	const size_t ours = bmxctl_rules_find(rules, BMXCTL_RULE_OURS);

	return ours < rules->count && ours < bmxctl_rules_barrier(rules);
}

bool
bmxctl_rules_closed(const struct bmxctl_rules *rules)
{
	const size_t ends = bmxctl_rules_find(rules, BMXCTL_RULE_ENDS);

	return ends < rules->count && bmxctl_rules_barrier(rules) == ends;
}

size_t
bmxctl_rules_place(const struct bmxctl_rules *rules)
{
	const size_t barrier = bmxctl_rules_barrier(rules);
	const size_t guard = bmxctl_rules_find(rules, BMXCTL_RULE_GUARD);

	return guard < barrier ? guard + 1 : barrier;
}
