#include "ctl/init/place.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "backupmx"

/* The text of what is to be written; of malloc. */
typedef void write_cb(const struct bmxctl_plan *plan, size_t domain, FILE *out);

static void
write_whole(const struct bmxctl_plan *plan, size_t domain, FILE *out)
{
	(void)domain;
	bmxctl_plan_write_file(plan, out);
}

static void
write_domain(const struct bmxctl_plan *plan, size_t domain, FILE *out)
{
	bmxctl_plan_write_sections(plan, domain, 1, out);
}

static char *
as_text(write_cb *write, const struct bmxctl_plan *plan, size_t domain,
        struct bmx_error *err)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out) {
		write(plan, domain, out);
		if (fclose(out) == 0)
			return text;
	}
	free(text);
	(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	return NULL;
}

/* The folder of path, as the loader takes it. */
static int
folder_of(const char *path, char *folder, struct bmx_error *err)
{
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)(slash - path) : 0;

	if (slash == path)
		len = 1;
	if (snprintf(folder, PATH_MAX, "%.*s", slash ? len : 1,
	             slash ? path : ".") >= PATH_MAX)
		return bmx_error_set(err, BMX_E_TOO_BIG,
		                     "the path is too long");
	return 0;
}

/* FOLDER/NAME with what comes behind; -1 when it is too long. */
static int
join(char *path, const char *folder, const char *name, const char *rest,
     struct bmx_error *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s%s", folder, name, rest) < PATH_MAX)
		return 0;
	return bmx_error_set(err, BMX_E_TOO_BIG, "the path is too long");
}

/* The daemons read it, and nobody else needs to. */
static bool
set_owner(int fd)
{
	const struct group *group = getgrnam(GROUP);

	if (group && fchown(fd, (uid_t)-1, group->gr_gid) == 0)
		return fchmod(fd, 0640) == 0;
	return fchmod(fd, 0644) == 0;
}

static bool
fill(int fd, const char *text)
{
	const size_t len = strlen(text);

	return write(fd, text, len) == (ssize_t)len && set_owner(fd) &&
		fsync(fd) == 0;
}

/* Under another name first, then linked: never over what is there, and never
 * half of it. The name begins with a dot, which no include matches. */
static int
put(const char *path, const char *text, struct bmx_error *err)
{
	char folder[PATH_MAX], fresh[PATH_MAX];
	int fd, errnum;

	if (folder_of(path, folder, err) != 0 ||
	    join(fresh, folder, ".backupmx.", "XXXXXX", err) != 0)
		return -1;
	fd = mkstemp(fresh);
	if (fd < 0)
		return bmx_error_set_errno(err, errno, "%s cannot be made",
		                           path);
	errnum = 0;
	if (!fill(fd, text) || link(fresh, path) != 0)
		errnum = errno;
	(void)close(fd);
	(void)unlink(fresh);
	if (errnum == 0)
		return 0;
	(void)bmx_error_set_errno(err, errnum, "%s cannot be written", path);
	if (errnum == EEXIST)
		err->code = BMX_E_BUSY;
	return -1;
}

/* As it would be in its place, includes and all. */
static int
check_beside(const char *path, const char *text, struct bmx_error *err)
{
	char folder[PATH_MAX], trial[PATH_MAX], name[64];

	(void)snprintf(name, sizeof(name), ".backupmx.trial.%ld",
	               (long)getpid());
	if (folder_of(path, folder, err) != 0 ||
	    join(trial, folder, name, "", err) != 0)
		return -1;
	return bmxctl_plan_check_text(trial, text, err);
}

static int
make_folder(const char *folder, bool *made, struct bmx_error *err)
{
	*made = mkdir(folder, 0755) == 0;
	if (!*made && errno != EEXIST)
		return bmx_error_set_errno(err, errno, "%s cannot be made",
		                           folder);
	if (access(folder, W_OK | X_OK) == 0)
		return 0;
	return bmx_error_set_errno(err, errno, "%s cannot be written to",
	                           folder);
}

int
bmxctl_place_new(const struct bmxctl_plan *plan, const char *path,
                 bmxctl_wrote_cb *wrote, void *ctx, struct bmx_error *err)
{
	char *text = as_text(write_whole, plan, 0, err);
	char folder[PATH_MAX];
	bool made = false;
	int rc = -1;

	if (text && folder_of(path, folder, err) == 0 &&
	    make_folder(folder, &made, err) == 0 &&
	    check_beside(path, text, err) == 0)
		rc = put(path, text, err);
	if (rc == 0)
		wrote(ctx, path);
	else if (made)
		(void)rmdir(folder);
	free(text);
	return rc;
}

/* The name of a domain's file: "*" is none for a file. */
static const char *
file_name(const char *domain)
{
	return strcmp(domain, "*") == 0 ? "any-domain" : domain;
}

static bool
is_served(const struct bmx_config *config, const char *domain)
{
	if (strcmp(domain, "*") == 0)
		return bmx_config_any_domain(config) != NULL;
	return bmx_config_find_domain(config, bmx_slice_of(domain)) != NULL;
}

/* Does the configuration at path read, and serve every domain of the plan? */
static int
check_served(const struct bmxctl_plan *plan, const char *path,
             struct bmx_error *err)
{
	struct bmx_config_problems *problems = bmx_config_problems_new();
	struct bmx_config *config =
		problems ? bmx_config_load(path, problems, err) : NULL;
	int rc = config ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < plan->domain_count; i++)
		if (!is_served(config, plan->domains[i]))
			rc = bmx_error_set(
				err, BMX_E_REFUSED,
				"%s does not include conf.d/*.conf: add the "
				"line include(\"conf.d/*.conf\") to it, or the "
				"section itself",
				path);
	if (!problems)
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	bmx_config_unref(&config);
	bmx_config_problems_free(&problems);
	return rc;
}

static int
put_domain(const struct bmxctl_plan *plan, size_t domain, const char *folder,
           struct bmx_error *err)
{
	char path[PATH_MAX];
	char *text = NULL;
	int rc = join(path, folder, file_name(plan->domains[domain]), ".conf",
	              err);

	if (rc == 0)
		text = as_text(write_domain, plan, domain, err);
	rc = text ? put(path, text, err) : -1;
	free(text);
	return rc;
}

/* Takes back the files of the first count domains. */
static void
remove_domains(const struct bmxctl_plan *plan, size_t count, const char *folder)
{
	struct bmx_error err;
	char path[PATH_MAX];

	for (size_t i = 0; i < count; i++)
		if (join(path, folder, file_name(plan->domains[i]), ".conf",
		         &err) == 0)
			(void)unlink(path);
}

static int
put_all(const struct bmxctl_plan *plan, const char *path, const char *folder,
        struct bmx_error *err)
{
	size_t done = 0;

	while (done < plan->domain_count &&
	       put_domain(plan, done, folder, err) == 0)
		done++;
	if (done == plan->domain_count && check_served(plan, path, err) == 0)
		return 0;
	remove_domains(plan, done, folder);
	return -1;
}

static void
tell_all(const struct bmxctl_plan *plan, const char *folder,
         bmxctl_wrote_cb *wrote, void *ctx)
{
	struct bmx_error err;
	char path[PATH_MAX];

	for (size_t i = 0; i < plan->domain_count; i++)
		if (join(path, folder, file_name(plan->domains[i]), ".conf",
		         &err) == 0)
			wrote(ctx, path);
}

int
bmxctl_place_beside(const struct bmxctl_plan *plan, const char *path,
                    const struct bmx_config *existing, bmxctl_wrote_cb *wrote,
                    void *ctx, struct bmx_error *err)
{
	char base[PATH_MAX], folder[PATH_MAX];
	bool made;

	for (size_t i = 0; i < plan->domain_count; i++)
		if (is_served(existing, plan->domains[i]))
			return bmx_error_set(err, BMX_E_BUSY,
			                     "\"%s\" has a section in %s "
			                     "already",
			                     plan->domains[i], path);
	if (folder_of(path, base, err) != 0 ||
	    join(folder, base, "conf.d", "", err) != 0 ||
	    make_folder(folder, &made, err) != 0)
		return -1;
	if (put_all(plan, path, folder, err) == 0) {
		tell_all(plan, folder, wrote, ctx);
		return 0;
	}
	if (made)
		(void)rmdir(folder);
	return -1;
}
