//  The search actor: asks the index, then metadata, then answers.

#include "fst_search.h"
#include <assert.h>
#include <string.h>
#include "fst_text.h"

#define LIMIT_STANDARD  50
#define BATCH_MAX       32              //  Files that metadata is asked about at once
#define ROUNDS_MAX      8               //  Batches, when many that were found are gone or not for the caller
#define SHARED_PAGES    8               //  Of a thousand places that others share with the caller

typedef struct {
    json_t *file;                       //  As in the reply; NULL: not for the caller
    struct s_query *query;
    int64_t id;
} s_hit_t;

//  A search under way. It ends with its last call, which the actor's loop sees to.
typedef struct s_query {
    fst_search_t *search;
    fst_request_t *request;
    char *path;                         //  Only there; "" = everywhere
    json_t *places;                     //  Paths that the caller may look at
    json_t *results;
    size_t limit;
    int64_t before;                     //  Id
    int rounds, shared_pages;
    s_hit_t hits [BATCH_MAX];
    size_t count, asked, pending;
    fst_rc_t rc;                        //  Of the calls
} s_query_t;

static void
s_query_destroy (s_query_t **self_p)
{
    s_query_t *self = *self_p;
    for (size_t at = 0; at < self->count; at++)
        json_decref (self->hits [at].file);
    json_decref (self->places);
    json_decref (self->results);
    free (self->path);
    free (self);
    *self_p = NULL;
}

static void
s_end (s_query_t *self, fst_rc_t rc, const char *problem)
{
    bool more = json_array_size (self->results) > self->limit;
    if (more)
        json_array_remove (self->results, self->limit);
    if (rc == FST_OK)
        fst_request_reply (&self->request, json_pack ("{s:O, s:b}", "results", self->results, "more", more));
    else
        fst_request_fail (&self->request, rc, "%s", problem? problem: fst_error_text (rc));
    s_query_destroy (&self);
}

//  ---- Files that were found

static bool
s_found (void *arg, const fst_index_file_t *file, const char *snippet)
{
    s_query_t *self = arg;
    s_hit_t *hit = &self->hits [self->count++];
    *hit = (s_hit_t) { .query = self, .id = file->id };
    hit->file = json_pack ("{s:s, s:s, s:I, s:I, s:I, s:s}", "path", file->path, "kind", "file", "id", (json_int_t) file->id,
                           "size", (json_int_t) file->size, "modified_ms", (json_int_t) file->modified_ms, "snippet", snippet);
    self->before = file->id;
    return self->count < self->asked;
}

//  The next batch, or the end.
static void
s_look (s_query_t *self);

static void
s_batch_done (s_query_t *self)
{
    for (size_t at = 0; at < self->count; at++)
        if (self->hits [at].file) {
            json_array_append_new (self->results, self->hits [at].file);
            self->hits [at].file = NULL;
        }
    bool last = self->count < self->asked || ++self->rounds == ROUNDS_MAX;
    self->count = 0;
    if (self->rc != FST_OK || last || json_array_size (self->results) > self->limit)
        s_end (self, self->rc, NULL);
    else
        s_look (self);
}

//  What metadata says of a hit to who searches: it must be that very file, and readable.
static void
s_stat_done (void *arg, fst_rc_t rc, json_t *reply)
{
    s_hit_t *hit = arg;
    s_query_t *self = hit->query;
    json_t *owner = json_object_get (reply, "owner");
    bool may = rc == FST_OK && json_object_get (reply, "rights") && owner
            && json_integer_value (json_object_get (reply, "id")) == hit->id;
    if (may)
        json_object_set (hit->file, "owner", owner);
    else {
        json_decref (hit->file);
        hit->file = NULL;
    }
    if (rc != FST_OK && rc != FST_NOT_FOUND && rc != FST_DENIED)
        self->rc = rc;
    if (--self->pending == 0)
        s_batch_done (self);
}

static void
s_look (s_query_t *self)
{
    json_t *payload = fst_request_payload (self->request);
    size_t wanted = self->limit + 1 - json_array_size (self->results);
    self->asked = wanted < BATCH_MAX? wanted: BATCH_MAX;
    fst_rc_t rc = fst_index_find (self->search->index, json_string_value (json_object_get (payload, "query")), self->places,
                                  self->before, self->asked, s_found, self);
    if (rc != FST_OK || self->count == 0) {
        s_end (self, rc, NULL);
        return;
    }
    self->pending = self->count;
    size_t count = self->count;
    for (size_t at = 0; at < count; at++)
        fst_actor_call_as (self->search->actor, fst_request_token (self->request), "metadata", "STAT",
                           json_pack ("{s:O}", "path", json_object_get (self->hits [at].file, "path")), s_stat_done, &self->hits [at]);
}

//  ---- Where to look

//  "/" is "": everything else below it begins with its path and a slash.
static bool
s_is_at (const char *path, const char *place)
{
    size_t bytes = strlen (place);
    return strncmp (path, place, bytes) == 0 && (path [bytes] == '/' || path [bytes] == 0);
}

//  What of a place is in the path that was asked for.
static void
s_add_place (s_query_t *self, const char *place)
{
    if (s_is_at (place, self->path))
        json_array_append_new (self->places, json_string (place));
    else
    if (s_is_at (self->path, place))
        json_array_append_new (self->places, json_string (self->path));
}

static void
s_ask_shared (s_query_t *self, const char *after);

static void
s_shared_done (void *arg, fst_rc_t rc, json_t *reply)
{
    s_query_t *self = arg;
    if (rc != FST_OK) {
        s_end (self, rc, fst_actor_problem (self->search->actor));
        return;
    }
    size_t at;
    json_t *path, *next = json_object_get (reply, "next");
    json_array_foreach (json_object_get (reply, "paths"), at, path)
        s_add_place (self, json_string_value (path));
    if (next && ++self->shared_pages < SHARED_PAGES)
        s_ask_shared (self, json_string_value (next));
    else
        s_look (self);
}

static void
s_ask_shared (s_query_t *self, const char *after)
{
    json_t *ask = json_pack ("{s:i}", "limit", 1000);
    if (after)
        json_object_set_new (ask, "after", json_string (after));
    fst_actor_call_as (self->search->actor, fst_request_token (self->request), "metadata", "LIST_SHARED", ask,
                       s_shared_done, self);
}

static void
s_search (void *arg, fst_request_t **request_p)
{
    fst_search_t *search = arg;
    json_t *payload = fst_request_payload (*request_p);
    const fst_claims_t *claims = fst_request_claims (*request_p);
    const char *given = json_string_value (json_object_get (payload, "path"));
    json_t *limit = json_object_get (payload, "limit");
    char home [sizeof ("/users/") + sizeof (claims->name)];
    char *path = NULL;
    snprintf (home, sizeof (home), "/users/%s", claims->name);
    fst_rc_t rc = fst_path_normal (given? given: "/", home, &path);
    if (rc != FST_OK) {
        fst_request_fail (request_p, rc, NULL);
        return;
    }
    s_query_t *self = calloc (1, sizeof (*self));
    assert (self);
    if (strcmp (path, "/") == 0)
        *path = 0;
    *self = (s_query_t) { .search = search, .request = *request_p, .path = path, .places = json_array (), .results = json_array (),
                          .limit = limit? (size_t) json_integer_value (limit): LIMIT_STANDARD, .before = INT64_MAX };
    *request_p = NULL;
    s_add_place (self, home);
    s_ask_shared (self, NULL);
}

static void
s_status (void *arg, fst_request_t **request_p)
{
    fst_search_t *self = arg;
    fst_follow_state_t state = fst_follow_state (self->follow);
    bool complete = state.sequence >= 0;
    fst_request_reply (request_p, json_pack ("{s:b, s:I, s:I, s:I}", "complete", complete, "sequence",
                                             complete? (json_int_t) state.sequence: 0, "files", (json_int_t) state.files,
                                             "bytes", (json_int_t) state.bytes));
}

static void
s_metrics (void *arg, fst_figures_t *figures)
{
    fst_follow_state_t state = fst_follow_state (((fst_search_t *) arg)->follow);
    fst_actor_figure (figures, "files", "Files in the index", state.files);
    fst_actor_figure (figures, "index_bytes", "Octets of the index", state.bytes);
    fst_actor_figure (figures, "sequence", "Event up to which all is in the index; -1: it is not complete", state.sequence);
}

//  ---- The actor

static void
s_event (void *arg, fst_event_t **event_p)
{
    fst_follow_event (((fst_search_t *) arg)->follow, event_p);
}

static void
s_question (void *arg, json_t *question)
{
    fst_follow_question (((fst_search_t *) arg)->follow, question);
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_search_t *self = arg;
    const fst_config_t *config = fst_actor_config (actor);
    const char *filename = fst_config_text (config, "search-index");
    self->actor = actor;
    fst_rc_t rc = fst_follow_new (actor, fst_config_text (config, "search-path"), filename, fst_config_number (config, "search-size"),
                                  &self->follow, problem_p);
    if (rc == FST_OK)
        rc = fst_index_open (filename, false, 0, &self->index, problem_p);
    if (rc != FST_OK)
        fst_follow_destroy (&self->follow);
    return rc;
}

static void
s_stop (void *arg)
{
    fst_search_t *self = arg;
    fst_index_destroy (&self->index);
    fst_follow_destroy (&self->follow);
}

static const fst_command_t s_commands [] = {
    //  name        needs               handler
    { "SEARCH",     FST_NEED_USER,      s_search },
    { "STATUS",     FST_NEED_ADMIN,     s_status },
    { NULL }
};

static const fst_durable_t s_events [] = {
    { "file",       s_event },
    { NULL }
};

static const fst_option_t s_settings [] = {
    { "search-index",   FST_OPTION_FILE, "search.db", 0, 0, "Where the index lies; made anew if it is lost" },
    { "search-size",    FST_OPTION_SIZE, "1 GiB", 1024 * 1024, (int64_t) 1 << 50, "Octets of the index from which on only names are added" },
    { "search-path",    FST_OPTION_TEXT, "/",     0, 0, "What is indexed, of what the actor may read" },
    { NULL }
};

const fst_actor_class_t fst_search_class = {
    .title = "Finds text files by their names and words.",
    .commands = s_commands,
    .events = s_events,
    .gap = s_event,
    .question = s_question,
    .settings = s_settings,
    .start = s_start,
    .stop = s_stop,
    .metrics = s_metrics
};
