//  filestore man: the manual page, from the table of commands and options.

#include "cli.h"
#include <stdio.h>
#include <string.h>
#include "fst_mdoc.h"

static void
s_option (const cli_option_t *option)
{
    printf (".It ");
    if (option->letter)
        printf ("\\-%c , ", option->letter);
    fst_mdoc_text (option->name);
    if (option->value)
        printf (" Ar %s", option->value);
    printf ("\n");
    fst_mdoc_prose (option->meaning);
    printf (".\n");
}

static void
s_command (const cli_command_t *command)
{
    printf (".It Nm ");
    fst_mdoc_text (command->name);
    printf (" ");
    fst_mdoc_text (command->arguments);
    for (int option = CLI_HELP + 1; option < CLI_OPTIONS_COUNT; option++)
        if (command->options & 1u << option) {
            printf (" \\&[");
            fst_mdoc_text (cli_options [option].name);
            printf ("%s%s]", cli_options [option].value? " ": "", cli_options [option].value? cli_options [option].value: "");
        }
    printf ("\n");
    fst_mdoc_prose (command->summary);
    printf (".\n");
    fst_mdoc_prose (command->details);
}

fst_rc_t
cli_man (cli_t *self, int count, char **operands)
{
    (void) self;
    (void) count;
    (void) operands;
    printf (".Dd " FST_RELEASE_DATE "\n.Dt FILESTORE 1\n.Os Filestore " FST_VERSION "\n"
            ".Sh NAME\n.Nm filestore\n.Nd files on a cluster, each in several copies\n"
            ".Sh SYNOPSIS\n.Nm\n.Ar command\n.Op Ar option ...\n.Op Ar operand ...\n"
            ".Sh DESCRIPTION\n"
            "Paths in the store that do not begin with / begin at your home, /users/NAME.\n"
            ".Sh COMMANDS\n.Bl -tag -width Ds\n");
    for (const cli_command_t *command = cli_commands (); command->name; command++)
        s_command (command);
    printf (".El\n.Sh OPTIONS\n.Bl -tag -width Ds\n");
    for (int option = 0; option < CLI_OPTIONS_COUNT; option++)
        s_option (&cli_options [option]);
    printf (".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
            ".It Ev FILESTORE_CONFIG\nSettings of the client, if \\-\\-config is not given.\n"
            ".It Ev FILESTORE_TOKEN\nA token to use instead of the session that is kept, as filestore token makes.\n"
            ".It Ev FILESTORE_SESSION\nWhere the session is kept, instead of a file for each cluster in ~/.config/filestore.\n"
            ".El\n.Sh FILES\n.Bl -tag -width Ds\n"
            ".It Pa ./data/client.zpl , Pa ~/.config/filestore/client.zpl\nSettings, in this order, if none are named.\n"
            ".El\n.Sh EXIT STATUS\n.Bl -tag -width Ds\n");
    for (int rc = 0; rc < FST_ERRORS_COUNT; rc++)
        printf (".It %d\n%s\n", fst_error_exit ((fst_rc_t) rc), fst_error_text ((fst_rc_t) rc));
    printf (".El\n.Sh SEE ALSO\n.Xr filestored 1 ,\n.Xr filestore.h 3\n");
    return FST_OK;
}
