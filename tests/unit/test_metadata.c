//  Rules of the metadata actor, with a real broker and storage nodes that have no disk.

#include <criterion/criterion.h>
#include <sodium.h>
#include <sqlite3.h>
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

TestSuite (metadata, .init = s_setup, .fini = s_teardown);

static json_t *
s_path (const char *path)
{
    return json_pack ("{s:s}", "path", path);
}

static fst_rc_t
s_stat (fst_caller_t *who, const char *path)
{
    return world_call (who, "STAT", s_path (path), NULL);
}

//  The first file of GET_FILE_INFO; caller frees *reply_p.
static json_t *
s_info (fst_caller_t *who, const char *path, json_t **reply_p)
{
    cr_assert_eq (world_call (who, "GET_FILE_INFO", json_pack ("{s:[s]}", "paths", path), reply_p), FST_OK);
    return json_array_get (json_object_get (*reply_p, "files"), 0);
}

static const char *
s_code (json_t *reply, size_t at)
{
    return json_string_value (json_object_get (json_array_get (json_object_get (reply, "files"), at), "code"));
}

//  The key of the node that a row names.
static const uint8_t *
s_node_key (json_t *row)
{
    int number = atoi (json_string_value (json_object_get (row, "node")) + strlen ("node-"));
    cr_assert (number >= 1 && number <= WORLD_NODES);
    return w.nodes [number].keys->node_key;
}

//  ---- Uploads

Test (metadata, a_file_is_visible_when_its_receipts_are_genuine)
{
    uint8_t key [FST_KEY_BYTES], expected [FST_KEY_BYTES], got [FST_KEY_BYTES];
    char *upload = world_open (w.alice, "a", 2, key);
    cr_expect_eq (s_stat (w.alice, "a"), FST_NOT_FOUND);
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 2)), "ok");

    json_t *reply = NULL, *file = s_info (w.alice, "a", &reply);
    cr_expect_str_eq (json_string_value (json_object_get (file, "code")), "ok");
    cr_expect_str_eq (json_string_value (json_object_get (file, "path")), "/users/alice/a");
    fst_blob_key_derive (key, 0, expected);
    size_t bytes;
    cr_assert_eq (fst_base64_decode (json_string_value (json_object_get (file, "key")), got, sizeof (got), &bytes), FST_OK);
    cr_expect_arr_eq (got, expected, sizeof (got));

    //  What a reader needs: live nodes, a ticket for each, and a capability that reads this blob and no more
    fst_blob_id_t blob, other;
    cr_assert_eq (fst_hex_decode (json_string_value (json_object_get (file, "blob")), blob.bytes, sizeof (blob.bytes)), FST_OK);
    other = blob;
    other.bytes [15]++;
    json_t *capabilities = json_object_get (file, "capabilities"), *nodes = json_object_get (reply, "nodes"), *row;
    cr_expect_eq (json_array_size (capabilities), 2);
    cr_expect_eq (json_array_size (nodes), 2);
    size_t at;
    int64_t now_ms = fst_clock_wall_ms ();
    json_array_foreach (capabilities, at, row) {
        const char *text = json_string_value (json_object_get (row, "capability"));
        const uint8_t *node_key = s_node_key (row);
        cr_expect_eq (fst_capability_check (node_key, text, FST_RIGHT_READ, &blob, now_ms), FST_OK);
        cr_expect_eq (fst_capability_check (node_key, text, FST_RIGHT_READ, &other, now_ms), FST_DENIED);
        cr_expect_eq (fst_capability_check (node_key, text, FST_RIGHT_WRITE, &blob, now_ms), FST_DENIED);
    }
    json_array_foreach (nodes, at, row) {
        const char *text = json_string_value (json_object_get (row, "ticket"));
        cr_expect_eq (fst_ticket_check (s_node_key (row), "alice", text, now_ms), FST_OK);
    }
    json_decref (reply);
    free (upload);
}

Test (metadata, a_forged_receipt_fails_its_file_and_no_other)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    json_t *forged = world_file (&w, upload, 1, "forged", 100, 2), *reply = NULL;
    json_t *extent = json_array_get (json_object_get (forged, "extents"), 0);
    json_object_set_new (extent, "bytes", json_integer (99));           //  Not what the nodes signed
    json_object_set_new (forged, "size", json_integer (99));
    json_t *borrowed = world_file (&w, upload, 3, "borrowed", 100, 2);  //  Receipts of another file
    json_object_set (borrowed, "extents", json_object_get (forged, "extents"));
    cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:[o, o, o, o]}", "upload", upload, "files",
        world_file (&w, upload, 0, "good", 100, 2), forged, world_file (&w, upload, 2, "also-good", 100, 2), borrowed),
        &reply), FST_OK);
    cr_expect_str_eq (s_code (reply, 0), "ok");
    cr_expect_str_eq (s_code (reply, 1), "denied");
    cr_expect_str_eq (s_code (reply, 2), "ok");
    cr_expect_str_eq (s_code (reply, 3), "denied");
    json_decref (reply);
    cr_expect_eq (s_stat (w.alice, "good"), FST_OK);
    cr_expect_eq (s_stat (w.alice, "forged"), FST_NOT_FOUND);
    free (upload);
}

Test (metadata, too_few_copies_are_refused)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 1)), "too_few_nodes");
    json_t *twice = world_file (&w, upload, 0, "a", 100, 2);
    json_t *copies = json_object_get (json_array_get (json_object_get (twice, "extents"), 0), "copies");
    json_array_set (copies, 1, json_array_get (copies, 0));             //  The same node, twice
    cr_expect_str_eq (world_put_file (w.alice, upload, twice), "malformed");
    cr_expect_eq (s_stat (w.alice, "a"), FST_NOT_FOUND);
    free (upload);
}

Test (metadata, extents_must_add_up_to_the_file)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    json_t *file = world_file (&w, upload, 0, "a", 100, 2);
    json_object_set_new (file, "size", json_integer (101));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "malformed");
    file = world_file (&w, upload, 0, "a", 100, 2);                     //  A first extent that is not full
    json_array_append_new (json_object_get (file, "extents"), world_extent (&w, upload, 0, 1, 1, 100, 2));
    json_object_set_new (file, "size", json_integer (200));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "malformed");
    file = world_file (&w, upload, 0, "a", 0, 0);                       //  Only the second one
    json_array_append_new (json_object_get (file, "extents"), world_extent (&w, upload, 0, 1, 1, 100, 2));
    json_object_set_new (file, "size", json_integer (100));
    cr_expect_str_eq (world_put_file (w.alice, upload, file), "malformed");
    free (upload);
}

Test (metadata, extents_may_come_ahead_of_their_commit)
{
    char *upload = world_open (w.alice, "big", 2, NULL);
    int64_t full = (int64_t) 64 << 20;
    json_t *reply = NULL;
    json_t *first = world_file (&w, upload, 0, "big", 0, 0), *last = world_file (&w, upload, 0, "big", 0, 0);
    json_array_append_new (json_object_get (first, "extents"), world_extent (&w, upload, 0, 0, 64, full, 2));
    json_array_append_new (json_object_get (first, "extents"), world_extent (&w, upload, 0, 1, 64, full, 3));
    json_array_append_new (json_object_get (last, "extents"), world_extent (&w, upload, 0, 2, 1, 10, 2));
    json_object_set_new (first, "size", json_integer (2 * full + 10));
    json_object_set_new (last, "size", json_integer (2 * full + 10));
    cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:b, s:[o]}", "upload", upload, "commit", 0,
                              "files", first), &reply), FST_OK);
    cr_expect_str_eq (s_code (reply, 0), "ok");
    json_decref (reply);
    cr_expect_eq (s_stat (w.alice, "big"), FST_NOT_FOUND);
    world_restart (&w);
    cr_expect_str_eq (world_put_file (w.alice, upload, last), "ok");
    json_t *file = s_info (w.alice, "big", &reply);
    cr_expect_eq (json_integer_value (json_object_get (file, "size")), 2 * full + 10);
    cr_expect_eq (json_array_size (json_object_get (file, "extents")), 3);
    json_decref (reply);
    cr_expect_eq (world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "upload", upload, "from", 0,
                              "count", 1), NULL), FST_EXPIRED);         //  One file: its commit ended it
    free (upload);
}

Test (metadata, an_upload_belongs_to_who_opened_it)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    cr_expect_str_eq (world_put_file (w.bob, upload, world_file (&w, upload, 0, "a", 100, 2)), "expired");
    cr_expect_eq (world_call (w.bob, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "upload", upload, "from", 0,
                              "count", 1), NULL), FST_EXPIRED);
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "/users/bob/a", 100, 2)), "not_found");
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 2)), "ok");
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "b", 100, 2)), "exists");
    free (upload);
}

//  An application's token of a person, good for one path.
static char *
s_application (const char *name, const char *path, bool write)
{
    fst_claims_t claims = { .role = FST_ROLE_USER, .scoped = true, .expires_ms = fst_clock_wall_ms () + 3600000 };
    snprintf (claims.name, sizeof (claims.name), "%s", name);
    randombytes_buf (claims.session, sizeof (claims.session));
    cr_assert_eq (fst_scopes_add (claims.scopes, write, path), FST_OK);
    return fst_token_sign (&claims, w.auth_keys->sign_secret);
}

static fst_rc_t
s_go_on (const char *id, const char *token, const char *upload)
{
    json_t *reply = NULL;
    fst_rc_t rc = world_call_as (&w, id, token, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "upload", upload, "from", 0,
                                 "count", 1), &reply);
    json_decref (reply);
    return rc;
}

//  Who may read a file that was put by an upload that is still open knows the upload's id: the file's blob begins with it.
Test (metadata, an_applications_token_goes_on_with_its_own_uploads_only)
{
    char *hers = world_open (w.alice, "/users/alice", 2, NULL), blob [25] = "";
    cr_expect_str_eq (world_put_file (w.alice, hers, world_file (&w, hers, 0, "a", 100, 2)), "ok");
    char *reader = s_application ("alice", "/users/alice/a", false), *writer = s_application ("alice", "/users/alice", true);
    json_t *reply = NULL;
    cr_assert_eq (world_call_as (&w, "1", reader, "STAT", json_pack ("{s:s}", "path", "a"), &reply), FST_OK);
    snprintf (blob, sizeof (blob), "%s", json_string_value (json_object_get (reply, "blob")));
    json_decref (reply);
    reply = NULL;
    cr_expect_str_eq (blob, hers);
    cr_expect_eq (s_go_on ("2", reader, blob), FST_EXPIRED, "it would be told the key of all that is uploaded");
    cr_expect_eq (s_go_on ("3", writer, blob), FST_EXPIRED);
    cr_expect_eq (world_call_as (&w, "4", reader, "END_UPLOAD", json_pack ("{s:s, s:i}", "upload", blob, "files", 1), &reply), FST_EXPIRED);
    json_decref (reply);
    cr_expect_str_eq (world_put_file (w.alice, hers, world_file (&w, hers, 1, "b", 100, 2)), "ok", "it is open");

    cr_assert_eq (world_call_as (&w, "5", writer, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "path", "/users/alice", "from", 0,
                                 "count", 1), &reply), FST_OK);
    const char *its = json_string_value (json_object_get (reply, "upload"));
    cr_expect_eq (s_go_on ("6", writer, its), FST_OK);
    cr_expect_eq (s_go_on ("7", reader, its), FST_EXPIRED);
    json_decref (reply);
    free (hers);
    free (reader);
    free (writer);
}

Test (metadata, who_may_not_write_hears_it_before_the_upload)
{
    static const struct { const char *path; fst_rc_t rc; } rows [] = {
        { "/users/bob/a", FST_NOT_FOUND }, { "/users/bob", FST_DENIED }, { "/", FST_DENIED }, { "/a", FST_DENIED },
        { "missing/a", FST_NOT_FOUND }, { "file/a", FST_NOT_A_FOLDER }, { "file", FST_OK }, { "folder", FST_OK },
        { "../a", FST_MALFORMED }
    };
    world_put (&w, w.alice, "file", 1);
    cr_assert_eq (s_stat (w.bob, "/users/bob"), FST_OK);
    cr_assert_eq (world_call (w.alice, "MAKE_FOLDER", s_path ("folder"), NULL), FST_OK);
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++) {
        fst_rc_t rc = world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "path", rows [at].path,
                                  "from", 0, "count", 1), NULL);
        cr_expect_eq (rc, rows [at].rc, "%s: %s", rows [at].path, fst_error_code (rc));
    }
}

Test (metadata, an_empty_file_needs_no_upload)
{
    cr_expect_str_eq (world_put_file (w.alice, NULL, world_file (&w, NULL, 0, "empty", 0, 0)), "ok");
    json_t *file = world_file (&w, NULL, 0, "full", 0, 0);
    json_object_set_new (file, "size", json_integer (5));
    cr_expect_str_eq (world_put_file (w.alice, NULL, file), "malformed");
    json_t *reply = NULL;
    file = s_info (w.alice, "empty", &reply);
    cr_expect_eq (json_integer_value (json_object_get (file, "size")), 0);
    json_decref (reply);
}

Test (metadata, a_replacement_keeps_the_version_before)
{
    world_put (&w, w.alice, "a", 100);
    world_put (&w, w.alice, "a", 200);
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.alice, "GET_FILE_INFO", json_pack ("{s:[s], s:i}", "paths", "a", "version", 1), &reply), FST_OK);
    cr_expect_eq (json_integer_value (json_object_get (json_array_get (json_object_get (reply, "files"), 0), "size")), 100);
    json_decref (reply);
}

//  ---- At most once, and for ever

Test (metadata, a_repeated_request_gets_the_recorded_reply_also_after_a_restart)
{
    char *token = world_token (&w, "alice", FST_ROLE_USER), *other = world_token (&w, "alice", FST_ROLE_USER);
    json_t *first = NULL, *again = NULL;
    cr_assert_eq (world_call_as (&w, "id-1", token, "MAKE_FOLDER", s_path ("f"), &first), FST_OK);
    cr_assert_eq (world_call_as (&w, "id-1", token, "MAKE_FOLDER", s_path ("f"), &again), FST_OK);
    cr_expect (json_equal (first, again));
    json_decref (again);
    world_restart (&w);
    cr_assert_eq (world_call_as (&w, "id-1", token, "MAKE_FOLDER", s_path ("f"), &again), FST_OK);
    cr_expect (json_equal (first, again));
    json_decref (again);
    cr_expect_eq (world_call_as (&w, "id-2", token, "MAKE_FOLDER", s_path ("f"), &again), FST_EXISTS);
    cr_expect_eq (world_call_as (&w, "id-1", other, "MAKE_FOLDER", s_path ("f"), &again), FST_EXISTS);
    //  A failure is not recorded: it may go better the next time
    cr_expect_eq (world_call_as (&w, "id-3", token, "MAKE_FOLDER", s_path ("g/h"), &again), FST_NOT_FOUND);
    cr_expect_eq (world_call (w.alice, "MAKE_FOLDER", s_path ("g"), NULL), FST_OK);
    cr_expect_eq (world_call_as (&w, "id-3", token, "MAKE_FOLDER", s_path ("g/h"), &again), FST_OK);
    json_decref (again);
    json_decref (first);
    free (token);
    free (other);
}

Test (metadata, after_a_restart_reads_and_writes_go_on_at_once)
{
    world_put (&w, w.alice, "before", 100);
    char *upload = world_open (w.alice, "during", 2, NULL);
    for (int number = 1; number <= WORLD_NODES; number++)
        w.nodes [number].silent = true;                         //  Nobody registers again
    world_restart (&w);
    json_t *reply = NULL, *file = s_info (w.alice, "before", &reply);
    json_t *extent = json_array_get (json_object_get (file, "extents"), 0);
    cr_expect_eq (json_array_size (json_object_get (extent, "nodes")), 2);
    json_decref (reply);
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "during", 100, 2)), "ok");
    free (upload);
    free (world_open (w.alice, "after", 2, NULL));
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 3));
}

Test (metadata, requests_under_way_together_are_all_answered)
{
    uint64_t tickets [100], ticket;
    char name [16];
    for (int at = 0; at < 100; at++) {
        snprintf (name, sizeof (name), "f%d", at % 90);         //  Ten of them twice
        cr_assert_eq (fst_caller_send (w.alice, "metadata", "MAKE_FOLDER", s_path (name), &tickets [at]), FST_OK);
    }
    int done = 0, made = 0;
    fst_rc_t rc;
    json_t *reply;
    while (done < 100) {
        zpoller_t *poller = zpoller_new (fst_caller_socket (w.alice), NULL);
        zpoller_wait (poller, 100);
        zpoller_destroy (&poller);
        for (; fst_caller_receive (w.alice, &ticket, &rc, &reply); done++) {
            made += rc == FST_OK;
            cr_expect (rc == FST_OK || rc == FST_EXISTS);
            json_decref (reply);
        }
    }
    cr_expect_eq (made, 90);
    cr_assert_eq (world_call (w.alice, "LIST_FILES", s_path ("/users/alice"), &reply), FST_OK);
    cr_expect_eq (json_array_size (json_object_get (reply, "names")), 90);
    json_decref (reply);
}

//  ---- Listings

Test (metadata, listings_come_in_pages_and_columns)
{
    json_t *reply = NULL, *names;
    char all [64] = "", after [8] = "";
    for (int at = 0; at < 5; at++) {
        char name [2] = { (char) ('a' + at), 0 };
        world_put (&w, w.alice, name, at + 1);
    }
    bool more = true;
    for (int page = 0; more && page < 9; page++) {
        cr_assert_eq (world_call (w.alice, "LIST_FILES", json_pack ("{s:s, s:s, s:i}", "path", "/users/alice",
                                  "after", after, "limit", 2), &reply), FST_OK);
        names = json_object_get (reply, "names");
        for (size_t at = 0; at < json_array_size (names); at++)
            strcat (all, strcpy (after, json_string_value (json_array_get (names, at))));
        cr_expect_eq (strlen (json_string_value (json_object_get (reply, "kinds"))), json_array_size (names));
        cr_expect_eq (json_array_size (json_object_get (reply, "sizes")), json_array_size (names));
        cr_expect_eq (json_array_size (json_object_get (reply, "owners")), 1);
        more = json_is_true (json_object_get (reply, "more"));
        json_decref (reply);
    }
    cr_expect_str_eq (all, "abcde");
}

Test (metadata, a_page_of_long_names_is_cut_to_what_one_message_takes)
{
    char name [256];
    json_t *reply = NULL, *files = json_array ();
    for (int at = 0; at < 256 * 20; at++) {
        memset (name, '\1', 255);                               //  Six octets each in JSON
        name [255] = 0;
        snprintf (name, 8, "%05d", at);
        name [5] = '\1';
        json_array_append_new (files, world_file (&w, NULL, 0, name, 0, 0));
        if (json_array_size (files) == 256) {
            cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:O}", "files", files), &reply), FST_OK);
            json_decref (reply);
            json_array_clear (files);
        }
    }
    json_decref (files);
    cr_assert_eq (world_call (w.alice, "LIST_FILES", json_pack ("{s:s, s:i}", "path", "/users/alice", "limit", 10000),
                              &reply), FST_OK);
    cr_expect (json_is_true (json_object_get (reply, "more")));
    cr_expect_gt (json_array_size (json_object_get (reply, "names")), 100);
    json_decref (reply);
}

//  ---- Nodes

Test (metadata, only_the_node_itself_registers_it)
{
    fst_caller_t *node = fst_caller_new (w.bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    fst_caller_set_token (node, w.nodes [1].keys->token);
    cr_expect_eq (world_call (node, "REGISTER", world_node_says (&w.nodes [2]), NULL), FST_DENIED);
    cr_expect_eq (world_call (node, "REGISTER", world_node_says (&w.nodes [1]), NULL), FST_OK);
    cr_expect_eq (world_call (w.root, "REGISTER", world_node_says (&w.nodes [1]), NULL), FST_DENIED);
    fst_caller_destroy (&node);
}

Test (metadata, a_silent_node_is_pruned_and_comes_back)
{
    world_put (&w, w.alice, "a", 100);
    w.nodes [1].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 1));
    json_t *reply = NULL, *file = s_info (w.alice, "a", &reply);
    json_t *nodes = json_object_get (json_array_get (json_object_get (file, "extents"), 0), "nodes");
    cr_expect_eq (json_array_size (nodes), 1);                  //  Not offered to readers
    cr_expect_str_eq (json_string_value (json_array_get (nodes, 0)), "node-2");
    json_t *away = json_object_get (json_array_get (json_object_get (file, "extents"), 0), "away");
    cr_expect_str_eq (json_string_value (json_array_get (away, 0)), "node-1", "but people may know");
    json_decref (reply);
    cr_expect_eq (world_status (&w, "bytes_at_one_copy"), 100);
    for (int time = 0; time < 20; time++) {                     //  Gets nothing new
        cr_assert_eq (world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "path", "b", "from", 0,
                                  "count", 1), &reply), FST_OK);
        size_t at;
        json_t *row;
        json_array_foreach (json_object_get (reply, "nodes"), at, row)
            cr_expect_str_neq (json_string_value (json_object_get (row, "node")), "node-1");
        json_decref (reply);
    }
    w.nodes [1].silent = false;
    cr_expect (WORLD_AWAIT (world_count (&w, "alive") == 3));
    cr_expect (WORLD_AWAIT (world_status (&w, "bytes_at_one_copy") == 0));
}

Test (metadata, too_few_live_nodes_are_told_with_their_number)
{
    w.nodes [1].silent = w.nodes [2].silent = true;
    cr_expect (WORLD_AWAIT (world_count (&w, "pruned") == 2));
    fst_rc_t rc = world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i}", "path", "a", "from", 0,
                              "count", 1), NULL);
    cr_expect_eq (rc, FST_TOO_FEW_NODES);
    cr_expect (strstr (fst_caller_problem (w.alice), "2 copies"), "%s", fst_caller_problem (w.alice));
    cr_expect (strstr (fst_caller_problem (w.alice), "only 1 is alive"), "%s", fst_caller_problem (w.alice));
}

Test (metadata, avoided_nodes_are_replaced_and_kept_ones_stay)
{
    json_t *reply = NULL;
    char *upload = world_open (w.alice, "a", 2, NULL);
    for (int time = 0; time < 20; time++) {
        cr_assert_eq (world_call (w.alice, "GET_WRITE_NODES", json_pack ("{s:s, s:i, s:i, s:[s], s:[s]}", "upload", upload,
            "from", 0, "count", 1, "keep", "node-2", "avoid", "node-1"), &reply), FST_OK);
        json_t *names = json_array_get (json_object_get (reply, "extents"), 0);
        cr_expect_str_eq (json_string_value (json_array_get (names, 0)), "node-2");
        cr_expect_str_eq (json_string_value (json_array_get (names, 1)), "node-3");
        json_decref (reply);
    }
    free (upload);
}

Test (metadata, nodes_are_asked_to_register_after_a_start)
{
    int before = w.nodes [1].asked;
    world_restart (&w);
    cr_expect (WORLD_AWAIT (w.nodes [1].asked > before));
}

//  ---- Garbage

Test (metadata, what_is_deleted_forever_goes_from_its_nodes)
{
    world_put (&w, w.alice, "a", 100);
    w.nodes [1].refuses = true;
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (w.nodes [2].dropped == 1));
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 1));
    w.nodes [1].refuses = false;                                //  It is told until it confirms
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 0));
    cr_expect_eq (w.nodes [1].dropped, 1);
    cr_expect_eq (w.nodes [3].deleted, 0);
    cr_expect_eq (world_status (&w, "bytes"), 0);
}

static bool
s_recovers (void)
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.root, "STATUS", NULL, &reply), FST_OK);
    bool recovers = json_is_true (json_object_get (reply, "recovery"));
    json_decref (reply);
    return recovers;
}

Test (metadata, an_older_database_deletes_nothing_until_an_admin_says_so)
{
    world_put (&w, w.alice, "a", 100);
    w.nodes [1].sequence = 1000000;                             //  It has seen more than this database knows
    cr_assert (WORLD_AWAIT (s_recovers ()));
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", "a", "forever", 1), NULL), FST_OK);
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 2));
    world_restart (&w);                                         //  It is remembered
    int64_t until_ms = fst_clock_mono_ms () + 1500;             //  Time for what must not be done
    cr_expect (WORLD_AWAIT (fst_clock_mono_ms () > until_ms));
    cr_expect_eq (world_status (&w, "garbage"), 2);
    cr_expect_eq (w.nodes [1].deleted + w.nodes [2].deleted, 0);
    cr_expect_eq (world_call (w.alice, "END_RECOVERY", NULL, NULL), FST_DENIED);
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.root, "END_RECOVERY", NULL, &reply), FST_OK);
    cr_expect_geq (json_integer_value (json_object_get (reply, "sequence")), 1000000);
    json_decref (reply);
    cr_expect (WORLD_AWAIT (world_status (&w, "garbage") == 0));
}

//  ---- Time, and what is told by event

static void
s_short_leases (void)
{
    world_new (&w);
    world_set (&w, "lease", "8 s");             //  What is done in between takes a hundredth of it
    world_start (&w);
    for (int number = 1; number <= WORLD_NODES; number++)
        world_start_node (&w, number);
    cr_assert (WORLD_AWAIT (world_count (&w, "alive") == 3));
}

TestSuite (leases, .init = s_short_leases, .fini = s_teardown);

Test (leases, an_upload_that_is_not_used_ends_and_its_leftovers_go)
{
    char *upload = world_open (w.alice, "/users/alice", 2, NULL);
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 0, "a", 100, 2)), "ok");
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 1, "nowhere/b", 100, 2)), "not_found");
    cr_expect (WORLD_AWAIT (world_status (&w, "uploads") == 0));
    cr_expect_str_eq (world_put_file (w.alice, upload, world_file (&w, upload, 1, "b", 100, 2)), "expired");
    cr_expect (WORLD_AWAIT (w.nodes [1].deleted + w.nodes [2].deleted + w.nodes [3].deleted >= 2));
    cr_expect_eq (s_stat (w.alice, "a"), FST_OK);
    free (upload);
}

Test (metadata, changes_are_published_in_order)
{
    zsock_t *events = NULL;
    cr_assert_eq (fst_socket_connect (ZMQ_SUB, w.bus.events_out, NULL, &events), FST_OK);
    zsock_set_subscribe (events, "file.");
    zsock_set_rcvtimeo (events, 20);
    //  Until the subscription has arrived
    zmsg_t *message = NULL;
    char path [32];
    for (int at = 0; !message && at < 500; at++) {
        snprintf (path, sizeof (path), "warm-%d", at);
        cr_assert_eq (world_call (w.alice, "MAKE_FOLDER", s_path (path), NULL), FST_OK);
        message = zmsg_recv (events);
    }
    cr_assert (message);
    zmsg_destroy (&message);
    while ((message = zmsg_recv (events)))
        zmsg_destroy (&message);
    world_put (&w, w.alice, "a", 100);
    cr_assert_eq (world_call (w.alice, "MOVE", json_pack ("{s:s, s:s}", "from", "a", "to", "b"), NULL), FST_OK);
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", s_path ("b"), NULL), FST_OK);
    static const char *const expected [] = { "file.committed", "file.moved", "file.deleted" };
    int64_t last = 0;
    zsock_set_rcvtimeo (events, WORLD_WAIT_MS);
    for (size_t at = 0; at < 3; at++) {
        while ((message = zmsg_recv (events)) && last == 0 && !zframe_streq (zmsg_first (message), expected [at]))
            zmsg_destroy (&message);                            //  Of the first folders, and late
        cr_assert (message);
        cr_expect (zframe_streq (zmsg_first (message), expected [at]));
        json_t *body = json_loadb ((char *) zframe_data (zmsg_last (message)), zframe_size (zmsg_last (message)), 0, NULL);
        int64_t sequence = json_integer_value (json_object_get (body, "sequence"));
        cr_expect (last == 0 || sequence == last + 1);
        cr_expect_eq (json_object_size (body), 1, "everybody hears it, so it tells no name");
        last = sequence;
        json_decref (body);
        zmsg_destroy (&message);
    }
    zsock_destroy (&events);
}

Test (metadata, a_session_that_auth_ended_is_refused)
{
    char *token = world_token (&w, "alice", FST_ROLE_USER), session [33];
    fst_claims_t claims;
    cr_assert_eq (fst_token_verify (token, w.auth_keys->sign_public, fst_clock_wall_ms (), &claims), FST_OK);
    fst_hex_encode (claims.session, sizeof (claims.session), session);
    fst_caller_t *caller = fst_caller_new (w.bus.clients, NULL, WORLD_WAIT_MS, WORLD_WAIT_MS);
    fst_caller_set_token (caller, token);
    cr_expect_eq (s_stat (caller, "/users/alice"), FST_OK);
    zsock_t *publisher = NULL;
    cr_assert_eq (fst_socket_connect (ZMQ_PUB, w.bus.events_in, NULL, &publisher), FST_OK);
    char body [128];
    snprintf (body, sizeof (body), "{\"session\":\"%s\",\"expires_ms\":%lld}", session, (long long) claims.expires_ms);
    cr_expect (WORLD_AWAIT ((zstr_sendx (publisher, "revoked", body, NULL), s_stat (caller, "/users/alice") == FST_EXPIRED)));
    zsock_destroy (&publisher);
    fst_caller_destroy (&caller);
    free (token);
}

Test (metadata, extents_told_ahead_need_as_many_copies_as_the_commit)
{
    char *upload = world_open (w.alice, "a", 1, NULL);
    json_t *reply = NULL;
    json_t *file = world_file (&w, upload, 0, "a", 100, 1);
    cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:b, s:[o]}", "upload", upload, "commit", 0,
                  "files", file), &reply), FST_OK);
    cr_expect_str_eq (s_code (reply, 0), "ok");
    json_decref (reply);
    file = json_pack ("{s:i, s:s, s:i, s:i, s:[]}", "index", 0, "path", "a", "size", 100, "modified_ms", 5, "extents");
    cr_assert_eq (world_call (w.alice, "PUT_FILE_INFO", json_pack ("{s:s, s:i, s:[o]}", "upload", upload, "replicas", 3,
                  "files", file), &reply), FST_OK);
    cr_expect_str_eq (s_code (reply, 0), "too_few_nodes");
    json_decref (reply);
    free (upload);
}

Test (leases, an_upload_never_heard_of_again_is_deleted_on_its_nodes)
{
    char *upload = world_open (w.alice, "a", 2, NULL);
    cr_expect (WORLD_AWAIT (world_status (&w, "uploads") == 0));
    cr_expect (WORLD_AWAIT (w.nodes [1].deleted + w.nodes [2].deleted + w.nodes [3].deleted >= 2));
    free (upload);
}

//  ---- Failing writes

//  Journal rows cannot be written from now on, or can again.
static void
s_break_journal (bool broken)
{
    char filename [256];
    sqlite3 *db = NULL;
    snprintf (filename, sizeof (filename), "%s/metadata.db", w.bus.folder);
    cr_assert_eq (sqlite3_open (filename, &db), SQLITE_OK);
    sqlite3_busy_timeout (db, WORLD_WAIT_MS);
    cr_assert_eq (sqlite3_exec (db, broken? "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE (FAIL, 'broken'); END"
                                          : "DROP TRIGGER broken", NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg (db));
    sqlite3_close (db);
}

static json_t *
s_node_rows (void)
{
    json_t *reply = NULL;
    cr_assert_eq (world_call (w.root, "LIST_NODES", NULL, &reply), FST_OK);
    json_t *rows = json_incref (json_object_get (reply, "nodes"));
    json_decref (reply);
    return rows;
}

Test (metadata, nodes_that_could_not_be_written_are_not_known)
{
    json_t *said = world_node_says (&w.nodes [1]), *reply = NULL;
    json_object_set_new (said, "node", json_string ("node-9"));
    fst_claims_t claims = { .role = FST_ROLE_ACTOR, .name = "storage:node-9", .expires_ms = fst_clock_wall_ms () + 3600000 };
    char *token = fst_token_sign (&claims, w.auth_keys->sign_secret);
    s_break_journal (true);
    cr_expect_neq (world_call_as (&w, "0123456789abcdef01234567", token, "REGISTER", json_incref (said), &reply), FST_OK);
    cr_expect_neq (world_call (w.root, "DRAIN", json_pack ("{s:s, s:b}", "node", "node-3", "drain", 1), NULL), FST_OK);
    json_t *rows = s_node_rows (), *row;
    size_t at;
    cr_expect_eq (json_array_size (rows), WORLD_NODES);
    json_array_foreach (rows, at, row)
        cr_expect_not (json_is_true (json_object_get (row, "draining")));
    json_decref (rows);
    json_decref (reply);
    s_break_journal (false);
    cr_expect_eq (world_call_as (&w, "0123456789abcdef01234568", token, "REGISTER", said, &reply), FST_OK);
    rows = s_node_rows ();
    cr_expect_eq (json_array_size (rows), WORLD_NODES + 1);
    json_decref (rows);
    json_decref (reply);
    free (token);
}
