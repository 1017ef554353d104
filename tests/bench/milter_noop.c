/*
 * A libmilter milter that does nothing: what milter_bench.sh compares
 * backupmx-milter with.
 *
 *	milter_noop away unix:/path/of/the.sock   negotiates every step away
 *	milter_noop sees unix:/path/of/the.sock   is told every step and goes on
 */
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)name;
	(void)address;
	return SMFIS_CONTINUE;
}

static sfsistat
on_name(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return SMFIS_CONTINUE;
}

static sfsistat
on_envelope(SMFICTX *ctx, char **arguments)
{
	(void)ctx;
	(void)arguments;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *piece, size_t size)
{
	(void)ctx;
	(void)piece;
	(void)size;
	return SMFIS_CONTINUE;
}

static sfsistat
on_step(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

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
	const struct smfiDesc away = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_negotiate = on_negotiate,
	};
	const struct smfiDesc sees = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_name,
		.xxfi_envfrom = on_envelope,
		.xxfi_envrcpt = on_envelope,
		.xxfi_header = on_header,
		.xxfi_eoh = on_step,
		.xxfi_body = on_body,
		.xxfi_eom = on_step,
	};

	if (argc != 3) {
		(void)fputs("usage: milter_noop away|sees SOCKET\n", stderr);
		return 64;
	}
	(void)umask(0); /* Postfix is another user */
	if (smfi_setconn(argv[2]) != MI_SUCCESS ||
	    smfi_register(strcmp(argv[1], "sees") == 0 ? sees : away) !=
	            MI_SUCCESS)
		return 70;
	return smfi_main() == MI_SUCCESS ? 0 : 70;
}
