//  Rules of comparing what a node says it holds with the books; and that it does not matter where pages and steps end.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_compare.h"

#define NODE    5
#define MOST    400

static uint64_t s_seed;

static unsigned
s_random (unsigned below)
{
    s_seed = s_seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned) (s_seed >> 33) % below;
}

static fst_blob_id_t
s_blob (unsigned number)
{
    fst_blob_id_t blob = { .bytes = { (uint8_t) (number >> 8), (uint8_t) number } };
    return blob;
}

//  A made-up node and its books: rows, what it says, and the differences in order.
typedef struct {
    fst_row_t rows [MOST];
    fst_said_t said [MOST];
    fst_difference_t expected [MOST];
    size_t rows_count, said_count, expected_count;
} s_case_t;

static void
s_make (s_case_t *c, unsigned places)
{
    memset (c, 0, sizeof (*c));
    for (unsigned place = 0; place < places; place++) {
        fst_extent_t extent = { .n = place % 3, .chunks = 1 + s_random (4), .bytes = 1 + s_random (1000) };
        fst_said_t said = { s_blob (place / 3), place % 3, fst_extent_disk_bytes (&extent) };
        unsigned kind = s_random (7);
        bool row = kind != 0 && kind != 6, counted = kind > 2, says = kind != 3 && kind != 1 && kind != 6;
        extent.nodes = (counted? fst_node_bit (NODE): 0) | s_random (16);
        int found = !row && says? FST_DIFFERENCE_UNKNOWN: row && !counted && says? FST_DIFFERENCE_EXTRA
                  : row && counted && !says? FST_DIFFERENCE_GONE: kind == 4? FST_DIFFERENCE_SIZE: -1;
        int64_t bytes = said.bytes;
        said.bytes -= kind == 4;
        if (row)
            c->rows [c->rows_count++] = (fst_row_t) { said.blob, extent };
        if (says)
            c->said [c->said_count++] = said;
        said.bytes = bytes;
        if (found >= 0)
            c->expected [c->expected_count++] = (fst_difference_t) { (fst_difference_kind_t) found, said };
    }
}

static void
s_expect (const s_case_t *c, const fst_difference_t *found, size_t count)
{
    cr_assert_eq (count, c->expected_count);
    for (size_t at = 0; at < count; at++) {
        cr_assert_eq (found [at].kind, c->expected [at].kind, "difference %zu", at);
        cr_assert_eq (fst_place_compare (&found [at].said.blob, found [at].said.n, &c->expected [at].said.blob,
                                         c->expected [at].said.n), 0);
        cr_assert_eq (found [at].said.bytes, c->expected [at].said.bytes);
    }
}

Test (compare, every_difference_is_found_wherever_pages_and_steps_end)
{
    s_seed = getenv ("FST_SEED")? strtoull (getenv ("FST_SEED"), NULL, 10): 20261122;
    printf ("FST_SEED=%llu\n", (unsigned long long) s_seed);
    static s_case_t c;
    for (int turn = 0; turn < 300; turn++) {
        s_make (&c, s_random (MOST));
        size_t row = 0, said = 0, count = 0, page_end = 0;
        static fst_difference_t found [MOST];
        for (int step = 0; row < c.rows_count || said < c.said_count; step++) {
            cr_assert_lt (step, 10000);
            if (said == page_end)
                page_end += s_random (30);
            if (page_end > c.said_count)
                page_end = c.said_count;
            size_t rows = s_random (30), rows_done, said_done;
            if (rows > c.rows_count - row)
                rows = c.rows_count - row;
            fst_sides_t sides = {
                .rows = c.rows + row, .rows_count = rows, .rows_complete = row + rows == c.rows_count,
                .said = c.said + said, .said_count = page_end - said, .said_complete = page_end == c.said_count
            };
            count += fst_compare (&sides, NODE, found + count, s_random (20), &rows_done, &said_done);
            row += rows_done;
            said += said_done;
        }
        s_expect (&c, found, count);
    }
}

Test (compare, the_size_on_disk_is_that_of_full_records_and_a_last_one)
{
    fst_extent_t extent = { .chunks = 3, .bytes = 2 * 1048576 + 7 };
    cr_assert_eq (fst_extent_disk_bytes (&extent), 2 * fst_record_stride (20) + (int64_t) fst_record_bytes (7));
}
