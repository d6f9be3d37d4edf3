//  Tickets, capabilities and receipts: nothing that was not made with the key is taken, whatever it looks like,
//  and what was made is taken for exactly what it was made for.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_bytes.h"
#include "fst_proof.h"
#include "fst_text.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static const uint8_t s_key [FST_KEY_BYTES] = { 1 };
static const fst_blob_id_t s_blob = { { 2 } };
static const fst_extent_info_t s_info = { .blob = { { 2 } }, .chunks = 1, .bytes = 1 };

static void
s_expect_denied (const char *text)
{
    assert (fst_ticket_check (s_key, "alice", text, 0) == FST_DENIED);
    assert (fst_capability_check (s_key, text, FST_RIGHT_READ, &s_blob, 0) == FST_DENIED);
    assert (fst_capability_check (s_key, text, FST_RIGHT_WRITE, &s_blob, 0) == FST_DENIED);
    assert (fst_receipt_check (s_key, &s_info, text) == FST_DENIED);
}

//  Make each kind from what the fuzzer chose; then only the text as it is, is good.
static void
s_made (const uint8_t *data, size_t bytes)
{
    fst_reader_t in = fst_reader (data, bytes);
    fst_capability_t capability = { .right = fst_read_uint (&in, 1) % 2? FST_RIGHT_READ: FST_RIGHT_WRITE };
    capability.expires_ms = (int64_t) (fst_read_uint (&in, 8) >> 1);
    fst_extent_info_t info = { .bytes = (int64_t) (fst_read_uint (&in, 8) >> 1), .digest = fst_read_uint (&in, 8) };
    uint8_t value = (uint8_t) fst_read_uint (&in, 1);
    size_t at = (size_t) fst_read_uint (&in, 1);
    fst_read_bytes (&in, capability.blob.bytes, FST_BLOB_BYTES);
    info.blob = capability.blob;
    char *user = strndup ((const char *) in.at, in.left);

    char ticket [FST_PROOF_TEXT_MAX], allowed [FST_PROOF_TEXT_MAX], receipt [FST_PROOF_TEXT_MAX];
    fst_ticket_make (s_key, user, capability.expires_ms, ticket);
    fst_capability_make (s_key, &capability, allowed);
    fst_receipt_make (s_key, &info, receipt);
    int64_t before_ms = capability.expires_ms - 1;
    assert (fst_ticket_check (s_key, user, ticket, before_ms) == FST_OK);
    assert (fst_ticket_check (s_key, user, ticket, capability.expires_ms) == FST_EXPIRED);
    assert (fst_capability_check (s_key, allowed, capability.right, &capability.blob, before_ms) == FST_OK);
    assert (fst_capability_check (s_key, allowed, FST_RIGHT_READ, &capability.blob, before_ms) == FST_OK);
    assert (fst_receipt_check (s_key, &info, receipt) == FST_OK);
    assert (fst_receipt_check (s_key, &info, allowed) == FST_DENIED);
    if (value && ticket [at % strlen (ticket)] != (char) value) {
        ticket [at % strlen (ticket)] = (char) value;
        assert (fst_ticket_check (s_key, user, ticket, before_ms) == FST_DENIED);
    }
    free (user);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    char *text = strndup ((const char *) data, bytes);
    s_expect_denied (text);
    free (text);
    text = fst_base64_encode (data, bytes);
    s_expect_denied (text);
    free (text);
    s_made (data, bytes);
    return 0;
}
