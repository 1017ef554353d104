/*
 * service_rows.h - what may be wrong with backupmx's own daemons and files.
 *
 * The table of rows, and the judges: pure, facts in, findings out; no I/O, no
 * clock. Members of policyd's status are facts as they are (JSON).
 */
#ifndef BACKUPMX_CTL_DOCTOR_SERVICE_ROWS_H
#define BACKUPMX_CTL_DOCTOR_SERVICE_ROWS_H

#include <stdint.h>

#include <sys/types.h>

#include "ctl/doctor/doctor.h"

struct json_t; /* jansson's */

/** The rows, by their place in the table. */
enum bmxctl_service_row {
	BMXCTL_SERVICE_RIGHTS,
	BMXCTL_SERVICE_CONFIG_WARNING,
	BMXCTL_SERVICE_HOSTNAME,
	BMXCTL_SERVICE_CONTROL_OFF,
	BMXCTL_SERVICE_POLICYD_AWAY,
	BMXCTL_SERVICE_VERSION,
	BMXCTL_SERVICE_RELOAD,
	BMXCTL_SERVICE_POLICY_SOCKET,
	BMXCTL_SERVICE_MILTER_AWAY,
	BMXCTL_SERVICE_UNSERVED,
	BMXCTL_SERVICE_OBSERVE,
	BMXCTL_SERVICE_NO_LIST,
	BMXCTL_SERVICE_LIST_NEVER,
	BMXCTL_SERVICE_LIST_UNREADABLE,
	BMXCTL_SERVICE_LIST_EMPTY,
	BMXCTL_SERVICE_LIST_STALE,
	BMXCTL_SERVICE_LIST_HELD,
	BMXCTL_SERVICE_LIST_WILDCARD,
	BMXCTL_SERVICE_SYNC,
	BMXCTL_SERVICE_ACCEPTS_ALL,
	BMXCTL_SERVICE_PRIMARY_CONFIG,
	BMXCTL_SERVICE_PRIMARY_DOWN,
	BMXCTL_SERVICE_PRIMARY_REFUSES,
	BMXCTL_SERVICE_HOSTS_STALE,
	BMXCTL_SERVICE_BREAKER,
	BMXCTL_SERVICE_ON_RECOVERY,
	BMXCTL_SERVICE_REDIS_AWAY,
	BMXCTL_SERVICE_REDIS_EVICTION,
	BMXCTL_SERVICE_REDIS_REPLICA,
	BMXCTL_SERVICE_STATE_DIR,
	BMXCTL_SERVICE_STATE_SPACE,
	BMXCTL_SERVICE_FILE_MISSING,
	BMXCTL_SERVICE_FILE_OWNER,
	BMXCTL_SERVICE_FILE_MODE,
	BMXCTL_SERVICE_SET_ASIDE,
	BMXCTL_SERVICE_SEAL_KEY,
	BMXCTL_SERVICE_SEAL_KEY_MODE,
	BMXCTL_SERVICE_CLOCK,
	BMXCTL_SERVICE_CLOCK_BACK,
	BMXCTL_SERVICE_ROWS
};

/** The row at that place. */
const struct bmxctl_row *bmxctl_service_row(enum bmxctl_service_row row);

/** What policyd says of itself. */
struct bmxctl_service_daemon {
	bool control_on;     /* false: policyd.control is off */
	const char *error;   /* why it does not answer; "" when it does */
	const char *version; /* when it answers */
	const char *our_version;
	const char *config_digest; /* of what it runs on, "" when not known */
	const char *file_digest;   /* of the file as it is now */
	const char *hostname;      /* the configuration's */
};

/** Reports what is wrong with the daemon that should answer. */
void bmxctl_service_judge_daemon(const struct bmxctl_service_daemon *facts,
                                 struct bmxctl_findings *findings);

/** What is known of a domain. */
struct bmxctl_service_domain {
	const struct bmx_config_domain *config;
	bool answers;                /* policyd was asked */
	long long uptime_s;          /* of policyd */
	const struct json_t *status; /* its member of "domains", or NULL */
	int64_t now_s;               /* wall */
	bool has_wildcard;           /* its list has */
	bool held;                   /* by a rollback */
};

/** Reports what is wrong with a domain's list and its primary's state. */
void bmxctl_service_judge_domain(const struct bmxctl_service_domain *facts,
                                 struct bmxctl_findings *findings);

/** Reports what is wrong with Redis; redis is policyd's member "redis". */
void bmxctl_service_judge_redis(const struct json_t *redis,
                                struct bmxctl_findings *findings);

/** A file or folder as stat(2) tells it. */
struct bmxctl_service_file {
	const char *path;
	int error; /* errno of stat, 0 when it is there */
	mode_t mode;
	uid_t uid;
	int64_t changed_s; /* mtime, wall */
};

/** Most files of the state directory that are looked at. */
#define BMXCTL_SERVICE_FILES_MAX ((size_t)8)

/** The state directory. */
struct bmxctl_service_state {
	struct bmxctl_service_file dir;
	int daemon_known; /* policyd answers, and its user is known */
	uid_t daemon_uid;
	uint64_t free_octets; /* for users that are not root */
	uint64_t free_inodes;
	bool inodes_known; /* some file systems do not count them */
	/* Files that are there or that should be. */
	struct bmxctl_service_file files[BMXCTL_SERVICE_FILES_MAX];
	bool wanted[BMXCTL_SERVICE_FILES_MAX]; /* missing is a finding */
	size_t file_count;
	const char *set_aside; /* name of a damaged file, "" for none */
	bool seal_key_wanted;
	struct bmxctl_service_file seal_key;
	int64_t now_s; /* wall */
};

/** Reports what is wrong with the state directory and the seal key. */
void bmxctl_service_judge_state(const struct bmxctl_service_state *facts,
                                struct bmxctl_findings *findings);

/** The clock. */
struct bmxctl_service_clock {
	bool known; /* this system keeps its own clock */
	bool synchronised;
};

/** Reports what is wrong with the clock. */
void bmxctl_service_judge_clock(const struct bmxctl_service_clock *facts,
                                struct bmxctl_findings *findings);

#endif
