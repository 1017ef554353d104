/* backupmxctl list [DOMAIN] [--json] */
#include <inttypes.h>

#include <sys/stat.h>

#include <jansson.h>
#include <sysexits.h>

#include <backupmx/address.h>
#include <backupmx/clock.h>
#include <backupmx/list_store.h>

#include "ctl/lists.h"

struct output {
	const char *domain; /* as the address's second half */
	json_t *array;      /* NULL: text */
	int64_t now_ms;
};

static int
print_entry(void *ctx, const struct bmx_list_entry *entry)
{
	const struct output *output = ctx;
	const char *state = bmx_recipient_state_name(entry->state);
	char buffer[BMXCTL_ADDRESS_BUFFER];
	const char *address =
		bmxctl_address(entry->local, output->domain, buffer);

	if (output->array)
		return json_array_append_new(output->array,
		                             json_pack("{s:s, s:s}", "address",
		                                       address, "state",
		                                       state));
	if (entry->state == BMX_RECIPIENT_ACTIVE)
		(void)puts(address);
	else
		(void)printf("%s %s\n", address, state);
	return 0;
}

static int
print_domain(void *ctx, struct bmx_slice domain,
             const struct bmx_list_meta *meta)
{
	const struct output *output = ctx;
	const int64_t age_s = (output->now_ms - meta->synced_at_ms) / 1000;

	if (output->array)
		return json_array_append_new(
			output->array,
			json_pack("{s:s%, s:I, s:I, s:I, s:b, s:s}", "domain",
		                  domain.data, (int)domain.len, "generation",
		                  (json_int_t)meta->generation, "entries",
		                  (json_int_t)meta->count, "age_s",
		                  (json_int_t)age_s, "held", (int)meta->held,
		                  "source", meta->source));
	(void)printf("%.*s generation=%" PRIu64 " entries=%" PRIu64
	             " age=%" PRId64 "s%s\n",
	             (int)domain.len, domain.data, meta->generation,
	             meta->count, age_s, meta->held ? " held" : "");
	return 0;
}

static int
no_list(const char *domain, struct bmx_error *err)
{
	return bmx_error_set(err, BMX_E_NOT_FOUND,
	                     "%s has no list; backupmxctl load brings one",
	                     domain);
}

static int
print_list(struct bmx_list_reader *reader, struct output *output,
           const char *name, struct bmx_error *err)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_list_meta meta;
	struct bmx_slice domain;
	int rc;

	if (!name)
		return bmx_list_reader_domains(reader, print_domain, output,
		                               err);
	if (bmx_domain_normalise(bmx_slice_of(name), buffer, &domain) != 0)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "\"%s\" is not a domain name", name);
	rc = bmx_list_reader_meta(reader, domain, &meta, err);
	if (rc == 0)
		return no_list(buffer, err);
	if (rc < 0)
		return rc;
	output->domain = buffer;
	rc = bmx_list_reader_each(reader, meta.id, print_entry, output, err);
	output->domain = NULL;
	return rc;
}

static bool
is_folder(const char *path)
{
	struct stat file;

	return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

static int
read_store(const char *state_dir, struct output *output, const char *name,
           struct bmx_error *err)
{
	struct bmx_list_store *store =
		bmx_list_store_open(state_dir, BMX_LIST_READ_ONLY, err);
	struct bmx_list_reader *reader;
	int rc = -1;

	/* Before the first load there is no store, and no list in it. */
	if (!store && err->code == BMX_E_NOT_FOUND && is_folder(state_dir))
		return name ? no_list(name, err) : 0;
	if (!store)
		return -1;
	reader = bmx_list_reader_new(store, err);
	if (reader && bmx_list_reader_begin(reader, err) == 0) {
		rc = print_list(reader, output, name, err);
		bmx_list_reader_end(reader);
	}
	bmx_list_reader_free(&reader);
	bmx_list_store_free(&store);
	return rc;
}

static int
run(const struct bmxctl *ctl, const struct bmx_config *config, const char *name,
    bool json)
{
	struct output output = {.now_ms =
	                                bmx_clock_wall_ms(bmx_clock_system())};
	struct bmx_error err = {.code = BMX_E_NOMEM, .text = "no memory"};
	int status = EX_OK;

	if (json)
		output.array = json_array();
	if (read_store(config->state_dir, &output, name, &err) != 0) {
		status = bmxctl_store_fail(ctl, config, &err);
	} else if (json) {
		(void)json_dumpf(output.array, stdout, JSON_INDENT(1));
		(void)putchar('\n');
	}
	json_decref(output.array);
	return status;
}

int
bmxctl_list(struct bmxctl *ctl, int argc, char **argv)
{
	struct bmx_config *config;
	const bool json = bmxctl_take_json(&argc, argv);
	const char *name = argc > 1 ? argv[1] : NULL;
	int status = EX_OK;

	if (argc > 2 || (name && name[0] == '-'))
		return bmxctl_usage(ctl, "list [DOMAIN] [--json]");
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	status = run(ctl, config, name, json);
	bmx_config_unref(&config);
	return status;
}
