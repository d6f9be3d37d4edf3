//  Settings, session file, connection.

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "fst_text.h"
#include "fst_token.h"

#define TOKEN_BYTES_MAX FST_TOKEN_CHARS_MAX
#define SESSION_NAME_BYTES 16       //  What crypto_generichash gives at least

//  "~/.config/filestore/NAME". Caller frees.
static char *
s_in_config_folder (const char *name)
{
    const char *home = getenv ("HOME");
    if (!home || !*home) {
        const struct passwd *user = getpwuid (geteuid ());
        home = user? user->pw_dir: "/";
    }
    return zsys_sprintf ("%s/.config/filestore/%s", home, name);
}

//  Each cluster has one of its own, so that a login at another one ends nothing here.
static char *
s_session_filename (const fst_config_t *config)
{
    const char *set = getenv ("FILESTORE_SESSION"), *broker = fst_config_text (config, "broker");
    if (set && *set)
        return strdup (set);
    uint8_t hash [SESSION_NAME_BYTES];
    char name [16 + 2 * sizeof (hash)] = "session-";
    crypto_generichash (hash, sizeof (hash), (const uint8_t *) broker, strlen (broker), NULL, 0);
    fst_hex_encode (hash, sizeof (hash), name + strlen (name));
    return s_in_config_folder (name);
}

//  ------------------------------------------------------------------------------------------------
//  Settings

static fst_rc_t
s_load (cli_t *self, fst_config_t *config, const char *filename)
{
    char *problem = NULL;
    fst_rc_t rc = fst_config_load (config, filename, &problem);
    if (rc != FST_OK)
        cli_fail (self, rc, "%s", problem);
    free (problem);
    return rc;
}

//  The file that was named, or the first of the usual ones; none is good enough if --set names the broker.
static fst_rc_t
s_load_config (cli_t *self, fst_config_t *config)
{
    const char *named = self->values [CLI_CONFIG]? self->values [CLI_CONFIG]: getenv ("FILESTORE_CONFIG");
    if (named && *named)
        return s_load (self, config, named);
    if (access ("data/client.zpl", F_OK) == 0)
        return s_load (self, config, "data/client.zpl");
    char *usual = s_in_config_folder ("client.zpl");
    bool there = access (usual, F_OK) == 0;
    fst_rc_t rc = there? s_load (self, config, usual): FST_OK;
    free (usual);
    for (int at = 0; !there && at < self->sets_count; at++)
        there = strncmp (self->sets [at], "broker=", 7) == 0;
    return there? rc: cli_fail (self, FST_NOT_FOUND, "no settings found in ./data/client.zpl or "
                                "~/.config/filestore/client.zpl; start filestored here, or name them with --config FILE");
}

//  True if the setting exists, but means nothing to a client: who sets it would wait for an effect in vain.
static bool
s_is_servers (const char *assignment)
{
    static const char *const ours [] = { "broker", "keys", "log-level", "connect-timeout", "reply-timeout", "crypt-threads",
                                        "client-memory", "cipher", "session-time" };
    size_t length = strcspn (assignment, "=");
    for (size_t at = 0; at < sizeof (ours) / sizeof (*ours); at++)
        if (strlen (ours [at]) == length && strncmp (ours [at], assignment, length) == 0)
            return false;
    for (const fst_option_t *option = fst_options; option->name; option++)
        if (strlen (option->name) == length && strncmp (option->name, assignment, length) == 0)
            return true;
    return false;
}

static fst_rc_t
s_assign (cli_t *self, fst_config_t *config)
{
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && at < self->sets_count; at++) {
        char *problem = NULL;
        if (s_is_servers (self->sets [at]))
            return cli_fail (self, FST_MALFORMED, "--set %s: this is set where filestored runs; it changes nothing here",
                             self->sets [at]);
        rc = fst_config_assign (config, self->sets [at], &problem);
        if (rc != FST_OK)
            cli_fail (self, rc, "%s", problem);
        free (problem);
    }
    return rc;
}

static fst_rc_t
s_open (cli_t *self, const fst_config_t *config)
{
    char *problem = NULL;
    fst_rc_t rc = filestore_new (config, &self->store, &problem);
    if (rc != FST_OK)
        cli_fail (self, rc, "%s", problem? problem: fst_error_text (rc));
    free (problem);
    return rc;
}

//  ------------------------------------------------------------------------------------------------
//  Session file: the token, in one line. Only its owner may read it.

static fst_rc_t
s_read_session (cli_t *self, char *token, size_t size)
{
    const char *given = getenv ("FILESTORE_TOKEN");
    if (given && *given) {
        self->borrowed = true;
        if (strlen (given) >= size)
            return cli_fail (self, FST_UNAUTHENTICATED, "what is in FILESTORE_TOKEN is no token");
        strcpy (token, given);
        return FST_OK;
    }
    const char *filename = self->session_file;
    int fd = open (filename, O_RDONLY | O_CLOEXEC);
    fst_rc_t rc = FST_OK;
    ssize_t got = 0;
    if (fd < 0)
        rc = errno == ENOENT? cli_fail (self, FST_UNAUTHENTICATED, "nobody is logged in at this cluster; use filestore login NAME")
           : cli_fail (self, FST_IO, "cannot read the session in %s: %s", filename, strerror (errno));
    else {
        got = read (fd, token, size - 1);
        if (got <= 0)
            rc = cli_fail (self, FST_UNAUTHENTICATED, "the session in %s is empty; log in again", filename);
    }
    if (fd >= 0)
        close (fd);
    token [got > 0? got: 0] = 0;
    token [strcspn (token, "\r\n")] = 0;
    return rc;
}

static void
s_make_folder (const char *filename)
{
    char *folder = strdup (filename);
    char *above = strdup (filename);
    assert (folder && above);
    mkdir (dirname (dirname (above)), 0700);        //  ~/.config
    mkdir (dirname (folder), 0700);
    free (above);
    free (folder);
}

static bool
s_write_session (const char *filename, const char *token)
{
    s_make_folder (filename);
    char *temp = zsys_sprintf ("%s.%ld", filename, (long) getpid ());
    int fd = open (temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && fchmod (fd, 0600) == 0 && dprintf (fd, "%s\n", token) == (int) strlen (token) + 1;
    if (fd >= 0)
        good = close (fd) == 0 && good;
    good = good && rename (temp, filename) == 0;
    if (!good)
        unlink (temp);
    free (temp);
    return good;
}

fst_rc_t
cli_save_session (cli_t *self)
{
    const char *token = self->store? filestore_token (self->store): NULL, *filename = self->session_file;
    if (self->borrowed || (token && self->token && streq (token, self->token)))
        return FST_OK;
    bool good = token? s_write_session (filename, token): unlink (filename) == 0 || errno == ENOENT;
    fst_rc_t rc = good? FST_OK: cli_fail (self, FST_IO, "cannot write the session to %s: %s", filename, strerror (errno));
    cli_password_free (&self->token);
    self->token = token? strdup (token): NULL;
    return rc;
}

fst_rc_t
cli_settings (cli_t *self, fst_config_t **config_p)
{
    fst_config_t *config = fst_config_new ();
    fst_rc_t rc = s_load_config (self, config);
    if (rc == FST_OK)
        rc = s_assign (self, config);
    if (rc == FST_OK)
        *config_p = config;
    else
        fst_config_destroy (&config);
    return rc;
}

fst_rc_t
cli_connect (cli_t *self, bool login)
{
    fst_config_t *config = NULL;
    fst_rc_t rc = cli_settings (self, &config);
    if (rc == FST_OK && !self->session_file)
        self->session_file = s_session_filename (config);
    char token [TOKEN_BYTES_MAX + 2] = "";
    if (rc == FST_OK && login)
        rc = s_read_session (self, token, sizeof (token));
    if (rc == FST_OK)
        rc = s_open (self, config);
    if (rc == FST_OK && login) {
        rc = cli_store_failed (self, filestore_use_token (self->store, token));
        self->token = strdup (token);
    }
    sodium_memzero (token, sizeof (token));
    fst_config_destroy (&config);
    return rc;
}
