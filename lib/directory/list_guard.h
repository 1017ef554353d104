/*
 * list_guard.h - the rules that keep a broken source from emptying a list:
 * one place for what is loaded, published and followed. Pure.
 */
#ifndef BACKUPMX_LIST_GUARD_H
#define BACKUPMX_LIST_GUARD_H

#include <stdint.h>

#include <backupmx/error.h>

/**
 * May a list of before entries lose lost of them? One always; more up to
 * max_shrink per cent.
 * @return 0, or -1 with *err: BMX_E_REFUSED
 */
int bmx_list_guard_shrink(uint64_t before, uint64_t lost, int64_t max_shrink,
                          struct bmx_error *err);

/** May a list have count entries? None is refused.
 * @return 0, or -1 with *err: BMX_E_REFUSED */
int bmx_list_guard_empty(uint64_t count, struct bmx_error *err);

#endif
