//  Session tokens, signed with Ed25519 (RFC 8032). Layout in fst_token.h.

#include "fst_token.h"
#include "fst_bytes.h"
#include "fst_sodium.h"
#include <stdlib.h>

#define VERSION          1
#define VERSION_SCOPED   2
#define NAME_BYTES_MAX   (FST_USER_BYTES_MAX * 2)
#define HEAD_BYTES       (1 + 1 + FST_SESSION_BYTES + 8 + 1)
#define SIGNATURE_BYTES  crypto_sign_BYTES
#define SCOPES_BYTES     (2 + FST_SCOPES_BYTES_MAX - 1)
#define TOKEN_BYTES_MAX  (HEAD_BYTES + NAME_BYTES_MAX + SCOPES_BYTES + SIGNATURE_BYTES)
#define TOKEN_TEXT_MAX   ((TOKEN_BYTES_MAX * 4 + 2) / 3)

_Static_assert (NAME_BYTES_MAX <= 255, "the length of a name is one octet");
_Static_assert (TOKEN_TEXT_MAX <= FST_TOKEN_CHARS_MAX, "what others keep room for");
_Static_assert (FST_SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519's public key");
_Static_assert (FST_SIGN_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "Ed25519's secret key");

const char *
fst_role_text (fst_role_t role)
{
    switch (role) {
        case FST_ROLE_USER:  return "user";
        case FST_ROLE_ADMIN: return "admin";
        case FST_ROLE_ACTOR: return "actor";
    }
    assert (false);
    return NULL;
}

char *
fst_token_sign (const fst_claims_t *claims, const uint8_t secret [FST_SIGN_SECRET_BYTES])
{
    assert (claims && secret);
    size_t name_bytes = strlen (claims->name);
    assert (name_bytes >= 1 && name_bytes <= NAME_BYTES_MAX);
    assert (claims->role >= FST_ROLE_USER && claims->role <= FST_ROLE_ACTOR);
    assert (claims->expires_ms >= 0);
    uint8_t token [TOKEN_BYTES_MAX];
    fst_writer_t out = fst_writer (token, sizeof (token));
    fst_write_uint (&out, claims->scoped? VERSION_SCOPED: VERSION, 1);
    fst_write_uint (&out, claims->role, 1);
    fst_write_bytes (&out, claims->session, FST_SESSION_BYTES);
    fst_write_uint (&out, (uint64_t) claims->expires_ms, 8);
    fst_write_uint (&out, name_bytes, 1);
    fst_write_bytes (&out, claims->name, name_bytes);
    if (claims->scoped) {
        size_t scopes_bytes = fst_scopes_bytes (claims->scopes);
        fst_write_uint (&out, scopes_bytes, 2);
        fst_write_bytes (&out, claims->scopes, scopes_bytes);
    }
    size_t signed_bytes = sizeof (token) - out.left;
    crypto_sign_detached (token + signed_bytes, NULL, token, signed_bytes, secret);
    return fst_base64_encode (token, signed_bytes + SIGNATURE_BYTES);
}

static bool
s_scopes_decode (fst_reader_t *in, char scopes [FST_SCOPES_BYTES_MAX])
{
    char octets [FST_SCOPES_BYTES_MAX] = "";
    size_t bytes = (size_t) fst_read_uint (in, 2);
    if (bytes >= sizeof (octets))
        return false;
    fst_read_bytes (in, octets, bytes);
    return fst_scopes_decode (octets, bytes, scopes);
}

//  Read the part that was signed. False if it is no token of ours.
static bool
s_claims_decode (const uint8_t *data, size_t bytes, fst_claims_t *claims)
{
    *claims = (fst_claims_t) { 0 };
    fst_reader_t in = fst_reader (data, bytes);
    uint64_t version = fst_read_uint (&in, 1);
    uint64_t role = fst_read_uint (&in, 1);
    fst_read_bytes (&in, claims->session, FST_SESSION_BYTES);
    uint64_t expires_ms = fst_read_uint (&in, 8);
    size_t name_bytes = (size_t) fst_read_uint (&in, 1);
    if ((version != VERSION && version != VERSION_SCOPED)
    ||  role < FST_ROLE_USER || role > FST_ROLE_ACTOR
    ||  expires_ms > INT64_MAX
    ||  name_bytes < 1 || name_bytes > NAME_BYTES_MAX)
        return false;
    fst_read_bytes (&in, claims->name, name_bytes);
    claims->role = (fst_role_t) role;
    claims->expires_ms = (int64_t) expires_ms;
    claims->scoped = version == VERSION_SCOPED;
    if (claims->scoped && !s_scopes_decode (&in, claims->scopes))
        return false;
    return fst_reader_ok (&in) && strlen (claims->name) == name_bytes;
}

fst_rc_t
fst_token_verify (const char *token, const uint8_t sign_public [FST_SIGN_PUBLIC_BYTES], int64_t wall_ms,
                  fst_claims_t *claims)
{
    assert (token && sign_public && claims);
    uint8_t data [TOKEN_BYTES_MAX];
    size_t bytes = 0;
    if (strnlen (token, TOKEN_TEXT_MAX + 1) > TOKEN_TEXT_MAX
    ||  fst_base64_decode (token, data, sizeof (data), &bytes) != FST_OK
    ||  bytes <= HEAD_BYTES + SIGNATURE_BYTES)
        return FST_UNAUTHENTICATED;
    size_t signed_bytes = bytes - SIGNATURE_BYTES;
    fst_claims_t found;
    if (crypto_sign_verify_detached (data + signed_bytes, data, signed_bytes, sign_public) != 0
    ||  !s_claims_decode (data, signed_bytes, &found))
        return FST_UNAUTHENTICATED;
    *claims = found;
    return found.expires_ms == 0 || wall_ms < found.expires_ms? FST_OK: FST_EXPIRED;
}
