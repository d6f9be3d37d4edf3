//  Key files: made once, whole or not at all, for their owner's eyes only, and never half believed.

#include "fst_keys.h"
#include <criterion/criterion.h>
#include <czmq.h>
#include <dirent.h>
#include <sodium.h>
#include <sys/stat.h>

static char s_folder [256];
static const char *const s_files [] = {
    "broker.key", "auth.key", "metadata.key", "node-1.key", "node-2.key", "client.key", "bridge.key", "enrolled.zpl"
};
#define FILES (sizeof (s_files) / sizeof (s_files [0]))

static char *
s_path (const char *name)
{
    static char path [512];
    snprintf (path, sizeof (path), "%s/%s", s_folder, name);
    return path;
}

static fst_rc_t
s_create (int nodes)
{
    char *problem = NULL;
    fst_rc_t rc = fst_keys_create (s_folder, nodes, &problem);
    cr_expect_eq (rc == FST_OK, problem == NULL, "%s", problem? problem: "a failure says why");
    zstr_free (&problem);
    return rc;
}

static fst_rc_t
s_load (const char *name, fst_keys_t **keys_p)
{
    char *problem = NULL;
    fst_rc_t rc = fst_keys_load (s_path (name), keys_p, &problem);
    cr_expect_eq (rc == FST_OK, problem == NULL, "%s", problem? problem: "a failure says why");
    if (problem)
        cr_expect_not_null (strstr (problem, name), "it names the file: %s", problem);
    zstr_free (&problem);
    return rc;
}

static char *
s_text (const char *name)
{
    zchunk_t *chunk = zchunk_slurp (s_path (name), 0);
    cr_assert_not_null (chunk);
    char *text = zchunk_strdup (chunk);
    zchunk_destroy (&chunk);
    return text;
}

static void
s_overwrite (const char *name, const char *text)
{
    FILE *file = fopen (s_path (name), "w");
    cr_assert_not_null (file);
    fputs (text, file);
    fclose (file);
}

static void
s_setup (void)
{
    snprintf (s_folder, sizeof (s_folder), "%s/test-keys-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    cr_assert_not_null (mkdtemp (s_folder));
    strcat (s_folder, "/a/keys");
}

static void
s_teardown (void)
{
    char command [300];
    s_folder [strlen (s_folder) - strlen ("/a/keys")] = 0;
    snprintf (command, sizeof (command), "rm -rf '%s'", s_folder);
    cr_assert_eq (system (command), 0);
}

TestSuite (keys, .init = s_setup, .fini = s_teardown);

Test (keys, each_actor_gets_what_it_may_know_and_no_more)
{
    cr_assert_eq (s_create (2), FST_OK);
    static const struct { const char *file, *name; bool token, curve, sign_secret, metadata, node; } rows [] = {
        { "broker.key",   "broker",         true,  true,  false, false, false },
        { "auth.key",     "auth",           true,  true,  true,  false, false },
        { "metadata.key", "metadata",       true,  true,  false, true,  false },
        { "node-1.key",   "storage:node-1", true,  true,  false, false, true },
        { "node-2.key",   "storage:node-2", true,  true,  false, false, true },
        { "client.key",   "client",         false, false, false, false, false },
        { "bridge.key",   "bridge",         true,  true,  false, false, false },
    };
    fst_keys_t *auth = NULL, *metadata = NULL, *broker = NULL;
    cr_assert_eq (s_load ("broker.key", &broker), FST_OK);
    cr_assert_eq (s_load ("auth.key", &auth), FST_OK);
    cr_assert_eq (s_load ("metadata.key", &metadata), FST_OK);
    for (size_t index = 0; index < sizeof (rows) / sizeof (rows [0]); index++) {
        fst_keys_t *keys = NULL;
        cr_assert_eq (s_load (rows [index].file, &keys), FST_OK);
        cr_expect_str_eq (keys->name, rows [index].name);
        cr_expect_eq (keys->token != NULL, rows [index].token, "%s", rows [index].file);
        cr_expect_eq (keys->curve_secret [0] != 0, rows [index].curve, "%s", rows [index].file);
        cr_expect_eq (keys->has_sign_secret, rows [index].sign_secret, "%s", rows [index].file);
        cr_expect_eq (keys->has_cluster_key, rows [index].metadata, "%s", rows [index].file);
        cr_expect_eq (keys->has_data_key, rows [index].metadata, "%s", rows [index].file);
        cr_expect_eq (keys->has_node_key, rows [index].node, "%s", rows [index].file);
        if (!streq (rows [index].name, "broker"))
            cr_expect_str_eq (keys->server_key, broker->curve_public, "%s", rows [index].file);
        if (keys->token) {
            fst_claims_t claims;
            cr_expect_eq (fst_token_verify (keys->token, auth->sign_public, INT64_MAX, &claims), FST_OK);
            cr_expect_str_eq (claims.name, rows [index].name);
            cr_expect_eq (claims.role, FST_ROLE_ACTOR);
            cr_expect_arr_eq (keys->sign_public, auth->sign_public, FST_SIGN_PUBLIC_BYTES);
        }
        if (keys->has_node_key) {
            uint8_t node_key [FST_KEY_BYTES];
            fst_node_key_derive (metadata->data_key, keys->name + strlen ("storage:"), node_key);
            cr_expect_arr_eq (keys->node_key, node_key, FST_KEY_BYTES);
        }
        fst_keys_destroy (&keys);
    }
    fst_keys_destroy (&auth);
    fst_keys_destroy (&metadata);
    fst_keys_destroy (&broker);
    fst_keys_destroy (&broker);         //  Safe to call twice
}

static void
s_expect_mode (const char *path, mode_t mode)
{
    struct stat info;
    cr_assert_eq (stat (path, &info), 0);
    cr_expect_eq (info.st_mode & 0777, mode, "%s has mode %o", path, (unsigned) info.st_mode & 0777);
}

Test (keys, only_the_owner_can_read_them_whatever_the_umask)
{
    umask (0);
    cr_assert_eq (s_create (2), FST_OK);
    s_expect_mode (s_folder, 0700);
    for (size_t index = 0; index < FILES; index++)
        s_expect_mode (s_path (s_files [index]), 0600);

    //  A folder that was there and open to others is closed
    cr_assert_eq (chmod (s_folder, 0755), 0);
    cr_assert_eq (s_create (2), FST_OK);
    s_expect_mode (s_folder, 0700);
}

Test (keys, file_that_others_may_read_is_refused)
{
    cr_assert_eq (s_create (1), FST_OK);
    fst_keys_t *keys = NULL;
    static const mode_t modes [] = { 0640, 0604, 0660, 0610, 0644, 0777 };
    for (size_t index = 0; index < sizeof (modes) / sizeof (modes [0]); index++) {
        cr_assert_eq (chmod (s_path ("auth.key"), modes [index]), 0);
        cr_expect_eq (s_load ("auth.key", &keys), FST_DENIED, "%o", (unsigned) modes [index]);
    }
    cr_assert_eq (chmod (s_path ("auth.key"), 0400), 0);
    cr_expect_eq (s_load ("auth.key", &keys), FST_OK);
    fst_keys_destroy (&keys);
}

Test (keys, creating_again_keeps_everything)
{
    char *before [FILES];
    cr_assert_eq (s_create (2), FST_OK);
    for (size_t index = 0; index < FILES; index++)
        before [index] = s_text (s_files [index]);
    cr_assert_eq (s_create (2), FST_OK);
    cr_assert_eq (s_create (1), FST_OK);        //  Fewer nodes: none is forgotten
    for (size_t index = 0; index < FILES; index++) {
        char *after = s_text (s_files [index]);
        cr_expect_str_eq (before [index], after, "%s", s_files [index]);
        zstr_free (&before [index]);
        zstr_free (&after);
    }
}

static int s_enrolled;

static void
s_count_enrolled (void *arg, const char *public_key, const char *role)
{
    const fst_keys_t *keys = (const fst_keys_t *) arg;
    s_enrolled++;
    if (streq (role, keys->name))
        cr_expect_str_eq (public_key, keys->curve_public);
}

static void
s_expect_enrolled (const char *file, int count)
{
    fst_keys_t *keys = NULL;
    char *problem = NULL;
    cr_assert_eq (s_load (file, &keys), FST_OK);
    s_enrolled = 0;
    cr_expect_eq (fst_enrolled_load (s_path ("enrolled.zpl"), s_count_enrolled, keys, &problem), FST_OK);
    cr_expect_eq (s_enrolled, count);
    fst_keys_destroy (&keys);
}

Test (keys, what_is_missing_is_made_and_enrolled)
{
    cr_assert_eq (s_create (1), FST_OK);
    s_expect_enrolled ("node-1.key", 4);
    cr_assert_eq (s_create (3), FST_OK);        //  Two more nodes
    s_expect_enrolled ("node-3.key", 6);
    cr_assert_eq (unlink (s_path ("node-2.key")), 0);
    cr_assert_eq (unlink (s_path ("client.key")), 0);
    cr_assert_eq (s_create (3), FST_OK);
    s_expect_enrolled ("node-2.key", 6);        //  With its new key, and the old one gone
    fst_keys_t *keys = NULL;
    cr_expect_eq (s_load ("client.key", &keys), FST_OK);
    fst_keys_destroy (&keys);
}

Test (keys, broker_that_was_no_actor_before_becomes_one_and_keeps_its_pair)
{
    cr_assert_eq (s_create (1), FST_OK);
    fst_keys_t *keys = NULL;
    char text [256];
    cr_assert_eq (s_load ("broker.key", &keys), FST_OK);
    char pair [FST_CURVE_TEXT_BYTES + 1];
    memcpy (pair, keys->curve_public, sizeof (pair));
    snprintf (text, sizeof (text), "name = \"broker\"\ncurve-public = \"%s\"\ncurve-secret = \"%s\"\n",
              keys->curve_public, keys->curve_secret);
    fst_keys_destroy (&keys);
    s_overwrite ("broker.key", text);
    cr_assert_eq (s_create (1), FST_OK);
    cr_assert_eq (s_load ("broker.key", &keys), FST_OK);
    cr_expect (keys->token != NULL);
    cr_expect_str_eq (keys->curve_public, pair);
    fst_keys_destroy (&keys);
}

Test (keys, bridge_that_was_a_client_before_becomes_an_actor)
{
    cr_assert_eq (s_create (1), FST_OK);
    fst_keys_t *keys = NULL;
    cr_assert_eq (s_load ("client.key", &keys), FST_OK);
    char text [300];
    snprintf (text, sizeof (text), "name = \"bridge\"\nserver-key = \"%s\"\n", keys->server_key);
    fst_keys_destroy (&keys);
    s_overwrite ("bridge.key", text);
    cr_assert_eq (s_create (1), FST_OK);
    cr_assert_eq (s_load ("bridge.key", &keys), FST_OK);
    cr_expect (keys->token && keys->curve_secret [0]);
    fst_keys_destroy (&keys);
    s_expect_enrolled ("bridge.key", 4);
}

Test (keys, attempt_that_was_cut_short_is_completed)
{
    //  Files are made in this order; a crash leaves the first of them and perhaps a temporary one
    for (size_t made = 0; made < FILES; made++) {
        cr_assert_eq (s_create (2), FST_OK);
        for (size_t index = made; index < FILES; index++)
            cr_assert_eq (unlink (s_path (s_files [index])), 0);
        s_overwrite ("new.tmp", "rubbish that is longer than any key file would be, or so one hopes\n");
        cr_expect_eq (s_create (2), FST_OK);
        s_expect_enrolled ("node-2.key", 5);
        for (size_t index = 0; index < FILES; index++)
            cr_assert_eq (unlink (s_path (s_files [index])), 0);
    }
}

Test (keys, what_data_depends_on_is_never_made_anew)
{
    for (size_t index = 0; index < 3; index++) {
        cr_assert_eq (s_create (1), FST_OK);
        char *text = s_text (s_files [index]);
        cr_assert_eq (unlink (s_path (s_files [index])), 0);
        cr_expect_eq (s_create (1), FST_MALFORMED, "%s", s_files [index]);
        cr_expect_neq (access (s_path (s_files [index]), F_OK), 0);
        s_overwrite (s_files [index], text);    //  From the backup
        cr_assert_eq (chmod (s_path (s_files [index]), 0600), 0);
        cr_expect_eq (s_create (1), FST_OK);
        zstr_free (&text);
    }
}

Test (keys, file_of_another_cluster_or_actor_is_refused)
{
    cr_assert_eq (s_create (2), FST_OK);
    char *node = s_text ("node-1.key");
    s_overwrite ("node-2.key", node);
    cr_expect_eq (s_create (2), FST_MALFORMED);
    for (size_t index = 0; index < FILES; index++)
        if (strneq (s_files [index], "node-1.key"))
            cr_assert_eq (unlink (s_path (s_files [index])), 0);
    cr_expect_eq (s_create (2), FST_MALFORMED);
    zstr_free (&node);
}

Test (keys, damaged_file_is_refused_and_says_which)
{
    cr_assert_eq (s_create (1), FST_OK);
    char *text = s_text ("auth.key");
    size_t length = strlen (text);
    fst_keys_t *keys = NULL;
    static const char *const bad [] = {
        "", "name = \"auth\nx", "rubbish", "name = \"auth\"\nname = \"auth\"\n", "name = \"a\"b\"\n", "name = \"\"\n",
        "name = \"no/such\"\n", "name = \"auth\"\nfuture-key = \"00\"\n", "name = \"auth\"\nsign-secret = \"00\"\n",
        "name = \"auth\"\ndata-key = \"zz\"\n", "name = \"auth\"\ncurve-public = \"short\"\n", "name = \"\n", " = \"\"\n",
        "name = \"auth\"\ntoken = \"\"\n", "server-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n",
    };
    for (size_t index = 0; index < sizeof (bad) / sizeof (bad [0]); index++) {
        s_overwrite ("auth.key", bad [index]);
        cr_expect_eq (s_load ("auth.key", &keys), FST_MALFORMED, "%s", bad [index]);
    }

    //  Cut anywhere: refused, or at the end of a line and then without what is missing, never with half a key
    for (size_t cut = 0; cut < length; cut++) {
        char *part = strndup (text, cut);
        s_overwrite ("auth.key", part);
        fst_rc_t rc = s_load ("auth.key", &keys);
        cr_expect (rc == FST_MALFORMED || part [cut - 1] == '\n' || text [cut] == '\n', "cut at %zu", cut);
        fst_keys_destroy (&keys);
        free (part);
    }

    //  One digit of the secret changed: it no longer fits the public key
    char *digit = strstr (text, "sign-secret = \"") + strlen ("sign-secret = \"") + 100;
    *digit = *digit == '0'? '1': '0';
    s_overwrite ("auth.key", text);
    cr_expect_eq (s_load ("auth.key", &keys), FST_MALFORMED);
    cr_expect_eq (s_create (1), FST_MALFORMED);
    zstr_free (&text);
}

Test (keys, file_that_is_not_there_or_no_file)
{
    fst_keys_t *keys = NULL;
    cr_expect_eq (s_load ("none.key", &keys), FST_NOT_FOUND);
    cr_assert_eq (s_create (0), FST_OK);
    cr_assert_eq (mkdir (s_path ("folder.key"), 0700), 0);
    cr_expect_eq (s_load ("folder.key", &keys), FST_MALFORMED);
    char *problem = NULL;
    cr_expect_eq (fst_keys_create (s_path ("auth.key"), 1, &problem), FST_IO, "a file where the folder should be");
    cr_expect_not_null (problem);
    zstr_free (&problem);
}

Test (keys, file_of_enrolled_actors_that_others_may_write_is_refused)
{
    cr_assert_eq (s_create (1), FST_OK);
    fst_keys_t none = { .name = "" };
    char *problem = NULL;
    cr_assert_eq (chmod (s_path ("enrolled.zpl"), 0644), 0);
    cr_expect_eq (fst_enrolled_load (s_path ("enrolled.zpl"), s_count_enrolled, &none, &problem), FST_OK);
    cr_assert_eq (chmod (s_path ("enrolled.zpl"), 0620), 0);
    s_enrolled = 0;
    cr_expect_eq (fst_enrolled_load (s_path ("enrolled.zpl"), s_count_enrolled, &none, &problem), FST_DENIED);
    cr_expect_eq (s_enrolled, 0);
    zstr_free (&problem);
}

static fst_rc_t
s_enrol (const char *role, const char *rights, const char *scopes, fst_keys_t **keys_p)
{
    char *problem = NULL;
    fst_enrolment_t what = { .role = role, .rights = rights, .scopes = scopes };
    fst_rc_t rc = fst_keys_enrol (s_folder, &what, keys_p, &problem);
    cr_expect_eq (rc == FST_OK, problem == NULL, "%s", problem? problem: "a failure says why");
    zstr_free (&problem);
    return rc;
}

Test (keys, an_actor_is_enrolled_with_its_scopes_and_its_secrets_are_kept_nowhere)
{
    cr_assert_eq (s_create (1), FST_OK);
    char scopes [FST_SCOPES_BYTES_MAX] = "", session [2 * FST_SESSION_BYTES + 1], hex [2 * FST_SESSION_BYTES + 1], *problem = NULL;
    cr_assert_eq (fst_scopes_add (scopes, true, "/users"), FST_OK);
    fst_keys_t *first = NULL, *second = NULL, *broker = NULL;
    fst_claims_t claims;
    cr_expect_eq (fst_keys_enrolled_session (s_folder, "actor:a", session, &problem), FST_NOT_FOUND);
    zstr_free (&problem);
    cr_assert_eq (s_enrol ("actor:a", "offers:b", scopes, &first), FST_OK);
    cr_assert_eq (s_load ("broker.key", &broker), FST_OK);
    cr_expect_str_eq (first->server_key, broker->curve_public);
    cr_expect_eq (fst_token_verify (first->token, first->sign_public, INT64_MAX, &claims), FST_OK);
    cr_expect_str_eq (claims.name, "actor:a");
    cr_expect_eq (claims.role, FST_ROLE_ACTOR);
    cr_expect (claims.scoped);
    cr_expect_eq (fst_scopes_at (claims.scopes, "/users/alice"), FST_SCOPE_WRITE);
    fst_hex_encode (claims.session, FST_SESSION_BYTES, hex);
    cr_expect_eq (fst_keys_enrolled_session (s_folder, "actor:a", session, &problem), FST_OK);
    cr_expect_str_eq (session, hex);
    char *text = s_text ("enrolled.zpl");
    cr_expect_null (strstr (text, first->token));
    cr_expect_null (strstr (text, first->curve_secret));
    zstr_free (&text);

    //  Again: another one, and only that
    cr_assert_eq (s_enrol ("actor:a", "", "", &second), FST_OK);
    cr_expect_str_neq (second->token, first->token);
    s_enrolled = 0;
    cr_expect_eq (fst_enrolled_load (s_path ("enrolled.zpl"), s_count_enrolled, second, &problem), FST_OK);
    int with = s_enrolled;
    cr_expect_eq (fst_keys_unenrol (s_folder, "actor:a", &problem), FST_OK);
    s_enrolled = 0;
    cr_expect_eq (fst_enrolled_load (s_path ("enrolled.zpl"), s_count_enrolled, second, &problem), FST_OK);
    cr_expect_eq (s_enrolled, with - 1);
    cr_expect_eq (fst_keys_unenrol (s_folder, "actor:a", &problem), FST_NOT_FOUND);
    zstr_free (&problem);
    cr_assert_eq (s_create (1), FST_OK);            //  What is left is whole
    fst_keys_destroy (&first);
    fst_keys_destroy (&second);
    fst_keys_destroy (&broker);
}

Test (keys, a_node_that_is_enrolled_has_the_same_keys_each_time)
{
    cr_assert_eq (s_create (1), FST_OK);
    fst_keys_t *made = NULL, *again = NULL;
    cr_assert_eq (s_enrol ("storage:node-7", "", NULL, &made), FST_OK);
    cr_assert_eq (s_enrol ("storage:node-7", "", NULL, &again), FST_OK);
    cr_expect (made->has_node_key);
    cr_expect_str_eq (made->token, again->token);
    cr_expect_str_eq (made->curve_secret, again->curve_secret);
    fst_keys_destroy (&made);
    fst_keys_destroy (&again);
}

Test (keys, rights_that_are_no_words_are_refused)
{
    cr_assert_eq (s_create (1), FST_OK);
    static const char *const bad [] = { "offers:", "offers:a ", " offers:a", "offers:a  offers:b", "x:a", "offers:a\"b", "a" };
    fst_keys_t *keys = NULL;
    char many [300] = "offers:a";
    for (size_t at = 0; at < sizeof (bad) / sizeof (bad [0]); at++)
        cr_expect_eq (s_enrol ("actor:a", bad [at], "", &keys), FST_MALFORMED, "\"%s\"", bad [at]);
    while (strlen (many) < 250)
        strcat (many, "a");
    cr_expect_eq (s_enrol ("actor:a", many, "", &keys), FST_MALFORMED);
}
