//  The JSON body of commands and replies.

#include "fst_envelope.h"
#include "fst_schema.h"
#include "fst_text.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FST_MESSAGE_BYTES_MAX 1024      //  Of an error's sentence

//  jansson's own text would quote the octets at the fault, and those may be a password.
static fst_rc_t
s_load (const void *data, size_t bytes, json_t **root_p, char *where, size_t size)
{
    assert (data || bytes == 0);
    assert (where || size == 0);
    if (bytes > FST_JSON_BYTES_MAX) {
        snprintf (where, size, "more than %d octets of JSON", FST_JSON_BYTES_MAX);
        return FST_TOO_LARGE;
    }
    json_error_t error;
    *root_p = json_loadb (data, bytes, JSON_REJECT_DUPLICATES, &error);
    if (!*root_p) {
        snprintf (where, size, "not one JSON object in UTF-8 without duplicate keys; the fault is at octet %d",
                  error.position);
        return FST_MALFORMED;
    }
    return FST_OK;
}

//  Decode and check; the payload may be absent, which means it is empty.
static fst_rc_t
s_decode (const void *data, size_t bytes, const fst_schema_t *schema, json_t **root_p, char *where, size_t size)
{
    json_t *root = NULL;
    fst_rc_t rc = s_load (data, bytes, &root, where, size);
    if (rc == FST_OK)
        rc = fst_schema_check (schema, root, where, size);
    if (rc != FST_OK) {
        json_decref (root);
        return rc;
    }
    if (!json_object_get (root, "payload")) {
        int failed = json_object_set_new (root, "payload", json_object ());
        assert (!failed);
    }
    *root_p = root;
    return FST_OK;
}

static const char *
s_text (const json_t *root, const char *name)
{
    return json_string_value (json_object_get (root, name));
}

fst_rc_t
fst_envelope_request_decode (const void *data, size_t bytes, fst_envelope_request_t *request, char *where, size_t size)
{
    assert (request);
    json_t *root = NULL;
    fst_rc_t rc = s_decode (data, bytes, fst_schema_envelope_request (), &root, where, size);
    if (rc != FST_OK)
        return rc;
    *request = (fst_envelope_request_t) {
        .root = root,
        .id = s_text (root, "id"),
        .command = s_text (root, "command"),
        .token = s_text (root, "token"),
        .payload = json_object_get (root, "payload"),
    };
    return FST_OK;
}

fst_rc_t
fst_envelope_reply_decode (const void *data, size_t bytes, fst_envelope_reply_t *reply, char *where, size_t size)
{
    assert (reply);
    json_t *root = NULL;
    fst_rc_t rc = s_decode (data, bytes, fst_schema_envelope_reply (), &root, where, size);
    if (rc != FST_OK)
        return rc;
    bool ok = strcmp (s_text (root, "status"), "ok") == 0;
    const char *code = s_text (root, "code");
    fst_rc_t answer = ok? FST_OK: code? fst_error_parse (code): FST_OK;
    if (ok == (code != NULL) || ok != (answer == FST_OK)) {
        snprintf (where, size, "reply.code: must be there, and not ok, exactly if the status is error");
        json_decref (root);
        return FST_MALFORMED;
    }
    *reply = (fst_envelope_reply_t) { .root = root, .id = s_text (root, "id"), .rc = answer };
    if (ok)
        reply->payload = json_object_get (root, "payload");
    else
        reply->message = s_text (root, "message")? s_text (root, "message"): fst_error_text (answer);
    return FST_OK;
}

void
fst_envelope_request_clear (fst_envelope_request_t *request)
{
    assert (request);
    json_decref (request->root);
    *request = (fst_envelope_request_t) { NULL };
}

void
fst_envelope_reply_clear (fst_envelope_reply_t *reply)
{
    assert (reply);
    json_decref (reply->root);
    *reply = (fst_envelope_reply_t) { NULL };
}

//  ------------------------------------------------------------------------------------------------
//  Encoding

static void
s_set (json_t *root, const char *name, json_t *value)
{
    int failed = json_object_set_new (root, name, value);
    assert (!failed);           //  A string of ours that is no UTF-8, or no memory
}

static json_t *
s_root (const char *id)
{
    assert (id);
    json_t *root = json_object ();
    assert (root);
    s_set (root, "v", json_integer (1));
    s_set (root, "id", json_string (id));
    return root;
}

static void
s_set_payload (json_t *root, json_t *payload)
{
    assert (!payload || json_is_object (payload));
    s_set (root, "payload", payload? json_incref (payload): json_object ());
}

//  Takes root.
static zframe_t *
s_frame (json_t *root)
{
    char *text = json_dumps (root, JSON_COMPACT);
    assert (text);
    zframe_t *frame = zframe_new (text, strlen (text));
    assert (frame);
    free (text);
    json_decref (root);
    return frame;
}

zframe_t *
fst_envelope_request_encode (const char *id, const char *command, const char *token, json_t *payload)
{
    assert (command);
    json_t *root = s_root (id);
    s_set (root, "command", json_string (command));
    if (token)
        s_set (root, "token", json_string (token));
    s_set_payload (root, payload);
    return s_frame (root);
}

zframe_t *
fst_envelope_reply_encode (const char *id, json_t *payload)
{
    json_t *root = s_root (id);
    s_set (root, "status", json_string ("ok"));
    s_set_payload (root, payload);
    zframe_t *frame = s_frame (root);
    if (zframe_size (frame) <= FST_JSON_BYTES_MAX)
        return frame;
    zframe_destroy (&frame);    //  The caller would refuse it without knowing which call it was for
    return fst_envelope_error_encode (id, FST_TOO_LARGE, "the reply is larger than one message may be; ask for less");
}

//  As much of text as an error may carry, cut between characters; NULL if it is not UTF-8.
static json_t *
s_message (const char *text)
{
    size_t bytes = strlen (text);
    if (bytes > FST_MESSAGE_BYTES_MAX) {
        bytes = FST_MESSAGE_BYTES_MAX;
        while (bytes > 0 && ((unsigned char) text [bytes] & 0xc0) == 0x80)
            bytes--;
    }
    return fst_utf8_valid (text, bytes)? json_stringn (text, bytes): NULL;
}

zframe_t *
fst_envelope_error_encode (const char *id, fst_rc_t rc, const char *message)
{
    assert (rc != FST_OK);
    json_t *root = s_root (id);
    s_set (root, "status", json_string ("error"));
    s_set (root, "code", json_string (fst_error_code (rc)));
    json_t *text = message? s_message (message): NULL;
    s_set (root, "message", text? text: json_string (fst_error_text (rc)));
    return s_frame (root);
}
