//  The follower: one event after the other.

#include "fst_follow.h"
#include <assert.h>
#include <czmq.h>
#include <string.h>
#include "filestore.h"
#include "fst_index.h"
#include "fst_log.h"
#include "fst_pool.h"
#include "fst_text.h"

#define PAGE_ENTRIES    1000
#define TRIES_MAX       8           //  For content that cannot be had, two minutes; then the name alone is indexed
#define NOWHERE         INT64_C (9007199254740991)      //  To ask since then is to be told of a gap

struct fst_follow {
    fst_actor_t *actor;
    fst_pool_t *pool;               //  Of one thread
    filestore_t *client;            //  Up to rc: the thread's, while it has an event
    fst_index_t *index;
    char *root;
    char *text;                     //  FST_INDEX_TEXT_BYTES_MAX octets
    size_t bytes;
    bool binary;                    //  What is read is no text
    int tries;                      //  For the content of the file it is at
    fst_event_t *event;             //  NULL: it has none
    fst_follow_state_t next;        //  State after the event
    fst_rc_t rc;
    fst_follow_state_t state;
    bool ending;
};

//  ---- Content

//  Text is UTF-8 without NUL. What was cut off in the middle of a character loses that.
static bool
s_is_text (fst_follow_t *self)
{
    size_t cut = 0;
    while (cut < 4 && cut < self->bytes && !fst_utf8_valid (self->text, self->bytes - cut))
        cut++;
    bool whole = self->bytes < FST_INDEX_TEXT_BYTES_MAX;
    if ((cut && whole) || !fst_utf8_valid (self->text, self->bytes - cut))
        return false;
    self->bytes -= cut;
    return true;
}

//  FST_INTERRUPTED ends a get: what follows is not wanted.
static fst_rc_t
s_write (void *arg, const void *data, size_t bytes)
{
    fst_follow_t *self = arg;
    self->binary = bytes > FST_INDEX_TEXT_BYTES_MAX - self->bytes || memchr (data, 0, bytes);
    if (self->binary)
        return FST_INTERRUPTED;
    memcpy (self->text + self->bytes, data, bytes);
    self->bytes += bytes;
    return FST_OK;
}

//  The text of a file, if it is one; its first part if it is long.
static fst_rc_t
s_read (fst_follow_t *self, const fst_index_file_t *file, bool *text_p)
{
    filestore_sink_t sink = { self, s_write };
    filestore_get_options_t options = { .length = file->size < FST_INDEX_TEXT_BYTES_MAX? file->size: FST_INDEX_TEXT_BYTES_MAX,
                                        .version = file->version };
    self->bytes = 0;
    self->binary = false;
    fst_rc_t rc = file->size? filestore_get (self->client, file->path, &sink, &options): FST_OK;
    *text_p = rc == FST_OK && s_is_text (self);
    if (rc == FST_INTERRUPTED && self->binary)
        rc = FST_OK;
    if (rc != FST_OK && rc != FST_NOT_FOUND && rc != FST_INTERRUPTED && ++self->tries >= TRIES_MAX) {
        fst_log_warning ("only the name is indexed id=%" PRId64 " version=%" PRId64 ": %s", file->id, file->version,
                         filestore_problem (self->client));
        rc = FST_OK;
    }
    if (rc == FST_OK)
        self->tries = 0;
    return rc;
}

//  ---- What is there

static fst_rc_t
s_put_file (fst_follow_t *self, const fst_index_file_t *file)
{
    bool there, text = false;
    fst_rc_t rc = fst_index_keep (self->index, file, &there);
    if (rc != FST_OK || there)
        return rc;
    rc = s_read (self, file, &text);
    return rc == FST_OK? fst_index_put (self->index, file, text? self->text: NULL, text? self->bytes: 0): rc;
}

//  A turn's changes go to the disk at once, so that a large folder is no large transaction.
static fst_rc_t
s_commit_and_go_on (fst_follow_t *self)
{
    fst_rc_t rc = fst_index_commit (self->index);
    return rc == FST_OK? fst_index_begin (self->index): rc;
}

static fst_rc_t
s_put_path (fst_follow_t *self, const char *path);

//  One page of a folder. *after_p: the last name (caller frees), NULL if there are no more.
static fst_rc_t
s_put_page (fst_follow_t *self, const char *path, char **after_p)
{
    json_t *reply = NULL, *ask = json_pack ("{s:s, s:i}", "path", path, "limit", PAGE_ENTRIES);
    if (*after_p)
        json_object_set_new (ask, "after", json_string (*after_p));
    zstr_free (after_p);
    fst_rc_t rc = filestore_call (self->client, "metadata", "LIST_FILES", ask, &reply);
    if (rc != FST_OK)
        return rc;
    size_t at;
    json_t *name;
    json_array_foreach (json_object_get (reply, "names"), at, name) {
        char *below = zsys_sprintf ("%s/%s", strcmp (path, "/") == 0? "": path, json_string_value (name));
        rc = s_put_path (self, below);
        zstr_free (&below);
        if (rc != FST_OK)
            break;
        if (at + 1 == json_array_size (json_object_get (reply, "names")) && json_is_true (json_object_get (reply, "more")))
            *after_p = strdup (json_string_value (name));
    }
    json_decref (reply);
    return rc == FST_OK? s_commit_and_go_on (self): rc;
}

static fst_rc_t
s_put_folder (fst_follow_t *self, const char *path)
{
    char *after = NULL;
    fst_rc_t rc = s_put_page (self, path, &after);
    while (rc == FST_OK && after)
        rc = s_put_page (self, path, &after);
    zstr_free (&after);
    return rc;
}

//  What is at a path now, and below it. What is not there (any more) is no failure: an event will say so.
static fst_rc_t
s_put_path (fst_follow_t *self, const char *path)
{
    if (strstr (path, "/.thumbnails"))
        return FST_OK;              //  Pictures of pictures, named by numbers
    json_t *entry = NULL;
    const char *kind = NULL;
    fst_index_file_t file = { .path = path };
    fst_rc_t rc = filestore_stat (self->client, path, &entry);
    if (rc == FST_OK && json_unpack (entry, "{s:s, s:I, s:I, s:I, s?I}", "kind", &kind, "id", &file.id, "size", &file.size,
                                     "modified_ms", &file.modified_ms, "version", &file.version) != 0)
        rc = FST_MALFORMED;
    if (rc == FST_OK)
        rc = streq (kind, "folder")? s_put_folder (self, path): s_put_file (self, &file);
    json_decref (entry);
    return rc == FST_NOT_FOUND || rc == FST_DENIED? FST_OK: rc;
}

//  ---- Events

static fst_rc_t
s_apply (fst_follow_t *self, json_t *event)
{
    const char *type, *path = NULL, *to = NULL;
    if (json_unpack (event, "{s:s, s?s, s?s}", "type", &type, "path", &path, "to", &to) != 0)
        return FST_MALFORMED;
    if (!path || streq (type, "shared") || streq (type, "unshared"))
        return FST_OK;              //  Rights are asked for when somebody searches
    if (streq (type, "deleted"))
        return fst_index_remove (self->index, path);
    if (streq (type, "moved") && to) {
        fst_rc_t rc = fst_index_move (self->index, path, to);
        if (rc != FST_OK)
            return rc;
    }
    return s_put_path (self, to? to: path);
}

//  One event and its sequence: both or neither.
static fst_rc_t
s_take_event (fst_follow_t *self, json_t *event)
{
    fst_rc_t rc = fst_index_begin (self->index);
    if (rc != FST_OK)
        return rc;
    rc = s_apply (self, event);
    if (rc == FST_OK)
        rc = fst_index_set_sequence (self->index, json_integer_value (json_object_get (event, "sequence")));
    if (rc == FST_OK)
        return fst_index_commit (self->index);
    fst_index_rollback (self->index);
    return rc;
}

//  Everything anew, up to an event. What is in the index and has not changed is not read again, so one that was interrupted
//  goes on.
static fst_rc_t
s_look_at_all (fst_follow_t *self, int64_t sequence)
{
    fst_log_info ("looking at everything sequence=%" PRId64, sequence);
    fst_rc_t rc = fst_index_begin (self->index);
    if (rc != FST_OK)
        return rc;
    rc = fst_index_round_begin (self->index);
    if (rc == FST_OK)
        rc = s_put_path (self, self->root);
    if (rc == FST_OK)
        rc = fst_index_round_end (self->index);
    if (rc == FST_OK)
        rc = fst_index_set_sequence (self->index, sequence);
    if (rc == FST_OK)
        return fst_index_commit (self->index);
    fst_index_rollback (self->index);
    return rc;
}

//  ---- The thread

static fst_rc_t
s_read_state (fst_follow_t *self, fst_follow_state_t *state)
{
    fst_rc_t rc = fst_index_sequence (self->index, &state->sequence);
    return rc == FST_OK? fst_index_count (self->index, &state->files, &state->bytes): rc;
}

static void
s_work (void *arg)
{
    fst_follow_t *self = arg;
    json_t *body = fst_event_body (self->event);
    bool gap = streq (fst_event_topic (self->event), "gap");
    self->rc = gap? s_look_at_all (self, json_integer_value (json_object_get (body, "sequence"))): s_take_event (self, body);
    self->next = self->state;
    if (self->rc == FST_OK)
        self->rc = s_read_state (self, &self->next);
}

static void
s_worked (void *arg)
{
    fst_follow_t *self = arg;
    self->state = self->next;
    if (self->rc == FST_OK)
        fst_event_done (&self->event);
    else
    if (!self->ending)
        fst_event_fail (&self->event, "%s (%s)", filestore_problem (self->client), fst_error_code (self->rc));
}

static void
s_collect (void *arg)
{
    fst_pool_collect (((fst_follow_t *) arg)->pool);
}

//  ---- Class

fst_rc_t
fst_follow_new (fst_actor_t *actor, const char *root, const char *filename, int64_t bytes_max, fst_follow_t **self_p,
                char **problem_p)
{
    assert (actor && root && filename);
    fst_follow_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    self->root = strdup (root);
    self->text = malloc (FST_INDEX_TEXT_BYTES_MAX);
    assert (self->root && self->text);
    self->pool = fst_pool_new ("search", 1, 1);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_collect, self);
    fst_rc_t rc = fst_index_open (filename, true, bytes_max, &self->index, problem_p);
    if (rc == FST_OK)
        rc = s_read_state (self, &self->state);
    if (rc == FST_OK)
        rc = filestore_new (fst_actor_config (actor), &self->client, problem_p);
    if (rc == FST_OK)
        rc = filestore_use_token (self->client, fst_actor_keys (actor)->token);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_follow_destroy (&self);
    return rc;
}

void
fst_follow_destroy (fst_follow_t **self_p)
{
    assert (self_p);
    fst_follow_t *self = *self_p;
    if (!self)
        return;
    self->ending = true;
    if (self->client)
        filestore_stop (self->client);
    fst_pool_destroy (&self->pool);
    filestore_destroy (&self->client);
    fst_index_destroy (&self->index);
    free (self->root);
    free (self->text);
    free (self);
    *self_p = NULL;
}

void
fst_follow_question (const fst_follow_t *self, json_t *question)
{
    assert (self && question);
    json_object_del (question, "cursor");
    json_object_set_new (question, "since", json_integer (self->state.sequence < 0? NOWHERE: self->state.sequence));
}

void
fst_follow_event (fst_follow_t *self, fst_event_t **event_p)
{
    assert (self && !self->event);
    json_int_t sequence = json_integer_value (json_object_get (fst_event_body (*event_p), "sequence"));
    if (strneq (fst_event_topic (*event_p), "gap") && sequence <= self->state.sequence)
        return;                     //  It was there when everything was looked at
    self->event = *event_p;
    *event_p = NULL;
    fst_rc_t rc = fst_pool_submit (self->pool, s_work, s_worked, self);
    assert (rc == FST_OK);          //  There is one at a time
}

fst_follow_state_t
fst_follow_state (const fst_follow_t *self)
{
    assert (self);
    fst_follow_state_t state = self->state;
    if (state.sequence >= 0 && fst_actor_handled (self->actor) > state.sequence)
        state.sequence = fst_actor_handled (self->actor);       //  Past events that are none of ours
    return state;
}
