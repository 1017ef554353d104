/* A snapshot before its file is read: every option has its default. */
#include <stdio.h>
#include <string.h>

#include <unistd.h>

#include "config_priv.h"

/* The defaults go the same way as a file's values. */
static int
set_defaults(struct config_snapshot *snapshot, enum config_section section,
             struct bmx_config_problems *problems)
{
	char *base =
		bmx_arena_alloc(snapshot->arena, config_sections[section].size);

	if (!base)
		return -1;
	snapshot->defaults[section] = base;
	for (size_t i = 0; i < config_row_count; i++) {
		const struct config_row *row = &config_rows[i];
		struct config_value value = {.name = row->key,
		                             .at = {"defaults", 1}};
		char quoted[160];
		struct bmx_error err;

		if (row->section != section)
			continue;
		(void)snprintf(quoted, sizeof(quoted),
		               row->initial[0] == '{' ? "%s" : "\"%s\"",
		               row->initial);
		if (row->initial[0] == '\0' && row->type == CONFIG_STRING)
			memcpy(base + row->offset, &row->initial,
			       sizeof(row->initial));
		else if (config_value_read(quoted, value.at, snapshot->arena,
		                           &value, &err) != 0)
			return -1;
		else
			config_convert(row, &value, base, snapshot->arena,
			               problems);
	}
	return 0;
}

/* A domain has its sections, given or not. */
static void
set_inner_defaults(struct config_snapshot *snapshot)
{
	char *domain = snapshot->defaults[CONFIG_DOMAIN];

	for (size_t i = 0; i < CONFIG_SECTIONS; i++)
		if (config_sections[i].parent == CONFIG_DOMAIN &&
		    !config_sections[i].titled)
			memcpy(domain + config_sections[i].offset,
			       snapshot->defaults[i], config_sections[i].size);
}

int
config_prepare(struct config_snapshot *snapshot, const char *path,
               struct bmx_config_problems *problems)
{
	struct bmx_config *config = &snapshot->config;
	char host[256] = "";

	for (size_t i = 0; i < CONFIG_SECTIONS; i++)
		if (set_defaults(snapshot, (enum config_section)i, problems) !=
		    0)
			return -1;
	(void)gethostname(host, sizeof(host) - 1);
	*config = *(struct bmx_config *)snapshot->defaults[CONFIG_ROOT];
	config->hostname = bmx_arena_copy(
		snapshot->arena, bmx_slice_of(host[0] ? host : "localhost"));
	config->path = bmx_arena_copy(snapshot->arena, bmx_slice_of(path));
	if (!config->hostname || !config->path)
		return -1;
	((struct bmx_config *)snapshot->defaults[CONFIG_ROOT])->hostname =
		config->hostname;
	memcpy(&config->policyd, snapshot->defaults[CONFIG_POLICYD],
	       sizeof(config->policyd));
	memcpy(&config->milter, snapshot->defaults[CONFIG_MILTER],
	       sizeof(config->milter));
	memcpy(&config->redis, snapshot->defaults[CONFIG_REDIS],
	       sizeof(config->redis));
	set_inner_defaults(snapshot);
	return 0;
}
