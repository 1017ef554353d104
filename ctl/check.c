/*
 * backupmxctl check [NAME] [--warning X] [--critical X] [--max-age AGE]
 * [--json] [--config-dir DIR]
 */
#include <stdio.h>
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include <backupmx/units.h>

#include "ctl/ask.h"
#include "ctl/gather.h"
#include "ctl/judge.h"

#define USAGE                                                                  \
	"check [all|service|lists|primary|queue|redis|bounces|disk] "          \
	"[--warning X] [--critical X] [--max-age AGE] [--config-dir DIR] "     \
	"[--json]"
/* Problems that the line names; the others are counted. */
#define PROBLEMS_SHOWN 5

struct options {
	const struct bmxctl_check *check; /* NULL: all of them */
	const char *warning;              /* NULL: the default; as below */
	const char *critical;
	const char *max_age;
	const char *postfix_dir;
	bool as_json;
};

/* What stops a check is its answer: monitoring reads standard output. */
static int
unknown(const struct options *options, const char *what)
{
	json_t *root;

	if (!options->as_json) {
		(void)printf("BACKUPMX UNKNOWN - %s\n", what);
		return BMXCTL_STATE_UNKNOWN;
	}
	root = json_pack("{s:s, s:i, s:[{s:s, s:s, s:s}], s:s, s:s}", "state",
	                 "UNKNOWN", "exit", (int)BMXCTL_STATE_UNKNOWN,
	                 "problems", "state", "UNKNOWN", "check",
	                 options->check ? options->check->name : "all", "text",
	                 what, "good", "", "figures", "");
	if (root)
		(void)bmxctl_print_json(root);
	json_decref(root);
	return BMXCTL_STATE_UNKNOWN;
}

static const struct bmxctl_check *
find_check(const char *name)
{
	size_t count;
	const struct bmxctl_check *checks = bmxctl_checks(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(checks[i].name, name) == 0)
			return &checks[i];
	return NULL;
}

static int
take_options(int argc, char **argv, struct options *options)
{
	options->as_json = bmxctl_take_json(&argc, argv);
	if (bmxctl_take_value(&argc, argv, "--warning", &options->warning) <
	            0 ||
	    bmxctl_take_value(&argc, argv, "--critical", &options->critical) <
	            0 ||
	    bmxctl_take_value(&argc, argv, "--max-age", &options->max_age) <
	            0 ||
	    bmxctl_take_value(&argc, argv, "--config-dir",
	                      &options->postfix_dir) < 0 ||
	    argc > 2)
		return -1;
	if (argc == 2 && strcmp(argv[1], "all") != 0) {
		options->check = find_check(argv[1]);
		if (!options->check)
			return -1;
	}
	return 0;
}

/* @return 0, or -1 when text is no such limit */
static int
read_limit(enum bmxctl_unit unit, const char *text, long long *limit_out)
{
	int64_t value = 0;
	int rc = -1;

	switch (unit) {
	case BMXCTL_UNIT_NONE:
		break;
	case BMXCTL_UNIT_DURATION:
		rc = bmx_units_parse_duration(bmx_slice_of(text), &value);
		value /= 1000;
		break;
	case BMXCTL_UNIT_PERCENT:
	case BMXCTL_UNIT_COUNT:
		rc = bmx_units_parse_number(bmx_slice_of(text), &value);
		break;
	}
	*limit_out = value;
	return rc;
}

/* @return NULL, or what is wrong with the options */
static const char *
limit_of(const struct options *options, const struct bmxctl_check *check,
         struct bmxctl_limit *limit)
{
	*limit = check->limit;
	if (options->max_age && strcmp(check->name, "queue") == 0) {
		if (read_limit(BMXCTL_UNIT_DURATION, options->max_age,
		               &limit->critical) != 0)
			return "--max-age: expected a duration, as 2h";
		limit->warning = limit->critical / 2;
	}
	if (options->warning &&
	    read_limit(check->unit, options->warning, &limit->warning) != 0)
		return "--warning: expected a duration (10m), or a number, as "
		       "the check has it";
	if (options->critical &&
	    read_limit(check->unit, options->critical, &limit->critical) != 0)
		return "--critical: expected a duration (10m), or a number, "
		       "as the check has it";
	if (check->below ? limit->critical > limit->warning :
	                   limit->critical < limit->warning)
		return "--critical must not be reached before --warning";
	return NULL;
}

/* @return NULL, or what is wrong with the options */
static const char *
judge_all(const struct options *options, const json_t *facts,
          struct bmxctl_verdict *verdict)
{
	size_t count;
	const struct bmxctl_check *checks = bmxctl_checks(&count);
	struct bmxctl_limit limit;

	for (size_t i = 0; i < count; i++) {
		const char *wrong;

		if (options->check && options->check != &checks[i])
			continue;
		wrong = limit_of(options, &checks[i], &limit);
		if (wrong)
			return wrong;
		if (facts)
			checks[i].judge(verdict, facts, &limit);
	}
	return NULL;
}

/* The worst first, each said once; @return how many were shown */
static size_t
print_problems_of(const struct bmxctl_verdict *verdict, const char *state,
                  size_t shown)
{
	for (size_t i = 0; i < json_array_size(verdict->problems); i++) {
		const json_t *problem = json_array_get(verdict->problems, i);

		if (strcmp(bmxctl_string(problem, "state"), state) != 0 ||
		    shown >= PROBLEMS_SHOWN)
			continue;
		(void)printf("%s%s", shown > 0 ? "; " : "",
		             bmxctl_string(problem, "text"));
		shown++;
	}
	return shown;
}

static void
print_line(const struct bmxctl_verdict *verdict)
{
	const size_t count = json_array_size(verdict->problems);
	size_t shown = 0;

	(void)printf("BACKUPMX %s - ", bmxctl_state_name(verdict->state));
	shown = print_problems_of(verdict, "CRITICAL", shown);
	shown = print_problems_of(verdict, "WARNING", shown);
	shown = print_problems_of(verdict, "UNKNOWN", shown);
	if (count > shown)
		(void)printf("; and %zu more", count - shown);
	if (count == 0)
		(void)printf("%s",
		             verdict->good.len > 0 ? verdict->good.data :
		                                     "nothing to see");
	if (verdict->figures.len > 0)
		(void)printf(" | %s", verdict->figures.data);
	(void)putchar('\n');
}

static int
print_json(const struct bmxctl_verdict *verdict)
{
	json_t *root = json_pack("{s:s, s:i, s:O, s:s, s:s}", "state",
	                         bmxctl_state_name(verdict->state), "exit",
	                         (int)verdict->state, "problems",
	                         verdict->problems, "good", verdict->good.data,
	                         "figures", verdict->figures.data);
	const int status = root ? bmxctl_print_json(root) : EX_OSERR;

	json_decref(root);
	return status == EX_OK ? (int)verdict->state : BMXCTL_STATE_UNKNOWN;
}

static unsigned
parts_of(const struct options *options)
{
	return options->check ? options->check->parts : BMXCTL_PARTS_ALL;
}

static int
check(const struct options *options, const struct bmx_config *config)
{
	struct bmxctl_verdict verdict;
	json_t *facts;
	int status;

	facts = bmxctl_gather(config, options->postfix_dir, parts_of(options));
	if (!facts || bmxctl_verdict_init(&verdict) != 0) {
		json_decref(facts);
		return unknown(options, "memory is short");
	}
	(void)judge_all(options, facts, &verdict); /* was read before */
	status = (int)verdict.state;
	if (options->as_json)
		status = print_json(&verdict);
	else
		print_line(&verdict);
	bmxctl_verdict_clear(&verdict);
	json_decref(facts);
	return status;
}

int
bmxctl_check(struct bmxctl *ctl, int argc, char **argv)
{
	struct options options = {0};
	struct bmx_config *config;
	const char *wrong;
	int status = EX_OK;

	if (take_options(argc, argv, &options) != 0) {
		(void)bmxctl_usage(ctl, USAGE);
		return unknown(&options, "wrong words");
	}
	if (!options.check && (options.warning || options.critical))
		return unknown(&options,
		               "--warning and --critical are of one check: "
		               "name it");
	if (options.check && options.max_age &&
	    strcmp(options.check->name, "queue") != 0)
		return unknown(&options, "--max-age is of the check queue");
	wrong = judge_all(&options, NULL, NULL);
	if (wrong)
		return unknown(&options, wrong);
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return unknown(&options, "the configuration cannot be read");
	status = check(&options, config);
	bmx_config_unref(&config);
	return status;
}
