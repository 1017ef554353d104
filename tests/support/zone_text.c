#include "tests/support/zone_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum bmx_dns_type type;
} types[] = {{"A", BMX_DNS_A},
             {"AAAA", BMX_DNS_AAAA},
             {"MX", BMX_DNS_MX},
             {"TLSA", BMX_DNS_TLSA},
             {"TXT", BMX_DNS_TXT}};

static void
die(const char *entry)
{
	(void)fprintf(stderr, "zone_text: %s\n", entry);
	exit(1);
}

/* The word that ends at the next blank, and what follows it. */
static char *
word(char **rest)
{
	char *start = *rest + strspn(*rest, " ");
	char *end = start + strcspn(start, " ");

	*rest = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return start;
}

static void
add(struct zone *zone, char *entry)
{
	const char *name = word(&entry);
	const char *type = word(&entry);

	if (strcmp(type, "FAIL") == 0) {
		zone_add_failure(zone, name);
		return;
	}
	if (strcmp(type, "CNAME") == 0) {
		zone_add_alias(zone, name, entry);
		return;
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i].name) == 0) {
			zone_add(zone, name, types[i].type,
			         bmx_slice_of(entry));
			return;
		}
	die(type);
}

struct zone *
zone_of_text(const char *text)
{
	struct zone *zone = zone_new();

	while (*text != '\0') {
		const size_t len = strcspn(text, ";");
		char entry[512];

		if (len >= sizeof(entry))
			die(text);
		memcpy(entry, text, len);
		entry[len] = '\0';
		add(zone, entry);
		text += len + (text[len] == ';');
	}
	return zone;
}
