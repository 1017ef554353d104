/* What no change of main.cf by us mends: the administrator is told. */
#include <string.h>

#include "ctl/postfix/finder.h"

static const char *const restriction_lists[] = {
	"smtpd_client_restrictions",    "smtpd_helo_restrictions",
	"smtpd_sender_restrictions",    "smtpd_relay_restrictions",
	"smtpd_recipient_restrictions",
};
#define RESTRICTION_LISTS                                                      \
	(sizeof(restriction_lists) / sizeof(restriction_lists[0]))

static bool
is_smtpd(const struct bmxctl_postfix_service *service)
{
	return strcmp(service->command, "smtpd") == 0;
}

/* "127.0.0.1:10025", "localhost:10025", "[::1]:10025". */
static bool
on_loopback(const char *name)
{
	return strncmp(name, "127.0.0.", 8) == 0 ||
		strncmp(name, "localhost:", 10) == 0 ||
		strncmp(name, "[::1]:", 6) == 0 ||
		strncmp(name, "::1:", 4) == 0;
}

bool
bmxctl_finder_public(struct bmxctl_finder *finder, size_t service)
{
	const char *name =
		bmxctl_postconf_service(finder->postconf, service)->name;
	struct bmxctl_rules rules;
	struct bmx_error err;

	if (!is_smtpd(bmxctl_postconf_service(finder->postconf, service)) ||
	    on_loopback(name))
		return false;
	for (size_t i = 0; i < RESTRICTION_LISTS; i++)
		if (bmxctl_rules_read(&finder->rules,
		                      bmxctl_postconf_service_get(
					      finder->postconf, service,
					      restriction_lists[i]),
		                      &rules, &err) == 0 &&
		    bmxctl_rules_closed(&rules))
			return false;
	return true;
}

static const char *
subject_of(struct bmxctl_finder *finder, size_t service, const char *name)
{
	const struct bmxctl_postfix_service *row =
		bmxctl_postconf_service(finder->postconf, service);
	const char *subject = bmxctl_finder_text(finder, "%.100s/%.20s -o %s",
	                                         row->name, row->type, name);

	return subject ? subject : "master.cf";
}

static bool
override_wired(struct bmxctl_finder *finder, const char *text)
{
	struct bmxctl_rules rules;
	struct bmx_error err;

	return bmxctl_rules_read(&finder->rules, text, &rules, &err) == 0 &&
		bmxctl_rules_wired(&rules);
}

static int
note_policy_override(struct bmxctl_finder *finder, size_t service)
{
	static const char name[] = "smtpd_recipient_restrictions";
	const char *own =
		bmxctl_postconf_override(finder->postconf, service, name);

	if (!own || override_wired(finder, own) ||
	    override_wired(
		    finder,
		    bmxctl_postconf_service_get(finder->postconf, service,
	                                        "smtpd_relay_restrictions")))
		return 0;
	return bmxctl_finder_note(finder, subject_of(finder, service, name),
	                          "replaces the list of main.cf: policyd is "
	                          "not asked for what comes in there; take "
	                          "the option out of master.cf");
}

static int
note_milter_override(struct bmxctl_finder *finder, size_t service)
{
	const char *own = bmxctl_postconf_override(finder->postconf, service,
	                                           "smtpd_milters");
	struct bmxctl_peer peer;

	if (own && !bmxctl_finder_has_milter(finder, own, &peer) &&
	    bmxctl_finder_note(
		    finder, subject_of(finder, service, "smtpd_milters"),
		    "replaces the milters of main.cf: the milter does not see "
		    "what comes in there; take the option out of master.cf") !=
	            0)
		return -1;
	if (!strstr(bmxctl_postconf_service_get(finder->postconf, service,
	                                        "receive_override_options"),
	            "no_milters"))
		return 0;
	return bmxctl_finder_note(
		finder, subject_of(finder, service, "receive_override_options"),
		"no_milters: the milter does not see what comes in there");
}

/* What a content filter gives back comes from a trusted client: sealed once
 * more, its bounces would be let go. */
static int
note_reinjection(struct bmxctl_finder *finder, size_t service)
{
	const struct bmxctl_postfix_service *row =
		bmxctl_postconf_service(finder->postconf, service);
	const char *milters = bmxctl_postconf_override(
		finder->postconf, service, "smtpd_milters");

	if (!is_smtpd(row) || !on_loopback(row->name) ||
	    (milters && milters[0] == '\0') ||
	    strstr(bmxctl_postconf_service_get(finder->postconf, service,
	                                       "receive_override_options"),
	           "no_milters"))
		return 0;
	return bmxctl_finder_note(
		finder, subject_of(finder, service, "smtpd_milters"),
		"is missing: mail that a filter gives back would count as "
		"written by a trusted client; add -o smtpd_milters= in "
		"master.cf");
}

static int
note_services(struct bmxctl_finder *finder)
{
	const size_t count = bmxctl_postconf_service_count(finder->postconf);

	for (size_t i = 0; i < count; i++) {
		if (finder->with_guard && note_reinjection(finder, i) != 0)
			return -1;
		if (!bmxctl_finder_public(finder, i))
			continue;
		if (note_policy_override(finder, i) != 0 ||
		    (finder->with_milter &&
		     note_milter_override(finder, i) != 0))
			return -1;
	}
	return 0;
}

static int
note_backup_mx(struct bmxctl_finder *finder)
{
	for (size_t i = 0; i < RESTRICTION_LISTS; i++)
		if (bmxctl_finder_lists(finder, restriction_lists[i],
		                        "permit_mx_backup") &&
		    bmxctl_finder_note(
			    finder, restriction_lists[i],
			    "permit_mx_backup relays for any domain whose MX "
			    "names this host: take it out, relay_domains says "
			    "whom we serve") != 0)
			return -1;
	return 0;
}

static int
note_filter(struct bmxctl_finder *finder)
{
	if (!finder->with_guard ||
	    bmxctl_postconf_get(finder->postconf, "content_filter")[0] == '\0')
		return 0;
	return bmxctl_finder_note(
		finder, "content_filter",
		"what the filter gives back has another queue id, and no seal "
		"holds for it: all its bounces will be held; use a milter or "
		"smtpd_proxy_filter, or bounce_guard = \"off\"");
}

static int
note_recipient_maps(struct bmxctl_finder *finder)
{
	if (bmxctl_postconf_get(finder->postconf, "relay_recipient_maps")[0] ==
	    '\0')
		return 0;
	return bmxctl_finder_note(
		finder, "relay_recipient_maps",
		"an address that is missing there is refused whatever policyd "
		"says; leave it empty once policyd serves all of "
		"relay_domains");
}

static int
note_any_domain(struct bmxctl_finder *finder)
{
	for (size_t i = 0; i < finder->config->domain_count; i++)
		if (strcmp(finder->config->domains[i].name, "*") == 0)
			return bmxctl_finder_note(
				finder, "relay_domains",
				"the domains of the section \"*\" are not "
				"known here: see that each is in it");
	return 0;
}

int
bmxctl_note_all(struct bmxctl_finder *finder)
{
	if (note_any_domain(finder) != 0 || note_recipient_maps(finder) != 0 ||
	    note_backup_mx(finder) != 0 || note_filter(finder) != 0)
		return -1;
	return note_services(finder);
}
