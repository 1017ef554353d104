/*
 * ctl.h - what the subcommands of backupmxctl share.
 *
 * A subcommand is one file ctl/NAME.c with one function bmxctl_NAME, declared
 * here, and one row in main.c's table.
 */
#ifndef BACKUPMX_CTL_CTL_H
#define BACKUPMX_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <backupmx/config.h>
#include <backupmx/error.h>

/** What the command line says before the subcommand. */
struct bmxctl {
	const char *program;     /* its name in messages: "backupmxctl" */
	const char *config_path; /* -c, or BMX_CONFIG_PATH */
};

/**
 * Runs a subcommand. argv[0] is its name, argv[1] to argv[argc - 1] are its
 * words; optind is 1, so getopt may be used at once.
 * @return the exit status, of sysexits(3) unless the command says otherwise
 */
typedef int bmxctl_command(struct bmxctl *ctl, int argc, char **argv);

/** Writes each problem as `FILE:LINE: error|warning: text`. */
void bmxctl_print_problems(FILE *out,
                           const struct bmx_config_problems *problems);

/**
 * Loads the configuration and writes its problems to stderr; warnings only
 * when with_warnings. Any other error is written as well.
 * @return the snapshot, which the caller drops, or NULL with *status_out set
 *         to the exit status
 */
struct bmx_config *bmxctl_load_config(const struct bmxctl *ctl,
                                      bool with_warnings, int *status_out);

/** Writes `PROGRAM: text` of err to stderr. Returns its exit status. */
int bmxctl_fail(const struct bmxctl *ctl, const struct bmx_error *err);

/** Writes `PROGRAM: usage: PROGRAM words` to stderr. Returns EX_USAGE. */
int bmxctl_usage(const struct bmxctl *ctl, const char *words);

/**
 * Takes the word --json out of argv[1] to argv[*argc - 1], wherever it stands.
 * @return was it there?
 */
bool bmxctl_take_json(int *argc, char **argv);

/** `bounces [--json]`. */
int bmxctl_bounces(struct bmxctl *ctl, int argc, char **argv);

/** `config check` and `config dump [--all]`. */
int bmxctl_config(struct bmxctl *ctl, int argc, char **argv);

/** `doctor [DOMAIN] [-v] [--json] [--config-dir DIR]` and `doctor --rows`:
 * exit status 0 nothing found, 1 warnings, 2 errors. */
int bmxctl_doctor(struct bmxctl *ctl, int argc, char **argv);

/** `lookup ADDRESS [--json]`: exit status 0 valid, 1 unknown, 75 cannot say. */
int bmxctl_lookup(struct bmxctl *ctl, int argc, char **argv);

/** `parity [--json] [FILE]`: exit status 1 with a leak or a loss, 75 when the
 * primary did not say something. */
int bmxctl_parity(struct bmxctl *ctl, int argc, char **argv);

/** `probe ADDRESS [--json]`: exit status as lookup. */
int bmxctl_probe(struct bmxctl *ctl, int argc, char **argv);

/** `forget ADDRESS|DOMAIN`. */
int bmxctl_forget(struct bmxctl *ctl, int argc, char **argv);

/** `cache dump [DOMAIN]` and `cache load [FILE]`. */
int bmxctl_cache(struct bmxctl *ctl, int argc, char **argv);

/** `reload`. */
int bmxctl_reload(struct bmxctl *ctl, int argc, char **argv);

/** `init [--domain DOMAIN ...] ...`: writes a configuration. */
int bmxctl_init(struct bmxctl *ctl, int argc, char **argv);

/** `postfix [--config-dir DIR] [--apply | --undo] ...`: what main.cf needs. */
int bmxctl_postfix(struct bmxctl *ctl, int argc, char **argv);

/** `status [DOMAIN] [--all] [--json] [--watch [SECONDS]] [--config-dir DIR]`;
 * exit status 75 when policyd cannot be asked. */
int bmxctl_status(struct bmxctl *ctl, int argc, char **argv);

/** `check [NAME] [--warning X] [--critical X] [--max-age AGE] [--json]
 * [--config-dir DIR]`: exit status 0, 1, 2 or 3, as monitoring plugins. */
int bmxctl_check(struct bmxctl *ctl, int argc, char **argv);

/** `report [--date DAY] [--top N] [--json] [FILE ...]`. */
int bmxctl_report(struct bmxctl *ctl, int argc, char **argv);

/** Where an option with a value stands in argv[1] to argv[*argc - 1]: takes
 * `NAME VALUE` or `NAME=VALUE` out, the last one if there are several.
 * @return 1 with *value_out, 0 without, -1 when its value is missing */
int bmxctl_take_value(int *argc, char **argv, const char *name,
                      const char **value_out);

/** Takes the word name out of argv[1] to argv[*argc - 1]. @return was it
 * there? */
bool bmxctl_take_word(int *argc, char **argv, const char *name);

/** `load DOMAIN --from SOURCE [--dry-run] [--force] [--json]`; exit status
 * 3 when a guard refused the list. */
int bmxctl_load(struct bmxctl *ctl, int argc, char **argv);

/** `publish DOMAIN --from file:/PATH [--dry-run] [--force] [--json]`; exit
 * status 3 when a guard refused the list, 75 when another publisher was
 * first. */
int bmxctl_publish(struct bmxctl *ctl, int argc, char **argv);

/** `rollback DOMAIN [--json]`. */
int bmxctl_rollback(struct bmxctl *ctl, int argc, char **argv);

/** `list [DOMAIN] [--json]`. */
int bmxctl_list(struct bmxctl *ctl, int argc, char **argv);

#endif
