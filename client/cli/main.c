//  filestore: the command line. Arguments to command.

#include <czmq.h>
#include <sodium.h>
#include "cli.h"

static bool
s_has_value (cli_option_id_t option)
{
    return cli_options [option].value != NULL;
}

static fst_rc_t
s_take (cli_t *self, cli_option_id_t option, const char *value)
{
    self->given [option] = true;
    self->values [option] = value;
    if (option != CLI_SET)
        return FST_OK;
    if (self->sets_count == CLI_SETS_MAX)
        return cli_fail (self, FST_MALFORMED, "--set is repeated too often");
    self->sets [self->sets_count++] = value;
    return FST_OK;
}

//  "--name", "--name=VALUE", "--name VALUE"
static fst_rc_t
s_take_long (cli_t *self, char **argv, int *at_p)
{
    const char *argument = argv [*at_p];
    size_t length = strcspn (argument, "=");
    int option = 0;
    while (option < CLI_OPTIONS_COUNT
       &&  (strncmp (cli_options [option].name, argument, length) || cli_options [option].name [length]))
        option++;
    if (option == CLI_OPTIONS_COUNT)
        return cli_fail (self, FST_MALFORMED, "there is no option %.*s; see filestore help", (int) length, argument);
    const char *value = argument [length]? argument + length + 1: NULL;
    if (!s_has_value (option))
        return value? cli_fail (self, FST_MALFORMED, "%s takes no value", cli_options [option].name)
                    : s_take (self, option, NULL);
    if (!value)
        value = argv [*at_p + 1]? argv [++*at_p]: NULL;
    return value? s_take (self, option, value)
                : cli_fail (self, FST_MALFORMED, "%s needs a value", cli_options [option].name);
}

//  "-r", "-rl"; none of those with a letter takes a value
static fst_rc_t
s_take_letters (cli_t *self, const char *letters)
{
    fst_rc_t rc = FST_OK;
    for (; rc == FST_OK && *letters; letters++) {
        int option = 0;
        while (option < CLI_OPTIONS_COUNT && cli_options [option].letter != *letters)
            option++;
        rc = option < CLI_OPTIONS_COUNT? s_take (self, option, NULL)
           : cli_fail (self, FST_MALFORMED, "there is no option -%c; see filestore help", *letters);
    }
    return rc;
}

//  Options may stand anywhere before "--"; operands are moved to the front of argv.
static fst_rc_t
s_parse (cli_t *self, char **argv, int *count_p)
{
    fst_rc_t rc = FST_OK;
    int count = 0;
    bool ended = false;
    for (int at = 1; rc == FST_OK && argv [at]; at++) {
        if (!ended && streq (argv [at], "--"))
            ended = true;
        else
        if (!ended && strncmp (argv [at], "--", 2) == 0)
            rc = s_take_long (self, argv, &at);
        else
        if (!ended && argv [at] [0] == '-' && argv [at] [1])
            rc = s_take_letters (self, argv [at] + 1);
        else
            argv [count++] = argv [at];
    }
    *count_p = count;
    return rc;
}

static fst_rc_t
s_check (cli_t *self, int operands)
{
    const cli_command_t *command = self->command;
    for (int option = CLI_HELP + 1; option < CLI_OPTIONS_COUNT; option++)
        if (self->given [option] && !(command->options & 1u << option))
            return cli_fail (self, FST_MALFORMED, "%s takes no option %s; see filestore %s -h", command->name,
                             cli_options [option].name, command->name);
    if (operands < command->min || (command->max >= 0 && operands > command->max))
        return cli_fail (self, FST_MALFORMED, "usage: filestore %s%s%s; see filestore %s -h", command->name,
                         *command->arguments? " ": "", command->arguments, command->name);
    return FST_OK;
}

static fst_rc_t
s_no_command (cli_t *self, int count, char **words)
{
    if (strneq (words [0], CLI_GROUP))
        return cli_fail (self, FST_MALFORMED, "there is no command %s; see filestore help", words [0]);
    if (count > 1)
        return cli_fail (self, FST_MALFORMED, "there is no command %s %s; see filestore help %s", words [0], words [1], words [0]);
    cli_help_group ();
    return self->given [CLI_HELP]? FST_OK: cli_fail (self, FST_MALFORMED, "say what to do");
}

static fst_rc_t
s_run (cli_t *self, char **argv)
{
    int count = 0;
    fst_rc_t rc = s_parse (self, argv, &count);
    if (rc != FST_OK)
        return rc;
    if (count == 0) {
        cli_help_all ();
        return self->given [CLI_HELP]? FST_OK: cli_fail (self, FST_MALFORMED, "say what to do");
    }
    int used = 0;
    self->command = cli_command_find (count, argv, &used);
    if (!self->command)
        return s_no_command (self, count, argv);
    if (self->given [CLI_HELP]) {
        cli_help_command (self->command);
        return FST_OK;
    }
    rc = s_check (self, count - used);
    if (rc == FST_OK)
        rc = self->command->run (self, count - used, argv + used);
    return rc;
}

int
main (int argc, char **argv)
{
    zsys_handler_set (NULL);
    if (argc == 2 && streq (argv [1], "--version"))
        argv [1] = "version";
    cli_t self = { 0 };
    fst_rc_t rc = sodium_init () < 0? FST_INTERNAL: s_run (&self, argv);
    if (self.store && self.token)
        cli_save_session (&self) == FST_OK? (void) 0: cli_warn ("the session could not be saved");
    if (rc == FST_OK && (fflush (stdout) || ferror (stdout)))
        rc = cli_fail (&self, FST_IO, "cannot write the result: %s", strerror (errno));
    int code = cli_finish (&self, rc);
    filestore_destroy (&self.store);
    cli_password_free (&self.token);
    free (self.session_file);
    free (self.problem);
    return code;
}
