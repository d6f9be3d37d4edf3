//  What tests of metadata share: a catalog in a private folder, people, and files made of nothing but receipts.

#ifndef CATALOG_FIXTURE_H_INCLUDED
#define CATALOG_FIXTURE_H_INCLUDED

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fst_catalog.h"
#include "fst_namespace.h"

#define NODES_12   ((fst_node_set_t) 6)     //  Nodes number 1 and 2

static const fst_person_t alice = { .name = "alice" }, bob = { .name = "bob" };
static const fst_person_t root = { .name = "root", .admin = true };

static char s_folder [512], s_filename [600];
static fst_catalog_t *s_catalog;
static fst_namespace_t *s_space;
static int64_t s_now_ms;
static uint32_t s_blobs;

static void __attribute__ ((unused))
s_open_catalog (void)
{
    char *problem = NULL;
    fst_rc_t rc = fst_catalog_open (s_filename, &s_catalog, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    s_space = fst_namespace_new (s_catalog, 3);
}

static void __attribute__ ((unused))
s_close_catalog (void)
{
    fst_namespace_destroy (&s_space);
    fst_catalog_destroy (&s_catalog);
}

static void __attribute__ ((unused))
s_setup (void)
{
    snprintf (s_folder, sizeof (s_folder), "%s/catalog-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_folder));
    snprintf (s_filename, sizeof (s_filename), "%s/metadata.db", s_folder);
    s_now_ms = 1000000;
    s_open_catalog ();
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}

//  Whatever a test did, the catalog's books are right.
static void __attribute__ ((unused))
s_teardown (void)
{
    char problem [256] = "", command [600];
    cr_assert_eq (fst_catalog_commit (s_catalog), FST_OK);
    cr_expect_eq (fst_catalog_check (s_catalog, problem, sizeof (problem)), FST_OK, "%s", problem);
    s_close_catalog ();
    snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
    cr_assert_eq (system (command), 0);
}

//  From now on this person asks; he has a home.
static void __attribute__ ((unused))
s_as (const fst_person_t *person)
{
    bool there;
    fst_namespace_enter (s_space, person, ++s_now_ms);
    fst_catalog_set_age (s_catalog, s_now_ms);
    cr_assert_eq (fst_namespace_has_home (s_space, &there), FST_OK);
    if (!there)
        cr_assert_eq (fst_namespace_make_home (s_space), FST_OK);
}

static fst_rc_t __attribute__ ((unused))
s_mkdir (const char *path)
{
    int64_t id;
    return fst_namespace_make_folder (s_space, path, false, &id);
}

static fst_blob_id_t __attribute__ ((unused))
s_add_blob (int64_t size)
{
    fst_blob_t blob = {
        .id = fst_blob_id ((const uint8_t *) "test-upload!", s_blobs++),
        .chunk_log2 = 20, .extent_chunks = 64, .size = size, .replicas = 2, .extents = 1
    };
    fst_extent_t extent = { .chunks = 1, .bytes = size, .digest = 0xfedcba9876543210u, .nodes = NODES_12 };
    cr_assert_eq (fst_catalog_blob_add (s_catalog, &blob, &extent), FST_OK);
    return blob.id;
}

//  Put a file of so many octets, on nodes 1 and 2.
static fst_rc_t __attribute__ ((unused))
s_put_with (const char *path, int64_t size, bool no_replace, fst_content_t *content)
{
    fst_place_t place;
    int64_t id;
    fst_rc_t rc = fst_namespace_may_put (s_space, path, no_replace, &place);
    if (rc != FST_OK)
        return rc;
    *content = (fst_content_t) { .size = size, .modified_ms = 5, .has_blob = size > 0 };
    if (size)
        content->blob = s_add_blob (size);
    return fst_namespace_put (s_space, &place, content, &id);
}

static fst_rc_t __attribute__ ((unused))
s_put (const char *path, int64_t size)
{
    fst_content_t content;
    return s_put_with (path, size, false, &content);
}

static fst_rc_t __attribute__ ((unused))
s_stat (const char *path, fst_entry_t *entry)
{
    fst_place_t place;
    fst_rc_t rc = fst_namespace_find (s_space, path, &place);
    if (rc == FST_OK && entry)
        *entry = place.entry;
    return rc;
}

static fst_rc_t __attribute__ ((unused))
s_move (const char *from, const char *to, bool replace)
{
    int64_t id;
    return fst_namespace_move (s_space, from, to, replace, &id);
}

static fst_rc_t __attribute__ ((unused))
s_delete (const char *path, bool recursive, bool forever)
{
    int64_t entries, trash;
    return fst_namespace_delete (s_space, path, recursive, forever, &entries, &trash);
}

static bool
s_append_name (void *arg, const fst_entry_t *entry)
{
    char *names = arg;
    strcat (strcat (names, entry->name), " ");
    return true;
}

//  The names in a folder, each with a space behind.
static __attribute__ ((unused)) const char *
s_names (const char *path)
{
    static char names [4096];
    names [0] = 0;
    cr_assert_eq (fst_namespace_list (s_space, path, NULL, s_append_name, names), FST_OK);
    return names;
}

//  Commit and go on in a new batch.
static void __attribute__ ((unused))
s_commit (void)
{
    cr_assert_eq (fst_catalog_commit (s_catalog), FST_OK);
    cr_assert_eq (fst_catalog_begin (s_catalog), FST_OK);
}

//  Let time do all its work.
static void __attribute__ ((unused))
s_purge (int64_t trashed_ms, int64_t replaced_ms)
{
    bool more = true;
    while (more)
        cr_assert_eq (fst_catalog_purge (s_catalog, trashed_ms, replaced_ms, 2, s_now_ms, &more), FST_OK);
}

#define CHECK(expression, expected) cr_expect_eq (expression, expected)

#endif
