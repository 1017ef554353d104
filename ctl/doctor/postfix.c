/* What is known of the Postfix of this host; the judges say what of it is
 * wrong. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <backupmx/command.h>

#include "ctl/doctor/postfix_rows.h"
#include "ctl/doctor/service_ask.h"
#include "ctl/postfix/run.h"
#include "ctl/postfix/tables.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define GROUPS_MAX 64
#define PATH_SIZE ((size_t)1200)
#define ROUTE_SIZE ((size_t)512)

/* The master holds a lock on its pid file as long as it lives. */
static bool
is_running(const char *queue_directory)
{
	char path[PATH_SIZE];
	bool running;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/pid/master.pid",
	               queue_directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* not root: it cannot be told */
		return errno == EACCES;
	running = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	(void)close(fd);
	return running;
}

/*
 * Connects as Postfix does: in a child that becomes its user. What mode bits,
 * groups and ACLs make of it the kernel tells best.
 */

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	int group_count;
};

static bool
find_identity(const char *owner, struct identity *who)
{
	const struct passwd *user = getpwnam(owner);

	if (!user)
		return false;
	who->uid = user->pw_uid;
	who->gid = user->pw_gid;
	who->group_count = GROUPS_MAX;
	return getgrouplist(owner, user->pw_gid, who->groups,
	                    &who->group_count) >= 0;
}

/* In the child: errno of the connection, 0 when it was made. */
static int
connect_as(const struct identity *who, const struct bmx_endpoint *endpoint)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	(void)memcpy(to.sun_path, endpoint->path, sizeof(to.sun_path));
	if (setgroups((size_t)who->group_count, who->groups) != 0 ||
	    setgid(who->gid) != 0 || setuid(who->uid) != 0)
		return 0; /* it cannot be told */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ?
		0 :
		errno;
}

/* Writes why Postfix's user cannot reach endpoint, "" when it can or when it
 * cannot be told. */
static void
try_socket(const struct bmxctl_patient *patient,
           const struct bmx_endpoint *endpoint, char *trouble, size_t size)
{
	const char *owner =
		bmxctl_postconf_get(patient->postconf, "mail_owner");
	struct identity who;
	int status;
	pid_t child;

	trouble[0] = '\0';
	if (endpoint->kind != BMX_ENDPOINT_UNIX || geteuid() != 0 ||
	    !find_identity(owner, &who))
		return;
	child = fork();
	if (child == 0)
		_exit(connect_as(&who, endpoint));
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status) || WEXITSTATUS(status) == 0)
		return;
	(void)snprintf(trouble, size, "user %s cannot connect to %s: %s", owner,
	               endpoint->path, strerror(WEXITSTATUS(status)));
}

/* policyd may listen in several places: one that can be reached is enough. */
static void
try_policy(const struct bmxctl_patient *patient, char *trouble, size_t size)
{
	const struct bmx_config *config = patient->config;

	trouble[0] = '\0';
	for (size_t i = 0; i < config->policyd.listen_count; i++) {
		try_socket(patient, &config->policyd.listen[i], trouble, size);
		if (trouble[0] == '\0')
			return;
	}
}

static void
measure_queue(struct bmxctl_postfix_facts *facts)
{
	struct statvfs fs;

	if (statvfs(bmxctl_postconf_get(facts->postconf, "queue_directory"),
	            &fs) != 0)
		return;
	facts->queue_known = true;
	facts->queue_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	facts->queue_inodes = (uint64_t)fs.f_favail;
	facts->inodes_known = fs.f_files > 0;
}

static void
report_unread(const struct bmxctl_patient *patient)
{
	const struct bmx_error *err = &patient->postconf_error;

	bmxctl_postfix_found(patient->findings,
	                     err->code == BMX_E_NOT_FOUND ?
	                             BMXCTL_POSTFIX_ABSENT :
	                             BMXCTL_POSTFIX_UNREADABLE,
	                     patient->postfix_dir ? patient->postfix_dir : "",
	                     "%s", err->text);
}

void
bmxctl_doctor_postfix(const struct bmxctl_patient *patient)
{
	struct bmxctl_postfix_facts facts = {
		.config = patient->config,
		.postconf = patient->postconf,
	};
	char policy[PATH_SIZE], milter[PATH_SIZE];
	struct bmx_error err;

	if (!patient->postconf) {
		report_unread(patient);
		return;
	}
	facts.arena = bmx_arena_new(ARENA_MAX);
	if (!facts.arena)
		return;
	facts.running = is_running(
		bmxctl_postconf_get(facts.postconf, "queue_directory"));
	facts.milter_answers = bmxctl_service_ask_milter(
				       &facts.config->milter.listen, &err) == 0;
	try_policy(patient, policy, sizeof(policy));
	try_socket(patient, &facts.config->milter.listen, milter,
	           sizeof(milter));
	facts.policy_trouble = policy;
	facts.milter_trouble = milter;
	measure_queue(&facts);
	bmxctl_postfix_judge_settings(&facts, patient->findings);
	bmxctl_postfix_judge_policy(&facts, patient->findings);
	bmxctl_postfix_judge_milter(&facts, patient->findings);
	bmx_arena_free(&facts.arena);
}

/*
 * A domain.
 */

/* What the tables of transport_maps say of key; false when nothing. */
static bool
ask_transport(const struct bmxctl_patient *patient, struct bmx_arena *arena,
              const struct bmxctl_words *tables, const char *key, char *route,
              size_t size)
{
	struct bmx_command_result result;
	struct bmx_error err;
	bool found = false;

	for (size_t i = 0; i < tables->count && !found; i++) {
		const char *table = bmx_arena_copy(arena, tables->items[i]);
		const char *const words[] = {"-q", key, table};

		if (!table ||
		    bmxctl_postfix_run("postmap", patient->postfix_dir, words,
		                       3, &result, &err) != 0)
			continue;
		found = result.status == 0 && result.output_len > 0;
		if (found)
			(void)snprintf(route, size, "%.*s",
			               (int)strcspn(result.output, "\n"),
			               result.output);
		bmx_command_result_clear(&result);
	}
	return found;
}

/* The domain itself, what is above it with a dot before, then "*": as
 * transport(5) has it. */
static void
find_transport(const struct bmxctl_patient *patient, struct bmx_arena *arena,
               const char *domain, char *route, size_t size)
{
	const char *maps =
		bmxctl_postconf_get(patient->postconf, "transport_maps");
	struct bmxctl_words tables;
	struct bmx_error err;

	route[0] = '\0';
	if (bmxctl_words_split(arena, bmx_slice_of(maps), &tables, &err) != 0 ||
	    tables.count == 0)
		return;
	for (const char *key = domain; key; key = strchr(key + 1, '.'))
		if (ask_transport(patient, arena, &tables, key, route, size))
			return;
	(void)ask_transport(patient, arena, &tables, "*", route, size);
}

static const char *
find_local_table(const struct bmxctl_patient *patient, const char *domain)
{
	static const char *const lists[] = {"mydestination",
	                                    "virtual_mailbox_domains",
	                                    "virtual_alias_domains"};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (bmxctl_tables_hold(patient->postconf, patient->postfix_dir,
		                       lists[i], domain))
			return lists[i];
	return NULL;
}

void
bmxctl_doctor_postfix_domain(const struct bmxctl_patient *patient,
                             const struct bmx_config_domain *domain)
{
	struct bmxctl_postfix_facts facts = {
		.config = patient->config,
		.postconf = patient->postconf,
		.policy_trouble = "",
		.milter_trouble = "",
	};
	struct bmxctl_postfix_domain_facts of = {.domain = domain};
	char route[ROUTE_SIZE];

	if (!patient->postconf)
		return;
	facts.arena = bmx_arena_new(ARENA_MAX);
	if (!facts.arena)
		return;
	of.relayed_by_table =
		bmxctl_tables_hold(patient->postconf, patient->postfix_dir,
	                           "relay_domains", domain->name);
	of.local_by_table = find_local_table(patient, domain->name);
	find_transport(patient, facts.arena, domain->name, route,
	               sizeof(route));
	of.transport = route;
	bmxctl_postfix_judge_domain(&facts, &of, patient->findings);
	bmx_arena_free(&facts.arena);
}
