#include "name.h"

#include <backupmx/dns.h>
#include <backupmx/text.h>

struct bmx_slice
bmx_spf_name_trim(struct bmx_slice name)
{
	if (name.len > 0 && name.data[name.len - 1] == '.')
		name.len--;
	return name;
}

bool
bmx_spf_name_is_domain(struct bmx_slice name)
{
	size_t label = 0, dots = 0;

	if (name.len == 0 || name.len > BMX_DNS_NAME_MAX || name.data[0] == '[')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		const char c = name.data[i];

		if (c <= 0x20 || c >= 0x7f)
			return false;
		if (c == '.' && label == 0)
			return false;
		dots += c == '.';
		label = c == '.' ? 0 : label + 1;
		if (label > BMX_DNS_LABEL_MAX)
			return false;
	}
	return label > 0 && dots > 0;
}

struct bmx_slice
bmx_spf_name_fit(struct bmx_slice name)
{
	size_t start;

	name = bmx_spf_name_trim(name);
	if (name.len <= BMX_DNS_NAME_MAX)
		return name;
	for (start = name.len - BMX_DNS_NAME_MAX; start < name.len; start++)
		if (name.data[start - 1] == '.')
			return (struct bmx_slice){name.data + start,
			                          name.len - start};
	return name;
}

int
bmx_spf_name_closeness(struct bmx_slice host, struct bmx_slice domain)
{
	struct bmx_slice tail;

	host = bmx_spf_name_trim(host);
	domain = bmx_spf_name_trim(domain);
	if (domain.len == 0 || host.len < domain.len)
		return 0;
	tail = (struct bmx_slice){host.data + (host.len - domain.len),
	                          domain.len};
	if (!bmx_slice_equal_nocase(tail, domain))
		return 0;
	if (host.len == domain.len)
		return 2;
	return tail.data[-1] == '.' ? 1 : 0;
}

struct bmx_slice
bmx_spf_name_reverse(const uint8_t *address, size_t len,
                     char buffer[BMX_SPF_REVERSE_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMX_SPF_REVERSE_SIZE);
	for (size_t i = len; i-- > 0;) {
		if (len == 4) {
			bmx_text_append_u64(&text, address[i]);
		} else {
			bmx_text_append_char(&text, digits[address[i] & 15]);
			bmx_text_append_char(&text, '.');
			bmx_text_append_char(&text, digits[address[i] >> 4]);
		}
		bmx_text_append_char(&text, '.');
	}
	bmx_text_append_string(&text, len == 4 ? "in-addr.arpa" : "ip6.arpa");
	return bmx_text_slice(&text);
}

bool
bmx_spf_address_in(const uint8_t *address, const uint8_t *network,
                   unsigned bits)
{
	for (; bits >= 8; bits -= 8)
		if (*address++ != *network++)
			return false;
	return bits == 0 ||
		((*address ^ *network) & (0xff00 >> bits) & 0xff) == 0;
}
