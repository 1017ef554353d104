/* From a field to its text in the file's syntax, and all that follows. */
#include <stdlib.h>

#include <arpa/inet.h>

#include <backupmx/units.h>

#include "config_priv.h"

static void
quote(FILE *out, const char *string)
{
	(void)fputc('"', out);
	for (; *string; string++) {
		if (strchr("\\\"$", *string))
			(void)fputc('\\', out);
		(void)fputc(*string, out);
	}
	(void)fputc('"', out);
}

static void
put_endpoint(FILE *out, const struct bmx_endpoint *endpoint)
{
	char buffer[512];
	struct bmx_text text;

	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_endpoint_append(&text, endpoint);
	quote(out, buffer);
}

static void
put_network(FILE *out, const struct bmx_config_network *network)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0,    0,
	                                   0, 0, 0, 0, 0xff, 0xff};
	const bool v4 = network->prefix_length >= 96 &&
		memcmp(network->network, mapped, 12) == 0;
	char address[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(v4 ? AF_INET : AF_INET6,
	                network->network + (v4 ? 12 : 0), address,
	                sizeof(address));
	(void)fprintf(out, "\"%s/%u\"", address,
	              network->prefix_length - (v4 ? 96 : 0));
}

static void
put_list(FILE *out, const struct config_row *row, const char *base)
{
	struct bmx_config_strings strings = {NULL, 0};
	const void *items;
	size_t count;

	if (row->type == CONFIG_STRINGS) {
		memcpy(&strings, base + row->offset, sizeof(strings));
		count = strings.count;
		items = NULL;
	} else {
		memcpy(&items, base + row->offset, sizeof(items));
		memcpy(&count, base + row->second, sizeof(count));
	}
	(void)fputc('{', out);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			(void)fputs(", ", out);
		if (row->type == CONFIG_STRINGS)
			quote(out, strings.items[i]);
		else if (row->type == CONFIG_ENDPOINTS)
			put_endpoint(out,
			             (const struct bmx_endpoint *)items + i);
		else
			put_network(out,
			            (const struct bmx_config_network *)items +
			                    i);
	}
	(void)fputc('}', out);
}

static void
put_number(FILE *out, const struct config_row *row, const char *base)
{
	char buffer[64];
	struct bmx_text text;
	int64_t number;

	memcpy(&number, base + row->offset, sizeof(number));
	bmx_text_init(&text, buffer, sizeof(buffer));
	if (row->type == CONFIG_DURATION)
		bmx_units_append_duration(&text, number);
	else if (row->type == CONFIG_SIZE)
		bmx_units_append_size(&text, number);
	else
		bmx_text_append_u64(&text, (uint64_t)number);
	(void)fputs(buffer, out);
}

static void
put_response(FILE *out, const struct config_row *row, const char *base)
{
	struct bmx_config_response response;

	memcpy(&response, base + row->offset, sizeof(response));
	if (response.action == BMX_ACTION_SCORE)
		(void)fprintf(out, "\"score=%d\"", response.points);
	else
		quote(out, row->words[response.action]);
}

static void
put_scalar(FILE *out, const struct config_row *row, const char *base)
{
	const char *string;
	unsigned word;
	mode_t mode;
	bool on;

	if (row->type == CONFIG_STRING) {
		memcpy(&string, base + row->offset, sizeof(string));
		quote(out, string);
	} else if (row->type == CONFIG_BOOL) {
		memcpy(&on, base + row->offset, sizeof(on));
		(void)fputs(on ? "true" : "false", out);
	} else if (row->type == CONFIG_ENUM) {
		memcpy(&word, base + row->offset, sizeof(word));
		quote(out, row->words[word]);
	} else {
		memcpy(&mode, base + row->offset, sizeof(mode));
		(void)fprintf(out, "\"%04o\"", (unsigned)mode);
	}
}

static void
put_socket(FILE *out, const struct config_row *row, const char *base)
{
	bool on = true;

	if (row->type == CONFIG_ENDPOINT_OR_OFF)
		memcpy(&on, base + row->second, sizeof(on));
	if (on)
		put_endpoint(out,
		             (const struct bmx_endpoint
		                      *)(const void *)(base + row->offset));
	else
		(void)fputs("\"\"", out);
}

char *
config_format(const struct config_row *row, const void *base)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	switch (row->type) {
	case CONFIG_STRINGS:
	case CONFIG_ENDPOINTS:
	case CONFIG_NETWORKS:
		put_list(out, row, base);
		break;
	case CONFIG_NUMBER:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_PERCENT:
		put_number(out, row, base);
		break;
	case CONFIG_ENDPOINT:
	case CONFIG_ENDPOINT_OR_OFF:
		put_socket(out, row, base);
		break;
	case CONFIG_RESPONSE:
		put_response(out, row, base);
		break;
	case CONFIG_STRING:
	case CONFIG_BOOL:
	case CONFIG_ENUM:
	case CONFIG_MODE:
		put_scalar(out, row, base);
		break;
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

bool
config_differs(const struct config_row *row, const void *a, const void *b)
{
	char *left = config_format(row, a);
	char *right = config_format(row, b);
	const bool different = !left || !right || strcmp(left, right) != 0;

	free(left);
	free(right);
	return different;
}
