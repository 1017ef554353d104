#include <backupmx/program_options.h>

#include <stdio.h>

#include <sysexits.h>
#include <unistd.h>

#include <backupmx/config.h>
#include <backupmx/privileges.h>

static void
print_usage(FILE *out, const char *program)
{
	(void)fprintf(
		out,
		"usage: %s [-fhtV] [-c FILE] [-u USER]\n"
		"  -c FILE  configuration (default " BMX_CONFIG_PATH ")\n"
		"  -f       stay in the foreground, log to standard error\n"
		"  -t       check the configuration and exit\n"
		"  -u USER  the user to become when started as root "
		"(default " BMX_PRIVILEGES_USER ")\n"
		"  -V       print the version and exit\n"
		"  -h       print this and exit\n",
		program);
}

int
bmx_program_options_parse(int argc, char **argv,
                          struct bmx_program_options *options_out,
                          struct bmx_error *err)
{
	int option;

	*options_out =
		(struct bmx_program_options){.task = BMX_TASK_SERVE,
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

int
bmx_program_options_start(const char *program, int argc, char **argv,
                          struct bmx_program_options *options_out)
{
	struct bmx_error err;

	if (bmx_program_options_parse(argc, argv, options_out, &err) != 0) {
		(void)fprintf(stderr, "%s: %s\n", program, err.text);
		print_usage(stderr, program);
		return bmx_error_exit_status(err.code);
	}
	switch (options_out->task) {
	case BMX_TASK_HELP:
		print_usage(stdout, program);
		return EX_OK;
	case BMX_TASK_VERSION:
		(void)printf("%s %s\n", program, BMX_VERSION);
		return EX_OK;
	case BMX_TASK_CHECK:
	case BMX_TASK_SERVE:
		break;
	}
	return -1;
}
