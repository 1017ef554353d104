/* policyd itself, Redis, files and the clock. */
#include <inttypes.h>
#include <string.h>

#include <sys/stat.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/doctor/service_rows.h"

/* Below that a list of a million recipients cannot be replaced, twice. */
#define STATE_OCTETS_MIN (UINT64_C(128) << 20)
#define STATE_INODES_MIN UINT64_C(100)
/* Clocks of a network file system differ by less. */
#define CLOCK_SLACK_S 120

static const struct bmxctl_row *
row(enum bmxctl_service_row at)
{
	return bmxctl_service_row(at);
}

static void
judge_version(const struct bmxctl_service_daemon *facts,
              struct bmxctl_findings *findings)
{
	if (strcmp(facts->version, facts->our_version) != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_VERSION), "",
		             "policyd runs %s, backupmxctl is %s",
		             facts->version, facts->our_version);
	else if (facts->config_digest[0] != '\0' &&
	         strcmp(facts->config_digest, facts->file_digest) != 0)
		/* Another version may write the same settings otherwise. */
		bmxctl_found(findings, row(BMXCTL_SERVICE_RELOAD), "",
		             "the file says other things than policyd goes by");
	else
		bmxctl_found_good(findings, "service.version", "",
		                  "policyd is %s and runs on the file as it is",
		                  facts->version);
}

static void
judge_hostname(const char *hostname, struct bmxctl_findings *findings)
{
	if (!strchr(hostname, '.'))
		bmxctl_found(findings, row(BMXCTL_SERVICE_HOSTNAME), hostname,
		             "hostname has no domain");
	else
		bmxctl_found_good(findings, "service.hostname-unqualified",
		                  hostname, "hostname is a full name");
}

void
bmxctl_service_judge_daemon(const struct bmxctl_service_daemon *facts,
                            struct bmxctl_findings *findings)
{
	judge_hostname(facts->hostname, findings);
	if (!facts->control_on) {
		bmxctl_found(findings, row(BMXCTL_SERVICE_CONTROL_OFF), "",
		             "policyd.control is \"\"");
	} else if (facts->error[0] != '\0') {
		bmxctl_found(findings, row(BMXCTL_SERVICE_POLICYD_AWAY), "",
		             "%s", facts->error);
	} else {
		bmxctl_found_good(findings, "service.policyd-away", "",
		                  "policyd answers on its control socket");
		judge_version(facts, findings);
	}
}

/* Redis that is up may still be one that loses lists. */
static void
judge_redis_up(const json_t *redis, struct bmxctl_findings *findings)
{
	const char *server = bmxctl_string(redis, "server");
	const char *policy = bmxctl_string(redis, "maxmemory_policy");
	const bool replica =
		strcmp(bmxctl_string(redis, "role"), "replica") == 0;

	bmxctl_found_good(findings, "service.redis-away", server,
	                  "Redis is up, %s", bmxctl_string(redis, "role"));
	if (policy[0] != '\0' && strcmp(policy, "noeviction") != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_REDIS_EVICTION),
		             server, "maxmemory-policy is %s", policy);
	if (replica && !json_is_true(json_object_get(redis, "replica_link_up")))
		bmxctl_found(findings, row(BMXCTL_SERVICE_REDIS_REPLICA),
		             server, "the link to its master is down");
}

void
bmxctl_service_judge_redis(const json_t *redis,
                           struct bmxctl_findings *findings)
{
	const char *error = bmxctl_string(redis, "last_error");

	if (!json_is_object(redis))
		return;
	if (json_is_true(json_object_get(redis, "up")))
		judge_redis_up(redis, findings);
	else
		bmxctl_found(findings, row(BMXCTL_SERVICE_REDIS_AWAY),
		             bmxctl_string(redis, "server"), "%s, breaker %s",
		             error[0] != '\0' ? error : "not connected",
		             bmxctl_string(redis, "breaker"));
}

static bool
judge_dir(const struct bmxctl_service_state *facts,
          struct bmxctl_findings *findings)
{
	const struct bmxctl_service_file *dir = &facts->dir;

	if (dir->error != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_STATE_DIR), dir->path,
		             "%s", strerror(dir->error));
	else if (!S_ISDIR(dir->mode))
		bmxctl_found(findings, row(BMXCTL_SERVICE_STATE_DIR), dir->path,
		             "it is no directory");
	else if (facts->daemon_known && facts->daemon_uid != 0 &&
	         facts->daemon_uid != dir->uid)
		bmxctl_found(findings, row(BMXCTL_SERVICE_STATE_DIR), dir->path,
		             "it belongs to user %u, policyd runs as user %u",
		             (unsigned)dir->uid, (unsigned)facts->daemon_uid);
	else
		bmxctl_found_good(findings, "service.state-dir", dir->path,
		                  "it is there, and policyd's");
	return dir->error == 0;
}

static void
judge_space(const struct bmxctl_service_state *facts,
            struct bmxctl_findings *findings)
{
	const uint64_t mega = facts->free_octets >> 20;

	if (facts->free_octets < STATE_OCTETS_MIN)
		bmxctl_found(findings, row(BMXCTL_SERVICE_STATE_SPACE),
		             facts->dir.path, "%" PRIu64 " MB are free", mega);
	else if (facts->inodes_known && facts->free_inodes < STATE_INODES_MIN)
		bmxctl_found(findings, row(BMXCTL_SERVICE_STATE_SPACE),
		             facts->dir.path, "%" PRIu64 " inodes are free",
		             facts->free_inodes);
	else
		bmxctl_found_good(findings, "service.state-space",
		                  facts->dir.path, "%" PRIu64 " MB are free",
		                  mega);
}

static void
judge_file(const struct bmxctl_service_state *facts, size_t at,
           struct bmxctl_findings *findings)
{
	const struct bmxctl_service_file *file = &facts->files[at];

	if (file->error != 0) {
		if (facts->wanted[at])
			bmxctl_found(findings, row(BMXCTL_SERVICE_FILE_MISSING),
			             file->path, "%s", strerror(file->error));
		return;
	}
	/* What root left in the folder shuts the daemon out. */
	if (file->uid != facts->dir.uid &&
	    !(facts->daemon_known && facts->daemon_uid == file->uid))
		bmxctl_found(findings, row(BMXCTL_SERVICE_FILE_OWNER),
		             file->path,
		             "it belongs to user %u, its folder to user %u",
		             (unsigned)file->uid, (unsigned)facts->dir.uid);
	if ((file->mode & 0007) != 0 && (facts->dir.mode & 0001) != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_FILE_MODE),
		             file->path, "its mode is %04o",
		             (unsigned)(file->mode & 07777));
	if (file->changed_s > facts->now_s + CLOCK_SLACK_S)
		bmxctl_found(findings, row(BMXCTL_SERVICE_CLOCK_BACK),
		             file->path, "it was written in %" PRId64 " s",
		             file->changed_s - facts->now_s);
}

static void
judge_seal_key(const struct bmxctl_service_state *facts,
               struct bmxctl_findings *findings)
{
	const struct bmxctl_service_file *key = &facts->seal_key;

	if (!facts->seal_key_wanted)
		return;
	if (key->error != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_SEAL_KEY), key->path,
		             "%s", strerror(key->error));
	else if ((key->mode & 0027) != 0)
		bmxctl_found(findings, row(BMXCTL_SERVICE_SEAL_KEY_MODE),
		             key->path, "its mode is %04o",
		             (unsigned)(key->mode & 07777));
	else
		bmxctl_found_good(findings, "service.seal-key-missing",
		                  key->path, "the seal key is there");
}

void
bmxctl_service_judge_state(const struct bmxctl_service_state *facts,
                           struct bmxctl_findings *findings)
{
	judge_seal_key(facts, findings);
	if (!judge_dir(facts, findings))
		return;
	judge_space(facts, findings);
	for (size_t i = 0; i < facts->file_count; i++)
		judge_file(facts, i, findings);
	if (facts->set_aside[0] != '\0')
		bmxctl_found(findings, row(BMXCTL_SERVICE_SET_ASIDE),
		             facts->dir.path, "there is %s", facts->set_aside);
	else
		bmxctl_found_good(findings, "service.file-set-aside",
		                  facts->dir.path, "nothing was put aside");
}

void
bmxctl_service_judge_clock(const struct bmxctl_service_clock *facts,
                           struct bmxctl_findings *findings)
{
	if (!facts->known)
		bmxctl_found_good(findings, "service.clock", "",
		                  "this system does not keep its own clock, or "
		                  "does not tell");
	else if (!facts->synchronised)
		bmxctl_found(findings, row(BMXCTL_SERVICE_CLOCK), "",
		             "the kernel says that it is not synchronised");
	else
		bmxctl_found_good(findings, "service.clock", "",
		                  "the clock is synchronised");
}
