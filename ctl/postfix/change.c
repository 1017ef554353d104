#include "ctl/postfix/change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <unistd.h>

#include <jansson.h>

#include "ctl/postfix/file.h"
#include "ctl/postfix/run.h"

static int
check(const struct bmxctl_instance *instance, struct bmx_error *err)
{
	static const char *const words[] = {"check"};

	return bmxctl_postfix_do("postfix", instance->config_dir, words, 1,
	                         err);
}

static void
free_words(char **words, size_t count)
{
	for (size_t i = 0; words && i < count; i++)
		free(words[i]);
	free(words);
}

/* "NAME = VALUE", of malloc; NULL when memory is short. */
static char *
assignment(const char *name, const char *value)
{
	const size_t size = strlen(name) + strlen(value) + 4;
	char *text = malloc(size);

	if (text)
		(void)snprintf(text, size, "%s = %s", name, value);
	return text;
}

/* postconf OPTION WORD ...: one call, so that it is all or nothing. */
static int
edit(const struct bmxctl_instance *instance, const char *option, char **words,
     size_t count, struct bmx_error *err)
{
	const char **argv = calloc(count + 1, sizeof(*argv));
	int rc;

	if (!argv)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	argv[0] = option;
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = words[i];
	rc = bmxctl_postfix_do("postconf", instance->config_dir, argv,
	                       count + 1, err);
	free(argv);
	return rc;
}

static int
edit_all(const struct bmxctl_instance *instance,
         const struct bmxctl_wanted_list *list, struct bmx_error *err)
{
	const size_t count = bmxctl_wanted_count(list);
	char **words = calloc(count + 1, sizeof(*words));
	bool whole = words != NULL;
	int rc = -1;

	for (size_t i = 0; whole && i < count; i++) {
		const struct bmxctl_wanted *wanted = bmxctl_wanted_get(list, i);

		words[i] = assignment(wanted->name, wanted->value);
		whole = words[i] != NULL;
	}
	if (whole)
		rc = edit(instance, "-e", words, count, err);
	else
		(void)bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	free_words(words, count);
	return rc;
}

static int
write_record(const struct bmxctl_change_paths *paths,
             const struct bmxctl_wanted_list *list,
             const struct bmxctl_postconf *after, uint64_t digest,
             struct bmx_error *err)
{
	json_t *record = bmxctl_record_new(list, after, digest);
	int rc;

	if (!record)
		return bmx_error_set(err, BMX_E_NOMEM, "memory is short");
	rc = bmxctl_record_write(paths->record, record, err);
	json_decref(record);
	return rc;
}

/* Puts back what was; *err keeps why, and says what came of it. */
static void
put_back(const struct bmxctl_change_paths *paths,
         const struct bmxctl_file *before, struct bmx_error *err)
{
	const struct bmx_error why = *err;
	struct bmx_error trouble;

	if (bmxctl_file_replace(paths->main_cf, before, &trouble) != 0) {
		(void)bmx_error_set(err, BMX_E_IO,
		                    "%s could not be put back: copy %s to it; "
		                    "%.150s",
		                    paths->main_cf, paths->backup, why.text);
		return;
	}
	(void)unlink(paths->record);
	(void)unlink(paths->backup);
	(void)bmx_error_set(err, BMX_E_REFUSED,
	                    "main.cf is as it was before, since %.250s",
	                    why.text);
}

/* The file's new digest and what Postfix now tells, for an undo. */
static int
finish(const struct bmxctl_instance *instance,
       const struct bmxctl_change_paths *paths,
       const struct bmxctl_wanted_list *list, const struct bmxctl_file *before,
       struct bmx_error *err)
{
	struct bmxctl_postconf *postconf;
	struct bmxctl_file after;
	int rc;

	if (bmxctl_file_read(paths->main_cf, &after, err) != 0)
		return -1;
	/* postconf makes a new file. */
	if (chown(paths->main_cf, before->stat.st_uid, before->stat.st_gid) !=
	            0 ||
	    chmod(paths->main_cf, before->stat.st_mode & 07777) != 0) {
		bmxctl_file_clear(&after);
		return bmx_error_set_errno(err, errno,
		                           "%s cannot be given its mode",
		                           paths->main_cf);
	}
	postconf = bmxctl_postconf_read(instance->config_dir, err);
	rc = postconf ? write_record(paths, list, postconf,
	                             bmxctl_file_digest(&after), err) :
			-1;
	bmxctl_postconf_free(&postconf);
	bmxctl_file_clear(&after);
	return rc;
}

static int
save_and_edit(const struct bmxctl_instance *instance,
              const struct bmxctl_wanted_list *list,
              const struct bmxctl_change_paths *paths,
              const struct bmxctl_file *before, struct bmx_error *err)
{
	if (bmxctl_file_create(paths->backup, before, err) != 0)
		return -1;
	/* Before the change: a run that is killed can be undone, too. */
	if (write_record(paths, list, NULL, 0, err) == 0 &&
	    edit_all(instance, list, err) == 0 && check(instance, err) == 0 &&
	    finish(instance, paths, list, before, err) == 0)
		return 0;
	put_back(paths, before, err);
	return -1;
}

int
bmxctl_change_apply(const struct bmxctl_instance *instance,
                    const struct bmxctl_wanted_list *list,
                    struct bmxctl_change_paths *paths_out,
                    struct bmx_error *err)
{
	struct bmxctl_file before;
	struct bmx_error said;
	int rc;

	if (bmxctl_change_paths_at(instance->directory, time(NULL), paths_out,
	                           err) != 0 ||
	    bmxctl_file_read(paths_out->main_cf, &before, err) != 0)
		return -1;
	/* Else its mistakes would count as ours. */
	rc = check(instance, &said);
	if (rc != 0)
		(void)bmx_error_set(err, BMX_E_REFUSED,
		                    "nothing was changed: mend first what "
		                    "\"postfix check\" says: %.220s",
		                    said.text);
	else
		rc = save_and_edit(instance, list, paths_out, &before, err);
	bmxctl_file_clear(&before);
	return rc;
}
