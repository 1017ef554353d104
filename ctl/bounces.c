/* backupmxctl bounces [--json] */
#include <string.h>
#include <time.h>

#include <sysexits.h>

#include <jansson.h>

#include <backupmx/seal_store.h>

#include "ctl/ask.h"

static int
take_note(void *ctx, struct bmx_slice note)
{
	json_t *bounces = ctx;
	json_t *bounce = json_loadb(note.data, note.len, 0, NULL);

	/* What cannot be read was not written by us: left out. */
	if (json_is_object(bounce))
		(void)json_array_append(bounces, bounce);
	json_decref(bounce);
	return 0;
}

static void
print_time(long long at_s)
{
	const time_t at = (time_t)at_s;
	char buffer[32];
	struct tm tm;

	if (localtime_r(&at, &tm) &&
	    strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S", &tm) > 0)
		(void)printf("%s", buffer);
}

static void
print_bounce(const json_t *bounce)
{
	const long long recipients = bmxctl_number(bounce, "recipients");

	print_time(bmxctl_number(bounce, "time"));
	(void)printf("  %-10s %-11s %s of %s, for <%s>: <%s>",
	             bmxctl_string(bounce, "act"), bmxctl_string(bounce, "why"),
	             bmxctl_string(bounce, "id"),
	             bmxctl_string(bounce, "original"),
	             bmxctl_string(bounce, "sender"),
	             bmxctl_string(bounce, "recipient"));
	if (recipients > 1)
		(void)printf(" and %lld more", recipients - 1);
	(void)printf(" %s %s\n", bmxctl_string(bounce, "action"),
	             bmxctl_string(bounce, "status"));
}

static int
print_bounces(json_t *bounces, bool as_json)
{
	const json_t *bounce;
	json_t *root;
	size_t i;
	int status;

	if (!as_json) {
		json_array_foreach(bounces, i, bounce) print_bounce(bounce);
		return EX_OK;
	}
	root = json_pack("{s:b, s:O}", "ok", 1, "bounces", bounces);
	status = root ? bmxctl_print_json(root) : EX_OSERR;
	json_decref(root);
	return status;
}

static int
read_bounces(struct bmxctl *ctl, const char *state_dir, json_t *bounces)
{
	struct bmx_error err;
	struct bmx_seal_store *store =
		bmx_seal_store_open(state_dir, true, &err);
	int rc;

	if (!store)
		return bmxctl_fail(ctl, &err);
	rc = bmx_seal_store_each(store, take_note, bounces, &err);
	bmx_seal_store_free(&store);
	return rc == 0 ? EX_OK : bmxctl_fail(ctl, &err);
}

int
bmxctl_bounces(struct bmxctl *ctl, int argc, char **argv)
{
	const bool as_json = bmxctl_take_json(&argc, argv);
	struct bmx_config *config;
	int status = EX_OK;
	json_t *bounces;

	if (argc != 1)
		return bmxctl_usage(ctl, "bounces [--json]");
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	bounces = json_array();
	status = bounces ? read_bounces(ctl, config->state_dir, bounces) :
			   EX_OSERR;
	if (status == EX_OK)
		status = print_bounces(bounces, as_json);
	json_decref(bounces);
	bmx_config_unref(&config);
	return status;
}
