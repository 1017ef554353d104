#include "ctl/lists.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>
#include <sysexits.h>

#include <backupmx/address.h>
#include <backupmx/privileges.h>
#include <backupmx/text.h>

/* A domain of "*" is one that whoever runs us has named. */
static const struct bmx_config_domain *
section_of(struct bmx_config **config, const char *name)
{
	const struct bmx_config_domain *domain =
		bmx_config_find_domain(*config, bmx_slice_of(name));
	struct bmx_config *more;

	if (domain || !bmx_config_any_domain(*config))
		return domain;
	more = bmx_config_with_domains(*config, &name, 1, NULL);
	if (!more)
		return NULL;
	bmx_config_unref(config);
	*config = more;
	return bmx_config_find_domain(more, bmx_slice_of(name));
}

const struct bmx_config_domain *
bmxctl_find_domain(const struct bmxctl *ctl, struct bmx_config **config,
                   const char *name, int *status_out)
{
	const struct bmx_config_domain *domain;
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice normal;

	if (bmx_domain_normalise(bmx_slice_of(name), buffer, &normal) != 0) {
		(void)fprintf(stderr, "%s: \"%s\" is not a domain name\n",
		              ctl->program, name);
		*status_out = EX_USAGE;
		return NULL;
	}
	domain = section_of(config, buffer);
	if (!domain) {
		(void)fprintf(stderr, "%s: %s has no section \"%s\"\n",
		              ctl->program, (*config)->path, buffer);
		*status_out = EX_CONFIG;
	}
	return domain;
}

static void
print_result_text(const char *domain,
                  const struct bmx_list_replace_result *result, bool dry_run)
{
	(void)printf("%s: +%" PRIu64 " -%" PRIu64 ", %" PRIu64
	             " changed, %" PRIu64 " -> %" PRIu64 " entries, ",
	             domain, result->added, result->removed, result->changed,
	             result->before, result->after);
	if (dry_run)
		(void)puts("nothing written");
	else
		(void)printf("generation %" PRIu64 "\n", result->generation);
}

void
bmxctl_print_result(const char *domain,
                    const struct bmx_list_replace_result *result, bool dry_run,
                    bool json)
{
	json_t *object;

	if (!json) {
		print_result_text(domain, result, dry_run);
		return;
	}
	object = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "domain", domain,
		"generation", (json_int_t)result->generation, "before",
		(json_int_t)result->before, "entries",
		(json_int_t)result->after, "added", (json_int_t)result->added,
		"removed", (json_int_t)result->removed, "changed",
		(json_int_t)result->changed, "dry_run", (int)dry_run);
	(void)json_dumpf(object, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(object);
}

/* RFC 5321 section 4.1.2, with RFC 6531: what needs no quotes. */
static bool
is_dot_string(struct bmx_slice local)
{
	bool after_dot = true;

	for (size_t i = 0; i < local.len; i++) {
		const unsigned char c = (unsigned char)local.data[i];

		if (c == '.' ?
		            after_dot :
		            c <= ' ' || c == 127 || strchr("()<>[]:;@\\,\"", c))
			return false;
		after_dot = c == '.';
	}
	return !after_dot;
}

const char *
bmxctl_address(struct bmx_slice local, const char *domain,
               char buffer[BMXCTL_ADDRESS_BUFFER])
{
	const bool wildcard =
		bmx_slice_equal(local, BMX_SLICE(BMX_LOCAL_WILDCARD));
	const bool quoted = !wildcard && !is_dot_string(local);
	struct bmx_text text;

	bmx_text_init(&text, buffer, BMXCTL_ADDRESS_BUFFER);
	if (quoted)
		bmx_text_append_char(&text, '"');
	for (size_t i = 0; !wildcard && i < local.len; i++) {
		if (local.data[i] == '"' || local.data[i] == '\\')
			bmx_text_append_char(&text, '\\');
		bmx_text_append_char(&text, local.data[i]);
	}
	bmx_text_append_string(&text, quoted ? "\"@" : "@");
	bmx_text_append_string(&text, domain);
	return buffer;
}

void
bmxctl_print_change(void *ctx, enum bmx_list_change change,
                    const struct bmx_list_entry *entry)
{
	static const char marks[] = {'+', '-', '~'};
	char buffer[BMXCTL_ADDRESS_BUFFER];

	(void)printf("%c%s", marks[change],
	             bmxctl_address(entry->local, ctx, buffer));
	if (change != BMX_LIST_REMOVED && entry->state != BMX_RECIPIENT_ACTIVE)
		(void)printf(" %s", bmx_recipient_state_name(entry->state));
	(void)putchar('\n');
}

int
bmxctl_load_words(int argc, char **argv, struct bmxctl_load_words *words_out)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},
		{"dry-run", no_argument, NULL, 'n'},
		{"force", no_argument, NULL, 'F'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int option;

	memset(words_out, 0, sizeof(*words_out));
	/* 0 rather than 1: main's '+' would stop at the first word. */
	optind = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'f')
			words_out->from = optarg;
		else if (option == 'n')
			words_out->dry_run = true;
		else if (option == 'F')
			words_out->force = true;
		else if (option == 'j')
			words_out->json = true;
		else
			return -1;
	}
	if (argc - optind != 1 || !words_out->from)
		return -1;
	words_out->domain = argv[optind];
	return 0;
}

/* The name of the user who owns state_dir, or NULL. */
static const char *
owner_of(const char *state_dir)
{
	struct stat folder;
	const struct passwd *entry;

	if (stat(state_dir, &folder) != 0 || folder.st_uid == 0)
		return NULL;
	entry = getpwuid(folder.st_uid);
	return entry ? entry->pw_name : NULL;
}

int
bmxctl_leave_root(const struct bmxctl *ctl, const struct bmx_config *config,
                  const char *source, int *status_out)
{
	const char *user;
	struct bmx_identity identity;
	struct bmx_error err;

	if (geteuid() != 0 || strncmp(source, "exec:", 5) != 0)
		return 0;
	user = owner_of(config->state_dir);
	if (!user) {
		(void)fprintf(stderr,
		              "%s: programs are not run as root but as the "
		              "owner of state_dir, and %s belongs to no other "
		              "user\n",
		              ctl->program, config->state_dir);
		*status_out = EX_NOPERM;
		return -1;
	}
	if (bmx_privileges_resolve(user, &identity, &err) == 0 &&
	    bmx_privileges_drop(&identity, &err) == 0)
		return 0;
	*status_out = bmxctl_fail(ctl, &err);
	return -1;
}

int
bmxctl_store_fail(const struct bmxctl *ctl, const struct bmx_config *config,
                  const struct bmx_error *err)
{
	struct stat folder;

	if (stat(config->state_dir, &folder) != 0 && errno == ENOENT)
		(void)fprintf(stderr,
		              "%s: state_dir = \"%s\" of %s does not exist\n",
		              ctl->program, config->state_dir, config->path);
	else if (err->code == BMX_E_PERMISSION)
		(void)fprintf(
			stderr,
			"%s: %s; run this as root or as the owner of %s\n",
			ctl->program, err->text, config->state_dir);
	else
		return bmxctl_fail(ctl, err);
	return bmx_error_exit_status(err->code);
}
