/* smtpd_milters, and what the bounce guard needs. */
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/finder.h"

/* The milter answers a command within 20 s and the end of a message within
 * 60 s; Postfix is to wait a little longer. */
#define COMMAND_S 20
#define CONTENT_S 60

static const struct bmxctl_attribute new_attributes[] = {
	{"connect_timeout", "3s"},
	{"command_timeout", "25s"},
	{"content_timeout", "70s"},
	{"default_action", "tempfail"},
};
#define NEW_ATTRIBUTES (sizeof(new_attributes) / sizeof(new_attributes[0]))

/* The place of ours among words without macros, or their count. */
static size_t
find_ours(struct bmxctl_finder *finder, const struct bmxctl_words *words,
          struct bmxctl_peer *peer_out)
{
	struct bmx_error err;

	for (size_t i = 0; i < words->count; i++)
		if (bmxctl_peer_parse(finder->arena, words->items[i], peer_out,
		                      &err) == 0 &&
		    bmxctl_peer_reaches(peer_out,
		                        &finder->config->milter.listen,
		                        &finder->rules.place))
			return i;
	return words->count;
}

bool
bmxctl_finder_has_milter(struct bmxctl_finder *finder, const char *text,
                         struct bmxctl_peer *peer_out)
{
	struct bmxctl_words words;
	struct bmx_error err;

	return bmxctl_words_split(finder->arena, bmx_slice_of(text), &words,
	                          &err) == 0 &&
		find_ours(finder, &words, peer_out) < words.count;
}

static const char *
setting(struct bmxctl_finder *finder, const struct bmxctl_peer *peer,
        const char *name, const char *parameter)
{
	const char *value = bmxctl_peer_attribute(finder->arena, peer, name);

	return value ? value : bmxctl_postconf_get(finder->postconf, parameter);
}

static bool
waits(struct bmxctl_finder *finder, const struct bmxctl_peer *peer,
      const char *name, const char *parameter, int64_t at_least_s)
{
	return bmxctl_postfix_time(setting(finder, peer, name, parameter),
	                           's') >= at_least_s;
}

/* Neither to be let through unseen nor refused for good while it is away. */
static bool
action_good(struct bmxctl_finder *finder, const struct bmxctl_peer *peer)
{
	static const char *const good[] = {"tempfail", "shutdown",
	                                   "quarantine"};
	const struct bmx_slice action = bmx_slice_of(setting(
		finder, peer, "default_action", "milter_default_action"));

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (bmx_slice_equal_nocase(action, bmx_slice_of(good[i])))
			return true;
	return false;
}

/* The settings of ours that are to change. */
static size_t
find_bad(struct bmxctl_finder *finder, const struct bmxctl_peer *peer,
         struct bmxctl_attribute *bad)
{
	size_t count = 0;

	if (!waits(finder, peer, "command_timeout", "milter_command_timeout",
	           COMMAND_S))
		bad[count++] = new_attributes[1];
	if (!waits(finder, peer, "content_timeout", "milter_content_timeout",
	           CONTENT_S))
		bad[count++] = new_attributes[2];
	if (!action_good(finder, peer))
		bad[count++] = new_attributes[3];
	return count;
}

static int
split(struct bmxctl_finder *finder, const char *text,
      struct bmxctl_words *words)
{
	return bmxctl_words_split(finder->arena, bmx_slice_of(text), words,
	                          finder->err);
}

/* Brings the word at place at to the front; the others keep their order. */
static void
bring_forward(struct bmxctl_words *words, size_t at)
{
	const struct bmx_slice word = words->items[at];

	for (; at > 0; at--)
		words->items[at] = words->items[at - 1];
	words->items[0] = word;
}

/* Ours is in the list; its settings may be wrong, and it should be the first
 * one for mail that comes in. */
static int
want_settings(struct bmxctl_finder *finder, const char *name, bool first)
{
	struct bmxctl_attribute bad[NEW_ATTRIBUTES];
	struct bmxctl_words words;
	struct bmxctl_peer peer;
	size_t at, count;
	char *text, *value;

	if (split(finder, bmxctl_postconf_raw(finder->postconf, name),
	          &words) != 0)
		return -1;
	at = find_ours(finder, &words, &peer);
	if (at == words.count) /* behind a `$name` */
		return 0;
	count = find_bad(finder, &peer, bad);
	if (count == 0 && (at == 0 || !first))
		return 0;
	if (count > 0) {
		text = bmxctl_peer_build(finder->arena, &peer, bad, count,
		                         finder->err);
		if (!text)
			return -1;
		words.items[at] = bmx_slice_of(text);
	}
	if (first)
		bring_forward(&words, at);
	value = bmxctl_words_join(finder->arena, &words, finder->err);
	return value ?
		bmxctl_finder_want(
			finder, name, value,
			count > 0 ? "smtpd is to wait longer than the "
				    "milter may take, and to defer mail "
				    "while it is away" :
				    "the milter is to come first: what it "
				    "refuses the others need not see") :
		-1;
}

/* Before all others: what it refuses they need not see, and what it removes
 * is not what they have added. */
static int
want_first(struct bmxctl_finder *finder, const char *name, const char *why)
{
	struct bmxctl_words words, with;
	struct bmxctl_peer peer = {0};
	char *ours, *value;

	peer.socket = bmx_slice_of(bmxctl_peer_socket(
		finder->arena, &finder->config->milter.listen,
		&finder->rules.place));
	ours = bmxctl_peer_build(finder->arena, &peer, new_attributes,
	                         NEW_ATTRIBUTES, finder->err);
	if (!ours ||
	    split(finder, bmxctl_postconf_raw(finder->postconf, name),
	          &words) != 0)
		return -1;
	if (!bmxctl_words_insert(finder->arena, &words, 0, bmx_slice_of(ours),
	                         &with))
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	value = bmxctl_words_join(finder->arena, &with, finder->err);
	return value ? bmxctl_finder_want(finder, name, value, why) : -1;
}

/* `non_smtpd_milters = $smtpd_milters` has what that will have. */
static bool
follows_smtpd(struct bmxctl_finder *finder, const char *raw)
{
	struct bmxctl_words words;
	struct bmx_slice name;
	struct bmx_error err;

	if (bmxctl_words_split(finder->arena, bmx_slice_of(raw), &words,
	                       &err) != 0)
		return false;
	for (size_t i = 0; i < words.count; i++)
		if (bmxctl_word_is_macro(words.items[i], &name) &&
		    bmx_slice_equal(name, BMX_SLICE("smtpd_milters")))
			return true;
	return false;
}

static int
want_in(struct bmxctl_finder *finder, const char *name, bool first,
        const char *why)
{
	struct bmxctl_peer peer;

	if (bmxctl_finder_has_milter(
		    finder, bmxctl_postconf_get(finder->postconf, name), &peer))
		return want_settings(finder, name, first);
	return want_first(finder, name, why);
}

static int
want_bounces(struct bmxctl_finder *finder)
{
	static const char name[] = "internal_mail_filter_classes";
	const char *raw = bmxctl_postconf_raw(finder->postconf, name);
	const char *non_smtpd =
		bmxctl_postconf_raw(finder->postconf, "non_smtpd_milters");
	struct bmxctl_words words, with;
	char *value;

	if (!follows_smtpd(finder, non_smtpd) &&
	    want_in(finder, "non_smtpd_milters", false,
	            "the bounce guard sees the bounces that Postfix makes") !=
	            0)
		return -1;
	if (bmxctl_finder_lists(finder, name, "bounce"))
		return 0;
	if (split(finder, raw, &words) != 0)
		return -1;
	if (!bmxctl_words_insert(finder->arena, &words, words.count,
	                         BMX_SLICE("bounce"), &with))
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	value = bmxctl_words_join(finder->arena, &with, finder->err);
	return value ? bmxctl_finder_want(finder, name, value,
	                                  "without it no bounce is shown to "
	                                  "non_smtpd_milters") :
		       -1;
}

int
bmxctl_want_milter(struct bmxctl_finder *finder)
{
	if (!finder->with_milter)
		return 0;
	if (!bmxctl_finder_socket(finder, &finder->config->milter.listen, 1))
		return bmxctl_finder_unreachable(finder, "milter.listen");
	if (want_in(finder, "smtpd_milters", true,
	            "the milter sees each message, before other milters") != 0)
		return -1;
	return finder->with_guard ? want_bounces(finder) : 0;
}
