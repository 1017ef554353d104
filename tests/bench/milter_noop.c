/*
 * A libmilter milter that does nothing and negotiates every step away: what
 * milter_bench.sh compares backupmx-milter with.
 *
 *	milter_noop unix:/path/of/the.sock
 */
#include <stdio.h>

#include <sys/stat.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
             unsigned long unused2, unsigned long unused3,
             unsigned long *actions_out, unsigned long *steps_out,
             unsigned long *out2, unsigned long *out3)
{
	(void)ctx;
	(void)actions;
	(void)unused2;
	(void)unused3;
	*actions_out = 0;
	*steps_out = steps &
		(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT |
	         SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOUNKNOWN |
	         SMFIP_NODATA);
	*out2 = 0;
	*out3 = 0;
	return SMFIS_CONTINUE;
}

int
main(int argc, char **argv)
{
	static char name[] = "noop";
	const struct smfiDesc description = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 2) {
		(void)fputs("usage: milter_noop SOCKET\n", stderr);
		return 64;
	}
	(void)umask(0); /* Postfix is another user */
	if (smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_register(description) != MI_SUCCESS)
		return 70;
	return smfi_main() == MI_SUCCESS ? 0 : 70;
}
