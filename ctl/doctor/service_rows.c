#include "ctl/doctor/service_rows.h"

#define ERROR BMXCTL_ERROR
#define WARNING BMXCTL_WARNING
#define ROW(name) [BMXCTL_SERVICE_##name]

static const struct bmxctl_row rows[BMXCTL_SERVICE_ROWS] = {
	ROW(RIGHTS) = {"service.rights", WARNING,
                       "What this user may not read cannot be judged.",
                       "Run doctor as root."},
	ROW(CONFIG_WARNING) =
		{"service.config-warning", WARNING,
                 "The configuration says something that it probably does not "
                 "mean.",
                 "Look at that line; backupmx.conf(5) tells what it does."},
	ROW(HOSTNAME) =
		{"service.hostname-unqualified", WARNING,
                 "Many servers refuse a greeting with a name that has no "
                 "domain, so the "
                 "primary may refuse to be asked; and the same name stands in "
                 "Authentication-Results.",
                 "Set hostname in backupmx.conf to the full name of this host, "
                 "as in its "
                 "MX record."},
	ROW(CONTROL_OFF) =
		{"service.control-off", WARNING,
                 "Without its control socket policyd cannot be asked for its "
                 "state, and "
                 "cannot be told to reload.",
                 "Set policyd.control in backupmx.conf and restart policyd."},
	ROW(POLICYD_AWAY) = {"service.policyd-away", ERROR,
                             "Without policyd every recipient is deferred: the "
                             "backup takes no mail "
                             "at all.",
                             "Start it: systemctl start backupmx-policyd. Why "
                             "it ended is in its log: "
                             "journalctl -u backupmx-policyd."},
	ROW(VERSION) = {"service.version", WARNING,
                        "The program on disk was replaced while the old one "
                        "went on running: "
                        "what was mended in the new one is not in force.",
                        "Restart it: systemctl restart backupmx-policyd."},
	ROW(RELOAD) = {"service.reload-forgotten", WARNING,
                       "The file was changed after policyd read it: what it "
                       "says now is not in "
                       "force.",
                       "Run backupmxctl config check, then backupmxctl reload; "
                       "that says so when "
                       "a restart is needed."},
	ROW(POLICY_SOCKET) = {"service.policy-socket", ERROR,
                              "Postfix asks policyd through this socket: when "
                              "it does not answer every "
                              "recipient is deferred.",
                              "Restart policyd; when the path is not the one "
                              "that was meant, correct "
                              "policyd.listen."},
	ROW(MILTER_AWAY) =
		{"service.milter-away", ERROR,
                 "The milter's socket is there but the milter does not answer: "
                 "Postfix "
                 "defers all mail with milter_default_action=tempfail.",
                 "Start it: systemctl start backupmx-milter. If it is not to "
                 "be used, "
                 "remove the socket and take it out of smtpd_milters and "
                 "non_smtpd_milters."},
	ROW(UNSERVED) = {"service.domain-not-served", ERROR,
                         "policyd runs on a configuration without this domain: "
                         "any recipient of it "
                         "is accepted.",
                         "Run backupmxctl reload, or restart policyd."},
	ROW(OBSERVE) = {"service.observe", WARNING,
                        "With mode = \"observe\" nobody is refused: mail for "
                        "unknown users is "
                        "accepted and bounces later.",
                        "When the log (ev=decision) shows no wrong refusals, "
                        "set mode = "
                        "\"enforce\" and run backupmxctl reload."},
	ROW(NO_LIST) = {"service.no-evidence", ERROR,
                        "There is neither a list nor call-ahead: policyd knows "
                        "of no recipient and "
                        "defers them all.",
                        "Set recipients to where the primary's list is, or "
                        "call_ahead = true."},
	ROW(LIST_NEVER) = {"service.list-never-loaded", ERROR,
                           "Until the list was loaded once nobody can be "
                           "refused, and without "
                           "call-ahead everybody is deferred.",
                           "Mend what the source says, then run backupmxctl "
                           "load DOMAIN --from SOURCE "
                           "to try it at once."},
	ROW(LIST_UNREADABLE) =
		{"service.list-unreadable", ERROR,
                 "policyd cannot read list.mdb: recipients are deferred.",
                 "Look for ev=list in policyd's log; move list.mdb aside and "
                 "restart "
                 "policyd, which makes it anew from the sources."},
	ROW(LIST_EMPTY) = {"service.list-empty", ERROR,
                           "With an empty list every recipient but postmaster "
                           "and abuse is refused.",
                           "Run backupmxctl rollback DOMAIN, or load a list "
                           "that has the users."},
	ROW(LIST_STALE) = {"service.list-stale", ERROR,
                           "The last good fetch is longer ago than "
                           "list_max_age while the primary is "
                           "up: the list may no longer refuse anybody.",
                           "Mend the source (see what service.sync-failing "
                           "says), or raise "
                           "list_max_age."},
	ROW(LIST_HELD) = {"service.list-held", WARNING,
                          "The list was rolled back, and what the source still "
                          "says is not taken "
                          "again: changes at the primary do not arrive until "
                          "its content changes.",
                          "Mend the list at its source; backupmxctl load "
                          "DOMAIN --from SOURCE --force "
                          "takes it as it is."},
	ROW(LIST_WILDCARD) = {"service.list-wildcard", WARNING,
                              "The list has @DOMAIN: every local part is "
                              "accepted, so nothing is "
                              "protected.",
                              "List the mailboxes and aliases instead, if the "
                              "primary refuses others."},
	ROW(SYNC) =
		{"service.sync-failing", WARNING,
                 "The list is no longer brought up to date: new users are "
                 "refused, and after "
                 "list_max_age it may refuse nobody.",
                 "Try it by hand: backupmxctl load DOMAIN --from SOURCE "
                 "--dry-run. A "
                 "list that is refused for its size is taken with --force."},
	ROW(ACCEPTS_ALL) = {"service.accepts-all", WARNING,
                            "The primary accepts any local part at RCPT, so "
                            "asking it says nothing: "
                            "call-ahead cannot protect this domain.",
                            "Give it a list (recipients), or let the primary "
                            "refuse unknown users at "
                            "RCPT."},
	ROW(PRIMARY_CONFIG) = {"service.primary-unusable", ERROR,
                               "policyd cannot work out whom to ask: it does "
                               "not know whether the primary "
                               "is up, and call-ahead is off.",
                               "Correct primary, or the domain's MX records; "
                               "mx_names must name this host "
                               "as DNS does."},
	ROW(PRIMARY_DOWN) = {"service.primary-down", WARNING,
                             "The backup is at work: mail is queued here, and "
                             "lists are frozen.",
                             "Look after the primary. Mail waits for "
                             "maximal_queue_lifetime at most."},
	ROW(PRIMARY_REFUSES) =
		{"service.primary-refuses-us", ERROR,
                 "The primary refuses this host before a recipient is named: "
                 "call-ahead "
                 "learns nothing, and queued mail will not be taken either.",
                 "Let the primary exempt this host's address from its DNSBL, "
                 "SPF, "
                 "greylisting and rate limits; backupmxctl probe ADDRESS shows "
                 "the "
                 "dialogue."},
	ROW(HOSTS_STALE) = {"service.primary-dns-fails", WARNING,
                            "The primary's name could not be looked up lately: "
                            "its last addresses "
                            "are used.",
                            "See whether the resolver works and the domain's "
                            "MX records are there."},
	ROW(BREAKER) = {"service.breaker-open", WARNING,
                        "So many questions to the primary failed in a row that "
                        "none is asked for a "
                        "while: recipients that are not known are deferred.",
                        "Run backupmxctl probe ADDRESS, which asks all the "
                        "same, and look at "
                        "what the primary says."},
	ROW(ON_RECOVERY) =
		{"service.on-recovery", WARNING,
                 "This program should deliver the queue when the primary is "
                 "back, but it "
                 "cannot be run: mail then waits for Postfix's own retry.",
                 "Correct policyd.on_recovery; it is {\"/usr/sbin/postqueue\", "
                 "\"-s\"} by "
                 "default."},
	ROW(REDIS_AWAY) = {"service.redis-away", WARNING,
                           "policyd goes on with what it has here, but lists "
                           "do not arrive and other "
                           "backups learn nothing from this one.",
                           "Start Redis, or correct the section redis; its log "
                           "and redis-cli -u tell "
                           "more."},
	ROW(REDIS_EVICTION) =
		{"service.redis-eviction", WARNING,
                 "When memory is short Redis may throw lists away; backups "
                 "notice, and keep "
                 "the last good one, which then gets old.",
                 "Set maxmemory-policy noeviction in redis.conf."},
	ROW(REDIS_REPLICA) =
		{"service.redis-replica-link", WARNING,
                 "This replica does not hear its master: lists that it shows "
                 "may be old.",
                 "Mend the replication: redis-cli info replication."},
	ROW(STATE_DIR) =
		{"service.state-dir", ERROR,
                 "policyd keeps lists and what it learnt there: it cannot read "
                 "or write "
                 "them.",
                 "Make it, mode 0750, for the user that the daemons run as: "
                 "systemd-tmpfiles --create, or install -d -o backupmx -g "
                 "backupmx -m 0750 /var/lib/backupmx."},
	ROW(STATE_SPACE) = {"service.state-space", ERROR,
                            "On a full disk no list can be taken over, and "
                            "nothing is learnt.",
                            "Make room, or move state_dir."},
	ROW(FILE_MISSING) = {"service.file-missing", WARNING,
                             "A running daemon keeps it; without it what is "
                             "learnt, or which mail was "
                             "authenticated, is forgotten at a restart.",
                             "Look into the daemon's log for why it could not "
                             "be made, then restart "
                             "it."},
	ROW(FILE_OWNER) = {"service.file-owner", ERROR,
                           "It belongs to another user than the folder that it "
                           "is in, so the daemon "
                           "may not be able to write it.",
                           "chown it to the owner of state_dir."},
	ROW(FILE_MODE) = {"service.file-mode", WARNING,
                          "Every user of this host can read the addresses of "
                          "your domains in it, or "
                          "even write it.",
                          "chmod 0640 the file, 0750 the folder."},
	ROW(SET_ASIDE) = {"service.file-set-aside", WARNING,
                          "A damaged database was put aside and begun anew: a "
                          "disk, memory or a copy "
                          "made of a file in use may be at fault.",
                          "Look into the system's log for disk errors; then "
                          "remove the file."},
	ROW(SEAL_KEY) = {"service.seal-key-missing", ERROR,
                         "Without its key the milter cannot tell which mail it "
                         "accepted was "
                         "authenticated: every bounce is held.",
                         "Restart backupmx-milter, which makes seal.key in "
                         "state_dir; a file of "
                         "your own is milter.seal_key_file."},
	ROW(SEAL_KEY_MODE) = {"service.seal-key-mode", ERROR,
                              "Who can read the key can make bounces leave, "
                              "who can write it can stop "
                              "them.",
                              "chmod 0600 it (0640 with a group of its own), "
                              "owner the milter's user; "
                              "then give it a new key."},
	ROW(CLOCK) = {"service.clock", WARNING,
                      "No time service keeps this clock right: ages of lists "
                      "and of what was "
                      "learnt, DNSSEC and certificates are judged by it.",
                      "Install and start one: apt install systemd-timesyncd, "
                      "or chrony."},
	ROW(CLOCK_BACK) =
		{"service.clock-back", WARNING,
                 "A file of ours was written in the future: the clock has gone "
                 "back, and "
                 "lists look younger than they are.",
                 "Set the clock right; restart the daemons when it is."},
};

struct bmxctl_rows
bmxctl_doctor_service_rows(void)
{
	return (struct bmxctl_rows){rows, BMXCTL_SERVICE_ROWS};
}

const struct bmxctl_row *
bmxctl_service_row(enum bmxctl_service_row row)
{
	return &rows[row];
}
