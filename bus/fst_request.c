//  Requests: decoded once, answered once.

#include "fst_request.h"
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <xxhash.h>
#include "fst_clock.h"
#include "fst_log.h"

#ifndef FST_CHECK_REPLIES
#define FST_CHECK_REPLIES 0
#endif

fst_request_t *
fst_request_new (fst_answer_fn *answer, void *arg, fst_lane_t *lane, zframe_t **peer_p)
{
    assert (answer);
    fst_request_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->answer = answer;
    self->arg = arg;
    self->lane = lane;
    self->row = -1;
    self->begun_us = fst_clock_mono_us ();
    if (peer_p) {
        self->peer = *peer_p;
        *peer_p = NULL;
    }
    assert (!self->lane != !self->peer);
    return self;
}

static void
s_destroy (fst_request_t **self_p)
{
    fst_request_t *self = *self_p;
    fst_envelope_request_clear (&self->envelope);
    for (size_t index = 0; index < self->frames_count; index++)
        zframe_destroy (&self->frames [index]);
    free (self->frames);
    zframe_destroy (&self->peer);
    free (self);
    *self_p = NULL;
}

fst_rc_t
fst_request_decode (fst_request_t *self, zmsg_t **message_p, char *where, size_t size)
{
    assert (self && !self->frames);
    assert (message_p && *message_p);
    zframe_t *head = zmsg_pop (*message_p);
    assert (head);
    fst_rc_t rc = fst_envelope_request_decode (zframe_data (head), zframe_size (head), &self->envelope, where, size);
    if (rc == FST_OK)
        snprintf (self->id, sizeof (self->id), "%s", self->envelope.id);
    else
        fst_peek_id (zframe_data (head), zframe_size (head), self->id);
    zframe_destroy (&head);

    self->frames = calloc (zmsg_size (*message_p) + 1, sizeof (*self->frames));
    assert (self->frames);
    zframe_t *frame;
    while ((frame = zmsg_pop (*message_p)))
        self->frames [self->frames_count++] = frame;
    zmsg_destroy (message_p);
    return rc;
}

bool
fst_request_check_replies (void)
{
    static int check = -1;              //  Harmless if two threads find it out at once
    int now = __atomic_load_n (&check, __ATOMIC_RELAXED);
    if (now < 0) {
        const char *wish = getenv ("FST_CHECK_REPLIES");
        now = wish? *wish != '0': FST_CHECK_REPLIES;
        __atomic_store_n (&check, now, __ATOMIC_RELAXED);
    }
    return now > 0;
}

//  ---- For handlers

json_t *
fst_request_payload (const fst_request_t *self)
{
    assert (self);
    return self->envelope.payload;
}

const char *
fst_request_id (const fst_request_t *self)
{
    assert (self);
    return self->id;
}

const char *
fst_request_command (const fst_request_t *self)
{
    assert (self);
    return self->envelope.command;
}

const fst_claims_t *
fst_request_claims (const fst_request_t *self)
{
    assert (self);
    return self->has_claims? &self->claims: NULL;
}

const char *
fst_request_token (const fst_request_t *self)
{
    assert (self);
    return self->envelope.token;
}

//  A hash, because peers may choose identities of up to 255 octets for themselves.
uint64_t
fst_request_peer (const fst_request_t *self)
{
    assert (self);
    if (!self->peer)
        return 0;
    uint64_t number = XXH3_64bits (zframe_data (self->peer), zframe_size (self->peer));
    return number? number: 1;
}

const char *
fst_request_user (const fst_request_t *self)
{
    assert (self);
    return self->user;
}

size_t
fst_request_frames (const fst_request_t *self)
{
    assert (self);
    return self->frames_count;
}

zframe_t *
fst_request_frame (const fst_request_t *self, size_t index)
{
    assert (self);
    return index < self->frames_count? self->frames [index]: NULL;
}

//  ---- Answers

//  Send [JSON][frames].. and end the request. Takes all.
static void
s_answer (fst_request_t **self_p, zframe_t *head, zmsg_t **frames_p)
{
    zmsg_t *answer = frames_p && *frames_p? *frames_p: zmsg_new ();
    if (frames_p)
        *frames_p = NULL;
    zmsg_prepend (answer, &head);
    (*self_p)->answer ((*self_p)->arg, *self_p, &answer);
    s_destroy (self_p);
}

static bool
s_reply_right (const fst_request_t *self, const json_t *payload)
{
    char where [256];
    if (!self->schema || !fst_request_check_replies ()
    ||  fst_schema_check (self->schema->reply, payload, where, sizeof (where)) == FST_OK)
        return true;
    fst_log_error ("reply breaks its schema command=%s %s", self->envelope.command, where);
    return false;
}

void
fst_request_reply_frames (fst_request_t **self_p, json_t *payload, zmsg_t **frames_p)
{
    assert (self_p && *self_p);
    fst_request_t *self = *self_p;
    if (!payload)
        payload = json_object ();
    assert (json_is_object (payload));
    zframe_t *head = NULL;
    if (s_reply_right (self, payload))
        head = fst_envelope_reply_encode (self->id, payload);
    json_decref (payload);
    if (head && zframe_size (head) <= FST_JSON_BYTES_MAX)
        s_answer (self_p, head, frames_p);
    else {
        fst_rc_t rc = head? FST_TOO_LARGE: FST_INTERNAL;
        zframe_destroy (&head);
        if (frames_p)
            zmsg_destroy (frames_p);
        fst_request_fail (self_p, rc, rc == FST_TOO_LARGE? "the answer is too large for one message": NULL);
    }
}

void
fst_request_reply (fst_request_t **self_p, json_t *payload)
{
    fst_request_reply_frames (self_p, payload, NULL);
}

void
fst_request_fail (fst_request_t **self_p, fst_rc_t rc, const char *format, ...)
{
    assert (self_p && *self_p);
    assert (rc != FST_OK);
    char *message = NULL;
    if (format) {
        va_list args;
        va_start (args, format);
        message = zsys_vprintf (format, args);
        va_end (args);
    }
    (*self_p)->rc = rc;
    zframe_t *head = fst_envelope_error_encode ((*self_p)->id, rc, message);
    zstr_free (&message);
    s_answer (self_p, head, NULL);
}
