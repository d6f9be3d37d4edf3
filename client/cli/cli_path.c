//  Paths in the store and names on this side.

#include <czmq.h>
#include "cli.h"
#include "fst_text.h"

fst_rc_t
cli_check_path (cli_t *self, const char *path)
{
    if (*path && fst_path_acceptable (path))
        return FST_OK;
    if (!fst_utf8_valid (path, strlen (path)))
        return cli_fail (self, FST_BAD_NAME, "%s: names in the store must be UTF-8", path);
    return cli_fail (self, FST_BAD_NAME, "%.300s%s: a path is at most %d octets and %d levels, each name at most %d octets "
                     "and none may be empty, \".\" or \"..\"", path, strlen (path) > 300? "...": "", FST_PATH_BYTES_MAX,
                     FST_PATH_LEVELS_MAX, FST_NAME_BYTES_MAX);
}

char *
cli_path_join (const char *folder, const char *name)
{
    size_t length = strlen (folder);
    while (length > 1 && folder [length - 1] == '/')
        length--;
    if (!length)
        return strdup (name);
    char *path = zsys_sprintf ("%.*s%s%s", (int) length, folder, folder [length - 1] == '/' || !*name? "": "/", name);
    assert (path);
    return path;
}

char *
cli_path_base (const char *path)
{
    size_t end = strlen (path);
    while (end && path [end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin && path [begin - 1] != '/')
        begin--;
    char *base = strndup (path + begin, end - begin);
    assert (base);
    if (streq (base, ".") || streq (base, ".."))
        *base = 0;
    return base;
}

fst_rc_t
cli_check_bases (cli_t *self, char **paths, int count)
{
    fst_rc_t rc = FST_OK;
    zhashx_t *bases = zhashx_new ();
    for (int at = 0; at < count && rc == FST_OK; at++) {
        char *base = cli_path_base (paths [at]);
        const char *other = zhashx_lookup (bases, base);
        if (other)
            rc = cli_fail (self, FST_EXISTS, "%s and %s would both be called \"%s\" there; rename one of them, or name "
                           "another folder for it", other, paths [at], base);
        else
        if (*base)
            zhashx_insert (bases, base, paths [at]);
        free (base);
    }
    zhashx_destroy (&bases);
    return rc;
}

fst_rc_t
cli_remote_kind (cli_t *self, const char *path, cli_kind_t *kind_p, int64_t *size_p)
{
    json_t *reply = NULL;
    fst_rc_t rc = filestore_stat (self->store, path, &reply);
    if (rc == FST_NOT_FOUND) {
        *kind_p = CLI_NOTHING;
        return FST_OK;
    }
    if (rc != FST_OK)
        return cli_store_failed (self, rc);
    const char *kind = json_string_value (json_object_get (reply, "kind"));
    *kind_p = kind && streq (kind, "folder")? CLI_FOLDER: CLI_FILE;
    if (size_p)
        *size_p = json_integer_value (json_object_get (reply, "size"));
    json_decref (reply);
    return FST_OK;
}
