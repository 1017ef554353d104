/* Hosts that are looked up, and what of this machine they are compared with. */
#include "ctl/doctor/hosts.h"

#include <string.h>

#include <arpa/inet.h>
#include <ifaddrs.h>

#include <backupmx/clock.h>

#include "ctl/postfix/postconf.h"

/* Questions about one host. */
enum { ASK_ALIAS, ASK_A, ASK_AAAA, QUESTIONS };

int64_t
bmxctl_deadline(int64_t in_ms)
{
	return bmx_clock_mono_us(bmx_clock_system()) + in_ms * 1000;
}

static bool
read_address(const char *text, struct bmx_target_address *address)
{
	*address = (struct bmx_target_address){.family = AF_INET};
	if (inet_pton(AF_INET, text, address->octets) == 1)
		return true;
	address->family = AF_INET6;
	return inet_pton(AF_INET6, text, address->octets) == 1;
}

/* Addresses with blanks or commas between them, as Postfix takes them. */
static void
read_proxies(struct bmxctl_here *here, const char *text)
{
	char word[BMXCTL_ADDRESS_TEXT + 2];
	size_t len;

	for (; *text && here->proxy_count < BMXCTL_HOST_ADDRESSES_MAX;
	     text += len) {
		text += strspn(text, ", \t\r\n[]");
		len = strcspn(text, ", \t\r\n[]");
		if (len == 0 || len >= sizeof(word))
			continue;
		memcpy(word, text, len);
		word[len] = '\0';
		if (read_address(word, &here->proxy[here->proxy_count]))
			here->proxy_count++;
	}
}

static bool
is_public(const struct sockaddr *socket_address)
{
	struct bmx_target_address address = {0};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (!socket_address)
		return false;
	address.family = socket_address->sa_family;
	if (address.family == AF_INET) {
		memcpy(&v4, socket_address, sizeof(v4));
		memcpy(address.octets, &v4.sin_addr, sizeof(v4.sin_addr));
	} else if (address.family == AF_INET6) {
		memcpy(&v6, socket_address, sizeof(v6));
		memcpy(address.octets, &v6.sin6_addr, sizeof(v6.sin6_addr));
	} else {
		return false;
	}
	return !bmxctl_address_is_private(&address);
}

/* A system that does not say has none to show: nothing is then concluded. */
static bool
has_public_address(void)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return true;
	for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next)
		found = is_public(at->ifa_addr);
	freeifaddrs(list);
	return found;
}

void
bmxctl_here_init(struct bmxctl_here *here, const struct bmxctl_patient *patient)
{
	*here = (struct bmxctl_here){.own = bmx_own_addresses_new(),
	                             .config = patient->config};
	here->only_private = !has_public_address();
	if (patient->postconf)
		read_proxies(here,
		             bmxctl_postconf_get(patient->postconf,
		                                 "proxy_interfaces"));
}

void
bmxctl_here_clear(struct bmxctl_here *here)
{
	bmx_own_addresses_free(&here->own);
}

bool
bmxctl_here_has(const struct bmxctl_here *here,
                const struct bmx_target_address *address)
{
	if (bmx_own_addresses_have(here->own, address->family, address->octets))
		return true;
	for (size_t i = 0; i < here->proxy_count; i++)
		if (bmxctl_same_address(&here->proxy[i], address))
			return true;
	return false;
}

static bool
is_same_name(struct bmx_slice name, struct bmx_slice other)
{
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	if (other.len > 0 && other.data[other.len - 1] == '.')
		other.len--;
	return other.len > 0 && bmx_slice_equal_nocase(name, other);
}

bool
bmxctl_here_is_named(const struct bmxctl_here *here, struct bmx_slice name)
{
	const struct bmx_config_strings *names = &here->config->mx_names;

	for (size_t i = 0; i < names->count; i++)
		if (is_same_name(name, bmx_slice_of(names->items[i])))
			return true;
	return names->count == 0 &&
		is_same_name(name, bmx_slice_of(here->config->hostname));
}

static void
copy_name(char out[BMX_DOMAIN_BUFFER], struct bmx_slice name)
{
	const size_t len =
		name.len < BMX_DOMAIN_MAX ? name.len : BMX_DOMAIN_MAX;

	if (len > 0)
		memcpy(out, name.data, len);
	out[len] = '\0';
}

void
bmxctl_host_init(struct bmxctl_host *host, const struct bmxctl_here *here,
                 struct bmx_slice name)
{
	struct bmx_target_address address;

	*host = (struct bmxctl_host){.status = BMX_DNS_NODATA,
	                             .port = BMX_TARGET_PORT,
	                             .ours = bmxctl_here_is_named(here, name)};
	if (bmx_target_host_name(name, host->name)) {
		host->kind = BMXCTL_HOST_NAME;
		return;
	}
	copy_name(host->name, name);
	if (name.len == 0)
		host->kind = BMXCTL_HOST_ROOT;
	else if (read_address(host->name, &address))
		host->kind = BMXCTL_HOST_ADDRESS;
	else
		host->kind = BMXCTL_HOST_BAD;
}

static void
add_address(struct bmxctl_host *host, const struct bmxctl_here *here,
            const struct bmx_target_address *address)
{
	if (host->address_count == BMXCTL_HOST_ADDRESSES_MAX)
		return;
	host->status = BMX_DNS_OK;
	host->addresses[host->address_count++] = (struct bmxctl_host_address){
		*address, bmxctl_here_has(here, address)};
}

void
bmxctl_host_init_address(struct bmxctl_host *host,
                         const struct bmxctl_here *here,
                         const struct bmx_target_address *address)
{
	*host = (struct bmxctl_host){.kind = BMXCTL_HOST_ADDRESS,
	                             .port = BMX_TARGET_PORT,
	                             .secure = true};
	(void)bmxctl_address_text(address, host->name);
	add_address(host, here, address);
}

static void
take_addresses(struct bmxctl_host *host, const struct bmxctl_here *here,
               const struct bmx_dns_answer *answer, sa_family_t family)
{
	for (size_t i = 0; i < answer->count; i++) {
		struct bmx_target_address address = {.family = family};

		memcpy(address.octets, answer->records[i].address,
		       family == AF_INET ? 4 : 16);
		add_address(host, here, &address);
	}
}

static void
take_answers(struct bmxctl_host *host, const struct bmxctl_here *here,
             const struct bmx_dns_answer *const answers[QUESTIONS])
{
	const struct bmx_dns_answer *alias = answers[ASK_ALIAS];
	const struct bmx_dns_answer *a = answers[ASK_A];
	const struct bmx_dns_answer *aaaa = answers[ASK_AAAA];

	if (alias->count > 0)
		copy_name(host->alias, alias->records[0].text);
	take_addresses(host, here, aaaa, AF_INET6);
	take_addresses(host, here, a, AF_INET);
	host->secure = a->secure && aaaa->secure;
	if (host->address_count > 0)
		return;
	/* "Cannot say" of one family is "cannot say" of the host. */
	if (a->status == BMX_DNS_TEMPFAIL || aaaa->status == BMX_DNS_TEMPFAIL)
		host->status = BMX_DNS_TEMPFAIL;
	else
		host->status = a->status;
}

void
bmxctl_hosts_look_up(struct bmxctl_host *hosts, size_t count,
                     const struct bmxctl_here *here, struct bmx_dns *dns,
                     int64_t deadline_us)
{
	static const enum bmx_dns_type types[QUESTIONS] = {
		BMX_DNS_CNAME, BMX_DNS_A, BMX_DNS_AAAA};
	struct bmx_dns_query *queries[BMXCTL_HOSTS_MAX][QUESTIONS];
	const struct bmx_dns_answer *answers[QUESTIONS];

	if (count > BMXCTL_HOSTS_MAX)
		count = BMXCTL_HOSTS_MAX;
	for (size_t i = 0; i < count; i++)
		for (size_t q = 0; q < QUESTIONS; q++)
			queries[i][q] = hosts[i].kind != BMXCTL_HOST_NAME ?
				NULL :
				bmx_dns_start(dns, bmx_slice_of(hosts[i].name),
			                      types[q]);
	for (size_t i = 0; i < count; i++) {
		if (hosts[i].kind != BMXCTL_HOST_NAME)
			continue;
		for (size_t q = 0; q < QUESTIONS; q++)
			answers[q] = bmx_dns_wait(&queries[i][q], deadline_us);
		take_answers(&hosts[i], here, answers);
		for (size_t q = 0; q < QUESTIONS; q++)
			bmx_dns_answer_unref(&answers[q]);
	}
}
