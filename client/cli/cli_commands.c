//  The table of commands, and what is made from it: help and completion.

#include <string.h>
#include "cli.h"

#define BIT(option) (1u << (option))

const cli_option_t cli_options [CLI_OPTIONS_COUNT] = {
    [CLI_CONFIG]         = { "--config",         0,   "FILE",       "Settings of the client" },
    [CLI_SET]            = { "--set",            0,   "NAME=VALUE", "Change one setting; may be repeated" },
    [CLI_JSON]           = { "--json",           0,   NULL,         "Results and errors as JSON" },
    [CLI_HELP]           = { "--help",           'h', NULL,         "Tell about a command" },
    [CLI_LONG]           = { "--long",           'l', NULL,         "Kind, owner, size and time as well" },
    [CLI_RECURSIVE]      = { "--recursive",      'r', NULL,         "Folders, with all that is in them" },
    [CLI_PARENTS]        = { "--parents",        'p', NULL,         "Make missing folders on the way; do not mind if it is there" },
    [CLI_FOREVER]        = { "--forever",        0,   NULL,         "Do not keep it in the trash" },
    [CLI_NO_REPLACE]     = { "--no-replace",     'n', NULL,         "Fail if there is a file of that name" },
    [CLI_REPLICAS]       = { "--replicas",       0,   "N",          "Copies to keep, each on another node" },
    [CLI_KEY]            = { "--key",            0,   "KEY",        "Recovery key; - reads it from standard input" },
    [CLI_KEY_FILE]       = { "--key-file",       0,   "FILE",       "File with the recovery key" },
    [CLI_DATABASE]       = { "--database",       0,   "FILE",       "Rescue metadata's database instead of files" },
    [CLI_PASSWORD_STDIN] = { "--password-stdin", 0,   NULL,         "Read the password from standard input, one line" },
    [CLI_UNDO]           = { "--undo",           0,   NULL,         "Take it back" },
    [CLI_END]            = { "--end",            0,   NULL,         "Go on with the database as it is" },
    [CLI_STOP]           = { "--stop",           0,   NULL,         "End it early" },
    [CLI_VERSIONS]       = { "--versions",       0,   NULL,         "Older versions, too" },
    [CLI_TRASH]          = { "--trash",          0,   NULL,         "What is in the trash, too" },
    [CLI_VERSION]        = { "--version",        0,   "N",          "That version instead of the current one" },
    [CLI_WRITE]          = { "--write",          'w', NULL,         "Change and delete as well as read" },
    [CLI_EMPTY]          = { "--empty",          0,   NULL,         "Delete from the trash, forever" },
    [CLI_SINCE]          = { "--since",          0,   "N",          "Those after this sequence number" },
    [CLI_CURSOR]         = { "--cursor",         0,   "NAME",       "Those after where the cursor of this name stands, and move it" },
    [CLI_EXPIRES]        = { "--expires",        0,   "TIME",       "It ends after this time: 30 d, 12 h; a year if this is not said" },
    [CLI_FOLLOW]         = { "--follow",         'f', NULL,         "Go on as they happen, until interrupted" },
    [CLI_REVOKE]         = { "--revoke",         0,   "SESSION",    "End this one; the first characters are enough" },
    [CLI_OUTPUT]         = { "--output",         0,   "FILE",       "Write the binary frames behind the reply there" },
    [CLI_NO_WAIT]        = { "--no-wait",        0,   NULL,         "Return at once, it goes on by itself" },
};

static const cli_command_t s_commands [] = {
    { "register", "NAME", "Create an account and log in; the first one is the admin",
      "", BIT (CLI_PASSWORD_STDIN), 1, 1, cli_register },
    { "login", "NAME", "Begin a session",
      "It is kept in ~/.config/filestore, one for each cluster, or in $FILESTORE_SESSION. $FILESTORE_TOKEN goes before it.\n", BIT (CLI_PASSWORD_STDIN), 1, 1, cli_login },
    { "logout", "", "End the session, for everyone who has it",
      "", 0, 0, 0, cli_logout },
    { "whoami", "", "Say who is logged in",
      "", 0, 0, 0, cli_whoami },
    { "passwd", "", "Set a new password; all other sessions end",
      "With --password-stdin the first line is the old password, the second the new one.\n",
      BIT (CLI_PASSWORD_STDIN), 0, 0, cli_passwd },
    { "sessions", "", "List your sessions, or end one",
      "A session that is ended is refused everywhere, at once.\n", BIT (CLI_REVOKE), 0, 0, cli_sessions },
    { "token", "create NAME [PATH] | list | end NAME", "Make a token for an application, good for PATH and all below; list or end those",
      "It is given to the application in $FILESTORE_TOKEN, or over HTTP as  Authorization: Bearer TOKEN. It reads, and with\n"
      "--write changes, what you may at that path (everything without PATH), and does nothing else in your name.\n",
      BIT (CLI_WRITE) | BIT (CLI_EXPIRES), 1, 3, cli_token },
    { "put", "LOCAL... REMOTE", "Store files",
      "If REMOTE ends with / or is a folder, or there are several LOCALs, they go into it; else that is the name.\n"
      "- is standard input. When it returns, all copies are on stable storage.\n"
      "With -r, links to files are followed; other links and special files are skipped, with a word.\n",
      BIT (CLI_RECURSIVE) | BIT (CLI_REPLICAS) | BIT (CLI_NO_REPLACE), 2, -1, cli_put },
    { "get", "REMOTE... LOCAL", "Fetch files",
      "If LOCAL ends with / or is a folder, or there are several REMOTEs, they go into it; else that is the name.\n"
      "- is standard output. A local file is replaced only once its new content is complete.\n",
      BIT (CLI_RECURSIVE), 2, -1, cli_get },
    { "cat", "REMOTE...", "Print the content of files",
      "", BIT (CLI_VERSION), 1, -1, cli_cat },
    { "ls", "[PATH]", "List a folder, your home if none is named",
      "", BIT (CLI_LONG), 0, 1, cli_ls },
    { "tree", "[PATH]", "Draw a folder, your home if none is named, and all below it",
      "", 0, 0, 1, cli_tree },
    { "find", "TEXT [PATH]", "Find names that contain a text, in your home or below PATH",
      "Case and accents do not matter.\n", BIT (CLI_LONG), 1, 2, cli_find },
    { "du", "[PATH...]", "Add up sizes, files and folders",
      "Of the current versions; older ones, and the copies on other nodes, are not counted.\n", 0, 0, -1, cli_du },
    { "stat", "PATH", "Tell all about a file or folder, and which nodes hold it",
      "", 0, 1, 1, cli_stat },
    { "mkdir", "PATH...", "Make folders",
      "", BIT (CLI_PARENTS), 1, -1, cli_mkdir },
    { "mv", "FROM... TO", "Move or rename, in one step",
      "If TO ends with / or is a folder, or there are several FROMs, they go into it. A file that is there goes to\n"
      "the trash.\n", BIT (CLI_NO_REPLACE), 2, -1, cli_mv },
    { "cp", "FROM... TO", "Copy within the store, without moving any data",
      "If TO ends with / or is a folder, or there are several FROMs, they go into it. A file that is there gets a new\n"
      "version. A folder comes into being in one step if it holds at most 10,000 entries.\n",
      BIT (CLI_RECURSIVE) | BIT (CLI_NO_REPLACE), 2, -1, cli_cp },
    { "rm", "PATH...", "Delete: to the trash, or forever",
      "", BIT (CLI_RECURSIVE) | BIT (CLI_FOREVER), 1, -1, cli_rm },
    { "trash", "[ID...]", "List what was deleted, the newest first, or delete it forever",
      "What belongs to others only leaves your list with --empty.\n", BIT (CLI_EMPTY), 0, -1, cli_trash },
    { "restore", "WHAT [TO]", "Take something out of the trash, or go back to an older version",
      "WHAT is a number of the trash or the path that it had. It goes to where it was, under a free name if its own is\n"
      "taken by now; to your home if that folder is gone. With --version WHAT is a file; the version before stays.\n",
      BIT (CLI_VERSION), 1, 2, cli_restore },
    { "versions", "PATH", "List the versions of a file, the newest first",
      "filestore cat --version N PATH prints one, filestore restore --version N PATH goes back to it.\n", 0, 1, 1, cli_versions },
    { "share", "[PATH [USER]]", "Let someone read something of yours, and all below it",
      "With PATH alone: list who has rights on it. With nothing: list what others share with you.\n",
      BIT (CLI_WRITE), 0, 2, cli_share },
    { "unshare", "PATH [USER]", "Take back what share gave; without USER, what was given to you",
      "", 0, 1, 2, cli_unshare },
    { "events", "[PATH]", "Tell what happened: to files you may read, and to storage nodes",
      "Each line begins with its sequence number. Without --since the last hundred or so. With --json a line for each.\n"
      "With --cursor each is told at least once, whenever this is run: the store keeps up to where they were printed. A\n"
      "new cursor begins with the oldest that is kept; one that is not used for 90 days ends.\n",
      BIT (CLI_SINCE) | BIT (CLI_CURSOR) | BIT (CLI_FOLLOW), 0, 1, cli_events },
    { "nodes", "", "List the storage nodes",
      "", 0, 0, 0, cli_nodes },
    { "status", "", "Show the cluster in numbers",
      "", 0, 0, 0, cli_status },
    { "services", "[NAME]", "List who is on the bus, or tell what one service can do",
      "", 0, 0, 1, cli_services },
    { "call", "SERVICE COMMAND [JSON]", "Call any command of any service, and print its reply",
      "JSON is the payload, {} if there is none; - reads it from standard input. With --json the reply is one line.\n"
      "filestore services SERVICE tells the commands, and what they take and give.\n", BIT (CLI_OUTPUT), 2, 3, cli_call },
    { "doctor", "", "Look for everything that is wrong, and say what to do",
      "Keys, clocks, ports, disks, versions, copies, backups. Exits with 1 if there is something to do. As the user who runs\n"
      "filestored it sees the key files too.\n", 0, 0, 0, cli_doctor },
    { "tap", "[FILTER]", "Show what passes the bus, as it happens, until interrupted; for an admin",
      "Each request is a line when it was answered: when it came, who asked which service for what, how long it waited for a\n"
      "worker and how long the worker had it, octets there and back, the result, its id and its payload, with *** for what may\n"
      "be secret. FILTER is a part of service, command, id or who asks. With --json a line for each. Content does not pass the\n"
      "bus: what bridge and nodes had to do for an id is in their logs (log-level = debug).\n",
      0, 0, 1, cli_tap },
    { "admin drain", "NODE", "Empty a storage node, so that it can be switched off",
      "What it holds is copied to other nodes, then deleted there; never below the wanted copies. Waits until it is\n"
      "empty. Refused if the other nodes cannot take it.\n", BIT (CLI_UNDO) | BIT (CLI_NO_WAIT), 1, 1, cli_admin_drain },
    { "admin scrub", "[NODE]", "Let storage nodes read all they hold now, and repair what is damaged or missing",
      "They do so always, but slowly. Without NODE all that are alive. Waits until it is done.\n",
      BIT (CLI_STOP) | BIT (CLI_NO_WAIT), 0, 1, cli_admin_scrub },
    { "admin recovery", "", "After an older database was restored, or an export imported: show what does not fit, and decide",
      "Storage nodes know which database told them what. When it is not the one that metadata has now, nothing is deleted\n"
      "until this is decided.\n",
      BIT (CLI_END), 0, 0, cli_admin_recovery },
    { "admin backup", "", "Copy the databases, while they are used, to the servers' folder for backups",
      "Says where the copies are. To go back to them see docs/OPERATIONS.md.\n", 0, 0, 0, cli_admin_backup },
    { "admin export", "[FILE]", "Write users and namespace as lines of JSON",
      "All of one moment, while the cluster is used: users with the hashes of their passwords, files with their versions,\n"
      "trash, rights, and where their content is; not the content. - or no FILE is standard output.\n", 0, 0, 1, cli_admin_export },
    { "admin import", "FILE", "Take an export into a cluster that has no files",
      "The cluster must have the key files and the storage nodes that the exported one had. All of it becomes visible in\n"
      "one step, or nothing. The accounts of the export take the place of yours. - is standard input.\n",
      0, 1, 1, cli_admin_import },
    { "rescue", "NODE-FOLDER... OUT", "Rebuild files from storage folders alone, with the recovery key",
      "Needs no server: only folders of storage nodes, or copies of them, which are not changed. Each file is taken from\n"
      "whichever folders have good copies of its parts. Older versions get names like \"report (version 3).txt\" beside the\n"
      "current one; what was in the trash goes to OUT/trash. Nothing in OUT is replaced: a file of the same size and time\n"
      "is taken for the same, so a rescue that was stopped goes on; anything else in the way is left and told.\n"
      "Without --key the key is asked for, or read from standard input. With --database all operands are folders; FILE can\n"
      "then take the place of a lost metadata.db.\n",
      BIT (CLI_VERSIONS) | BIT (CLI_TRASH) | BIT (CLI_KEY) | BIT (CLI_KEY_FILE) | BIT (CLI_DATABASE), 1, -1, cli_rescue },
    { "help", "[COMMAND]", "Tell about a command",
      "", 0, 0, 2, cli_help },
    { "version", "", "Show the version",
      "", 0, 0, 0, cli_version },
    { "completion", "bash", "Print a completion script: eval \"$(filestore completion bash)\"",
      "", 0, 1, 1, cli_completion },
    { "man", "", "Print the manual page: filestore man | man -l -",
      "", 0, 0, 0, cli_man },
    { NULL }
};

//  A command of the group has a name of two words.
static const char *
s_in_group (const cli_command_t *command)
{
    size_t length = strlen (CLI_GROUP);
    return strncmp (command->name, CLI_GROUP " ", length + 1) == 0? command->name + length + 1: NULL;
}

const cli_command_t *
cli_commands (void)
{
    return s_commands;
}

const cli_command_t *
cli_command_find (int count, char **words, int *used_p)
{
    bool group = count && strcmp (words [0], CLI_GROUP) == 0;
    *used_p = group && count > 1? 2: 1;
    for (const cli_command_t *command = s_commands; count && command->name; command++) {
        const char *word = s_in_group (command);
        if (group? count > 1 && word && strcmp (word, words [1]) == 0: strcmp (command->name, words [0]) == 0)
            return command;
    }
    return NULL;
}

static bool
s_takes (const cli_command_t *command, int option)
{
    return option <= CLI_HELP || (command->options & BIT (option));
}

void
cli_help_command (const cli_command_t *command)
{
    printf ("filestore %s", command->name);
    for (int option = CLI_HELP + 1; option < CLI_OPTIONS_COUNT; option++)
        if (s_takes (command, option))
            printf (" [%s%s%s]", cli_options [option].name, cli_options [option].value? " ": "",
                    cli_options [option].value? cli_options [option].value: "");
    printf ("%s%s\n\n%s.\n%s\n", *command->arguments? " ": "", command->arguments, command->summary, command->details);
    for (int option = CLI_OPTIONS_COUNT - 1; option >= 0; option--) {
        const cli_option_t *row = &cli_options [option];
        char left [64];
        if (!s_takes (command, option))
            continue;
        snprintf (left, sizeof (left), "%c%c%c %s %s", row->letter? '-': ' ', row->letter? row->letter: ' ',
                  row->letter? ',': ' ', row->name, row->value? row->value: "");
        printf ("  %-24s %s\n", left, row->meaning);
    }
}

static void
s_help_line (const cli_command_t *command)
{
    char usage [64];
    snprintf (usage, sizeof (usage), "%s %s", command->name, command->arguments);
    printf ("  %-28s %s\n", usage, command->summary);
}

void
cli_help_all (void)
{
    printf ("filestore: files on a cluster, each in several copies\n\n");
    for (const cli_command_t *command = s_commands; command->name; command++)
        if (!s_in_group (command))
            s_help_line (command);
    printf ("  %-28s %s\n", CLI_GROUP " COMMAND", "Care for the cluster; see filestore help " CLI_GROUP);
    printf ("\nPaths in the store that do not begin with / begin at your home, /users/NAME.\n"
            "Settings: --config FILE, else $FILESTORE_CONFIG, else ./data/client.zpl, else ~/.config/filestore/client.zpl.\n"
            "More: filestore help COMMAND\n");
}

void
cli_help_group (void)
{
    printf ("filestore " CLI_GROUP " COMMAND: care for the cluster\n\n");
    for (const cli_command_t *command = s_commands; command->name; command++)
        if (s_in_group (command))
            s_help_line (command);
    printf ("\nMore: filestore help " CLI_GROUP " COMMAND\n");
}

fst_rc_t
cli_help (cli_t *self, int count, char **operands)
{
    int used = 0;
    const cli_command_t *command = cli_command_find (count, operands, &used);
    if (count > 1 && (!command || used < count))
        return cli_fail (self, FST_MALFORMED, "there is no command %s %s; see filestore help", operands [0], operands [1]);
    if (command)
        cli_help_command (command);
    else
    if (!count)
        cli_help_all ();
    else
    if (strcmp (operands [0], CLI_GROUP) == 0)
        cli_help_group ();
    else
        return cli_fail (self, FST_MALFORMED, "there is no command %s; see filestore help", operands [0]);
    return FST_OK;
}

fst_rc_t
cli_version (cli_t *self, int count, char **operands)
{
    (void) count;
    (void) operands;
    if (self->given [CLI_JSON])
        cli_print_json (json_pack ("{s:s}", "version", FST_VERSION));
    else
        printf ("filestore %s\n", FST_VERSION);
    return FST_OK;
}

//  The words that may stand where a command stands: all names, or those of the group.
static void
s_completion_words (bool group)
{
    for (const cli_command_t *command = s_commands; command->name; command++) {
        const char *word = s_in_group (command);
        if (group == (word != NULL))
            printf ("%s ", group? word: command->name);
    }
}

//  Commands and options are completed by us, everything else (local files) by the shell.
fst_rc_t
cli_completion (cli_t *self, int count, char **operands)
{
    (void) count;
    if (strcmp (operands [0], "bash"))
        return cli_fail (self, FST_MALFORMED, "there is a completion for bash only");
    printf ("_filestore () {\n"
            "    local word=${COMP_WORDS[COMP_CWORD]} command= options= at\n"
            "    for ((at = 1; at < COMP_CWORD; at++)); do\n"
            "        case ${COMP_WORDS[at]} in\n"
            "            ");
    for (int option = 0, first = 1; option < CLI_OPTIONS_COUNT; option++)
        if (cli_options [option].value) {
            printf ("%s%s", first? "": "|", cli_options [option].name);
            first = 0;
        }
    printf (") ((at++)) ;;\n"
            "            -*) ;;\n"
            "            *) command=\"${command:+$command }${COMP_WORDS[at]}\"\n"
            "               [[ $command == " CLI_GROUP " ]] || break ;;\n"
            "        esac\n"
            "    done\n"
            "    case $command in\n"
            "        '') options='");
    s_completion_words (false);
    printf (CLI_GROUP " --config --set --json --help' ;;\n"
            "        " CLI_GROUP ") options='");
    s_completion_words (true);
    printf ("--config --set --json --help' ;;\n");
    for (const cli_command_t *command = s_commands; command->name; command++) {
        printf ("        '%s') options='", command->name);
        for (int option = 0; option < CLI_OPTIONS_COUNT; option++)
            if (s_takes (command, option))
                printf ("%s%s", option? " ": "", cli_options [option].name);
        printf ("' ;;\n");
    }
    printf ("    esac\n"
            "    if [[ -z $command || $command == " CLI_GROUP " || $word == -* ]]; then\n"
            "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
            "    fi\n"
            "}\n"
            "complete -o default -F _filestore filestore\n");
    return FST_OK;
}
