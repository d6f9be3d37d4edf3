//  Folders of extents.

#include "fst_shelves.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    fst_shelved_t *items;
    size_t count, size;
} s_shelf_t;

static fst_rc_t
s_add (void *arg, const char *file)
{
    s_shelf_t *shelf = arg;
    fst_shelved_t item;
    if (fst_extent_parse (file, &item.blob, &item.extent, &item.open) != FST_OK)
        return FST_OK;
    if (shelf->count == shelf->size) {
        shelf->size = shelf->size? 2 * shelf->size: 64;
        shelf->items = realloc (shelf->items, shelf->size * sizeof (item));
        assert (shelf->items);
    }
    shelf->items [shelf->count++] = item;
    return FST_OK;
}

static int
s_compare (const void *left, const void *right)
{
    const fst_shelved_t *a = left, *b = right;
    int order = memcmp (a->blob.bytes, b->blob.bytes, FST_BLOB_BYTES);
    if (order == 0)
        order = a->extent < b->extent? -1: a->extent > b->extent;
    return order? order: (int) a->open - (int) b->open;
}

fst_rc_t
fst_shelf_read (fst_disk_t *disk, unsigned octet, fst_shelved_t **items_p, size_t *count_p)
{
    assert (disk);
    char folder [FST_EXTENT_NAME_MAX];
    fst_extent_folder (octet, folder);
    s_shelf_t shelf = { NULL };
    fst_rc_t rc = disk->list (disk->self, folder, s_add, &shelf);
    if (rc != FST_OK) {
        free (shelf.items);
        return rc;
    }
    if (shelf.count)
        qsort (shelf.items, shelf.count, sizeof (*shelf.items), s_compare);
    *items_p = shelf.items;
    *count_p = shelf.count;
    return FST_OK;
}
