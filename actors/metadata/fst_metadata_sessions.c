//  Sessions that auth has ended: told by event at once, and asked for at the start and each minute, as an event may
//  be lost.

#include "fst_metadata_self.h"
#include "fst_log.h"
#include <string.h>

#define PAGE_SESSIONS 4096          //  A full page of LIST_REVOKED
#define AGAIN_MS      2000          //  When auth does not answer

static void
s_revoke (fst_metadata_t *self, json_t *row)
{
    uint8_t session [FST_SESSION_BYTES];
    if (fst_hex_decode (json_string_value (json_object_get (row, "session")), session, sizeof (session)) == FST_OK)
        fst_actor_revoke (self->actor, session, json_integer_value (json_object_get (row, "expires_ms")));
}

void
fst_metadata_revoked (void *self, const char *topic, json_t *body)
{
    if (strcmp (topic, "revoked") == 0)
        s_revoke (self, body);
}

static void s_listed (void *arg, fst_rc_t rc, json_t *reply);

static void
s_ask (fst_metadata_t *self, const char *after)
{
    fst_actor_call (self->actor, "auth", "LIST_REVOKED", after? json_pack ("{s:s}", "after", after): NULL,
                    s_listed, self);
}

static void
s_listed (void *arg, fst_rc_t rc, json_t *reply)
{
    fst_metadata_t *self = arg;
    if (rc != FST_OK) {
        fst_log_debug ("ended sessions not listed reason=\"%s\"", fst_error_text (rc));
        self->revoked_ms = self->now_ms + AGAIN_MS;
        return;
    }
    json_t *sessions = json_object_get (reply, "sessions"), *row;
    size_t at;
    const char *last = NULL;
    json_array_foreach (sessions, at, row) {
        s_revoke (self, row);
        last = json_string_value (json_object_get (row, "session"));
    }
    if (json_array_size (sessions) == PAGE_SESSIONS)
        s_ask (self, last);
}

void
fst_metadata_ask_revoked (fst_metadata_t *self)
{
    s_ask (self, NULL);
}
