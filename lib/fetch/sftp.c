/* sftp://[USER@]HOST[:PORT]/PATH, by libcurl and libssh2. */
#include <string.h>

#include "curl_get.h"
#include "fetch_priv.h"

#define SCHEME "sftp://"

static const char *
check(const char *source)
{
	const size_t len = strlen(source);
	const char *expected = fetch_url_check(source, strlen(SCHEME));
	const char *path = strchr(source + strlen(SCHEME), '/');

	if (expected)
		return expected;
	if (!path || source[len - 1] == '/')
		return "the path of a file behind the host";
	return len < CURL_GET_URL_MAX ? NULL : "a shorter URL";
}

static bool
names_user(const char *source)
{
	const char *authority = source + strlen(SCHEME);

	return memchr(authority, '@', strcspn(authority, "/")) != NULL;
}

/* Nothing of ours is asked for or sent before all of it is at hand. */
static int
log_in(struct curl_get *get, char password[FETCH_SECRET_MAX],
       struct bmx_error *err)
{
	const struct bmx_config_fetch *settings = get->settings;

	if (!settings->ssh_known_hosts_file[0])
		return bmx_error_set(err, BMX_E_USAGE,
		                     "needs fetch.ssh_known_hosts_file, to "
		                     "know the server by its key");
	if (fetch_file_check(settings->ssh_known_hosts_file, err) != 0)
		return -1;
	if (names_user(get->url) == (settings->username[0] != '\0'))
		return bmx_error_set(err, BMX_E_USAGE,
		                     "needs a user, in fetch.username or as "
		                     "sftp://USER@, not in both");
	if (settings->username[0])
		get->username = settings->username;
	if (settings->ssh_key_file[0])
		return fetch_secret_check(settings->ssh_key_file, err);
	if (!settings->password_file[0])
		return bmx_error_set(err, BMX_E_USAGE,
		                     "needs fetch.ssh_key_file or "
		                     "fetch.password_file");
	get->password = password;
	return fetch_secret_read(settings->password_file, password, err);
}

static int
ask(struct curl_get *get, struct fetch_answer *answer, struct bmx_error *err)
{
	struct curl_got got;

	if (curl_get(get, &got, answer, err) != 0)
		return -1;
	if (!got.framed)
		return bmx_error_set(err, BMX_E_CLOSED,
		                     "not as many octets came as the server "
		                     "said");
	return 0;
}

static int
fetch(const struct bmx_list_fetch *fetch, int64_t deadline_ms,
      struct fetch_answer *answer, struct bmx_error *err)
{
	struct curl_get get = {
		.protocol = CURL_GET_SFTP,
		.url = fetch->source,
		.settings = fetch->settings,
		.deadline_ms = deadline_ms,
	};
	char password[FETCH_SECRET_MAX];
	int rc = log_in(&get, password, err);

	if (rc == 0)
		rc = ask(&get, answer, err);
	explicit_bzero(password, sizeof(password));
	return rc;
}

const struct fetch_kind fetch_kind_sftp = {SCHEME, check, fetch};
