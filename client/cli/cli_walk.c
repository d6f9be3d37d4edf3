//  Walking a local folder, in order of names.

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include "cli.h"
#include "fst_text.h"

static int
s_by_name (const FTSENT **left, const FTSENT **right)
{
    return strcmp ((*left)->fts_name, (*right)->fts_name);
}

static void
s_link (const cli_walk_t *walk, const FTSENT *entry, const char *rel)
{
    struct stat info;
    if (stat (entry->fts_accpath, &info))
        walk->skip (walk->arg, entry->fts_path, FST_OK, "a link that leads nowhere");
    else
    if (S_ISREG (info.st_mode))
        walk->file (walk->arg, entry->fts_path, rel, info.st_size);
    else
        walk->skip (walk->arg, entry->fts_path, FST_OK, "a link to something that is no file");
}

static void
s_failed (const cli_walk_t *walk, const FTSENT *entry)
{
    bool gone = entry->fts_errno == ENOENT;
    walk->skip (walk->arg, entry->fts_path, gone? FST_NOT_FOUND: FST_IO, strerror (entry->fts_errno));
}

static void
s_visit (const cli_walk_t *walk, FTS *tree, FTSENT *entry, size_t root_bytes)
{
    const char *rel = entry->fts_path + root_bytes;
    rel += strspn (rel, "/");
    if (entry->fts_level > 0 && entry->fts_info != FTS_DP && !fst_name_valid (entry->fts_name)) {
        walk->skip (walk->arg, entry->fts_path, FST_BAD_NAME, "names in the store must be UTF-8");
        fts_set (tree, entry, FTS_SKIP);
        return;
    }
    switch (entry->fts_info) {
        case FTS_D:
            if (!walk->folder (walk->arg, entry->fts_path, rel))
                fts_set (tree, entry, FTS_SKIP);
            break;
        case FTS_F:
            walk->file (walk->arg, entry->fts_path, rel, entry->fts_statp->st_size);
            break;
        case FTS_SL:
        case FTS_SLNONE:
            s_link (walk, entry, rel);
            break;
        case FTS_DP:
            break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            s_failed (walk, entry);
            break;
        default:
            walk->skip (walk->arg, entry->fts_path, FST_OK, "a special file");
    }
}

void
cli_walk (const char *folder, const cli_walk_t *walk)
{
    char *root = strdup (folder);
    size_t root_bytes = strlen (root);
    while (root_bytes && root [root_bytes - 1] == '/')
        root_bytes--;
    char *const roots [] = { root, NULL };
    FTS *tree = fts_open (roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, s_by_name);
    FTSENT *entry;
    while (tree && !cli_interrupted () && (entry = fts_read (tree)))
        s_visit (walk, tree, entry, root_bytes);
    if (errno && !cli_interrupted ())   //  fts_read leaves 0 at the end
        walk->skip (walk->arg, folder, FST_IO, strerror (errno));
    if (tree)
        fts_close (tree);
    free (root);
}
