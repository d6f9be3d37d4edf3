//  Scopes of tokens: what they allow at a path, and that no command goes around them. A table has every command of the
//  namespace, with its result for every kind of token.

#include "catalog_fixture.h"
#include "fst_scopes.h"
#include "fst_token.h"

//  ---- As octets

static void
s_add (char *scopes, const char *path, bool write, fst_rc_t expected)
{
    cr_expect_eq (fst_scopes_add (scopes, write, path), expected, "%s", path);
}

Test (scopes, a_scope_is_for_its_path_and_all_below)
{
    char scopes [FST_SCOPES_BYTES_MAX] = "";
    s_add (scopes, "/users/alice/in//", false, FST_OK);
    s_add (scopes, "/users/alice/in/box", true, FST_OK);
    cr_expect_eq (fst_scopes_at (scopes, ""), FST_SCOPE_WAY);
    cr_expect_eq (fst_scopes_at (scopes, "/"), FST_SCOPE_WAY);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice"), FST_SCOPE_WAY);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice/in"), FST_SCOPE_READ);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice/in/a/b"), FST_SCOPE_READ);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice/in/box"), FST_SCOPE_WRITE);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice/in/box/a"), FST_SCOPE_WRITE);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alice/inbox"), FST_SCOPE_NONE);
    cr_expect_eq (fst_scopes_at (scopes, "/users/alic"), FST_SCOPE_NONE);
    cr_expect_eq (fst_scopes_at ("", "/"), FST_SCOPE_NONE);

    char all [FST_SCOPES_BYTES_MAX] = "";
    s_add (all, "/", true, FST_OK);
    cr_expect_eq (fst_scopes_at (all, ""), FST_SCOPE_WRITE);
    cr_expect_eq (fst_scopes_at (all, "/users/alice"), FST_SCOPE_WRITE);
}

Test (scopes, no_more_than_fit_in_a_token)
{
    char scopes [FST_SCOPES_BYTES_MAX] = "", path [32], longest [FST_SCOPES_BYTES_MAX] = "/";
    s_add (scopes, "relative", false, FST_BAD_NAME);
    s_add (scopes, "/a/../b", false, FST_BAD_NAME);
    for (int at = 0; at <= FST_SCOPES_MAX; at++) {
        snprintf (path, sizeof (path), "/%d", at);
        s_add (scopes, path, false, at < FST_SCOPES_MAX? FST_OK: FST_TOO_MANY);
    }
    char few [FST_SCOPES_BYTES_MAX] = "";
    for (size_t at = 1; at < sizeof (longest) - 1; at++)
        longest [at] = at % 200? 'a': '/';
    s_add (few, longest, false, FST_TOO_MANY);
    cr_expect_eq (fst_scopes_bytes (few), 0);
    longest [FST_SCOPES_BYTES_MAX - 3] = 0;
    s_add (few, longest, false, FST_OK);
    cr_expect_eq (fst_scopes_bytes (few), FST_SCOPES_BYTES_MAX - 1);
}

Test (scopes, only_what_add_makes_is_decoded)
{
    char scopes [FST_SCOPES_BYTES_MAX];
    cr_expect (fst_scopes_decode ("", 0, scopes));
    cr_expect (fst_scopes_decode ("r/a\0w/b", 8, scopes));
    cr_expect_eq (fst_scopes_at (scopes, "/b"), FST_SCOPE_WRITE);
    static const struct { const char *octets; size_t bytes; } bad [] = {
        { "r/a", 3 }, { "x/a", 4 }, { "r", 2 }, { "ra", 3 }, { "r/a/", 5 }, { "r/a\0", 5 }, { "\0r/a", 5 }, { "r/..", 5 },
    };
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++)
        cr_expect_not (fst_scopes_decode (bad [at].octets, bad [at].bytes, scopes), "%zu", at);
}

//  ---- Who asks

enum { OWN, READS, WRITES, NOTHING, ACTOR_READS, ACTOR_WRITES, ACTOR_NOTHING, KINDS };

#define IN "/users/alice/in"

static const char *const s_kinds [KINDS] = {
    "alice", "alice's token to read", "alice's token to write", "alice's token for nothing", "actor that reads",
    "actor that writes", "actor without scopes"
};

static void
s_become (int kind)
{
    static char read [FST_SCOPES_BYTES_MAX], write [FST_SCOPES_BYTES_MAX];
    read [0] = write [0] = 0;
    cr_assert_eq (fst_scopes_add (read, false, IN), FST_OK);
    cr_assert_eq (fst_scopes_add (write, true, IN), FST_OK);
    static const char *const scopes [KINDS] = { NULL, read, write, "", read, write, "" };
    fst_person_t person = { .name = "alice", .scopes = scopes [kind] };
    if (kind >= ACTOR_READS)
        person = (fst_person_t) { .name = "actor:test", .actor = true, .scopes = scopes [kind] };
    fst_namespace_enter (s_space, &person, ++s_now_ms);
}

//  ---- The table

static int64_t s_trashed_in, s_trashed_out;

static bool
s_ignore (void *arg, const fst_entry_t *entry)
{
    (void) arg;
    (void) entry;
    return true;
}

static bool
s_ignore_found (void *arg, const char *path, const fst_entry_t *entry)
{
    (void) path;
    return s_ignore (arg, entry);
}

static fst_rc_t
s_do_stat (const char *path, const char *to)
{
    (void) to;
    return s_stat (path, NULL);
}

static fst_rc_t
s_do_list (const char *path, const char *to)
{
    (void) to;
    return fst_namespace_list (s_space, path, NULL, s_ignore, NULL);
}

static fst_rc_t
s_do_find (const char *path, const char *to)
{
    (void) to;
    fst_search_t search = { .path = path, .text = "f", .each = s_ignore_found };
    return fst_namespace_search (s_space, &search);
}

static fst_rc_t
s_do_read (const char *path, const char *to)        //  GET_FILE_INFO, LIST_VERSIONS
{
    (void) to;
    fst_place_t place;
    return fst_namespace_find_file (s_space, path, &place);
}

static fst_rc_t
s_do_put (const char *path, const char *to)
{
    (void) to;
    return s_put (path, 1);
}

static fst_rc_t
s_do_folder (const char *path, const char *to)
{
    int64_t id;
    return fst_namespace_make_folder (s_space, path, to != NULL, &id);
}

static fst_rc_t
s_do_move (const char *path, const char *to)
{
    return s_move (path, to, true);
}

static fst_rc_t
s_do_copy (const char *path, const char *to)
{
    fst_place_t made;
    int64_t entries;
    return fst_namespace_copy (s_space, path, to, true, true, &made, &entries);
}

static fst_rc_t
s_do_delete (const char *path, const char *to)
{
    return s_delete (path, true, to != NULL);
}

static fst_rc_t
s_do_restore (const char *path, const char *to)
{
    char now [FST_PATH_BYTES_MAX + 1];
    int64_t id;
    return fst_namespace_restore (s_space, 0, path, to, now, &id);
}

static fst_rc_t
s_do_purge (const char *path, const char *to)
{
    (void) to;
    return fst_namespace_purge (s_space, strncmp (path, IN, strlen (IN)) == 0? s_trashed_in: s_trashed_out);
}

static fst_rc_t
s_do_version (const char *path, const char *to)
{
    (void) to;
    fst_place_t place;
    return fst_namespace_restore_version (s_space, path, 1, &place);
}

static fst_rc_t
s_do_share (const char *path, const char *to)
{
    fst_place_t place;
    return fst_namespace_share (s_space, path, to, FST_ACCESS_READ, &place);
}

static fst_rc_t
s_do_unshare (const char *path, const char *to)
{
    return fst_namespace_unshare (s_space, path, to);
}

#define OUT "/users/alice/out"

//  Results in the order of the kinds: "+" is done, "0" not found, "-" denied.
static const struct {
    const char *name;
    fst_rc_t (*run) (const char *path, const char *to);
    const char *path, *to, *results;
} s_commands [] = {
    { "stat",                   s_do_stat,    IN "/f",        NULL,      "+++0++0" },
    { "stat outside",           s_do_stat,    OUT "/g",       NULL,      "+000000" },
    { "stat on the way",        s_do_stat,    "/users/alice", NULL,      "+++0++0" },
    { "stat beside the way",    s_do_stat,    "/users/bob",   NULL,      "0000000" },
    { "list",                   s_do_list,    IN,             NULL,      "+++0++0" },
    { "list outside",           s_do_list,    OUT,            NULL,      "+000000" },
    { "find",                   s_do_find,    IN,             NULL,      "+++0++0" },
    { "find outside",           s_do_find,    OUT,            NULL,      "+000000" },
    { "read",                   s_do_read,    IN "/f",        NULL,      "+++0++0" },
    { "read outside",           s_do_read,    OUT "/g",       NULL,      "+000000" },
    { "put",                    s_do_put,     IN "/n",        NULL,      "+-+0-+0" },
    { "put over",               s_do_put,     IN "/f",        NULL,      "+-+0-+0" },
    { "put outside",            s_do_put,     OUT "/n",       NULL,      "+000000" },
    { "put over outside",       s_do_put,     OUT "/g",       NULL,      "+000000" },
    { "put on the way",         s_do_put,     "/users/alice/n", NULL,    "+--0--0" },
    { "folder",                 s_do_folder,  IN "/n",        NULL,      "+-+0-+0" },
    { "folders",                s_do_folder,  IN "/n/m",      "parents", "+-+0-+0" },
    { "folder outside",         s_do_folder,  OUT "/n",       NULL,      "+000000" },
    { "folders outside",        s_do_folder,  OUT "/n/m",     "parents", "+000000" },
    { "folder on the way",      s_do_folder,  "/users/alice/n", NULL,    "+--0--0" },
    { "a home",                 s_do_folder,  "/users/new",   NULL,      "---0--0" },
    { "move",                   s_do_move,    IN "/f",        IN "/d/n", "+-+0-+0" },
    { "move over",              s_do_move,    IN "/f",        IN "/d/e", "+-+0-+0" },
    { "move out",               s_do_move,    IN "/f",        OUT "/n",  "+-00-00" },
    { "move out and over",      s_do_move,    IN "/f",        OUT "/g",  "+-00-00" },
    { "move in",                s_do_move,    OUT "/g",       IN "/n",   "+000000" },
    { "move the scope",         s_do_move,    IN,             "/users/alice/n", "+--0--0" },
    { "copy",                   s_do_copy,    IN "/f",        IN "/n",   "+-+0-+0" },
    { "copy over",              s_do_copy,    IN "/f",        IN "/d/e", "+-+0-+0" },
    { "copy a folder",          s_do_copy,    IN "/d",        IN "/n",   "+-+0-+0" },
    { "copy out",               s_do_copy,    IN "/f",        OUT "/n",  "+000000" },
    { "copy in",                s_do_copy,    OUT "/g",       IN "/n",   "+000000" },
    { "copy what is above",     s_do_copy,    "/users/alice", IN "/n",   "---0--0" },
    { "delete",                 s_do_delete,  IN "/f",        NULL,      "+-+0-+0" },
    { "delete forever",         s_do_delete,  IN "/f",        "forever", "+-+0-+0" },
    { "delete outside",         s_do_delete,  OUT "/g",       NULL,      "+000000" },
    { "delete the scope",       s_do_delete,  IN,             NULL,      "+--0--0" },
    { "restore",                s_do_restore, IN "/t",        NULL,      "+-+0000" },
    { "restore to outside",     s_do_restore, IN "/t",        OUT "/n",  "+-00000" },
    { "restore from outside",   s_do_restore, OUT "/t",       IN "/n",   "+000000" },
    { "purge",                  s_do_purge,   IN "/t",        NULL,      "+-+0000" },
    { "purge outside",          s_do_purge,   OUT "/t",       NULL,      "+000000" },
    { "version",                s_do_version, IN "/f",        NULL,      "+-+0-+0" },
    { "version outside",        s_do_version, OUT "/g",       NULL,      "+000000" },
    { "share",                  s_do_share,   IN "/f",        "bob",     "+--0--0" },
    { "share outside",          s_do_share,   OUT "/g",       "bob",     "+000000" },
    { "unshare",                s_do_unshare, IN "/d",        "bob",     "+--0--0" },
};

static void
s_make_tree (void)
{
    s_as (&bob);
    s_as (&alice);
    static const char *const folders [] = { "in", "in/d", "out" }, *const files [] = {
        "in/f", "in/f", "in/d/e", "in/t", "out/g", "out/g", "out/t"
    };
    for (size_t at = 0; at < sizeof (folders) / sizeof (folders [0]); at++)
        CHECK (s_mkdir (folders [at]), FST_OK);
    for (size_t at = 0; at < sizeof (files) / sizeof (files [0]); at++)
        CHECK (s_put (files [at], 1), FST_OK);
    CHECK (s_do_share ("in/d", "bob"), FST_OK);
    int64_t entries;
    CHECK (fst_namespace_delete (s_space, "in/t", false, false, &entries, &s_trashed_in), FST_OK);
    CHECK (fst_namespace_delete (s_space, "out/t", false, false, &entries, &s_trashed_out), FST_OK);
}

TestSuite (scoped, .init = s_setup, .fini = s_teardown);

Test (scoped, no_command_goes_around_the_scopes)
{
    s_make_tree ();
    for (size_t row = 0; row < sizeof (s_commands) / sizeof (s_commands [0]); row++) {
        cr_assert_eq (strlen (s_commands [row].results), KINDS);
        for (int kind = 0; kind < KINDS; kind++) {
            char sign = s_commands [row].results [kind];
            fst_rc_t expected = sign == '+'? FST_OK: sign == '0'? FST_NOT_FOUND: FST_DENIED;
            cr_assert_eq (fst_catalog_save (s_catalog), FST_OK);
            s_become (kind);
            fst_rc_t rc = s_commands [row].run (s_commands [row].path, s_commands [row].to);
            cr_expect_eq (rc, expected, "%s by %s: %s", s_commands [row].name, s_kinds [kind], fst_error_code (rc));
            fst_catalog_undo (s_catalog);
        }
    }
}

Test (scoped, above_its_scopes_a_token_sees_the_way_to_them_only)
{
    static char scopes [FST_SCOPES_BYTES_MAX];
    const fst_person_t persons [] = {
        { .name = "alice", .scopes = scopes }, { .name = "actor:test", .actor = true, .scopes = scopes }
    };
    s_make_tree ();
    scopes [0] = 0;
    CHECK (fst_scopes_add (scopes, false, "/users/alice/out/g"), FST_OK);
    CHECK (fst_scopes_add (scopes, false, "/users/alice/in/d/e"), FST_OK);
    CHECK (fst_scopes_add (scopes, false, "/users/alice/in/f"), FST_OK);
    CHECK (fst_scopes_add (scopes, false, "/users/alice/gone"), FST_OK);
    for (size_t at = 0; at < 2; at++) {
        fst_namespace_enter (s_space, &persons [at], ++s_now_ms);
        cr_expect_str_eq (s_names ("/"), "users ");
        cr_expect_str_eq (s_names ("/users"), "alice ");
        cr_expect_str_eq (s_names ("/users/alice"), "in out ");
        cr_expect_str_eq (s_names ("/users/alice/in"), "d f ");
        CHECK (s_stat ("/users/alice/out/g", NULL), FST_OK);
        CHECK (s_stat ("/users/alice/gone", NULL), FST_NOT_FOUND);
    }
}

Test (scoped, an_actor_for_all_homes_sees_all_of_them_and_makes_none)
{
    static const char *const paths [] = { "/", "/users" };
    s_make_tree ();
    char scopes [FST_SCOPES_BYTES_MAX];
    for (size_t at = 0; at < 2; at++) {
        scopes [0] = 0;
        CHECK (fst_scopes_add (scopes, true, paths [at]), FST_OK);
        fst_person_t actor = { .name = "actor:test", .actor = true, .scopes = scopes };
        fst_namespace_enter (s_space, &actor, ++s_now_ms);
        cr_expect_str_eq (s_names ("/users"), "alice bob ");
        cr_expect_str_eq (s_names ("/"), "users ");
        CHECK (s_mkdir ("/users/new"), FST_DENIED);
        CHECK (s_mkdir ("/new"), FST_DENIED);
        CHECK (s_delete ("/users/bob", true, false), FST_DENIED);
        CHECK (s_move ("/users/bob", "/users/alice/bob", false), FST_DENIED);
        CHECK (s_put ("/users/bob/n", 1), FST_OK);
    }
    //  A person with such a token sees what he sees anyway
    scopes [0] = 0;
    CHECK (fst_scopes_add (scopes, true, "/"), FST_OK);
    fst_person_t person = { .name = "alice", .scopes = scopes };
    fst_namespace_enter (s_space, &person, ++s_now_ms);
    cr_expect_str_eq (s_names ("/users"), "alice ");
    CHECK (s_stat ("/users/bob", NULL), FST_NOT_FOUND);
}

Test (scoped, making_folders_does_not_tell_what_is_hidden_from_what_is_not_there)
{
    s_make_tree ();
    for (int kind = READS; kind < KINDS; kind++) {
        s_become (kind);
        int64_t id;
        CHECK (fst_namespace_make_folder (s_space, "/users/alice/out/n/m", true, &id), FST_NOT_FOUND);
        CHECK (fst_namespace_make_folder (s_space, "/users/alice/none/n/m", true, &id), FST_NOT_FOUND);
        CHECK (fst_namespace_make_folder (s_space, "/none/n", true, &id), FST_NOT_FOUND);
    }
}

typedef struct {
    char paths [4096];
} s_all_t;

static bool
s_note (void *arg, const char *path, const fst_entry_t *entry)
{
    (void) entry;
    strcat (strcat (((s_all_t *) arg)->paths, path), " ");
    return true;
}

Test (scoped, a_search_from_the_root_finds_what_the_scopes_hold)
{
    s_make_tree ();
    for (int kind = READS; kind < KINDS; kind++) {
        static s_all_t all;
        all.paths [0] = 0;
        s_become (kind);
        fst_search_t search = { .path = "/", .text = "", .each = s_note, .arg = &all };
        bool none = kind == NOTHING || kind == ACTOR_NOTHING;
        CHECK (fst_namespace_search (s_space, &search), none? FST_NOT_FOUND: FST_OK);
        cr_expect_str_eq (all.paths, none? "": "/users /users/alice " IN " " IN "/d " IN "/d/e " IN "/f ", "%s", s_kinds [kind]);

        //  Nor does going on behind a path that is hidden
        fst_search_t behind = { .path = "/", .text = "g", .after = "/users/alice/out/a", .each = s_note, .arg = &all };
        all.paths [0] = 0;
        CHECK (fst_namespace_search (s_space, &behind), none? FST_NOT_FOUND: FST_OK);
        cr_expect_str_eq (all.paths, "", "%s", s_kinds [kind]);
    }
}

typedef struct {
    char text [4096];
} s_log_t;

static bool
s_append_event (void *arg, const fst_journal_t *event)
{
    s_log_t *log = arg;
    fst_journal_t told;
    bool may;
    cr_assert_eq (fst_namespace_tell (s_space, event, &told, &may), FST_OK);
    if (may && !told.node) {
        strcat (strcat (strcat (log->text, told.type), " "), told.path);
        if (told.to)
            strcat (strcat (log->text, " "), told.to);
        strcat (log->text, "\n");
    }
    return true;
}

Test (scoped, events_are_told_of_what_is_in_the_scopes)
{
    s_make_tree ();
    int64_t since = fst_catalog_counters (s_catalog)->sequence;
    CHECK (s_put ("in/n", 1), FST_OK);
    CHECK (s_put ("out/n", 1), FST_OK);
    CHECK (s_move ("in/f", "out/f", false), FST_OK);
    CHECK (s_move ("out/g", "in/g", false), FST_OK);
    CHECK (s_delete ("in/n", false, false), FST_OK);
    CHECK (s_delete ("in/d", true, true), FST_OK);
    static const char *const expected = "committed " IN "/n\ndeleted " IN "/f\ncommitted " IN "/g\ndeleted " IN "/n\ndeleted " IN "/d\n";
    for (int kind = READS; kind < KINDS; kind++) {
        static s_log_t log;
        log.text [0] = 0;
        s_become (kind);
        cr_assert_eq (fst_catalog_events (s_catalog, since, 1000, s_append_event, &log), FST_OK);
        cr_expect_str_eq (log.text, kind == NOTHING || kind == ACTOR_NOTHING? "": expected, "%s", s_kinds [kind]);
    }
}

static bool
s_note_user (void *arg, const fst_journal_t *event)
{
    snprintf (arg, 80, "%s %s", event->type, event->user);
    return true;
}

Test (scoped, what_an_actor_makes_belongs_to_whoever_owns_the_folder)
{
    fst_entry_t entry;
    fst_place_t made;
    int64_t entries, since;
    char last [80];
    s_make_tree ();
    s_become (ACTOR_WRITES);
    since = fst_catalog_counters (s_catalog)->sequence;
    CHECK (s_put (IN "/n", 1), FST_OK);
    CHECK (fst_catalog_events (s_catalog, since, 10, s_note_user, last), FST_OK);
    cr_expect_str_eq (last, "committed actor:test");
    CHECK (s_stat (IN "/n", &entry), FST_OK);
    cr_expect_str_eq (entry.owner, "alice");
    CHECK (s_mkdir (IN "/m"), FST_OK);
    CHECK (s_stat (IN "/m", &entry), FST_OK);
    cr_expect_str_eq (entry.owner, "alice");
    CHECK (fst_namespace_copy (s_space, IN "/d", IN "/c", false, true, &made, &entries), FST_OK);
    CHECK (s_stat (IN "/c/e", &entry), FST_OK);
    cr_expect_str_eq (entry.owner, "alice");

    //  What it deletes is the owner's to take back
    CHECK (s_delete (IN "/n", false, true), FST_OK);
    s_as (&alice);
    CHECK (s_do_restore (IN "/n", NULL), FST_OK);
}
