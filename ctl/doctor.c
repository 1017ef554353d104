/* backupmxctl doctor [DOMAIN] [-v] [--json] [--config-dir DIR] | --rows */
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>
#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/doctor/dead.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/hosts.h"
#include "ctl/lists.h"
#include "ctl/postfix/postconf.h"

#define USAGE                                                                  \
	"doctor [DOMAIN] [-v] [--json] [--config-dir DIR] | doctor --rows "    \
	"[--json]"

/* After that no further primary is looked at, ms. */
#define TOTAL_MS INT64_C(300000)

/* The words of the command line. */
struct words {
	const char *domain; /* NULL: all */
	const char *postfix_dir;
	bool json;
	bool rows;
	bool with_good;
};

/* A group of checks: for the whole machine, for each domain, or both. */
struct group {
	void (*whole)(const struct bmxctl_patient *patient);
	void (*domain)(const struct bmxctl_patient *patient,
	               const struct bmx_config_domain *domain);
	struct bmxctl_rows (*rows)(void);
};

static const struct group groups[] = {
	{bmxctl_doctor_service, NULL, bmxctl_doctor_service_rows},
	{bmxctl_doctor_postfix, bmxctl_doctor_postfix_domain,
         bmxctl_doctor_postfix_rows},
	{bmxctl_doctor_names, NULL, bmxctl_doctor_names_rows},
	{NULL, bmxctl_doctor_dns, bmxctl_doctor_dns_rows},
	{NULL, bmxctl_doctor_primary, bmxctl_doctor_primary_rows},
	{NULL, NULL, bmxctl_doctor_tls_rows},
	{NULL, NULL, bmxctl_doctor_envelope_rows},
	{NULL, NULL, bmxctl_doctor_sts_rows},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static int
read_words(int argc, char **argv, struct words *words)
{
	words->json = bmxctl_take_json(&argc, argv);
	if (bmxctl_take_value(&argc, argv, "--config-dir",
	                      &words->postfix_dir) < 0)
		return -1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			words->with_good = true;
		else if (strcmp(argv[i], "--rows") == 0)
			words->rows = true;
		else if (argv[i][0] != '-' && !words->domain)
			words->domain = argv[i];
		else
			return -1;
	}
	if (words->rows &&
	    (words->domain || words->postfix_dir || words->with_good))
		return -1;
	return 0;
}

/* Every row, in the form of "NAME SEVERITY", why and advice below. */
static void
print_rows_text(void)
{
	for (size_t i = 0; i < GROUPS; i++) {
		const struct bmxctl_rows rows = groups[i].rows();

		for (size_t j = 0; j < rows.count; j++)
			(void)printf("%s %s\n    why: %s\n    do:  %s\n",
			             rows.items[j].name,
			             rows.items[j].severity == BMXCTL_ERROR ?
			                     "error" :
			                     "warning",
			             rows.items[j].why, rows.items[j].advice);
	}
}

static json_t *
row_object(const struct bmxctl_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "row", row->name, "severity",
	                 row->severity == BMXCTL_ERROR ? "error" : "warning",
	                 "why", row->why, "advice", row->advice);
}

static int
print_rows_json(void)
{
	json_t *array = json_array();
	json_t *root;
	int status;

	for (size_t i = 0; i < GROUPS; i++) {
		const struct bmxctl_rows rows = groups[i].rows();

		for (size_t j = 0; j < rows.count; j++)
			(void)json_array_append_new(array,
			                            row_object(&rows.items[j]));
	}
	root = json_pack("{s:o}", "rows", array);
	status = root ? bmxctl_print_json(root) : EX_OSERR;
	json_decref(root);
	return status;
}

static int
print_rows(bool as_json)
{
	if (as_json)
		return print_rows_json();
	print_rows_text();
	return EX_OK;
}

static void
examine(const struct bmxctl_patient *patient)
{
	const struct bmx_config *config = patient->config;

	for (size_t i = 0; i < GROUPS; i++)
		if (groups[i].whole)
			groups[i].whole(patient);
	if (patient->only) {
		for (size_t i = 0; i < GROUPS; i++)
			if (groups[i].domain)
				groups[i].domain(patient, patient->only);
		return;
	}
	for (size_t d = 0; d < config->domain_count; d++) {
		/* "*" is no domain that could be looked up. */
		if (strcmp(config->domains[d].name, "*") == 0)
			continue;
		for (size_t i = 0; i < GROUPS; i++)
			if (groups[i].domain)
				groups[i].domain(patient, &config->domains[d]);
	}
}

static int
print(const struct bmxctl_findings *findings, const struct words *words)
{
	if (words->json && bmxctl_findings_print_json(findings) != EX_OK)
		return EX_IOERR;
	if (!words->json)
		bmxctl_findings_print(findings, stdout, words->with_good);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return bmxctl_findings_status(findings);
}

static struct bmx_dns *
resolver_of(const struct bmx_config *config, struct bmx_error *err)
{
	const struct bmx_dns_options options = {
		.resolvers = config->resolver.items,
		.resolver_count = config->resolver.count,
		.trust_anchor_file = bmx_dns_trust_anchor(config->trust_anchor),
	};

	return bmx_dns_new(&options, err);
}

/* What several groups look at is brought once. */
static void
examine_with(struct bmxctl_patient *patient)
{
	struct bmxctl_postconf *postconf = bmxctl_postconf_read(
		patient->postfix_dir, &patient->postconf_error);
	json_t *status = NULL;

	if (patient->config->policyd.control_on)
		status = bmxctl_ask_quietly(patient->config, "status", "",
		                            &patient->status_error);
	patient->postconf = postconf;
	patient->status = status;
	examine(patient);
	json_decref(status);
	bmxctl_postconf_free(&postconf);
}

static int
run(const struct bmxctl *ctl, const struct words *words,
    const struct bmx_config *config, const struct bmx_config_domain *only)
{
	struct bmx_error err;
	struct bmx_dns *dns = resolver_of(config, &err);
	struct bmxctl_findings *findings = bmxctl_findings_new();
	struct bmxctl_dead dead = {0};
	struct bmxctl_patient patient = {
		.ctl = ctl,
		.config = config,
		.only = only,
		.dns = dns,
		.dead = &dead,
		.deadline_us = bmxctl_deadline(TOTAL_MS),
		.postfix_dir = words->postfix_dir,
		.findings = findings,
	};
	int status;

	if (dns && !findings)
		(void)bmx_error_set(&err, BMX_E_NOMEM, "memory is short");
	if (dns && findings) {
		examine_with(&patient);
		status = print(findings, words);
	} else {
		status = bmxctl_fail(ctl, &err);
	}
	bmxctl_findings_free(&findings);
	bmx_dns_free(&dns);
	return status;
}

/* A folder is named by mistake sooner than Postfix is absent. */
static int
check_postfix_dir(const struct bmxctl *ctl, const char *dir)
{
	struct stat st;

	if (!dir || (stat(dir, &st) == 0 && S_ISDIR(st.st_mode)))
		return EX_OK;
	(void)fprintf(stderr,
	              "%s: %s: not a directory; expected that of main.cf\n",
	              ctl->program, dir);
	return EX_NOINPUT;
}

int
bmxctl_doctor(struct bmxctl *ctl, int argc, char **argv)
{
	const struct bmx_config_domain *only = NULL;
	struct bmx_config *config;
	struct words words = {0};
	int status;

	if (read_words(argc, argv, &words) != 0)
		return bmxctl_usage(ctl, USAGE);
	if (words.rows)
		return print_rows(words.json);
	status = check_postfix_dir(ctl, words.postfix_dir);
	if (status != EX_OK)
		return status;
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	if (words.domain)
		only = bmxctl_find_domain(ctl, &config, words.domain, &status);
	if (status == EX_OK)
		status = run(ctl, &words, config, only);
	bmx_config_unref(&config);
	return status;
}
