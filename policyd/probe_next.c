#include "policyd/probe_next.h"

enum bmx_probe_says
bmx_probe_says(const struct bmx_probe_result *result)
{
	switch (result->why) {
	case BMX_PROBE_WHY_NONE:
	case BMX_PROBE_RCPT_TEMPORARY:
	case BMX_PROBE_RCPT_SENDER:
	case BMX_PROBE_RCPT_POLICY:
	case BMX_PROBE_RCPT_OTHER:
	case BMX_PROBE_LOST_USERS:
	case BMX_PROBE_NO_POSTMASTER:
		return BMX_PROBE_SAYS_WORKS;
	case BMX_PROBE_REFUSED_GREETING:
	case BMX_PROBE_REFUSED_HELO:
	case BMX_PROBE_REFUSED_SENDER:
	case BMX_PROBE_REFUSED_TLS:
	case BMX_PROBE_LOOP:
	case BMX_PROBE_PROTOCOL:
	case BMX_PROBE_TRANSPORT:
	case BMX_PROBE_TIMEOUT:
	case BMX_PROBE_CLOSED:
		return BMX_PROBE_SAYS_FAILS;
	case BMX_PROBE_NO_SMTPUTF8: /* of this recipient, not of the primary */
	case BMX_PROBE_BAD_ADDRESS:
	case BMX_PROBE_NO_MEMORY:
	case BMX_PROBE_WHYS:
		break;
	}
	return BMX_PROBE_SAYS_NOTHING;
}

enum bmx_probe_next
bmx_probe_next(const struct bmx_probe_next_facts *facts)
{
	const struct bmx_probe_result *result = facts->result;

	if (result->outcome != BMX_PROBE_UNSURE ||
	    facts->left_ms < BMX_PROBE_NEXT_LEAST_MS)
		return BMX_PROBE_NEXT_END;
	if (result->retry == BMX_PROBE_RETRY_IN_CLEAR && !facts->was_in_clear)
		return BMX_PROBE_NEXT_IN_CLEAR;
	if (result->retry == BMX_PROBE_RETRY_NEW && !facts->was_again)
		return BMX_PROBE_NEXT_AGAIN;
	return bmx_probe_says(result) == BMX_PROBE_SAYS_FAILS ?
		BMX_PROBE_NEXT_TARGET :
		BMX_PROBE_NEXT_END;
}
