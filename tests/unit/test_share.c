//  Sharing: rights come down the tree and go no further; and what people may know of what happened.

#include "catalog_fixture.h"

TestSuite (share, .init = s_setup, .fini = s_teardown);

static const fst_person_t carol = { .name = "carol" };
static const unsigned READ = FST_ACCESS_READ, WRITE = FST_ACCESS_READ | FST_ACCESS_WRITE;

static fst_rc_t
s_share (const char *path, const char *user, unsigned rights)
{
    fst_place_t place;
    return fst_namespace_share (s_space, path, user, rights, &place);
}

//  Alice, bob and carol have been here; alice has f/g/a.
static void
s_make_people (void)
{
    s_as (&bob);
    s_as (&carol);
    s_as (&alice);
    CHECK (s_mkdir ("f"), FST_OK);
    CHECK (s_mkdir ("f/g"), FST_OK);
    CHECK (s_put ("f/g/a", 1), FST_OK);
}

//  ---- Rights

Test (share, a_right_to_read_is_for_all_below_and_no_more)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", READ), FST_OK);
    s_as (&bob);
    cr_expect_str_eq (s_names ("/users/alice/f"), "g ");
    CHECK (s_stat ("/users/alice/f/g/a", NULL), FST_OK);
    CHECK (s_put ("/users/alice/f/g/b", 1), FST_DENIED);
    CHECK (s_delete ("/users/alice/f/g/a", false, false), FST_DENIED);
    CHECK (s_stat ("/users/alice", NULL), FST_NOT_FOUND);
    s_as (&carol);
    CHECK (s_stat ("/users/alice/f", NULL), FST_NOT_FOUND);
}

Test (share, a_right_to_write_can_be_given_changed_and_taken_back)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", WRITE), FST_OK);
    s_as (&bob);
    CHECK (s_put ("/users/alice/f/b", 1), FST_OK);
    s_as (&alice);
    CHECK (s_share ("f", "bob", READ), FST_OK);
    s_as (&bob);
    CHECK (s_put ("/users/alice/f/c", 1), FST_DENIED);
    s_as (&alice);
    CHECK (fst_namespace_unshare (s_space, "f", "bob"), FST_OK);
    CHECK (fst_namespace_unshare (s_space, "f", "bob"), FST_NOT_FOUND);
    s_as (&bob);
    CHECK (s_stat ("/users/alice/f/c", NULL), FST_NOT_FOUND);
    CHECK (s_stat ("/users/alice/f/b", NULL), FST_OK);      //  What is his stays his
}

Test (share, only_whom_it_belongs_to_shares_it)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", WRITE), FST_OK);
    s_as (&bob);
    CHECK (s_share ("/users/alice/f", "carol", READ), FST_DENIED);
    CHECK (s_share ("/users/alice/f/g/a", "carol", READ), FST_DENIED);
    CHECK (fst_namespace_unshare (s_space, "/users/alice/f", "carol"), FST_DENIED);
    CHECK (s_put ("/users/alice/f/b", 1), FST_OK);
    CHECK (s_share ("/users/alice/f/b", "carol", READ), FST_OK);      //  That is his
    s_as (&alice);
    CHECK (fst_namespace_unshare (s_space, "f/b", "carol"), FST_OK);  //  In her folder
    s_as (&carol);
    CHECK (s_share ("/users/alice/f", "bob", READ), FST_NOT_FOUND);
    CHECK (s_share ("/users", "bob", READ), FST_DENIED);
    CHECK (s_share ("/", "bob", READ), FST_DENIED);
}

Test (share, whoever_got_it_may_give_it_back)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", READ), FST_OK);
    s_as (&bob);
    CHECK (fst_namespace_unshare (s_space, "/users/alice/f/g", NULL), FST_NOT_FOUND);     //  That came from above
    CHECK (fst_namespace_unshare (s_space, "/users/alice/f", NULL), FST_OK);
    CHECK (fst_namespace_unshare (s_space, "/users/alice/f", NULL), FST_NOT_FOUND);
}

Test (share, nobody_unknown_gets_a_right)
{
    s_make_people ();
    CHECK (s_share ("f", "bbo", READ), FST_NOT_FOUND);
    CHECK (s_share ("f", "alice", READ), FST_EXISTS);
    CHECK (s_share ("nothing", "bob", READ), FST_NOT_FOUND);
}

Test (share, so_many_people_and_no_more)
{
    char name [24];
    s_make_people ();
    for (int at = 0; at <= FST_GRANTS_MAX; at++) {
        snprintf (name, sizeof (name), "user-%03d", at);
        fst_person_t person = { .name = name };
        s_as (&person);
        s_as (&alice);
        cr_expect_eq (s_share ("f", name, READ), at < FST_GRANTS_MAX? FST_OK: FST_TOO_MANY);
    }
    CHECK (s_share ("f", "user-007", WRITE), FST_OK);       //  One of them
}

Test (share, a_right_goes_with_what_it_is_for)
{
    s_make_people ();
    CHECK (s_share ("f/g", "bob", READ), FST_OK);
    CHECK (s_move ("f/g", "h", false), FST_OK);
    s_as (&bob);
    CHECK (s_stat ("/users/alice/h/a", NULL), FST_OK);
    s_as (&alice);
    CHECK (s_delete ("h", true, true), FST_OK);
    s_purge (1, 1);                                         //  The check of the books looks at grants, too
}

//  ---- What people may know

typedef struct {
    char text [4096];
} s_log_t;

static bool
s_append_event (void *arg, const fst_journal_t *event)
{
    s_log_t *log = arg;
    fst_journal_t told;
    bool may = false;
    cr_assert_eq (fst_namespace_tell (s_space, event, &told, &may), FST_OK);
    if (may)
        sprintf (log->text + strlen (log->text), "%s %s%s%s\n", told.type, told.path, told.to? " ": "", told.to? told.to: "");
    return true;
}

static const char *
s_told (const fst_person_t *person, int64_t since)
{
    static s_log_t log;
    log.text [0] = 0;
    s_as (person);
    cr_assert_eq (fst_catalog_events (s_catalog, since, 1000, s_append_event, &log), FST_OK);
    return log.text;
}

static int64_t
s_sequence (void)
{
    return fst_catalog_counters (s_catalog)->sequence;
}

Test (share, people_hear_of_what_they_may_read_only)
{
    s_make_people ();
    int64_t since = s_sequence ();
    CHECK (s_share ("f/g", "bob", READ), FST_OK);
    CHECK (s_put ("f/g/b", 1), FST_OK);
    CHECK (s_put ("f/secret", 1), FST_OK);
    CHECK (s_delete ("f/g/b", false, false), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "shared /users/alice/f/g\ncommitted /users/alice/f/g/b\n"
                      "deleted /users/alice/f/g/b\n");
    cr_expect_str_eq (s_told (&carol, since), "");
    cr_expect_str_eq (s_told (&root, since), "folder /users/root\n");       //  An admin may not read content either
}

Test (share, of_a_move_each_hears_his_side)
{
    s_make_people ();
    CHECK (s_share ("f/g", "bob", READ), FST_OK);
    CHECK (s_put ("private", 1), FST_OK);
    int64_t since = s_sequence ();
    CHECK (s_move ("private", "f/g/plan", false), FST_OK);
    CHECK (s_move ("f/g/plan", "f/g/done", false), FST_OK);
    CHECK (s_move ("f/g/done", "secret-name", false), FST_OK);
    CHECK (s_mkdir ("p"), FST_OK);
    CHECK (s_move ("p", "f/g/p", false), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "committed /users/alice/f/g/plan\n"
                      "moved /users/alice/f/g/plan /users/alice/f/g/done\n"
                      "deleted /users/alice/f/g/done\nfolder /users/alice/f/g/p\n");
}

Test (share, a_copy_out_of_a_shared_folder_is_nobodys_business)
{
    fst_place_t place;
    int64_t entries;
    s_make_people ();
    CHECK (s_share ("f/g", "bob", READ), FST_OK);
    int64_t since = s_sequence ();
    CHECK (fst_namespace_copy (s_space, "f/g/a", "mine", false, false, &place, &entries), FST_OK);
    CHECK (fst_namespace_copy (s_space, "mine", "f/g/b", false, false, &place, &entries), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "committed /users/alice/f/g/b\n");
}

Test (share, who_had_a_file_hears_that_it_is_gone)
{
    s_make_people ();
    CHECK (s_share ("f/g/a", "bob", READ), FST_OK);
    int64_t since = s_sequence ();
    CHECK (s_put ("f/g/a", 2), FST_OK);
    CHECK (s_delete ("f/g/a", false, false), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "committed /users/alice/f/g/a\ndeleted /users/alice/f/g/a\n");
    cr_expect_str_eq (s_told (&carol, since), "");
}

Test (share, names_that_a_file_had_before_it_was_shared_are_not_told)
{
    s_make_people ();
    int64_t since = s_sequence ();
    CHECK (s_put ("rumour about bob", 1), FST_OK);
    CHECK (s_move ("rumour about bob", "plan", false), FST_OK);
    CHECK (s_share ("plan", "bob", READ), FST_OK);
    CHECK (s_delete ("plan", false, false), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "committed /users/alice/plan\nshared /users/alice/plan\n"
                      "deleted /users/alice/plan\n");
}

Test (share, a_name_in_a_folder_that_is_gone_is_not_taken_for_one_above_it)
{
    s_make_people ();
    CHECK (s_put ("f/a", 1), FST_OK);
    CHECK (s_share ("f/a", "bob", READ), FST_OK);
    int64_t since = s_sequence ();
    CHECK (s_put ("f/g/a", 1), FST_OK);
    CHECK (s_delete ("f/g", true, true), FST_OK);
    s_purge (1, 1);
    cr_expect_str_eq (s_told (&bob, since), "");
}

Test (share, who_loses_a_right_hears_that_and_nothing_after_it)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", READ), FST_OK);
    int64_t since = s_sequence ();
    CHECK (fst_namespace_unshare (s_space, "f", "bob"), FST_OK);
    CHECK (s_put ("f/b", 2), FST_OK);
    cr_expect_str_eq (s_told (&bob, since), "unshared /users/alice/f\n");
}

Test (share, what_was_in_a_folder_that_is_gone_is_told_to_who_could_read_it)
{
    s_make_people ();
    CHECK (s_share ("f", "bob", READ), FST_OK);
    int64_t since = s_sequence ();
    CHECK (s_put ("f/g/b", 1), FST_OK);
    CHECK (s_delete ("f/g", true, true), FST_OK);
    s_purge (1, 1);
    cr_expect_str_eq (s_told (&bob, since), "committed /users/alice/f/g/b\ndeleted /users/alice/f/g\n");
    cr_expect_str_eq (s_told (&carol, since), "");
}
