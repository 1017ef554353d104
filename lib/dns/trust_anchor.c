#include <backupmx/dns.h>

#include <unistd.h>

/* Debian: package dns-root-data. */
#define ROOT_KEY "/usr/share/dns/root.key"

const char *
bmx_dns_trust_anchor(const char *configured)
{
	if (configured && configured[0] != '\0')
		return configured;
	return access(ROOT_KEY, R_OK) == 0 ? ROOT_KEY : NULL;
}
