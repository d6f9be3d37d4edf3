//  LIST_RECOVERY: what the database needs and no live node holds, and what nodes hold and no file needs.

#include "fst_metadata_self.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SURPLUS_MAX     16384           //  Listed; more are only counted
#define PAGE_LIMIT      100             //  Rows, where the request does not say
#define PAGE_BYTES_MAX  200000          //  Of JSON, about
#define ROWS_MAX        64              //  Read at a time

//  ---- Surplus

void
fst_metadata_surplus_forget (fst_metadata_t *self, unsigned node)
{
    size_t kept = 0;
    for (size_t at = 0; at < self->surplus_count; at++)
        if (self->surplus [at].node != node)
            self->surplus [kept++] = self->surplus [at];
    self->surplus_count = kept;
    self->surplus_total [node] = 0;
}

void
fst_metadata_surplus_add (fst_metadata_t *self, unsigned node, const fst_said_t *said)
{
    self->surplus_total [node]++;
    if (self->surplus_count == SURPLUS_MAX)
        return;
    if (!self->surplus) {
        self->surplus = calloc (SURPLUS_MAX, sizeof (*self->surplus));
        assert (self->surplus);
    }
    self->surplus [self->surplus_count++] = (fst_surplus_t) { node, *said };
}

//  ---- The list, in pages: extents on nodes that are all away, spread after spread; then those of which all copies are
//  bad; then the surplus. A place in it is a text.

typedef enum { AWAY = 'a', BAD = 'b', SURPLUS = 's', END = 'z' } s_part_t;

typedef struct {
    s_part_t part;
    fst_spread_t spread;                //  AWAY: nodes and wanted count
    fst_row_t row;                      //  AWAY, BAD: behind this one
    bool inside;                        //  row is set
    size_t at;                          //  SURPLUS
} s_place_t;

typedef struct {
    fst_metadata_t *metadata;
    s_place_t place;
    size_t limit, bytes;
    json_t *missing, *surplus;
    fst_spread_t *spreads;              //  Those without a live node
    size_t spreads_count;
    int64_t missing_total;
} s_page_t;

static void
s_place_text (const s_place_t *place, char text [129])
{
    char blob [FST_BLOB_BYTES * 2 + 1];
    fst_hex_encode (place->row.blob.bytes, FST_BLOB_BYTES, blob);
    snprintf (text, 129, "%c.%016" PRIx64 ".%u.%s.%u.%d.%zu", place->part, place->spread.nodes, place->spread.wanted, blob,
              place->row.extent.n, (int) place->inside, place->at);
}

static bool
s_place_read (const char *text, s_place_t *place)
{
    char part, blob [FST_BLOB_BYTES * 2 + 1];
    int inside;
    memset (place, 0, sizeof (*place));
    if (sscanf (text, "%c.%16" SCNx64 ".%u.%32[0-9a-f].%u.%d.%zu", &part, &place->spread.nodes, &place->spread.wanted, blob,
                &place->row.extent.n, &inside, &place->at) != 7)
        return false;
    place->part = (s_part_t) part;
    place->inside = inside != 0;
    return (part == AWAY || part == BAD || part == SURPLUS)
        && fst_hex_decode (blob, place->row.blob.bytes, FST_BLOB_BYTES) == FST_OK;
}

static bool
s_full (const s_page_t *self)
{
    return json_array_size (self->missing) + json_array_size (self->surplus) >= self->limit || self->bytes >= PAGE_BYTES_MAX;
}

static void
s_add_away (void *arg, const fst_spread_t *spread)
{
    s_page_t *self = arg;
    if (spread->extents <= 0 || (spread->nodes & fst_nodes_live (self->metadata->nodes)))
        return;
    self->spreads = realloc (self->spreads, (self->spreads_count + 1) * sizeof (*spread));
    assert (self->spreads);
    self->spreads [self->spreads_count++] = *spread;
    self->missing_total += spread->extents;
}

static int
s_compare_spreads (const void *left, const void *right)
{
    const fst_spread_t *a = left, *b = right;
    if (a->nodes != b->nodes)
        return a->nodes < b->nodes? -1: 1;
    return a->wanted < b->wanted? -1: a->wanted > b->wanted;
}

static json_t *
s_names (const fst_metadata_t *self, fst_node_set_t nodes)
{
    json_t *names = json_array ();
    for (unsigned number = 0; number < FST_NODES_MAX; number++)
        if ((nodes & fst_node_bit (number)) && fst_nodes_get (self->nodes, number))
            json_array_append_new (names, json_string (fst_nodes_get (self->nodes, number)->name));
    return names;
}

static fst_rc_t
s_add_missing (s_page_t *self, const fst_row_t *row)
{
    char path [FST_PATH_BYTES_MAX + 1] = "", blob [FST_BLOB_BYTES * 2 + 1];
    fst_rc_t rc = fst_catalog_blob_path (self->metadata->catalog, &row->blob, path);
    if (rc != FST_OK)
        return rc;
    fst_hex_encode (row->blob.bytes, FST_BLOB_BYTES, blob);
    json_array_append_new (self->missing, json_pack ("{s:s, s:s, s:I, s:I, s:o}", "path", path, "blob", blob,
        "extent", (json_int_t) row->extent.n, "bytes", (json_int_t) row->extent.bytes,
        "nodes", s_names (self->metadata, row->extent.nodes)));
    self->bytes += strlen (path) * 2 + 200;
    return FST_OK;
}

//  Rows of the part that the place is in, until it has no more or the page is full.
static fst_rc_t
s_add_rows (s_page_t *self, const fst_spread_t *spread)
{
    fst_catalog_t *catalog = self->metadata->catalog;
    s_place_t *place = &self->place;
    fst_row_t rows [ROWS_MAX];
    size_t count = ROWS_MAX;
    fst_rc_t rc = FST_OK;
    while (count == ROWS_MAX && !s_full (self) && rc == FST_OK) {
        const fst_blob_id_t *after = place->inside? &place->row.blob: NULL;
        rc = spread? fst_catalog_rows_on (catalog, spread, after, place->row.extent.n, rows, ROWS_MAX, &count)
                   : fst_catalog_bad_rows (catalog, after, place->row.extent.n, rows, ROWS_MAX, &count);
        for (size_t at = 0; rc == FST_OK && at < count && !s_full (self); at++) {
            //  A bad one on nodes that are away was listed with those
            if (spread || (rows [at].extent.nodes & fst_nodes_live (self->metadata->nodes)))
                rc = s_add_missing (self, &rows [at]);
            place->row = rows [at];
            place->inside = true;
        }
    }
    return rc;
}

static void
s_next_part (s_place_t *place, s_part_t part)
{
    *place = (s_place_t) { .part = part };
}

static fst_rc_t
s_list_away (s_page_t *self)
{
    fst_rc_t rc = FST_OK;
    for (size_t at = 0; at < self->spreads_count && rc == FST_OK && !s_full (self); at++) {
        int order = s_compare_spreads (&self->spreads [at], &self->place.spread);
        if (order < 0)
            continue;
        if (order > 0)
            self->place = (s_place_t) { .part = AWAY, .spread = self->spreads [at] };
        rc = s_add_rows (self, &self->spreads [at]);
    }
    if (rc == FST_OK && !s_full (self))
        s_next_part (&self->place, BAD);
    return rc;
}

static void
s_list_surplus (s_page_t *self)
{
    const fst_metadata_t *metadata = self->metadata;
    while (self->place.at < metadata->surplus_count && !s_full (self)) {
        const fst_surplus_t *surplus = &metadata->surplus [self->place.at++];
        char blob [FST_BLOB_BYTES * 2 + 1];
        fst_hex_encode (surplus->said.blob.bytes, FST_BLOB_BYTES, blob);
        json_array_append_new (self->surplus, json_pack ("{s:s, s:s, s:I, s:I}",
            "node", fst_nodes_get (metadata->nodes, surplus->node)->name, "blob", blob,
            "extent", (json_int_t) surplus->said.n, "bytes", (json_int_t) surplus->said.bytes));
        self->bytes += 150;
    }
    if (self->place.at == metadata->surplus_count)
        s_next_part (&self->place, END);
}

static fst_rc_t
s_list (s_page_t *self)
{
    fst_rc_t rc = fst_catalog_spreads (self->metadata->catalog, s_add_away, self);
    if (self->spreads_count)
        qsort (self->spreads, self->spreads_count, sizeof (*self->spreads), s_compare_spreads);
    if (rc == FST_OK && self->place.part == AWAY)
        rc = s_list_away (self);
    if (rc == FST_OK && self->place.part == BAD) {
        rc = s_add_rows (self, NULL);
        if (rc == FST_OK && !s_full (self))
            s_next_part (&self->place, SURPLUS);
    }
    if (rc == FST_OK && self->place.part == SURPLUS)
        s_list_surplus (self);
    return rc;
}

fst_rc_t
fst_metadata_list_recovery (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) claims;
    const char *after = json_string_value (json_object_get (payload, "after"));
    json_t *limit = json_object_get (payload, "limit");
    const fst_counters_t *counters = fst_catalog_counters (self->catalog);
    s_page_t page = {
        .metadata = self, .limit = limit? (size_t) json_integer_value (limit): PAGE_LIMIT, .place.part = AWAY,
        .missing_total = counters->bad
    };
    if (after && *after && !s_place_read (after, &page.place))
        return fst_namespace_refuse (self->space, FST_MALFORMED, "This is no place in the list.");
    page.missing = json_array ();
    page.surplus = json_array ();
    fst_rc_t rc = s_list (&page);
    free (page.spreads);
    int64_t surplus_total = 0;
    for (unsigned node = 0; node < FST_NODES_MAX; node++)
        surplus_total += self->surplus_total [node];
    int64_t seen = self->seen_sequence > counters->sequence? self->seen_sequence: counters->sequence;
    *reply_p = json_pack ("{s:b, s:b, s:I, s:I, s:I, s:o, s:o, s:I, s:I}", "recovery", (int) (self->recovery_ms != 0),
        "imported", (int) fst_metadata_is_import (self),
        "since_ms", (json_int_t) self->recovery_ms, "sequence", (json_int_t) counters->sequence, "seen", (json_int_t) seen,
        "missing", page.missing, "surplus", page.surplus, "missing_total", (json_int_t) page.missing_total,
        "surplus_total", (json_int_t) surplus_total);
    if (page.place.part != END) {
        char next [129];
        s_place_text (&page.place, next);
        json_object_set_new (*reply_p, "next", json_string (next));
    }
    return rc;
}
