//  The commands EXPORT and IMPORT.

#include "fst_transfer.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "fst_dump.h"
#include "fst_log.h"
#include "fst_metadata_inventory.h"
#include "fst_snapshot.h"

#define IDLE_MS     60000
#define NAME_CHARS  16

struct fst_transfer {
    fst_dump_t *dump;               //  NULL: no export is under way
    char dump_name [NAME_CHARS + 1];
    int64_t dump_page;              //  The next one
    json_t *dump_last;              //  Reply of the one before, as it may be asked for again
    int64_t dump_ms;                //  Last used
    fst_load_t *load;               //  NULL: no import is under way
    char load_name [NAME_CHARS + 1];
    int64_t load_page, load_ms;
};

typedef struct fst_transfer transfer_t;

static transfer_t *
s_transfer (fst_metadata_t *self)
{
    if (!self->transfer) {
        self->transfer = calloc (1, sizeof (*self->transfer));
        assert (self->transfer);
    }
    return self->transfer;
}

//  Answer with what was found; takes reply and problem.
static void
s_answer (fst_request_t **request_p, fst_rc_t rc, json_t *reply, char *problem)
{
    if (rc == FST_OK)
        fst_request_reply (request_p, reply);
    else {
        json_decref (reply);
        fst_request_fail (request_p, rc, problem? "%s": NULL, problem);
    }
    free (problem);
}

static const char *
s_text (fst_request_t *request, const char *field)
{
    return json_string_value (json_object_get (fst_request_payload (request), field));
}

static int64_t
s_page (fst_request_t *request)
{
    return json_integer_value (json_object_get (fst_request_payload (request), "page"));
}

//  What tells this cluster's key from others.
static void
s_key_text (fst_metadata_t *self, char text [2 * FST_SNAPSHOT_KEY_BYTES + 1])
{
    uint8_t check [FST_SNAPSHOT_KEY_BYTES];
    fst_snapshot_key_check (self->keys->cluster_key, check);
    fst_hex_encode (check, sizeof (check), text);
}

//  ---- EXPORT

static void
s_end_dump (transfer_t *transfer)
{
    fst_dump_destroy (&transfer->dump);
    json_decref (transfer->dump_last);
    transfer->dump_last = NULL;
}

static fst_rc_t
s_begin_dump (fst_metadata_t *self, transfer_t *transfer, json_t **header_p, char **problem_p)
{
    if (transfer->dump)
        return FST_BUSY;
    fst_metadata_flush (self);          //  What was asked for before is in it
    uint8_t name [NAME_CHARS / 2];
    char key [2 * FST_SNAPSHOT_KEY_BYTES + 1];
    fst_rc_t rc = fst_dump_new (self->filename, &transfer->dump, problem_p);
    if (rc == FST_OK)
        rc = fst_dump_header (transfer->dump, header_p);
    if (rc != FST_OK) {
        s_end_dump (transfer);
        return rc;
    }
    s_key_text (self, key);
    json_object_set_new (*header_p, "key", json_string_nocheck (key));
    randombytes_buf (name, sizeof (name));
    fst_hex_encode (name, sizeof (name), transfer->dump_name);
    transfer->dump_page = 0;
    return FST_OK;
}

static fst_rc_t
s_next_page (transfer_t *transfer, json_t *header, json_t **reply_p)
{
    bool more = false;
    json_t *reply = json_pack ("{s:s}", "export", transfer->dump_name);
    fst_rc_t rc = fst_dump_page (transfer->dump, reply, &more);
    if (rc == FST_OK) {
        json_object_set_new (reply, "more", json_boolean (more));
        if (header)
            json_object_set (reply, "header", header);
        json_decref (transfer->dump_last);
        transfer->dump_last = json_incref (reply);
        transfer->dump_page++;
        *reply_p = reply;
    }
    else {
        json_decref (reply);
        s_end_dump (transfer);
    }
    return rc;
}

void
fst_transfer_export (fst_metadata_t *self, fst_request_t **request_p)
{
    transfer_t *transfer = s_transfer (self);
    const char *name = s_text (*request_p, "export");
    int64_t page = s_page (*request_p);
    json_t *reply = NULL, *header = NULL;
    char *problem = NULL;
    fst_rc_t rc = FST_OK;
    fst_transfer_elapse (self);
    if (!name)
        rc = page? FST_MALFORMED: s_begin_dump (self, transfer, &header, &problem);
    else
    if (!transfer->dump || strcmp (name, transfer->dump_name) != 0)
        rc = FST_NOT_FOUND;
    if (rc == FST_NOT_FOUND)
        problem = strdup ("That export has ended, as nobody went on with it for a minute; begin again.");
    if (rc == FST_BUSY)
        problem = strdup ("Another export is under way; wait until it is done.");
    if (rc == FST_OK && page == transfer->dump_page - 1)
        reply = json_incref (transfer->dump_last);
    else
    if (rc == FST_OK)
        rc = page == transfer->dump_page? s_next_page (transfer, header, &reply): FST_MALFORMED;
    transfer->dump_ms = self->now_ms;
    if (rc == FST_OK && !json_is_true (json_object_get (reply, "more")))
        fst_dump_destroy (&transfer->dump);     //  Nobody holds up the database's log any longer
    json_decref (header);
    s_answer (request_p, rc, reply, problem);
}

//  ---- IMPORT

static int64_t
s_name_number (const char *name)
{
    return (int64_t) strtoull (name, NULL, 16);
}

static fst_rc_t
s_begin_load (fst_metadata_t *self, fst_request_t *request, bool *done_p, char **problem_p)
{
    transfer_t *transfer = self->transfer;
    const char *name = s_text (request, "import");
    json_t *header = json_object_get (fst_request_payload (request), "header");
    char key [2 * FST_SNAPSHOT_KEY_BYTES + 1];
    int64_t imported = 0;
    s_key_text (self, key);
    if (!header)
        return FST_MALFORMED;
    if (strcmp (json_string_value (json_object_get (header, "key")), key) != 0) {
        *problem_p = strdup ("This export is of a cluster with another key, without which no content can be read: put its "
                             "key files in place first.");
        return FST_DENIED;
    }
    fst_rc_t rc = fst_catalog_setting_get (self->catalog, "imported", &imported);
    *done_p = rc == FST_OK && imported == s_name_number (name);
    if (*done_p || (rc != FST_OK && rc != FST_NOT_FOUND))
        return rc;
    fst_load_destroy (&transfer->load);     //  One that was left; whoever goes on with it is told
    rc = fst_load_new (self->filename, self->catalog, header, &transfer->load, problem_p);
    if (rc == FST_OK) {
        snprintf (transfer->load_name, sizeof (transfer->load_name), "%s", name);
        transfer->load_page = 0;
    }
    return rc;
}

static fst_rc_t
s_take_page (transfer_t *transfer, fst_request_t *request, char **problem_p)
{
    int64_t page = s_page (request);
    if (page == transfer->load_page - 1)
        return FST_OK;                  //  Sent again
    if (page != transfer->load_page)
        return FST_MALFORMED;
    transfer->load_page++;
    return fst_load_page (transfer->load, fst_request_payload (request), problem_p);
}

static fst_rc_t
s_finish_load (fst_metadata_t *self, fst_request_t *request, char **problem_p)
{
    transfer_t *transfer = self->transfer;
    if (s_page (request) != transfer->load_page)
        return FST_MALFORMED;
    fst_metadata_flush (self);
    fst_rc_t rc = fst_load_finish (transfer->load, s_name_number (transfer->load_name), problem_p);
    if (rc == FST_IO)
        fst_actor_die (self->actor, "the catalog's disk failed");
    if (rc != FST_OK)
        return rc;
    fst_load_destroy (&transfer->load);
    rc = fst_nodes_load (self->nodes, self->now_ms);
    if (rc != FST_OK)
        fst_actor_die (self->actor, "the catalog cannot be read");
    self->published = fst_catalog_counters (self->catalog)->sequence;
    self->copies_ms = 0;
    fst_metadata_inventory_restart (self);      //  What was unknown may be known now
    fst_log_info ("imported name=%s files=%lld sequence=%lld", transfer->load_name,
                  (long long) fst_catalog_counters (self->catalog)->files,
                  (long long) fst_catalog_counters (self->catalog)->sequence);
    return FST_OK;
}

//  Rows and finish are about the import that is under way.
static fst_rc_t
s_go_on (fst_metadata_t *self, fst_request_t *request, bool *done_p, char **problem_p)
{
    transfer_t *transfer = self->transfer;
    const char *name = s_text (request, "import");
    int64_t imported = 0;
    bool finish = strcmp (s_text (request, "step"), "finish") == 0;
    if (!transfer->load || strcmp (name, transfer->load_name) != 0) {
        *done_p = finish && fst_catalog_setting_get (self->catalog, "imported", &imported) == FST_OK
               && imported == s_name_number (name);
        if (*done_p)
            return FST_OK;              //  Sent again
        *problem_p = strdup ("That import has ended, as nobody went on with it for a minute or another one began; import again.");
        return FST_CHANGED;
    }
    fst_rc_t rc = finish? s_finish_load (self, request, problem_p): s_take_page (transfer, request, problem_p);
    if (rc != FST_OK)
        fst_load_destroy (&transfer->load);
    *done_p = finish;
    return rc;
}

void
fst_transfer_import (fst_metadata_t *self, fst_request_t **request_p)
{
    transfer_t *transfer = s_transfer (self);
    char *problem = NULL;
    bool done = false, begin = strcmp (s_text (*request_p, "step"), "begin") == 0;
    fst_transfer_elapse (self);
    fst_rc_t rc = begin? s_begin_load (self, *request_p, &done, &problem): s_go_on (self, *request_p, &done, &problem);
    transfer->load_ms = self->now_ms;
    s_answer (request_p, rc, json_pack ("{s:b}", "done", (int) done), problem);
}

//  ---- Time

void
fst_transfer_elapse (fst_metadata_t *self)
{
    transfer_t *transfer = self->transfer;
    if (!transfer)
        return;
    fst_metadata_set_time (self);
    if (transfer->dump && self->now_ms >= transfer->dump_ms + IDLE_MS)
        s_end_dump (transfer);
    if (transfer->load && self->now_ms >= transfer->load_ms + IDLE_MS)
        fst_load_destroy (&transfer->load);
}

void
fst_transfer_stop (fst_metadata_t *self)
{
    transfer_t *transfer = self->transfer;
    if (transfer) {
        s_end_dump (transfer);
        fst_load_destroy (&transfer->load);
        free (transfer);
        self->transfer = NULL;
    }
}
