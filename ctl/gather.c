#include "ctl/gather.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include <backupmx/command.h>
#include <backupmx/seal_store.h>
#include <backupmx/text.h>

#include "ctl/ask.h"
#include "ctl/queue.h"

static json_t *
error_object(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

/* cron and monitoring have a PATH without Postfix's place. */
static void
widen_path(void)
{
	const char *path = getenv("PATH");
	char wide[4096];
	struct bmx_text text;

	bmx_text_init(&text, wide, sizeof(wide));
	bmx_text_printf(&text, "%s:/usr/sbin:/sbin",
	                path && path[0] != '\0' ? path : "/usr/bin:/bin");
	if (!text.cut)
		(void)setenv("PATH", wide, 1);
}

/* A domain of "*" is met in the queue, not added. */
static struct bmxctl_queue *
queue_of(const struct bmx_config *config)
{
	struct bmxctl_queue *queue = bmxctl_queue_new();

	for (size_t i = 0; queue && i < config->domain_count; i++)
		if (strcmp(config->domains[i].name, "*") != 0 &&
		    bmxctl_queue_add_domain(queue, config->domains[i].name) !=
		            0)
			bmxctl_queue_free(&queue);
	return queue;
}

static json_t *
count_queue(const struct bmx_config *config, struct bmx_slice output)
{
	struct bmxctl_queue *queue = queue_of(config);
	json_t *root = NULL;

	if (queue && bmxctl_queue_feed(queue, output) == 0 &&
	    bmxctl_queue_end(queue) == 0)
		root = bmxctl_queue_json(queue);
	bmxctl_queue_free(&queue);
	return root;
}

json_t *
bmxctl_gather_queue(const struct bmx_config *config, const char *postfix_dir)
{
	const char *const argv[] = {"postqueue", postfix_dir ? "-c" : "-j",
	                            postfix_dir, postfix_dir ? "-j" : NULL,
	                            NULL};
	const struct bmx_command command = {
		.argv = argv,
		.timeout_ms = BMXCTL_POSTQUEUE_MS,
		.output_max = BMXCTL_POSTQUEUE_MAX,
	};
	struct bmx_command_result result;
	struct bmx_error err;
	json_t *root;

	if (bmx_command_run(&command, &result, &err) != 0)
		return error_object(err.text);
	result.said[strcspn(result.said, "\n")] = '\0';
	if (result.status != 0)
		root = error_object(result.said[0] ? result.said :
		                                     "postqueue failed");
	else
		root = count_queue(
			config,
			(struct bmx_slice){result.output, result.output_len});
	bmx_command_result_clear(&result);
	return root;
}

/* Counts of the notes by what was done. */
struct bounces {
	long long now_s;
	json_t *acts;
	json_t *day;
	long long held_at;
};

static void
count_up(json_t *counts, const char *act)
{
	(void)json_object_set_new(counts, act,
	                          json_integer(bmxctl_number(counts, act) + 1));
}

static int
take_note(void *ctx, struct bmx_slice note)
{
	struct bounces *bounces = ctx;
	json_t *bounce = json_loadb(note.data, note.len, 0, NULL);
	const char *act = bmxctl_string(bounce, "act");
	const long long at = bmxctl_number(bounce, "time");

	/* What cannot be read was not written by us: left out. */
	if (act[0] != '\0') {
		count_up(bounces->acts, act);
		if (at > bounces->now_s - 86400)
			count_up(bounces->day, act);
		if (strcmp(act, "quarantine") == 0 && at > bounces->held_at)
			bounces->held_at = at;
	}
	json_decref(bounce);
	return 0;
}

json_t *
bmxctl_gather_bounces(const struct bmx_config *config, long long now_s)
{
	struct bounces bounces = {.now_s = now_s};
	struct bmx_error err;
	struct bmx_seal_store *store =
		bmx_seal_store_open(config->state_dir, true, &err);
	int rc;

	if (!store && err.code == BMX_E_NOT_FOUND) /* there were none */
		return json_pack("{s:{}, s:{}, s:i}", "kept", "day", "held_at",
		                 0);
	if (!store)
		return error_object(err.text);
	bounces.acts = json_object();
	bounces.day = json_object();
	rc = bmx_seal_store_each(store, take_note, &bounces, &err);
	bmx_seal_store_free(&store);
	if (rc == 0)
		return json_pack("{s:o, s:o, s:I}", "kept", bounces.acts, "day",
		                 bounces.day, "held_at",
		                 (json_int_t)bounces.held_at);
	json_decref(bounces.acts);
	json_decref(bounces.day);
	return error_object(err.text);
}

static json_t *
gather_policyd(const struct bmx_config *config)
{
	struct bmx_error err;
	json_t *answer = bmxctl_try(config, "status", &err);

	if (answer)
		return answer;
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", err.text, "why",
	                 bmx_error_code_name(err.code));
}

json_t *
bmxctl_gather(const struct bmx_config *config, const char *postfix_dir,
              unsigned parts)
{
	const long long now_s = (long long)time(NULL);
	json_t *root = parts & BMXCTL_PART_POLICYD ?
		gather_policyd(config) :
		json_pack("{s:b}", "ok", 1);

	if (!root)
		return NULL;
	widen_path();
	(void)json_object_set_new(root, "time", json_integer(now_s));
	if (parts & BMXCTL_PART_QUEUE)
		(void)json_object_set_new(
			root, "queue",
			bmxctl_gather_queue(config, postfix_dir));
	if (parts & BMXCTL_PART_BOUNCES)
		(void)json_object_set_new(root, "bounces",
		                          bmxctl_gather_bounces(config, now_s));
	if (parts & BMXCTL_PART_MILTER)
		(void)json_object_set_new(root, "milter",
		                          bmxctl_gather_milter(config));
	if (parts & BMXCTL_PART_DISK)
		(void)json_object_set_new(
			root, "disk", bmxctl_gather_disk(config, postfix_dir));
	return root;
}
