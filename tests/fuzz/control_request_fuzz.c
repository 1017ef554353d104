/*
 * Control requests: what is read is inside the line that was given, and each
 * shorter piece of that line asks for more.
 */
#include <backupmx/control_request.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** As the fuzzing runtime calls it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* Written again from its parts, the request is the line that came. */
static void
check_request(const struct bmx_control_request *request, struct bmx_slice line)
{
	const char *name;
	size_t len;

	require((size_t)request->verb < BMX_CONTROL_VERBS);
	name = bmx_control_verb_name(request->verb);
	len = strlen(name);
	require(line.len >= len && memcmp(line.data, name, len) == 0);
	if (request->argument.len == 0) {
		require(line.len == len);
		return;
	}
	require(line.len == len + 1 + request->argument.len);
	require(line.data[len] == ' ');
	require(request->argument.data == line.data + len + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bmx_slice input = {(const char *)data, size};
	const char *feed = size ? memchr(data, '\n', size) : NULL;
	const size_t line = feed ? (size_t)(feed - input.data) : size;
	struct bmx_control_request request;
	struct bmx_error err = {.code = BMX_E_NONE};
	const int got = bmx_control_request_parse(input, &request, &err);

	require(got == -1 ?
	                err.code == BMX_E_SYNTAX || err.code == BMX_E_TOO_BIG :
	                err.code == BMX_E_NONE);
	require((err.code == BMX_E_TOO_BIG) ==
	        (line >= BMX_CONTROL_REQUEST_MAX));
	if (got == 1)
		check_request(&request, (struct bmx_slice){input.data, line});
	for (size_t len = 0; len < line && len < BMX_CONTROL_REQUEST_MAX; len++)
		require(bmx_control_request_parse(
				(struct bmx_slice){input.data, len}, &request,
				&err) == 0);
	return 0;
}
