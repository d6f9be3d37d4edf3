//  Sessions that auth ended, by event and by list.

#include "fst_revoked.h"
#include <assert.h>
#include <stdlib.h>
#include "fst_clock.h"
#include "fst_schema.h"
#include "fst_text.h"

#define LIST_MS     60000
#define RETRY_MS    2000        //  Auth cannot be reached
#define PAGE        4096        //  A full answer of LIST_REVOKED has more behind it

struct fst_revoked {
    fst_actor_t *actor;
    bool listing;               //  A call is under way
    int64_t list_ms;            //  When to make the next one
};

fst_revoked_t *
fst_revoked_new (fst_actor_t *actor)
{
    assert (actor);
    fst_revoked_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    return self;
}

void
fst_revoked_destroy (fst_revoked_t **self_p)
{
    assert (self_p);
    free (*self_p);
    *self_p = NULL;
}

//  Take an object with session and expires_ms.
void
fst_revoked_event (fst_revoked_t *self, json_t *body)
{
    assert (self);
    uint8_t session [FST_SESSION_BYTES];
    const char *text = json_string_value (json_object_get (body, "session"));
    if (text && fst_hex_decode (text, session, sizeof (session)) == FST_OK)
        fst_actor_revoke (self->actor, session, json_integer_value (json_object_get (body, "expires_ms")));
}

static void
s_ask (fst_revoked_t *self, const char *after);

static void
s_listed (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_revoked_t *self = arg;
    const fst_schema_command_t *schema = fst_schema_find ("auth", "LIST_REVOKED");
    self->listing = false;
    bool good = rc == FST_OK && fst_schema_check (schema->reply, reply, NULL, 0) == FST_OK;
    self->list_ms = fst_clock_mono_ms () + (good? LIST_MS: RETRY_MS);
    if (!good)
        return;
    size_t index;
    json_t *item, *sessions = json_object_get (reply, "sessions");
    json_array_foreach (sessions, index, item)
        fst_revoked_event (self, item);
    if (index == PAGE)
        s_ask (self, json_string_value (json_object_get (json_array_get (sessions, PAGE - 1), "session")));
}

static void
s_ask (fst_revoked_t *self, const char *after)
{
    self->listing = true;
    fst_actor_call (self->actor, "auth", "LIST_REVOKED", after? json_pack ("{s:s}", "after", after): NULL,
                    s_listed, self);
}

int64_t
fst_revoked_tick (fst_revoked_t *self, int64_t now_ms)
{
    assert (self);
    if (!self->listing && now_ms >= self->list_ms)
        s_ask (self, NULL);
    return self->listing? now_ms + RETRY_MS: self->list_ms;
}
