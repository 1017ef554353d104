/* backupmxctl report [--date DAY] [--top N] [--json] [FILE ...] */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sysexits.h>
#include <unistd.h>

#include <jansson.h>

#include <backupmx/command.h>
#include <backupmx/units.h>

#include "ctl/ask.h"
#include "ctl/report/print.h"

#define USAGE                                                                  \
	"report [--date YYYY-MM-DD|today|yesterday|all] [--top N] [--json] "   \
	"[FILE ...]"
/* Octets of a line that are read; ours have fewer, the rest is skipped. */
#define LINE_SIZE 8192
/* What a program may write, and for how long. */
#define OUTPUT_MAX ((size_t)1024 * 1024 * 1024)
#define OUTPUT_MS 300000
#define TOP 10
#define TOP_MAX 1000

struct options {
	const char *date; /* as written; NULL: none */
	size_t top;
	bool as_json;
	bool one_day;  /* only lines of day; else all */
	struct tm day; /* when one_day */
	char when[32]; /* for the heading */
};

struct job {
	const struct bmxctl *ctl;
	const struct options *options;
	struct bmxctl_tally *tally;
	bool from_journal;
};

static bool
is_wanted(const struct options *options, const struct bmxctl_log_line *line)
{
	if (!options->one_day)
		return true;
	return line->has_time &&
		(line->year == 0 ||
	         line->year == options->day.tm_year + 1900) &&
		line->month == options->day.tm_mon + 1 &&
		line->day == options->day.tm_mday;
}

static void
take_text(struct job *job, struct bmx_slice text)
{
	struct bmxctl_log_line line;

	if (text.len > 0 && bmxctl_log_line_parse(text, &line) &&
	    is_wanted(job->options, &line))
		bmxctl_tally_take(job->tally, &line);
}

/* NULs are left out: a crash leaves runs of them in a log, before the next
 * line. @return 0, or -1 with errno */
static int
take_stream(struct job *job, FILE *in)
{
	char buffer[LINE_SIZE];
	size_t len = 0;
	int c;

	while ((c = getc_unlocked(in)) != EOF) {
		if (c == '\n') {
			take_text(job, (struct bmx_slice){buffer, len});
			len = 0;
		} else if (c != '\0' && len < sizeof(buffer)) {
			buffer[len++] = (char)c;
		}
	}
	take_text(job, (struct bmx_slice){buffer, len});
	return ferror(in) ? -1 : 0;
}

static void
take_output(struct job *job, struct bmx_slice output)
{
	while (output.len > 0) {
		const char *end = memchr(output.data, '\n', output.len);
		const struct bmx_slice line = {
			output.data,
			end ? (size_t)(end - output.data) : output.len};

		take_text(job, line);
		output.data += line.len + (end != NULL);
		output.len -= line.len + (end != NULL);
	}
}

static int
take_command(struct job *job, const char *const *argv)
{
	const struct bmx_command command = {.argv = argv,
	                                    .timeout_ms = OUTPUT_MS,
	                                    .output_max = OUTPUT_MAX};
	struct bmx_command_result result;
	struct bmx_error err;
	bool failed;

	if (bmx_command_run(&command, &result, &err) != 0)
		return bmxctl_fail(job->ctl, &err);
	failed = result.status != 0;
	if (failed)
		(void)bmx_error_set(&err, BMX_E_IO, "%s failed: %s", argv[0],
		                    result.said);
	else
		take_output(
			job,
			(struct bmx_slice){result.output, result.output_len});
	bmx_command_result_clear(&result);
	return failed ? bmxctl_fail(job->ctl, &err) : EX_OK;
}

static bool
is_packed(const char *path)
{
	const size_t len = strlen(path);

	return len > 3 && strcmp(path + len - 3, ".gz") == 0;
}

static int
take_file(struct job *job, const char *path)
{
	const char *const zcat[] = {"zcat", "--", path, NULL};
	struct bmx_error err;
	FILE *in;
	int rc;

	if (strcmp(path, "-") == 0) {
		rc = take_stream(job, stdin);
		if (rc != 0)
			(void)bmx_error_set_errno(&err, errno, "(stdin)");
		return rc == 0 ? EX_OK : bmxctl_fail(job->ctl, &err);
	}
	in = fopen(path, "r");
	if (!in) {
		(void)bmx_error_set_errno(&err, errno, "%s", path);
		return bmxctl_fail(job->ctl, &err);
	}
	if (is_packed(path)) {
		(void)fclose(in); /* it is there; zcat reads it */
		return take_command(job, zcat);
	}
	rc = take_stream(job, in);
	if (rc != 0)
		(void)bmx_error_set_errno(&err, errno, "%s", path);
	(void)fclose(in); /* was read only */
	return rc == 0 ? EX_OK : bmxctl_fail(job->ctl, &err);
}

/* A day may be in both: logs are rotated in the night. */
static int
take_default(struct job *job)
{
	static const char *const files[] = {"/var/log/mail.log.1",
	                                    "/var/log/mail.log"};
	const char *const all[] = {
		"journalctl",      "-q", "--no-pager",       "-o",
		"short-iso",       "-t", "backupmx-policyd", "-t",
		"backupmx-milter", NULL};
	const char *const day[] = {
		"journalctl",      "-q",      "--no-pager",       "-o",
		"short-iso",       "-t",      "backupmx-policyd", "-t",
		"backupmx-milter", "--since", job->options->when, NULL};
	bool found = false;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int status;

		if (access(files[i], F_OK) != 0)
			continue;
		found = true;
		status = take_file(job, files[i]);
		if (status != EX_OK)
			return status;
	}
	if (found)
		return EX_OK;
	job->from_journal = true;
	return take_command(job, job->options->one_day ? day : all);
}

/* @return 0, or -1 when text is no day */
static int
read_day(const char *text, struct tm *day)
{
	struct bmx_slice rest = bmx_slice_of(text);
	int64_t year;
	int64_t month;
	int64_t number;
	time_t noon;

	if (rest.len != 10 || text[4] != '-' || text[7] != '-' ||
	    bmx_units_parse_number((struct bmx_slice){text, 4}, &year) != 0 ||
	    bmx_units_parse_number((struct bmx_slice){text + 5, 2}, &month) !=
	            0 ||
	    bmx_units_parse_number((struct bmx_slice){text + 8, 2}, &number) !=
	            0 ||
	    year < 1970 || month < 1 || month > 12 || number < 1)
		return -1;
	*day = (struct tm){.tm_year = (int)year - 1900,
	                   .tm_mon = (int)month - 1,
	                   .tm_mday = (int)number,
	                   .tm_hour = 12,
	                   .tm_isdst = -1};
	noon = mktime(day);
	return noon != (time_t)-1 && day->tm_mday == (int)number ? 0 : -1;
}

/* Noon, so that no change of the clock leads to another day. */
static void
day_before_today(int days, struct tm *day)
{
	const time_t now = time(NULL);

	if (!localtime_r(&now, day))
		*day = (struct tm){.tm_year = 70, .tm_mday = 1};
	day->tm_hour = 12;
	day->tm_min = day->tm_sec = 0;
	day->tm_mday -= days;
	day->tm_isdst = -1;
	(void)mktime(day); /* brings it into form */
}

static int
take_date(struct options *options, bool has_files)
{
	const char *date = options->date;

	if (!date)
		date = has_files ? "all" : "yesterday";
	options->one_day = strcmp(date, "all") != 0;
	if (!options->one_day)
		(void)snprintf(options->when, sizeof(options->when),
		               "all days");
	else if (strcmp(date, "today") == 0)
		day_before_today(0, &options->day);
	else if (strcmp(date, "yesterday") == 0)
		day_before_today(1, &options->day);
	else if (read_day(date, &options->day) != 0)
		return -1;
	if (options->one_day)
		(void)strftime(options->when, sizeof(options->when), "%Y-%m-%d",
		               &options->day);
	return 0;
}

static int
take_options(int *argc, char **argv, struct options *options)
{
	const char *top = NULL;
	int64_t number = TOP;

	options->as_json = bmxctl_take_json(argc, argv);
	if (bmxctl_take_value(argc, argv, "--date", &options->date) < 0 ||
	    bmxctl_take_value(argc, argv, "--top", &top) < 0)
		return -1;
	if (top &&
	    (bmx_units_parse_number(bmx_slice_of(top), &number) != 0 ||
	     number > TOP_MAX))
		return -1;
	options->top = (size_t)number;
	for (int i = 1; i < *argc; i++)
		if (argv[i][0] == '-' && argv[i][1] != '\0')
			return -1;
	return take_date(options, *argc > 1);
}

/* An empty report looks like a quiet day. */
static void
tell_empty(const struct job *job)
{
	(void)fprintf(stderr,
	              "%s: no line of %s in %s%s; other files can be named\n",
	              job->ctl->program, job->options->when,
	              job->from_journal ? "the journal" :
	                                  "/var/log/mail.log.1 and "
	                                  "/var/log/mail.log",
	              job->from_journal && geteuid() != 0 ?
	                      " (root and the group adm may read all of it)" :
	                      "");
}

static int
print_tally(const struct options *options, struct bmxctl_tally *tally)
{
	json_t *root;
	int status;

	bmxctl_tally_end(tally);
	if (!options->as_json) {
		bmxctl_report_print(tally, options->when, options->top);
		return EX_OK;
	}
	root = bmxctl_report_json(tally, options->when, options->top);
	status = root ? bmxctl_print_json(root) : EX_OSERR;
	json_decref(root);
	return status;
}

int
bmxctl_report(struct bmxctl *ctl, int argc, char **argv)
{
	struct options options = {0};
	struct job job = {.ctl = ctl, .options = &options};
	int status = EX_OK;

	if (take_options(&argc, argv, &options) != 0)
		return bmxctl_usage(ctl, USAGE);
	job.tally = bmxctl_tally_new();
	if (!job.tally) {
		(void)fprintf(stderr, "%s: memory is short\n", ctl->program);
		return EX_OSERR;
	}
	if (argc == 1)
		status = take_default(&job);
	for (int i = 1; i < argc && status == EX_OK; i++)
		status = take_file(&job, argv[i]);
	if (status == EX_OK && argc == 1 && job.tally->lines == 0)
		tell_empty(&job);
	if (status == EX_OK)
		status = print_tally(&options, job.tally);
	bmxctl_tally_free(&job.tally);
	return status;
}
