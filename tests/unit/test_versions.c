//  Versions and copies: they point to content that is there, and the books know it.

#include "catalog_fixture.h"

TestSuite (versions, .init = s_setup, .fini = s_teardown);

static const fst_counters_t *
s_counters (void)
{
    return fst_catalog_counters (s_catalog);
}

static bool
s_append_version (void *arg, const fst_content_t *content)
{
    sprintf ((char *) arg + strlen (arg), "%lld:%lld ", (long long) content->version, (long long) content->size);
    return true;
}

//  "NUMBER:SIZE " of each version before a number.
static const char *
s_versions_before (const char *path, int64_t before)
{
    static char text [1024];
    fst_entry_t entry;
    text [0] = 0;
    cr_assert_eq (s_stat (path, &entry), FST_OK);
    cr_assert_eq (fst_catalog_versions (s_catalog, &entry, before, s_append_version, text), FST_OK);
    return text;
}

static fst_rc_t
s_back_to (const char *path, int64_t version)
{
    fst_place_t place;
    return fst_namespace_restore_version (s_space, path, version, &place);
}

static fst_rc_t
s_copy (const char *from, const char *to, bool replace, bool recursive)
{
    fst_place_t place;
    int64_t entries;
    return fst_namespace_copy (s_space, from, to, replace, recursive, &place, &entries);
}

//  ---- Versions

Test (versions, they_are_listed_from_the_newest)
{
    s_as (&alice);
    for (int size = 1; size <= 5; size++)
        CHECK (s_put ("a", size), FST_OK);
    cr_expect_str_eq (s_versions_before ("a", INT64_MAX), "5:5 4:4 3:3 2:2 ");        //  Three older ones are kept
    cr_expect_str_eq (s_versions_before ("a", 4), "3:3 2:2 ");
}

Test (versions, an_older_one_comes_back_as_a_new_one)
{
    fst_entry_t entry;
    fst_content_t first;
    s_as (&alice);
    CHECK (s_put_with ("a", 10, false, &first), FST_OK);
    CHECK (s_put ("a", 20), FST_OK);
    CHECK (s_back_to ("a", 1), FST_OK);
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (entry.content.version, 3);
    CHECK (entry.content.size, 10);
    cr_expect_arr_eq (entry.content.blob.bytes, first.blob.bytes, sizeof (first.blob.bytes));
    cr_expect_str_eq (s_versions_before ("a", INT64_MAX), "3:10 2:20 1:10 ");
    CHECK (s_back_to ("a", 3), FST_OK);                     //  It is the current one: nothing to do
    CHECK (s_stat ("a", &entry), FST_OK);
    CHECK (entry.content.version, 3);
    CHECK (s_back_to ("a", 9), FST_NOT_FOUND);
}

Test (versions, content_that_two_versions_share_goes_with_the_last_of_them)
{
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_put ("a", 2), FST_OK);
    CHECK (s_back_to ("a", 1), FST_OK);
    for (int size = 4; size <= 6; size++)
        CHECK (s_put ("a", size), FST_OK);                  //  Versions 1 and 2 are dropped
    CHECK (s_counters ()->garbage, 2);                      //  Only the blob of version 2
    CHECK (s_put ("a", 7), FST_OK);
    CHECK (s_counters ()->garbage, 4);
}

Test (versions, whoever_may_only_read_restores_none)
{
    fst_place_t place;
    s_as (&bob);
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_put ("a", 2), FST_OK);
    s_as (&bob);
    CHECK (s_back_to ("/users/alice/a", 1), FST_NOT_FOUND);
    s_as (&alice);
    CHECK (fst_namespace_share (s_space, "a", "bob", FST_ACCESS_READ, &place), FST_OK);
    s_as (&bob);
    CHECK (s_back_to ("/users/alice/a", 1), FST_DENIED);
}

Test (versions, what_was_not_expected_to_be_current_is_not_replaced)
{
    fst_place_t place;
    s_as (&alice);
    CHECK (fst_namespace_may_put (s_space, "a", false, &place), FST_OK);
    CHECK (fst_namespace_check_version (s_space, &place, 0), FST_OK);
    CHECK (fst_namespace_check_version (s_space, &place, 1), FST_CHANGED);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (fst_namespace_may_put (s_space, "a", false, &place), FST_OK);
    CHECK (fst_namespace_check_version (s_space, &place, 0), FST_CHANGED);
    CHECK (fst_namespace_check_version (s_space, &place, 1), FST_OK);
}

//  ---- Copies

Test (versions, a_copy_shares_the_content_until_both_are_gone)
{
    fst_entry_t copy;
    s_as (&alice);
    CHECK (s_put ("a", 10), FST_OK);
    CHECK (s_put ("a", 11), FST_OK);
    CHECK (s_copy ("a", "b", false, false), FST_OK);
    CHECK (s_stat ("b", &copy), FST_OK);
    CHECK (copy.content.version, 1);
    CHECK (copy.content.size, 11);
    CHECK (copy.content.modified_ms, 5);                    //  The file's own time
    CHECK (s_delete ("a", false, true), FST_OK);
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 2);                      //  Of version 1
    CHECK (s_delete ("b", false, true), FST_OK);
    s_purge (1, 1);
    CHECK (s_counters ()->garbage, 4);
}

Test (versions, a_folder_is_copied_whole)
{
    fst_place_t place;
    int64_t entries;
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_mkdir ("f/empty"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_put ("f/g/b", 2), FST_OK);
    CHECK (s_put ("f/g/nothing", 0), FST_OK);
    CHECK (s_copy ("f", "h", false, false), FST_IS_A_FOLDER);
    CHECK (fst_namespace_copy (s_space, "f", "h", false, true, &place, &entries), FST_OK);
    CHECK (entries, 6);
    cr_expect_str_eq (s_names ("h"), "a empty g ");
    cr_expect_str_eq (s_names ("h/g"), "b nothing ");
    CHECK (s_counters ()->files, 6);
    CHECK (s_copy ("f", "f/g/h", false, true), FST_DENIED); //  Not into itself
    CHECK (s_copy ("f", "f", false, true), FST_EXISTS);
    CHECK (s_copy ("/", "h/all", false, true), FST_DENIED);
}

Test (versions, a_copy_over_a_file_is_its_next_version)
{
    s_as (&alice);
    CHECK (s_put ("a", 1), FST_OK);
    CHECK (s_put ("b", 2), FST_OK);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_copy ("a", "b", false, false), FST_EXISTS);
    CHECK (s_copy ("a", "a", true, false), FST_EXISTS);
    CHECK (s_copy ("a", "f", true, false), FST_IS_A_FOLDER);
    CHECK (s_copy ("f", "b", true, true), FST_NOT_A_FOLDER);
    CHECK (s_copy ("a", "a/b", true, false), FST_NOT_A_FOLDER);
    CHECK (s_copy ("a", "b", true, false), FST_OK);
    cr_expect_str_eq (s_versions_before ("b", INT64_MAX), "2:1 1:2 ");
}

Test (versions, a_copy_belongs_to_who_made_it_and_needs_the_right_to_read)
{
    fst_place_t place;
    fst_entry_t entry;
    s_as (&bob);
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_put ("f/a", 1), FST_OK);
    s_as (&bob);
    CHECK (s_copy ("/users/alice/f", "f", false, true), FST_NOT_FOUND);
    CHECK (s_copy ("/users", "f", false, true), FST_DENIED);
    s_as (&root);
    CHECK (s_copy ("/users", "/everything", false, true), FST_DENIED);      //  Homes are no business of admins
    s_as (&alice);
    CHECK (fst_namespace_share (s_space, "f", "bob", FST_ACCESS_READ, &place), FST_OK);
    s_as (&bob);
    CHECK (s_copy ("/users/alice/f", "f", false, true), FST_OK);
    CHECK (s_copy ("f", "/users/alice/f/g", false, true), FST_DENIED);
    CHECK (s_stat ("f/a", &entry), FST_OK);
    cr_expect_str_eq (entry.owner, "bob");
}

Test (versions, too_much_for_one_step_is_not_copied_at_all)
{
    char name [24];
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    for (int at = 0; at < FST_COPY_ENTRIES_MAX; at++) {
        snprintf (name, sizeof (name), "f/%d", at);
        cr_assert_eq (s_put (name, 0), FST_OK);
    }
    CHECK (s_copy ("f", "g", false, true), FST_TOO_LARGE);  //  The folder itself counts
    CHECK (s_stat ("g", NULL), FST_NOT_FOUND);
    CHECK (s_delete ("f/0", false, true), FST_OK);
    CHECK (s_copy ("f", "g", false, true), FST_OK);
}
