#include "policyd/options.h"

#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/privileges.h>

const char bmx_options_usage[] =
	"usage: backupmx-policyd [-fhtV] [-c FILE] [-u USER]\n"
	"  -c FILE  configuration (default " BMX_CONFIG_PATH ")\n"
	"  -f       stay in the foreground, log to standard error\n"
	"  -t       check the configuration and exit\n"
	"  -u USER  the user to become when started as root "
	"(default " BMX_PRIVILEGES_USER ")\n"
	"  -V       print the version and exit\n"
	"  -h       print this and exit\n";

int
bmx_options_parse(int argc, char **argv, struct bmx_options *options_out,
                  struct bmx_error *err)
{
	int option;

	*options_out = (struct bmx_options){.task = BMX_TASK_SERVE,
	                                    .config_path = BMX_CONFIG_PATH,
	                                    .user = BMX_PRIVILEGES_USER};
	opterr = 0;
	while ((option = getopt(argc, argv, ":c:fhtu:V")) != -1) {
		switch (option) {
		case 'c':
			options_out->config_path = optarg;
			break;
		case 'f':
			options_out->foreground = true;
			break;
		case 'h':
			options_out->task = BMX_TASK_HELP;
			break;
		case 't':
			options_out->task = BMX_TASK_CHECK;
			break;
		case 'u':
			options_out->user = optarg;
			break;
		case 'V':
			options_out->task = BMX_TASK_VERSION;
			break;
		case ':':
			return bmx_error_set(err, BMX_E_USAGE,
			                     "option -%c wants a value",
			                     optopt);
		default:
			return bmx_error_set(err, BMX_E_USAGE,
			                     "unknown option -%c: see -h",
			                     optopt);
		}
	}
	if (optind < argc)
		return bmx_error_set(err, BMX_E_USAGE,
		                     "unexpected argument \"%s\": see -h",
		                     argv[optind]);
	return 0;
}
