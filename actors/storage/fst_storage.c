//  The storage actor: its parts, put together, and its time.

#include "fst_storage_self.h"
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_marker.h"
#include "fst_salvage.h"
#include <assert.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define LANES               6       //  Commands over the broker under way at once; a PULL takes its time
#define SPACE_INTERVAL_MS   1000    //  How often the disk is asked for its space
#define REGISTER_BEATS      3       //  Heartbeats may be lost, so it registers again with every third

//  ---- Time

static int64_t
s_tick (void *arg, int64_t now_ms)
{
    fst_storage_t *self = arg;
    fst_storage_see_small (self);
    if (now_ms >= self->space_at_ms) {
        fst_storage_see_folder (self);
        fst_storage_see_space (self);
        self->space_at_ms = now_ms + SPACE_INTERVAL_MS;
    }
    if (now_ms >= self->register_at_ms) {
        self->register_at_ms = INT64_MAX;
        fst_storage_register (self);
    }
    if (now_ms >= self->beat_at_ms) {
        fst_storage_beat (self);
        if (++self->beats % REGISTER_BEATS == 0)
            fst_storage_register (self);
        self->beat_at_ms = now_ms + self->beat_ms;
    }
    int64_t times [] = {
        self->space_at_ms, self->register_at_ms, self->beat_at_ms, fst_aside_tick (self->aside, now_ms),
        fst_damage_tick (self->damage, now_ms), fst_scrub_tick (self->scrub, now_ms)
    };
    int64_t next_ms = INT64_MAX;
    for (size_t at = 0; at < sizeof (times) / sizeof (times [0]); at++)
        next_ms = times [at] < next_ms? times [at]: next_ms;
    return next_ms;
}

//  ---- Start and stop

//  Two processes in one folder would destroy it. The lock goes with the process.
static fst_rc_t
s_lock (fst_storage_t *self, char **problem_p)
{
    char *filename = zsys_sprintf ("%s/lock", self->folder);
    self->lock_fd = open (filename, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fst_rc_t rc = FST_OK;
    if (self->lock_fd == -1) {
        rc = FST_IO;
        *problem_p = zsys_sprintf ("The file %s cannot be written: %s.", filename, strerror (errno));
    }
    else
    if (flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = FST_EXISTS;
        *problem_p = zsys_sprintf ("Another process uses the folder of %s (%s is locked); stop it first, or use another "
                                   "folder.", self->node, filename);
    }
    free (filename);
    return rc;
}

static fst_rc_t
s_check_marker (fst_storage_t *self, char **problem_p)
{
    bool fresh = false;
    char *why = NULL;
    fst_rc_t rc = fst_marker_check (self->disk, self->node, self->keys, &fresh, &why);
    if (fresh)
        fst_log_info ("folder is new node=%s folder=\"%s\"", self->node, self->folder);
    if (why)
        *problem_p = zsys_sprintf ("The folder %s cannot be used: %s.", self->folder, why);
    free (why);
    return rc;
}

static fst_rc_t
s_open (fst_storage_t *self, char **problem_p)
{
    fst_rc_t rc = fst_disk_open (self->folder, &self->disk);
    if (rc == FST_OK)
        rc = s_lock (self, problem_p);
    if (rc == FST_OK)
        rc = s_check_marker (self, problem_p);
    if (rc == FST_OK)
        rc = fst_extents_new (self->disk, &self->extents);
    if (rc == FST_OK)
        rc = fst_quarantine_new (self->disk, self->extents, &self->quarantine);
    if (rc == FST_OK)
        rc = fst_salvage_open (self->disk, self->folder, fst_clock_wall_ms (), &self->small, problem_p);
    if (rc != FST_OK && !*problem_p)
        *problem_p = zsys_sprintf ("The folder %s cannot be used: %s.", self->folder, fst_error_text (rc));
    return rc;
}

static void
s_close (fst_storage_t *self)
{
    fst_keeper_destroy (&self->keeper);
    if (self->pull)
        fst_pull_end (self->pull);
    if (self->check)
        fst_check_end (self->check);
    fst_scrub_destroy (&self->scrub);
    fst_jobs_destroy (&self->jobs);
    fst_check_destroy (&self->check);
    fst_pull_destroy (&self->pull);
    fst_damage_destroy (&self->damage);
    fst_aside_destroy (&self->aside);
    fst_small_destroy (&self->small);
    fst_quarantine_destroy (&self->quarantine);
    fst_extents_destroy (&self->extents);
    fst_disk_destroy (&self->disk);
    if (self->lock_fd != -1)
        close (self->lock_fd);
    self->lock_fd = -1;
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    fst_storage_t *self = arg;
    self->actor = actor;
    fst_rc_t rc = s_open (self, problem_p);
    if (rc != FST_OK) {
        s_close (self);
        return rc;
    }
    fst_jobs_options_t options = {
        .actor = actor, .extents = self->extents, .small = self->small, .node_key = self->keys->node_key,
        .window = self->window, .memory = self->memory, .trouble = fst_storage_trouble, .trouble_arg = self
    };
    self->jobs = fst_jobs_new (&options);
    self->keeper = fst_keeper_new (actor, self->disk);
    fst_told_begin (&self->told, &(fst_pair_t) { fst_small_run (self->small), fst_small_sequence (self->small) });
    fst_aside_options_t aside = {
        .actor = actor, .jobs = self->jobs, .extents = self->extents, .quarantine = self->quarantine, .small = self->small,
        .health = &self->health, .keep_ms = self->quarantine_ms
    };
    self->aside = fst_aside_new (&aside);
    self->check = fst_check_new (actor, self->extents, self->small, self->aside);
    fst_pull_options_t pull = {
        .actor = actor, .jobs = self->jobs, .extents = self->extents, .small = self->small, .aside = self->aside,
        .node_key = self->keys->node_key, .window = self->window, .memory = self->memory,
        .has_room = fst_storage_has_room, .arg = self
    };
    self->pull = fst_pull_new (&pull);
    self->damage = fst_damage_new (actor, self->node, self->check, self->aside);
    fst_scrub_options_t scrub = {
        .actor = actor, .disk = self->disk, .small = self->small, .jobs = self->jobs, .health = &self->health,
        .round_ms = self->scrub_ms, .found = fst_storage_scrub_found, .arg = self
    };
    self->scrub = fst_scrub_new (&scrub);
    fst_storage_see_space (self);
    self->beat_at_ms = fst_clock_mono_ms () + fst_storage_jitter (self->beat_ms);
    return FST_OK;
}

static void
s_flush (void *arg)
{
    fst_storage_t *self = arg;
    fst_storage_see_small (self);
    fst_pull_flush (self->pull);
    fst_jobs_flush (self->jobs);
}

static void
s_stop (void *arg)
{
    s_close (arg);
}

static const fst_actor_class_t s_class = {
    .title = "A storage node: content on its disk",
    .commands = fst_storage_commands, .topics = fst_storage_topics, .start = s_start, .flush = s_flush, .tick = s_tick,
    .stop = s_stop, .metrics = fst_storage_metrics
};

//  ---- The class

static fst_rc_t
s_configure (fst_storage_t *self, const fst_config_t *config, char **problem_p)
{
    self->node = strdup (fst_config_text (config, "node"));
    self->zone = strdup (fst_config_text (config, "zone"));
    self->advertise = strdup (fst_config_text (config, "data-advertise"));
    self->folder = strdup (fst_config_text (config, "storage-folder"));
    self->service = zsys_sprintf ("storage.%s", self->node);
    self->domain = zsys_sprintf ("data:%s", self->node);
    self->memory = fst_config_number (config, "data-memory");
    self->window = fst_config_number (config, "window");
    if (self->window > self->memory)
        self->window = self->memory;
    self->reserve_percent = fst_config_number (config, "reserve");
    self->beat_ms = fst_config_number (config, "heartbeat-interval");
    self->quarantine_ms = fst_config_number (config, "quarantine-time");
    self->scrub_ms = fst_config_number (config, "scrub-time");
    if (!fst_node_name_valid (self->node))
        *problem_p = strdup ("A storage node needs a name: set the option node (1 to 64 of a-z 0-9 . _ -).");
    else
    if (!fst_config_text (config, "data-endpoint") [0])
        *problem_p = strdup ("A storage node needs a place where clients reach it: set the option data-endpoint.");
    else
    if (!self->keys->has_node_key)
        *problem_p = zsys_sprintf ("The key file of %s has no node-key; it is not one of a storage node.", self->node);
    return *problem_p? FST_MALFORMED: FST_OK;
}

fst_rc_t
fst_storage_new (const fst_config_t *config, const fst_actor_options_t *bus, fst_storage_t **self_p, char **problem_p)
{
    assert (config);
    assert (bus && bus->keys);
    assert (self_p);
    assert (problem_p);
    fst_storage_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->keys = bus->keys;
    self->lock_fd = -1;
    *problem_p = NULL;
    fst_rc_t rc = s_configure (self, config, problem_p);
    if (rc == FST_OK) {
        fst_actor_options_t options = *bus;
        options.service = self->service;
        options.lanes = LANES;
        options.port = fst_config_text (config, "data-endpoint");
        options.port_domain = self->domain;
        rc = fst_actor_new (&s_class, &options, self, &self->actor_owned, problem_p);
    }
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_storage_destroy (&self);
    return rc;
}

void
fst_storage_destroy (fst_storage_t **self_p)
{
    assert (self_p);
    fst_storage_t *self = *self_p;
    if (self) {
        fst_actor_destroy (&self->actor_owned);
        free (self->node);
        free (self->zone);
        free (self->advertise);
        free (self->folder);
        free (self->service);
        free (self->domain);
        free (self);
        *self_p = NULL;
    }
}
