//  The guard: is this database the one that nodes were told things by, or an older copy? What an older copy calls garbage
//  may be in use, so then ("recovery") nothing is deleted or put aside until an admin ends it. adr/0010 has the why.

#include "fst_metadata_inventory.h"
#include "fst_log.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

//  ---- What nodes were told

//  Did this database, or one that an admin gave up for it, tell that?
static fst_rc_t
s_fits (fst_metadata_t *self, const char *run, int64_t sequence, bool *fits_p)
{
    int64_t end = fst_catalog_counters (self->catalog)->sequence;
    bool accepted;
    fst_rc_t rc = *run? fst_catalog_run_end (self->catalog, run, &end): FST_OK;     //  No run: nothing was told
    *fits_p = rc == FST_OK && sequence <= end;
    if (*fits_p || (rc != FST_OK && rc != FST_NOT_FOUND))
        return rc;
    rc = fst_catalog_foreign_get (self->catalog, run, &end, &accepted);
    *fits_p = rc == FST_OK && accepted && sequence <= end;
    return rc == FST_NOT_FOUND? FST_OK: rc;
}

//  Remember what does not fit: the end of recovery accepts it.
static fst_rc_t
s_note (fst_metadata_t *self, const char *run, int64_t sequence)
{
    int64_t noted;
    bool accepted;
    fst_rc_t rc = fst_catalog_foreign_get (self->catalog, run, &noted, &accepted);
    if (rc == FST_OK && noted >= sequence)
        return FST_OK;
    if (rc != FST_OK && rc != FST_NOT_FOUND)
        return rc;
    fst_metadata_open_batch (self);
    return fst_catalog_foreign_put (self->catalog, run, sequence);
}

static fst_rc_t
s_begin (fst_metadata_t *self, unsigned node, const char *run, int64_t sequence)
{
    const char *name = fst_nodes_get (self->nodes, node)->name;
    fst_log_error ("recovery began: node=%s was told things by another database (this one is older, new, or imported), so nothing is "
                   "deleted until an admin decides; see filestore admin recovery run=%s sequence=%" PRId64 " ours=%" PRId64,
                   name, run, sequence, fst_catalog_counters (self->catalog)->sequence);
    fst_metadata_open_batch (self);
    fst_rc_t rc = fst_catalog_setting_put (self->catalog, "recovery", self->wall_ms);
    if (rc == FST_OK)
        rc = fst_nodes_journal (self->nodes, node, "recovery",
                                "began: another database than this one told this node things", self->wall_ms);
    if (rc != FST_OK)
        fst_log_error ("recovery was not written reason=\"%s\"", fst_error_text (rc));
    self->recovery_ms = self->wall_ms;
    fst_metadata_inventory_restart (self);
    return rc;
}

fst_rc_t
fst_metadata_hear (fst_metadata_t *self, unsigned node, json_t *said)
{
    const char *run = json_string_value (json_object_get (said, "run"));
    int64_t sequence = json_integer_value (json_object_get (said, "sequence"));
    bool fits = false;
    run = run? run: "";
    if (sequence > self->seen_sequence)
        self->seen_sequence = sequence;
    fst_rc_t rc = s_fits (self, run, sequence, &fits);
    if (rc == FST_OK && !fits)
        rc = s_note (self, run, sequence);
    if (rc == FST_OK && !fits && !self->recovery_ms)
        rc = s_begin (self, node, run, sequence);
    if (rc == FST_OK && !(self->heard & fst_node_bit (node))) {
        self->heard |= fst_node_bit (node);
        fst_metadata_inventory_due (self, node);
    }
    if (rc != FST_OK)
        fst_log_error ("what node=%s was told was not checked reason=\"%s\"", fst_nodes_get (self->nodes, node)->name,
                       fst_error_text (rc));
    return rc;
}

bool
fst_metadata_may_delete (const fst_metadata_t *self)
{
    return !self->recovery_ms && !(fst_nodes_live (self->nodes) & ~self->heard);
}

int64_t
fst_metadata_told_sequence (const fst_metadata_t *self)
{
    return self->recovery_ms? 0: fst_catalog_counters (self->catalog)->sequence;
}

void
fst_metadata_tell_sequence (fst_metadata_t *self)
{
    int64_t sequence = fst_metadata_told_sequence (self);
    if (sequence <= self->told || self->now_ms < self->tell_ms || self->open)
        return;
    fst_actor_publish (self->actor, "metadata.sequence",
                       json_pack ("{s:s, s:I}", "run", self->run, "sequence", (json_int_t) sequence));
    self->told = sequence;
    self->tell_ms = self->now_ms + FST_TELL_MS;
}

bool
fst_metadata_is_import (const fst_metadata_t *self)
{
    int64_t imported = 0, settled = 0;
    return fst_catalog_setting_get (self->catalog, "imported", &imported) == FST_OK
        && (fst_catalog_setting_get (self->catalog, "imported_settled", &settled) != FST_OK || settled != imported);
}

//  ---- END_RECOVERY

//  What was to be deleted is not: the database that nodes have heard of may have put it to use. It is found on the
//  nodes as strays, and kept in quarantine for a time.
static fst_rc_t
s_end (fst_metadata_t *self)
{
    int64_t seen;
    fst_rc_t rc = fst_catalog_foreign_accept (self->catalog, &seen);
    if (rc == FST_OK)
        rc = fst_catalog_doubt (self->catalog);
    if (rc == FST_OK)
        rc = fst_catalog_setting_put (self->catalog, "recovery", 0);
    int64_t imported;
    if (rc == FST_OK && fst_catalog_setting_get (self->catalog, "imported", &imported) == FST_OK)
        rc = fst_catalog_setting_put (self->catalog, "imported_settled", imported);
    if (rc == FST_OK)
        fst_catalog_sequence_raise (self->catalog, seen > self->seen_sequence? seen: self->seen_sequence);
    return rc;
}

static unsigned
s_any_node (const fst_metadata_t *self)
{
    unsigned node = 0;
    while (node < FST_NODES_MAX - 1 && !fst_nodes_get (self->nodes, node))
        node++;
    return node;
}

fst_rc_t
fst_metadata_end_recovery (fst_metadata_t *self, const fst_claims_t *claims, json_t *payload, json_t **reply_p)
{
    (void) payload;
    fst_rc_t rc = FST_OK;
    if (self->recovery_ms) {
        char detail [FST_USER_BYTES_MAX * 2 + 32];
        snprintf (detail, sizeof (detail), "ended by %s", claims->name);
        rc = s_end (self);
        if (rc == FST_OK)                       //  The journal has events of nodes and files; it takes the first node
            rc = fst_nodes_journal (self->nodes, s_any_node (self), "recovery", detail, self->wall_ms);
        if (rc == FST_OK) {
            self->recovery_ms = 0;
            fst_metadata_inventory_restart (self);
            fst_log_warning ("recovery ended user=%s", claims->name);
        }
    }
    *reply_p = json_pack ("{s:I}", "sequence", (json_int_t) fst_catalog_counters (self->catalog)->sequence);
    return rc;
}
