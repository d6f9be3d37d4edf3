//  The calls that go to metadata and back, without content.

#include "fst_client.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"

#define PAGE_ENTRIES 2000           //  Names of a folder in one reply
#define PAGE_EXTENTS 512

//  One call about a path; payload is taken.
static fst_rc_t
s_ask (filestore_t *self, const char *command, const char *path, json_t *payload, json_t **reply_p)
{
    if (!payload)
        return fst_client_fail (self, FST_BAD_NAME, "%s: a path must be UTF-8", path);
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        return fst_client_ask (self, "metadata", command, payload, path, reply_p);
    json_decref (payload);
    return rc;
}

fst_rc_t
filestore_stat (filestore_t *self, const char *path, json_t **reply_p)
{
    assert (self);
    assert (path);
    return s_ask (self, "STAT", path, json_pack ("{s:s}", "path", path), reply_p);
}

//  Append the extents of one page of GET_FILE_INFO. Sets *from_p to the next, or to -1.
static fst_rc_t
s_add_extents (filestore_t *self, const char *path, json_t *reply, json_t *extents, json_int_t *from_p)
{
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    fst_rc_t rc = fst_error_parse (json_string_value (json_object_get (file, "code")));
    if (rc != FST_OK) {
        char *sentence = fst_client_sentence (path, rc, json_string_value (json_object_get (file, "message")));
        fst_client_fail (self, rc, "%s", sentence);
        free (sentence);
        return rc;
    }
    json_t *page = json_object_get (file, "extents");
    if (page)
        json_array_extend (extents, page);
    json_t *next = json_object_get (file, "next");
    *from_p = next? json_integer_value (next): -1;
    return FST_OK;
}

fst_rc_t
filestore_stat_extents (filestore_t *self, const char *path, json_t **reply_p)
{
    assert (reply_p);
    json_t *entry = NULL;
    fst_rc_t rc = filestore_stat (self, path, &entry);
    if (rc != FST_OK)
        return rc;
    json_t *extents = json_array ();
    json_int_t from = strcmp (json_string_value (json_object_get (entry, "kind")), "file") == 0? 0: -1;
    while (rc == FST_OK && from >= 0) {
        json_t *page = NULL;
        rc = s_ask (self, "GET_FILE_INFO", path, json_pack ("{s:[s], s:I, s:i}", "paths", path, "from", from,
                                                            "count", PAGE_EXTENTS), &page);
        if (rc == FST_OK)
            rc = s_add_extents (self, path, page, extents, &from);
        json_decref (page);
    }
    if (rc == FST_OK) {
        json_object_set (entry, "extents", extents);
        *reply_p = json_incref (entry);
    }
    json_decref (extents);
    json_decref (entry);
    return rc;
}

//  Call each for the entries of one page. False if the columns do not fit together.
static bool
s_each_entry (json_t *page, filestore_entry_fn *each, void *arg, fst_rc_t *rc)
{
    json_t *names = json_object_get (page, "names"), *sizes = json_object_get (page, "sizes"),
           *times = json_object_get (page, "modified_ms"), *owners = json_object_get (page, "owners"),
           *ids = json_object_get (page, "ids");
    const char *kinds = json_string_value (json_object_get (page, "kinds"));
    size_t count = json_array_size (names), owners_count = json_array_size (owners);
    if (strlen (kinds) != count || json_array_size (sizes) != count || json_array_size (times) != count
    ||  json_array_size (ids) != count || (owners_count != count && owners_count != 1))
        return count == 0 && owners_count == 0;
    for (size_t at = 0; at < count && *rc == FST_OK; at++) {
        filestore_entry_t entry = {
            .name = json_string_value (json_array_get (names, at)),
            .folder = kinds [at] == 'd',
            .size = json_integer_value (json_array_get (sizes, at)),
            .modified_ms = json_integer_value (json_array_get (times, at)),
            .owner = json_string_value (json_array_get (owners, owners_count == 1? 0: at)),
            .id = json_integer_value (json_array_get (ids, at))
        };
        *rc = each (arg, &entry);
    }
    return true;
}

fst_rc_t
filestore_list (filestore_t *self, const char *path, filestore_entry_fn *each, void *arg)
{
    assert (self);
    assert (path);
    assert (each);
    json_t *after = json_string (""), *page = NULL;
    fst_rc_t rc = FST_OK;
    bool more = true;
    while (rc == FST_OK && more) {
        rc = s_ask (self, "LIST_FILES", path, json_pack ("{s:s, s:O, s:i}", "path", path, "after", after,
                                                         "limit", PAGE_ENTRIES), &page);
        if (rc != FST_OK)
            break;
        if (!s_each_entry (page, each, arg, &rc))
            rc = fst_client_fail (self, FST_INTERNAL, "%s: the listing makes no sense; is metadata of another version?",
                                  path);
        json_t *names = json_object_get (page, "names");
        more = json_is_true (json_object_get (page, "more")) && json_array_size (names) > 0;
        if (more) {
            json_decref (after);
            after = json_incref (json_array_get (names, json_array_size (names) - 1));
        }
        json_decref (page);
    }
    json_decref (after);
    return rc;
}

fst_rc_t
filestore_make_folder (filestore_t *self, const char *path, bool parents)
{
    return s_ask (self, "MAKE_FOLDER", path, json_pack ("{s:s, s:b}", "path", path, "parents", parents), NULL);
}

fst_rc_t
filestore_move (filestore_t *self, const char *from, const char *to, bool replace)
{
    return s_ask (self, "MOVE", from, json_pack ("{s:s, s:s, s:b}", "from", from, "to", to, "replace", replace), NULL);
}

fst_rc_t
filestore_delete (filestore_t *self, const char *path, bool recursive, bool forever)
{
    return s_ask (self, "DELETE_FILE", path, json_pack ("{s:s, s:b, s:b}", "path", path, "recursive", recursive,
                                                        "forever", forever), NULL);
}

fst_rc_t
filestore_nodes (filestore_t *self, json_t **reply_p)
{
    return s_ask (self, "LIST_NODES", "", json_object (), reply_p);
}

fst_rc_t
filestore_status (filestore_t *self, json_t **reply_p)
{
    json_t *status, *accounts;
    fst_rc_t rc = s_ask (self, "STATUS", "", json_object (), &status);
    if (rc != FST_OK)
        return rc;
    rc = fst_client_ask (self, "auth", "STATUS", json_object (), NULL, &accounts);
    if (rc == FST_OK) {
        json_object_update_missing (status, accounts);
        json_decref (accounts);
        *reply_p = status;
    }
    else
        json_decref (status);
    return rc;
}

fst_rc_t
filestore_call (filestore_t *self, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    assert (self);
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        return fst_client_ask (self, service, command, payload, NULL, reply_p);
    json_decref (payload);
    return rc;
}

fst_rc_t
filestore_call_frames (filestore_t *self, const char *service, const char *command, json_t *payload,
                       const filestore_sink_t *frames, json_t **reply_p)
{
    assert (self && frames);
    fst_rc_t rc = fst_client_begin (self);
    if (rc == FST_OK)
        return fst_client_ask_frames (self, service, command, payload, frames, reply_p);
    json_decref (payload);
    return rc;
}

static void
s_answered (void *owner, void *item, fst_rc_t rc, json_t *reply, const char *problem)
{
    size_t *open = owner;
    filestore_question_t *question = item;
    question->rc = rc;
    question->reply = json_incref (reply);
    question->problem = rc == FST_OK? NULL: strdup (problem? problem: fst_error_text (rc));
    question->answered_ms = fst_clock_wall_ms ();
    (*open)--;
}

fst_rc_t
filestore_call_many (filestore_t *self, filestore_question_t *questions, size_t count)
{
    assert (self && (questions || !count));
    size_t open = count;
    fst_rc_t rc = fst_client_begin (self);
    for (size_t at = 0; rc == FST_OK && at < count; at++) {
        questions [at].asked_ms = fst_clock_wall_ms ();
        fst_client_call (self, questions [at].service, questions [at].command, NULL, s_answered, &open, &questions [at]);
    }
    while (rc == FST_OK && open)
        rc = fst_client_turn (self, 1000);
    if (rc == FST_OK)
        return FST_OK;
    fst_client_forget (self, &open);
    for (size_t at = 0; at < count; at++)
        if (!questions [at].answered_ms)
            questions [at].rc = rc;
    return fst_client_fail (self, rc, "%s", fst_error_text (rc));
}

void
filestore_questions_clear (filestore_question_t *questions, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        json_decref (questions [at].reply);
        free (questions [at].problem);
        free (questions [at].service);
        questions [at] = (filestore_question_t) { 0 };
    }
}
