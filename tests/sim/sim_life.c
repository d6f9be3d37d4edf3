//  The lives of parts: running their code, killing, starting, stopping and pausing them.

#include "sim_world.h"
#include <assert.h>
#include "fst_log.h"
#include "fst_metadata.h"
#include "fst_storage.h"

//  ---- Running a part's code, and killing it

static void
s_restart (sim_t *self, void *arg)
{
    sim_part_t *part = arg;
    if (!part->up && part->restart_ms >= 0 && sim_start (self, part->index) != FST_OK)
        sim_at (self, self->now_ms + part->restart_ms, s_restart, part);
}

//  It is gone: nothing of it runs any more, nothing is flushed, and the kernel closes its files.
static void
s_bury (sim_part_t *part)
{
    part->up = false;
    part->life++;
    part->actor = NULL;
    part->self = NULL;
    part->kill_at = 0;
    sim_disk_bury (part);
    sim_net_down (part);
    if (part->restart_ms >= 0)
        sim_at (sim_world, sim_world->now_ms + part->restart_ms, s_restart, part);
}

bool
sim_run (sim_part_t *part, void (*run) (void *arg), void *arg)
{
    sim_t *self = sim_world;
    assert (!self->running && !self->task);
    self->running = part;
    fst_log_set_subject (part->name);
    self->may_jump = true;
    bool whole = setjmp (self->jump) == 0;
    if (whole)
        run (arg);
    self->may_jump = false;
    self->running = NULL;
    fst_log_set_subject ("");
    if (!whole)
        s_bury (part);
    return whole;
}

void
sim_end_running (void)
{
    assert (sim_world->running && sim_world->may_jump);
    longjmp (sim_world->jump, 1);
}

void
sim_point (void)
{
    sim_part_t *part = sim_world->running;
    if (part && sim_world->may_jump && ++part->points == part->kill_at) {
        sim_say (sim_world, "world: kill %s", part->name);
        sim_end_running ();
    }
}

void
sim_kill (sim_t *self, int index)
{
    sim_part_t *part = &self->parts [index];
    assert (!self->running);
    if (!part->up)
        return;
    sim_say (self, "world: kill %s", part->name);
    s_bury (part);
}

void
sim_kill_at (sim_t *self, int index, int nth)
{
    sim_part_t *part = &self->parts [index];
    part->kill_at = nth? part->points + nth: 0;
}

void
sim_restart_after (sim_t *self, int index, int64_t ms)
{
    self->parts [index].restart_ms = ms;
}

void
sim_pause (sim_t *self, int index, int64_t ms)
{
    sim_say (self, "world: pause %s", self->parts [index].name);
    self->parts [index].paused_until_ms = self->now_ms + ms;
}

void
sim_set_wall (sim_t *self, int index, int64_t ahead_ms)
{
    if (self->parts [index].wall_ahead_ms != ahead_ms)
        sim_say (self, "world: clock %s ahead_ms=%lld", self->parts [index].name, (long long) ahead_ms);
    self->parts [index].wall_ahead_ms = ahead_ms;
}

bool
sim_is_up (const sim_t *self, int index)
{
    return self->parts [index].up;
}

//  ---- Starting and stopping

typedef struct {
    sim_part_t *part;
    fst_rc_t rc;
} s_start_t;

static void
s_start_part (void *arg)
{
    s_start_t *start = arg;
    sim_part_t *part = start->part;
    char *problem = NULL;
    fst_actor_options_t bus = {
        .broker = "sim://broker", .events_in = "sim://in", .events_out = "sim://out", .keys = part->keys
    };
    start->rc = part->index == SIM_METADATA?
        fst_metadata_new (part->config, &bus, (fst_metadata_t **) &part->self, &problem):
        fst_storage_new (part->config, &bus, (fst_storage_t **) &part->self, &problem);
    if (start->rc != FST_OK)
        sim_say (sim_world, "world: %s does not start: %s", part->name, problem? problem: "");
    free (problem);
}

static bool
s_is_actor (const sim_part_t *part)
{
    return part->index >= SIM_METADATA && part->index < SIM_CLIENT (1);
}

fst_rc_t
sim_start (sim_t *self, int index)
{
    sim_part_t *part = &self->parts [index];
    if (part->up)
        return FST_OK;
    sim_say (self, "world: start %s", part->name);
    part->up = true;
    part->life++;
    part->kill_at = 0;
    part->mono_ms = (int64_t) sim_luck (self, 1000000000);
    s_start_t start = { .part = part, .rc = FST_OK };
    if (s_is_actor (part) && !sim_run (part, s_start_part, &start))
        return FST_IO;                  //  It ended itself
    if (start.rc != FST_OK) {
        part->up = false;
        part->actor = NULL;
        return start.rc;
    }
    sim_net_up (part);
    return FST_OK;
}

static void
s_stop_part (void *arg)
{
    sim_part_t *part = arg;
    if (part->index == SIM_METADATA)
        fst_metadata_destroy ((fst_metadata_t **) &part->self);
    else
        fst_storage_destroy ((fst_storage_t **) &part->self);
}

void
sim_stop (sim_t *self, int index)
{
    sim_part_t *part = &self->parts [index];
    if (!part->up)
        return;
    sim_say (self, "world: stop %s", part->name);
    if (s_is_actor (part) && !sim_run (part, s_stop_part, part))
        return;                         //  It was killed while it stopped
    part->up = false;
    part->life++;
    part->actor = NULL;
    sim_net_down (part);
}
