//  What a node says it holds against what the books say.

#include "fst_compare.h"
#include <assert.h>
#include <string.h>

int
fst_place_compare (const fst_blob_id_t *blob, uint32_t n, const fst_blob_id_t *other, uint32_t other_n)
{
    int order = memcmp (blob->bytes, other->bytes, sizeof (blob->bytes));
    if (order == 0)
        order = n < other_n? -1: n > other_n;
    return order < 0? -1: order > 0;
}

int64_t
fst_extent_disk_bytes (const fst_extent_t *extent)
{
    return extent->bytes + (int64_t) extent->chunks * FST_RECORD_OVERHEAD;
}

//  One place, of which there is a row, or what the node said, or both. False: no difference.
static bool
s_differ (const fst_row_t *row, const fst_said_t *said, unsigned node, fst_difference_t *difference)
{
    bool counted = row && (row->extent.nodes & fst_node_bit (node));
    if (!row || (said && !counted)) {
        *difference = (fst_difference_t) { row? FST_DIFFERENCE_EXTRA: FST_DIFFERENCE_UNKNOWN, *said };
        return true;
    }
    int64_t bytes = fst_extent_disk_bytes (&row->extent);
    if (!counted || (said && said->bytes == bytes))
        return false;
    difference->kind = said? FST_DIFFERENCE_SIZE: FST_DIFFERENCE_GONE;
    difference->said = (fst_said_t) { row->blob, row->extent.n, bytes };
    return true;
}

size_t
fst_compare (const fst_sides_t *sides, unsigned node, fst_difference_t *found, size_t size, size_t *rows_p,
             size_t *said_p)
{
    assert (sides);
    size_t row = 0, said = 0, count = 0;
    while (count < size) {
        const fst_row_t *one = row < sides->rows_count? &sides->rows [row]: NULL;
        const fst_said_t *other = said < sides->said_count? &sides->said [said]: NULL;
        if ((!one && !other) || (!one && !sides->rows_complete) || (!other && !sides->said_complete))
            break;
        int order = !other? -1: !one? 1: fst_place_compare (&one->blob, one->extent.n, &other->blob, other->n);
        count += s_differ (order <= 0? one: NULL, order >= 0? other: NULL, node, &found [count]);
        row += order <= 0;
        said += order >= 0;
    }
    *rows_p = row;
    *said_p = said;
    return count;
}
