/* What of policyd's words, of files and of the clock is a finding. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include <jansson.h>

#include "ctl/doctor/service_rows.h"
#include "tests/support/cmocka.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW 1000000

/* Exactly the rows named are found, in that order; "" is none. */
static void
expect(struct bmxctl_findings *findings, const char *want)
{
	char got[512] = "";
	json_t *root = bmxctl_findings_json(findings);
	const json_t *all = json_object_get(root, "findings");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		const char *row =
			json_string_value(json_object_get(one, "row"));

		if (strcmp(json_string_value(json_object_get(one, "severity")),
		           "good") == 0)
			continue;
		(void)strcat(got, got[0] != '\0' ? " " : "");
		(void)strcat(got, row + strlen("service."));
	}
	assert_string_equal(got, want);
	json_decref(root);
	bmxctl_findings_free(&findings);
}

/*
 * A domain.
 */

#define LIST "\"list\":{\"entries\":11,\"age_s\":30},\"authority\":\"fresh\","
#define SYNC_GOOD                                                              \
	"\"sync\":{\"state\":\"idle\",\"last_error\":\"\",\"failures\":0}"
#define UP                                                                     \
	"\"primary\":{\"state\":\"up\",\"call_ahead\":{\"breaker\":"           \
	"\"closed\"}"

struct domain_case {
	const char *name;
	const char *status; /* policyd's member; NULL: it does not answer */
	const char *source;
	bool call_ahead;
	bool observe;
	bool wildcard;
	bool held;
	const char *want;
};

static struct domain_case domain_cases[] = {
	{"a fresh list", "{" LIST SYNC_GOOD "}", "file:/x", true, false, false,
         false, ""},
	{"policyd away: the configuration alone", NULL, "file:/x", true, false,
         false, false, ""},
	{"observe", "{" LIST SYNC_GOOD "}", "file:/x", true, true, false, false,
         "observe"},
	{"a wildcard and a rollback", "{" LIST SYNC_GOOD "}", "file:/x", true,
         false, true, true, "list-held list-wildcard"},
	{"no section in the running policyd", "null", "file:/x", true, false,
         false, false, "domain-not-served"},
	{"neither list nor call-ahead",
         "{\"authority\":\"absent\",\"list\":null}", "", false, false, false,
         false, "no-evidence"},
	{"call-ahead alone is enough",
         "{\"authority\":\"absent\",\"list\":null," UP "}}", "", true, false,
         false, false, ""},
	{"a list that never came",
         "{\"authority\":\"absent\",\"list\":null,\"sync\":{\"state\":"
         "\"failed\",\"last_error\":\"no file\",\"failures\":2}}",
         "file:/x", true, false, false, false, "list-never-loaded"},
	{"a first fetch that is under way",
         "{\"authority\":\"absent\",\"list\":null,\"sync\":{\"state\":"
         "\"running\",\"last_error\":\"\",\"failures\":0}}",
         "file:/x", true, false, false, false, ""},
	{"an empty list",
         "{\"list\":{\"entries\":0,\"age_s\":1},\"authority\":"
         "\"fresh\"," //
         SYNC_GOOD "}",
         "file:/x", true, false, false, false, "list-empty"},
	{"a stale list whose fetch fails",
         "{\"list\":{\"entries\":9,\"age_s\":99999},\"authority\":"
         "\"stale\","
         "\"sync\":{\"state\":\"failed\",\"last_error\":\"gone\","
         "\"failures\":3,\"failing_since\":999000}}",
         "file:/x", true, false, false, false, "list-stale sync-failing"},
	{"a frozen list is what an outage needs",
         "{\"list\":{\"entries\":9,\"age_s\":99999},\"authority\":"
         "\"frozen\"," //
         SYNC_GOOD "}",
         "file:/x", true, false, false, false, ""},
	{"an unreadable list",
         "{\"authority\":\"unreadable\",\"list\":null," SYNC_GOOD "}",
         "file:/x", true, false, false, false, "list-unreadable"},
	{"a primary that is down",
         "{" LIST SYNC_GOOD ",\"primary\":{\"state\":\"down\",\"since\":"
         "999000,\"last_error\":\"connection refused\"}}",
         "file:/x", true, false, false, false, "primary-down"},
	{"a suspect primary is no news",
         "{" LIST SYNC_GOOD ",\"primary\":{\"state\":\"suspect\"}}", "file:/x",
         true, false, false, false, ""},
	{"a primary that refuses us",
         "{" LIST SYNC_GOOD "," UP ",\"refuses_us\":true"
         "}}",
         "file:/x", true, false, false, false, "primary-refuses-us"},
	{"a primary that cannot be worked out",
         "{" LIST SYNC_GOOD "," UP ",\"config_error\":\"no MX\","
         "\"hosts_stale\":true}}",
         "file:/x", true, false, false, false,
         "primary-unusable primary-dns-fails"},
	{"accepts all, without a list",
         "{\"authority\":\"absent\",\"list\":null,\"accepts_all\":"
         "\"yes\"," //
         UP "}}",
         "", true, false, false, false, "accepts-all"},
	{"accepts all, with a list",
         "{" LIST SYNC_GOOD ",\"accepts_all\":\"yes\"," UP "}}", "file:/x",
         true, false, false, false, ""},
	{"an open breaker",
         "{" LIST SYNC_GOOD ",\"primary\":{\"state\":\"up\",\"call_ahead\":{"
         "\"breaker\":\"open\"}}}",
         "file:/x", true, false, false, false, "breaker-open"},
	{"members of other types", "{\"list\":7,\"sync\":[],\"primary\":\"x\"}",
         "", true, false, false, false, ""},
};

static void
test_domain(void **state)
{
	const struct domain_case *tc = *state;
	const struct bmx_config_domain config = {
		.name = "a.test",
		.recipients = tc->source,
		.call_ahead = tc->call_ahead,
		.mode = tc->observe ? BMX_MODE_OBSERVE : BMX_MODE_ENFORCE,
		.list_max_age_ms = 86400000,
	};
	json_t *status = tc->status ?
		json_loads(tc->status, JSON_DECODE_ANY, NULL) :
		NULL;
	const struct bmxctl_service_domain facts = {
		.config = &config,
		.answers = tc->status != NULL,
		.uptime_s = 10,
		.status = status,
		.now_s = NOW,
		.has_wildcard = tc->wildcard,
		.held = tc->held,
	};
	struct bmxctl_findings *findings = bmxctl_findings_new();

	assert_true(!tc->status || status);
	bmxctl_service_judge_domain(&facts, findings);
	expect(findings, tc->want);
	json_decref(status);
}

static void
test_late_first_fetch(void **state)
{
	const struct bmx_config_domain config = {
		.name = "a.test", .recipients = "file:/x", .call_ahead = true};
	json_t *status = json_loads("{\"authority\":\"absent\",\"sync\":{"
	                            "\"state\":\"running\"}}",
	                            0, NULL);
	const struct bmxctl_service_domain facts = {.config = &config,
	                                            .answers = true,
	                                            .uptime_s = 61,
	                                            .status = status,
	                                            .now_s = NOW};
	struct bmxctl_findings *findings = bmxctl_findings_new();

	(void)state;
	bmxctl_service_judge_domain(&facts, findings);
	expect(findings, "list-never-loaded");
	json_decref(status);
}

/*
 * The daemon.
 */

struct daemon_case {
	const char *name;
	struct bmxctl_service_daemon facts;
	const char *want;
};

static struct daemon_case daemon_cases[] = {
	{"all is well", {true, "", "1.0", "1.0", "ab", "ab", "a.test"}, ""},
	{"control off",
         {false, "", "", "1.0", "", "ab", "a.test"},
         "control-off"},
	{"away",
         {true, "refused", "", "1.0", "", "ab", "a.test"},
         "policyd-away"},
	{"another version, whose digest tells nothing",
         {true, "", "0.9", "1.0", "cd", "ab", "a.test"},
         "version"},
	{"a file that was changed",
         {true, "", "1.0", "1.0", "cd", "ab", "a.test"},
         "reload-forgotten"},
	{"an older policyd says no digest",
         {true, "", "1.0", "1.0", "", "ab", "a.test"},
         ""},
	{"a host name alone",
         {true, "", "1.0", "1.0", "ab", "ab", "vm"},
         "hostname-unqualified"},
};

static void
test_daemon(void **state)
{
	const struct daemon_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();

	bmxctl_service_judge_daemon(&tc->facts, findings);
	expect(findings, tc->want);
}

/*
 * Redis.
 */

struct redis_case {
	const char *name;
	const char *redis;
	const char *want;
};

static struct redis_case redis_cases[] = {
	{"not configured", "null", ""},
	{"a master",
         "{\"up\":true,\"role\":\"master\",\"maxmemory_policy\":"
         "\"noeviction\"}",
         ""},
	{"a policy that is not known",
         "{\"up\":true,\"maxmemory_policy\":\"\"}", ""},
	{"down", "{\"up\":false,\"last_error\":\"refused\"}", "redis-away"},
	{"one that evicts",
         "{\"up\":true,\"role\":\"master\",\"maxmemory_policy\":"
         "\"allkeys-lru\"}",
         "redis-eviction"},
	{"a replica",
         "{\"up\":true,\"role\":\"replica\",\"replica_link_up\":true}", ""},
	{"a replica alone",
         "{\"up\":true,\"role\":\"replica\",\"replica_link_up\":false}",
         "redis-replica-link"},
};

static void
test_redis(void **state)
{
	const struct redis_case *tc = *state;
	struct bmxctl_findings *findings = bmxctl_findings_new();
	json_t *redis = json_loads(tc->redis, JSON_DECODE_ANY, NULL);

	bmxctl_service_judge_redis(redis, findings);
	expect(findings, tc->want);
	json_decref(redis);
}

/*
 * Files: each case spoils what is good.
 */

struct state_case {
	const char *name;
	void (*spoil)(struct bmxctl_service_state *facts);
	const char *want;
};

static void
spoil_nothing(struct bmxctl_service_state *facts)
{
	(void)facts;
}

static void
spoil_dir(struct bmxctl_service_state *facts)
{
	facts->dir.error = ENOENT;
}

static void
spoil_dir_type(struct bmxctl_service_state *facts)
{
	facts->dir.mode = S_IFREG | 0640;
}

static void
spoil_dir_owner(struct bmxctl_service_state *facts)
{
	facts->daemon_uid = 7;
}

static void
spoil_nothing_as_root(struct bmxctl_service_state *facts)
{
	facts->daemon_uid = 0;
	facts->files[0].uid = 0;
}

static void
spoil_file(struct bmxctl_service_state *facts)
{
	facts->files[0].error = ENOENT;
}

static void
spoil_unwanted_file(struct bmxctl_service_state *facts)
{
	facts->files[0].error = ENOENT;
	facts->wanted[0] = false;
}

static void
spoil_owner(struct bmxctl_service_state *facts)
{
	facts->files[0].uid = 0;
}

static void
spoil_mode(struct bmxctl_service_state *facts)
{
	facts->files[0].mode = S_IFREG | 0644;
	facts->dir.mode = S_IFDIR | 0755;
}

static void
spoil_mode_in_closed_dir(struct bmxctl_service_state *facts)
{
	facts->files[0].mode = S_IFREG | 0644;
}

static void
spoil_time(struct bmxctl_service_state *facts)
{
	facts->files[0].changed_s = NOW + 3600;
}

static void
spoil_space(struct bmxctl_service_state *facts)
{
	facts->free_octets = 1000;
}

static void
spoil_inodes(struct bmxctl_service_state *facts)
{
	facts->free_inodes = 3;
}

static void
spoil_uncounted_inodes(struct bmxctl_service_state *facts)
{
	facts->free_inodes = 0;
	facts->inodes_known = false;
}

static void
spoil_aside(struct bmxctl_service_state *facts)
{
	facts->set_aside = "cache.mdb.bad";
}

static void
spoil_key(struct bmxctl_service_state *facts)
{
	facts->seal_key.error = ENOENT;
}

static void
spoil_key_mode(struct bmxctl_service_state *facts)
{
	facts->seal_key.mode = S_IFREG | 0644;
}

static void
spoil_unwanted_key(struct bmxctl_service_state *facts)
{
	facts->seal_key.error = ENOENT;
	facts->seal_key_wanted = false;
}

static struct state_case state_cases[] = {
	{"files as they should be", spoil_nothing, ""},
	{"no state directory", spoil_dir, "state-dir"},
	{"a file in its place", spoil_dir_type, "state-dir"},
	{"another user's directory", spoil_dir_owner, "state-dir"},
	{"a daemon that runs as root", spoil_nothing_as_root, ""},
	{"a file that is missing", spoil_file, "file-missing"},
	{"a file that need not be there", spoil_unwanted_file, ""},
	{"a file of root's", spoil_owner, "file-owner"},
	{"a file that all may read", spoil_mode, "file-mode"},
	{"the same behind a closed folder", spoil_mode_in_closed_dir, ""},
	{"a file of tomorrow", spoil_time, "clock-back"},
	{"a full disk", spoil_space, "state-space"},
	{"no inodes", spoil_inodes, "state-space"},
	{"a file system without inodes", spoil_uncounted_inodes, ""},
	{"a database put aside", spoil_aside, "file-set-aside"},
	{"no seal key", spoil_key, "seal-key-missing"},
	{"a seal key that all may read", spoil_key_mode, "seal-key-mode"},
	{"no milter, no seal key", spoil_unwanted_key, ""},
};

static void
test_state(void **state)
{
	const struct state_case *tc = *state;
	struct bmxctl_service_state facts = {
		.dir = {"/s", 0, S_IFDIR | 0750, 100, NOW},
		.daemon_known = true,
		.daemon_uid = 100,
		.free_octets = UINT64_C(1) << 34,
		.free_inodes = 1000000,
		.inodes_known = true,
		.files = {{"/s/list.mdb", 0, S_IFREG | 0640, 100, NOW}},
		.wanted = {true},
		.file_count = 1,
		.set_aside = "",
		.seal_key_wanted = true,
		.seal_key = {"/s/seal.key", 0, S_IFREG | 0600, 100, NOW},
		.now_s = NOW,
	};
	struct bmxctl_findings *findings = bmxctl_findings_new();

	tc->spoil(&facts);
	bmxctl_service_judge_state(&facts, findings);
	expect(findings, tc->want);
}

static void
test_clock(void **state)
{
	static const struct bmxctl_service_clock clocks[] = {
		{true, true}, {true, false}, {false, false}};
	static const char *const want[] = {"", "clock", ""};

	(void)state;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		struct bmxctl_findings *findings = bmxctl_findings_new();

		bmxctl_service_judge_clock(&clocks[i], findings);
		expect(findings, want[i]);
	}
}

static void
test_table(void **state)
{
	const struct bmxctl_rows rows = bmxctl_doctor_service_rows();

	(void)state;
	assert_int_equal(rows.count, BMXCTL_SERVICE_ROWS);
	for (size_t i = 0; i < rows.count; i++) {
		assert_non_null(rows.items[i].name);
		assert_int_equal(strncmp(rows.items[i].name, "service.", 8), 0);
		assert_true(rows.items[i].severity != BMXCTL_GOOD);
		assert_true(strlen(rows.items[i].why) > 20);
		assert_true(strlen(rows.items[i].advice) > 10);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(rows.items[i].name,
			                        rows.items[j].name);
	}
}

#define ADD(cases, function)                                                   \
	for (size_t i = 0; i < COUNT(cases); i++)                              \
		tests[n++] = (struct CMUnitTest)                               \
		{                                                              \
			.name = (cases)[i].name, .test_func = (function),      \
			.initial_state = &(cases)[i]                           \
		}

int
main(void)
{
	struct CMUnitTest tests[COUNT(domain_cases) + COUNT(daemon_cases) +
	                        COUNT(redis_cases) + COUNT(state_cases) + 3] = {
		cmocka_unit_test(test_late_first_fetch),
		cmocka_unit_test(test_clock), cmocka_unit_test(test_table)};
	size_t n = 3;

	ADD(domain_cases, test_domain);
	ADD(daemon_cases, test_daemon);
	ADD(redis_cases, test_redis);
	ADD(state_cases, test_state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
