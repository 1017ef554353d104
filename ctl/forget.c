/* backupmxctl forget ADDRESS|DOMAIN */
#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"

int
bmxctl_forget(struct bmxctl *ctl, int argc, char **argv)
{
	int status = EX_OK;
	json_t *answer;

	if (argc != 2 || !bmxctl_is_address(argv[1]))
		return bmxctl_usage(ctl, "forget ADDRESS|DOMAIN");
	answer = bmxctl_ask(ctl, "forget", argv[1], &status);
	json_decref(answer);
	return status;
}
