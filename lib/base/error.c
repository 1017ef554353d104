#include <backupmx/error.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sysexits.h>

struct code_row {
	const char *name;
	int exit_status;
};

static const struct code_row codes[] = {
	[BMX_E_NONE] = {"none", EX_OK},
	[BMX_E_SYNTAX] = {"syntax", EX_DATAERR},
	[BMX_E_RANGE] = {"range", EX_DATAERR},
	[BMX_E_TOO_BIG] = {"too-big", EX_DATAERR},
	[BMX_E_NOMEM] = {"no-memory", EX_OSERR},
	[BMX_E_IO] = {"io", EX_IOERR},
	[BMX_E_NOT_FOUND] = {"not-found", EX_NOINPUT},
	[BMX_E_PERMISSION] = {"permission", EX_NOPERM},
	[BMX_E_BUSY] = {"busy", EX_UNAVAILABLE},
	[BMX_E_FULL] = {"full", EX_IOERR},
	[BMX_E_TIMEOUT] = {"timeout", EX_TEMPFAIL},
	[BMX_E_CLOSED] = {"closed", EX_UNAVAILABLE},
	[BMX_E_CORRUPT] = {"corrupt", EX_DATAERR},
	[BMX_E_REFUSED] = {"refused", EX_DATAERR},
	[BMX_E_USAGE] = {"usage", EX_USAGE},
};
static_assert(sizeof(codes) / sizeof(codes[0]) == BMX_E_USAGE + 1,
              "one row a code");

static void
clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static __attribute__((format(printf, 3, 0))) void
set_text(struct bmx_error *err, enum bmx_error_code code, const char *format,
         va_list args)
{
	err->code = code;
	(void)vsnprintf(err->text, sizeof(err->text), format, args);
	clean(err->text);
}

int
bmx_error_set(struct bmx_error *err, enum bmx_error_code code,
              const char *format, ...)
{
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	set_text(err, code, format, args);
	va_end(args);
	return -1;
}

static enum bmx_error_code
code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return BMX_E_NOT_FOUND;
	case EACCES:
	case EPERM:
		return BMX_E_PERMISSION;
	case ENOSPC:
	case EDQUOT:
		return BMX_E_FULL;
	case ENOMEM:
		return BMX_E_NOMEM;
	case EADDRINUSE:
		return BMX_E_BUSY;
	case ETIMEDOUT:
		return BMX_E_TIMEOUT;
	default:
		return BMX_E_IO;
	}
}

int
bmx_error_set_errno(struct bmx_error *err, int errnum, const char *format, ...)
{
	va_list args;
	char reason[96];
	size_t len;

	if (!err)
		return -1;
	va_start(args, format);
	set_text(err, code_of_errno(errnum), format, args);
	va_end(args);
	if (strerror_r(errnum, reason, sizeof(reason)) != 0)
		(void)snprintf(reason, sizeof(reason), "errno %d", errnum);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s",
	               reason);
	return -1;
}

const char *
bmx_error_code_name(enum bmx_error_code code)
{
	return codes[code].name;
}

int
bmx_error_exit_status(enum bmx_error_code code)
{
	return codes[code].exit_status;
}
