//  Databases of older versions of the program: opened by this one, nothing is missing and the books are right.

#include "catalog_fixture.h"
#include "catalog_older.h"
#include <sqlite3.h>

TestSuite (catalog_older);

#define VERSIONS    ((int) (sizeof (s_older) / sizeof (*s_older)))

//  Blobs A to D, 10 octets and more; E is on its way to be deleted, F in an open upload.
#define ID(letter)  "CAST ('test-upload!000" letter "' AS BLOB)"
#define OPEN        "CAST ('open-upload!' AS BLOB)"
#define BLOB(letter, size) \
    "INSERT INTO blobs (id, key, chunk_log2, extent_chunks, size, replicas, extents, refs)" \
    "  VALUES (" ID (letter) ", zeroblob (@), 20, 64, " size ", 2, 1, 1);" \
    "INSERT INTO extents (blob, n, chunks, bytes, digest, nodes) VALUES (" ID (letter) ", 0, 1, " size ", 7, 6);"

//  What the first version wrote: a file with an older version, one that bob may read, one in the trash, an open upload.
static const char s_rows_1 [] =
    "INSERT INTO entries (id, parent, name, kind, owner, created_ms, modified_ms, stored_ms, size, version, blob) VALUES"
    "  (4, 3, 'alice', 2, 'alice', 1, 1, 1, 2, 0, NULL),"
    "  (5, 4, 'a', 1, 'alice', 1, 1, 1, 20, 2, " ID ("B") "),"
    "  (6, 4, 'f', 2, 'alice', 1, 1, 1, 1, 0, NULL),"
    "  (7, 6, 'b', 1, 'alice', 1, 1, 1, 30, 1, " ID ("C") "),"
    "  (8, 2, '8', 1, 'alice', 1, 1, 1, 40, 1, " ID ("D") "),"
    "  (9, 2, '9', 1, 'alice', 1, 1, 1, 0, 1, NULL);"
    "UPDATE entries SET size = 1 WHERE id = 3;"
    "INSERT INTO versions (entry, version, size, modified_ms, stored_ms, replaced_ms, blob) VALUES (5, 1, 10, 1, 1, 500, " ID ("A") ");"
    "INSERT INTO trash (entry, parent, name, path, user, trashed_ms) VALUES (8, 4, 'gone', '/users/alice/gone', 'alice', 600),"
    "  (9, 4, 'old', '/users/alice/old', 'alice', 599);"
    "INSERT INTO grants (entry, user, rights) VALUES (6, 'bob', 1);"
    BLOB ("A", "10") BLOB ("B", "20") BLOB ("C", "30") BLOB ("D", "40")
    "INSERT INTO spreads (nodes, wanted, extents, bytes) VALUES (6, 2, 4, 100);"
    "INSERT INTO garbage (node, blob) VALUES (1, " ID ("E") "), (2, " ID ("E") ");"
    "INSERT INTO uploads (id, user, key, chunk_log2, extent_chunks, replicas, single, kept, files, nodes, expires_ms)"
    "  VALUES (" OPEN ", 'alice', zeroblob (@), 20, 64, 2, 0, 1, 1, 6, 9000);"
    "INSERT INTO upload_extents (upload, file, n, chunks, bytes, digest, nodes) VALUES (" OPEN ", 0, 0, 1, 50, 7, 6);"
    "INSERT INTO nodes (number, name, endpoint, zone, version, capacity, free, extents, window, pruned) VALUES"
    "  (1, 'node-1', 'tcp://a:1', '', '0.1', 1000, 900, 5, 8, 0), (2, 'node-2', 'tcp://b:1', '', '0.1', 1000, 900, 5, 8, 1);"
    "INSERT INTO events (sequence, time_ms, type, path, user, entry, version) VALUES (41, 1, 'committed', '/users/alice/a', 'alice', 5, 2);"
    "INSERT INTO replies (session, request, time_ms, reply) VALUES (zeroblob (16), 'r', 1, '{}');"
    "INSERT INTO settings (name, value) VALUES ('kept', 17);"
    "UPDATE counters SET files = 2, folders = 3, uploads = 1, garbage = 2, sequence = 41, last_id = 9;";

static const char s_rows_2 [] =
    "INSERT INTO runs (id, sequence) VALUES ('one', 0), ('two', 40);";

static const char s_rows_3 [] =
    "INSERT INTO bad (blob, n, node) VALUES (" ID ("C") ", 0, 2);"
    "INSERT INTO foreign_runs (id, sequence, accepted) VALUES ('three', 3, 1);"
    "INSERT INTO spent (blob) VALUES (CAST ('open-upload!0009' AS BLOB));"
    "UPDATE counters SET bad = 1;";

static const char *const s_rows [] = { s_rows_1, s_rows_2, s_rows_3 };

static void
s_run (sqlite3 *sqlite, const char *sql)
{
    char *problem = NULL;
    cr_assert_eq (sqlite3_exec (sqlite, sql, NULL, NULL, &problem), SQLITE_OK, "%s", problem);
}

//  In SQL, @ is how long a wrapped key is.
static void
s_fill (sqlite3 *sqlite, const char *sql)
{
    char text [8192];
    size_t used = 0;
    for (; *sql; sql++) {
        if (*sql == '@')
            used += (size_t) sprintf (text + used, "%d", (int) FST_WRAPPED_BYTES);
        else
            text [used++] = *sql;
        cr_assert_lt (used, sizeof (text) - 16);
    }
    text [used] = 0;
    s_run (sqlite, text);
}

//  As the program left it when it knew so many versions.
static void
s_make (int version)
{
    sqlite3 *sqlite;
    char text [128];
    cr_assert_eq (sqlite3_open (s_filename, &sqlite), SQLITE_OK);
    for (int at = 0; at < version; at++) {
        s_run (sqlite, s_older [at]);
        if (at < (int) (sizeof (s_rows) / sizeof (*s_rows)))
            s_fill (sqlite, s_rows [at]);
    }
    snprintf (text, sizeof (text), "PRAGMA application_id = %d; PRAGMA user_version = %d", 0x4653546d, version);
    s_run (sqlite, text);
    cr_assert_eq (sqlite3_close (sqlite), SQLITE_OK);
}

//  All tables and indexes, as text.
static char *
s_tables (const char *filename)
{
    sqlite3 *sqlite;
    sqlite3_stmt *select;
    cr_assert_eq (sqlite3_open_v2 (filename, &sqlite, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq (sqlite3_prepare_v2 (sqlite, "SELECT group_concat (sql, ';') FROM"
                                      "  (SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name)",
                                      -1, &select, NULL), SQLITE_OK);
    cr_assert_eq (sqlite3_step (select), SQLITE_ROW);
    char *tables = strdup ((const char *) sqlite3_column_text (select, 0));
    sqlite3_finalize (select);
    sqlite3_close (sqlite);
    return tables;
}

static void
s_check_tables (int version)
{
    char filename [700], *problem = NULL;
    snprintf (filename, sizeof (filename), "%s/new.db", s_folder);
    fst_catalog_t *fresh;
    cr_assert_eq (fst_catalog_open (filename, &fresh, &problem), FST_OK, "%s", problem);
    char *ours = s_tables (s_filename), *wanted = s_tables (filename);
    cr_expect_str_eq (ours, wanted, "from version %d", version);
    free (ours);
    free (wanted);
    fst_catalog_destroy (&fresh);
}

static void
s_check_rows (int version)
{
    fst_entry_t entry;
    fst_content_t content;
    fst_trash_t item;
    fst_upload_t upload;
    fst_piece_t pieces [4];
    fst_extent_t extent;
    fst_blob_id_t blob;
    size_t count;
    int64_t kept = 0, id;
    char now [FST_PATH_BYTES_MAX + 1];
    CHECK (fst_catalog_counters (s_catalog)->sequence, 41);
    CHECK (fst_catalog_counters (s_catalog)->bad, version >= 3);
    CHECK (fst_catalog_setting_get (s_catalog, "kept", &kept), FST_OK);
    CHECK (kept, 17);
    cr_expect_str_eq (s_names ("/users/alice"), "a f ");
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_OK);
    CHECK (content.size, 10);
    memcpy (blob.bytes, "test-upload!000A", sizeof (blob.bytes));
    CHECK (fst_catalog_extent_get (s_catalog, &blob, 0, &extent), FST_OK);
    CHECK (extent.nodes, NODES_12);
    s_as (&bob);
    CHECK (s_stat ("/users/alice/f/b", NULL), FST_OK);
    CHECK (s_stat ("/users/alice/a", NULL), FST_NOT_FOUND);
    CHECK (fst_catalog_trash_find (s_catalog, "/users/alice/gone", "bob", &item), FST_NOT_FOUND);

    CHECK (fst_catalog_garbage_get (s_catalog, 1, pieces, 4, &count), FST_OK);
    CHECK (count, 1);
    CHECK (pieces [0].n, FST_ALL_EXTENTS);
    CHECK (fst_catalog_upload_get (s_catalog, (const uint8_t *) "open-upload!", &upload), FST_OK);
    CHECK (upload.nodes, NODES_12);
    CHECK (upload.replaced | upload.returned, 0);
    CHECK (upload.expires_ms, 9000);

    //  Older versions and the trash grow old from when they got there
    CHECK (fst_catalog_trash_find (s_catalog, "/users/alice/old", "alice", &item), FST_OK);
    s_purge (600, 500);
    CHECK (fst_catalog_trash_find (s_catalog, "/users/alice/old", "alice", &item), FST_NOT_FOUND);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_OK);
    s_purge (600, 501);
    CHECK (fst_catalog_version_get (s_catalog, &entry, 1, &content), FST_NOT_FOUND);
    CHECK (fst_catalog_counters (s_catalog)->garbage, 4);
    s_as (&alice);
    CHECK (fst_namespace_restore (s_space, 0, "gone", NULL, now, &id), FST_OK);
    cr_expect_str_eq (s_names ("/users/alice"), "a f gone ");
}

Test (catalog_older, each_older_database_becomes_one_of_today)
{
    char problem [256] = "", command [700];
    for (int version = 1; version <= VERSIONS; version++) {
        snprintf (s_folder, sizeof (s_folder), "%s/older-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
        cr_assert_not_null (mkdtemp (s_folder));
        snprintf (s_filename, sizeof (s_filename), "%s/metadata.db", s_folder);
        s_make (version);
        s_now_ms = 2000;
        s_open_catalog ();
        CHECK (fst_catalog_check (s_catalog, problem, sizeof (problem)), FST_OK);
        cr_expect_str_eq (problem, "", "from version %d: %s", version, problem);
        s_check_tables (version);
        CHECK (fst_catalog_begin (s_catalog), FST_OK);
        s_as (&alice);
        s_check_rows (version);
        CHECK (fst_catalog_commit (s_catalog), FST_OK);
        CHECK (fst_catalog_check (s_catalog, problem, sizeof (problem)), FST_OK);
        cr_expect_str_eq (problem, "", "changed, from version %d: %s", version, problem);
        s_close_catalog ();
        snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
        cr_assert_eq (system (command), 0);
    }
}
