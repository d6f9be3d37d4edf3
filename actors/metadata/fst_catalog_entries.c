//  The catalog's tree: entries, their versions, and grants.

#include "fst_catalog_sql.h"

#define ENTRY_COLUMNS "id, parent, kind, created_ms, version, size, modified_ms, stored_ms, blob, digest, name, owner"

static void
s_read_content (sqlite3_stmt *select, int at, fst_content_t *content)
{
    content->version = fst_column_int (select, at);
    content->size = fst_column_int (select, at + 1);
    content->modified_ms = fst_column_int (select, at + 2);
    content->stored_ms = fst_column_int (select, at + 3);
    content->has_blob = fst_column_blob (select, at + 4, content->blob.bytes, sizeof (content->blob.bytes));
    content->has_digest = fst_column_blob (select, at + 5, content->digest, sizeof (content->digest));
}

//  FST_CORRUPT if it is nothing that we ever wrote: others rely on names that are some.
static fst_rc_t
s_read_entry (const fst_catalog_t *self, sqlite3_stmt *select, fst_entry_t *entry)
{
    entry->id = fst_column_int (select, 0);
    entry->parent = fst_column_int (select, 1);
    entry->kind = (fst_entry_kind_t) fst_column_int (select, 2);
    entry->created_ms = fst_column_int (select, 3);
    s_read_content (select, 4, &entry->content);
    fst_column_text (select, 10, entry->name, sizeof (entry->name));
    fst_column_text (select, 11, entry->owner, sizeof (entry->owner));
    if (entry->id == self->pending.folder) {
        entry->content.size += self->pending.entries;
        if (entry->content.modified_ms < self->pending.now_ms)
            entry->content.modified_ms = self->pending.now_ms;
    }
    bool good = (entry->kind == FST_ENTRY_FILE || entry->kind == FST_ENTRY_FOLDER)
             && (entry->id == FST_ENTRY_ROOT || fst_name_valid (entry->name));
    return good? FST_OK: FST_CORRUPT;
}

static void
s_bind_content (sqlite3_stmt *statement, int at, const fst_content_t *content)
{
    fst_bind_int (statement, at, content->version);
    fst_bind_int (statement, at + 1, content->size);
    fst_bind_int (statement, at + 2, content->modified_ms);
    fst_bind_int (statement, at + 3, content->stored_ms);
    if (content->has_blob)
        fst_bind_id (statement, at + 4, &content->blob);
    if (content->has_digest)
        fst_bind_blob (statement, at + 5, content->digest, sizeof (content->digest));
}

static fst_rc_t
s_one_entry (fst_catalog_t *self, sqlite3_stmt *select, fst_entry_t *entry)
{
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        rc = s_read_entry (self, select, entry);
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_entry_find (fst_catalog_t *self, int64_t parent, const char *name, fst_entry_t *entry)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT " ENTRY_COLUMNS " FROM entries WHERE parent = ?1 AND name = ?2");
    fst_bind_int (select, 1, parent);
    fst_bind_text (select, 2, name);
    return s_one_entry (self, select, entry);
}

fst_rc_t
fst_catalog_entry_get (fst_catalog_t *self, int64_t id, fst_entry_t *entry)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT " ENTRY_COLUMNS " FROM entries WHERE id = ?1");
    fst_bind_int (select, 1, id);
    return s_one_entry (self, select, entry);
}

static void
s_count (fst_catalog_t *self, fst_entry_kind_t kind, int64_t by)
{
    if (kind == FST_ENTRY_FOLDER)
        self->counters.folders += by;
    else
        self->counters.files += by;
}

fst_rc_t
fst_catalog_entry_add (fst_catalog_t *self, fst_entry_t *entry)
{
    assert (self);
    assert (fst_name_valid (entry->name));
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO entries (" ENTRY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    fst_bind_int (insert, 1, self->counters.last_id + 1);
    fst_bind_int (insert, 2, entry->parent);
    fst_bind_int (insert, 3, entry->kind);
    fst_bind_int (insert, 4, entry->created_ms);
    s_bind_content (insert, 5, &entry->content);
    fst_bind_text (insert, 11, entry->name);
    fst_bind_text (insert, 12, entry->owner);
    fst_rc_t rc = fst_db_run (self->db, insert);
    if (rc == FST_OK && entry->content.has_blob)
        rc = fst_catalog_blob_refer (self, &entry->content.blob, self->counters.last_id + 1);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, entry->parent, 1, entry->content.stored_ms);
    if (rc == FST_OK) {
        entry->id = ++self->counters.last_id;
        s_count (self, entry->kind, 1);
    }
    return rc;
}

static fst_rc_t
s_keep_version (fst_catalog_t *self, const fst_entry_t *entry, int64_t now_ms)
{
    sqlite3_stmt *insert = fst_db_prepare (self->db,
        "INSERT INTO versions (entry, version, size, modified_ms, stored_ms, blob, digest, replaced_ms, aged_ms)"
        "  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    fst_bind_int (insert, 1, entry->id);
    s_bind_content (insert, 2, &entry->content);
    fst_bind_int (insert, 8, now_ms);
    fst_bind_int (insert, 9, self->aged_ms);
    return fst_db_run (self->db, insert);
}

fst_rc_t
fst_catalog_entry_replace (fst_catalog_t *self, fst_entry_t *entry, fst_content_t *content)
{
    assert (self);
    assert (entry->kind == FST_ENTRY_FILE);
    fst_rc_t rc = s_keep_version (self, entry, content->stored_ms);
    if (rc != FST_OK)
        return rc;
    content->version = entry->content.version + 1;
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE entries SET version = ?2, size = ?3, modified_ms = ?4, stored_ms = ?5, blob = ?6, digest = ?7"
        "  WHERE id = ?1");
    fst_bind_int (update, 1, entry->id);
    s_bind_content (update, 2, content);
    rc = fst_db_run (self->db, update);
    if (rc == FST_OK && content->has_blob)
        rc = fst_catalog_blob_refer (self, &content->blob, entry->id);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, entry->parent, 0, content->stored_ms);
    if (rc == FST_OK)
        entry->content = *content;
    return rc;
}

fst_rc_t
fst_catalog_place (fst_catalog_t *self, int64_t id, int64_t parent, const char *name)
{
    sqlite3_stmt *update = fst_db_prepare (self->db, "UPDATE entries SET parent = ?2, name = ?3 WHERE id = ?1");
    fst_bind_int (update, 1, id);
    fst_bind_int (update, 2, parent);
    fst_bind_text (update, 3, name);
    return fst_db_run (self->db, update);
}

fst_rc_t
fst_catalog_entry_move (fst_catalog_t *self, const fst_entry_t *entry, int64_t parent, const char *name,
                        int64_t now_ms)
{
    assert (self);
    assert (fst_name_valid (name));
    fst_rc_t rc = fst_catalog_place (self, entry->id, parent, name);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, entry->parent, -1, now_ms);
    if (rc == FST_OK)
        rc = fst_catalog_folder_changed (self, parent, 1, now_ms);
    return rc;
}

//  Folders know how many entries they hold, so only folders are visited.
fst_rc_t
fst_catalog_subtree (fst_catalog_t *self, const fst_entry_t *entry, fst_subtree_t *subtree)
{
    assert (self);
    *subtree = (fst_subtree_t) { .files = 1 };
    if (entry->kind == FST_ENTRY_FILE)
        return FST_OK;
    fst_rc_t rc = fst_catalog_settle (self);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "WITH RECURSIVE below (id, size, level, bytes) AS ("
        "  SELECT id, size, 0, 0 FROM entries WHERE id = ?1"
        "  UNION ALL"
        "  SELECT entries.id, entries.size, level + 1, bytes + 1 + length (CAST (name AS BLOB))"
        "    FROM below JOIN entries INDEXED BY folders_by_parent ON parent = below.id AND kind = 2)"
        " SELECT count (*), sum (size), max (level), max (bytes) FROM below");
    fst_bind_int (select, 1, entry->id);
    rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    int64_t entries = fst_column_int (select, 1);
    *subtree = (fst_subtree_t) {
        .folders = fst_column_int (select, 0),
        .files = entries - (fst_column_int (select, 0) - 1),
        .levels = fst_column_int (select, 2),
        .bytes = fst_column_int (select, 3),
        .deepest_holds = entries > 0
    };
    fst_db_done (select);
    return FST_OK;
}

fst_rc_t
fst_catalog_entries (fst_catalog_t *self, int64_t parent, const char *after, const char *visible_to,
                     fst_entry_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = visible_to
        ? fst_db_prepare (self->db,
            "SELECT " ENTRY_COLUMNS " FROM entries WHERE parent = ?1 AND name > ?2"
            "    AND (id = 3 OR owner = ?3 OR EXISTS (SELECT 1 FROM grants WHERE entry = id AND user = ?3))"
            "  ORDER BY name")
        : fst_db_prepare (self->db,
            "SELECT " ENTRY_COLUMNS " FROM entries WHERE parent = ?1 AND name > ?2 ORDER BY name");
    fst_bind_int (select, 1, parent);
    fst_bind_text (select, 2, after? after: "");
    if (visible_to)
        fst_bind_text (select, 3, visible_to);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_entry_t entry;
        rc = s_read_entry (self, select, &entry);
        if (rc != FST_OK || !each (arg, &entry)) {
            fst_db_done (select);
            return rc;
        }
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- Versions

fst_rc_t
fst_catalog_version_get (fst_catalog_t *self, const fst_entry_t *entry, int64_t version, fst_content_t *content)
{
    assert (self);
    if (version == entry->content.version) {
        *content = entry->content;
        return FST_OK;
    }
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT version, size, modified_ms, stored_ms, blob, digest FROM versions WHERE entry = ?1 AND version = ?2");
    fst_bind_int (select, 1, entry->id);
    fst_bind_int (select, 2, version);
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc == FST_OK) {
        s_read_content (select, 0, content);
        fst_db_done (select);
    }
    return rc;
}

fst_rc_t
fst_catalog_versions (fst_catalog_t *self, const fst_entry_t *entry, int64_t before, fst_version_fn *each, void *arg)
{
    assert (self);
    if (entry->content.version < before && !each (arg, &entry->content))
        return FST_OK;
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT version, size, modified_ms, stored_ms, blob, digest FROM versions WHERE entry = ?1 AND version < ?2"
        "  ORDER BY version DESC");
    fst_bind_int (select, 1, entry->id);
    fst_bind_int (select, 2, before);
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_content_t content;
        s_read_content (select, 0, &content);
        if (!each (arg, &content)) {
            fst_db_done (select);
            return FST_OK;
        }
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  Drop the oldest version of a file if its number is at most version; FST_NOT_FOUND if there is none.
static fst_rc_t
s_version_drop (fst_catalog_t *self, int64_t entry, int64_t version)
{
    sqlite3_stmt *delete = fst_db_prepare (self->db,
        "DELETE FROM versions WHERE entry = ?1 AND version ="
        "    (SELECT min (version) FROM versions WHERE entry = ?1 AND version <= ?2) RETURNING blob");
    fst_bind_int (delete, 1, entry);
    fst_bind_int (delete, 2, version);
    fst_rc_t rc = fst_db_next (self->db, delete);
    if (rc != FST_OK)
        return rc;
    fst_blob_id_t blob;
    bool has_blob = fst_column_blob (delete, 0, blob.bytes, sizeof (blob.bytes));
    rc = fst_db_run (self->db, delete);
    if (rc == FST_OK && has_blob)
        rc = fst_catalog_blob_drop (self, &blob);
    return rc;
}

fst_rc_t
fst_catalog_versions_drop (fst_catalog_t *self, int64_t entry, int64_t version)
{
    assert (self);
    fst_rc_t rc;
    do
        rc = s_version_drop (self, entry, version);
    while (rc == FST_OK);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  ---- Grants

fst_rc_t
fst_catalog_grant_get (fst_catalog_t *self, int64_t entry, const char *user, unsigned *rights_p)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT rights FROM grants WHERE entry = ?1 AND user = ?2");
    fst_bind_int (select, 1, entry);
    fst_bind_text (select, 2, user);
    fst_rc_t rc = fst_db_next (self->db, select);
    *rights_p = 0;
    if (rc == FST_OK) {
        *rights_p = (unsigned) fst_column_int (select, 0);
        fst_db_done (select);
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_grant_put (fst_catalog_t *self, int64_t entry, const char *user, unsigned rights)
{
    assert (self);
    sqlite3_stmt *change = rights
        ? fst_db_prepare (self->db, "INSERT OR REPLACE INTO grants (entry, user, rights) VALUES (?1, ?2, ?3)")
        : fst_db_prepare (self->db, "DELETE FROM grants WHERE entry = ?1 AND user = ?2");
    fst_bind_int (change, 1, entry);
    fst_bind_text (change, 2, user);
    if (rights)
        fst_bind_int (change, 3, rights);
    return fst_db_run (self->db, change);
}

//  entry, user and rights of each row.
static fst_rc_t
s_each_grant (fst_catalog_t *self, sqlite3_stmt *select, fst_grant_fn *each, void *arg)
{
    fst_rc_t rc;
    while ((rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_grant_t grant = { .entry = fst_column_int (select, 0), .rights = (unsigned) fst_column_int (select, 2) };
        fst_column_text (select, 1, grant.user, sizeof (grant.user));
        if (!each (arg, &grant)) {
            fst_db_done (select);
            return FST_OK;
        }
    }
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_catalog_grants (fst_catalog_t *self, int64_t entry, const char *after, fst_grant_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT entry, user, rights FROM grants WHERE entry = ?1 AND user > ?2 ORDER BY user");
    fst_bind_int (select, 1, entry);
    fst_bind_text (select, 2, after);
    return s_each_grant (self, select, each, arg);
}

fst_rc_t
fst_catalog_grants_to (fst_catalog_t *self, const char *user, int64_t after, fst_grant_fn *each, void *arg)
{
    assert (self);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT entry, user, rights FROM grants WHERE user = ?1 AND entry > ?2 ORDER BY entry");
    fst_bind_text (select, 1, user);
    fst_bind_int (select, 2, after);
    return s_each_grant (self, select, each, arg);
}
