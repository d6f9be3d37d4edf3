//  Tickets, capabilities and receipts: each good for exactly what it says, at one node, until it expires.

#include "fst_proof.h"
#include "fst_text.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS 1800000000000

static uint8_t s_node_key [FST_KEY_BYTES], s_other_key [FST_KEY_BYTES];
static const uint8_t s_data_key [FST_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t s_upload [FST_UPLOAD_BYTES] = { 9, 8, 7 };
static char s_text [FST_PROOF_TEXT_MAX];

static void
s_setup (void)
{
    fst_node_key_derive (s_data_key, "node-1", s_node_key);
    fst_node_key_derive (s_data_key, "node-2", s_other_key);
}

TestSuite (proof, .init = s_setup);

//  Change every bit, every character and the length of s_text, and see that check refuses it. Then put it back.
static void
s_expect_every_bit_counts (fst_rc_t (*check) (const char *text))
{
    uint8_t data [FST_PROOF_TEXT_MAX];
    size_t bytes, length = strlen (s_text);
    char original [FST_PROOF_TEXT_MAX];
    strcpy (original, s_text);
    cr_assert_eq (check (s_text), FST_OK);
    cr_assert_eq (fst_base64_decode (s_text, data, sizeof (data), &bytes), FST_OK);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        data [bit / 8] ^= (uint8_t) (1 << bit % 8);
        char *text = fst_base64_encode (data, bytes);
        cr_expect_eq (check (text), FST_DENIED, "bit %zu", bit);
        free (text);
        data [bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
    for (size_t at = 0; at < length; at++) {
        for (int value = 0; value < 256; value++)
            if ((char) value != original [at]) {
                s_text [at] = (char) value;
                cr_assert_eq (check (s_text), FST_DENIED);
            }
        s_text [at] = original [at];
    }
    strcat (s_text, "A");
    cr_expect_eq (check (s_text), FST_DENIED);
    cr_expect_eq (check (""), FST_DENIED);
    char huge [1001];
    memset (huge, 'A', 1000);
    huge [1000] = 0;
    cr_expect_eq (check (huge), FST_DENIED);
    strcpy (s_text, original);
}

Test (proof, node_keys_differ_by_node_and_cluster)
{
    uint8_t again [FST_KEY_BYTES], data_key [FST_KEY_BYTES] = { 1, 2, 4 };
    cr_expect_arr_neq (s_node_key, s_other_key, FST_KEY_BYTES);
    fst_node_key_derive (s_data_key, "node-1", again);
    cr_expect_arr_eq (s_node_key, again, FST_KEY_BYTES);
    fst_node_key_derive (data_key, "node-1", again);
    cr_expect_arr_neq (s_node_key, again, FST_KEY_BYTES);
}

Test (proof, blob_id_is_upload_and_index)
{
    fst_blob_id_t blob = fst_blob_id (s_upload, 0x01020304);
    static const uint8_t expected [FST_BLOB_BYTES] = { 9, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4 };
    cr_expect_arr_eq (blob.bytes, expected, FST_BLOB_BYTES);
}

static fst_rc_t
s_check_ticket (const char *text)
{
    return fst_ticket_check (s_node_key, "alice", text, NOW_MS);
}

Test (proof, ticket_is_for_one_user_at_one_node_for_a_time)
{
    fst_ticket_make (s_node_key, "alice", NOW_MS + 1, s_text);
    s_expect_every_bit_counts (s_check_ticket);
    cr_expect_eq (fst_ticket_check (s_node_key, "alice", s_text, NOW_MS + 1), FST_EXPIRED);
    cr_expect_eq (fst_ticket_check (s_node_key, "alic", s_text, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_ticket_check (s_node_key, "alicea", s_text, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_ticket_check (s_node_key, "", s_text, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_ticket_check (s_other_key, "alice", s_text, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_ticket_check (s_other_key, "alice", s_text, NOW_MS + 1), FST_DENIED, "not even expired");
}

static fst_rc_t
s_check_read (const char *text)
{
    fst_blob_id_t blob = fst_blob_id (s_upload, 5);
    return fst_capability_check (s_node_key, text, FST_RIGHT_READ, &blob, NOW_MS);
}

static fst_rc_t
s_check_write (const char *text)
{
    fst_blob_id_t blob = fst_blob_id (s_upload, 5);
    return fst_capability_check (s_node_key, text, FST_RIGHT_WRITE, &blob, NOW_MS);
}

Test (proof, read_is_for_one_blob)
{
    fst_capability_t capability = { FST_RIGHT_READ, fst_blob_id (s_upload, 5), NOW_MS + 1 };
    fst_capability_make (s_node_key, &capability, s_text);
    s_expect_every_bit_counts (s_check_read);
    cr_expect_eq (s_check_write (s_text), FST_DENIED);
    fst_blob_id_t other = fst_blob_id (s_upload, 6);
    cr_expect_eq (fst_capability_check (s_node_key, s_text, FST_RIGHT_READ, &other, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_capability_check (s_other_key, s_text, FST_RIGHT_READ, &capability.blob, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_capability_check (s_node_key, s_text, FST_RIGHT_READ, &capability.blob, NOW_MS + 1),
                  FST_EXPIRED);
}

Test (proof, write_is_for_the_whole_upload_and_reads_too)
{
    fst_capability_t capability = { FST_RIGHT_WRITE, fst_blob_id (s_upload, 0), NOW_MS + 1 };
    fst_capability_make (s_node_key, &capability, s_text);
    s_expect_every_bit_counts (s_check_write);
    s_expect_every_bit_counts (s_check_read);
    for (size_t at = 0; at < FST_BLOB_BYTES; at++) {
        fst_blob_id_t other = capability.blob;
        other.bytes [at] ^= 1;
        fst_rc_t expected = at < FST_UPLOAD_BYTES? FST_DENIED: FST_OK;
        cr_expect_eq (fst_capability_check (s_node_key, s_text, FST_RIGHT_WRITE, &other, NOW_MS), expected);
        cr_expect_eq (fst_capability_check (s_node_key, s_text, FST_RIGHT_READ, &other, NOW_MS), expected);
    }
    cr_expect_eq (fst_capability_check (s_other_key, s_text, FST_RIGHT_WRITE, &capability.blob, NOW_MS), FST_DENIED);
    cr_expect_eq (fst_capability_check (s_node_key, s_text, FST_RIGHT_WRITE, &capability.blob, NOW_MS + 1),
                  FST_EXPIRED);
}

static fst_extent_info_t
s_info (void)
{
    return (fst_extent_info_t) { fst_blob_id (s_upload, 5), 3, 64, 67108864, 0x0123456789abcdef };
}

static fst_rc_t
s_check_receipt (const char *text)
{
    fst_extent_info_t info = s_info ();
    return fst_receipt_check (s_node_key, &info, text);
}

Test (proof, receipt_is_for_exactly_these_bytes)
{
    fst_extent_info_t info = s_info ();
    fst_receipt_make (s_node_key, &info, s_text);
    s_expect_every_bit_counts (s_check_receipt);
    cr_expect_eq (fst_receipt_check (s_other_key, &info, s_text), FST_DENIED);
    fst_extent_info_t others [] = { info, info, info, info, info };
    others [0].blob.bytes [15] ^= 1;
    others [1].extent++;
    others [2].chunks--;
    others [3].bytes++;
    others [4].digest ^= 1;
    for (size_t index = 0; index < 5; index++)
        cr_expect_eq (fst_receipt_check (s_node_key, &others [index], s_text), FST_DENIED, "%zu", index);
}

Test (proof, one_kind_is_never_taken_for_another)
{
    char ticket [FST_PROOF_TEXT_MAX], read [FST_PROOF_TEXT_MAX], receipt [FST_PROOF_TEXT_MAX];
    fst_capability_t capability = { FST_RIGHT_READ, fst_blob_id (s_upload, 5), NOW_MS + 1 };
    fst_extent_info_t info = s_info ();
    fst_ticket_make (s_node_key, "alice", NOW_MS + 1, ticket);
    fst_capability_make (s_node_key, &capability, read);
    fst_receipt_make (s_node_key, &info, receipt);
    cr_expect_eq (s_check_ticket (read), FST_DENIED);
    cr_expect_eq (s_check_ticket (receipt), FST_DENIED);
    cr_expect_eq (s_check_read (ticket), FST_DENIED);
    cr_expect_eq (s_check_read (receipt), FST_DENIED);
    cr_expect_eq (s_check_receipt (ticket), FST_DENIED);
    cr_expect_eq (s_check_receipt (read), FST_DENIED);

    //  Nor when a user chose a name so that the octets under both MACs begin alike
    fst_ticket_make (s_node_key, "", NOW_MS + 1, ticket);
    cr_expect_eq (s_check_read (ticket), FST_DENIED);
}
