#include <stdlib.h>
#include <string.h>

#include "fetch_priv.h"

#define FIRST_SIZE ((size_t)64 * 1024)

static int
grow(struct fetch_buffer *buffer, size_t needed, struct bmx_error *err)
{
	size_t size = buffer->size ? buffer->size : FIRST_SIZE;
	char *data;

	while (size < needed)
		size *= 2;
	if (size > buffer->max)
		size = buffer->max;
	data = realloc(buffer->data, size);
	if (!data)
		return bmx_error_set(err, BMX_E_NOMEM,
		                     "no memory for %zu octets of a list",
		                     needed);
	buffer->data = data;
	buffer->size = size;
	return 0;
}

int
fetch_buffer_append(struct fetch_buffer *buffer, struct bmx_slice bytes,
                    struct bmx_error *err)
{
	if (bytes.len > buffer->max - buffer->len)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "larger than the %zu octets that "
		                     "fetch.max_size allows",
		                     buffer->max);
	if (buffer->len + bytes.len > buffer->size &&
	    grow(buffer, buffer->len + bytes.len, err) != 0)
		return -1;
	if (bytes.len > 0)
		memcpy(buffer->data + buffer->len, bytes.data, bytes.len);
	buffer->len += bytes.len;
	return 0;
}

void
fetch_buffer_clear(struct fetch_buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->len = 0;
	buffer->size = 0;
}
