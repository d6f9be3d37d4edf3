//  Enrolling one actor more, and ending that. An actor of one's own has this entry in the file of enrolled actors:
//
//      actor
//          role = "actor:thumbnail"
//          public-key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
//          session = "0a..."                           that of its token, so that it can be revoked
//          rights = "offers:thumbs publishes:thumbs"   where they are not the usual ones

#include "fst_gate.h"
#include "fst_keys_self.h"
#include "fst_sodium.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#define USER_ID_BYTES_MAX (255 - sizeof (FST_GATE_KEY_WORD) - FST_GATE_KEY_CHARS)  //  What the gate tells the broker

static const char *const s_right_words [] = { "offers:", "publishes:" };

bool
fst_enrolled_rights_valid (const char *role, const char *rights)
{
    if (!*rights)
        return true;
    if (strncmp (role, "actor:", 6) != 0 || strlen (role) + 1 + strlen (rights) > USER_ID_BYTES_MAX)
        return false;
    while (*rights) {
        size_t word = 0;
        while (word < 2 && strncmp (rights, s_right_words [word], strlen (s_right_words [word])) != 0)
            word++;
        if (word == 2)
            return false;
        rights += strlen (s_right_words [word]);
        size_t length = strspn (rights, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
        if (length == 0 || (rights [length] && (rights [length] != ' ' || !rights [length + 1])))
            return false;
        rights += length + (rights [length] == ' ');
    }
    return true;
}

int
fst_keys_lock (const char *folder)
{
    char *filename = zsys_sprintf ("%s/enrolled.lock", folder);
    int lock = open (filename, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    freen (filename);
    if (lock >= 0 && flock (lock, LOCK_EX) != 0) {
        close (lock);
        lock = -1;
    }
    return lock;
}

//  ---- What a cluster's folder of keys has

static fst_rc_t
s_load (fst_maker_t *maker, const char *file, fst_keys_t **keys_p)
{
    char *path = zsys_sprintf ("%s/%s", maker->folder, file);
    fst_rc_t rc = fst_keys_load (path, keys_p, maker->problem_p);
    freen (path);
    return rc;
}

static fst_rc_t
s_open (fst_maker_t *maker, int *lock_p)
{
    fst_rc_t rc = s_load (maker, "broker.key", &maker->broker);
    if (rc == FST_OK)
        rc = s_load (maker, "auth.key", &maker->auth);
    if (rc == FST_OK && !maker->auth->has_sign_secret)
        rc = fst_keys_problem (maker->problem_p, FST_MALFORMED, "%s/auth.key: sign-secret is missing", maker->folder);
    if (rc == FST_OK)
        rc = fst_disk_open (maker->folder, &maker->disk);
    if (rc == FST_OK)
        *lock_p = fst_keys_lock (maker->folder);
    char *path = zsys_sprintf ("%s/enrolled.zpl", maker->folder);
    if (rc == FST_OK)
        rc = fst_enrolled_read (path, &maker->enrolled, maker->problem_p);
    freen (path);
    return rc;
}

static void
s_close (fst_maker_t *maker, int lock)
{
    zconfig_destroy (&maker->enrolled);
    fst_keys_destroy (&maker->broker);
    fst_keys_destroy (&maker->auth);
    fst_keys_destroy (&maker->metadata);
    fst_disk_destroy (&maker->disk);
    if (lock >= 0)
        close (lock);
}

static zconfig_t *
s_find (fst_maker_t *maker, const char *role)
{
    zconfig_t *actor = zconfig_child (maker->enrolled);
    while (actor && strneq (zconfig_get (actor, "role", ""), role))
        actor = zconfig_next (actor);
    return actor;
}

static fst_rc_t
s_save_enrolled (fst_maker_t *maker)
{
    char *text = zconfig_str_save (maker->enrolled);
    fst_rc_t rc = fst_keys_write_file (maker, "enrolled.zpl", text);
    zstr_free (&text);
    return rc;
}

//  ---- Enrolling

//  A role of the store itself, whose keys stay in the folder: they are the same for whoever is it.
static fst_rc_t
s_enrol_own (fst_maker_t *maker, const char *role, fst_keys_t **keys_p)
{
    const char *node = strncmp (role, "storage:", 8) == 0? role + 8: NULL;
    char *file = zsys_sprintf ("%s.key", node? node: role);
    fst_rc_t rc = node? s_load (maker, "metadata.key", &maker->metadata): FST_OK;
    if (rc == FST_OK && node)
        rc = fst_keys_obtain_member (maker, file, role, fst_keys_fill_node, keys_p);
    else
    if (rc == FST_OK)
        rc = s_load (maker, file, keys_p);
    freen (file);
    if (rc == FST_OK && fst_keys_note (maker->enrolled, *keys_p))
        rc = s_save_enrolled (maker);
    return rc;
}

//  An actor of one's own: nobody keeps its secrets but itself, so it gets fresh ones each time.
static fst_rc_t
s_enrol_actor (fst_maker_t *maker, const char *role, const char *rights, fst_keys_t **keys_p)
{
    fst_keys_t *keys = calloc (1, sizeof (*keys));
    assert (keys);
    snprintf (keys->name, sizeof (keys->name), "%s", role);
    fst_keys_fill_actor (maker, keys);
    fst_claims_t claims;
    char session [2 * FST_SESSION_BYTES + 1];
    fst_rc_t rc = fst_token_verify (keys->token, keys->sign_public, 0, &claims);
    assert (rc == FST_OK);
    fst_hex_encode (claims.session, FST_SESSION_BYTES, session);
    fst_keys_note (maker->enrolled, keys);
    zconfig_put (s_find (maker, role), "session", session);
    zconfig_put (s_find (maker, role), "rights", rights);
    rc = s_save_enrolled (maker);
    if (rc == FST_OK)
        *keys_p = keys;
    else
        fst_keys_destroy (&keys);
    return rc;
}

fst_rc_t
fst_keys_enrol (const char *folder, const fst_enrolment_t *what, fst_keys_t **keys_p, char **problem_p)
{
    assert (folder && what && keys_p && problem_p);
    fst_maker_t maker = { .folder = folder, .problem_p = problem_p, .scopes = what->scopes };
    int lock = -1;
    bool actor = strncmp (what->role, "actor:", 6) == 0;
    fst_rc_t rc = FST_OK;
    if (!fst_enrolled_rights_valid (what->role, what->rights))
        rc = fst_keys_problem (problem_p, FST_MALFORMED, "%s: these services and topics are too many, or no names", what->role);
    if (rc == FST_OK)
        rc = s_open (&maker, &lock);
    if (rc == FST_OK)
        rc = actor? s_enrol_actor (&maker, what->role, what->rights, keys_p): s_enrol_own (&maker, what->role, keys_p);
    s_close (&maker, lock);
    return rc;
}

//  ---- Ending it

//  CZMQ's trees do not shrink.
static void
s_remove (fst_maker_t *maker, const char *role)
{
    static const char *const fields [] = { "role", "public-key", "session", "rights" };
    zconfig_t *rest = zconfig_new ("root", NULL);
    for (zconfig_t *actor = zconfig_child (maker->enrolled); actor; actor = zconfig_next (actor)) {
        if (streq (zconfig_get (actor, "role", ""), role))
            continue;
        zconfig_t *copy = zconfig_new ("actor", rest);
        for (size_t at = 0; at < sizeof (fields) / sizeof (fields [0]); at++)
            if (*zconfig_get (actor, fields [at], ""))
                zconfig_put (copy, fields [at], zconfig_get (actor, fields [at], ""));
    }
    zconfig_destroy (&maker->enrolled);
    maker->enrolled = rest;
}

fst_rc_t
fst_keys_enrolled_session (const char *folder, const char *role, char session [2 * FST_SESSION_BYTES + 1], char **problem_p)
{
    assert (folder && role && problem_p);
    fst_maker_t maker = { .folder = folder, .problem_p = problem_p };
    int lock = -1;
    fst_rc_t rc = s_open (&maker, &lock);
    zconfig_t *actor = rc == FST_OK? s_find (&maker, role): NULL;
    session [0] = 0;
    if (rc == FST_OK && !actor)
        rc = fst_keys_problem (problem_p, FST_NOT_FOUND, "%s is not enrolled", role);
    if (rc == FST_OK && strlen (zconfig_get (actor, "session", "")) == 2 * FST_SESSION_BYTES)
        strcpy (session, zconfig_get (actor, "session", ""));
    else
    if (rc == FST_OK && strncmp (role, "storage:", 8) == 0) {
        char *file = zsys_sprintf ("%s.key", role + 8), *ignored = NULL;
        fst_keys_t *keys = NULL;
        fst_claims_t claims;
        maker.problem_p = &ignored;
        if (s_load (&maker, file, &keys) == FST_OK && keys->token
        &&  fst_token_verify (keys->token, maker.auth->sign_public, 0, &claims) == FST_OK)
            fst_hex_encode (claims.session, FST_SESSION_BYTES, session);
        fst_keys_destroy (&keys);
        freen (ignored);
        freen (file);
    }
    s_close (&maker, lock);
    return rc;
}

fst_rc_t
fst_keys_unenrol (const char *folder, const char *role, char **problem_p)
{
    assert (folder && role && problem_p);
    fst_maker_t maker = { .folder = folder, .problem_p = problem_p };
    int lock = -1;
    fst_rc_t rc = s_open (&maker, &lock);
    zconfig_t *actor = rc == FST_OK? s_find (&maker, role): NULL;
    if (rc == FST_OK && !actor)
        rc = fst_keys_problem (problem_p, FST_NOT_FOUND, "%s is not enrolled", role);
    if (rc == FST_OK) {
        s_remove (&maker, role);
        rc = s_save_enrolled (&maker);
    }
    if (rc == FST_OK && strncmp (role, "storage:", 8) == 0) {       //  Its token is worth nothing any more
        char *file = zsys_sprintf ("%s.key", role + 8);
        rc = maker.disk->unlink (maker.disk->self, file);
        rc = rc == FST_NOT_FOUND? FST_OK: rc;
        freen (file);
    }
    s_close (&maker, lock);
    return rc;
}

fst_rc_t
fst_keys_store (const char *folder, const char *file, const fst_keys_t *keys, char **problem_p)
{
    assert (folder && file && keys && problem_p);
    fst_maker_t maker = { .folder = folder, .problem_p = problem_p };
    fst_rc_t rc = fst_disk_open (folder, &maker.disk);
    if (rc == FST_OK && chmod (folder, 0700) == -1)
        rc = FST_IO;
    if (rc != FST_OK)
        rc = fst_keys_problem (problem_p, rc, "%s: cannot make or use this folder: %s", folder, fst_error_text (rc));
    else
        rc = fst_keys_save (&maker, file, keys);
    fst_disk_destroy (&maker.disk);
    return rc;
}
