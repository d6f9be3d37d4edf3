//  One address that events are POSTed to, signed as Standard Webhooks (standardwebhooks.com) says, so that libraries for
//  checking it exist in most languages:
//
//      webhook-id          the event's sequence: the same each time it is sent, so the other side can tell it had it
//      webhook-timestamp   seconds; changes with each try
//      webhook-signature   v1, and the base64 of HMAC-SHA256 over "ID.TIMESTAMP.BODY"
//
//  Nothing but that address is ever asked: no redirects, no other scheme, no proxy that the environment names, no .netrc.

#ifndef FST_HOOK_H_INCLUDED
#define FST_HOOK_H_INCLUDED

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

#define FST_HOOK_SECRET_BYTES_MAX 64
#define FST_HOOK_SIGNATURE_BYTES  64        //  "v1," and base64, with the NUL

typedef struct fst_hook fst_hook_t;

//  url: https:// or http://. secret: "whsec_" and base64 of 24 to 64 octets. ca: PEM file with the only authorities that are
//  believed, or "" for the system's. *stop ends a send early. *problem_p: caller frees.
//      FST_MALFORMED   the address or the secret is none
fst_rc_t FST_CHECKED
fst_hook_new (const char *url, const char *secret, const char *ca, const atomic_bool *stop, fst_hook_t **self_p,
              char **problem_p);

//  Wipes the secret.
void
fst_hook_destroy (fst_hook_t **self_p);

//  Send and wait for the answer: FST_OK if it is 2xx. Otherwise fst_hook_problem is the sentence, and *wait_s_p the time that the
//  other side asked us to wait, or 0.
fst_rc_t FST_CHECKED
fst_hook_send (fst_hook_t *self, const char *id, const char *body, int64_t *wait_s_p);

const char *
fst_hook_problem (const fst_hook_t *self);

//  Pure: the value of webhook-signature.
void
fst_hook_sign (const uint8_t *secret, size_t secret_bytes, const char *id, int64_t time_s, const char *body,
               char signature [FST_HOOK_SIGNATURE_BYTES]);

#endif
