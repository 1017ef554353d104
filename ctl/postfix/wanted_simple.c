/* Settings of one word, and times. */
#include <string.h>

#include "ctl/postfix/finder.h"

#define DAY_S (INT64_C(24) * 3600)
/* Postfix's own default; an outage over a long weekend is not shorter. */
#define QUEUE_LIFETIME_S (5 * DAY_S)
#define MILTER_PROTOCOL 6

/* A yes or no, and when it is asked for. */
struct flag {
	const char *name;
	bool value;
	bool guard; /* for the bounce guard alone */
	const char *why;
};

static const struct flag flags[] = {
	{"smtpd_delay_reject", true, false,
         "a recipient is judged at RCPT, when client and sender are known"},
	{"soft_bounce", false, false,
         "a refusal is to be final; policyd says 4xx when it cannot tell"},
	{"disable_vrfy_command", true, false,
         "VRFY would tell strangers what policyd does not see"},
	{"enable_long_queue_ids", true, true,
         "seals are kept by queue id: each is to be used once"},
	{"smtp_send_xforward_command", true, false,
         "the primary can log who wrote to the backup"},
};

static int
want_flags(struct bmxctl_finder *finder)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *now =
			bmxctl_postconf_get(finder->postconf, flags[i].name);

		if (bmxctl_postfix_yes(now) == flags[i].value ||
		    (flags[i].guard && !finder->with_guard))
			continue;
		if (bmxctl_finder_want(finder, flags[i].name,
		                       flags[i].value ? "yes" : "no",
		                       flags[i].why) != 0)
			return -1;
	}
	return 0;
}

static int
want_keywords(struct bmxctl_finder *finder)
{
	static const char name[] = "smtpd_discard_ehlo_keywords";
	struct bmxctl_words words, with;
	char *value;

	if (bmxctl_finder_lists(finder, name, "dsn"))
		return 0;
	if (bmxctl_words_split(
		    finder->arena,
		    bmx_slice_of(bmxctl_postconf_raw(finder->postconf, name)),
		    &words, finder->err) != 0)
		return -1;
	if (!bmxctl_finder_lists(finder, name, "silent-discard") &&
	    bmxctl_words_insert(finder->arena, &words, words.count,
	                        BMX_SLICE("silent-discard"), &with))
		words = with;
	if (!bmxctl_words_insert(finder->arena, &words, words.count,
	                         BMX_SLICE("dsn"), &with))
		return bmx_error_set(finder->err, BMX_E_NOMEM,
		                     "memory is short");
	value = bmxctl_words_join(finder->arena, &with, finder->err);
	return value ? bmxctl_finder_want(finder, name, value,
	                                  "strangers may not order delivery "
	                                  "reports to forged addresses") :
		       -1;
}

/* What the administrator has set stands, unless it is too short. */
static int
want_times(struct bmxctl_finder *finder)
{
	static const char queue[] = "maximal_queue_lifetime";
	static const char bounce[] = "bounce_queue_lifetime";
	const int64_t seconds = bmxctl_postfix_time(
		bmxctl_postconf_get(finder->postconf, queue), 'd');

	if ((!bmxctl_postconf_is_set(finder->postconf, queue) ||
	     seconds < QUEUE_LIFETIME_S) &&
	    bmxctl_finder_want(finder, queue, "10d",
	                       "mail is kept through a long outage of the "
	                       "primary") != 0)
		return -1;
	if (bmxctl_postconf_is_set(finder->postconf, bounce))
		return 0;
	return bmxctl_finder_want(finder, bounce, "1d",
	                          "bounces need not live as long");
}

/* Held bounces bring the whole message back, so that it can be saved. */
static int
want_bounce_size(struct bmxctl_finder *finder)
{
	static const char name[] = "bounce_size_limit";

	if (!finder->with_guard ||
	    finder->config->milter.bounce_guard !=
	            BMX_BOUNCE_GUARD_QUARANTINE ||
	    bmxctl_postconf_is_set(finder->postconf, name))
		return 0;
	return bmxctl_finder_want(finder, name, "10240000",
	                          "a bounce that is held brings the whole "
	                          "message, which can be saved");
}

static int
want_protocol(struct bmxctl_finder *finder)
{
	static const char name[] = "milter_protocol";

	/* The number alone is a plain time without a unit, too. */
	if (!finder->with_milter ||
	    bmxctl_postfix_time(bmxctl_postconf_get(finder->postconf, name),
	                        's') >= MILTER_PROTOCOL)
		return 0;
	return bmxctl_finder_want(finder, name, "6",
	                          "the milter speaks version 6");
}

/* Does any domain's primary get TLS in probes? Then its mail is to, too. */
static bool
tls_asked_for(const struct bmx_config *config)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (config->domains[i].tls != BMX_TLS_NONE)
			return true;
	return false;
}

static int
want_tls(struct bmxctl_finder *finder)
{
	static const char name[] = "smtp_tls_security_level";
	const struct bmxctl_postconf *postconf = finder->postconf;

	if (bmxctl_postconf_get(postconf, name)[0] != '\0' ||
	    bmxctl_postconf_is_set(postconf, name) ||
	    bmxctl_postfix_yes(bmxctl_postconf_get(postconf, "smtp_use_tls")) ||
	    bmxctl_postfix_yes(
		    bmxctl_postconf_get(postconf, "smtp_enforce_tls")) ||
	    !tls_asked_for(finder->config))
		return 0;
	return bmxctl_finder_want(finder, name, "may",
	                          "mail goes encrypted to a primary that "
	                          "offers TLS");
}

int
bmxctl_want_simple(struct bmxctl_finder *finder)
{
	if (want_protocol(finder) != 0 || want_flags(finder) != 0 ||
	    want_keywords(finder) != 0 || want_times(finder) != 0 ||
	    want_bounce_size(finder) != 0)
		return -1;
	return want_tls(finder);
}
