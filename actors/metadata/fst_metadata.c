//  The metadata actor: its table of commands, and the batch in which they run.
//
//  Handlers run inside one open transaction, each in a savepoint. Their replies are held, and sent when the
//  transaction is on stable storage; so is every reply given while a batch is open, as it may tell of what the batch
//  has changed. A commit that fails for the disk's sake ends the process: what SQLite then has in memory is not
//  to be trusted, and the next start reads what is really there.

#include "fst_metadata_inventory.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_transfer.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_BYTES_MAX (FST_JSON_BYTES_MAX - 1024)     //  Leaves room for the envelope
#define PUBLISH_EVENTS  256                             //  Read from the journal at a time

//  What a command does to the catalog.
typedef enum {
    READS,
    CHANGES,
    RECORDS,        //  Changes, and a repeated request gets the recorded reply
    NODES           //  Changes, and what is known of nodes in memory too
} s_effect_t;

static const struct {
    const char *name;
    s_effect_t effect;
    fst_metadata_fn *run;
} s_rows [] = {
    //  GET_WRITE_NODES is not recorded, as its reply holds a key; repeated, it opens another upload
    { "STAT",            READS,   fst_metadata_stat },
    { "LIST_FILES",      READS,   fst_metadata_list_files },
    { "GET_FILE_INFO",   READS,   fst_metadata_get_file_info },
    { "MAKE_FOLDER",     RECORDS, fst_metadata_make_folder },
    { "MOVE",            RECORDS, fst_metadata_move },
    { "DELETE_FILE",     RECORDS, fst_metadata_delete_file },
    { "GET_WRITE_NODES", CHANGES, fst_metadata_get_write_nodes },
    { "PUT_FILE_INFO",   RECORDS, fst_metadata_put_file_info },
    { "END_UPLOAD",      CHANGES, fst_metadata_end_upload },
    { "REGISTER",        NODES,   fst_metadata_register },
    { "REPORT",          CHANGES, fst_metadata_report },
    { "LIST_NODES",      READS,   fst_metadata_list_nodes },
    { "STATUS",          READS,   fst_metadata_status },
    { "HEALTH",          READS,   fst_metadata_health },
    { "END_RECOVERY",    CHANGES, fst_metadata_end_recovery },
    { "DRAIN",           CHANGES, fst_metadata_drain },
    { "LIST_RECOVERY",   READS,   fst_metadata_list_recovery },
    { "SCRUB",           READS,   fst_metadata_scrub },
    { "RESTORE",         RECORDS, fst_metadata_restore },
    { "LIST_TRASH",      READS,   fst_metadata_list_trash },
    { "EMPTY_TRASH",     RECORDS, fst_metadata_empty_trash },
    { "LIST_EVENTS",     READS,   fst_metadata_list_events },
    { "MOVE_CURSOR",     CHANGES, fst_metadata_move_cursor },
    { "FIND",            READS,   fst_metadata_find },
    { "LIST_VERSIONS",   READS,   fst_metadata_list_versions },
    { "RESTORE_VERSION", RECORDS, fst_metadata_restore_version },
    { "COPY",            RECORDS, fst_metadata_copy },
    { "SHARE",           RECORDS, fst_metadata_share },
    { "UNSHARE",         RECORDS, fst_metadata_unshare },
    { "LIST_GRANTS",     READS,   fst_metadata_list_grants },
    { "LIST_SHARED",     READS,   fst_metadata_list_shared },
};

static fst_handler_fn s_request, s_backup, s_read_snapshot, s_export, s_import;

static const fst_command_t s_commands [] = {
    { "STAT",            FST_NEED_KNOWN, s_request },
    { "LIST_FILES",      FST_NEED_KNOWN, s_request },
    { "GET_FILE_INFO",   FST_NEED_KNOWN, s_request },
    { "MAKE_FOLDER",     FST_NEED_KNOWN, s_request },
    { "MOVE",            FST_NEED_KNOWN, s_request },
    { "DELETE_FILE",     FST_NEED_KNOWN, s_request },
    { "GET_WRITE_NODES", FST_NEED_KNOWN, s_request },
    { "PUT_FILE_INFO",   FST_NEED_KNOWN, s_request },
    { "END_UPLOAD",      FST_NEED_KNOWN, s_request },
    { "REGISTER",        FST_NEED_ACTOR, s_request },
    { "REPORT",          FST_NEED_ACTOR, s_request },
    { "LIST_NODES",      FST_NEED_KNOWN, s_request },
    { "STATUS",          FST_NEED_KNOWN, s_request },
    { "HEALTH",          FST_NEED_KNOWN, s_request },
    { "END_RECOVERY",    FST_NEED_ADMIN, s_request },
    { "DRAIN",           FST_NEED_ADMIN, s_request },
    { "BACKUP",          FST_NEED_ADMIN, s_backup },
    { "READ_SNAPSHOT",   FST_NEED_ACTOR, s_read_snapshot },
    { "EXPORT",          FST_NEED_ADMIN, s_export },
    { "IMPORT",          FST_NEED_ADMIN, s_import },
    { "LIST_RECOVERY",   FST_NEED_ADMIN, s_request },
    { "SCRUB",           FST_NEED_ADMIN, s_request },
    { "RESTORE",         FST_NEED_KNOWN, s_request },
    { "LIST_TRASH",      FST_NEED_KNOWN, s_request },
    { "EMPTY_TRASH",     FST_NEED_KNOWN, s_request },
    { "LIST_EVENTS",     FST_NEED_KNOWN, s_request },
    { "MOVE_CURSOR",     FST_NEED_KNOWN,   s_request },
    { "FIND",            FST_NEED_KNOWN, s_request },
    { "LIST_VERSIONS",   FST_NEED_KNOWN, s_request },
    { "RESTORE_VERSION", FST_NEED_KNOWN, s_request },
    { "COPY",            FST_NEED_KNOWN, s_request },
    { "SHARE",           FST_NEED_SESSION, s_request },
    { "UNSHARE",         FST_NEED_SESSION, s_request },
    { "LIST_GRANTS",     FST_NEED_SESSION, s_request },
    { "LIST_SHARED",     FST_NEED_USER,  s_request },
    { NULL }
};

static const fst_topic_t s_topics [] = {
    { "heartbeat.", fst_metadata_heartbeat },
    { NULL }
};

//  ---- The batch

void
fst_metadata_set_time (fst_metadata_t *self)
{
    self->now_ms = fst_clock_mono_ms ();
    self->wall_ms = fst_clock_wall_ms ();
    self->aged_ms = fst_age_ms (&self->age, self->now_ms);
    if (self->catalog)
        fst_catalog_set_age (self->catalog, self->aged_ms);
}

void
fst_metadata_open_batch (fst_metadata_t *self)
{
    if (self->open)
        return;
    if (fst_catalog_begin (self->catalog) != FST_OK)
        fst_actor_die (self->actor, "the catalog cannot be written");
    self->open = true;
}

//  Answer now, or with the batch. Takes the request, payload and problem.
static void
s_answer (fst_metadata_t *self, fst_request_t **request_p, fst_rc_t rc, json_t *payload, char *problem)
{
    if (rc != FST_OK) {
        json_decref (payload);
        payload = NULL;
    }
    if (self->open) {
        assert (self->held_count < FST_BATCH_MAX);
        self->held [self->held_count++] = (fst_held_t) {
            .request = *request_p, .rc = rc, .payload = payload, .problem = problem
        };
        *request_p = NULL;
        return;
    }
    if (rc == FST_OK)
        fst_request_reply (request_p, payload);
    else
        fst_request_fail (request_p, rc, problem? "%s": NULL, problem);
    free (problem);
}

//  Answer all that is held: as it was found, or all with rc if that is not FST_OK.
static void
s_answer_held (fst_metadata_t *self, fst_rc_t rc)
{
    for (size_t at = 0; at < self->held_count; at++) {
        fst_held_t *held = &self->held [at];
        if (rc != FST_OK) {
            free (held->problem);
            held->problem = NULL;
            held->rc = rc;
        }
        s_answer (self, &held->request, held->rc, held->payload, held->problem);
    }
    self->held_count = 0;
}

//  Everybody on the bus hears it, so of files only that there is something to ask LIST_EVENTS for.
static bool
s_publish_event (void *arg, const fst_journal_t *event)
{
    fst_metadata_t *self = arg;
    char topic [64];
    snprintf (topic, sizeof (topic), "%s.%s", event->node? "node": "file", event->type);
    fst_actor_publish (self->actor, topic, event->node? fst_metadata_event_json (event):
                       json_pack ("{s:I}", "sequence", (json_int_t) event->sequence));
    self->published = event->sequence;
    return true;
}

static void
s_publish (fst_metadata_t *self)
{
    int64_t sequence = fst_catalog_counters (self->catalog)->sequence, before;
    do {
        before = self->published;
        if (fst_catalog_events (self->catalog, before, PUBLISH_EVENTS, s_publish_event, self) != FST_OK)
            return;                     //  They are in the journal; the next change finds the disk gone
    } while (self->published > before && self->published < sequence);
}

void
fst_metadata_flush (void *arg)
{
    fst_metadata_t *self = arg;
    if (!self->open)
        return;
    fst_rc_t rc = fst_catalog_commit (self->catalog);
    self->open = false;
    if (rc == FST_OK) {
        s_answer_held (self, FST_OK);
        s_publish (self);
        return;
    }
    fst_log_error ("commit failed requests=%zu reason=\"%s\"", self->held_count, fst_error_text (rc));
    if (rc == FST_NO_SPACE) {           //  What was changed in memory with the batch goes back as well
        int64_t recovery_ms = 0;
        rc = fst_nodes_load (self->nodes, self->now_ms);
        if (fst_catalog_setting_get (self->catalog, "recovery", &recovery_ms) == FST_OK && recovery_ms)
            self->recovery_ms = recovery_ms;
    }
    else
        rc = FST_IO;
    s_answer_held (self, rc == FST_OK? FST_NO_SPACE: FST_IO);
    if (rc != FST_OK)
        fst_actor_die (self->actor, "the catalog's disk failed");
}

//  ---- Requests

static char *
s_problem (fst_metadata_t *self)
{
    const char *problem = fst_namespace_problem (self->space);
    char *copy = *problem? strdup (problem): NULL;
    assert (copy || !*problem);
    return copy;
}

//  Record the reply, so that a repeated request gets the same one.
static fst_rc_t
s_record (fst_metadata_t *self, const fst_request_t *request, json_t *payload)
{
    char *text = json_dumps (payload, JSON_COMPACT);
    assert (text);
    fst_rc_t rc = FST_TOO_LARGE;
    if (strlen (text) <= REPLY_BYTES_MAX)
        rc = fst_catalog_reply_add (self->catalog, fst_request_claims (request)->session, fst_request_id (request),
                                    self->aged_ms, text);
    free (text);
    return rc;
}

static fst_rc_t
s_change (fst_metadata_t *self, size_t row, const fst_request_t *request, json_t **payload_p)
{
    fst_rc_t rc = fst_catalog_save (self->catalog);
    if (rc != FST_OK)
        return rc;
    rc = s_rows [row].run (self, fst_request_claims (request), fst_request_payload (request), payload_p);
    if (rc == FST_OK && s_rows [row].effect == RECORDS)
        rc = s_record (self, request, *payload_p);
    if (rc == FST_OK)
        rc = fst_catalog_release (self->catalog);
    if (rc == FST_OK)
        return rc;
    fst_catalog_undo (self->catalog);
    bool refused = rc == FST_DENIED || rc == FST_TOO_MANY;          //  Before anything was changed
    if (s_rows [row].effect == NODES && !refused && fst_nodes_load (self->nodes, self->now_ms) != FST_OK)
        fst_actor_die (self->actor, "the catalog's disk failed");       //  Nodes in memory that are not in the books
    return rc;
}

//  FST_NOT_FOUND: this request was not answered before.
static fst_rc_t
s_repeat (fst_metadata_t *self, const fst_request_t *request, json_t **payload_p)
{
    char *text = NULL;
    fst_rc_t rc = fst_catalog_reply_get (self->catalog, fst_request_claims (request)->session,
                                         fst_request_id (request), &text);
    if (rc != FST_OK)
        return rc;
    *payload_p = json_loads (text, 0, NULL);
    free (text);
    return *payload_p? FST_OK: FST_CORRUPT;
}

//  Whoever asks is an actor, which may do with files what its scopes say; or a person with a home: made at the first
//  request, whatever that is.
static fst_rc_t
s_enter (fst_metadata_t *self, const fst_claims_t *claims)
{
    bool actor = claims->role == FST_ROLE_ACTOR;
    if (actor? claims->scoped && strlen (claims->name) > FST_USER_BYTES_MAX: !fst_user_name_valid (claims->name))
        return FST_DENIED;
    strcpy (self->user, claims->name);
    memcpy (self->scopes, claims->scopes, sizeof (self->scopes));
    self->person = (fst_person_t) {
        .name = self->user,
        .admin = claims->role == FST_ROLE_ADMIN,
        .actor = actor,
        .scopes = claims->scoped? self->scopes: actor? "": NULL
    };
    fst_namespace_enter (self->space, &self->person, self->wall_ms);
    bool there;
    fst_rc_t rc = actor? FST_OK: fst_namespace_has_home (self->space, &there);
    if (rc != FST_OK || actor || there)
        return rc;
    fst_metadata_open_batch (self);
    rc = fst_catalog_save (self->catalog);
    if (rc == FST_OK)
        rc = fst_namespace_make_home (self->space);
    if (rc == FST_OK)
        return fst_catalog_release (self->catalog);
    fst_catalog_undo (self->catalog);
    return rc;
}

static size_t
s_find_row (const char *command)
{
    size_t row = 0;
    while (strcmp (s_rows [row].name, command) != 0)
        row++;
    return row;
}

static void
s_request (void *arg, fst_request_t **request_p)
{
    fst_metadata_t *self = arg;
    const fst_claims_t *claims = fst_request_claims (*request_p);
    size_t row = s_find_row (fst_request_command (*request_p));
    json_t *payload = NULL;
    if (self->held_count == FST_BATCH_MAX)
        fst_metadata_flush (self);
    fst_metadata_set_time (self);
    fst_namespace_refuse (self->space, FST_OK, "%s", "");
    fst_rc_t rc = s_enter (self, claims);
    if (rc == FST_OK && s_rows [row].effect != READS) {
        fst_metadata_open_batch (self);
        rc = s_rows [row].effect == RECORDS? s_repeat (self, *request_p, &payload): FST_NOT_FOUND;
        if (rc == FST_NOT_FOUND)
            rc = s_change (self, row, *request_p, &payload);
    }
    else
    if (rc == FST_OK)
        rc = s_rows [row].run (self, claims, fst_request_payload (*request_p), &payload);
    s_answer (self, request_p, rc, payload, rc == FST_OK? NULL: s_problem (self));
}

//  What reads what was committed has nothing to do with the batch.
static void
s_backup (void *arg, fst_request_t **request_p)
{
    fst_metadata_t *self = arg;
    fst_backup_request (self->backup, request_p);
}

static void
s_read_snapshot (void *arg, fst_request_t **request_p)
{
    fst_metadata_t *self = arg;
    if (strncmp (fst_request_claims (*request_p)->name, "storage:", 8) == 0)
        fst_snapshots_read (self->snapshots, request_p);
    else
        fst_request_fail (request_p, FST_DENIED, "Only storage nodes keep snapshots.");
}

static void
s_export (void *arg, fst_request_t **request_p)
{
    fst_transfer_export (arg, request_p);
}

static void
s_import (void *arg, fst_request_t **request_p)
{
    fst_transfer_import (arg, request_p);
}

//  ---- The actor's life

//  Nobody is told of this run before it is in the database.
static fst_rc_t
s_begin_run (fst_metadata_t *self)
{
    uint8_t octets [FST_RUN_CHARS / 2];
    randombytes_buf (octets, sizeof (octets));
    fst_hex_encode (octets, sizeof (octets), self->run);
    fst_rc_t rc = fst_catalog_begin (self->catalog);
    if (rc != FST_OK)
        return rc;
    rc = fst_catalog_run_add (self->catalog, self->run);
    if (rc == FST_OK)
        return fst_catalog_commit (self->catalog);
    fst_catalog_rollback (self->catalog);
    return rc;
}

static fst_rc_t
s_begin_age (fst_metadata_t *self)
{
    fst_age_mark_t mark;
    fst_rc_t rc = fst_catalog_setting_get (self->catalog, FST_AGED, &mark.aged_ms);
    if (rc == FST_OK)
        rc = fst_catalog_setting_get (self->catalog, FST_AGED_WALL, &mark.wall_ms);
    if (rc == FST_OK || rc == FST_NOT_FOUND)
        fst_age_begin (&self->age, rc == FST_OK? &mark: NULL, self->wall_ms, self->now_ms);
    fst_metadata_set_time (self);
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_metadata_t *self = arg;
    self->actor = actor;
    fst_metadata_set_time (self);
    fst_rc_t rc = fst_catalog_open (self->filename, &self->catalog, problem_p);
    if (rc != FST_OK)
        return rc;
    fst_nodes_options_t options = {
        .data_key = self->keys->data_key,
        .heartbeat_ms = self->heartbeat_ms,
        .prune_ms = self->prune_ms,
        .reserve_percent = self->reserve_percent
    };
    self->space = fst_namespace_new (self->catalog, self->versions);
    self->nodes = fst_nodes_new (self->catalog, &options);
    rc = fst_nodes_load (self->nodes, self->now_ms);
    if (rc == FST_OK)
        rc = s_begin_age (self);
    if (rc == FST_OK)
        rc = fst_metadata_repair_begin (self);
    if (rc == FST_OK)
        rc = s_begin_run (self);
    if (rc == FST_OK)
        rc = fst_catalog_setting_get (self->catalog, "recovery", &self->recovery_ms);
    if (rc == FST_OK || rc == FST_NOT_FOUND)
        rc = fst_catalog_setting_get (self->catalog, FST_DAMAGED, &self->damaged);
    if (rc == FST_NOT_FOUND)
        rc = FST_OK;
    if (rc != FST_OK) {
        *problem_p = strdup ("The catalog cannot be read.");
        assert (*problem_p);
        return rc;
    }
    fst_snapshots_options_t snapshots = {
        .actor = actor, .database = self->filename, .cluster_key = self->keys->cluster_key, .run = self->run,
        .interval_ms = self->snapshot_ms
    };
    self->snapshots = fst_snapshots_new (&snapshots, self->now_ms);
    self->backup = fst_backup_new (actor, self->filename, self->backup_folder);
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        self->inventory_ms [node] = INT64_MAX;      //  Until it is heard
    self->published = fst_catalog_counters (self->catalog)->sequence;
    self->ask_wait_ms = 100;            //  Subscribers find us one by one, so this is said more than once
    if (self->recovery_ms)
        fst_log_warning ("recovery goes on: nothing is deleted until an admin ends it");
    return FST_OK;
}

//  After each turn of the loop: what has been answered may give the next thing to do.
static void
s_flush (void *arg)
{
    fst_metadata_t *self = arg;
    fst_metadata_flush (self);
    fst_metadata_repair_soon (self);
    if (self->swept) {
        self->swept = false;
        fst_metadata_sweep (self);
    }
}

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    (void) now_ms;
    fst_metadata_t *self = arg;
    fst_metadata_set_time (self);
    return fst_metadata_upkeep (self);
}

static void
s_stop (void *arg)
{
    fst_metadata_t *self = arg;
    if (self->catalog)
        fst_metadata_flush (self);
    fst_metadata_repair_end (self);
    fst_transfer_stop (self);
    fst_backup_destroy (&self->backup);
    fst_snapshots_destroy (&self->snapshots);
    fst_metadata_inventory_stop (self);
    free (self->surplus);
    self->surplus = NULL;
    fst_nodes_destroy (&self->nodes);
    fst_namespace_destroy (&self->space);
    fst_catalog_destroy (&self->catalog);
}

//  Only what costs nothing to know; what has to be counted is in STATUS.
static void
s_metrics (void *arg, fst_figures_t *figures)
{
    fst_metadata_t *self = arg;
    const fst_counters_t *counters = fst_catalog_counters (self->catalog);
    fst_actor_figure (figures, "sequence", "Changes of the namespace", counters->sequence);
    fst_actor_figure (figures, "files", "Files", counters->files);
    fst_actor_figure (figures, "folders", "Folders", counters->folders);
    fst_actor_figure (figures, "uploads", "Uploads under way", counters->uploads);
    fst_actor_figure (figures, "garbage_blobs", "Deleted content that nodes still have", counters->garbage);
    fst_actor_figure (figures, "damaged_copies_total", "Copies found damaged", self->damaged);
}

static const fst_actor_class_t s_class = {
    .title = "The namespace: files, versions, rights, where copies are, and their repair",
    .metrics = s_metrics,
    .commands = s_commands,
    .topics = s_topics,
    .start = s_start,
    .flush = s_flush,
    .tick = s_tick,
    .stop = s_stop
};

static fst_rc_t
s_configure (fst_metadata_t *self, const fst_config_t *config, char **problem_p)
{
    int64_t chunk = fst_config_number (config, "chunk-size");
    if (chunk & (chunk - 1)) {
        *problem_p = strdup ("The option chunk-size must be a power of two, as 1 MiB is.");
        assert (*problem_p);
        return FST_MALFORMED;
    }
    while ((int64_t) 1 << self->chunk_log2 < chunk)
        self->chunk_log2++;
    self->extent_chunks = (uint32_t) fst_config_number (config, "extent-chunks");
    self->replicas = (unsigned) fst_config_number (config, "replicas");
    self->versions = fst_config_number (config, "versions");
    self->prune_ms = fst_config_number (config, "prune-after");
    self->repair_delay_ms = fst_config_number (config, "repair-delay");
    self->reserve_percent = fst_config_number (config, "reserve");
    self->heartbeat_ms = fst_config_number (config, "heartbeat-interval");
    self->lease_ms = fst_config_number (config, "lease");
    self->capability_ms = fst_config_number (config, "capability-time");
    self->trash_ms = fst_config_number (config, "trash-time");
    self->version_ms = fst_config_number (config, "version-time");
    self->snapshot_ms = fst_config_number (config, "snapshot-interval");
    self->inventory_interval_ms = fst_config_number (config, "inventory-interval");
    self->filename = strdup (fst_config_text (config, "metadata-database"));
    self->backup_folder = strdup (fst_config_text (config, "backup-folder"));
    assert (self->filename && self->backup_folder);
    return FST_OK;
}

fst_rc_t
fst_metadata_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_metadata_t **self_p, char **problem_p)
{
    assert (config);
    assert (bus);
    assert (self_p);
    assert (problem_p);
    assert (bus->keys && bus->keys->has_cluster_key && bus->keys->has_data_key);
    fst_metadata_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->keys = bus->keys;
    fst_actor_options_t options = *bus;
    options.service = "metadata";
    options.lanes = (unsigned) fst_config_number (config, "metadata-lanes");
    fst_rc_t rc = s_configure (self, config, problem_p);
    if (rc == FST_OK)
        rc = fst_actor_new (&s_class, &options, self, &self->loop, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_metadata_destroy (&self);
    return rc;
}

void
fst_metadata_destroy (fst_metadata_t **self_p)
{
    assert (self_p);
    fst_metadata_t *self = *self_p;
    if (!self)
        return;
    fst_actor_destroy (&self->loop);
    s_stop (self);                      //  What a start that failed has left
    free (self->filename);
    free (self->backup_folder);
    free (self);
    *self_p = NULL;
}
