//  Saving small blobs from a damaged file.

#include "fst_salvage.h"
#include "fst_bytes.h"
#include "fst_log.h"
#include "fst_memory.h"
#include <assert.h>
#include <czmq.h>

#define DB              "small.db"
#define WAL             DB "-wal"
#define ASK             DB ".ask"
#define NEW             DB ".new"
#define SAVED           DB ".saved"
#define PAGE            FST_SMALL_PAGE_BYTES
#define WAL_HEADER      32
#define FRAME_HEADER    24
#define BATCH           256             //  Records in one commit
#define LOCAL_MAX       (PAGE - 35)     //  Octets of a row that fit on its page: SQLite's file format, "Cell Payload Overflow Pages"
#define LOCAL_MIN       ((PAGE - 12) * 32 / 255 - 23)
#define BEFORE_MIN      20              //  Octets of a row before its record: header, blob, bytes, checksum, perhaps a time
#define BEFORE_MAX      56

//  Images of pages: those of the file, and behind them those of the log, which are newer.
typedef struct {
    fst_disk_t *disk;
    fst_disk_file_t *db, *wal;      //  Either may be NULL
    int64_t db_pages, wal_pages;
    uint32_t *newest;               //  Of each page in the log: 1 + its place there; 0: it is not
    uint32_t newest_count;
    fst_small_t *to;                //  The new one
    size_t batch;
    int64_t saved;
    fst_memory_t memory;            //  The newest that was found
    bool has_memory;
    uint8_t record [FST_RECORD_OVERHEAD + FST_SMALL_BYTES_MAX];     //  That was put together from several pages
} s_salvage_t;

//  ---- Pages

static fst_rc_t
s_open_if_there (fst_disk_t *disk, const char *name, fst_disk_file_t **file_p, int64_t *bytes_p)
{
    *bytes_p = 0;
    fst_rc_t rc = disk->open (disk->self, name, false, file_p);
    if (rc == FST_NOT_FOUND)
        return FST_OK;
    return rc == FST_OK? disk->size (disk->self, *file_p, bytes_p): rc;
}

//  Octets that cannot be read are zeros: a bad sector costs what is on it.
static void
s_read (const s_salvage_t *self, fst_disk_file_t *file, int64_t offset, uint8_t *data, size_t bytes)
{
    size_t got = 0;
    if (self->disk->read (self->disk->self, file, offset, data, bytes, &got) != FST_OK)
        got = 0;
    memset (data + got, 0, bytes - got);
}

static int64_t
s_frame (int64_t at)
{
    return WAL_HEADER + at * (FRAME_HEADER + PAGE);
}

//  Which pages the log has.
static void
s_index_wal (s_salvage_t *self)
{
    for (int64_t at = 0; at < self->wal_pages; at++) {
        uint8_t octets [4];
        s_read (self, self->wal, s_frame (at), octets, sizeof (octets));
        fst_reader_t in = fst_reader (octets, sizeof (octets));
        uint32_t number = (uint32_t) fst_read_uint (&in, 4);
        if (number == 0 || number > self->db_pages + self->wal_pages)
            continue;
        if (number >= self->newest_count) {
            self->newest = realloc (self->newest, (number + 1) * sizeof (uint32_t));
            assert (self->newest);
            memset (self->newest + self->newest_count, 0, (number + 1 - self->newest_count) * sizeof (uint32_t));
            self->newest_count = number + 1;
        }
        self->newest [number] = (uint32_t) at + 1;
    }
}

//  The newest image of a page. False: there is none.
static bool
s_page (const s_salvage_t *self, uint32_t number, uint8_t page [PAGE])
{
    if (number < self->newest_count && self->newest [number]) {
        s_read (self, self->wal, s_frame (self->newest [number] - 1) + FRAME_HEADER, page, PAGE);
        return true;
    }
    if (number == 0 || number > self->db_pages)
        return false;
    s_read (self, self->db, (number - 1) * (int64_t) PAGE, page, PAGE);
    return true;
}

//  ---- Records

static fst_rc_t
s_commit (s_salvage_t *self)
{
    self->batch = 0;
    return fst_small_commit (self->to);
}

//  These octets are a whole small blob: keep it.
static fst_rc_t
s_save (s_salvage_t *self, const uint8_t *data, const fst_record_t *record)
{
    fst_rc_t rc = self->batch? FST_OK: fst_small_begin (self->to);
    if (rc != FST_OK)
        return rc;
    int64_t before = fst_small_stored (self->to);
    rc = fst_small_store (self->to, record, &data, 1);
    if (rc != FST_OK && rc != FST_EXISTS)       //  Another record of this blob was there first
        return rc;
    self->saved += fst_small_stored (self->to) - before;
    return ++self->batch == BATCH? s_commit (self): FST_OK;
}

static bool
s_is_whole (const uint8_t *data, size_t bytes, fst_record_t *record)
{
    return fst_record_decode (data, bytes, record) == FST_OK
        && fst_small_fits (record)
        && fst_record_check (data, bytes, record) == FST_OK;
}

//  Octets of a row that are on its own page.
static size_t
s_local (size_t payload)
{
    if (payload <= LOCAL_MAX)
        return payload;
    size_t local = LOCAL_MIN + (payload - LOCAL_MIN) % (PAGE - 4);
    return local <= LOCAL_MAX? local: LOCAL_MIN;
}

//  Put a record together of which a part is at data, and the rest in a chain of pages. before: octets of its row before it.
static bool
s_gather (s_salvage_t *self, const uint8_t *data, size_t left, size_t bytes, size_t before)
{
    uint8_t page [PAGE];
    size_t local = s_local (before + bytes);
    if (local == before + bytes || local < before + FST_RECORD_HEADER_BYTES || local - before + 4 > left)
        return false;
    size_t done = local - before;
    memcpy (self->record, data, done);
    fst_reader_t in = fst_reader (data + done, 4);
    uint32_t next = (uint32_t) fst_read_uint (&in, 4);
    while (done < bytes) {
        size_t part = bytes - done < PAGE - 4? bytes - done: PAGE - 4;
        if (!s_page (self, next, page))
            return false;
        memcpy (self->record + done, page + 4, part);
        done += part;
        in = fst_reader (page, 4);
        next = (uint32_t) fst_read_uint (&in, 4);
    }
    return true;
}

//  Something begins here as a record does. left: octets up to the page's end.
static fst_rc_t
s_try_record (s_salvage_t *self, const uint8_t *data, size_t left)
{
    fst_record_t record;
    if (left < FST_RECORD_HEADER_BYTES)
        return FST_OK;
    fst_reader_t in = fst_reader (data + FST_RECORD_PLAIN_OFFSET, 4);
    size_t bytes = fst_record_bytes ((uint32_t) fst_read_uint (&in, 4));
    if (bytes > sizeof (self->record))
        return FST_OK;
    if (bytes <= left && s_is_whole (data, bytes, &record))
        return s_save (self, data, &record);
    for (size_t before = BEFORE_MIN; before <= BEFORE_MAX; before++)
        if (s_gather (self, data, left, bytes, before) && s_is_whole (self->record, bytes, &record))
            return s_save (self, self->record, &record);
    return FST_OK;
}

static void
s_try_memory (s_salvage_t *self, const uint8_t *data, size_t left)
{
    fst_memory_t memory;
    if (left < FST_MEMORY_BYTES || fst_memory_decode (data, FST_MEMORY_BYTES, &memory) != FST_OK)
        return;
    if (!self->has_memory || memory.told.sequence >= self->memory.told.sequence)
        self->memory = memory;
    self->has_memory = true;
}

static fst_rc_t
s_search_page (s_salvage_t *self, const uint8_t page [PAGE])
{
    const uint8_t *at = page, *end = page + PAGE;
    fst_rc_t rc = FST_OK;
    while (rc == FST_OK && (at = memmem (at, (size_t) (end - at), "FST", 3))) {
        size_t left = (size_t) (end - at);
        if (left > 3 && at [3] == 'C')
            rc = s_try_record (self, at, left);
        else
        if (left > 3 && at [3] == 'L')
            s_try_memory (self, at, left);
        at += 3;
    }
    return rc;
}

static fst_rc_t
s_search (s_salvage_t *self)
{
    uint8_t page [PAGE];
    fst_rc_t rc = FST_OK;
    for (int64_t at = self->wal_pages; rc == FST_OK && at > 0; at--) {      //  The newest first
        s_read (self, self->wal, s_frame (at - 1) + FRAME_HEADER, page, PAGE);
        rc = s_search_page (self, page);
    }
    for (int64_t at = 0; rc == FST_OK && at < self->db_pages; at++) {
        s_read (self, self->db, at * PAGE, page, PAGE);
        rc = s_search_page (self, page);
    }
    return rc;
}

//  ---- The new file

//  Fill it. What was told goes in last, with what is left to commit.
static fst_rc_t
s_fill (s_salvage_t *self)
{
    int64_t db_bytes, wal_bytes;
    fst_rc_t rc = s_open_if_there (self->disk, DB, &self->db, &db_bytes);
    if (rc == FST_OK)
        rc = s_open_if_there (self->disk, WAL, &self->wal, &wal_bytes);
    if (rc != FST_OK)
        return rc;
    self->db_pages = (db_bytes + PAGE - 1) / PAGE;
    self->wal_pages = wal_bytes < WAL_HEADER? 0: (wal_bytes - WAL_HEADER + FRAME_HEADER + PAGE - 1) / (FRAME_HEADER + PAGE);
    s_index_wal (self);
    rc = s_search (self);
    if (rc == FST_OK && self->batch == 0)
        rc = fst_small_begin (self->to);
    if (rc == FST_OK) {
        fst_small_set_sequence (self->to, self->memory.told.run, self->memory.told.sequence);
        rc = s_commit (self);
    }
    return rc;
}

static fst_rc_t
s_unlink (fst_disk_t *disk, const char *name)
{
    fst_rc_t rc = disk->unlink (disk->self, name);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  All of NEW is durable, in one file.
static fst_rc_t
s_sync_new (fst_disk_t *disk)
{
    fst_disk_file_t *file;
    fst_rc_t rc = disk->open (disk->self, NEW "-wal", false, &file);
    if (rc == FST_OK) {                 //  SQLite did not come to its end with it
        disk->close (disk->self, &file);
        return FST_IO;
    }
    if (rc == FST_NOT_FOUND)
        rc = disk->open (disk->self, NEW, false, &file);
    if (rc != FST_OK)
        return rc;
    rc = disk->sync (disk->self, file);
    disk->close (disk->self, &file);
    return rc;
}

static fst_rc_t
s_make_new (s_salvage_t *self, const char *folder, char **problem_p)
{
    const char *const old [] = { NEW, NEW "-wal", NEW "-shm" };
    fst_rc_t rc = FST_OK;
    for (int at = 0; rc == FST_OK && at < 3; at++)
        rc = s_unlink (self->disk, old [at]);
    char *filename = zsys_sprintf ("%s/" NEW, folder);
    if (rc == FST_OK)
        rc = fst_small_open (filename, &self->to, problem_p);
    free (filename);
    if (rc == FST_OK)
        rc = s_fill (self);
    fst_small_destroy (&self->to);
    self->disk->close (self->disk->self, &self->db);
    self->disk->close (self->disk->self, &self->wal);
    free (self->newest);
    return rc == FST_OK? s_sync_new (self->disk): rc;
}

//  ---- Changing places

static fst_rc_t
s_set_aside (fst_disk_t *disk, const char *name, int64_t now_ms, const char *suffix)
{
    char to [64];
    snprintf (to, sizeof (to), DB ".damaged-%" PRId64 "%s", now_ms, suffix);
    fst_rc_t rc = disk->rename (disk->self, name, to);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  SAVED is there: it takes the place of small.db. The log goes first, so that it never lies next to a file that is not
//  its own. May be cut off anywhere, and is then done again.
static fst_rc_t
s_change_places (fst_disk_t *disk, int64_t now_ms)
{
    fst_rc_t rc = s_set_aside (disk, WAL, now_ms, "-wal");
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    if (rc == FST_OK)
        rc = s_set_aside (disk, DB, now_ms, "");
    if (rc == FST_OK)
        rc = s_unlink (disk, DB "-shm");
    if (rc == FST_OK)
        rc = s_unlink (disk, ASK);
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    if (rc == FST_OK)
        rc = disk->rename (disk->self, SAVED, DB);
    return rc == FST_OK? disk->sync_folder (disk->self, "."): rc;
}

static bool
s_is_there (fst_disk_t *disk, const char *name)
{
    fst_disk_file_t *file;
    if (disk->open (disk->self, name, false, &file) != FST_OK)
        return false;
    disk->close (disk->self, &file);
    return true;
}

//  ---- Opening

//  From a file's own first page: is it of a version that does not exist yet, or another program's?
static void
s_look_at_header (fst_disk_t *disk, bool *newer_p, bool *foreign_p)
{
    uint8_t header [100] = { 0 };
    fst_disk_file_t *file;
    size_t got;
    *newer_p = *foreign_p = false;
    if (disk->open (disk->self, DB, false, &file) != FST_OK)
        return;
    fst_rc_t rc = disk->read (disk->self, file, 0, header, sizeof (header), &got);
    disk->close (disk->self, &file);
    if (rc != FST_OK || got < sizeof (header) || memcmp (header, "SQLite format 3", 16) != 0)
        return;
    fst_reader_t in = fst_reader (header + 60, 4);
    uint32_t version = (uint32_t) fst_read_uint (&in, 4);
    in = fst_reader (header + 68, 4);
    uint32_t id = (uint32_t) fst_read_uint (&in, 4);
    *newer_p = id == FST_SMALL_APPLICATION_ID && version > FST_SMALL_VERSION && version < 1000;
    *foreign_p = id != 0 && id != FST_SMALL_APPLICATION_ID;
}

static fst_rc_t
s_salvage (fst_disk_t *disk, const char *folder, int64_t now_ms, bool foreign, char **problem_p)
{
    s_salvage_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->disk = disk;
    fst_rc_t rc = s_make_new (self, folder, problem_p);
    int64_t saved = self->saved, lost = self->has_memory && self->memory.blobs > saved? self->memory.blobs - saved: 0;
    bool nothing = saved == 0 && !self->has_memory;
    if (rc == FST_OK && foreign && nothing)
        rc = FST_CORRUPT;               //  Not a trace of us in it
    if (rc == FST_OK) {
        rc = disk->rename (disk->self, NEW, SAVED);
        if (rc == FST_OK)
            rc = disk->sync_folder (disk->self, ".");
        if (rc == FST_OK)
            rc = s_change_places (disk, now_ms);
    }
    if (rc == FST_OK)
        fst_log_error (DB " was damaged; set aside as " DB ".damaged-%" PRId64 " saved=%" PRId64 " lost=%" PRId64 "%s", now_ms,
                       saved, lost, self->has_memory? "": " what metadata told this node is lost too");
    free (self);
    return rc;
}

fst_rc_t
fst_salvage_open (fst_disk_t *disk, const char *folder, int64_t now_ms, fst_small_t **self_p, char **problem_p)
{
    assert (disk);
    assert (folder);
    assert (self_p);
    assert (problem_p);
    char *filename = zsys_sprintf ("%s/" DB, folder);
    bool newer = false, foreign = false;
    fst_rc_t rc = s_is_there (disk, SAVED)? s_change_places (disk, now_ms): FST_OK;
    bool asked = s_is_there (disk, ASK);
    if (rc == FST_OK && !asked)
        rc = fst_small_open (filename, self_p, problem_p);
    //  INTERNAL: the file's version or tables are not what they say
    if (rc == FST_CORRUPT || rc == FST_INTERNAL || (rc == FST_OK && asked)) {
        s_look_at_header (disk, &newer, &foreign);
        if (!newer) {
            char *first = *problem_p;
            *problem_p = NULL;
            rc = s_salvage (disk, folder, now_ms, foreign, problem_p);
            if (rc == FST_OK)
                rc = fst_small_open (filename, self_p, problem_p);
            if (rc != FST_OK && !*problem_p)
                *problem_p = first;
            else
                free (first);
        }
    }
    if (rc != FST_OK && !*problem_p)
        *problem_p = zsys_sprintf ("The database %s is damaged and cannot be salvaged (%s).", filename, fst_error_text (rc));
    free (filename);
    return rc;
}

void
fst_salvage_ask (fst_disk_t *disk)
{
    assert (disk);
    fst_disk_file_t *file;
    fst_rc_t rc = disk->open (disk->self, ASK, true, &file);
    if (rc == FST_OK) {
        rc = disk->sync (disk->self, file);
        disk->close (disk->self, &file);
    }
    if (rc == FST_OK)
        rc = disk->sync_folder (disk->self, ".");
    if (rc != FST_OK)
        fst_log_warning ("cannot note that small.db is damaged reason=%s", fst_error_code (rc));
}
