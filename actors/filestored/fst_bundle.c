//  Bundles, as a line of text.

#include "fst_bundle.h"
#include "fst_sodium.h"
#include <czmq.h>
#include <jansson.h>

typedef enum { TEXT, HEX } s_kind_t;

#define FIELD(text, kind, member) { text, kind, offsetof (fst_keys_t, member), sizeof (((fst_keys_t *) 0)->member), 0, false }
#define CURVE(text, member) { text, TEXT, offsetof (fst_keys_t, member), sizeof (((fst_keys_t *) 0)->member), 0, true }
#define SECRET(text, member) \
    { text, HEX, offsetof (fst_keys_t, member), sizeof (((fst_keys_t *) 0)->member), offsetof (fst_keys_t, has_##member), \
      false }

//  What is copied from and to keys; has is where the flag lies that says it is there, 0 = it has none.
static const struct { const char *name; s_kind_t kind; size_t at, bytes, has; bool curve; } s_fields [] = {
    FIELD ("role", TEXT, name),
    CURVE ("server_key", server_key),
    CURVE ("public_key", curve_public),
    CURVE ("secret_key", curve_secret),
    FIELD ("sign_public", HEX, sign_public),
    SECRET ("node_key", node_key),
    SECRET ("cluster_key", cluster_key),
    SECRET ("data_key", data_key),
    SECRET ("sign_secret", sign_secret),
};
#define FIELDS (sizeof (s_fields) / sizeof (s_fields [0]))

const char *
fst_bundle_name (const char *role)
{
    const char *colon = strchr (role, ':');
    return colon? colon + 1: role;
}

char *
fst_bundle_encode (const fst_bundle_t *self)
{
    assert (self && self->keys && self->keys->token);
    json_t *object = json_pack ("{s:i, s:s, s:s, s:s, s:s, s:s}", "v", 1, "name", fst_bundle_name (self->keys->name),
        "token", self->keys->token, "broker", self->broker, "events_in", self->events_in, "events_out", self->events_out);
    assert (object);
    bool tcp = strncmp (self->broker, "tcp://", 6) == 0;
    for (size_t row = 0; row < FIELDS; row++) {
        const char *at = (const char *) self->keys + s_fields [row].at;
        char hex [2 * FST_SIGN_SECRET_BYTES + 1];
        if (s_fields [row].curve && !tcp)
            continue;
        if (s_fields [row].has && !*((const bool *) ((const char *) self->keys + s_fields [row].has)))
            continue;
        if (s_fields [row].kind == HEX) {
            assert (2 * s_fields [row].bytes < sizeof (hex));
            fst_hex_encode (at, s_fields [row].bytes, hex);
        }
        if (s_fields [row].kind == HEX || *at)
            json_object_set_new (object, s_fields [row].name, json_string (s_fields [row].kind == HEX? hex: at));
        sodium_memzero (hex, sizeof (hex));
    }
    char *text = json_dumps (object, JSON_COMPACT);
    assert (text);
    char *line = fst_base64_encode (text, strlen (text));
    sodium_memzero (text, strlen (text));
    free (text);
    json_decref (object);
    return line;
}

static const char *
s_text (json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text? text: "";
}

static bool
s_read_keys (json_t *object, fst_keys_t *keys)
{
    for (size_t row = 0; row < FIELDS; row++) {
        const char *text = s_text (object, s_fields [row].name);
        char *at = (char *) keys + s_fields [row].at;
        if (!*text)
            continue;
        if (s_fields [row].kind == HEX? fst_hex_decode (text, at, s_fields [row].bytes) != FST_OK
                                      : strlen (text) >= s_fields [row].bytes)
            return false;
        if (s_fields [row].kind == TEXT)
            strcpy (at, text);
        if (s_fields [row].has)
            *((bool *) ((char *) keys + s_fields [row].has)) = true;
    }
    keys->token = strdup (s_text (object, "token"));
    assert (keys->token);
    return true;
}

//  The token is auth's, and for this role. Files are called as the role is, and a bundle may be a stranger's.
static bool
s_is_genuine (const fst_keys_t *keys)
{
    fst_claims_t claims;
    return fst_token_verify (keys->token, keys->sign_public, 0, &claims) == FST_OK && streq (claims.name, keys->name)
        && fst_node_name_valid (fst_bundle_name (keys->name));
}

//  It stands between quotes in a file of settings.
static bool
s_is_endpoint (const char *text)
{
    return *text && !text [strcspn (text, "\"\\\r\n")];
}

fst_rc_t
fst_bundle_decode (const char *line, fst_bundle_t *self, char **problem_p)
{
    assert (line && self && problem_p);
    *self = (fst_bundle_t) { 0 };
    char *text = calloc (1, FST_BUNDLE_CHARS_MAX + 1);
    assert (text);
    size_t bytes = 0, length = strcspn (line, "= \t\r\n");      //  Padding is no harm
    char *trimmed = strndup (line, length);
    fst_rc_t rc = length > FST_BUNDLE_CHARS_MAX? FST_MALFORMED
                : fst_base64_decode (trimmed, text, FST_BUNDLE_CHARS_MAX, &bytes);
    json_t *object = rc == FST_OK? json_loadb (text, bytes, 0, NULL): NULL;
    self->keys = calloc (1, sizeof (*self->keys));
    assert (self->keys);
    if (!object || json_integer_value (json_object_get (object, "v")) != 1 || !s_read_keys (object, self->keys)
    ||  !s_is_genuine (self->keys) || !s_is_endpoint (s_text (object, "broker")) || !s_is_endpoint (s_text (object, "events_in"))
    ||  !s_is_endpoint (s_text (object, "events_out"))) {
        *problem_p = strdup ("this is no bundle, or part of one: give the whole line that filestored enrol printed");
        rc = FST_MALFORMED;
    }
    else {
        self->broker = strdup (s_text (object, "broker"));
        self->events_in = strdup (s_text (object, "events_in"));
        self->events_out = strdup (s_text (object, "events_out"));
    }
    json_decref (object);
    sodium_memzero (text, FST_BUNDLE_CHARS_MAX);
    sodium_memzero (trimmed, length);
    free (text);
    free (trimmed);
    return rc;
}

void
fst_bundle_clear (fst_bundle_t *self)
{
    assert (self);
    free (self->broker);
    free (self->events_in);
    free (self->events_out);
    fst_keys_destroy (&self->keys);
    *self = (fst_bundle_t) { 0 };
}
