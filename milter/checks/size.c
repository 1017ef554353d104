#include "milter/checks/size.h"

#include <backupmx/units.h>

uint64_t
bmx_size_of_field(struct bmx_slice name, struct bmx_slice body)
{
	/* A colon, a blank, and the line end. */
	uint64_t octets = (uint64_t)name.len + body.len + 4;

	for (size_t i = 0; i < body.len; i++)
		octets += body.data[i] == '\n' &&
			(i == 0 || body.data[i - 1] != '\r');
	return octets;
}

enum bmx_finding
bmx_size_check(int64_t limit, uint64_t octets)
{
	if (limit <= 0 || octets == 0)
		return BMX_FOUND_NOTHING;
	return octets > (uint64_t)limit ? BMX_FOUND_TOO_LARGE : BMX_FOUND_GOOD;
}

uint64_t
bmx_size_announced(struct bmx_slice text)
{
	int64_t octets;

	if (bmx_units_parse_number(text, &octets) != 0)
		return 0;
	return (uint64_t)octets;
}
