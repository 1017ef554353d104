#include "ctl/init/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <unistd.h>

#include <backupmx/config.h>

int
bmxctl_plan_add_domain(struct bmxctl_plan *plan, const char *word,
                       struct bmx_error *err)
{
	char buffer[BMX_DOMAIN_BUFFER];
	struct bmx_slice name = BMX_SLICE("*");

	if (strcmp(word, "*") != 0 &&
	    bmx_domain_normalise(bmx_slice_of(word), buffer, &name) != 0)
		return bmx_error_set(err, BMX_E_SYNTAX,
		                     "\"%.100s\" is no domain: expected one as "
		                     "example.com, or \"*\"",
		                     word);
	for (size_t i = 0; i < plan->domain_count; i++)
		if (bmx_slice_equal(name, bmx_slice_of(plan->domains[i])))
			return 0;
	if (plan->domain_count == BMXCTL_PLAN_DOMAINS_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "at most %d domains at a time",
		                     BMXCTL_PLAN_DOMAINS_MAX);
	(void)snprintf(plan->domains[plan->domain_count++], BMX_DOMAIN_BUFFER,
	               "%.*s", (int)name.len, name.data);
	return 0;
}

int
bmxctl_plan_add_primary(struct bmxctl_plan *plan, const char *word,
                        struct bmx_error *err)
{
	if (plan->primary_count == BMXCTL_PLAN_PRIMARY_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "at most %d hosts of a primary",
		                     BMXCTL_PLAN_PRIMARY_MAX);
	plan->primary[plan->primary_count++] = word;
	return 0;
}

static bool
primary_is_default(const struct bmxctl_plan *plan)
{
	return plan->primary_count == 0 ||
		(plan->primary_count == 1 &&
	         strcmp(plan->primary[0], "mx") == 0);
}

static void
write_string(FILE *out, const char *string)
{
	(void)fputc('"', out);
	for (; *string; string++) {
		if (strchr("\\\"$", *string))
			(void)fputc('\\', out);
		(void)fputc(*string, out);
	}
	(void)fputc('"', out);
}

static void
write_primary(const struct bmxctl_plan *plan, FILE *out)
{
	if (primary_is_default(plan)) {
		(void)fputs("\t# Its primary: the MX hosts in DNS before this "
		            "one, as primary is not given.\n",
		            out);
		return;
	}
	(void)fputs("\t# Its primary: where the users are.\n\tprimary = {",
	            out);
	for (size_t i = 0; i < plan->primary_count; i++) {
		if (i > 0)
			(void)fputs(", ", out);
		write_string(out, plan->primary[i]);
	}
	(void)fputs("}\n", out);
}

static void
write_recipients(const struct bmxctl_plan *plan, FILE *out)
{
	if (!plan->recipients || plan->recipients[0] == '\0') {
		(void)fputs("\n\t# Without a list of recipients (recipients = "
		            "...) the primary is asked over SMTP.\n",
		            out);
		return;
	}
	(void)fputs("\n\t# The list of its recipients; it counts also while "
	            "the primary is away.\n\trecipients = ",
	            out);
	write_string(out, plan->recipients);
	(void)fputc('\n', out);
}

static void
write_section(const struct bmxctl_plan *plan, const char *domain, FILE *out)
{
	(void)fputs("domain ", out);
	write_string(out, domain);
	(void)fputs(" {\n", out);
	if (plan->observe)
		(void)fputs("\t# Nothing is refused yet, only logged. Take it "
		            "out when the log looks right.\n"
		            "\tmode = \"observe\"\n\n",
		            out);
	write_primary(plan, out);
	write_recipients(plan, out);
	(void)fputs("}\n", out);
}

void
bmxctl_plan_write_sections(const struct bmxctl_plan *plan, size_t first,
                           size_t count, FILE *out)
{
	for (size_t i = first; i < first + count; i++) {
		if (i > first)
			(void)fputc('\n', out);
		write_section(plan, plan->domains[i], out);
	}
}

void
bmxctl_plan_write_file(const struct bmxctl_plan *plan, FILE *out)
{
	(void)fputs(
		"# What this backup MX protects. backupmx.conf(5) has every "
		"key; what is not\n"
		"# here has its default: backupmxctl config dump --all\n"
		"# After a change: backupmxctl config check, backupmxctl "
		"reload\n\n",
		out);
	if (plan->hostname && plan->hostname[0] != '\0') {
		(void)fputs("# The name this host gives to others.\n"
		            "hostname = ",
		            out);
		write_string(out, plan->hostname);
		(void)fputs("\n\n", out);
	}
	(void)fputs("# Domains may have files of their own, beside this one.\n"
	            "include(\"conf.d/*.conf\")\n\n",
	            out);
	bmxctl_plan_write_sections(plan, 0, plan->domain_count, out);
}

/* The first mistake, or 0. */
static int
first_mistake(const struct bmx_config_problems *problems,
              const struct bmx_error *failed, struct bmx_error *err)
{
	for (size_t i = 0; i < bmx_config_problems_count(problems); i++) {
		const struct bmx_config_problem *problem =
			bmx_config_problems_get(problems, i);

		if (!problem->warning)
			return bmx_error_set(err, BMX_E_SYNTAX, "%s",
			                     problem->text);
	}
	return bmx_error_set(err, failed->code, "%s", failed->text);
}

static int
load(const char *path, struct bmx_error *err)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config;
	struct bmx_error failed;
	int rc = 0;

	if (!problems)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	config = bmx_config_load(path, problems, &failed);
	if (!config)
		rc = first_mistake(problems, &failed, err);
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	return rc;
}

int
bmxctl_plan_check_text(const char *path, const char *text,
                       struct bmx_error *err)
{
	const int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	             0600);
	const size_t len = strlen(text);
	int rc;

	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s cannot be made",
		                           path);
	if (write(fd, text, len) == (ssize_t)len)
		rc = load(path, err);
	else
		rc = bmx_error_set_errno(err, errno, "%s cannot be written",
		                         path);
	(void)close(fd);
	(void)unlink(path);
	return rc;
}

int
bmxctl_plan_check(const struct bmxctl_plan *plan, struct bmx_error *err)
{
	char directory[] = "/tmp/backupmxctl.XXXXXX";
	char path[sizeof(directory) + 16];
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rc;

	if (!out)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	bmxctl_plan_write_file(plan, out);
	if (plan->with_redis)
		(void)fputs("redis {\n\tservers = {\"127.0.0.1:6379\"}\n}\n",
		            out);
	if (fclose(out) != 0) {
		free(text);
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	}
	if (!mkdtemp(directory)) {
		free(text);
		return bmx_error_set_errno(err, errno,
		                           "no folder can be made in /tmp");
	}
	(void)snprintf(path, sizeof(path), "%s/trial.conf", directory);
	rc = bmxctl_plan_check_text(path, text, err);
	(void)rmdir(directory);
	free(text);
	return rc;
}
