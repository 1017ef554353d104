/* Any text either gives a sorted, unique list or an error with its line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <backupmx/list_sync.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct bmx_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct bmx_slice b = list->entries[i].local;
		struct bmx_slice a;
		int order;

		if (b.len == 0 || b.len > BMX_LOCAL_MAX)
			abort();
		if (i == 0)
			continue;
		a = list->entries[i - 1].local;
		order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
		if (order > 0 || (order == 0 && a.len >= b.len))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice text = {(const char *)data, size};
	struct bmx_error err = {0};
	struct bmx_list list;

	for (int sensitive = 0; sensitive < 2; sensitive++) {
		if (bmx_list_parse(text, BMX_SLICE("example.test"),
		                   sensitive != 0, &list, &err) == 0)
			check(&list);
		else if (err.code == BMX_E_NONE || list.entries)
			abort();
		bmx_list_clear(&list);
	}
	return 0;
}
