/* backupmxctl postfix [--config-dir DIR] [--apply | --undo] ... */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/postfix/change.h"
#include "ctl/postfix/print.h"
#include "ctl/postfix/run.h"
#include "ctl/postfix/tables.h"

#define USAGE                                                                  \
	"postfix [--config-dir DIR] [--without-milter] "                       \
	"[--apply [--force] [--reload] | --undo [--reload]] [--json]"
/* A daemon that is there takes a connection at once, ms. */
#define CONNECT_MS 2000
/* Each is a run of postmap; with more domains the rest is believed. */
#define LOOKED_UP_MAX 1000

struct words {
	const char *config_dir; /* absolute, as Postfix wants it */
	bool without_milter, apply, undo, force, reload, as_json;
};

/* What one run works with. */
struct work {
	const struct bmxctl *ctl;
	struct words words;
	struct bmx_config *config;
	struct bmxctl_postconf *postconf;
	bool *relayed;
	struct bmxctl_wanted_list *list;
};

static bool
take_words(int argc, char **argv, struct words *words)
{
	static const struct option options[] = {
		{"config-dir", required_argument, NULL, 'd'},
		{"without-milter", no_argument, NULL, 'm'},
		{"apply", no_argument, NULL, 'a'},
		{"undo", no_argument, NULL, 'u'},
		{"force", no_argument, NULL, 'f'},
		{"reload", no_argument, NULL, 'r'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			words->config_dir = optarg;
			break;
		case 'm':
			words->without_milter = true;
			break;
		case 'a':
			words->apply = true;
			break;
		case 'u':
			words->undo = true;
			break;
		case 'f':
			words->force = true;
			break;
		case 'r':
			words->reload = true;
			break;
		case 'j':
			words->as_json = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && !(words->apply && words->undo) &&
		(!words->force || words->apply) &&
		(!words->reload || words->apply || words->undo);
}

static bool
has_tables(const struct bmxctl_postconf *postconf)
{
	return strpbrk(bmxctl_postconf_get(postconf, "relay_domains"), ":/") !=
		NULL;
}

/* Which domains a table of relay_domains holds. */
static bool
look_up_domains(struct work *work)
{
	const size_t count = work->config->domain_count;

	if (!has_tables(work->postconf))
		return true;
	work->relayed = calloc(count + 1, sizeof(*work->relayed));
	for (size_t i = 0; work->relayed && i < count; i++)
		work->relayed[i] = i >= LOOKED_UP_MAX ||
			bmxctl_tables_hold(work->postconf,
		                           work->words.config_dir,
		                           "relay_domains",
		                           work->config->domains[i].name);
	return work->relayed != NULL;
}

static int
find(struct work *work, struct bmx_error *err)
{
	struct bmxctl_wiring wiring = {.config = work->config,
	                               .without_milter =
	                                       work->words.without_milter};

	work->postconf = bmxctl_postconf_read(work->words.config_dir, err);
	if (!work->postconf)
		return -1;
	if (!look_up_domains(work))
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	wiring.postconf = work->postconf;
	wiring.relayed_by_table = work->relayed;
	work->list = bmxctl_wanted_find(&wiring, err);
	return work->list ? 0 : -1;
}

static void
print_nothing(void)
{
	(void)puts("# main.cf is as it should be: there is nothing to change");
}

static int
print_wanted(const struct work *work)
{
	const size_t count = bmxctl_wanted_count(work->list);

	for (size_t i = 0; i < count; i++)
		bmxctl_print_setting(bmxctl_wanted_get(work->list, i),
		                     work->words.config_dir);
	if (count == 0)
		print_nothing();
	bmxctl_print_notes(work->list);
	if (count > 0)
		bmxctl_print_reload(work->words.config_dir);
	return EX_OK;
}

/* backup: NULL when nothing was changed. */
static int
print_as_json(const struct work *work, const char *backup)
{
	json_t *root = json_pack("{s:b, s:b, s:s?, s:o, s:o}", "ok", 1,
	                         "applied", backup != NULL, "backup", backup,
	                         "wanted", bmxctl_wanted_as_json(work->list),
	                         "notes", bmxctl_notes_as_json(work->list));
	const int status = root ? bmxctl_print_json(root) : EX_OSERR;

	json_decref(root);
	return status;
}

static bool
answers(const struct bmx_endpoint *endpoints, size_t count)
{
	struct bmx_error err;

	for (size_t i = 0; i < count; i++) {
		const int fd =
			bmx_endpoint_connect(&endpoints[i], CONNECT_MS, &err);

		if (fd >= 0) {
			(void)close(fd);
			return true;
		}
	}
	return false;
}

/* A Postfix that asks a daemon which is away defers all mail. */
static int
check_daemons(const struct work *work, struct bmx_error *err)
{
	const struct bmx_config *config = work->config;

	if (bmxctl_wanted_find_name(work->list,
	                            "smtpd_recipient_restrictions") &&
	    !answers(config->policyd.listen, config->policyd.listen_count))
		return bmx_error_set(
			err, BMX_E_CLOSED,
			"backupmx-policyd does not answer, and Postfix would "
			"defer all mail: start it first (--force changes "
			"main.cf all the same)");
	if (bmxctl_wanted_find_name(work->list, "smtpd_milters") &&
	    !answers(&config->milter.listen, 1))
		return bmx_error_set(
			err, BMX_E_CLOSED,
			"backupmx-milter does not answer, and Postfix would "
			"defer all mail: start it first (--without-milter "
			"leaves it out, --force changes main.cf all the same)");
	return 0;
}

static int
reload(const struct work *work)
{
	static const char *const words[] = {"reload"};
	struct bmx_error err;

	if (!work->words.reload) {
		if (!work->words.as_json)
			bmxctl_print_reload(work->words.config_dir);
		return EX_OK;
	}
	if (bmxctl_postfix_do("postfix", work->words.config_dir, words, 1,
	                      &err) != 0)
		return bmxctl_fail(work->ctl, &err);
	if (!work->words.as_json)
		(void)puts("Postfix was told to reload");
	return EX_OK;
}

static struct bmxctl_instance
instance_of(const struct work *work)
{
	const char *directory = work->words.config_dir;

	if (!directory)
		directory =
			bmxctl_postconf_get(work->postconf, "config_directory");
	return (struct bmxctl_instance){work->words.config_dir, directory};
}

static void
print_applied(const struct work *work, const struct bmxctl_change_paths *paths)
{
	for (size_t i = 0; i < bmxctl_wanted_count(work->list); i++) {
		const struct bmxctl_wanted *wanted =
			bmxctl_wanted_get(work->list, i);

		(void)printf("%s = %s\n", wanted->name, wanted->value);
	}
	(void)printf("# main.cf has been changed; as it was: %s\n",
	             paths->backup);
	bmxctl_print_notes(work->list);
}

static int
need_root(const struct bmxctl *ctl)
{
	struct bmx_error err;

	if (geteuid() == 0)
		return EX_OK;
	(void)bmx_error_set(&err, BMX_E_PERMISSION,
	                    "only root may change main.cf");
	return bmxctl_fail(ctl, &err);
}

static int
apply(const struct work *work)
{
	const struct bmxctl_instance instance = instance_of(work);
	struct bmxctl_change_paths paths;
	struct bmx_error err;
	int status;

	if (bmxctl_wanted_count(work->list) == 0) {
		if (work->words.as_json)
			return print_as_json(work, NULL);
		print_nothing();
		bmxctl_print_notes(work->list);
		return EX_OK;
	}
	if ((!work->words.force && check_daemons(work, &err) != 0) ||
	    bmxctl_change_apply(&instance, work->list, &paths, &err) != 0)
		return bmxctl_fail(work->ctl, &err);
	status = EX_OK;
	if (work->words.as_json)
		status = print_as_json(work, paths.backup);
	else
		print_applied(work, &paths);
	return status == EX_OK ? reload(work) : status;
}

static int
undo(struct work *work)
{
	struct bmxctl_instance instance;
	struct bmx_error err;
	json_t *report;
	int status = EX_OK;

	work->postconf = bmxctl_postconf_read(work->words.config_dir, &err);
	if (!work->postconf)
		return bmxctl_fail(work->ctl, &err);
	instance = instance_of(work);
	if (bmxctl_change_undo(&instance, &report, &err) != 0)
		return bmxctl_fail(work->ctl, &err);
	if (work->words.as_json)
		status = bmxctl_print_json(report);
	else
		bmxctl_print_undone(report);
	json_decref(report);
	return status == EX_OK ? reload(work) : status;
}

static int
find_and_do(struct work *work)
{
	struct bmx_error err;
	int status = EX_OK;

	work->config = bmxctl_load_config(work->ctl, false, &status);
	if (!work->config)
		return status;
	if (find(work, &err) != 0)
		return bmxctl_fail(work->ctl, &err);
	if (work->words.apply)
		return apply(work);
	return work->words.as_json ? print_as_json(work, NULL) :
				     print_wanted(work);
}

static int
resolve_directory(struct work *work, char *buffer)
{
	struct bmx_error err;

	if (!work->words.config_dir)
		return EX_OK;
	if (!realpath(work->words.config_dir, buffer)) {
		(void)bmx_error_set_errno(&err, errno, "--config-dir %s",
		                          work->words.config_dir);
		return bmxctl_fail(work->ctl, &err);
	}
	work->words.config_dir = buffer;
	return EX_OK;
}

int
bmxctl_postfix(struct bmxctl *ctl, int argc, char **argv)
{
	struct work work = {.ctl = ctl};
	char directory[PATH_MAX];
	int status;

	if (!take_words(argc, argv, &work.words))
		return bmxctl_usage(ctl, USAGE);
	status = resolve_directory(&work, directory);
	if (status == EX_OK && (work.words.apply || work.words.undo))
		status = need_root(ctl);
	if (status == EX_OK)
		status = work.words.undo ? undo(&work) : find_and_do(&work);
	bmxctl_wanted_free(&work.list);
	bmxctl_postconf_free(&work.postconf);
	bmx_config_unref(&work.config);
	free(work.relayed);
	return status;
}
