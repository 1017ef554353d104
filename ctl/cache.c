/* backupmxctl cache dump [DOMAIN], cache load [FILE] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include <backupmx/address.h>
#include <backupmx/cache_store.h>
#include <backupmx/record_line.h>

#include "ctl/ask.h"

struct dump {
	struct bmx_slice domain; /* empty: all */
};

static int
print_record(void *ctx, const struct bmx_record_key *key,
             const struct bmx_record *record)
{
	const struct dump *dump = ctx;
	char buffer[BMX_RECORD_DUMP_MAX];
	struct bmx_text text;

	if (dump->domain.len > 0 && !bmx_slice_equal(dump->domain, key->domain))
		return 0;
	bmx_text_init(&text, buffer, sizeof(buffer));
	bmx_record_line_append(&text, key, record);
	(void)printf("%.*s\n", (int)text.len, text.data);
	return 0;
}

static int
dump_records(struct bmxctl *ctl, const char *state_dir, struct dump *dump)
{
	struct bmx_error err;
	struct bmx_cache_store *store = bmx_cache_store_open_to_read(
		state_dir, bmx_clock_system(), &err);
	int rc;

	if (!store)
		return bmxctl_fail(ctl, &err);
	rc = bmx_cache_store_each(store, BMX_RECORD_KINDS, print_record, dump,
	                          &err);
	bmx_cache_store_free(&store);
	return rc == 0 ? EX_OK : bmxctl_fail(ctl, &err);
}

static int
dump(struct bmxctl *ctl, const char *domain)
{
	struct dump what = {{NULL, 0}};
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_config *config;
	int status = EX_OK;

	if (domain &&
	    bmx_domain_normalise(bmx_slice_of(domain), buffer, &what.domain) !=
	            0) {
		(void)fprintf(stderr, "%s: \"%s\" is no domain\n", ctl->program,
		              domain);
		return EX_USAGE;
	}
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	status = dump_records(ctl, config->state_dir, &what);
	bmx_config_unref(&config);
	return status;
}

/* A bad line is told before anything of it is sent; the lines before it have
 * been taken, which does no harm: each stands for itself. */
static int
keep_line(struct bmxctl *ctl, const struct bmx_config *config, const char *file,
          unsigned long number, const char *line)
{
	struct bmx_record_line parsed;
	struct bmx_error err;
	int status = EX_OK;
	json_t *answer;

	if (bmx_record_line_parse(bmx_slice_of(line), &parsed, &err) != 0) {
		(void)fprintf(stderr, "%s: %s:%lu: %s\n", ctl->program, file,
		              number, err.text);
		return EX_DATAERR;
	}
	answer = bmxctl_ask_of(ctl, config, "keep", line, &status);
	if (!answer)
		(void)fprintf(stderr, "%s: %s:%lu: not taken\n", ctl->program,
		              file, number);
	json_decref(answer);
	return status;
}

static int
load_lines(struct bmxctl *ctl, const struct bmx_config *config, FILE *in,
           const char *file)
{
	char line[BMX_RECORD_DUMP_MAX + 2];
	unsigned long number = 0;
	int status = EX_OK;

	while (status == EX_OK && fgets(line, sizeof(line), in)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0' && line[0] != '#')
			status = keep_line(ctl, config, file, number, line);
	}
	if (status == EX_OK && ferror(in)) {
		(void)fprintf(stderr, "%s: %s: %s\n", ctl->program, file,
		              strerror(errno));
		return EX_IOERR;
	}
	if (status == EX_OK)
		(void)printf("%lu lines\n", number);
	return status;
}

static int
load(struct bmxctl *ctl, const char *file)
{
	FILE *in = file ? fopen(file, "r") : stdin;
	struct bmx_config *config;
	int status = EX_OK;

	if (!in) {
		(void)fprintf(stderr, "%s: %s: %s\n", ctl->program, file,
		              strerror(errno));
		return EX_NOINPUT;
	}
	config = bmxctl_load_config(ctl, false, &status);
	if (config)
		status = load_lines(ctl, config, in, file ? file : "-");
	bmx_config_unref(&config);
	if (file)
		(void)fclose(in); /* was read only */
	return status;
}

int
bmxctl_cache(struct bmxctl *ctl, int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const char *more = argc > 2 ? argv[2] : NULL;

	if (argc <= 3 && strcmp(word, "dump") == 0)
		return dump(ctl, more);
	if (argc <= 3 && strcmp(word, "load") == 0)
		return load(ctl, more);
	return bmxctl_usage(ctl, "cache dump [DOMAIN] | cache load [FILE]");
}
