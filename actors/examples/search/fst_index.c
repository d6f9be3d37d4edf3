//  The index in SQLite: one row a file, and its words in FTS5 under the same number.

#include "fst_index.h"
#include <assert.h>
#include <ctype.h>
#include <czmq.h>
#include <string.h>
#include "fst_db.h"
#include "fst_log.h"

#define BEFORE_BYTES 40             //  Of a snippet, before the word
#define LOOK_MAX 50000              //  Files with the words that one query looks at, whoever's they are

struct fst_index {
    fst_db_t *db;
    int64_t bytes_max;
    int64_t round;                  //  Of the writer
    bool told_full;
};

static const char *const s_migrations [] = {
    "CREATE TABLE files (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,"
    "    modified_ms INTEGER NOT NULL, round INTEGER NOT NULL) STRICT;"
    "CREATE INDEX files_path ON files (path);"
    "CREATE VIRTUAL TABLE words USING fts5 (name, text, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');"
    "CREATE TABLE state (number INTEGER PRIMARY KEY CHECK (number = 1), sequence INTEGER NOT NULL, round INTEGER NOT NULL) STRICT;"
    "INSERT INTO state (number, sequence, round) VALUES (1, -1, 0);",
    NULL
};

static void
s_bind_text (sqlite3_stmt *statement, int at, const char *text)
{
    int rc = sqlite3_bind_text (statement, at, text, -1, SQLITE_TRANSIENT);
    assert (rc == SQLITE_OK);
}

//  One number of one row.
static fst_rc_t
s_number (fst_index_t *self, sqlite3_stmt *select, int64_t *number_p)
{
    fst_rc_t rc = fst_db_next (self->db, select);
    if (rc != FST_OK)
        return rc;
    *number_p = sqlite3_column_int64 (select, 0);
    fst_db_done (select);
    return FST_OK;
}

static fst_rc_t
s_open (fst_index_t *self, const char *filename, bool writes, char **problem_p)
{
    fst_db_options_t options = { .filename = filename, .application_id = 0x46535469 /* FSTi */, .migrations = s_migrations,
                                 .cache_kib = 8192, .read_only = !writes };
    return fst_db_open (&options, &self->db, problem_p);
}

static void
s_unlink (const char *filename)
{
    static const char *const ends [] = { "", "-wal", "-shm" };
    for (int at = 0; at < 3; at++) {
        char *name = zsys_sprintf ("%s%s", filename, ends [at]);
        unlink (name);
        zstr_free (&name);
    }
}

fst_rc_t
fst_index_open (const char *filename, bool writes, int64_t bytes_max, fst_index_t **self_p, char **problem_p)
{
    assert (filename);
    fst_index_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->bytes_max = bytes_max;
    fst_rc_t rc = s_open (self, filename, writes, problem_p);
    if (rc == FST_CORRUPT && writes) {
        fst_log_warning ("index damaged, made anew: %s", *problem_p);
        zstr_free (problem_p);
        s_unlink (filename);
        rc = s_open (self, filename, writes, problem_p);
    }
    if (rc == FST_OK)
        rc = s_number (self, fst_db_prepare (self->db, "SELECT round FROM state"), &self->round);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_index_destroy (&self);
    return rc;
}

void
fst_index_destroy (fst_index_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_db_destroy (&(*self_p)->db);
        free (*self_p);
        *self_p = NULL;
    }
}

//  ---- Writing

fst_rc_t
fst_index_begin (fst_index_t *self)
{
    return fst_db_begin (self->db);
}

fst_rc_t
fst_index_commit (fst_index_t *self)
{
    return fst_db_commit (self->db);
}

void
fst_index_rollback (fst_index_t *self)
{
    fst_db_rollback (self->db);
}

fst_rc_t
fst_index_sequence (fst_index_t *self, int64_t *sequence_p)
{
    return s_number (self, fst_db_prepare (self->db, "SELECT sequence FROM state"), sequence_p);
}

fst_rc_t
fst_index_set_sequence (fst_index_t *self, int64_t sequence)
{
    sqlite3_stmt *update = fst_db_prepare (self->db, "UPDATE state SET sequence = ?1");
    sqlite3_bind_int64 (update, 1, sequence);
    return fst_db_run (self->db, update);
}

static const char *
s_name (const char *path)
{
    const char *slash = strrchr (path, '/');
    return slash? slash + 1: path;
}

//  Statements with a path and what is below it: '0' follows '/' in octet order.
static fst_rc_t
s_run_below (fst_index_t *self, const char *sql, const char *path, const char *to)
{
    sqlite3_stmt *statement = fst_db_prepare (self->db, sql);
    s_bind_text (statement, 1, path);
    if (to)
        s_bind_text (statement, 2, to);
    return fst_db_run (self->db, statement);
}

//  Another file that was at this path is not there any more.
static fst_rc_t
s_make_room (fst_index_t *self, const char *path, int64_t id)
{
    static const char *const sql [] = {
        "DELETE FROM words WHERE rowid IN (SELECT id FROM files WHERE path = ?1 AND id <> ?2)",
        "DELETE FROM files WHERE path = ?1 AND id <> ?2"
    };
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && at < 2; at++) {
        sqlite3_stmt *statement = fst_db_prepare (self->db, sql [at]);
        s_bind_text (statement, 1, path);
        sqlite3_bind_int64 (statement, 2, id);
        rc = fst_db_run (self->db, statement);
    }
    return rc;
}

static fst_rc_t
s_set_path (fst_index_t *self, const fst_index_file_t *file)
{
    sqlite3_stmt *update = fst_db_prepare (self->db, "UPDATE files SET path = ?2, round = ?3 WHERE id = ?1");
    sqlite3_bind_int64 (update, 1, file->id);
    s_bind_text (update, 2, file->path);
    sqlite3_bind_int64 (update, 3, self->round);
    fst_rc_t rc = fst_db_run (self->db, update);
    if (rc == FST_OK) {
        update = fst_db_prepare (self->db, "UPDATE words SET name = ?2 WHERE rowid = ?1 AND name <> ?2");
        sqlite3_bind_int64 (update, 1, file->id);
        s_bind_text (update, 2, s_name (file->path));
        rc = fst_db_run (self->db, update);
    }
    return rc == FST_OK? s_make_room (self, file->path, file->id): rc;
}

fst_rc_t
fst_index_keep (fst_index_t *self, const fst_index_file_t *file, bool *there_p)
{
    int64_t version = 0;
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT version FROM files WHERE id = ?1");
    sqlite3_bind_int64 (select, 1, file->id);
    fst_rc_t rc = s_number (self, select, &version);
    *there_p = rc == FST_OK && version >= file->version;
    if (rc == FST_NOT_FOUND)
        return FST_OK;
    return *there_p? s_set_path (self, file): rc;
}

static fst_rc_t
s_bytes (fst_index_t *self, int64_t *bytes_p)
{
    return s_number (self, fst_db_prepare (self->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
                     bytes_p);
}

//  A full index takes names only.
static fst_rc_t
s_is_full (fst_index_t *self, bool *full_p)
{
    int64_t bytes;
    fst_rc_t rc = s_bytes (self, &bytes);
    *full_p = rc == FST_OK && bytes >= self->bytes_max;
    if (*full_p && !self->told_full) {
        fst_log_warning ("index is full, so only names are added bytes=%" PRId64 " search-size=%" PRId64, bytes, self->bytes_max);
        self->told_full = true;
    }
    return rc;
}

fst_rc_t
fst_index_put (fst_index_t *self, const fst_index_file_t *file, const char *text, size_t bytes)
{
    assert (self && file);
    assert (bytes <= FST_INDEX_TEXT_BYTES_MAX);
    bool full;
    fst_rc_t rc = s_is_full (self, &full);
    if (rc == FST_OK)
        rc = s_make_room (self, file->path, file->id);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *put = fst_db_prepare (self->db,
        "INSERT OR REPLACE INTO files (id, version, path, size, modified_ms, round) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    sqlite3_bind_int64 (put, 1, file->id);
    sqlite3_bind_int64 (put, 2, file->version);
    s_bind_text (put, 3, file->path);
    sqlite3_bind_int64 (put, 4, file->size);
    sqlite3_bind_int64 (put, 5, file->modified_ms);
    sqlite3_bind_int64 (put, 6, self->round);
    rc = fst_db_run (self->db, put);
    if (rc != FST_OK)
        return rc;
    put = fst_db_prepare (self->db, "INSERT OR REPLACE INTO words (rowid, name, text) VALUES (?1, ?2, ?3)");
    sqlite3_bind_int64 (put, 1, file->id);
    s_bind_text (put, 2, s_name (file->path));
    sqlite3_bind_text (put, 3, text && !full? text: "", text && !full? (int) bytes: 0, SQLITE_TRANSIENT);
    return fst_db_run (self->db, put);
}

fst_rc_t
fst_index_move (fst_index_t *self, const char *from, const char *to)
{
    fst_rc_t rc = fst_index_remove (self, to);
    if (rc == FST_OK)
        rc = s_run_below (self,
            "UPDATE files SET path = ?2 || substr (path, length (?1) + 1)"
            "    WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", from, to);
    if (rc != FST_OK)
        return rc;
    sqlite3_stmt *update = fst_db_prepare (self->db,
        "UPDATE words SET name = ?2 WHERE rowid IN (SELECT id FROM files WHERE path = ?1)");
    s_bind_text (update, 1, to);
    s_bind_text (update, 2, s_name (to));
    return fst_db_run (self->db, update);
}

fst_rc_t
fst_index_remove (fst_index_t *self, const char *path)
{
    fst_rc_t rc = s_run_below (self, "DELETE FROM words WHERE rowid IN"
        "    (SELECT id FROM files WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))", path, NULL);
    return rc == FST_OK? s_run_below (self,
        "DELETE FROM files WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", path, NULL): rc;
}

fst_rc_t
fst_index_round_begin (fst_index_t *self)
{
    fst_rc_t rc = fst_db_run (self->db, fst_db_prepare (self->db, "UPDATE state SET round = round + 1"));
    self->round += rc == FST_OK;
    return rc;
}

fst_rc_t
fst_index_round_end (fst_index_t *self)
{
    static const char *const sql [] = {
        "DELETE FROM words WHERE rowid IN (SELECT id FROM files WHERE round <> ?1)",
        "DELETE FROM files WHERE round <> ?1"
    };
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && at < 2; at++) {
        sqlite3_stmt *statement = fst_db_prepare (self->db, sql [at]);
        sqlite3_bind_int64 (statement, 1, self->round);
        rc = fst_db_run (self->db, statement);
    }
    return rc;
}

//  ---- Reading

//  FTS5's language for "all of these words, each of them perhaps only begun". Nothing of it is left to who asks: a word in
//  quotes is a string. False if there is no word.
static bool
s_expression (const char *query, char *expression, size_t size)
{
    size_t words = 0, at = 0;
    while (*query && words < FST_INDEX_WORDS_MAX && at + 8 < size) {
        query += strspn (query, " \t\r\n\"");
        size_t bytes = strcspn (query, " \t\r\n\"");
        if (bytes && at + bytes + 8 < size) {
            at += (size_t) snprintf (expression + at, size - at, "%s\"%.*s\"*", words? " ": "", (int) bytes, query);
            words++;
        }
        query += bytes;
    }
    return words > 0;
}

//  Where a word of the query stands in the text, the first that is found; NULL if none is written just so. (FTS5's own
//  snippet function takes time by the square of how often a word is there: a stranger's file could stop us.)
static const char *
s_find_word (const char *query, const char *text)
{
    char word [64];
    while (*query) {
        query += strspn (query, " \t\r\n\"");
        size_t bytes = strcspn (query, " \t\r\n\"");
        if (bytes && bytes < sizeof (word)) {
            snprintf (word, sizeof (word), "%.*s", (int) bytes, query);
            const char *at = strcasestr (text, word);
            while (at && at > text && isalnum ((unsigned char) at [-1])) {
                while (isalnum ((unsigned char) *at))
                    at++;                       //  It begins nowhere in this word: each octet is looked at once
                at = strcasestr (at, word);
            }
            if (at)
                return at;
        }
        query += bytes;
    }
    return NULL;
}

//  One line around that place; the begin of the text if there is none.
static void
s_cut (const char *query, const char *text, size_t bytes, char *snippet)
{
    const char *at = s_find_word (query, text), *from = at? at: text;
    while (from > text && at - from < BEFORE_BYTES)
        from--;
    while ((*from & 0xc0) == 0x80)
        from++;
    const char *to = from + FST_INDEX_SNIPPET_BYTES < text + bytes? from + FST_INDEX_SNIPPET_BYTES: text + bytes;
    while ((*to & 0xc0) == 0x80)
        to--;
    memcpy (snippet, from, (size_t) (to - from));
    snippet [to - from] = 0;
    for (char *one = snippet; *one; one++)
        if ((unsigned char) *one < ' ' || *one == 0x7f)
            *one = ' ';
}

static void
s_snippet (fst_index_t *self, const char *query, int64_t id, char snippet [FST_INDEX_SNIPPET_BYTES + 1])
{
    sqlite3_stmt *select = fst_db_prepare (self->db, "SELECT text FROM words WHERE rowid = ?1");
    sqlite3_bind_int64 (select, 1, id);
    *snippet = 0;
    if (fst_db_next (self->db, select) == FST_OK) {
        const char *text = (const char *) sqlite3_column_text (select, 0);
        if (text)
            s_cut (query, text, (size_t) sqlite3_column_bytes (select, 0), snippet);
        fst_db_done (select);
    }
}

fst_rc_t
fst_index_find (fst_index_t *self, const char *query, const json_t *places, int64_t before, size_t limit,
                fst_index_each_fn *each, void *arg)
{
    char expression [2048];
    if (!s_expression (query, expression, sizeof (expression)))
        return FST_OK;
    char *list = json_dumps (places, 0);
    sqlite3_stmt *select = fst_db_prepare (self->db,
        "SELECT files.id, version, files.path, size, modified_ms FROM"
        "    (SELECT rowid FROM words WHERE words MATCH ?1 AND rowid < ?3 ORDER BY rowid DESC LIMIT ?4) AS found"
        "    JOIN files ON files.id = found.rowid"
        "    WHERE EXISTS (SELECT 1 FROM json_each (?2) AS place WHERE files.path = place.value"
        "        OR (files.path > place.value || '/' AND files.path < place.value || '0'))"
        "    ORDER BY files.id DESC LIMIT ?5");
    s_bind_text (select, 1, expression);
    s_bind_text (select, 2, list);
    sqlite3_bind_int64 (select, 3, before);
    sqlite3_bind_int64 (select, 4, LOOK_MAX);
    sqlite3_bind_int64 (select, 5, (int64_t) limit);
    free (list);
    fst_rc_t rc;
    bool more = true;
    while (more && (rc = fst_db_next (self->db, select)) == FST_OK) {
        fst_index_file_t file = {
            .id = sqlite3_column_int64 (select, 0),
            .version = sqlite3_column_int64 (select, 1),
            .path = (const char *) sqlite3_column_text (select, 2),
            .size = sqlite3_column_int64 (select, 3),
            .modified_ms = sqlite3_column_int64 (select, 4)
        };
        char snippet [FST_INDEX_SNIPPET_BYTES + 1];
        s_snippet (self, query, file.id, snippet);
        more = each (arg, &file, snippet);
    }
    if (!more)
        fst_db_done (select);
    return !more || rc == FST_NOT_FOUND? FST_OK: rc;
}

fst_rc_t
fst_index_count (fst_index_t *self, int64_t *files_p, int64_t *bytes_p)
{
    fst_rc_t rc = s_number (self, fst_db_prepare (self->db, "SELECT count (*) FROM files"), files_p);
    return rc == FST_OK? s_bytes (self, bytes_p): rc;
}
