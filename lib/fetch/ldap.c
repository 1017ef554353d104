/*
 * A directory as the source of a list: one search, page by page (RFC 2696).
 *
 * Whatever could leave addresses out is an error: a size limit, a referral to
 * another server, values that come in parts, an end before the last page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldap.h>

#include "fetch_priv.h"
#include "ldap_link.h"
#include "ldap_value.h"

/* Octets of the filter that is made from the attributes. */
#define FILTER_MAX ((size_t)4096)
/* A line of its own before all addresses: the mark that some editors put
 * before UTF-8 would be taken off a first address. */
#define FIRST_LINE BMX_SLICE("# from LDAP\n")

/* Where Active Directory with Exchange, FreeIPA, and the schemas that OpenLDAP
 * is mostly used with have addresses that a mailbox, a group or a contact is
 * reached at. Not otherMailbox, rfc822MailMember and the like: those are
 * addresses elsewhere. */
static char attribute_mail[] = "mail";
static char attribute_proxy[] = "proxyAddresses";
static char attribute_alternate[] = "mailAlternateAddress";
static char attribute_local[] = "mailLocalAddress";
static char *default_attributes[] = {attribute_mail, attribute_proxy,
                                     attribute_alternate, attribute_local,
                                     NULL};

/* One fetch. */
struct search {
	struct ldap_link link;
	LDAPURLDesc *url;
	char **attributes;
	const char *filter;
	char made_filter[FILTER_MAX];
	int scope;
	int64_t page_size;
	struct berval cookie; /* of the page that was read last; of malloc */
	bool paged;           /* the server pages */
	struct fetch_buffer *text;
};

/*
 * The URL.
 */

/* What stands between question mark number count and the next; libldap does
 * not tell a scope that is not given from one that is. */
static struct bmx_slice
field_of(const char *url, size_t count)
{
	for (; count > 0 && url; count--) {
		url = strchr(url, '?');
		url = url ? url + 1 : NULL;
	}
	return (struct bmx_slice){url, url ? strcspn(url, "?") : 0};
}

static bool
are_names(char *const *attributes)
{
	for (; attributes && *attributes; attributes++)
		if (**attributes == '\0' ||
		    strspn(*attributes,
		           "abcdefghijklmnopqrstuvwxyz"
		           "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		           "0123456789-.;") != strlen(*attributes))
			return false;
	return true;
}

static const char *
expected_of(int result)
{
	switch (result) {
	case LDAP_URL_SUCCESS:
		return NULL;
	case LDAP_URL_ERR_BADSCOPE:
		return "base, one or sub as the scope";
	case LDAP_URL_ERR_BADFILTER:
		return "a filter as (mail=*) in the URL";
	case LDAP_URL_ERR_BADATTRS:
		return "attribute names with commas in the URL";
	case LDAP_URL_ERR_BADHOST:
		return "a host, and a port from 1 to 65535";
	case LDAP_URL_ERR_BADEXTS:
		return "a URL without extensions";
	default:
		return "ldap[s]://HOST[:PORT]/BASE?ATTRIBUTES?SCOPE?FILTER";
	}
}

static const char *
check_parts(const LDAPURLDesc *url)
{
	if (!url->lud_host || url->lud_host[0] == '\0' ||
	    strchr(url->lud_host, '@'))
		return "a host behind ldap://, and no user: fetch.username";
	if (url->lud_port < 1 || url->lud_port > 65535)
		return expected_of(LDAP_URL_ERR_BADHOST);
	if (!are_names(url->lud_attrs))
		return expected_of(LDAP_URL_ERR_BADATTRS);
	return url->lud_exts && url->lud_exts[0] ?
		expected_of(LDAP_URL_ERR_BADEXTS) :
		NULL;
}

/* NULL with *url_out, which the caller frees, or what was expected. */
static const char *
parse(const char *source, LDAPURLDesc **url_out)
{
	const char *authority = strstr(source, "://");
	const char *expected;

	*url_out = NULL;
	expected = authority ?
		fetch_url_check(source, (size_t)(authority - source) + 3) :
		expected_of(LDAP_URL_ERR_BADURL);
	if (expected)
		return expected;
	expected = expected_of(ldap_url_parse(source, url_out));
	if (expected)
		return expected;
	expected = check_parts(*url_out);
	if (!expected)
		return NULL;
	ldap_free_urldesc(*url_out);
	*url_out = NULL;
	return expected;
}

static const char *
check(const char *source)
{
	LDAPURLDesc *url;
	const char *expected = parse(source, &url);

	if (url)
		ldap_free_urldesc(url);
	return expected;
}

/*
 * The search.
 */

/* Whatever has one of the attributes: users, groups, contacts, shared folders.
 * An account that is disabled is taken too: a shared mailbox of Exchange is
 * one, and gets mail. */
static int
make_filter(struct search *search, struct bmx_error *err)
{
	struct bmx_text text;

	bmx_text_init(&text, search->made_filter, sizeof(search->made_filter));
	bmx_text_append_string(&text, "(|");
	for (char **name = search->attributes; *name; name++)
		bmx_text_printf(&text, "(%s=*)", *name);
	bmx_text_append_string(&text, ")");
	search->filter = search->made_filter;
	if (!text.cut)
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG,
	                     "the URL names too many attributes");
}

static int
prepare(struct search *search, const struct bmx_list_fetch *fetch,
        struct bmx_error *err)
{
	const char *expected = parse(fetch->source, &search->url);
	const LDAPURLDesc *url = search->url;

	if (expected)
		return bmx_error_set(err, BMX_E_USAGE, "expected %s", expected);
	search->attributes = url->lud_attrs && url->lud_attrs[0] ?
		url->lud_attrs :
		default_attributes;
	search->scope = field_of(fetch->source, 2).len > 0 ? url->lud_scope :
							     LDAP_SCOPE_SUBTREE;
	search->page_size = fetch->settings->page_size;
	search->filter = url->lud_filter;
	if (field_of(fetch->source, 3).len > 0)
		return 0;
	return make_filter(search, err);
}

/* Sends the request for the next page. */
static int
ask(struct search *search, int *id_out, struct bmx_error *err)
{
	const int64_t left_ms = ldap_io_left_ms(&search->link.io);
	struct timeval limit = {.tv_sec = (time_t)(left_ms / 1000 + 1)};
	LDAPControl *page = NULL, *controls[2] = {NULL, NULL};
	LDAP *ld = search->link.ld;
	int result;

	/* Not critical: a server that does not page may give all of it. */
	result = ldap_create_page_control(ld, (ber_int_t)search->page_size,
	                                  &search->cookie, 0, &page);
	controls[0] = page;
	if (result == LDAP_SUCCESS)
		result = ldap_search_ext(ld, search->url->lud_dn, search->scope,
		                         search->filter, search->attributes, 0,
		                         controls, NULL, &limit, LDAP_NO_LIMIT,
		                         id_out);
	ldap_control_free(page);
	return result == LDAP_SUCCESS ?
		0 :
		ldap_link_fail(result, "search", NULL, err);
}

static int
add_line(struct search *search, const struct ldap_address *address,
         struct bmx_error *err)
{
	const struct bmx_slice parts[] = {
		address->quote ? BMX_SLICE("\"") : BMX_SLICE(""),
		address->local,
		address->quote ? BMX_SLICE("\"") : BMX_SLICE(""),
		BMX_SLICE("@"),
		address->domain,
		BMX_SLICE("\n"),
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (fetch_buffer_append(search->text, parts[i], err) != 0)
			return -1;
	return 0;
}

static int
take_values(struct search *search, struct berval **values,
            struct bmx_error *err)
{
	struct ldap_address address;

	for (; values && *values; values++) {
		const struct bmx_slice value = {(*values)->bv_val,
		                                (*values)->bv_len};

		if (ldap_value_read(value, &address) == LDAP_VALUE_ADDRESS &&
		    add_line(search, &address, err) != 0)
			return -1;
	}
	return 0;
}

static int
take_attribute(struct search *search, LDAPMessage *entry, const char *name,
               struct bmx_error *err)
{
	struct berval **values;
	int rc;

	if (ldap_value_is_part(bmx_slice_of(name)))
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the server does not give all values of "
		                     "an entry at once (%.60s)",
		                     name);
	values = ldap_get_values_len(search->link.ld, entry, name);
	rc = take_values(search, values, err);
	ldap_value_free_len(values);
	return rc;
}

static int
take_entry(struct search *search, LDAPMessage *entry, struct bmx_error *err)
{
	LDAP *ld = search->link.ld;
	BerElement *at = NULL;
	char *name = ldap_first_attribute(ld, entry, &at);
	int rc = 0, result = LDAP_OTHER;

	while (name && rc == 0) {
		rc = take_attribute(search, entry, name, err);
		ldap_memfree(name);
		name = rc == 0 ? ldap_next_attribute(ld, entry, at) : NULL;
	}
	ber_free(at, 0);
	(void)ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &result);
	if (rc == 0 && result == LDAP_DECODING_ERROR)
		rc = ldap_link_fail_last(&search->link, "entry", err);
	return rc;
}

static int
take_referral(struct search *search, LDAPMessage *message,
              struct bmx_error *err)
{
	char **urls = NULL;
	int rc = 0;

	if (ldap_parse_reference(search->link.ld, message, &urls, NULL, 0) !=
	    LDAP_SUCCESS)
		return ldap_link_fail_last(&search->link, "referral", err);
	for (char **url = urls; url && *url && rc == 0; url++)
		if (!ldap_referral_is_harmless(bmx_slice_of(*url)))
			rc = bmx_error_set(
				err, BMX_E_NOT_FOUND,
				"a part is on another server, which is not "
				"asked (%.100s): narrow the base, or ask one "
				"that has it all, as a global catalog does",
				*url);
	ber_memvfree((void **)urls);
	return rc;
}

/* Is there another page? Its cookie is kept. */
static int
take_cookie(struct search *search, LDAPControl **controls,
            struct bmx_error *err)
{
	LDAPControl *page =
		ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	ber_int_t estimate = 0;

	ber_memfree(search->cookie.bv_val);
	search->cookie = (struct berval){0, NULL};
	if (page) {
		search->paged = true;
		if (ldap_parse_pageresponse_control(
			    search->link.ld, page, &estimate,
			    &search->cookie) != LDAP_SUCCESS)
			return ldap_link_fail_last(&search->link, "page", err);
	} else if (search->paged)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "the server does not say whether there "
		                     "is another page");
	return 0;
}

/* The end of a page. */
static int
take_done(struct search *search, LDAPMessage *message, struct bmx_error *err)
{
	LDAPControl **controls = NULL;
	int result = LDAP_OTHER, parsed, rc;
	char *said = NULL;

	parsed = ldap_parse_result(search->link.ld, message, &result, NULL,
	                           &said, NULL, &controls, 0);
	if (parsed != LDAP_SUCCESS)
		result = parsed;
	if (result == LDAP_SUCCESS)
		rc = take_cookie(search, controls, err);
	else
		rc = ldap_link_fail(result, "search", said, err);
	ldap_controls_free(controls);
	ldap_memfree(said);
	return rc;
}

/* 1 for more to come of this page, 0 at its end, -1. */
static int
take_message(struct search *search, LDAPMessage *message, struct bmx_error *err)
{
	switch (ldap_msgtype(message)) {
	case LDAP_RES_SEARCH_ENTRY:
		return take_entry(search, message, err) == 0 ? 1 : -1;
	case LDAP_RES_SEARCH_REFERENCE:
		return take_referral(search, message, err) == 0 ? 1 : -1;
	case LDAP_RES_SEARCH_RESULT:
		return take_done(search, message, err);
	default: /* an intermediate response: none was asked for */
		return 1;
	}
}

static int
read_page(struct search *search, struct bmx_error *err)
{
	LDAPMessage *message;
	int id = 0, more = 1;

	if (ask(search, &id, err) != 0)
		return -1;
	while (more > 0) {
		if (ldap_link_wait(&search->link, id, &message, err) != 0)
			return -1;
		more = take_message(search, message, err);
		(void)ldap_msgfree(message);
	}
	if (more < 0)
		(void)ldap_abandon_ext(search->link.ld, id, NULL, NULL);
	return more;
}

static int
read_pages(struct search *search, struct bmx_error *err)
{
	do
		if (read_page(search, err) != 0)
			return -1;
	while (search->cookie.bv_len > 0);
	return 0;
}

static int
run(struct search *search, const struct bmx_list_fetch *fetch,
    int64_t deadline_ms, struct bmx_error *err)
{
	const struct ldap_server server = {
		.host = search->url->lud_host,
		.port = (uint16_t)search->url->lud_port,
		.tls = strcmp(search->url->lud_scheme, "ldaps") == 0,
	};
	int rc;

	if (fetch_buffer_append(search->text, FIRST_LINE, err) != 0 ||
	    ldap_link_open(&server, fetch->settings, deadline_ms, &search->link,
	                   err) != 0)
		return -1;
	rc = read_pages(search, err);
	ldap_link_close(&search->link);
	return rc;
}

static int
fetch_directory(const struct bmx_list_fetch *fetch, int64_t deadline_ms,
                struct fetch_answer *answer, struct bmx_error *err)
{
	struct search search = {.text = &answer->text};
	int rc;

	if (prepare(&search, fetch, err) != 0)
		rc = -1;
	else
		rc = run(&search, fetch, deadline_ms, err);
	ber_memfree(search.cookie.bv_val);
	if (search.url)
		ldap_free_urldesc(search.url);
	return rc;
}

const struct fetch_kind fetch_kind_ldap = {"ldap://", check, fetch_directory};
const struct fetch_kind fetch_kind_ldaps = {"ldaps://", check, fetch_directory};
