#include <backupmx/list_sync.h>

#include <string.h>

#include <backupmx/config.h>
#include <backupmx/hash.h>

#include "list_follow.h"
#include "list_read.h"

/* A load of a text under way. */
struct load {
	struct bmx_list_store *store; /* NULL: a dry run without a store */
	const struct bmx_list_sync_spec *spec;
	struct bmx_list_replace_options options;
	struct bmx_list_mark known; /* of the list in force */
	bool ask_if_changed;        /* by what known holds */
};

/*
 * Whatever says which text is asked for, and how it is read. Keyed with
 * nothing secret: it only tells settings of one administrator apart.
 */
static uint64_t
rules_of(const struct bmx_list_sync_spec *spec)
{
	const struct bmx_config_fetch *fetch = spec->fetch;
	const char *const words[] = {
		spec->source,
		fetch->username,
		fetch->password_file,
		fetch->token_file,
		fetch->tls_ca_file,
		fetch->tls_cert_file,
		spec->case_sensitive ? "case" : "",
	};
	uint8_t key[BMX_SIPHASH_KEY_SIZE] = {0};
	uint64_t rules = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		memcpy(key, &rules, sizeof(rules));
		rules = bmx_siphash24(key, words[i], strlen(words[i]));
	}
	return rules;
}

static int
read_mark(struct load *load, struct bmx_error *err)
{
	const struct bmx_slice domain = bmx_slice_of(load->spec->domain);
	struct bmx_list_reader *reader = bmx_list_reader_new(load->store, err);
	int rc = -1;

	if (reader && bmx_list_reader_begin(reader, err) == 0) {
		rc = bmx_list_reader_mark(reader, domain, &load->known, err);
		bmx_list_reader_end(reader);
	}
	bmx_list_reader_free(&reader);
	return rc;
}

/* The clock may have been set back: then it is asked for whole, too. */
static bool
is_recent(const struct load *load)
{
	const int64_t age_ms = load->options.now_ms - load->known.read_at_ms;

	return age_ms >= 0 && age_ms < BMX_LIST_REFETCH_MS;
}

static int
look_back(struct load *load, struct bmx_error *err)
{
	int rc;

	if (!load->store || load->options.force)
		return 0;
	rc = read_mark(load, err);
	load->ask_if_changed = rc > 0 && is_recent(load) &&
		load->known.rules == rules_of(load->spec);
	return rc < 0 ? -1 : 0;
}

/* The list in force is what the source has: it is as good as synced now. */
static int
keep(struct load *load, struct bmx_list_replace_result *result_out,
     struct bmx_error *err)
{
	load->options.only_generation = load->known.generation;
	return bmx_list_store_apply(load->store,
	                            bmx_slice_of(load->spec->domain), NULL, 0,
	                            &load->options, result_out, err);
}

static int
replace(struct load *load, const struct bmx_list_text *text,
        struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	const struct bmx_list_sync_spec *spec = load->spec;
	struct bmx_list_mark mark;

	if (bmx_list_is_fetched(spec->source)) {
		mark = (struct bmx_list_mark){
			.rules = rules_of(spec),
			.read_at_ms = load->options.now_ms,
			.validator = text->validator,
		};
		load->options.mark = &mark;
	}
	return bmx_list_store_replace(load->store, bmx_slice_of(spec->domain),
	                              text->list.entries, text->list.count,
	                              &load->options, result_out, err);
}

static int
bring(struct load *load, struct bmx_list_replace_result *result_out,
      struct bmx_error *err)
{
	struct bmx_list_text text;
	int rc;

	if (bmx_list_is_fetched(load->spec->source) && load->spec->fetch &&
	    look_back(load, err) != 0)
		return -1;
	if (bmx_list_read(load->spec,
	                  load->ask_if_changed ? &load->known.validator : NULL,
	                  &text, err) != 0)
		return -1;
	rc = text.unchanged ? keep(load, result_out, err) :
			      replace(load, &text, result_out, err);
	bmx_list_clear(&text.list);
	return rc;
}

int
bmx_list_sync(struct bmx_list_store *store,
              const struct bmx_list_sync_spec *spec,
              const struct bmx_list_replace_options *options,
              struct bmx_list_replace_result *result_out, struct bmx_error *err)
{
	char name[BMX_LIST_FETCH_NAME_MAX];
	struct load load = {.store = store, .spec = spec, .options = *options};

	memset(result_out, 0, sizeof(*result_out));
	load.options.source = bmx_list_is_fetched(spec->source) ?
		bmx_list_fetch_name(spec->source, name) :
		spec->source;
	if (strcmp(spec->source, BMX_LIST_SOURCE_REDIS) == 0)
		return bmx_list_follow(store, spec, &load.options, result_out,
		                       err);
	return bring(&load, result_out, err);
}
