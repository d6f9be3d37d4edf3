//  Searching: every name once, whatever the page, and nothing that one may not see.

#include "catalog_fixture.h"
#include "fst_fold.h"

TestSuite (find, .init = s_setup, .fini = s_teardown);

typedef struct {
    char paths [8192];
    int room;                               //  Of the page
} s_found_t;

static bool
s_take (void *arg, const char *path, const fst_entry_t *entry)
{
    s_found_t *found = arg;
    if (found->room-- == 0)
        return false;
    cr_expect_str_eq (strrchr (path, '/') + 1, entry->name);
    strcat (strcat (found->paths, path), " ");
    return true;
}

//  All that is found, in pages of so many.
static const char *
s_find_in_pages (const char *path, const char *text, int room)
{
    static s_found_t found;
    fst_search_t search = { .path = path, .text = text, .each = s_take, .arg = &found };
    char after [FST_PATH_BYTES_MAX + 1];
    found.paths [0] = 0;
    do {
        found.room = room;
        cr_assert_eq (fst_namespace_search (s_space, &search), FST_OK);
        snprintf (after, sizeof (after), "%.*s", FST_PATH_BYTES_MAX, search.last);
        search.after = after;
    } while (search.more);
    return found.paths;
}

static const char *
s_find (const char *path, const char *text)
{
    return s_find_in_pages (path, text, 1000);
}

static void
s_make_tree (void)
{
    s_as (&bob);
    s_as (&alice);
    CHECK (s_mkdir ("Plans"), FST_OK);
    CHECK (s_mkdir ("Plans/deep"), FST_OK);
    CHECK (s_put ("Plans/deep/PLAN.txt", 1), FST_OK);
    CHECK (s_put ("Plans/zebra", 1), FST_OK);
    CHECK (s_put ("a plan", 1), FST_OK);
    CHECK (s_put ("other", 1), FST_OK);
}

Test (find, names_are_found_whatever_their_case_in_the_order_of_the_tree)
{
    s_make_tree ();
    static const char all [] = "/users/alice/Plans /users/alice/Plans/deep/PLAN.txt /users/alice/a plan ";
    cr_expect_str_eq (s_find ("/users/alice", "pLaN"), all);
    for (int room = 1; room <= 4; room++)
        cr_expect_str_eq (s_find_in_pages ("/users/alice", "plan", room), all);
    cr_expect_str_eq (s_find ("Plans", "plan"), "/users/alice/Plans/deep/PLAN.txt ");
    cr_expect_str_eq (s_find ("/", "zebra"), "/users/alice/Plans/zebra ");
    cr_expect_str_eq (s_find ("/users/alice", "nothing"), "");
}

Test (find, what_one_may_not_see_is_not_found)
{
    fst_place_t place;
    s_make_tree ();
    s_as (&bob);
    cr_expect_str_eq (s_find ("/", "plan"), "");
    fst_search_t search = { .path = "/users/alice/Plans", .text = "a", .each = s_take };
    CHECK (fst_namespace_search (s_space, &search), FST_NOT_FOUND);
    s_as (&alice);
    CHECK (fst_namespace_share (s_space, "Plans", "bob", FST_ACCESS_READ, &place), FST_OK);
    s_as (&bob);
    cr_expect_str_eq (s_find ("/users/alice/Plans", "plan"), "/users/alice/Plans/deep/PLAN.txt ");
}

Test (find, a_search_goes_on_although_the_place_is_gone)
{
    s_found_t found = { .room = 1 };
    s_make_tree ();
    fst_search_t search = { .path = "/users/alice", .text = "plan", .each = s_take, .arg = &found };
    search.after = "/users/alice/Plans/deep/MISSING/x";
    CHECK (fst_namespace_search (s_space, &search), FST_OK);
    cr_expect_str_eq (found.paths, "/users/alice/Plans/deep/PLAN.txt ");
    search.after = "/users/bob/x";
    CHECK (fst_namespace_search (s_space, &search), FST_MALFORMED);
    search.after = "/users/alice/../x";
    CHECK (fst_namespace_search (s_space, &search), FST_MALFORMED);
    search.after = NULL;
    search.path = "other";
    CHECK (fst_namespace_search (s_space, &search), FST_NOT_A_FOLDER);
}

//  One request looks at so many names and says so; the next one goes on.
Test (find, work_is_bounded_and_nothing_is_left_out)
{
    char name [32];
    s_as (&alice);
    for (int folder = 0; folder < 60; folder++) {
        snprintf (name, sizeof (name), "%02d", folder);
        CHECK (s_mkdir (name), FST_OK);
        for (int file = 0; file < 200; file++) {
            snprintf (name, sizeof (name), "%02d/%03d%s", folder, file, file == 77? "x": "");
            cr_assert_eq (s_put (name, 0), FST_OK);
        }
    }
    s_found_t found = { .room = 1000 };
    fst_search_t search = { .path = "/users/alice", .text = "X", .each = s_take, .arg = &found };
    CHECK (fst_namespace_search (s_space, &search), FST_OK);
    cr_expect (search.more);
    const char *all = s_find ("/users/alice", "X");
    size_t count = 0;
    for (const char *at = all; (at = strchr (at, ' ')); at++)
        count++;
    CHECK (count, 60);
}

//  ---- Folding

static const char *
s_fold (const char *text)
{
    static char folded [256];
    return fst_fold (text, folded, sizeof (folded));
}

Test (find, case_and_accents_do_not_count, .init = NULL, .fini = NULL)
{
    cr_expect_str_eq (s_fold ("ÄRGER über Ñandú"), "arger uber nandu");
    cr_expect_str_eq (s_fold ("a\u0308rger"), "arger");                 //  As a Mac writes it
    cr_expect_str_eq (s_fold ("ŁÓDŹ øre Œuvre ĳ"), "lodz ore œuvre ĳ");
    cr_expect_str_eq (s_fold ("ΑΒΓ ДОМ Ёлка"), "αβγ дом ёлка");
    cr_expect_str_eq (s_fold ("日本 Ａ 😀"), "日本 Ａ 😀");
    cr_expect_str_eq (s_fold (""), "");
}

Test (find, folding_never_writes_beyond_its_room, .init = NULL, .fini = NULL)
{
    char folded [8];
    cr_expect_str_eq (fst_fold ("abcdefghijkl", folded, 6), "abcd");
    cr_expect_str_eq (fst_fold ("дддддддд", folded, 8), "ддд");
    cr_expect_str_eq (fst_fold ("\xc3", folded, 8), "\xc3");            //  Half a letter
}
