/* backupmxctl reload */
#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"

int
bmxctl_reload(struct bmxctl *ctl, int argc, char **argv)
{
	int status = EX_OK;
	json_t *answer;

	(void)argv;
	if (argc != 1)
		return bmxctl_usage(ctl, "reload");
	answer = bmxctl_ask(ctl, "reload", "", &status);
	if (!answer)
		return status;
	json_decref(answer);
	(void)puts("policyd runs on the new configuration");
	return EX_OK;
}
