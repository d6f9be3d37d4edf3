//  The world: events in the order of virtual time, the trace, and how all begins.

#include "sim_world.h"
#include <assert.h>
#include <dirent.h>
#include <ftw.h>
#include <sodium.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <xxhash.h>
#include "fst_clock.h"
#include "fst_log.h"

#define HISTORY_FROM "metadata: node "

sim_t *sim_world;

//  Actors that were killed are never freed: they lie where they fell.
const char *
__asan_default_options (void);

const char *
__asan_default_options (void)
{
    return "detect_leaks=0";
}

//  ---- Random numbers: splitmix64

uint64_t
sim_next_random (uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t
sim_luck (sim_t *self, uint64_t limit)
{
    return sim_next_random (&self->random_net) % limit;
}

uint64_t
sim_random (sim_t *self, uint64_t limit)
{
    return sim_next_random (&self->random_test) % limit;
}

uint64_t
sim_seed (void)
{
    const char *given = getenv ("FST_SEED");
    uint64_t seed = given? strtoull (given, NULL, 10): (uint64_t) zclock_usecs () % 1000000007;
    fprintf (stderr, "FST_SEED=%llu\n", (unsigned long long) seed);
    return seed;
}

void
sim_each_seed (int count, void (*script) (uint64_t seed))
{
    uint64_t first = sim_seed ();
    const char *given = getenv ("FST_SIM_SEEDS");
    if (given || getenv ("FST_SEED"))
        count = given? atoi (given): 1;
    for (int at = 0; at < count; at++) {
        if (at)
            fprintf (stderr, "FST_SEED=%llu\n", (unsigned long long) first + (unsigned) at);
        script (first + (unsigned) at);
    }
}

//  ---- Events: a heap

static bool
s_before (const sim_event_t *a, const sim_event_t *b)
{
    return a->at_ms != b->at_ms? a->at_ms < b->at_ms: a->number < b->number;
}

static void
s_swap (sim_event_t *a, sim_event_t *b)
{
    sim_event_t kept = *a;
    *a = *b;
    *b = kept;
}

void
sim_at (sim_t *self, int64_t at_ms, sim_event_fn *run, void *arg)
{
    if (self->events == self->events_size) {
        self->events_size = self->events_size? 2 * self->events_size: 256;
        self->heap = realloc (self->heap, self->events_size * sizeof (*self->heap));
        assert (self->heap);
    }
    size_t at = self->events++;
    self->heap [at] = (sim_event_t) {
        .at_ms = at_ms < self->now_ms? self->now_ms: at_ms, .number = self->numbers++, .run = run, .arg = arg
    };
    for (; at && s_before (&self->heap [at], &self->heap [(at - 1) / 2]); at = (at - 1) / 2)
        s_swap (&self->heap [at], &self->heap [(at - 1) / 2]);
}

static sim_event_t
s_pop (sim_t *self)
{
    sim_event_t first = self->heap [0];
    self->heap [0] = self->heap [--self->events];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->events; child++)
            if (s_before (&self->heap [child], &self->heap [least]))
                least = child;
        if (least == at)
            return first;
        s_swap (&self->heap [at], &self->heap [least]);
        at = least;
    }
}

bool
sim_step (sim_t *self, int64_t until_ms)
{
    assert (!self->task && !self->running);
    if (!self->events || self->heap [0].at_ms > until_ms) {
        if (self->now_ms < until_ms)
            self->now_ms = until_ms;
        return false;
    }
    sim_event_t event = s_pop (self);
    self->now_ms = event.at_ms;
    event.run (self, event.arg);
    sim_resume (self);
    return true;
}

int64_t
sim_now_ms (const sim_t *self)
{
    return self->now_ms;
}

void
sim_elapse (sim_t *self, int64_t ms)
{
    int64_t until_ms = self->now_ms + ms;
    while (sim_step (self, until_ms))
        ;
}

//  ---- Trace

void
sim_note (sim_t *self, const char *what, uint64_t a, uint64_t b)
{
    uint64_t said [4] = { self->digest, (uint64_t) self->now_ms, a, b };
    self->digest = XXH3_64bits_withSeed (said, sizeof (said), XXH3_64bits (what, strlen (what)));
}

void
sim_say (sim_t *self, const char *format, ...)
{
    char line [1024];
    int head = snprintf (line, sizeof (line), "[%lld] ", (long long) self->now_ms);
    va_list args;
    va_start (args, format);
    vsnprintf (line + head, sizeof (line) - (size_t) head - 1, format, args);
    va_end (args);
    strcat (line, "\n");
    size_t bytes = strlen (line);
    if (self->trace_bytes + bytes >= self->trace_size) {
        self->trace_size = 2 * self->trace_size + bytes + 4096;
        self->trace = realloc (self->trace, self->trace_size);
        assert (self->trace);
    }
    memcpy (self->trace + self->trace_bytes, line, bytes + 1);
    self->trace_bytes += bytes;
    sim_note (self, line, 0, 0);
    fst_log_info ("-- %s", line);
}

const char *
sim_trace (const sim_t *self)
{
    return self->trace? self->trace: "";
}

uint64_t
sim_digest (const sim_t *self)
{
    return self->digest;
}

int
sim_saw_since (const sim_t *self, const char *line, int64_t from_ms)
{
    int count = 0;
    size_t bytes = strlen (line);
    for (const char *at = sim_trace (self); *at; at = strchr (at, '\n') + 1) {
        long long time_ms = strtoll (at + 1, (char **) &at, 10);
        const char *said = at + 2;
        if (time_ms >= from_ms && strncmp (said, line, bytes) == 0 && (said [bytes] == '\n' || said [bytes] == ' '))
            count++;
    }
    return count;
}

const char *
sim_history (sim_t *self, int node)
{
    char suffix [40];
    size_t used = 0;
    snprintf (suffix, sizeof (suffix), "node=node-%d", node);
    self->history [0] = 0;
    for (const char *at = sim_trace (self); *at; at = strchr (at, '\n') + 1) {
        const char *end = strchr (at, '\n'), *said = strstr (at, "] ") + 2;
        if (strncmp (said, HISTORY_FROM, strlen (HISTORY_FROM)) != 0)
            continue;
        const char *state = said + strlen (HISTORY_FROM), *space = strchr (state, ' ');
        size_t bytes = (size_t) (space - state);
        if (strncmp (space + 1, suffix, strlen (suffix)) != 0 || space + 1 + strlen (suffix) > end
        ||  used + bytes + 2 > sizeof (self->history))
            continue;
        used += (size_t) snprintf (self->history + used, sizeof (self->history) - used, "%s%.*s", used? " ": "",
                                   (int) bytes, state);
    }
    return self->history;
}

static int
s_remove_one (const char *name, const struct stat *about, int kind, struct FTW *where)
{
    (void) about;
    (void) kind;
    (void) where;
    remove (name);
    return 0;
}

void
sim_remove_folder (const char *folder)
{
    nftw (folder, s_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void
sim_fail (sim_t *self, const char *file, int line, const char *condition)
{
    const char *end = sim_trace (self) + (self->trace_bytes > 6000? self->trace_bytes - 6000: 0);
    fprintf (stderr, "%s\n%s:%d: not so at [%lld]: %s\nFST_SEED=%llu\n", end, file, line, (long long) self->now_ms,
             condition, (unsigned long long) self->options.seed);
    char kept [300];
    snprintf (kept, sizeof (kept), "%s.kept", self->folder);
    char *name = strstr (kept, "fst-sim-");
    if (getenv ("FST_SIM_KEEP") && name) {
        memcpy (name, "sim-fst-", 8);           //  Not one of those that the next world removes
        if (rename (self->folder, kept) == 0)
            fprintf (stderr, "files are in %s\n", kept);
    }
    sim_remove_folder (self->folder);
    abort ();
}

//  ---- The world

static void
s_set (fst_config_t *config, const char *name, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

static void
s_set (fst_config_t *config, const char *name, const char *format, ...)
{
    char value [512], *problem = NULL;
    va_list args;
    va_start (args, format);
    vsnprintf (value, sizeof (value), format, args);
    va_end (args);
    fst_rc_t rc = fst_config_set (config, name, value, &problem);
    if (rc != FST_OK)
        fprintf (stderr, "%s\n", problem);
    assert (rc == FST_OK);
}

static fst_keys_t *
s_keys (sim_t *self, const char *name)
{
    char filename [512], *problem = NULL;
    fst_keys_t *keys = NULL;
    snprintf (filename, sizeof (filename), "%s/keys/%s.key", self->folder, name);
    fst_rc_t rc = fst_keys_load (filename, &keys, &problem);
    assert (rc == FST_OK);
    return keys;
}

static void
s_make_actor (sim_t *self, int index, const char *key)
{
    sim_part_t *part = &self->parts [index];
    part->keys = s_keys (self, key);
    part->config = fst_config_new ();
    char folder [sizeof (part->folder)];
    snprintf (folder, sizeof (folder), "%s/%s", self->folder, part->name);
    strcpy (part->folder, folder);
    int made = mkdir (part->folder, 0700);
    assert (made == 0);
    s_set (part->config, "chunk-size", "64 KiB");
    s_set (part->config, "extent-chunks", "2");
    if (index == SIM_METADATA)
        s_set (part->config, "metadata-database", "%s/metadata.db", part->folder);
    else {
        s_set (part->config, "node", "%s", part->name);
        s_set (part->config, "storage-folder", "%s", part->folder);
        s_set (part->config, "data-endpoint", "sim://%s", part->name);
        s_set (part->config, "reserve", "0");
    }
    for (const char *const *at = self->options.settings; at && *at; at += 2)
        s_set (part->config, at [0], "%s", at [1]);
}

static void
s_make_client (sim_t *self, sim_part_t *part)
{
    fst_claims_t claims = { .role = FST_ROLE_ADMIN };
    snprintf (claims.name, sizeof (claims.name), "%s", part->name);
    memset (claims.session, part->index, sizeof (claims.session));
    part->token = fst_token_sign (&claims, self->auth_keys->sign_secret);
}

static void
s_make_parts (sim_t *self)
{
    for (int index = 0; index < SIM_PARTS; index++) {
        sim_part_t *part = &self->parts [index];
        part->index = index;
        part->restart_ms = -1;
        part->disk_bytes = (int64_t) 1 << 30;
        if (index == SIM_BROKER || index == SIM_METADATA)
            snprintf (part->name, sizeof (part->name), "%s", index == SIM_BROKER? "broker": "metadata");
        else
        if (index < SIM_CLIENT (1))
            snprintf (part->name, sizeof (part->name), "node-%d", index - SIM_METADATA);
        else
            snprintf (part->name, sizeof (part->name), "client-%d", index - SIM_CLIENT (1) + 1);
    }
    s_make_actor (self, SIM_METADATA, "metadata");
    for (int node = 1; node <= self->options.nodes; node++)
        s_make_actor (self, SIM_NODE (node), self->parts [SIM_NODE (node)].name);
    for (int client = 1; client <= self->options.clients; client++)
        s_make_client (self, &self->parts [SIM_CLIENT (client)]);
}

static void
s_start_all (sim_t *self)
{
    fst_rc_t rc = sim_start (self, SIM_BROKER);
    for (int client = 1; client <= self->options.clients; client++)
        rc = rc == FST_OK? sim_start (self, SIM_CLIENT (client)): rc;
    rc = rc == FST_OK? sim_start (self, SIM_METADATA): rc;
    for (int node = 1; node <= self->options.nodes; node++)
        rc = rc == FST_OK? sim_start (self, SIM_NODE (node)): rc;
    SIM_CHECK (self, rc == FST_OK);
    for (int node = 1; node <= self->options.nodes; node++)
        SIM_CHECK (self, SIM_UNTIL (self, *sim_history (self, node), 60000));
}

//  Worlds of processes that have crashed.
static void
s_remove_old (const char *base)
{
    DIR *dir = opendir (base);
    struct dirent *entry;
    while (dir && (entry = readdir (dir))) {
        int pid;
        char name [600];
        if (sscanf (entry->d_name, "fst-sim-%d-", &pid) == 1 && kill (pid, 0) == -1 && errno == ESRCH) {
            snprintf (name, sizeof (name), "%s/%s", base, entry->d_name);
            sim_remove_folder (name);
        }
    }
    if (dir)
        closedir (dir);
}

//  In memory if there is such a place: a node makes hundreds of folders.
static void
s_make_folder (sim_t *self)
{
    const char *base = access ("/dev/shm", W_OK) == 0? "/dev/shm": getenv ("TMPDIR");
    if (!base)
        base = "/tmp";
    s_remove_old (base);
    snprintf (self->folder, sizeof (self->folder), "%s/fst-sim-%d-XXXXXX", base, (int) getpid ());
    const char *made = mkdtemp (self->folder);
    assert (made);
}

static void
s_free_json (void **item_p)
{
    json_decref (*item_p);
    *item_p = NULL;
}

sim_t *
sim_new (const sim_options_t *options)
{
    assert (!sim_world);
    assert (options->nodes <= SIM_NODES_MAX && options->clients <= SIM_CLIENTS_MAX);
    sim_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->options = *options;
    if (!self->options.delay_ms)
        self->options.delay_ms = 2;
    self->random_net = options->seed;
    self->random_test = options->seed + 1;
    self->random_actors = options->seed + 2;
    self->entries = zlist_new ();
    self->calls = zlist_new ();
    self->wires = zlist_new ();
    self->tasks = zlist_new ();
    self->last_events = zhashx_new ();
    self->made = zhashx_new ();
    zhashx_set_destructor (self->last_events, s_free_json);
    self->checker = sim_checker_new (self);
    sim_world = self;
    zsys_handler_set (NULL);
    sim_seed_sodium ();
    struct rlimit files;
    getrlimit (RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit (RLIMIT_NOFILE, &files);

    s_make_folder (self);
    char keys [300], *problem = NULL;
    snprintf (keys, sizeof (keys), "%s/keys", self->folder);
    fst_rc_t rc = fst_keys_create (keys, options->nodes, &problem);
    assert (rc == FST_OK);
    self->auth_keys = s_keys (self, "auth");
    s_make_parts (self);
    s_start_all (self);
    return self;
}

void
sim_destroy (sim_t **self_p)
{
    sim_t *self = *self_p;
    *self_p = NULL;
    for (int index = SIM_PARTS - 1; index >= 0; index--)
        sim_stop (self, index);
    for (int index = 0; index < SIM_PARTS; index++) {
        fst_keys_destroy (&self->parts [index].keys);
        fst_config_destroy (&self->parts [index].config);
        free (self->parts [index].token);
    }
    sim_remove_folder (self->folder);
    fst_keys_destroy (&self->auth_keys);
    sim_checker_destroy (&self->checker);
    zlist_destroy (&self->entries);
    zlist_destroy (&self->calls);
    zlist_destroy (&self->wires);
    zlist_destroy (&self->tasks);
    zhashx_destroy (&self->last_events);
    zhashx_destroy (&self->made);
    free (self->heap);
    free (self->trace);
    free (self);
    sim_world = NULL;
}
