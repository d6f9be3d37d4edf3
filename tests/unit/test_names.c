//  Commands about names: trash, versions, copies, search, sharing and events, as they are on the bus.

#include <criterion/criterion.h>
#include "metadata_world.h"

static world_t w;

static void
s_setup (void)
{
    world_new_running (&w);
}

static void
s_teardown (void)
{
    world_destroy (&w);
}

TestSuite (names, .init = s_setup, .fini = s_teardown);

//  Call metadata, which must do it. Caller decrefs.
static json_t *
s_ask (fst_caller_t *who, const char *command, json_t *payload)
{
    json_t *reply = NULL;
    fst_rc_t rc = world_call (who, command, payload, &reply);
    cr_assert_eq (rc, FST_OK, "%s: %s", command, fst_caller_problem (who));
    return reply;
}

//  And a number or text of its reply.
static int64_t
s_number (fst_caller_t *who, const char *command, json_t *payload, const char *field)
{
    json_t *reply = s_ask (who, command, payload);
    cr_assert (json_is_integer (json_object_get (reply, field)), "%s has no %s", command, field);
    int64_t number = json_integer_value (json_object_get (reply, field));
    json_decref (reply);
    return number;
}

static const char *
s_text (fst_caller_t *who, const char *command, json_t *payload, const char *field)
{
    static char text [4200];
    json_t *reply = s_ask (who, command, payload);
    snprintf (text, sizeof (text), "%s", json_string_value (json_object_get (reply, field)));
    json_decref (reply);
    return text;
}

static json_t *
s_path (const char *path)
{
    return json_pack ("{s:s}", "path", path);
}

static void
s_make (fst_caller_t *who, const char *path)
{
    json_decref (s_ask (who, "MAKE_FOLDER", s_path (path)));
}

static fst_rc_t
s_stat (fst_caller_t *who, const char *path)
{
    return world_call (who, "STAT", s_path (path), NULL);
}

//  All pages of a list: the texts of a column, or of a field of its rows, each with a space behind.
static const char *
s_pages (fst_caller_t *who, const char *command, json_t *request, const char *list, const char *field)
{
    static char text [8192];
    text [0] = 0;
    for (bool more = true; more; ) {
        json_t *reply = s_ask (who, command, json_incref (request)), *row;
        size_t at;
        json_array_foreach (json_object_get (reply, list), at, row)
            strcat (strcat (text, json_string_value (field? json_object_get (row, field): row)), " ");
        more = json_is_true (json_object_get (reply, "more"));
        json_t *next = json_object_get (reply, "next");
        cr_assert_eq (more, next != NULL);
        if (more)
            json_object_set (request, "after", next);
        json_decref (reply);
    }
    json_decref (request);
    return text;
}

//  ---- Trash

Test (names, the_trash_comes_in_pages_from_the_newest)
{
    char name [16], expected [512] = "";
    for (int at = 0; at < 7; at++) {
        snprintf (name, sizeof (name), "f%d", at);
        s_make (w.alice, name);
        cr_expect_gt (s_number (w.alice, "DELETE_FILE", s_path (name), "trash"), 0);
    }
    for (int at = 6; at >= 0; at--)
        sprintf (expected + strlen (expected), "/users/alice/f%d ", at);
    for (int limit = 1; limit <= 8; limit++)
        cr_expect_str_eq (s_pages (w.alice, "LIST_TRASH", json_pack ("{s:i}", "limit", limit), "paths", NULL), expected);
    cr_expect_str_eq (s_pages (w.bob, "LIST_TRASH", json_object (), "paths", NULL), "");
    cr_expect_eq (world_call (w.alice, "LIST_TRASH", json_pack ("{s:s}", "after", "x"), NULL), FST_MALFORMED);
}

Test (names, a_restore_that_is_asked_for_twice_happens_once)
{
    char *token = world_token (&w, "alice", FST_ROLE_USER);
    json_t *first = NULL, *again = NULL;
    world_put (&w, w.alice, "a", 100);
    int64_t trash = s_number (w.alice, "DELETE_FILE", s_path ("a"), "trash");
    cr_assert_eq (world_call_as (&w, "id-1", token, "RESTORE", json_pack ("{s:I}", "trash", trash), &first), FST_OK);
    cr_assert_eq (world_call_as (&w, "id-1", token, "RESTORE", json_pack ("{s:I}", "trash", trash), &again), FST_OK);
    cr_expect (json_equal (first, again));
    cr_expect_str_eq (json_string_value (json_object_get (first, "path")), "/users/alice/a");
    cr_expect_eq (world_call (w.alice, "RESTORE", json_object (), NULL), FST_MALFORMED);
    json_decref (first);
    json_decref (again);
    free (token);
}

Test (names, what_is_emptied_goes_from_the_nodes)
{
    world_put (&w, w.alice, "a", 100);
    world_put (&w, w.alice, "b", 100);
    s_number (w.alice, "DELETE_FILE", s_path ("a"), "trash");
    int64_t trash = s_number (w.alice, "DELETE_FILE", s_path ("b"), "trash");
    cr_expect_eq (world_call (w.alice, "EMPTY_TRASH", json_pack ("{s:[I, I]}", "ids", trash, trash + 1000), NULL), FST_NOT_FOUND);
    cr_expect_eq (s_number (w.alice, "EMPTY_TRASH", json_pack ("{s:[I]}", "ids", trash), "entries"), 1);
    cr_expect_str_eq (s_pages (w.alice, "LIST_TRASH", json_object (), "names", NULL), "a ");
    cr_expect_eq (s_number (w.alice, "EMPTY_TRASH", json_object (), "entries"), 1);
    cr_expect (WORLD_AWAIT (w.nodes [1].deleted + w.nodes [2].deleted + w.nodes [3].deleted >= 4));
}

//  ---- Versions

Test (names, a_file_is_written_only_over_the_version_that_was_expected)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    json_t *file = world_file (&w, upload, 0, "a", 100, 2);
    json_object_set_new (file, "if_version", json_integer (1));
    cr_expect_str_eq (world_put_file (w.alice, upload, json_incref (file)), "changed");
    json_object_set_new (file, "if_version", json_integer (0));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "ok");
    file = world_file (&w, upload, 1, "a", 100, 2);
    json_object_set_new (file, "if_version", json_integer (0));
    cr_expect_str_eq (world_put_file (w.alice, upload, json_incref (file)), "changed");
    json_object_set_new (file, "if_version", json_integer (1));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "ok");
    cr_expect_eq (s_number (w.alice, "STAT", s_path ("a"), "version"), 2);
    free (upload);
}

Test (names, versions_are_listed_read_and_restored)
{
    world_put (&w, w.alice, "a", 100);
    world_put (&w, w.alice, "a", 200);
    json_t *reply = s_ask (w.alice, "LIST_VERSIONS", json_pack ("{s:s, s:i}", "path", "a", "limit", 1));
    cr_expect_eq (json_integer_value (json_object_get (reply, "current")), 2);
    cr_expect (json_is_true (json_object_get (reply, "more")));
    json_decref (reply);
    reply = s_ask (w.alice, "LIST_VERSIONS", json_pack ("{s:s, s:i}", "path", "a", "after", 2));
    json_t *row = json_array_get (json_object_get (reply, "versions"), 0);
    cr_expect_eq (json_integer_value (json_object_get (row, "size")), 100);
    cr_expect (json_is_false (json_object_get (reply, "more")));
    json_decref (reply);
    cr_expect_eq (s_number (w.alice, "RESTORE_VERSION", json_pack ("{s:s, s:i}", "path", "a", "version", 1), "version"), 3);
    cr_expect_eq (s_number (w.alice, "STAT", s_path ("a"), "size"), 100);
    for (int version = 1; version <= 3; version++) {
        reply = s_ask (w.alice, "GET_FILE_INFO", json_pack ("{s:[s], s:i}", "paths", "a", "version", version));
        row = json_array_get (json_object_get (reply, "files"), 0);
        cr_expect_eq (json_integer_value (json_object_get (row, "size")), version == 2? 200: 100);
        cr_expect_eq (json_integer_value (json_object_get (row, "version")), version);
        json_decref (reply);
    }
    cr_expect_eq (world_call (w.alice, "LIST_VERSIONS", s_path ("/users/alice"), NULL), FST_IS_A_FOLDER);
}

Test (names, a_copy_can_be_read_when_the_original_is_gone)
{
    world_put (&w, w.alice, "a", 100);
    cr_expect_eq (s_number (w.alice, "COPY", json_pack ("{s:s, s:s}", "from", "a", "to", "b"), "entries"), 1);
    json_decref (s_ask (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1)));
    world_put (&w, w.alice, "c", 100);
    json_decref (s_ask (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "c", "forever", 1)));
    cr_expect (WORLD_AWAIT (w.nodes [1].deleted + w.nodes [2].deleted + w.nodes [3].deleted >= 2));    //  That of c
    json_t *reply = s_ask (w.alice, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", "b"));
    json_t *file = json_array_get (json_object_get (reply, "files"), 0);
    cr_expect_str_eq (json_string_value (json_object_get (file, "code")), "ok");
    cr_expect_eq (json_array_size (json_object_get (json_array_get (json_object_get (file, "extents"), 0), "nodes")), 2);
    json_decref (reply);
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 0));
}

//  ---- Sharing

static json_t *
s_grant (const char *path, const char *user, const char *rights)
{
    return json_pack ("{s:s, s:s, s:s}", "path", path, "user", user, "rights", rights);
}

Test (names, who_has_rights_is_listed_from_the_entry_upwards)
{
    s_make (w.bob, "x");
    s_make (w.root, "x");
    s_make (w.alice, "f");
    s_make (w.alice, "f/g");
    cr_expect_str_eq (s_text (w.alice, "SHARE", s_grant ("f", "bob", "read"), "path"), "/users/alice/f");
    json_decref (s_ask (w.alice, "SHARE", s_grant ("f/g", "root", "write")));
    json_decref (s_ask (w.alice, "SHARE", s_grant ("f/g", "bob", "write")));
    for (int limit = 1; limit <= 4; limit++) {
        cr_expect_str_eq (s_pages (w.alice, "LIST_GRANTS", json_pack ("{s:s, s:i}", "path", "f/g", "limit", limit),
                                   "grants", "user"), "bob root bob ");
        cr_expect_str_eq (s_pages (w.alice, "LIST_GRANTS", json_pack ("{s:s, s:i}", "path", "f/g", "limit", limit),
                                   "grants", "path"), "/users/alice/f/g /users/alice/f/g /users/alice/f ");
        cr_expect_str_eq (s_pages (w.bob, "LIST_SHARED", json_pack ("{s:i}", "limit", limit), "paths", NULL),
                          "/users/alice/f /users/alice/f/g ");
    }
    cr_expect_str_eq (s_text (w.bob, "LIST_SHARED", json_object (), "rights"), "rw");
    cr_expect_eq (world_call (w.bob, "LIST_GRANTS", s_path ("/users/alice/f"), NULL), FST_DENIED);
    cr_expect_eq (world_call (w.root, "LIST_GRANTS", s_path ("/users/alice/f"), NULL), FST_NOT_FOUND);
    cr_expect_str_eq (s_text (w.bob, "STAT", s_path ("/users/alice/f"), "rights"), "read");
    cr_expect_str_eq (s_text (w.bob, "STAT", s_path ("/users/alice/f/g"), "rights"), "write");
    cr_expect_str_eq (s_text (w.alice, "STAT", s_path ("f"), "rights"), "own");
    json_decref (s_ask (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "f/g", "recursive", 1)));
    cr_expect_str_eq (s_pages (w.bob, "LIST_SHARED", json_object (), "paths", NULL), "/users/alice/f ");
    json_decref (s_ask (w.bob, "UNSHARE", s_path ("/users/alice/f")));
    cr_expect_eq (s_stat (w.bob, "/users/alice/f"), FST_NOT_FOUND);
}

//  ---- Search

Test (names, a_search_begins_at_home_and_goes_on_page_by_page)
{
    s_make (w.alice, "Plans");
    s_make (w.alice, "Plans/plan B");
    world_put (&w, w.alice, "my plan", 5);
    for (int limit = 1; limit <= 4; limit++)
        cr_expect_str_eq (s_pages (w.alice, "FIND", json_pack ("{s:s, s:i}", "text", "PLAN", "limit", limit), "paths", NULL),
                          "/users/alice/Plans /users/alice/Plans/plan B /users/alice/my plan ");
    cr_expect_str_eq (s_pages (w.bob, "FIND", json_pack ("{s:s, s:s}", "text", "plan", "path", "/"), "paths", NULL), "");
    cr_expect_eq (world_call (w.bob, "FIND", json_pack ("{s:s, s:s}", "text", "plan", "path", "/users/alice"), NULL),
                  FST_NOT_FOUND);
}

//  ---- Events

//  Types of all events after *since_p, each with a space behind; *since_p moves on.
static const char *
s_events (fst_caller_t *who, json_t *request, int64_t *since_p)
{
    static char text [8192];
    text [0] = 0;
    for (bool more = true; more; ) {
        json_object_set_new (request, "since", json_integer (*since_p));
        json_t *reply = s_ask (who, "LIST_EVENTS", json_incref (request)), *event;
        size_t at;
        json_array_foreach (json_object_get (reply, "events"), at, event) {
            int64_t sequence = json_integer_value (json_object_get (event, "sequence"));
            cr_expect_gt (sequence, *since_p, "each event once, in order");
            *since_p = sequence;
            strcat (strcat (text, json_string_value (json_object_get (event, "type"))), " ");
        }
        cr_expect (json_is_false (json_object_get (reply, "gap")));
        cr_expect_geq (json_integer_value (json_object_get (reply, "sequence")), *since_p);
        *since_p = json_integer_value (json_object_get (reply, "sequence"));
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
    }
    json_decref (request);
    return text;
}

Test (names, events_go_on_from_any_sequence_without_a_gap)
{
    s_make (w.bob, "x");
    s_make (w.alice, "f");
    int64_t begin = s_number (w.alice, "LIST_EVENTS", json_object (), "sequence"), since;
    world_put (&w, w.alice, "f/a", 10);
    json_decref (s_ask (w.alice, "MOVE", json_pack ("{s:s, s:s}", "from", "f/a", "to", "b")));
    json_decref (s_ask (w.alice, "COPY", json_pack ("{s:s, s:s}", "from", "b", "to", "c")));
    int64_t trash = s_number (w.alice, "DELETE_FILE", s_path ("b"), "trash");
    json_decref (s_ask (w.alice, "RESTORE", json_pack ("{s:I}", "trash", trash)));
    json_decref (s_ask (w.alice, "SHARE", s_grant ("f", "bob", "read")));
    json_decref (s_ask (w.alice, "UNSHARE", json_pack ("{s:s, s:s}", "path", "f", "user", "bob")));
    static const char all [] = "committed moved copied deleted restored shared unshared ";
    for (int limit = 1; limit <= 8; limit++) {
        since = begin;
        cr_expect_str_eq (s_events (w.alice, json_pack ("{s:i, s:[s]}", "limit", limit, "types", "file"), &since), all);
    }
    cr_expect_str_eq (s_events (w.alice, json_object (), &since), "");
    s_make (w.alice, "g");
    cr_expect_str_eq (s_events (w.alice, json_object (), &since), "folder ");
    since = begin;
    cr_expect_str_eq (s_events (w.alice, json_pack ("{s:[s, s]}", "types", "file.moved", "file.copied"), &since), "moved copied ");
    since = begin;
    cr_expect_str_eq (s_events (w.alice, json_pack ("{s:s}", "path", "f"), &since), "committed moved shared unshared ");
    since = begin;
    cr_expect_str_eq (s_events (w.bob, json_pack ("{s:[s]}", "types", "file"), &since), "shared unshared ");
}

Test (names, everybody_hears_of_nodes)
{
    int64_t since = s_number (w.bob, "LIST_EVENTS", json_object (), "sequence");
    w.nodes [2].silent = true;
    cr_assert (WORLD_AWAIT (s_number (w.bob, "LIST_EVENTS", json_object (), "sequence") > since));
    json_t *reply = s_ask (w.bob, "LIST_EVENTS", json_pack ("{s:I, s:[s]}", "since", since, "types", "node"));
    json_t *event = json_array_get (json_object_get (reply, "events"), 0);
    cr_expect_str_eq (json_string_value (json_object_get (event, "node")), "node-2");
    cr_expect_str_eq (json_string_value (json_object_get (event, "type")), "silent");
    json_decref (reply);
    cr_expect_str_eq (s_events (w.bob, json_pack ("{s:s}", "path", "/"), &since), "");
}

Test (names, a_path_to_look_at_does_not_tell_where_things_came_from)
{
    s_make (w.bob, "x");
    s_make (w.alice, "secret");
    s_make (w.alice, "seen");
    world_put (&w, w.alice, "secret/a", 10);
    world_put (&w, w.alice, "seen/b", 10);
    json_decref (s_ask (w.alice, "SHARE", s_grant ("seen", "bob", "read")));
    int64_t since = s_number (w.bob, "LIST_EVENTS", json_object (), "sequence"), begin = since;
    json_decref (s_ask (w.alice, "MOVE", json_pack ("{s:s, s:s}", "from", "secret/a", "to", "seen/a")));
    json_decref (s_ask (w.alice, "COPY", json_pack ("{s:s, s:s}", "from", "seen/b", "to", "secret/b")));
    cr_expect_str_eq (s_events (w.bob, json_pack ("{s:s}", "path", "/users/alice/secret"), &since), "");
    since = begin;
    cr_expect_str_eq (s_events (w.bob, json_pack ("{s:s}", "path", "/users/alice/seen"), &since), "committed ");
    since = begin;
    cr_expect_str_eq (s_events (w.alice, json_pack ("{s:s}", "path", "secret"), &since), "moved copied ");
}

Test (names, events_that_are_not_kept_are_a_gap)
{
    s_make (w.alice, "f");
    int64_t now = s_number (w.alice, "LIST_EVENTS", json_object (), "sequence");
    json_t *reply = s_ask (w.alice, "LIST_EVENTS", json_pack ("{s:I}", "since", now + 5));     //  Of another database
    cr_expect (json_is_true (json_object_get (reply, "gap")));
    cr_expect_eq (json_integer_value (json_object_get (reply, "sequence")), now);
    json_decref (reply);

    fst_metadata_destroy (&w.metadata);         //  What time does after a million of events
    fst_catalog_t *catalog = NULL;
    char *problem = NULL;
    bool more;
    cr_assert_eq (fst_catalog_open (fst_config_text (w.config, "metadata-database"), &catalog, &problem), FST_OK);
    cr_assert_eq (fst_catalog_begin (catalog), FST_OK);
    cr_assert_eq (fst_catalog_trim (catalog, 0, 0, 2, &more), FST_OK);
    int64_t kept = fst_catalog_counters (catalog)->sequence - 2;
    cr_assert_eq (fst_catalog_commit (catalog), FST_OK);
    fst_catalog_destroy (&catalog);
    world_start (&w);
    for (int64_t since = kept - 1; since <= kept; since++) {
        reply = s_ask (w.alice, "LIST_EVENTS", json_pack ("{s:I}", "since", since));
        cr_expect_eq (json_is_true (json_object_get (reply, "gap")), since < kept);
        cr_expect_eq (json_integer_value (json_object_get (reply, "first")), kept + 1);
        json_decref (reply);
    }
}

//  ---- Cursors

//  Paths of file events behind the cursor, each with a space; *sequence_p is what the reply says.
static const char *
s_behind_cursor (fst_caller_t *who, const char *cursor, int64_t *sequence_p)
{
    static char text [4096];
    json_t *reply = s_ask (who, "LIST_EVENTS", json_pack ("{s:s, s:[s]}", "cursor", cursor, "types", "file")), *event;
    size_t at;
    text [0] = 0;
    json_array_foreach (json_object_get (reply, "events"), at, event)
        strcat (strcat (text, json_string_value (json_object_get (event, "path"))), " ");
    *sequence_p = json_integer_value (json_object_get (reply, "sequence"));
    json_decref (reply);
    return text;
}

static fst_rc_t
s_move_cursor (fst_caller_t *who, const char *cursor, int64_t sequence)
{
    return world_call (who, "MOVE_CURSOR", json_pack ("{s:s, s:I}", "cursor", cursor, "sequence", sequence), NULL);
}

Test (names, a_cursor_stays_where_its_owner_put_it)
{
    int64_t sequence;
    s_make (w.alice, "a");
    cr_expect_str_eq (s_behind_cursor (w.alice, "mine", &sequence), "/users/alice /users/alice/a ");
    cr_expect_str_eq (s_behind_cursor (w.alice, "mine", &sequence), "/users/alice /users/alice/a ");
    cr_expect_eq (s_move_cursor (w.alice, "mine", sequence), FST_OK);
    s_make (w.alice, "b");
    world_restart (&w);
    cr_expect_str_eq (s_behind_cursor (w.alice, "mine", &sequence), "/users/alice/b ");
    cr_expect_str_eq (s_behind_cursor (w.alice, "another", &sequence), "/users/alice /users/alice/a /users/alice/b ");
    cr_expect_str_eq (s_behind_cursor (w.bob, "mine", &sequence), "/users/bob ");       //  That is bob's, and new
    cr_expect_eq (s_move_cursor (w.alice, "mine", 0), FST_OK);                          //  Once more from the beginning
    cr_expect_str_eq (s_behind_cursor (w.alice, "mine", &sequence), "/users/alice /users/alice/a /users/alice/b ");
    cr_expect_eq (s_move_cursor (w.alice, "mine", sequence + 1000), FST_MALFORMED);
    cr_expect_eq (world_call (w.alice, "LIST_EVENTS", json_pack ("{s:s, s:i}", "cursor", "mine", "since", 1), NULL), FST_MALFORMED);
}

Test (names, so_many_cursors_and_no_more)
{
    for (int at = 0; at <= FST_CURSORS_MAX; at++) {
        char name [32];
        snprintf (name, sizeof (name), "cursor-%d", at);
        cr_expect_eq (s_move_cursor (w.alice, name, 0), at < FST_CURSORS_MAX? FST_OK: FST_TOO_MANY);
    }
    cr_expect_eq (s_move_cursor (w.alice, "cursor-0", 1), FST_OK);
    cr_expect_eq (s_move_cursor (w.bob, "cursor-0", 1), FST_OK);
}
