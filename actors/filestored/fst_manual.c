//  Options, sample settings and the manual page, from the table of options.

#include "fst_manual.h"
#include <czmq.h>
#include "fst_config.h"
#include "fst_host.h"
#include "fst_layout.h"
#include "fst_mdoc.h"

void
fst_manual_options (void)
{
    printf ("%-20s %-10s %s\n", "NAME", "DEFAULT", "MEANING");
    for (const fst_option_t *option = fst_options; option->name; option++)
        printf ("%-20s %-10s %s\n", option->name, *option->standard? option->standard: "-", option->meaning);
}

//  ------------------------------------------------------------------------------------------------
//  Samples

//  Whether word is one of words.
static bool
s_has_word (const char *words, const char *word)
{
    size_t length = strlen (word);
    for (const char *at = words; (at = strstr (at, word)); at += length)
        if ((at == words || at [-1] == ' ') && (!at [length] || at [length] == ' '))
            return true;
    return false;
}

//  FST_PARTS_COUNT if there is no such role.
static fst_part_t
s_find_part (const char *role)
{
    fst_part_t part = FST_PART_BROKER;
    while (part < FST_PARTS_COUNT && strneq (fst_part_name (part), role))
        part++;
    return part;
}

//  What to put in place of a default that cannot be; NULL if the role can be without the option.
static const char *
s_example (const fst_option_t *option, fst_part_t part)
{
    static const struct { const char *name, *value; } examples [] = {
        { "broker", "tcp://BROKER:8511" }, { "broker-clients", "tcp://HOST:8510" }, { "broker-actors", "tcp://HOST:8511" },
        { "events-in", "tcp://BROKER:8512" }, { "events-out", "tcp://BROKER:8513" }, { "keys", "keys/ROLE.key" },
        { "node", "NODE" }, { "data-endpoint", "tcp://HOST:8514" }, { "web", "HOST:8501" }
    };
    const char *const *need = fst_host_needs (part);
    while (*need && strneq (*need, option->name))
        need++;
    if (!*need || *option->standard)
        return NULL;
    if (part == FST_PART_CLIENT && streq (option->name, "broker"))
        return "tcp://BROKER:8510";
    if (part == FST_PART_STORAGE && streq (option->name, "keys"))
        return "keys/NODE.key";
    for (size_t at = 0; at < sizeof (examples) / sizeof (examples [0]); at++)
        if (streq (examples [at].name, option->name))
            return examples [at].value;
    return "";
}

static void
s_sample_option (const fst_option_t *option, const char *role)
{
    char bounds [96];
    fst_option_bounds (option, bounds, sizeof (bounds));
    const char *example = role? s_example (option, s_find_part (role)): NULL;
    if (example) {
        printf ("#  NEEDED. %s\n%s = \"%s\"\n\n", option->meaning, option->name, example);
        return;
    }
    bool page = !role && streq (option->name, "web");
    printf ("#  %s%s%s%s\n%s%s = \"%s\"\n\n", option->meaning, *bounds? " (": "", bounds, *bounds? ")": "",
            page? "": "#", option->name, page? "127.0.0.1:8501": option->standard);
}

fst_rc_t
fst_manual_sample (const char *role, char **problem_p)
{
    assert (problem_p);
    if (role && s_find_part (role) == FST_PARTS_COUNT) {
        *problem_p = zsys_sprintf ("there is no role %s; roles are broker, auth, metadata, storage, bridge and client", role);
        return FST_MALFORMED;
    }
    printf ("#  Filestore: settings of %s%s.\n", role? "role ": "a whole cluster in one process", role? role: "");
    printf ("#\n#  Every option is here with its default; take away the # before one that shall be different. Names of files are\n"
            "#  relative to this folder. See what is wrong:  filestored check FILE\n"
            "#  Use a changed file:  systemctl reload filestored, or kill -HUP; the log says what needs a restart instead.\n\n");
    if (role)
        printf ("#  The role cannot run without what is NEEDED: put names of yours in place of capitals. filestored init and\n"
                "#  filestored join write files in which this is done.\n\n");
    bool concerns = false;
    for (const fst_option_t *option = fst_options; option->name; option++) {
        if (option->section) {
            concerns = !role || s_has_word (option->roles, role);
            if (concerns && (role || option != fst_options))
                printf ("#  ---- %s\n\n", option->section);
        }
        if (concerns && (role || !fst_layout_decides (option->name)))
            s_sample_option (option, role);
    }
    return FST_OK;
}

//  ------------------------------------------------------------------------------------------------
//  The manual page, in the language of mdoc(7)

static void
s_page_options (void)
{
    for (const fst_option_t *option = fst_options; option->name; option++) {
        char bounds [96];
        fst_option_bounds (option, bounds, sizeof (bounds));
        if (option->section) {
            printf ("%s.Ss %s\n.Bl -tag -width Ds\n", option == fst_options? "": ".El\n", option->section);
        }
        printf (".It ");
        fst_mdoc_text (option->name);
        printf (" = \\(dq");
        fst_mdoc_text (option->standard);
        printf ("\\(dq\n");
        fst_mdoc_prose (option->meaning);
        if (*bounds) {
            printf (" (");
            fst_mdoc_text (bounds);
            printf (")");
        }
        printf (".\n");
    }
    printf (".El\n");
}

static void
s_page_errors (void)
{
    for (int rc = 0; rc < FST_ERRORS_COUNT; rc++) {
        printf (".It %d\n", fst_error_exit ((fst_rc_t) rc));
        fst_mdoc_text (fst_error_text ((fst_rc_t) rc));
        printf ("\n");
    }
}

void
fst_manual_page (const char *help)
{
    assert (help);
    printf (".Dd " FST_RELEASE_DATE "\n.Dt FILESTORED 1\n.Os Filestore " FST_VERSION "\n"
            ".Sh NAME\n.Nm filestored\n.Nd server of Filestore, a replicated file store\n"
            ".Sh SYNOPSIS\n.Nm\n.Op Ar command\n.Op Ar option ...\n"
            ".Sh DESCRIPTION\n.Bd -literal\n");
    fst_mdoc_text (help);
    printf (".Ed\n.Sh SIGNALS\n.Bl -tag -width SIGTERM\n"
            ".It SIGTERM, SIGINT\nEnd cleanly.\nA second one ends at once; nothing is lost by that.\n"
            ".It SIGHUP\nRead the settings again, and use what can be changed while it runs: the level and format of the log, "
            "the certificate of the web page, and the list of enrolled actors.\nThe log says which other options need a restart.\n"
            ".El\n"
            ".Sh SETTINGS\nOne line for each: name = \\(dqvalue\\(dq.\nSizes have units B, KiB, MiB, GiB, TiB; times ms, s, min, h, d.\n"
            "Every option with its default:\n");
    s_page_options ();
    printf (".Sh FILES\n.Bl -tag -width Ds\n"
            ".It Pa /etc/filestore/filestored.zpl\nSettings of the service.\n"
            ".It Pa /etc/filestore/ROLE.zpl\nSettings of the service filestored@ROLE.\n"
            ".It Pa /var/lib/filestore\nFiles, databases and keys of the service.\n"
            ".It Pa /usr/share/filestore/samples\nSettings of each role, every option explained.\n"
            ".El\n"
            ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
    s_page_errors ();
    printf (".El\n.Sh SEE ALSO\n.Xr filestore 1 ,\n.Xr filestore.h 3\n");
}
