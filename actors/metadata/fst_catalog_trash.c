//  The catalog's trash: what was deleted, until it is restored or time takes it apart.

#include "fst_catalog_sql.h"
#include <stdio.h>

#define TRASH_COLUMNS "entry, trash.parent, trashed_ms, kind, size, trash.name, path, user, trash.owner"
#define TRASH_ENTRIES "trash CROSS JOIN entries ON entries.id = entry"

fst_rc_t
fst_catalog_entry_trash (fst_catalog_t *self, const fst_entry_t *entry, const fst_subtree_t *subtree,
                         const char *path, const char *user, int64_t trashed_ms)
{
    assert (self);
    assert (entry->parent != FST_ENTRY_TRASH);
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO trash (entry, parent, name, path, user, trashed_ms, owner, aged_ms)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    fst_bind_int (insert, 1, entry->id);
    fst_bind_int (insert, 2, entry->parent);
    fst_bind_text (insert, 3, entry->name);
    fst_bind_text (insert, 4, path);
    fst_bind_text (insert, 5, user);
    fst_bind_int (insert, 6, trashed_ms);
    fst_bind_text (insert, 7, entry->owner);
    fst_bind_int (insert, 8, self->aged_ms);
    fst_rc_t rc = fst_db_run (self->db, insert);
    char name [24];
    snprintf (name, sizeof (name), "%lld", (long long) entry->id);
    if (rc == FST_OK)
        rc = fst_catalog_place (self, entry->id, FST_ENTRY_TRASH, name);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, entry->parent, -1, trashed_ms);
    self->counters.files -= subtree->files;
    self->counters.folders -= subtree->folders;
    return rc;
}

//  ---- Looking

static void
s_read_trash (sqlite3_stmt *select, fst_trash_t *item)
{
    item->entry = fst_column_int (select, 0);
    item->parent = fst_column_int (select, 1);
    item->trashed_ms = fst_column_int (select, 2);
    item->kind = (fst_entry_kind_t) fst_column_int (select, 3);
    item->size = fst_column_int (select, 4);
    fst_column_text (select, 5, item->name, sizeof (item->name));
    fst_column_text (select, 6, item->path, sizeof (item->path));
    fst_column_text (select, 7, item->user, sizeof (item->user));
    fst_column_text (select, 8, item->owner, sizeof (item->owner));
}

static fst_rc_t
s_one_trash (fst_catalog_t *self, sqlite3_stmt *select, fst_trash_t *item)
{
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        s_read_trash (select, item);
        fst_db_done (select);
        rc = fst_name_valid (item->name)? FST_OK: FST_CORRUPT;      //  It may be given back under it
    }
    return rc;
}

fst_rc_t
fst_catalog_trash_get (fst_catalog_t *self, int64_t entry, fst_trash_t *item)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " TRASH_COLUMNS " FROM " TRASH_ENTRIES " WHERE entry = ?1 AND trashed_ms > 0");
    fst_bind_int (select, 1, entry);
    return s_one_trash (self, select, item);
}

fst_rc_t
fst_catalog_trash_find (fst_catalog_t *self, const char *path, const char *user, fst_trash_t *item)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " TRASH_COLUMNS " FROM trash INDEXED BY trash_by_path CROSS JOIN entries ON entries.id = entry"
        "  WHERE path = ?1 AND trashed_ms > 0 AND (user = ?2 OR trash.owner = ?2) ORDER BY trashed_ms DESC, entry DESC LIMIT 1");
    fst_bind_text (select, 1, path);
    fst_bind_text (select, 2, user);
    return s_one_trash (self, select, item);
}

//  Two walks over indexes, merged.
fst_rc_t
fst_catalog_trash (fst_catalog_t *self, const char *user, int64_t before_ms, int64_t before, fst_trash_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " TRASH_COLUMNS " FROM " TRASH_ENTRIES
        "    WHERE user = ?1 AND trashed_ms > 0 AND (trashed_ms, entry) < (?2, ?3)"
        " UNION ALL SELECT " TRASH_COLUMNS " FROM " TRASH_ENTRIES
        "    WHERE trash.owner = ?1 AND user <> ?1 AND trashed_ms > 0 AND (trashed_ms, entry) < (?2, ?3)"
        " ORDER BY trashed_ms DESC, entry DESC");
    fst_bind_text (select, 1, user);
    fst_bind_int (select, 2, before_ms);
    fst_bind_int (select, 3, before);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_trash_t item;
        s_read_trash (select, &item);
        if (!each (arg, &item)) {
            fst_db_done (select);
            return FST_OK;
        }
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- Taking out

static fst_rc_t
s_change_row (fst_catalog_t *self, const char *sql, int64_t id)
{
    sqlite3_stmt *change = fst_db_prepare (self->db, sql);
    fst_bind_int (change, 1, id);
    return fst_db_run (self->db, change);
}

fst_rc_t
fst_catalog_trash_restore (fst_catalog_t *self, const fst_trash_t *item, const fst_subtree_t *subtree, int64_t parent,
                           const char *name, int64_t now_ms)
{
    assert (self);
    assert (fst_name_valid (name));
    fst_rc_t rc = fst_catalog_place (self, item->entry, parent, name);
    if (rc == FST_OK)
        rc = s_change_row (self, "DELETE FROM trash WHERE entry = ?1", item->entry);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, parent, 1, now_ms);
    if (rc == FST_OK) {
        self->counters.files += subtree->files;
        self->counters.folders += subtree->folders;
    }
    return rc;
}

fst_rc_t
fst_catalog_trash_drop (fst_catalog_t *self, int64_t entry)
{
    assert (self);
    return s_change_row (self, "UPDATE trash SET trashed_ms = 0 WHERE entry = ?1 AND trashed_ms > 0", entry);
}

fst_rc_t
fst_catalog_trash_leave (fst_catalog_t *self, int64_t entry)
{
    assert (self);
    return s_change_row (self, "UPDATE trash SET user = owner WHERE entry = ?1", entry);
}

//  ---- Purging: what is in the trash for good is taken apart step by step, so that a step is never long

static fst_rc_t
s_erase (fst_catalog_t *self, const fst_entry_t *entry)
{
    fst_rc_t rc = s_change_row (self, "DELETE FROM entries WHERE id = ?1", entry->id);
    if (rc == FST_OK)
        rc = s_change_row (self, "DELETE FROM grants WHERE entry = ?1", entry->id);
    if (rc == FST_OK)
        rc = s_change_row (self, "DELETE FROM trash WHERE entry = ?1", entry->id);
    if (rc == FST_OK)
        rc = fst_catalog_versions_drop (self, entry->id, entry->content.version);
    if (rc == FST_OK && entry->content.has_blob)
        rc = fst_catalog_blob_drop (self, &entry->content.blob);
    if (rc == FST_OK && entry->parent != FST_ENTRY_TRASH)
        rc = fst_catalog_folder_changed (self, entry->parent, -1, 0);
    return rc;
}

static bool
s_take_entry (void *arg, const fst_entry_t *entry)
{
    *(fst_entry_t *) arg = *entry;
    return false;
}

//  Where something in a trashed folder was.
static fst_rc_t
s_old_path (fst_catalog_t *self, int64_t folder, const char *name, char path [FST_PATH_BYTES_MAX + 1])
{
    char above [FST_PATH_BYTES_MAX + 1] = "";
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT path FROM trash WHERE entry = ?1");
    fst_bind_int (select, 1, folder);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK)
        fst_column_text (select, 0, above, sizeof (above));
    fst_db_done (select);
    if (strlen (above) + 1 + strlen (name) > FST_PATH_BYTES_MAX)
        above [0] = 0;
    strcat (strcat (strcpy (path, above), "/"), name);
    return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
}

//  One step on a trashed entry: erase a file, erase an empty folder, or move a folder inside a folder into the trash
//  by itself, unwanted. What somebody else owns in a folder goes to his own trash instead: only he deletes it.
static fst_rc_t
s_purge_entry (fst_catalog_t *self, int64_t id, int64_t now_ms)
{
    fst_entry_t entry, child = { .id = 0 };
    fst_rc_t rc = fst_catalog_entry_get (self, id, &entry);
    if (rc == FST_OK && entry.kind == FST_ENTRY_FOLDER)
        rc = fst_catalog_entries (self, id, NULL, NULL, s_take_entry, &child);
    if (rc != FST_OK)
        return rc == FST_NOT_FOUND? FST_CORRUPT: rc;
    if (child.id == 0)
        return s_erase (self, &entry);
    rc = fst_catalog_trash_drop (self, id);         //  Or it could be taken back when half of it is gone
    if (rc != FST_OK)
        return rc;
    bool others = strcmp (child.owner, entry.owner) != 0;
    if (child.kind == FST_ENTRY_FILE && !others)
        return s_erase (self, &child);
    fst_subtree_t none = { 0 };             //  Was counted out when its parent went
    char path [FST_PATH_BYTES_MAX + 1];
    rc = s_old_path (self, id, child.name, path);
    return rc == FST_OK? fst_catalog_entry_trash (self, &child, &none, path, others? child.owner: "", others? now_ms: 0): rc;
}

//  The number in the first row; FST_NOT_FOUND if there is none.
static fst_rc_t
s_due (fst_catalog_t *self, const char *sql, int64_t before_ms, int64_t *id_p, int64_t *other_p)
{
    sqlite3_stmt *select = fst_db_prepare (self->db, sql);
    fst_bind_int (select, 1, before_ms);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        *id_p = fst_column_int (select, 0);
        *other_p = fst_column_int (select, 1);
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_purge (fst_catalog_t *self, int64_t trash_aged_ms, int64_t version_aged_ms, size_t limit, int64_t now_ms,
                   bool *more_p)
{
    assert (self);
    fst_rc_t rc = FST_OK;
    int64_t id, version;
    size_t step = 0;
    for (; step < limit && rc == FST_OK; step++) {
        rc = s_due (self, "SELECT entry, 0 FROM trash WHERE trashed_ms = ?1 LIMIT 1", 0, &id, &version);
        if (rc == FST_NOT_FOUND)
            rc = s_due (self, "SELECT entry, 0 FROM trash WHERE aged_ms < ?1 ORDER BY aged_ms LIMIT 1", trash_aged_ms, &id,
                        &version);
        if (rc == FST_OK) {
            rc = s_purge_entry (self, id, now_ms);
            continue;
        }
        if (rc == FST_NOT_FOUND)
            rc = s_due (self, "SELECT entry, version FROM versions WHERE aged_ms < ?1 ORDER BY aged_ms LIMIT 1",
                        version_aged_ms, &id, &version);
        if (rc == FST_OK)
            rc = fst_catalog_versions_drop (self, id, version);
    }
    *more_p = rc == FST_OK && step == limit;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}
