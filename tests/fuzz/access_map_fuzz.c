/*
 * Access maps: any file is read or refused with a line, and what is found in
 * it can be sent. The first octet says which form; behind a NUL is the name
 * and sender that is looked up.
 */
#include <stdlib.h>
#include <string.h>

#include "milter/checks/access_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool holds)
{
	if (!holds)
		abort();
}

static void
check_action(const struct bmx_access_action *action)
{
	struct bmx_smtp_answer answer;

	if (!action || action->code[0] == '\0')
		return;
	expect(bmx_smtp_answer_make(action->code, action->enhanced,
	                            bmx_slice_of(action->text), &answer,
	                            NULL) == 0);
	expect(answer.permanent == (action->found == BMX_FOUND_ACCESS_REJECT));
}

static void
look_up(const struct bmx_access_map *map, struct bmx_slice key)
{
	uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8};

	if (key.len > 0)
		memcpy(address, key.data, key.len < 16 ? key.len : 16);
	check_action(bmx_access_map_client(map, key, address));
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	check_action(bmx_access_map_client(map, key, address));
	check_action(bmx_access_map_client(map, key, NULL));
	check_action(bmx_access_map_sender(map, key, "+-"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_slice text = {0}, key = {0};
	struct bmx_access_map *map;
	const char *nul;

	expect(problems != NULL);
	if (size > 0)
		text = (struct bmx_slice){(const char *)data + 1, size - 1};
	nul = text.len > 0 ? memchr(text.data, '\0', text.len) : NULL;
	if (nul) {
		key = (struct bmx_slice){
			nul + 1, text.len - (size_t)(nul + 1 - text.data)};
		text.len = (size_t)(nul - text.data);
	}
	map = bmx_access_map_parse(size > 0 && data[0] == 'c' ?
	                                   BMX_ACCESS_CIDR :
	                                   BMX_ACCESS_INDEXED,
	                           "fuzz", text, problems);
	expect(map || bmx_config_problems_count(problems) > 0);
	if (map)
		look_up(map, key);
	bmx_access_map_free(&map);
	bmx_config_problems_free(&problems);
	return 0;
}
