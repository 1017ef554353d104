#include "policyd/sync_wire.h"

#include <stdlib.h>

#include <jansson.h>

/* Servers, or Sentinels, that a configuration may name. */
#define HOSTS_MAX 64

struct bmx_sync_wire_job {
	struct bmx_sync_job job; /* its strings belong to root */
	json_t *root;
	struct bmx_config_redis redis; /* what job.redis points to */
	const char *servers[HOSTS_MAX];
	const char *sentinels[HOSTS_MAX];
	struct bmx_config_fetch fetch; /* what job.fetch points to */
};

/* The octets of root and a line feed in buffer, or 0; takes root. */
static size_t
put(json_t *root, char *buffer, size_t size)
{
	const size_t len =
		root ? json_dumpb(root, buffer, size, JSON_COMPACT) : 0;

	json_decref(root);
	if (len == 0 || len >= size)
		return 0;
	buffer[len] = '\n';
	return len + 1;
}

static json_t *
json_of_strings(const struct bmx_config_strings *strings)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < strings->count; i++)
		if (json_array_append_new(
			    array, json_string(strings->items[i])) != 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

/* NULL is JSON's null. The passwords themselves stay in their files. */
static json_t *
json_of_redis(const struct bmx_config_redis *redis)
{
	if (!redis)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:s, s:b, s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:s}",
		"servers", json_of_strings(&redis->servers), "sentinels",
		json_of_strings(&redis->sentinels), "master_name",
		redis->master_name, "cluster", (int)redis->cluster, "username",
		redis->username, "password_file", redis->password_file,
		"sentinel_username", redis->sentinel_username,
		"sentinel_password_file", redis->sentinel_password_file,
		"database", (json_int_t)redis->database, "prefix",
		redis->prefix, "timeout_ms", (json_int_t)redis->timeout_ms,
		"tls_ca_file", redis->tls_ca_file);
}

/* As json_of_redis: of secrets the names of their files. */
static json_t *
json_of_fetch(const struct bmx_config_fetch *fetch)
{
	if (!fetch)
		return json_null();
	return json_pack(
		"{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I}",
		"timeout_ms", (json_int_t)fetch->timeout_ms, "max_size",
		(json_int_t)fetch->max_size, "username", fetch->username,
		"password_file", fetch->password_file, "token_file",
		fetch->token_file, "tls_ca_file", fetch->tls_ca_file,
		"tls_cert_file", fetch->tls_cert_file, "tls_key_file",
		fetch->tls_key_file, "ssh_key_file", fetch->ssh_key_file,
		"ssh_known_hosts_file", fetch->ssh_known_hosts_file, "starttls",
		(int)fetch->starttls, "page_size",
		(json_int_t)fetch->page_size);
}

size_t
bmx_sync_wire_put_job(const struct bmx_sync_job *job, char *buffer, size_t size)
{
	return put(json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:o, s:o}",
	                     "state_dir", job->state_dir, "domain", job->domain,
	                     "source", job->source, "case_sensitive",
	                     job->case_sensitive, "max_shrink",
	                     (json_int_t)job->max_shrink, "now_ms",
	                     (json_int_t)job->now_ms, "redis",
	                     json_of_redis(job->redis), "fetch",
	                     json_of_fetch(job->fetch)),
	           buffer, size);
}

/* An error's text may hold a path that is not UTF-8: those octets as '?'. */
static json_t *
json_of_error(const struct bmx_error *err)
{
	char clean[BMX_ERROR_TEXT_MAX];
	struct bmx_text text;

	bmx_text_init(&text, clean, sizeof(clean));
	bmx_text_append_clean(&text, bmx_slice_of(err->text),
	                      BMX_ERROR_TEXT_MAX);
	return json_pack("{s:b, s:i, s:s}", "ok", 0, "code", (int)err->code,
	                 "error", clean);
}

size_t
bmx_sync_wire_put_outcome(const struct bmx_sync_outcome *outcome, char *buffer,
                          size_t size)
{
	const struct bmx_list_replace_result *counts = &outcome->counts;

	if (!outcome->ok)
		return put(json_of_error(&outcome->err), buffer, size);
	return put(json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "ok", 1,
	                     "generation", (json_int_t)counts->generation,
	                     "before", (json_int_t)counts->before, "after",
	                     (json_int_t)counts->after, "added",
	                     (json_int_t)counts->added, "removed",
	                     (json_int_t)counts->removed, "changed",
	                     (json_int_t)counts->changed),
	           buffer, size);
}

static json_t *
load(struct bmx_slice line, struct bmx_error *err)
{
	json_error_t why;
	json_t *root = line.len <= BMX_SYNC_WIRE_MAX ?
		json_loadb(line.data, line.len, 0, &why) :
		NULL;

	if (!root)
		(void)bmx_error_set(err, BMX_E_SYNTAX,
		                    "the line is not the JSON object expected");
	return root;
}

static int
get_strings(json_t *array, const char *items[HOSTS_MAX],
            struct bmx_config_strings *strings_out)
{
	const size_t count = json_array_size(array);

	if (count > HOSTS_MAX)
		return -1;
	for (size_t i = 0; i < count; i++) {
		items[i] = json_string_value(json_array_get(array, i));
		if (!items[i])
			return -1;
	}
	*strings_out = (struct bmx_config_strings){items, count};
	return 0;
}

/* @return 0, or -1 when object is no section */
static int
get_redis(json_t *object, struct bmx_sync_wire_job *wire)
{
	struct bmx_config_redis *redis = &wire->redis;
	json_t *servers, *sentinels;
	json_int_t database, timeout_ms;
	int cluster;

	if (json_is_null(object))
		return 0;
	if (json_unpack(object,
	                "{s:o, s:o, s:s, s:b, s:s, s:s, s:s, s:s, s:I, s:s, "
	                "s:I, s:s}",
	                "servers", &servers, "sentinels", &sentinels,
	                "master_name", &redis->master_name, "cluster", &cluster,
	                "username", &redis->username, "password_file",
	                &redis->password_file, "sentinel_username",
	                &redis->sentinel_username, "sentinel_password_file",
	                &redis->sentinel_password_file, "database", &database,
	                "prefix", &redis->prefix, "timeout_ms", &timeout_ms,
	                "tls_ca_file", &redis->tls_ca_file) != 0 ||
	    get_strings(servers, wire->servers, &redis->servers) != 0 ||
	    get_strings(sentinels, wire->sentinels, &redis->sentinels) != 0)
		return -1;
	redis->present = true;
	redis->cluster = cluster != 0;
	redis->database = database;
	redis->timeout_ms = timeout_ms;
	wire->job.redis = redis;
	return 0;
}

/* @return 0, or -1 when object is no section */
static int
get_fetch(json_t *object, struct bmx_sync_wire_job *wire)
{
	struct bmx_config_fetch *fetch = &wire->fetch;
	json_int_t timeout_ms, max_size, page_size;
	int starttls;

	if (json_is_null(object))
		return 0;
	if (json_unpack(object,
	                "{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, "
	                "s:b, s:I}",
	                "timeout_ms", &timeout_ms, "max_size", &max_size,
	                "username", &fetch->username, "password_file",
	                &fetch->password_file, "token_file", &fetch->token_file,
	                "tls_ca_file", &fetch->tls_ca_file, "tls_cert_file",
	                &fetch->tls_cert_file, "tls_key_file",
	                &fetch->tls_key_file, "ssh_key_file",
	                &fetch->ssh_key_file, "ssh_known_hosts_file",
	                &fetch->ssh_known_hosts_file, "starttls", &starttls,
	                "page_size", &page_size) != 0 ||
	    timeout_ms <= 0 || max_size <= 0 || page_size <= 0)
		return -1;
	fetch->timeout_ms = timeout_ms;
	fetch->max_size = max_size;
	fetch->starttls = starttls != 0;
	fetch->page_size = page_size;
	wire->job.fetch = fetch;
	return 0;
}

struct bmx_sync_wire_job *
bmx_sync_wire_get_job(struct bmx_slice line, struct bmx_error *err)
{
	struct bmx_sync_wire_job *wire = calloc(1, sizeof(*wire));
	json_int_t max_shrink;
	json_int_t now_ms;
	int case_sensitive;
	json_t *redis, *fetch;

	if (!wire) {
		(void)bmx_error_set(err, BMX_E_NOMEM, "no memory for a job");
		return NULL;
	}
	wire->root = load(line, err);
	if (!wire->root ||
	    json_unpack(wire->root, "{s:s, s:s, s:s, s:b, s:I, s:I, s:o, s:o}",
	                "state_dir", &wire->job.state_dir, "domain",
	                &wire->job.domain, "source", &wire->job.source,
	                "case_sensitive", &case_sensitive, "max_shrink",
	                &max_shrink, "now_ms", &now_ms, "redis", &redis,
	                "fetch", &fetch) != 0 ||
	    get_redis(redis, wire) != 0 || get_fetch(fetch, wire) != 0) {
		(void)bmx_error_set(err, BMX_E_SYNTAX, "the line is no job");
		bmx_sync_wire_job_free(&wire);
		return NULL;
	}
	wire->job.case_sensitive = case_sensitive != 0;
	wire->job.max_shrink = max_shrink;
	wire->job.now_ms = now_ms;
	return wire;
}

const struct bmx_sync_job *
bmx_sync_wire_job_of(const struct bmx_sync_wire_job *wire)
{
	return &wire->job;
}

void
bmx_sync_wire_job_free(struct bmx_sync_wire_job **wire)
{
	if (!*wire)
		return;
	json_decref((*wire)->root);
	free(*wire);
	*wire = NULL;
}

static int
get_counts(json_t *root, struct bmx_list_replace_result *counts)
{
	json_int_t n[6];

	if (json_unpack(root, "{s:I, s:I, s:I, s:I, s:I, s:I}", "generation",
	                &n[0], "before", &n[1], "after", &n[2], "added", &n[3],
	                "removed", &n[4], "changed", &n[5]) != 0)
		return -1;
	for (size_t i = 0; i < 6; i++)
		if (n[i] < 0)
			return -1;
	*counts = (struct bmx_list_replace_result){
		.generation = (uint64_t)n[0],
		.before = (uint64_t)n[1],
		.after = (uint64_t)n[2],
		.added = (uint64_t)n[3],
		.removed = (uint64_t)n[4],
		.changed = (uint64_t)n[5],
	};
	return 0;
}

static int
get_failure(json_t *root, struct bmx_error *failure)
{
	const char *text;
	int code;

	if (json_unpack(root, "{s:i, s:s}", "code", &code, "error", &text) !=
	            0 ||
	    code <= BMX_E_NONE || code > BMX_E_USAGE)
		return -1;
	(void)bmx_error_set(failure, (enum bmx_error_code)code, "%s", text);
	return 0;
}

int
bmx_sync_wire_get_outcome(struct bmx_slice line,
                          struct bmx_sync_outcome *outcome_out,
                          struct bmx_error *err)
{
	json_t *root = load(line, err);
	int ok = 0;
	int bad;

	*outcome_out = (struct bmx_sync_outcome){.ok = false};
	bad = !root || json_unpack(root, "{s:b}", "ok", &ok) != 0;
	if (!bad && ok)
		bad = get_counts(root, &outcome_out->counts);
	else if (!bad)
		bad = get_failure(root, &outcome_out->err);
	outcome_out->ok = !bad && ok;
	json_decref(root);
	return bad ?
		bmx_error_set(err, BMX_E_SYNTAX, "the line is no outcome") :
		0;
}
