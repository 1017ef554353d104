/* What is known of backupmx's own daemons and files here; the judges say what
 * of it is wrong. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/list_store.h>
#include <backupmx/text.h>

#include "ctl/ask.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/service_ask.h"
#include "ctl/doctor/service_rows.h"

#define PATH_SIZE ((size_t)1200)

/* What was found out so far, for who comes later. */
struct round {
	const struct bmxctl_patient *patient;
	const json_t *status; /* policyd's, or NULL */
	bool milter_answers;
	bool without_rights; /* said already */
};

static void
found(const struct round *round, enum bmxctl_service_row row,
      const char *subject, const char *seen)
{
	bmxctl_found(round->patient->findings, bmxctl_service_row(row), subject,
	             "%s", seen);
}

static void
lack_rights(struct round *round, const char *what)
{
	if (!round->without_rights)
		found(round, BMXCTL_SERVICE_RIGHTS, what,
		      "this user may not read it");
	round->without_rights = true;
}

/* The warnings of a file that loads: errors ended doctor before. */
static void
examine_config(const struct round *round)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config = NULL;
	struct bmx_error err;
	char where[PATH_SIZE];

	if (!problems)
		return;
	config = bmx_config_load(round->patient->ctl->config_path, problems,
	                         &err);
	for (size_t i = 0; i < bmx_config_problems_count(problems); i++) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, i);

		(void)snprintf(where, sizeof(where), "%s:%d", problem->file,
		               problem->line);
		found(round, BMXCTL_SERVICE_CONFIG_WARNING, where,
		      problem->text);
	}
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
}

static const char *
digest_of(const struct bmx_config *config, char buffer[17])
{
	struct bmx_error err;
	uint64_t digest = 0;

	if (bmx_config_digest(config, &digest, &err) != 0)
		return "";
	(void)snprintf(buffer, 17, "%016" PRIx64, digest);
	return buffer;
}

static void
examine_daemon(struct round *round)
{
	const struct bmx_config *config = round->patient->config;
	const struct bmx_error *err = &round->patient->status_error;
	char digest[17];
	const struct bmxctl_service_daemon facts = {
		.control_on = config->policyd.control_on,
		.error = round->status ? "" : err->text,
		.version = bmxctl_string(round->status, "version"),
		.our_version = BMX_VERSION,
		.config_digest = bmxctl_string(round->status, "config_digest"),
		.file_digest = digest_of(config, digest),
		.hostname = config->hostname,
	};

	/* It may well be there. */
	if (!round->status && err->code == BMX_E_PERMISSION)
		lack_rights(round, "policyd.control");
	else
		bmxctl_service_judge_daemon(&facts, round->patient->findings);
}

/*
 * Sockets.
 */

static void
name_endpoint(const struct bmx_endpoint *endpoint, char *buffer, size_t size)
{
	struct bmx_text text;

	bmx_text_init(&text, buffer, size);
	bmx_endpoint_append(&text, endpoint);
}

static void
examine_policy_socket(struct round *round, const struct bmx_endpoint *endpoint)
{
	struct bmx_error err;
	char name[512];

	name_endpoint(endpoint, name, sizeof(name));
	if (bmxctl_service_ask_policy(endpoint, &err) == 0)
		bmxctl_found_good(round->patient->findings,
		                  "service.policy-socket", name,
		                  "policyd answers");
	else if (err.code == BMX_E_PERMISSION)
		lack_rights(round, name);
	else
		found(round, BMXCTL_SERVICE_POLICY_SOCKET, name, err.text);
}

/* A host may do without the milter: then there is no socket. */
static void
examine_milter_socket(struct round *round)
{
	const struct bmx_endpoint *endpoint =
		&round->patient->config->milter.listen;
	struct bmx_error err;
	struct stat st;
	char name[512];

	if (endpoint->kind == BMX_ENDPOINT_UNIX &&
	    stat(endpoint->path, &st) != 0 && errno != EACCES)
		return;
	name_endpoint(endpoint, name, sizeof(name));
	if (bmxctl_service_ask_milter(endpoint, &err) == 0) {
		round->milter_answers = true;
		bmxctl_found_good(round->patient->findings,
		                  "service.milter-away", name,
		                  "the milter answers");
	} else if (err.code == BMX_E_PERMISSION) {
		lack_rights(round, name);
	} else if (endpoint->kind == BMX_ENDPOINT_UNIX) {
		found(round, BMXCTL_SERVICE_MILTER_AWAY, name, err.text);
	}
}

static void
examine_sockets(struct round *round)
{
	const struct bmx_config *config = round->patient->config;

	/* Without policyd its sockets are no news. */
	if (round->status || !config->policyd.control_on)
		for (size_t i = 0; i < config->policyd.listen_count; i++)
			examine_policy_socket(round,
			                      &config->policyd.listen[i]);
	examine_milter_socket(round);
}

static void
examine_on_recovery(const struct round *round)
{
	const struct bmx_config_strings *words =
		&round->patient->config->policyd.on_recovery;

	if (words->count > 0 && words->items[0][0] == '/' &&
	    access(words->items[0], X_OK) != 0)
		found(round, BMXCTL_SERVICE_ON_RECOVERY, words->items[0],
		      strerror(errno));
}

/*
 * Domains.
 */

static const json_t *
status_of(const json_t *status, const char *name)
{
	const json_t *domains = json_object_get(status, "domains");

	for (size_t i = 0; i < json_array_size(domains); i++) {
		const json_t *domain = json_array_get(domains, i);

		if (strcmp(bmxctl_string(domain, "name"), name) == 0)
			return domain;
	}
	return NULL;
}

static void
examine_domain(const struct round *round, struct bmx_list_reader *reader,
               const struct bmx_config_domain *config, const char *section)
{
	struct bmxctl_service_domain facts = {
		.config = config,
		.answers = round->status != NULL,
		.uptime_s = bmxctl_number(round->status, "uptime_s"),
		.status = status_of(round->status, section),
		.now_s = (int64_t)time(NULL),
	};
	struct bmx_list_meta meta;
	struct bmx_error err;

	if (reader &&
	    bmx_list_reader_meta(reader, bmx_slice_of(config->name), &meta,
	                         &err) == 1) {
		facts.has_wildcard = meta.has_wildcard;
		facts.held = meta.held;
	}
	bmxctl_service_judge_domain(&facts, round->patient->findings);
}

/* Opened by root, files of root's would be given to the daemon's user: a good
 * turn, but doctor changes nothing. What is wrong with them has been said. */
static struct bmx_list_store *
open_lists(const char *state_dir)
{
	static const char *const names[] = {"list.mdb", "list.mdb-lock"};
	struct stat dir, file;
	struct bmx_error err;
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", state_dir,
		               names[i]);
		if (stat(state_dir, &dir) != 0 || stat(path, &file) != 0 ||
		    (geteuid() == 0 && file.st_uid != dir.st_uid))
			return NULL;
	}
	return bmx_list_store_open(state_dir, BMX_LIST_READ_ONLY, &err);
}

static void
examine_domains(const struct round *round)
{
	const struct bmx_config *config = round->patient->config;
	const struct bmx_config_domain *only = round->patient->only;
	struct bmx_error err;
	struct bmx_list_store *store = open_lists(config->state_dir);
	struct bmx_list_reader *reader =
		store ? bmx_list_reader_new(store, &err) : NULL;

	if (reader && bmx_list_reader_begin(reader, &err) != 0)
		bmx_list_reader_free(&reader);
	if (only)
		/* It may be one of the section "*". */
		examine_domain(round, reader, only,
		               config->domains[only->index].name);
	for (size_t i = 0; !only && i < config->domain_count; i++)
		examine_domain(round, reader, &config->domains[i],
		               config->domains[i].name);
	if (reader)
		bmx_list_reader_end(reader);
	bmx_list_reader_free(&reader);
	bmx_list_store_free(&store);
}

/*
 * Files and clock.
 */

static void
look_at(struct bmxctl_service_file *file, const char *path)
{
	struct stat st;

	file->path = path;
	file->error = stat(path, &st) == 0 ? 0 : errno;
	if (file->error != 0)
		return;
	file->mode = st.st_mode;
	file->uid = st.st_uid;
	file->changed_s = (int64_t)st.st_mtime;
}

/* The name of a database that was put aside, "" for none. */
static void
find_set_aside(const char *state_dir, char *name, size_t size)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;

	name[0] = '\0';
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, ".mdb.bad")) {
			(void)snprintf(name, size, "%s", entry->d_name);
			break;
		}
	(void)closedir(dir);
}

static void
measure_space(const char *path, struct bmxctl_service_state *facts)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return;
	facts->free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	facts->free_inodes = (uint64_t)fs.f_favail;
	facts->inodes_known = fs.f_files > 0;
}

static bool
has_source(const struct bmx_config *config)
{
	for (size_t i = 0; i < config->domain_count; i++)
		if (config->domains[i].recipients[0] != '\0')
			return true;
	return false;
}

/* The user that policyd runs as. */
static void
look_at_daemon(const struct round *round, struct bmxctl_service_state *facts)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%lld",
	               bmxctl_number(round->status, "pid"));
	facts->daemon_known = round->status && stat(path, &st) == 0;
	if (facts->daemon_known)
		facts->daemon_uid = st.st_uid;
}

/* The files of the state directory, and whether each must be there. */
static void
look_at_files(const struct round *round, struct bmxctl_service_state *facts,
              char paths[][PATH_SIZE])
{
	static const char *const names[] = {"list.mdb",       "cache.mdb",
	                                    "seals.mdb",      "list.mdb-lock",
	                                    "cache.mdb-lock", "seals.mdb-lock"};
	const struct bmx_config *config = round->patient->config;

	facts->file_count = sizeof(names) / sizeof(names[0]);
	for (size_t i = 0; i < facts->file_count; i++) {
		(void)snprintf(paths[i], PATH_SIZE, "%s/%s", config->state_dir,
		               names[i]);
		look_at(&facts->files[i], paths[i]);
	}
	facts->wanted[0] = round->status && has_source(config);
	facts->wanted[1] = round->status != NULL;
	facts->wanted[2] = facts->seal_key_wanted;
}

static void
examine_state(struct round *round)
{
	const struct bmx_config *config = round->patient->config;
	struct bmxctl_service_state facts = {.now_s = (int64_t)time(NULL)};
	char paths[BMXCTL_SERVICE_FILES_MAX][PATH_SIZE];
	char key[PATH_SIZE];
	char aside[256];

	if (access(config->state_dir, R_OK | X_OK) != 0 && errno == EACCES) {
		lack_rights(round, config->state_dir);
		return;
	}
	(void)snprintf(key, sizeof(key), "%s%s",
	               config->milter.seal_key_file[0] != '\0' ?
	                       config->milter.seal_key_file :
	                       config->state_dir,
	               config->milter.seal_key_file[0] != '\0' ? "" :
	                                                         "/seal.key");
	facts.seal_key_wanted = round->milter_answers &&
		config->milter.bounce_guard != BMX_BOUNCE_GUARD_OFF;
	look_at(&facts.seal_key, key);
	look_at(&facts.dir, config->state_dir);
	look_at_daemon(round, &facts);
	look_at_files(round, &facts, paths);
	measure_space(config->state_dir, &facts);
	find_set_aside(config->state_dir, aside, sizeof(aside));
	facts.set_aside = aside;
	bmxctl_service_judge_state(&facts, round->patient->findings);
}

/* The kernel's word counts where an init system of this host would run a time
 * service: in a container the clock is the host's. */
static void
examine_clock(const struct round *round)
{
	struct bmxctl_service_clock facts = {0};
	struct timex tx = {.modes = 0};
	const int state = adjtimex(&tx);

	facts.known = state >= 0 && access("/run/systemd/system", F_OK) == 0 &&
		access("/run/systemd/container", F_OK) != 0;
	facts.synchronised = state != TIME_ERROR;
	bmxctl_service_judge_clock(&facts, round->patient->findings);
}

void
bmxctl_doctor_service(const struct bmxctl_patient *patient)
{
	struct round round = {.patient = patient, .status = patient->status};

	examine_config(&round);
	examine_daemon(&round);
	examine_sockets(&round);
	examine_on_recovery(&round);
	examine_state(&round);
	examine_domains(&round);
	bmxctl_service_judge_redis(json_object_get(round.status, "redis"),
	                           patient->findings);
	examine_clock(&round);
}
