#include <string.h>

#include "fetch_priv.h"

const char *
fetch_url_check(const char *url, size_t scheme_len)
{
	const char *authority = url + scheme_len;
	const size_t len = strcspn(authority, "/?#");
	const char *at = memchr(authority, '@', len);
	const size_t user_len = at ? (size_t)(at - authority) : 0;

	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c > '~')
			return "a URL in printable ASCII, other octets as %XX";
	if (user_len > 0 && memchr(authority, ':', user_len))
		return "no password in the URL: fetch.username and "
		       "fetch.password_file";
	if (len == 0 || (at && (user_len == 0 || user_len + 1 == len)))
		return "a host behind the scheme";
	return strchr(url, '#') ? "a URL without #fragment" : NULL;
}
