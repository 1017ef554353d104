#include "list_guard.h"

int
bmx_list_guard_shrink(uint64_t before, uint64_t lost, int64_t max_shrink,
                      struct bmx_error *err)
{
	const uint64_t allowed = max_shrink > 0 ? (uint64_t)max_shrink : 0;

	if (lost <= 1 || allowed >= 100 || lost * 100 <= before * allowed)
		return 0;
	return bmx_error_set(err, BMX_E_REFUSED,
	                     "the new list loses %llu of %llu entries, more "
	                     "than max_shrink = %lld allows",
	                     (unsigned long long)lost,
	                     (unsigned long long)before, (long long)max_shrink);
}

int
bmx_list_guard_empty(uint64_t count, struct bmx_error *err)
{
	if (count > 0)
		return 0;
	return bmx_error_set(err, BMX_E_REFUSED, "the new list is empty");
}
