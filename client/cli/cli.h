//  filestore, the command line: what its files share.
//
//      main.c          arguments to command
//      cli_commands.c  the table of commands; help and completion are made from it
//      cli_session.c   settings, session file, connection
//      cli_terminal.c  errors, names, passwords, progress
//      cli_account.c   register login logout whoami passwd sessions
//      cli_token.c     token
//      cli_put.c       put                 cli_walk.c    local folders
//      cli_get.c       get cat
//      cli_list.c      ls stat             cli_tree.c    tree du find
//      cli_change.c    mkdir mv cp rm      cli_trash.c   trash restore versions
//      cli_share.c     share unshare       cli_events.c  events
//      cli_remote.c    asking the store: commands, lists, folders
//      cli_cluster.c   nodes status        cli_drain.c   admin drain
//      cli_services.c  services call       cli_tap.c     tap
//      cli_scrub.c     admin scrub         cli_recovery.c   admin recovery
//      cli_backup.c    admin backup        cli_export.c    admin export, admin import
//      cli_doctor.c    doctor              cli_doctor_local.c, cli_doctor_cluster.c   its checks
//      cli_manual.c    man
//      cli_rescue.c    rescue              cli_rescue_files.c, cli_rescue_tree.c   its files
//
//  Results go to stdout, everything else to stderr. A command that fails prints one line and exits with the
//  error's code (fst_error.h); one that works on several files prints a line for each that failed.

#ifndef CLI_H_INCLUDED
#define CLI_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "filestore.h"

//  All options of all commands; a command names those it takes.
typedef enum {
    CLI_CONFIG, CLI_SET, CLI_JSON, CLI_HELP,            //  Every command takes these
    CLI_LONG, CLI_RECURSIVE, CLI_PARENTS, CLI_FOREVER, CLI_NO_REPLACE, CLI_REPLICAS, CLI_KEY, CLI_KEY_FILE,
    CLI_DATABASE, CLI_PASSWORD_STDIN, CLI_UNDO, CLI_NO_WAIT, CLI_END, CLI_STOP, CLI_VERSIONS, CLI_TRASH,
    CLI_VERSION, CLI_WRITE, CLI_EMPTY, CLI_SINCE, CLI_FOLLOW, CLI_REVOKE, CLI_OUTPUT, CLI_CURSOR, CLI_EXPIRES,
    CLI_OPTIONS_COUNT
} cli_option_id_t;

typedef struct {
    const char *name;           //  "--recursive"
    char letter;                //  'r', or 0
    const char *value;          //  "N" if it takes a value, else NULL
    const char *meaning;
} cli_option_t;

extern const cli_option_t cli_options [CLI_OPTIONS_COUNT];

typedef struct cli cli_t;

typedef struct {
    const char *name;           //  "put", or "admin backup"
    const char *arguments;      //  "LOCAL... REMOTE"
    const char *summary;
    const char *details;        //  More for its own help, or ""
    unsigned options;           //  Bits 1u << CLI_...
    int min, max;               //  Operands; max -1 = any number
    fst_rc_t (*run) (cli_t *self, int count, char **operands);
} cli_command_t;

#define CLI_SETS_MAX 64

struct cli {
    const cli_command_t *command;
    bool given [CLI_OPTIONS_COUNT];
    const char *values [CLI_OPTIONS_COUNT];     //  Of options with a value; the last one counts
    const char *sets [CLI_SETS_MAX];            //  --set, all of them
    int sets_count;
    filestore_t *store;         //  NULL until cli_connect
    char *session_file;         //  NULL until cli_connect
    char *token;                //  As it stands in the session file
    bool borrowed;              //  It is that of $FILESTORE_TOKEN, and the file stays as it is
    char *problem;              //  The sentence that goes with a failure
    fst_rc_t worst;             //  First failure that was reported already, of a command on several files
    int reported;               //  How many were
    int hidden;                 //  And how many more there are
    int exit;                   //  Exit code of a command that worked and has something to say; 0: none
};

//  ---- cli_commands.c

//  Commands for those who run the cluster have names of two words: "admin backup".
#define CLI_GROUP "admin"

//  The command that the words begin with, and how many of them are its name. NULL if there is none.
const cli_command_t *
cli_command_find (int count, char **words, int *used_p);

//  All of them, ended by one without a name.
const cli_command_t *
cli_commands (void);

fst_rc_t FST_CHECKED
cli_help (cli_t *self, int count, char **operands);
void
cli_help_command (const cli_command_t *command);
void
cli_help_all (void);
void
cli_help_group (void);

//  ---- cli_session.c

//  The settings found, with --set on top. *config_p is set on FST_OK.
fst_rc_t FST_CHECKED
cli_settings (cli_t *self, fst_config_t **config_p);

//  Connect with the settings found, and with the session if login is true.
//      FST_UNAUTHENTICATED   there is no session
fst_rc_t FST_CHECKED
cli_connect (cli_t *self, bool login);

//  The same, logged in, for calls that take as long as they take; a broker that is gone is noticed all the same.
fst_rc_t FST_CHECKED
cli_connect_patiently (cli_t *self);

//  Keep the token that the library has now, or drop the session if there is none.
fst_rc_t FST_CHECKED
cli_save_session (cli_t *self);

//  ---- cli_terminal.c

//  Set the sentence and return rc.
fst_rc_t
cli_fail (cli_t *self, fst_rc_t rc, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

//  The sentence of the library's last failure; returns rc. Also for FST_OK.
fst_rc_t
cli_store_failed (cli_t *self, fst_rc_t rc);

//  True for what is not about one file, so that going on with the next ones makes no sense.
bool
cli_ends_all (fst_rc_t rc);

//  Print a failure that does not end the command. After the first ones they are only counted.
void
cli_report (cli_t *self, fst_rc_t rc, const char *problem);

//  A line on stderr that is no failure.
void
cli_warn (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

//  Print what ended the command, if anything; returns the exit code.
int
cli_finish (cli_t *self, fst_rc_t rc);

//  Text in which control characters and what is not UTF-8 is escaped, as "\n" or "\xff". Caller frees.
char *
cli_escape (const char *text);

//  Print a name on stdout: escaped on a terminal, as it is elsewhere.
void
cli_print_name (const char *name);

//  Print a result as JSON, and take it.
void
cli_print_json (json_t *value);

//  "2026-11-22 10:15". Returns buffer.
const char *
cli_time_text (int64_t wall_ms, char *buffer, size_t size);

//  A password: from stdin with --password-stdin, else asked for without echo, twice if confirm.
//  Caller frees with cli_password_free.
fst_rc_t FST_CHECKED
cli_password (cli_t *self, const char *prompt, bool confirm, char **password_p);
void
cli_password_free (char **password_p);

//  From now on Ctrl-C only asks to stop: the transfer under way cleans up after itself. A second one kills.
void
cli_catch_interrupt (void);
bool
cli_interrupted (void);

//  A progress bar on stderr, for transfers of more than a second and on a terminal only.
typedef struct {
    int64_t start_ms;
    int64_t total_bytes;        //  Of all groups; -1 = what the library says
    int64_t before_bytes;       //  Done in earlier groups
    int64_t now_bytes;          //  Done in this one
    bool terminal;
    bool drawn;
} cli_progress_t;

void
cli_progress_start (cli_progress_t *self, int64_t total_bytes);
//  filestore_progress_fn
bool
cli_progress (void *self, int64_t done_bytes, int64_t total_bytes);
//  A group of files is done.
void
cli_progress_next (cli_progress_t *self);
void
cli_progress_end (cli_progress_t *self);

//  ---- cli_path.c

//  FST_BAD_NAME unless it may be a path in the store.
fst_rc_t FST_CHECKED
cli_check_path (cli_t *self, const char *path);

//  "folder/name", with one slash between. Caller frees.
char *
cli_path_join (const char *folder, const char *name);

//  Several things go into one folder under their own last names: refuse two that have the same one, for one would
//  replace the other, or be mixed with it, in silence.
//      FST_EXISTS
fst_rc_t FST_CHECKED
cli_check_bases (cli_t *self, char **paths, int count);

//  The last part of a path, "" for ".", ".." and "/": what stands for the content of a folder. Caller frees.
char *
cli_path_base (const char *path);

//  What is at path in the store. FST_NOT_FOUND is no failure: kind is CLI_NOTHING.
typedef enum { CLI_NOTHING, CLI_FILE, CLI_FOLDER } cli_kind_t;
fst_rc_t FST_CHECKED
cli_remote_kind (cli_t *self, const char *path, cli_kind_t *kind_p, int64_t *size_p);

//  ---- cli_remote.c

//  One command; payload is taken, and NULL if it could not be said in UTF-8. *reply_p is the caller's.
fst_rc_t FST_CHECKED
cli_ask (cli_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p);

//  A list of metadata that comes in pages with more and next: call each for every page, until it fails. request is taken.
typedef fst_rc_t (cli_page_fn) (void *arg, json_t *page);
fst_rc_t FST_CHECKED
cli_ask_pages (cli_t *self, const char *command, json_t *request, cli_page_fn *each, void *arg);

//  A value of a column; "" and 0 if there is none. A column of texts may have one for all.
const char *
cli_column_text (json_t *page, const char *column, size_t at);
int64_t
cli_column_number (json_t *page, const char *column, size_t at);
bool
cli_column_folder (json_t *page, size_t at);

//  Print an array of JSON row by row, and its end. A row is taken.
void
cli_print_row (size_t *count_p, json_t *row);
void
cli_print_rows_end (size_t count);

//  A folder of the store, copied while it is listed: no other call fits in between. The result is the library's. Clear
//  in any case.
typedef struct {
    char *name;
    bool folder;
    int64_t bytes, modified_ms;
} cli_entry_t;
typedef struct {
    cli_entry_t *rows;
    size_t count, size;
} cli_entries_t;

fst_rc_t FST_CHECKED
cli_entries_read (cli_t *self, const char *path, cli_entries_t *entries);
void
cli_entries_clear (cli_entries_t *self);

//  A copy of path, or of the path of one's home if that is NULL. Caller frees.
char *
cli_path_home (cli_t *self, const char *path);

//  A whole number that is not negative. FST_MALFORMED
fst_rc_t FST_CHECKED
cli_parse_number (cli_t *self, const char *text, const char *what, int64_t *number_p);

//  ---- cli_walk.c

//  Walk a local folder. rel is the name below it ("" for itself); a folder comes before what is in it.
//  Files are regular ones, also through links. What is skipped, or cannot be, is told to skip.
typedef struct {
    void *arg;
    //  False: do not go into it
    bool (*folder) (void *arg, const char *local, const char *rel);
    void (*file) (void *arg, const char *local, const char *rel, int64_t bytes);
    //  rc FST_OK: skipped on purpose, else a failure
    void (*skip) (void *arg, const char *local, fst_rc_t rc, const char *reason);
} cli_walk_t;

void
cli_walk (const char *folder, const cli_walk_t *walk);

//  ---- Commands

fst_rc_t FST_CHECKED cli_register (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_login (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_logout (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_whoami (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_passwd (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_put (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_get (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_cat (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_ls (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_stat (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_mkdir (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_mv (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_rm (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_cp (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_tree (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_du (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_find (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_trash (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_restore (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_versions (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_share (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_unshare (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_events (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_sessions (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_token (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_nodes (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_services (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_tap (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_call (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_status (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_drain (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_backup (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_scrub (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_recovery (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_export (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_admin_import (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_rescue (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_version (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_completion (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_doctor (cli_t *self, int count, char **operands);
fst_rc_t FST_CHECKED cli_man (cli_t *self, int count, char **operands);

#endif
