//  A ring of what passed.

#include "fst_tap.h"
#include <assert.h>
#include <string.h>
#include "fst_envelope.h"
#include "fst_token.h"

#define NAME_BYTES      129
#define HEAD_BYTES      65          //  Commands and ids
#define DEPTH_MAX       8           //  Of a payload that is shown
#define TEXT_BYTES_MAX  80          //  Of one value in it

struct fst_tapped {
    int64_t time_ms;                //  Wall time at which it came
    int64_t waited_us, worked_us;
    char service [NAME_BYTES], command [HEAD_BYTES], id [HEAD_BYTES], code [HEAD_BYTES];
    char user [NAME_BYTES];         //  Who asked; "" without a token, or with one that auth did not sign
    size_t request_bytes, reply_bytes;
    char payload [FST_TAP_PAYLOAD + 1];
};

struct fst_tap {
    int64_t (*wall_ms) (void);
    int64_t (*mono_us) (void);
    bool knows_auth;                //  sign_public is set
    uint8_t sign_public [FST_SIGN_PUBLIC_BYTES];
    int64_t until_us;               //  Somebody looks until then
    fst_tapped_t *rows [FST_TAP_ROWS];      //  Number n is at n % FST_TAP_ROWS
    int64_t last;                   //  Number of the newest one; they begin at 1
};

fst_tap_t *
fst_tap_new (int64_t (*wall_ms) (void), int64_t (*mono_us) (void), const uint8_t *sign_public)
{
    assert (wall_ms && mono_us);
    fst_tap_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->wall_ms = wall_ms;
    self->mono_us = mono_us;
    if (sign_public) {
        self->knows_auth = true;
        memcpy (self->sign_public, sign_public, sizeof (self->sign_public));
    }
    return self;
}

static void
s_clear (fst_tap_t *self)
{
    for (size_t at = 0; at < FST_TAP_ROWS; at++)
        fst_tap_forget (&self->rows [at]);
}

void
fst_tap_destroy (fst_tap_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        s_clear (*self_p);
        free (*self_p);
        *self_p = NULL;
    }
}

static bool
s_is_open (fst_tap_t *self, int64_t now_us)
{
    if (self->until_us && now_us >= self->until_us) {
        s_clear (self);
        self->until_us = 0;
    }
    return self->until_us != 0;
}

//  ---- Masks

//  By its name it may hold something that opens something.
static bool
s_is_secret (const char *name)
{
    static const char *const parts [] = { "password", "passphrase", "secret", "token", "key", "capability", "ticket", "hash",
                                          "receipt", "credential", "bundle", "cookie", "authorization", "signature", "private", NULL };
    static const char *const wholes [] = { "old", "new", "pin", "pass", NULL };
    for (size_t at = 0; parts [at]; at++)
        if (strcasestr (name, parts [at]))
            return true;
    for (size_t at = 0; wholes [at]; at++)
        if (strcasecmp (name, wholes [at]) == 0)
            return true;
    return false;
}

//  A copy that may be shown.
static json_t *
s_masked (json_t *value, int depth)
{
    const char *name;
    json_t *inner;
    size_t at;
    if (depth > DEPTH_MAX)
        return json_string ("..");
    if (json_is_object (value)) {
        json_t *object = json_object ();
        json_object_foreach (value, name, inner)
            json_object_set_new (object, name, s_is_secret (name)? json_string ("***"): s_masked (inner, depth + 1));
        return object;
    }
    if (json_is_array (value)) {
        json_t *array = json_array ();
        json_array_foreach (value, at, inner)
            json_array_append_new (array, s_masked (inner, depth + 1));
        return array;
    }
    if (json_string_length (value) <= TEXT_BYTES_MAX)
        return json_incref (value);
    char text [64];
    snprintf (text, sizeof (text), "(%zu octets)", json_string_length (value));
    return json_string (text);
}

//  One line; whole characters only.
static void
s_show_payload (fst_tapped_t *row, json_t *payload)
{
    json_t *masked = s_masked (payload, 1);
    char *text = json_dumps (masked, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text && strcmp (text, "{}"))
        snprintf (row->payload, sizeof (row->payload), "%s", text);
    free (text);
    json_decref (masked);
}

//  The envelope in the first frame of a body; NULL if it is none of ours.
static json_t *
s_envelope (zmsg_t *body)
{
    zframe_t *head = zmsg_first (body);
    if (!head || zframe_size (head) > FST_JSON_BYTES_MAX)
        return NULL;
    return json_loadb ((const char *) zframe_data (head), zframe_size (head), JSON_REJECT_DUPLICATES, NULL);
}

//  A word of an envelope: printable, as a peer chose it.
static void
s_copy (char *to, size_t size, const json_t *envelope, const char *name)
{
    const char *text = json_string_value (json_object_get (envelope, name));
    size_t at = 0;
    for (; text && text [at] && at + 1 < size; at++)
        to [at] = text [at] > ' ' && text [at] <= '~'? text [at]: '?';
    to [at] = 0;
}

//  Who asks, if auth signed that; whether the token is still good is for the service to say.
static void
s_show_user (fst_tap_t *self, fst_tapped_t *row, const json_t *envelope)
{
    const char *token = json_string_value (json_object_get (envelope, "token"));
    fst_claims_t claims;
    if (!self->knows_auth || !token)
        return;
    fst_rc_t rc = fst_token_verify (token, self->sign_public, row->time_ms, &claims);
    if (rc == FST_OK || rc == FST_EXPIRED)
        snprintf (row->user, sizeof (row->user), "%s", claims.name);
}

//  ---- For the router

fst_tapped_t *
fst_tap_came (fst_tap_t *self, const char *service, zmsg_t *body)
{
    assert (self && service && body);
    if (!s_is_open (self, self->mono_us ()))
        return NULL;
    fst_tapped_t *row = calloc (1, sizeof (*row));
    assert (row);
    row->time_ms = self->wall_ms ();
    row->request_bytes = zmsg_content_size (body);
    snprintf (row->service, sizeof (row->service), "%s", service);
    json_t *envelope = s_envelope (body);
    s_copy (row->command, sizeof (row->command), envelope, "command");
    s_copy (row->id, sizeof (row->id), envelope, "id");
    s_show_user (self, row, envelope);
    if (json_object_get (envelope, "payload"))
        s_show_payload (row, json_object_get (envelope, "payload"));
    json_decref (envelope);
    return row;
}

void
fst_tap_forget (fst_tapped_t **request_p)
{
    assert (request_p);
    free (*request_p);
    *request_p = NULL;
}

//  Who looks asks for what passes, not for the asking.
static bool
s_is_looking (const fst_tapped_t *row)
{
    return strcmp (row->service, "broker") == 0 && strcmp (row->command, "TAP") == 0;
}

void
fst_tap_answered (fst_tap_t *self, fst_tapped_t **request_p, zmsg_t *body, int64_t waited_us, int64_t worked_us)
{
    assert (self && request_p);
    fst_tapped_t *row = *request_p;
    if (!row)
        return;
    if (!s_is_open (self, self->mono_us ()) || s_is_looking (row)) {
        fst_tap_forget (request_p);
        return;
    }
    *request_p = NULL;
    row->waited_us = waited_us;
    row->worked_us = worked_us;
    row->reply_bytes = zmsg_content_size (body);
    json_t *envelope = s_envelope (body);
    s_copy (row->code, sizeof (row->code), envelope, json_object_get (envelope, "code")? "code": "status");
    json_decref (envelope);
    fst_tapped_t **place = &self->rows [++self->last % FST_TAP_ROWS];
    fst_tap_forget (place);
    *place = row;
}

//  ---- For who looks

static bool
s_passes (const fst_tapped_t *row, const char *filter)
{
    char text [2 * NAME_BYTES + 2 * HEAD_BYTES];
    snprintf (text, sizeof (text), "%s %s %s %s", row->service, row->command, row->id, row->user);
    return !filter || strstr (text, filter);
}

static json_t *
s_row (const fst_tapped_t *row)
{
    return json_pack ("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "time_ms", (json_int_t) row->time_ms,
        "service", row->service, "command", row->command, "id", row->id, "code", row->code, "user", row->user,
        "request_bytes", (json_int_t) row->request_bytes, "reply_bytes", (json_int_t) row->reply_bytes,
        "waited_us", (json_int_t) row->waited_us, "worked_us", (json_int_t) row->worked_us,
        "payload", row->payload);
}

json_t *
fst_tap_look (fst_tap_t *self, const char *filter, int64_t since)
{
    assert (self);
    int64_t now_us = self->mono_us ();
    bool open = s_is_open (self, now_us);
    self->until_us = now_us + FST_TAP_OPEN_MS * 1000;
    int64_t oldest = self->last >= FST_TAP_ROWS? self->last - FST_TAP_ROWS + 1: 1;
    int64_t number = since < 0 || since > self->last? self->last + 1: since + 1;
    int64_t missed = number < oldest? oldest - number: 0;
    json_t *rows = json_array ();
    for (number += missed; open && number <= self->last && json_array_size (rows) < FST_TAP_PAGE; number++) {
        const fst_tapped_t *row = self->rows [number % FST_TAP_ROWS];
        if (row && s_passes (row, filter))
            json_array_append_new (rows, s_row (row));
    }
    int64_t sequence = open? number - 1: self->last;
    return json_pack ("{s:o, s:I, s:I, s:b}", "rows", rows, "sequence", (json_int_t) sequence,
                      "missed", (json_int_t) missed, "more", sequence < self->last);
}
