/* `config dump`, and what a reload cannot change. */
#include <errno.h>
#include <stdlib.h>

#include <backupmx/hash.h>

#include "config_priv.h"

struct dump {
	const struct config_snapshot *snapshot;
	FILE *out;
	bool all;
	bool failed; /* memory was short */
};

static const struct config_snapshot *
snapshot_of(const struct bmx_config *config)
{
	return (const struct config_snapshot *)config;
}

/* Writes the rows of section; with out NULL only says whether any would be. */
static bool
put_rows(struct dump *dump, enum config_section section, const void *base,
         const char *indent, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < config_row_count; i++) {
		const struct config_row *row = &config_rows[i];
		char *text;
		char *initial;

		if (row->section != section)
			continue;
		text = config_format(row, base);
		initial = config_format(row, dump->snapshot->defaults[section]);
		if (!text || !initial) {
			dump->failed = true;
		} else if (dump->all || strcmp(text, initial) != 0) {
			any = true;
			if (out)
				(void)fprintf(out, "%s%s = %s\n", indent,
				              config_row_name(row), text);
		}
		free(text);
		free(initial);
	}
	return any;
}

static void
put_section(struct dump *dump, enum config_section section, const void *base,
            const char *indent, bool always)
{
	char inner[8];

	if (!always && !put_rows(dump, section, base, indent, NULL))
		return;
	(void)snprintf(inner, sizeof(inner), "%s\t", indent);
	(void)fprintf(dump->out, "%s%s {\n", indent,
	              config_sections[section].name);
	(void)put_rows(dump, section, base, inner, dump->out);
	(void)fprintf(dump->out, "%s}\n", indent);
}

static void
put_title(FILE *out, const char *title)
{
	(void)fputc('"', out);
	for (; *title; title++) {
		if (strchr("\\\"$", *title))
			(void)fputc('\\', out);
		(void)fputc(*title, out);
	}
	(void)fputc('"', out);
}

static void
put_domain(struct dump *dump, const struct bmx_config_domain *domain)
{
	(void)fputs("domain ", dump->out);
	put_title(dump->out, domain->name);
	(void)fputs(" {\n", dump->out);
	(void)put_rows(dump, CONFIG_DOMAIN, domain, "\t", dump->out);
	for (size_t i = 0; i < CONFIG_SECTIONS; i++)
		if (config_sections[i].parent == CONFIG_DOMAIN &&
		    !config_sections[i].titled)
			put_section(dump, (enum config_section)i,
			            (const char *)domain +
			                    config_sections[i].offset,
			            "\t", false);
	for (size_t i = 0; i < domain->scanner_count; i++) {
		(void)fputs("\tscanner ", dump->out);
		put_title(dump->out, domain->scanners[i].name);
		(void)fputs(" {\n", dump->out);
		(void)put_rows(dump, CONFIG_SCANNER, &domain->scanners[i],
		               "\t\t", dump->out);
		(void)fputs("\t}\n", dump->out);
	}
	(void)fputs("}\n", dump->out);
}

int
bmx_config_dump(const struct bmx_config *config, FILE *out, bool all,
                struct bmx_error *err)
{
	struct dump dump = {snapshot_of(config), out, all, false};

	(void)put_rows(&dump, CONFIG_ROOT, config, "", out);
	put_section(&dump, CONFIG_POLICYD, &config->policyd, "", false);
	put_section(&dump, CONFIG_MILTER, &config->milter, "", false);
	if (config->redis.present)
		put_section(&dump, CONFIG_REDIS, &config->redis, "", true);
	for (size_t i = 0; i < config->domain_count; i++)
		put_domain(&dump, &config->domains[i]);
	if (dump.failed)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	if (fflush(out) != 0 || ferror(out))
		return bmx_error_set_errno(err, errno ? errno : EIO,
		                           "writing the configuration");
	return 0;
}

int
bmx_config_digest(const struct bmx_config *config, uint64_t *digest_out,
                  struct bmx_error *err)
{
	static const uint8_t key[BMX_SIPHASH_KEY_SIZE] = "config digest 1";
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc;

	if (!out)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	rc = bmx_config_dump(config, out, true, err);
	if (fclose(out) != 0 && rc == 0)
		rc = bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	if (rc == 0)
		*digest_out = bmx_siphash24(key, text, len);
	free(text);
	return rc;
}

/* Short of memory: better one restart too many. */
static bool
differs(const struct config_row *row, const struct bmx_config *running,
        const struct bmx_config *next)
{
	const size_t offset = config_sections[row->section].offset;

	return config_differs(row, (const char *)running + offset,
	                      (const char *)next + offset);
}

static bool
acts_on(enum bmx_config_part part, enum config_section section)
{
	switch (part) {
	case BMX_CONFIG_POLICYD:
		return section != CONFIG_MILTER;
	case BMX_CONFIG_MILTER:
		return section != CONFIG_POLICYD && section != CONFIG_REDIS;
	}
	return true;
}

const char *
bmx_config_needs_restart(const struct bmx_config *running,
                         const struct bmx_config *next,
                         enum bmx_config_part part)
{
	if (acts_on(part, CONFIG_REDIS) &&
	    running->redis.present != next->redis.present)
		return "redis";
	for (size_t i = 0; i < config_row_count; i++) {
		const struct config_row *row = &config_rows[i];

		if (!row->reloadable && acts_on(part, row->section) &&
		    differs(row, running, next))
			return row->key;
	}
	return NULL;
}
