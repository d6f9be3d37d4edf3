//  The index of the search actor: what is found, by whom it may be found, and what becomes of a damaged one.

#include <criterion/criterion.h>
#include <czmq.h>
#include "fst_index.h"

static char s_folder [] = "/tmp/fst-search-XXXXXX";
static char s_name [64];
static fst_index_t *s_index;

static fst_index_t *
s_open (bool writes, int64_t bytes_max)
{
    fst_index_t *index = NULL;
    char *problem = NULL;
    fst_rc_t rc = fst_index_open (s_name, writes, bytes_max, &index, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
    zstr_free (&problem);
    return index;
}

static void
s_setup (void)
{
    cr_assert_not_null (mkdtemp (s_folder));
    snprintf (s_name, sizeof (s_name), "%s/search.db", s_folder);
    s_index = s_open (true, 1 << 30);
}

static void
s_teardown (void)
{
    fst_index_destroy (&s_index);
    zdir_t *dir = zdir_new (s_folder, NULL);
    zdir_remove (dir, true);
    zdir_destroy (&dir);
}

TestSuite (search, .init = s_setup, .fini = s_teardown);

static void
s_put (int64_t id, int64_t version, const char *path, const char *text)
{
    fst_index_file_t file = { .id = id, .version = version, .path = path, .size = 10, .modified_ms = 1000 };
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_put (s_index, &file, text, text? strlen (text): 0), FST_OK);
    cr_assert_eq (fst_index_commit (s_index), FST_OK);
}

typedef struct {
    char text [2000];
    size_t limit, count;
} s_list_t;

static bool
s_each (void *arg, const fst_index_file_t *file, const char *snippet)
{
    s_list_t *list = arg;
    size_t at = strlen (list->text);
    snprintf (list->text + at, sizeof (list->text) - at, "%s%s=%s", at? " | ": "", file->path, snippet);
    return ++list->count < list->limit;
}

//  "PATH=SNIPPET | .." for who may look at place.
static const char *
s_find (const char *query, const char *place)
{
    static s_list_t list;
    list = (s_list_t) { .limit = 50 };
    json_t *places = json_pack ("[s]", place);
    cr_assert_eq (fst_index_find (s_index, query, places, INT64_MAX, 50, s_each, &list), FST_OK);
    json_decref (places);
    return list.text;
}

Test (search, finds_words_in_names_and_text_whatever_case_and_accents)
{
    s_put (1, 1, "/users/alice/Café.txt", "Ein Übermut\nist's");
    s_put (2, 1, "/users/alice/photo of cafe.jpg", NULL);
    cr_expect_str_eq (s_find ("ubermut", "/users/alice"), "/users/alice/Café.txt=Ein Übermut ist's");
    cr_expect_str_eq (s_find ("CAFÉ", "/users/alice"), "/users/alice/photo of cafe.jpg= | /users/alice/Café.txt=Ein Übermut ist's");
    cr_expect_str_eq (s_find ("über ein", "/users/alice"), "/users/alice/Café.txt=Ein Übermut ist's", "begun, any order");
    cr_expect_str_eq (s_find ("ein nothing", "/users/alice"), "", "all words");
    cr_expect_str_eq (s_find ("mut", "/users/alice"), "", "the middle of a word is none");
}

Test (search, queries_are_words_and_never_a_language)
{
    s_put (1, 1, "/users/alice/a.txt", "one two");
    static const char *const odd [] = { "\"", "one OR nothing", "name:one", "one AND", "NEAR(one two)", "^one", "one*two", "-one", "(", "'", "one\" OR \"two\"x",
                                        "{name}:one", "\\", "%", "", "   ", "\xc3\xa4\"*", NULL };
    for (int at = 0; odd [at]; at++) {
        static s_list_t list;
        list = (s_list_t) { .limit = 5 };
        json_t *places = json_pack ("[s]", "/users/alice");
        cr_expect_eq (fst_index_find (s_index, odd [at], places, INT64_MAX, 5, s_each, &list), FST_OK, "%s", odd [at]);
        json_decref (places);
    }
    cr_expect_str_eq (s_find ("one OR nothing", "/users/alice"), "");
    cr_expect_str_eq (s_find ("name:one", "/users/alice"), "");
    cr_expect_str_eq (s_find ("one\"two", "/users/alice"), "/users/alice/a.txt=one two");
}

Test (search, only_below_the_places_of_who_asks)
{
    s_put (1, 1, "/users/alice/a", "word");
    s_put (2, 1, "/users/alicia/b", "word");
    s_put (3, 1, "/users/alice", "word");
    cr_expect_str_eq (s_find ("word", "/users/alice"), "/users/alice=word | /users/alice/a=word");
    cr_expect_str_eq (s_find ("word", "/users/alice/a"), "/users/alice/a=word");
    cr_expect_str_eq (s_find ("word", "/users/al"), "");
    cr_expect_str_eq (s_find ("word", ""), "/users/alice=word | /users/alicia/b=word | /users/alice/a=word");
}

Test (search, follows_moves_deletions_and_versions)
{
    s_put (1, 1, "/users/a/x/1", "first");
    s_put (2, 1, "/users/a/x/y/2", "second");
    s_put (3, 1, "/users/a/xx", "third");
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_move (s_index, "/users/a/x", "/users/a/größer"), FST_OK);
    cr_assert_eq (fst_index_commit (s_index), FST_OK);
    cr_expect_str_eq (s_find ("second", "/users/a"), "/users/a/größer/y/2=second");
    cr_expect_str_eq (s_find ("third", "/users/a"), "/users/a/xx=third");
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_move (s_index, "/users/a/größer/1", "/users/a/renamed"), FST_OK);
    cr_assert_eq (fst_index_move (s_index, "/users/a/xx", "/users/a/größer/y/2"), FST_OK);
    cr_assert_eq (fst_index_commit (s_index), FST_OK);
    cr_expect_str_eq (s_find ("renamed", "/users/a"), "/users/a/renamed=first", "the name is a word");
    cr_expect_str_eq (s_find ("second", "/users/a"), "", "it was replaced");
    s_put (1, 2, "/users/a/renamed", "newer");
    cr_expect_str_eq (s_find ("first", "/users/a"), "");
    cr_expect_str_eq (s_find ("newer", "/users/a"), "/users/a/renamed=newer");
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_remove (s_index, "/users/a/größer"), FST_OK);
    cr_assert_eq (fst_index_commit (s_index), FST_OK);
    cr_expect_str_eq (s_find ("third", "/users"), "");
    cr_expect_str_eq (s_find ("newer", "/users"), "/users/a/renamed=newer");
}

Test (search, a_round_keeps_what_was_seen_and_nothing_else)
{
    bool there;
    s_put (1, 1, "/users/a/1", "one");
    s_put (2, 1, "/users/a/2", "two");
    s_put (3, 2, "/users/a/3", "three");
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_round_begin (s_index), FST_OK);
    fst_index_file_t file = { .id = 1, .version = 1, .path = "/users/a/moved" };
    cr_assert_eq (fst_index_keep (s_index, &file, &there), FST_OK);
    cr_expect (there);
    file = (fst_index_file_t) { .id = 3, .version = 3, .path = "/users/a/3" };
    cr_assert_eq (fst_index_keep (s_index, &file, &there), FST_OK);
    cr_expect_not (there, "a newer version is not there");
    file = (fst_index_file_t) { .id = 9, .version = 1, .path = "/users/a/9" };
    cr_assert_eq (fst_index_keep (s_index, &file, &there), FST_OK);
    cr_expect_not (there);
    cr_assert_eq (fst_index_round_end (s_index), FST_OK);
    cr_assert_eq (fst_index_commit (s_index), FST_OK);
    cr_expect_str_eq (s_find ("one", ""), "/users/a/moved=one");
    cr_expect_str_eq (s_find ("two", ""), "");
    cr_expect_str_eq (s_find ("three", ""), "");
}

Test (search, what_was_not_committed_is_not_there_and_neither_is_its_sequence)
{
    int64_t sequence;
    cr_assert_eq (fst_index_sequence (s_index, &sequence), FST_OK);
    cr_expect_eq (sequence, -1, "never complete");
    fst_index_file_t file = { .id = 1, .version = 1, .path = "/users/a/1" };
    cr_assert_eq (fst_index_begin (s_index), FST_OK);
    cr_assert_eq (fst_index_put (s_index, &file, "word", 4), FST_OK);
    cr_assert_eq (fst_index_set_sequence (s_index, 7), FST_OK);
    fst_index_rollback (s_index);
    cr_expect_str_eq (s_find ("word", ""), "");
    cr_assert_eq (fst_index_sequence (s_index, &sequence), FST_OK);
    cr_expect_eq (sequence, -1);
}

Test (search, a_reader_sees_what_the_writer_committed)
{
    s_put (1, 1, "/users/a/1", "word");
    fst_index_t *writer = s_index;
    s_index = s_open (false, 0);
    cr_expect_str_eq (s_find ("word", ""), "/users/a/1=word");
    fst_index_t *reader = s_index;
    s_index = writer;
    s_put (2, 1, "/users/a/2", "word");
    s_index = reader;
    cr_expect_str_eq (s_find ("word", ""), "/users/a/2=word | /users/a/1=word");
    fst_index_destroy (&reader);
    s_index = writer;
}

Test (search, a_damaged_index_is_made_anew)
{
    s_put (1, 1, "/users/a/1", "word");
    fst_index_destroy (&s_index);
    FILE *file = fopen (s_name, "r+");
    cr_assert_not_null (file);
    for (int at = 0; at < 3000; at++)
        fputs ("rotten ", file);
    fclose (file);
    s_index = s_open (true, 1 << 30);
    cr_expect_str_eq (s_find ("word", ""), "");
    int64_t sequence = 0;
    cr_assert_eq (fst_index_sequence (s_index, &sequence), FST_OK);
    cr_expect_eq (sequence, -1, "so everything is looked at");
}

Test (search, a_full_index_takes_names_only)
{
    fst_index_destroy (&s_index);
    s_index = s_open (true, 1);
    s_put (1, 1, "/users/a/name.txt", "word");
    cr_expect_str_eq (s_find ("word", ""), "");
    cr_expect_str_eq (s_find ("name", ""), "/users/a/name.txt=");
}

Test (search, long_snippets_are_cut_between_characters)
{
    char text [4001] = "";
    for (int at = 0; at < 2000; at++)
        strcat (text, "ä");
    s_put (1, 1, "/users/a/1", text);
    const char *found = s_find ("ää", "");
    cr_expect_eq (strlen (found), strlen ("/users/a/1=") + FST_INDEX_SNIPPET_BYTES);
}

//  Anybody may put a file that somebody else's search finds.
Test (search, a_snippet_takes_no_longer_because_of_what_is_in_a_text, .timeout = 60)
{
    enum { LONG = 1000000, FILES = 50 };
    char *text = malloc (LONG + 100), word [64];
    cr_assert_not_null (text);
    memset (text, 'a', LONG);
    memset (word, 'a', sizeof (word));
    text [0] = 'b';
    word [60] = 0;
    snprintf (text + LONG, 100, " %s", word);
    for (int id = 1; id <= FILES; id++) {
        char path [32];
        snprintf (path, sizeof (path), "/users/a/%d", id);
        s_put (id, 1, path, text);
    }
    int64_t begun_ms = zclock_mono ();
    cr_expect_not_null (strstr (s_find (word, ""), "/users/a/50="));
    cr_expect_lt (zclock_mono () - begun_ms, 5000);
    free (text);
}
