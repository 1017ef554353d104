/*
 * password.h - reads a password file. It blocks as reading a small local file
 * does; what is no regular file (a FIFO) is refused.
 */
#ifndef BACKUPMX_LIB_REDIS_PASSWORD_H
#define BACKUPMX_LIB_REDIS_PASSWORD_H

#include <backupmx/error.h>

/** Most octets of a password, terminator included. */
#define BMX_REDIS_PASSWORD_MAX ((size_t)1024)

/**
 * Reads the first line of the file at path; "" is no file: no password.
 * @return 0 with password_out terminated, or -1 with *err: BMX_E_NOT_FOUND,
 *         BMX_E_PERMISSION, BMX_E_SYNTAX (empty, a NUL in it, no regular
 *         file), BMX_E_TOO_BIG, BMX_E_IO
 */
int bmx_redis_password_read(const char *path,
                            char password_out[BMX_REDIS_PASSWORD_MAX],
                            struct bmx_error *err);

#endif
