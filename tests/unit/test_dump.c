//  A catalog as rows of JSON and back: the same rows give the same catalog, whose books are right; rows that do not fit
//  together change nothing. And: a copy made by fst_db_copy has books that are right, whatever was going on.

#include "catalog_fixture.h"
#include "fst_db.h"
#include "fst_dump.h"
#include <jansson.h>
#include <pthread.h>

TestSuite (dump, .init = s_setup, .fini = s_teardown, .timeout = 280);

static char s_other_name [700];
static fst_catalog_t *s_other;

static void
s_open_other (void)
{
    char *problem = NULL;
    snprintf (s_other_name, sizeof (s_other_name), "%s/other.db", s_folder);
    cr_assert_eq (fst_catalog_open (s_other_name, &s_other, &problem), FST_OK, "%s", problem);
}

static void
s_close_other (void)
{
    char problem [256] = "";
    cr_expect_eq (fst_catalog_check (s_other, problem, sizeof (problem)), FST_OK, "%s", problem);
    fst_catalog_destroy (&s_other);
}

static void
s_add_node (fst_catalog_t *catalog, const char *name)
{
    fst_node_t node = { .capacity = 1 };
    snprintf (node.name, sizeof (node.name), "%s", name);
    cr_assert_eq (fst_catalog_node_add (catalog, &node), FST_OK);
}

//  Files, versions, trash and rights of two people, on three nodes. Leaves no batch open.
static void
s_fill (void)
{
    s_add_node (s_catalog, "zero");
    s_add_node (s_catalog, "one");
    s_add_node (s_catalog, "two");
    s_as (&alice);
    for (int number = 0; number < 700; number++) {
        char path [32];
        snprintf (path, sizeof (path), "file-%d", number);
        cr_assert_eq (s_put (path, number), FST_OK);
    }
    cr_assert_eq (s_mkdir ("folder"), FST_OK);
    for (int version = 0; version < 3; version++)
        cr_assert_eq (s_put ("folder/versions", 100 + version), FST_OK);
    cr_assert_eq (s_delete ("file-7", false, false), FST_OK);
    fst_entry_t entry = { 0 };
    cr_assert_eq (s_stat ("folder", &entry), FST_OK);
    cr_assert_eq (fst_catalog_grant_put (s_catalog, entry.id, "bob", 1), FST_OK);
    s_as (&bob);
    cr_assert_eq (s_put ("mine", 5), FST_OK);
    cr_assert_eq (fst_catalog_run_add (s_catalog, "00000000000000aa"), FST_OK);
    cr_assert_eq (fst_catalog_commit (s_catalog), FST_OK);
}

//  All pages and the header; caller decrefs both.
static json_t *
s_dump (const char *filename, json_t **header_p)
{
    char *problem = NULL;
    fst_dump_t *dump = NULL;
    json_t *pages = json_array ();
    cr_assert_eq (fst_dump_new (filename, &dump, &problem), FST_OK, "%s", problem);
    cr_assert_eq (fst_dump_header (dump, header_p), FST_OK);
    for (bool more = true; more; ) {
        json_t *page = json_object ();
        cr_assert_eq (fst_dump_page (dump, page, &more), FST_OK);
        json_array_append_new (pages, page);
    }
    fst_dump_destroy (&dump);
    return pages;
}

static fst_rc_t
s_load (json_t *pages, json_t *header)
{
    char *problem = NULL;
    fst_load_t *load = NULL;
    size_t at;
    json_t *page;
    fst_rc_t rc = fst_load_new (s_other_name, s_other, header, &load, &problem);
    json_array_foreach (pages, at, page)
        if (rc == FST_OK)
            rc = fst_load_page (load, page, &problem);
    if (rc == FST_OK)
        rc = fst_load_finish (load, 7, &problem);
    cr_expect (rc == FST_OK || problem, "a failure has a sentence: %s", fst_error_code (rc));
    free (problem);
    fst_load_destroy (&load);
    return rc;
}

Test (dump, a_load_gives_the_same_catalog)
{
    json_t *header, *header_after;
    s_fill ();
    json_t *pages = s_dump (s_filename, &header);
    cr_expect_gt (json_array_size (pages), 2);
    s_open_other ();
    //  The nodes came in another order there
    cr_assert_eq (fst_catalog_begin (s_other), FST_OK);
    s_add_node (s_other, "two");
    s_add_node (s_other, "stranger");
    cr_assert_eq (fst_catalog_run_add (s_other, "00000000000000bb"), FST_OK);
    cr_assert_eq (fst_catalog_commit (s_other), FST_OK);
    cr_assert_eq (s_load (pages, header), FST_OK);
    const fst_counters_t *ours = fst_catalog_counters (s_catalog), *theirs = fst_catalog_counters (s_other);
    cr_expect_eq (theirs->files, ours->files);
    cr_expect_eq (theirs->folders, ours->folders);
    cr_expect_eq (theirs->last_id, ours->last_id);
    cr_expect_geq (theirs->sequence, ours->sequence);

    //  What nodes were told by the first database fits the second
    int64_t end;
    cr_expect_eq (fst_catalog_run_end (s_other, "00000000000000aa", &end), FST_OK);
    cr_expect_eq (end, ours->sequence);
    cr_expect_eq (fst_catalog_run_end (s_other, "00000000000000bb", &end), FST_OK);

    json_t *after = s_dump (s_other_name, &header_after);
    json_t *stranger = json_pack ("{s:s, s:s, s:b}", "name", "stranger", "zone", "", "draining", 0);
    cr_assert_eq (json_array_insert (json_object_get (json_array_get (pages, 0), "nodes"), 1, stranger), 0);
    json_decref (stranger);
    json_t *first = json_array (), *second = json_array ();
    static const char *const tables [] = { "nodes", "entries", "versions", "trash", "grants", "blobs", "extents" };
    for (size_t table = 0; table < sizeof (tables) / sizeof (tables [0]); table++) {
        size_t at;
        json_t *page;
        json_array_foreach (pages, at, page)
            json_array_extend (first, json_object_get (page, tables [table]));
        json_array_foreach (after, at, page)
            json_array_extend (second, json_object_get (page, tables [table]));
    }
    cr_expect (json_equal (first, second));
    cr_expect_eq ((size_t) json_integer_value (json_object_get (header_after, "rows")), json_array_size (second));
    json_decref (first);
    json_decref (second);
    json_decref (after);
    json_decref (header_after);
    json_decref (pages);
    json_decref (header);
    s_close_other ();
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}

//  One change to the rows, which then do not fit together.
static void
s_expect_refused (void (*damage) (json_t *pages, json_t *header))
{
    json_t *header;
    json_t *pages = s_dump (s_filename, &header);
    damage (pages, header);
    cr_expect_neq (s_load (pages, header), FST_OK);
    cr_expect_eq (fst_catalog_counters (s_other)->files, 0);
    fst_entry_t entry;
    cr_expect_eq (fst_catalog_entry_find (s_other, FST_ENTRY_USERS, "alice", &entry), FST_NOT_FOUND);
    json_decref (pages);
    json_decref (header);
}

static json_t *
s_row (json_t *pages, const char *table, size_t number)
{
    size_t at;
    json_t *page;
    json_array_foreach (pages, at, page) {
        json_t *rows = json_object_get (page, table);
        if (number < json_array_size (rows))
            return json_array_get (rows, number);
        number -= json_array_size (rows);
    }
    cr_assert_fail ("no such row");
    return NULL;
}

static void
s_lack_a_row (json_t *pages, json_t *header)
{
    (void) header;
    json_array_remove (json_object_get (json_array_get (pages, 0), "entries"), 10);
}

static void
s_lack_an_extent (json_t *pages, json_t *header)
{
    json_t *last = json_array_get (pages, json_array_size (pages) - 1);
    json_array_remove (json_object_get (last, "extents"), 0);
    json_object_set_new (header, "rows", json_integer (json_integer_value (json_object_get (header, "rows")) - 1));
}

static void
s_miscount (json_t *pages, json_t *header)
{
    (void) header;
    json_object_set_new (s_row (pages, "entries", 3), "size", json_integer (9));
}

//  A folder inside itself: reached from nowhere, and yet in a folder.
static void
s_make_ring (json_t *pages, json_t *header)
{
    (void) header;
    for (size_t at = 0; at < 710; at++) {
        json_t *row = s_row (pages, "entries", at);
        if (strcmp (json_string_value (json_object_get (row, "name")), "folder") == 0) {
            json_object_set (row, "parent", json_object_get (row, "id"));
            json_object_set_new (row, "size", json_integer (2));
            break;
        }
    }
    json_t *home = s_row (pages, "entries", 3);
    json_object_set_new (home, "size", json_integer (json_integer_value (json_object_get (home, "size")) - 1));
}

static void
s_climb_out (json_t *pages, json_t *header)
{
    (void) header;
    json_object_set_new (s_row (pages, "entries", 5), "name", json_string (".."));
}

static void
s_come_twice (json_t *pages, json_t *header)
{
    (void) header;
    json_object_set (s_row (pages, "entries", 5), "name", json_object_get (s_row (pages, "entries", 4), "name"));
}

static void
s_name_a_stranger (json_t *pages, json_t *header)
{
    (void) header;
    json_object_set_new (s_row (pages, "extents", 0), "nodes", json_pack ("[s]", "nobody"));
}

Test (dump, rows_that_do_not_fit_together_change_nothing)
{
    s_fill ();
    s_open_other ();
    s_expect_refused (s_lack_a_row);
    s_expect_refused (s_lack_an_extent);
    s_expect_refused (s_miscount);
    s_expect_refused (s_make_ring);
    s_expect_refused (s_climb_out);
    s_expect_refused (s_come_twice);
    s_expect_refused (s_name_a_stranger);
    json_t *header, *pages = s_dump (s_filename, &header);
    cr_expect_eq (s_load (pages, header), FST_OK, "and after all that it can still be loaded");
    cr_expect_eq (s_load (pages, header), FST_NOT_EMPTY);
    json_decref (pages);
    json_decref (header);
    s_close_other ();
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}

Test (dump, is_of_one_moment)
{
    s_fill ();
    char *problem = NULL;
    fst_dump_t *dump = NULL;
    json_t *header = NULL, *page = json_object ();
    bool more = true;
    cr_assert_eq (fst_dump_new (s_filename, &dump, &problem), FST_OK, "%s", problem);
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
    s_as (&alice);
    cr_assert_eq (s_delete ("folder", true, true), FST_OK);
    cr_assert_eq (s_put ("later", 9), FST_OK);
    cr_assert_eq (fst_catalog_commit (s_catalog), FST_OK);
    cr_assert_eq (fst_dump_header (dump, &header), FST_OK);
    size_t rows = 0;
    while (more) {
        const char *table;
        json_t *list;
        cr_assert_eq (fst_dump_page (dump, page, &more), FST_OK);
        json_object_foreach (page, table, list) {
            size_t at;
            json_t *row;
            rows += json_array_size (list);
            if (strcmp (table, "entries") == 0)
                json_array_foreach (list, at, row)
                    cr_expect_str_neq (json_string_value (json_object_get (row, "name")), "later");
        }
        json_object_clear (page);
    }
    cr_expect_eq ((size_t) json_integer_value (json_object_get (header, "rows")), rows);
    fst_dump_destroy (&dump);
    json_decref (header);
    json_decref (page);
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}

//  ---- Copies

typedef struct {
    char to [700];
    atomic_bool done;
    fst_rc_t rc;
    char *problem;
} copy_t;

static void *
s_copy (void *arg)
{
    copy_t *copy = arg;
    copy->rc = fst_db_copy (s_filename, copy->to, NULL, &copy->problem);
    atomic_store (&copy->done, true);
    return NULL;
}

Test (dump, a_copy_made_under_load_has_books_that_are_right)
{
    s_fill ();
    for (int round = 0; round < 5; round++) {
        copy_t copy = { .done = false };
        pthread_t thread;
        snprintf (copy.to, sizeof (copy.to), "%s/copy-%d", s_folder, round);
        cr_assert_eq (pthread_create (&thread, NULL, s_copy, &copy), 0);
        for (int number = 0; !atomic_load (&copy.done); number++) {
            char path [64];
            cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
            s_as (&alice);
            snprintf (path, sizeof (path), "load-%d-%d", round, number);
            cr_assert_eq (s_put (path, 1 + number), FST_OK);
            if (number % 3 == 0)
                cr_assert_eq (s_delete (path, false, number % 2), FST_OK);
            cr_assert_eq (fst_catalog_commit (s_catalog), FST_OK);
        }
        pthread_join (thread, NULL);
        cr_assert_eq (copy.rc, FST_OK, "%s", copy.problem);
        char problem [256] = "", *reason = NULL;
        fst_catalog_t *catalog = NULL;
        cr_assert_eq (fst_catalog_open (copy.to, &catalog, &reason), FST_OK, "%s", reason);
        cr_expect_eq (fst_catalog_check (catalog, problem, sizeof (problem)), FST_OK, "%s", problem);
        cr_expect_geq (fst_catalog_counters (catalog)->files, 700);
        fst_catalog_destroy (&catalog);
    }
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}
