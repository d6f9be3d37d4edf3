//  Signing and sending, with libcurl.

#include "fst_hook.h"
#include <assert.h>
#include <curl/curl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_clock.h"

#define SECRET_BYTES_MIN 24
#define ANSWER_BYTES_MAX 65536              //  Of the other side's answer, which is not looked at
#define CONNECT_S        10L
#define SEND_S           30L

struct fst_hook {
    CURL *curl;
    uint8_t secret [FST_HOOK_SECRET_BYTES_MAX];
    size_t secret_bytes;
    const atomic_bool *stop;
    size_t answer_bytes;
    char error [CURL_ERROR_SIZE];
    char problem [CURL_ERROR_SIZE + 64];
};

void
fst_hook_sign (const uint8_t *secret, size_t secret_bytes, const char *id, int64_t time_s, const char *body,
               char signature [FST_HOOK_SIGNATURE_BYTES])
{
    char head [128];
    uint8_t mac [crypto_auth_hmacsha256_BYTES];
    int bytes = snprintf (head, sizeof (head), "%s.%" PRId64 ".", id, time_s);
    assert (bytes > 0 && (size_t) bytes < sizeof (head));
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init (&state, secret, secret_bytes);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *) head, (size_t) bytes);
    crypto_auth_hmacsha256_update (&state, (const uint8_t *) body, strlen (body));
    crypto_auth_hmacsha256_final (&state, mac);
    strcpy (signature, "v1,");
    sodium_bin2base64 (signature + 3, FST_HOOK_SIGNATURE_BYTES - 3, mac, sizeof (mac), sodium_base64_VARIANT_ORIGINAL);
}

//  ---- What libcurl calls

static size_t
s_answer (char *data, size_t size, size_t count, void *arg)
{
    (void) data;
    fst_hook_t *self = arg;
    self->answer_bytes += size * count;
    return self->answer_bytes > ANSWER_BYTES_MAX? 0: size * count;
}

static int
s_progress (void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    (void) down_all, (void) down, (void) up_all, (void) up;
    const fst_hook_t *self = arg;
    return atomic_load (self->stop);
}

//  ---- Setting up

static fst_rc_t
s_read_secret (fst_hook_t *self, const char *secret)
{
    const char *end, *text = strncmp (secret, "whsec_", 6) == 0? secret + 6: "";
    int rc = sodium_base642bin (self->secret, sizeof (self->secret), text, strlen (text), "\r\n ", &self->secret_bytes, &end,
                                sodium_base64_VARIANT_ORIGINAL);
    return rc == 0 && !*end && self->secret_bytes >= SECRET_BYTES_MIN? FST_OK: FST_MALFORMED;
}

static void
s_set_up (fst_hook_t *self, const char *url, const char *scheme, const char *ca)
{
    CURL *curl = self->curl;
    curl_easy_setopt (curl, CURLOPT_URL, url);
    curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, scheme);
    curl_easy_setopt (curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt (curl, CURLOPT_PROXY, "");
    curl_easy_setopt (curl, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt (curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt (curl, CURLOPT_TIMEOUT, SEND_S);
    curl_easy_setopt (curl, CURLOPT_USERAGENT, "Filestore/" FST_VERSION);
    curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, s_answer);
    curl_easy_setopt (curl, CURLOPT_WRITEDATA, self);
    curl_easy_setopt (curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt (curl, CURLOPT_XFERINFOFUNCTION, s_progress);
    curl_easy_setopt (curl, CURLOPT_XFERINFODATA, self);
    curl_easy_setopt (curl, CURLOPT_ERRORBUFFER, self->error);
    if (*ca)
        curl_easy_setopt (curl, CURLOPT_CAINFO, ca);
}

fst_rc_t
fst_hook_new (const char *url, const char *secret, const char *ca, const atomic_bool *stop, fst_hook_t **self_p,
              char **problem_p)
{
    assert (url && secret && ca && stop);
    const char *scheme = strncmp (url, "https://", 8) == 0? "https": strncmp (url, "http://", 7) == 0? "http": NULL;
    if (!scheme) {
        *problem_p = strdup ("webhook-url must begin with https:// or http://");
        return FST_MALFORMED;
    }
    fst_hook_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->stop = stop;
    fst_rc_t rc = s_read_secret (self, secret);
    if (rc == FST_OK) {
        self->curl = curl_easy_init ();
        assert (self->curl);
        s_set_up (self, url, scheme, ca);
        *self_p = self;
    }
    else {
        *problem_p = strdup ("the secret must be whsec_ and the base64 of 24 to 64 octets: "
                             "echo whsec_$(head -c 32 /dev/urandom | base64)");
        fst_hook_destroy (&self);
    }
    return rc;
}

void
fst_hook_destroy (fst_hook_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        curl_easy_cleanup ((*self_p)->curl);
        sodium_memzero ((*self_p)->secret, sizeof ((*self_p)->secret));
        free (*self_p);
        *self_p = NULL;
    }
}

//  ---- Sending

static struct curl_slist *
s_headers (const fst_hook_t *self, const char *id, const char *body)
{
    char line [160], signature [FST_HOOK_SIGNATURE_BYTES];
    int64_t time_s = fst_clock_wall_ms () / 1000;
    fst_hook_sign (self->secret, self->secret_bytes, id, time_s, body, signature);
    struct curl_slist *headers = curl_slist_append (NULL, "Content-Type: application/json");
    snprintf (line, sizeof (line), "webhook-id: %s", id);
    headers = curl_slist_append (headers, line);
    snprintf (line, sizeof (line), "webhook-timestamp: %" PRId64, time_s);
    headers = curl_slist_append (headers, line);
    snprintf (line, sizeof (line), "webhook-signature: %s", signature);
    headers = curl_slist_append (headers, line);
    return curl_slist_append (headers, "Expect:");
}

static fst_rc_t
s_judge (fst_hook_t *self, CURLcode code, int64_t *wait_s_p)
{
    long status = 0;
    curl_off_t wait_s = 0;
    if (atomic_load (self->stop))
        return FST_INTERRUPTED;
    curl_easy_getinfo (self->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo (self->curl, CURLINFO_RETRY_AFTER, &wait_s);
    *wait_s_p = wait_s;
    //  One that took it and talked on for too long has it all the same
    if (status >= 200 && status < 300 && (code == CURLE_OK || code == CURLE_WRITE_ERROR))
        return FST_OK;
    if (code == CURLE_OK)
        snprintf (self->problem, sizeof (self->problem), "the other side answered %ld", status);
    else
        snprintf (self->problem, sizeof (self->problem), "%s", *self->error? self->error: curl_easy_strerror (code));
    return code == CURLE_OPERATION_TIMEDOUT? FST_TIMEOUT: FST_UNREACHABLE;
}

fst_rc_t
fst_hook_send (fst_hook_t *self, const char *id, const char *body, int64_t *wait_s_p)
{
    assert (self && id && body);
    struct curl_slist *headers = s_headers (self, id, body);
    self->answer_bytes = 0;
    *self->error = 0;
    *wait_s_p = 0;
    curl_easy_setopt (self->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt (self->curl, CURLOPT_POSTFIELDSIZE, (long) strlen (body));
    curl_easy_setopt (self->curl, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform (self->curl);
    curl_slist_free_all (headers);
    return s_judge (self, code, wait_s_p);
}

const char *
fst_hook_problem (const fst_hook_t *self)
{
    return self->problem;
}
