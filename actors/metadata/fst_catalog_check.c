//  The catalog counted anew: each query gives the number of rows that are wrong.

#include "fst_catalog_sql.h"
#include <stdio.h>

#define REFERRED "SELECT blob FROM entries WHERE blob IS NOT NULL UNION ALL SELECT blob FROM versions WHERE blob IS NOT NULL"
#define REACHED \
    "WITH RECURSIVE tree (id, kind) AS (" \
    "  SELECT id, kind FROM entries WHERE parent = 1" \
    "  UNION ALL SELECT entries.id, entries.kind FROM tree JOIN entries ON parent = tree.id) "

static const struct { const char *rule, *sql; } s_rules [] = {
    { "a folder knows how many entries it holds",
      "SELECT count (*) FROM entries AS folder WHERE kind = 2 AND id <> 2"
      "    AND size <> (SELECT count (*) FROM entries WHERE parent = folder.id)" },
    { "an entry lies in a folder",
      "SELECT count (*) FROM entries WHERE id > 2"
      "    AND NOT EXISTS (SELECT 1 FROM entries AS folder WHERE id = entries.parent AND kind = 2)" },
    { "what lies in the trash is listed there",
      "SELECT (SELECT count (*) FROM entries WHERE parent = 2) <> count (*)"
      "    OR count (*) <> (SELECT count (*) FROM trash JOIN entries ON id = entry AND entries.parent = 2) FROM trash" },
    { "the trash knows to whom things belong",
      "SELECT count (*) FROM trash JOIN entries ON id = entry WHERE trash.owner <> entries.owner" },
    { "a grant is on an entry", "SELECT count (*) FROM grants WHERE entry NOT IN (SELECT id FROM entries)" },
    { "files are counted",
      REACHED "SELECT count (*) <> (SELECT files FROM counters) FROM tree WHERE kind = 1" },
    { "folders are counted",
      REACHED "SELECT count (*) <> (SELECT folders FROM counters) FROM tree WHERE kind = 2" },
    { "uploads are counted", "SELECT count (*) <> (SELECT uploads FROM counters) FROM uploads" },
    { "garbage is counted", "SELECT count (*) <> (SELECT garbage FROM counters) FROM garbage" },
    { "references to blobs are counted, and each blob has one",
      "SELECT count (*) FROM blobs WHERE refs = 0 OR refs <>"
      "    (SELECT count (*) FROM (" REFERRED ") WHERE blob = blobs.id)" },
    { "what is referred to is there",
      "SELECT count (*) FROM (" REFERRED ") WHERE blob NOT IN (SELECT id FROM blobs)" },
    { "an extent has a blob", "SELECT count (*) FROM extents WHERE blob NOT IN (SELECT id FROM blobs)" },
    { "an extent wants as many copies as its blob",
      "SELECT count (*) FROM extents JOIN blobs ON id = blob WHERE wanted <> replicas" },
    { "extents add up to their blob",
      "SELECT count (*) FROM blobs WHERE extents <> (SELECT count (*) FROM extents WHERE blob = blobs.id)"
      "    OR size <> (SELECT sum (bytes) FROM extents WHERE blob = blobs.id)" },
    { "older versions belong to a file, and are older",
      "SELECT count (*) FROM versions LEFT JOIN entries ON id = entry WHERE id IS NULL OR versions.version >= entries.version" },
    { "spreads add up",
      "SELECT count (*) FROM (SELECT nodes, wanted, extents, bytes FROM spreads WHERE extents OR bytes EXCEPT"
      "    SELECT nodes, replicas, count (*), sum (bytes) FROM extents JOIN blobs ON id = blob GROUP BY nodes, replicas)" },
    { "every extent is in a spread",
      "SELECT ifnull ((SELECT sum (extents) FROM spreads), 0) <> (SELECT count (*) FROM extents)" },
    { "what a node has to delete is not counted as held by it",
      "SELECT count (*) FROM garbage JOIN extents ON extents.blob = garbage.blob"
      "    AND (garbage.n = -1 OR garbage.n = extents.n) AND extents.nodes >> garbage.node & 1" },
    { "what is spent belongs to an open upload, and is no blob",
      "SELECT count (*) FROM spent WHERE substr (blob, 1, 12) NOT IN (SELECT id FROM uploads)"
      "    OR blob IN (SELECT id FROM blobs)" },
    { "bad copies are counted", "SELECT count (*) <> (SELECT bad FROM counters) FROM bad" },
    { "a bad copy is on the books",
      "SELECT count (*) FROM bad LEFT JOIN extents ON extents.blob = bad.blob AND extents.n = bad.n"
      "    WHERE ifnull (extents.nodes >> bad.node & 1, 0) = 0" },
    { NULL, NULL }
};

fst_rc_t
fst_catalog_check (fst_catalog_t *self, char *problem, size_t size)
{
    assert (self);
    assert (!self->open);
    for (size_t rule = 0; s_rules [rule].rule; rule++) {
        sqlite3_stmt *select = fst_db_prepare (self->db, s_rules [rule].sql);
        fst_rc_t rc = fst_db_next (self->db, select);
        if (rc != FST_OK)
            return rc;
        int64_t wrong = fst_column_int (select, 0);
        fst_db_done (select);
        if (wrong) {
            snprintf (problem, size, "%lld times not so: %s", (long long) wrong, s_rules [rule].rule);
            return FST_CORRUPT;
        }
    }
    return FST_OK;
}
