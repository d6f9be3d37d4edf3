//  Which record is asked of whom.

#include <criterion/criterion.h>
#include <stdio.h>
#include "fst_clock.h"
#include "fst_copy.h"

#define MIB ((int64_t) 1 << 20)

static fst_extent_info_t
s_want (uint32_t chunks, int64_t bytes)
{
    fst_extent_info_t want = { .extent = 3, .chunks = chunks, .bytes = bytes };
    memset (want.blob.bytes, 7, FST_BLOB_BYTES);
    return want;
}

Test (copy, runs_are_as_long_as_they_may_be_and_each_record_is_asked_for_once)
{
    fst_extent_info_t want = s_want (64, 64 * MIB - 5);
    fst_copy_t *copy = fst_copy_new (&want, 2);
    fst_copy_ask_t ask;
    uint32_t next = 0;
    for (; fst_copy_next (copy, 3, 0, 5 * MIB + 17, &ask) == FST_OK; next += ask.count) {
        cr_assert_eq (ask.slot, next);
        cr_assert_eq (ask.source, 0);
        cr_assert_eq (ask.count, next == 60? 4: 5);
        cr_assert_eq (ask.bytes, ask.count * MIB - (next == 60? 5: 0));
    }
    cr_assert_eq (next, 64);
    cr_assert (fst_copy_next (copy, 3, 0, MIB, &ask) == FST_BUSY, "all is asked for");
    fst_copy_have (copy, 0, 63);
    cr_assert_not (fst_copy_whole (copy));
    fst_copy_have (copy, 63, 1);
    cr_assert (fst_copy_whole (copy));
    fst_copy_destroy (&copy);
    fst_copy_destroy (&copy);
}

Test (copy, one_record_is_asked_for_however_large_it_is)
{
    fst_extent_info_t want = s_want (2, 16 * MIB);
    fst_copy_t *copy = fst_copy_new (&want, 1);
    fst_copy_ask_t ask;
    cr_assert (fst_copy_next (copy, 1, 0, 1, &ask) == FST_OK);
    cr_assert (ask.count == 1 && ask.bytes == 8 * MIB);
    fst_copy_destroy (&copy);
}

Test (copy, a_size_that_no_extent_can_have_is_refused)
{
    const struct { uint32_t chunks; int64_t bytes; bool good; } rows [] = {
        { 1, 1, true }, { 1, 65536, true }, { 1, 65537, true }, { 1, 8 * MIB, true }, { 1, 8 * MIB + 1, false },
        { 2, 65536, false }, { 2, 65537, true }, { 2, 131072, true }, { 2, 16 * MIB, true }, { 2, 16 * MIB + 1, false },
        { 3, 131073, true }, { 3, 196608, true }, { 3, 196609, false }, { 3, 2 * MIB, false }, { 3, 2 * MIB + 1, true },
        { 1024, 1023 * 65536, false }, { 1024, 1024 * 65536, true }, { 1024, 9007199254740991, false }, { 1024, 1, false }
    };
    for (size_t at = 0; at < sizeof (rows) / sizeof (rows [0]); at++) {
        fst_extent_info_t want = s_want (rows [at].chunks, rows [at].bytes);
        fst_copy_t *copy = fst_copy_new (&want, 1);
        cr_assert_eq (copy != NULL, rows [at].good, "row %zu", at);
        fst_copy_destroy (&copy);
    }
}

Test (copy, only_exactly_the_record_that_was_asked_for_fits)
{
    fst_extent_info_t want = s_want (3, 2 * MIB + 100);
    fst_copy_t *copy = fst_copy_new (&want, 1);
    fst_copy_ask_t ask = { .source = 0, .slot = 1, .count = 2 };
    fst_record_t good = { .blob = want.blob, .extent = 3, .slot = 2, .chunk = 9, .plain_bytes = 100, .chunk_log2 = 20 };
    cr_assert (fst_copy_fits (copy, &ask, 1, &good));
    cr_assert_not (fst_copy_fits (copy, &ask, 0, &good));
    fst_record_t bad = good;
    bad.blob.bytes [15] ^= 1;
    cr_assert_not (fst_copy_fits (copy, &ask, 1, &bad));
    bad = good;
    bad.extent = 2;
    cr_assert_not (fst_copy_fits (copy, &ask, 1, &bad));
    bad = good;
    bad.plain_bytes = 101;
    cr_assert_not (fst_copy_fits (copy, &ask, 1, &bad));
    bad = good;
    bad.chunk_log2 = 21;
    cr_assert_not (fst_copy_fits (copy, &ask, 1, &bad));
    fst_copy_destroy (&copy);
}

Test (copy, a_source_that_is_not_usable_is_waited_for_and_a_lost_one_is_not)
{
    fst_extent_info_t want = s_want (2, 2 * MIB);
    fst_copy_t *copy = fst_copy_new (&want, 2);
    fst_copy_ask_t ask;
    cr_assert (fst_copy_next (copy, 0, 0, MIB, &ask) == FST_BUSY);
    cr_assert (fst_copy_next (copy, 2, 0, MIB, &ask) == FST_OK && ask.source == 1, "the other one meanwhile");
    fst_copy_failed (copy, &ask, FST_UNREACHABLE);
    cr_assert (fst_copy_next (copy, 3, 3, MIB, &ask) == FST_UNREACHABLE);
    cr_assert (fst_copy_next (copy, 3, 2, MIB, &ask) == FST_OK && ask.source == 0 && ask.slot == 0, "asked again");
    fst_copy_failed (copy, &ask, FST_DENIED);
    cr_assert (fst_copy_next (copy, 3, 2, MIB, &ask) == FST_UNREACHABLE, "the lost one may have it");
    cr_assert (fst_copy_next (copy, 3, 0, MIB, &ask) == FST_OK && ask.source == 1 && ask.slot == 0);
    fst_copy_failed (copy, &ask, FST_NOT_FOUND);
    cr_assert (fst_copy_next (copy, 3, 0, MIB, &ask) == FST_NOT_FOUND);
    fst_copy_destroy (&copy);
}

//  Sources with damage anywhere: an extent is whole in the end exactly if each record is good somewhere, and no source
//  is asked for a record twice once it said that it has no good one.
Test (copy, records_good_somewhere_are_found)
{
    enum { CHUNKS = 40, ROUNDS = 2000 };
    const char *given = getenv ("FST_SEED");
    unsigned seed = given? (unsigned) strtoul (given, NULL, 10): (unsigned) fst_random ();
    fprintf (stderr, "FST_SEED=%u\n", seed);
    for (int round = 0; round < ROUNDS; round++) {
        unsigned sources = 1 + (unsigned) rand_r (&seed) % FST_COPY_SOURCES_MAX;
        bool lacks [FST_COPY_SOURCES_MAX] [CHUNKS], refused [FST_COPY_SOURCES_MAX] [CHUNKS] = { { false } };
        bool possible = true;
        for (uint32_t slot = 0; slot < CHUNKS; slot++) {
            bool somewhere = false;
            for (unsigned source = 0; source < sources; source++) {
                lacks [source] [slot] = rand_r (&seed) % 6 == 0;
                somewhere = somewhere || !lacks [source] [slot];
            }
            possible = possible && somewhere;
        }
        fst_extent_info_t want = s_want (CHUNKS, CHUNKS * 65536);
        fst_copy_t *copy = fst_copy_new (&want, sources);
        fst_copy_ask_t ask;
        fst_rc_t rc;
        int asks = 0;
        while ((rc = fst_copy_next (copy, ~0u, 0, 65536 * (1 + rand_r (&seed) % 9), &ask)) == FST_OK) {
            cr_assert_lt (asks++, 3 * CHUNKS * FST_COPY_SOURCES_MAX);
            uint32_t lost = 0, stored = (uint32_t) rand_r (&seed) % (ask.count + 1);
            for (uint32_t slot = ask.slot; slot < ask.slot + ask.count; slot++) {
                cr_assert (ask.count > 1 || !refused [ask.source] [slot]);
                lost += lacks [ask.source] [slot];
            }
            if (lost == 0 && rand_r (&seed) % 10)
                fst_copy_have (copy, ask.slot, ask.count);
            else
            if (lost == 0 && ask.count > 1) {           //  Some of them were kept
                fst_copy_have (copy, ask.slot, stored);
                ask.slot += stored;
                ask.count -= stored;
                if (ask.count)
                    fst_copy_failed (copy, &ask, FST_BUSY);
            }
            else {
                refused [ask.source] [ask.slot] = refused [ask.source] [ask.slot] || (lost && ask.count == 1);
                fst_copy_failed (copy, &ask, lost? rand_r (&seed) % 2? FST_CORRUPT: FST_NOT_FOUND: FST_BUSY);
            }
        }
        cr_assert_eq (rc, possible? FST_BUSY: FST_NOT_FOUND);
        cr_assert_eq (fst_copy_whole (copy), possible);
        fst_copy_destroy (&copy);
    }
}
