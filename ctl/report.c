#include "ctl/ctl.h"
int
bmxctl_report(struct bmxctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return bmxctl_usage(ctl, "report");
}
