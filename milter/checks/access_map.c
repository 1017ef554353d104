/* Look-ups in access maps, in Postfix's order. */
#include <arpa/inet.h>
#include <string.h>

#include <backupmx/address.h>
#include <backupmx/text.h>

#include "milter/checks/access_priv.h"
#include "milter/checks/step.h"

size_t
bmx_access_map_count(const struct bmx_access_map *map)
{
	return map->count;
}

/* key is in lower case. */
static const struct bmx_access_action *
find(const struct bmx_access_map *map, struct bmx_slice key)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct bmx_slice at = map->entries[middle].key;
		const int order = bmx_slice_order(key, at);

		if (order == 0)
			return &map->entries[middle].action;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* A name, then the ones above it, with their dot and without. */
static const struct bmx_access_action *
find_domain(const struct bmx_access_map *map, struct bmx_slice name)
{
	while (name.len > 0) {
		const struct bmx_access_action *action = find(map, name);
		const char *dot = memchr(name.data, '.', name.len);

		if (action || !dot)
			return action;
		name.len -= (size_t)(dot - name.data);
		name.data = dot;
		action = find(map, name);
		if (action)
			return action;
		name.data++;
		name.len--;
	}
	return NULL;
}

/*
 * An address as text, then what is left of it as groups are cut off its end;
 * "2001:db8::1" gives "2001:db8" next, as both colons go.
 */
static const struct bmx_access_action *
find_address(const struct bmx_access_map *map, const uint8_t address[16])
{
	const uint8_t *octets;
	const bool v4 = bmx_check_family(address, &octets) == 4;
	const char separator = v4 ? '.' : ':';
	char text[INET6_ADDRSTRLEN];
	size_t len;

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, octets, text, sizeof(text)))
		return NULL;
	len = strlen(text);
	while (len > 0) {
		const struct bmx_access_action *action =
			find(map, (struct bmx_slice){text, len});

		if (action)
			return action;
		while (len > 0 && text[len - 1] != separator)
			len--;
		while (len > 0 && text[len - 1] == separator)
			len--;
	}
	return NULL;
}

static const struct bmx_access_action *
find_rule(const struct bmx_access_map *map, const uint8_t address[16])
{
	const uint8_t *octets;
	const bool v4 = bmx_check_family(address, &octets) == 4;
	size_t i = 0;

	while (i < map->count) {
		const struct access_rule *rule = &map->rules[i];
		/* What is of the other family is not even "not" matched. */
		const bool matches = rule->v4 == v4 &&
			bmx_config_network_holds(&rule->network, address) !=
				rule->negated;

		if (matches && !rule->is_if)
			return &rule->action;
		i = rule->is_if && !matches ? rule->skip_to : i + 1;
	}
	return NULL;
}

static void
append_lower(struct bmx_text *text, struct bmx_slice from)
{
	for (size_t i = 0; i < from.len; i++)
		bmx_text_append_char(text, bmx_ascii_lower(from.data[i]));
}

const struct bmx_access_action *
bmx_access_map_client(const struct bmx_access_map *map, struct bmx_slice name,
                      const uint8_t *address)
{
	const struct bmx_access_action *action = NULL;
	char buffer[BMX_DOMAIN_BUFFER + 1];
	struct bmx_text text;

	if (map->form == BMX_ACCESS_CIDR)
		return address ? find_rule(map, address) : NULL;
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	bmx_text_init(&text, buffer, sizeof(buffer));
	append_lower(&text, name);
	if (!text.cut)
		action = find_domain(map, bmx_text_slice(&text));
	if (!action && address)
		action = find_address(map, address);
	return action;
}

/* The local part up to its extension. */
static size_t
length_of_user(struct bmx_slice local, const char *delimiters)
{
	struct bmx_slice shorter = local;

	while (bmx_local_cut(&shorter, bmx_slice_of(delimiters)))
		local = shorter;
	return local.len;
}

/* local@rest; rest may be empty. */
static const struct bmx_access_action *
find_joined(const struct bmx_access_map *map, struct bmx_slice local,
            struct bmx_slice rest)
{
	char buffer[BMX_ADDRESS_MAX + 2];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_text_append(&text, local);
	bmx_text_append_char(&text, '@');
	bmx_text_append(&text, rest);
	return text.cut ? NULL : find(map, bmx_text_slice(&text));
}

static const struct bmx_access_action *
find_sender(const struct bmx_access_map *map, struct bmx_slice local,
            struct bmx_slice domain, size_t user)
{
	const struct bmx_slice none = {0};
	const struct bmx_slice plain = {local.data, user};
	const struct bmx_access_action *action;

	action = find_joined(map, local, domain);
	if (!action && user < local.len)
		action = find_joined(map, plain, domain);
	if (!action)
		action = find_domain(map, domain);
	if (!action)
		action = find_joined(map, local, none);
	if (!action && user < local.len)
		action = find_joined(map, plain, none);
	return action;
}

const struct bmx_access_action *
bmx_access_map_sender(const struct bmx_access_map *map, struct bmx_slice sender,
                      const char *delimiters)
{
	char buffer[BMX_ADDRESS_MAX + 1];
	struct bmx_slice local, domain;
	struct bmx_text text;

	if (map->form == BMX_ACCESS_CIDR)
		return NULL;
	if (sender.len == 0)
		return find(map, BMX_SLICE("<>"));
	bmx_text_init(&text, buffer, sizeof(buffer));
	append_lower(&text, sender);
	if (text.cut)
		return NULL;
	local = bmx_text_slice(&text);
	domain = (struct bmx_slice){0};
	(void)bmx_address_split(bmx_text_slice(&text), &local, &domain);
	if (domain.len > 0 && domain.data[domain.len - 1] == '.')
		domain.len--;
	return find_sender(map, local, domain,
	                   length_of_user(local, delimiters));
}
