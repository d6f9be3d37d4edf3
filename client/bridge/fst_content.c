//  The bridge's content, put together.

#include "fst_content.h"
#include <assert.h>
#include <stdlib.h>
#include "fst_files.h"
#include "fst_flow.h"
#include "fst_tus.h"
#include "fst_zip.h"

#define TICK_MS 1000

struct fst_content {
    fst_flows_t *flows;
    fst_files_t *files;
    fst_tus_t *tus;
    fst_zip_t *zip;
};

fst_content_t *
fst_content_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http)
{
    assert (config);
    assert (http);
    fst_content_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->flows = fst_flows_new (config);
    self->files = fst_files_new (self->flows);
    self->tus = fst_tus_new (config, self->flows);
    self->zip = fst_zip_new (config, self->flows);
    fst_flows_watch (self->flows, actor);
    fst_files_add_routes (self->files, http);
    fst_tus_add_routes (self->tus, http);
    fst_zip_add_routes (self->zip, http);
    return self;
}

void
fst_content_destroy (fst_content_t **self_p)
{
    assert (self_p);
    fst_content_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    fst_tus_destroy (&self->tus);
    fst_zip_destroy (&self->zip);
    fst_files_destroy (&self->files);
    fst_flows_destroy (&self->flows);
    free (self);
}

int64_t
fst_content_tick (fst_content_t *self, int64_t now_ms)
{
    assert (self);
    fst_tus_tick (self->tus, now_ms);
    fst_flows_tick (self->flows, now_ms);
    return now_ms + TICK_MS;
}

void
fst_content_forget (fst_content_t *self, const char *token)
{
    assert (self);
    fst_flows_forget (self->flows, token);
}
