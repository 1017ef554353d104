#include <backupmx/dnsbl_site.h>

#include <string.h>

#include <backupmx/address.h>
#include <backupmx/text.h>
#include <backupmx/units.h>

/* Where the reader is. */
struct cursor {
	const char *at;
	const char *end;
};

static bool
take(struct cursor *in, char c)
{
	if (in->at == in->end || *in->at != c)
		return false;
	in->at++;
	return true;
}

/* A number of one to three digits; false when there is none. */
static bool
take_number(struct cursor *in, unsigned *number_out)
{
	const char *start = in->at;
	unsigned number = 0;

	while (in->at < in->end && *in->at >= '0' && *in->at <= '9' &&
	       in->at - start < 3)
		number = number * 10 + (unsigned)(*in->at++ - '0');
	*number_out = number;
	return in->at > start;
}

static int
misread(struct bmx_error *err, const char *what)
{
	return bmx_error_set(err, BMX_E_SYNTAX, "%s", what);
}

static int
take_range(struct cursor *in, bool may_span, uint8_t bits[32],
           struct bmx_error *err)
{
	unsigned first, last;

	if (!take_number(in, &first))
		return misread(err, "a number is missing in the filter");
	last = first;
	if (may_span && take(in, '.') &&
	    (!take(in, '.') || !take_number(in, &last)))
		return misread(err, "a range of the filter is not as 2..11");
	if (last > 255)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "a number of the filter is over 255");
	if (last < first)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "a range of the filter goes down");
	for (unsigned value = first; value <= last; value++)
		bits[value / 8] |= (uint8_t)(1u << value % 8);
	return 0;
}

static int
take_octet(struct cursor *in, uint8_t bits[32], struct bmx_error *err)
{
	if (!take(in, '['))
		return take_range(in, false, bits, err);
	do {
		if (take_range(in, true, bits, err) != 0)
			return -1;
	} while (take(in, ';'));
	return take(in, ']') ? 0 : misread(err, "the filter lacks a ]");
}

static int
take_filter(struct cursor *in, struct bmx_dnsbl_site *site,
            struct bmx_error *err)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0 && !take(in, '.'))
			return misread(err, "the filter needs four octets");
		if (take_octet(in, site->octets[i], err) != 0)
			return -1;
	}
	return 0;
}

static int
take_weight(struct cursor *in, struct bmx_dnsbl_site *site,
            struct bmx_error *err)
{
	const bool negative = take(in, '-');
	const struct bmx_slice rest = {in->at, (size_t)(in->end - in->at)};
	int64_t weight;

	if (bmx_units_parse_number(rest, &weight) != 0)
		return misread(err, "the weight is no whole number");
	if (weight < 1 || weight > BMX_DNSBL_WEIGHT_MAX)
		return bmx_error_set(err, BMX_E_RANGE,
		                     "a weight is 1 to %d, or negative",
		                     BMX_DNSBL_WEIGHT_MAX);
	site->weight = (int)(negative ? -weight : weight);
	in->at = in->end;
	return 0;
}

static int
take_zone(struct cursor *in, struct bmx_dnsbl_site *site, struct bmx_error *err)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice zone = {in->at, 0};
	struct bmx_text text;

	while (in->at < in->end && *in->at != '=' && *in->at != '*')
		in->at++;
	zone.len = (size_t)(in->at - zone.data);
	if (bmx_domain_normalise(zone, buffer, &zone) != 0)
		return misread(err, "the zone is no domain name");
	bmx_text_init(&text, site->zone, sizeof(site->zone));
	bmx_text_append(&text, zone);
	if (text.cut)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "a zone has %zu octets at most",
		                     BMX_DNSBL_ZONE_MAX);
	return 0;
}

int
bmx_dnsbl_site_parse(struct bmx_slice text, struct bmx_dnsbl_site *site_out,
                     struct bmx_error *err)
{
	struct cursor in;

	if (text.len == 0 || text.len > BMX_DNSBL_SITE_MAX)
		return bmx_error_set(
			err, text.len ? BMX_E_TOO_BIG : BMX_E_SYNTAX,
			"a list has 1 to %zu octets", BMX_DNSBL_SITE_MAX);
	in = (struct cursor){text.data, text.data + text.len};
	*site_out = (struct bmx_dnsbl_site){.weight = 1};
	if (take_zone(&in, site_out, err) != 0)
		return -1;
	if (!take(&in, '='))
		memset(site_out->octets, 0xff, sizeof(site_out->octets));
	else if (take_filter(&in, site_out, err) != 0)
		return -1;
	if (take(&in, '*') && take_weight(&in, site_out, err) != 0)
		return -1;
	return in.at == in.end ? 0 : misread(err, "octets behind the filter");
}

bool
bmx_dnsbl_site_takes(const struct bmx_dnsbl_site *site, const uint8_t answer[4])
{
	for (int i = 0; i < 4; i++)
		if (!(site->octets[i][answer[i] / 8] & 1u << answer[i] % 8))
			return false;
	return true;
}
