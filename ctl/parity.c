/* backupmxctl parity [--json] [FILE] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sysexits.h>

#include <jansson.h>

#include "ctl/ask.h"
#include "ctl/parity_class.h"

#define USAGE "parity [--json] [FILE]"
/* Octets of a line of the file; an address has fewer. */
#define LINE_MAX_OCTETS 2048

struct parity {
	const struct bmxctl *ctl;
	const struct bmx_config *config;
	bool as_json;
	json_t *differences; /* filled with as_json */
	long long counts[BMXCTL_PARITIES];
};

/* The first word of a line, which is cut there; NULL when there is none, or
 * the line is one of a list that names no address. */
static char *
address_of(char *line)
{
	char *word = line + strspn(line, " \t\r\n");

	word[strcspn(word, " \t\r\n")] = '\0';
	return word[0] == '\0' || word[0] == '#' || word[0] == '@' ? NULL :
								     word;
}

static enum bmxctl_answer
backup_of(const json_t *lookup)
{
	const json_t *status = json_object_get(lookup, "exit");

	if (!json_is_integer(status))
		return BMXCTL_ANSWER_UNSURE;
	switch (json_integer_value(status)) {
	case 0:
		return BMXCTL_ANSWER_VALID;
	case 1:
		return BMXCTL_ANSWER_UNKNOWN;
	default:
		return BMXCTL_ANSWER_UNSURE;
	}
}

static enum bmxctl_answer
primary_of(const json_t *probe)
{
	const char *outcome = bmxctl_string(probe, "outcome");

	if (strcmp(outcome, "unknown") == 0)
		return BMXCTL_ANSWER_UNKNOWN;
	return strcmp(outcome, "unsure") == 0 ? BMXCTL_ANSWER_UNSURE :
						BMXCTL_ANSWER_VALID;
}

static void
tell(struct parity *parity, const char *address, enum bmxctl_parity class,
     const json_t *lookup, const json_t *probe)
{
	if (class == BMXCTL_PARITY_SAME)
		return;
	if (!parity->as_json) {
		(void)printf("%-8s %s: the primary says %lld %s; here: %s\n",
		             bmxctl_parity_name(class), address,
		             bmxctl_number(probe, "code"),
		             bmxctl_string(probe, "text"),
		             bmxctl_string(lookup, "reply"));
		return;
	}
	(void)json_array_append_new(parity->differences,
	                            json_pack("{s:s, s:s, s:o*, s:o*}", "class",
	                                      bmxctl_parity_name(class),
	                                      "address", address, "primary",
	                                      json_deep_copy(probe), "backup",
	                                      json_deep_copy(lookup)));
}

/* Here first: what the primary says is learnt, and would be repeated. */
static int
compare(struct parity *parity, const char *address)
{
	enum bmxctl_parity class;
	int status = EX_OK;
	json_t *probe = NULL;
	json_t *lookup =
		bmxctl_look_up(parity->ctl, parity->config, address, &status);

	if (lookup)
		probe = bmxctl_ask_of(parity->ctl, parity->config, "probe",
		                      address, &status);
	if (probe) {
		class = bmxctl_parity_of(primary_of(probe), backup_of(lookup));
		parity->counts[class]++;
		tell(parity, address, class, lookup, probe);
	}
	json_decref(probe);
	json_decref(lookup);
	return status;
}

static int
bad_line(const struct parity *parity, const char *name, size_t number)
{
	(void)fprintf(stderr,
	              "%s: %s:%zu: the line is too long; expected an address\n",
	              parity->ctl->program, name, number);
	return EX_DATAERR;
}

static int
compare_all(struct parity *parity, FILE *in, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	size_t number = 0;
	ssize_t len;
	int status = EX_OK;

	while (status == EX_OK && (len = getline(&line, &size, in)) >= 0) {
		const char *address = address_of(line);

		number++;
		if (len > LINE_MAX_OCTETS)
			status = bad_line(parity, name, number);
		else if (address)
			status = compare(parity, address);
	}
	free(line);
	if (status == EX_OK && ferror(in)) {
		(void)fprintf(stderr, "%s: %s: %s\n", parity->ctl->program,
		              name, strerror(errno));
		status = EX_IOERR;
	}
	return status;
}

static int
compare_file(struct parity *parity, const char *path)
{
	FILE *in = path ? fopen(path, "re") : stdin;
	int status;

	if (!in) {
		(void)fprintf(stderr, "%s: %s: %s\n", parity->ctl->program,
		              path, strerror(errno));
		return EX_NOINPUT;
	}
	status = compare_all(parity, in, path ? path : "standard input");
	if (path)
		(void)fclose(in);
	return status;
}

static int
print_counts(const struct parity *parity)
{
	json_t *counts = json_object();
	json_t *root;
	int status;

	for (int i = 0; i < BMXCTL_PARITIES; i++)
		(void)json_object_set_new(
			counts, bmxctl_parity_name((enum bmxctl_parity)i),
			json_integer(parity->counts[i]));
	root = json_pack("{s:b, s:o, s:O}", "ok", 1, "counts", counts,
	                 "differences", parity->differences);
	status = root ? bmxctl_print_json(root) : EX_OSERR;
	json_decref(root);
	return status;
}

static int
summarise(const struct parity *parity)
{
	if (parity->as_json) {
		const int status = print_counts(parity);

		return status == EX_OK ? bmxctl_parity_status(parity->counts) :
					 status;
	}
	for (int i = 0; i < BMXCTL_PARITIES; i++)
		(void)printf("%s%lld %s", i > 0 ? ", " : "", parity->counts[i],
		             bmxctl_parity_name((enum bmxctl_parity)i));
	(void)putchar('\n');
	return bmxctl_parity_status(parity->counts);
}

int
bmxctl_parity(struct bmxctl *ctl, int argc, char **argv)
{
	struct parity parity = {.ctl = ctl};
	struct bmx_config *config;
	int status = EX_OK;

	parity.as_json = bmxctl_take_json(&argc, argv);
	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return bmxctl_usage(ctl, USAGE);
	config = bmxctl_load_config(ctl, false, &status);
	if (!config)
		return status;
	parity.config = config;
	parity.differences = json_array();
	status = parity.differences ?
		compare_file(&parity, argc == 2 ? argv[1] : NULL) :
		EX_OSERR;
	if (status == EX_OK)
		status = summarise(&parity);
	json_decref(parity.differences);
	bmx_config_unref(&config);
	return status;
}
