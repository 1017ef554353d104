/*
 * Lists of main.cf, whatever is in them: what is wanted is found or refused,
 * and once it is there it is not wanted again. Lines: recipient restrictions,
 * relay restrictions, milters, relay domains, an override.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/postfix/wanted.h"

#define LINES 5
#define INPUT_MAX 4096
#define TEXT_MAX (LINES * INPUT_MAX + 4096)

static const char *const names[LINES] = {
	"smtpd_recipient_restrictions", "smtpd_relay_restrictions",
	"smtpd_milters", "relay_domains", "override"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bmxctl_wanted_list *
find(char lines[LINES][INPUT_MAX], struct bmx_error *err)
{
	static const struct bmx_endpoint policyd = {
		.kind = BMX_ENDPOINT_UNIX, .path = "/q/backupmx/policyd.sock"};
	static const struct bmx_config_domain domain = {.name = "example.test"};
	const struct bmx_config config = {
		.policyd = {.listen = &policyd,
	                    .listen_count = 1,
	                    .deadline_ms = 5000},
		.milter = {.listen = {.kind = BMX_ENDPOINT_UNIX,
	                              .path = "/q/backupmx/milter.sock"}},
		.domains = &domain,
		.domain_count = 1};
	char *set = malloc(TEXT_MAX), *override = malloc(TEXT_MAX);
	struct bmxctl_wanted_list *list = NULL;
	struct bmxctl_postconf *postconf;
	size_t len = 0;

	for (size_t i = 0; i < LINES - 1; i++)
		len += (size_t)snprintf(set + len, TEXT_MAX - len, "%s = %s\n",
		                        names[i], lines[i]);
	(void)snprintf(set + len, TEXT_MAX - len,
	               "mail_version = 3.7\nqueue_directory = /q\n");
	(void)snprintf(override, TEXT_MAX, "smtp/inet/%s = %s\n", names[0],
	               lines[LINES - 1]);
	postconf = bmxctl_postconf_parse(
		&(struct bmxctl_postconf_text){
			set, set, set,
			"smtp/inet/service = smtp\nsmtp/inet/type = inet\n"
			"smtp/inet/chroot = y\nsmtp/inet/command = smtpd\n",
			override},
		err);
	if (postconf)
		list = bmxctl_wanted_find(
			&(struct bmxctl_wiring){.config = &config,
		                                .postconf = postconf},
			err);
	bmxctl_postconf_free(&postconf);
	free(set);
	free(override);
	return list;
}

/* Takes over what is wanted; false when it does not fit. */
static bool
apply(char lines[LINES][INPUT_MAX], const struct bmxctl_wanted_list *list)
{
	for (size_t i = 0; i < LINES; i++) {
		const struct bmxctl_wanted *wanted =
			bmxctl_wanted_find_name(list, names[i]);

		if (wanted &&
		    (size_t)snprintf(lines[i], INPUT_MAX, "%s",
		                     wanted->value) >= INPUT_MAX)
			return false;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char lines[LINES][INPUT_MAX];
	struct bmxctl_wanted_list *list;
	struct bmx_error err;
	bool fits;

	memset(lines, 0, sizeof(lines));
	for (size_t i = 0, line = 0, at = 0; i < size && line < LINES; i++) {
		if (data[i] == '\n') {
			line++;
			at = 0;
		} else if (data[i] != '\0' && at + 1 < INPUT_MAX / 2) {
			lines[line][at++] = (char)data[i];
		}
	}
	list = find(lines, &err);
	if (!list)
		return 0;
	fits = apply(lines, list);
	bmxctl_wanted_free(&list);
	if (!fits)
		return 0;
	list = find(lines, &err);
	if (!list)
		abort();
	for (size_t i = 0; i < LINES; i++)
		if (bmxctl_wanted_find_name(list, names[i]))
			abort();
	bmxctl_wanted_free(&list);
	return 0;
}
