/* cmocka with the headers that it wants before itself. */
#ifndef BACKUPMX_TESTS_CMOCKA_H
#define BACKUPMX_TESTS_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
