//  The JSON body of commands and replies (docs/PROTOCOL.md), the first body frame of each message:
//
//      {"v":1,"id":"..","command":"LOGIN","token":"..","payload":{..}}
//      {"v":1,"id":"..","status":"ok","payload":{..}}
//      {"v":1,"id":"..","status":"error","code":"not_found","message":".."}
//
//  Pure. Limits: 1 MiB of JSON, no duplicate keys, no NUL, nothing after the value.

#ifndef FST_ENVELOPE_H_INCLUDED
#define FST_ENVELOPE_H_INCLUDED

#include <czmq.h>
#include <jansson.h>
#include "fst_error.h"

#define FST_PROTOCOL          1                     //  Peers of another number do not understand each other
#define FST_JSON_BYTES_MAX    (1024 * 1024)
#define FST_FRAME_BYTES_MAX   (9 * 1024 * 1024)      //  A record of the largest chunk, and CURVE's 33
#define FST_FRAMES_MAX        320                   //  Frames of one message

typedef struct {
    json_t *root;               //  Owned; the rest points into it
    const char *id;
    const char *command;
    const char *token;          //  NULL if none was given
    json_t *payload;            //  An object, never NULL
} fst_envelope_request_t;

typedef struct {
    json_t *root;               //  Owned
    const char *id;
    fst_rc_t rc;                //  FST_OK, or the error's code
    const char *message;        //  NULL if ok
    json_t *payload;            //  An object; NULL if not ok
} fst_envelope_reply_t;

//  Decode a request and check the envelope (not the payload). On failure nothing is owned, and where
//  says what is wrong, without repeating any value (it may be a password).
//      FST_TOO_LARGE   more than FST_JSON_BYTES_MAX
//      FST_MALFORMED   anything else
fst_rc_t FST_CHECKED
fst_envelope_request_decode (const void *data, size_t bytes, fst_envelope_request_t *request,
                             char *where, size_t size);
fst_rc_t FST_CHECKED
fst_envelope_reply_decode (const void *data, size_t bytes, fst_envelope_reply_t *reply,
                           char *where, size_t size);

//  Free what a decode gave; safe to call twice and on a zeroed struct.
void
fst_envelope_request_clear (fst_envelope_request_t *request);
void
fst_envelope_reply_clear (fst_envelope_reply_t *reply);

//  Build the frame. payload is borrowed (NULL means {}); token may be NULL. A reply that would be larger
//  than FST_JSON_BYTES_MAX becomes the error TOO_LARGE.
zframe_t *
fst_envelope_request_encode (const char *id, const char *command, const char *token, json_t *payload);
zframe_t *
fst_envelope_reply_encode (const char *id, json_t *payload);

//  message NULL means the list's own text, and so does one that is no UTF-8; a longer one than 1,024 octets
//  is cut. id may be "" when the request's could not be read.
zframe_t *
fst_envelope_error_encode (const char *id, fst_rc_t rc, const char *message);

#endif
