//  What doctor learns from the actors: versions and clocks, nodes and disks, copies, backups.

#include "cli_doctor.h"
#include <czmq.h>
#include <inttypes.h>
#include "fst_clock.h"
#include "fst_text.h"

#define CLOCK_WARN_MS   2000
#define CLOCK_BAD_MS    60000           //  Tokens and capabilities begin to fail
#define BACKUP_OLD_MS   (7 * 86400000LL)
#define SCRUB_OLD_MS    (45 * 86400000LL)
#define SNAPSHOT_SLACK_MS 5000          //  Before the first one
#define FREE_LOW        10              //  Percent

static int64_t
s_number (json_t *object, const char *name)
{
    return json_integer_value (json_object_get (object, name));
}

//  What a noun behind that number ends with.
static const char *
s_plural (json_t *object, const char *name)
{
    return s_number (object, name) == 1? "": "s";
}

static const char *
s_text (json_t *object, const char *name)
{
    const char *text = json_string_value (json_object_get (object, name));
    return text? text: "";
}

//  ------------------------------------------------------------------------------------------------
//  Asking

static bool
s_is_there (json_t *service)
{
    return s_number (service, "workers") || strcmp (s_text (service, "name"), "broker") == 0;
}

static void
s_add_question (cli_doctor_t *self, const char *service, const char *command)
{
    char *copy = strdup (service);
    assert (copy);
    self->asked [self->asked_count++] = (filestore_question_t) { .service = copy, .command = command };
}

void
cli_doctor_ask (cli_doctor_t *self)
{
    size_t at;
    json_t *services = json_object_get (self->services, "services"), *row;
    self->asked = calloc (json_array_size (services) + json_array_size (self->nodes) + 1, sizeof (filestore_question_t));
    assert (self->asked);
    json_array_foreach (services, at, row)
        if (s_is_there (row) && !json_object_get (self->told, s_text (row, "name")))
            s_add_question (self, s_text (row, "name"), "DESCRIBE");
    json_array_foreach (self->nodes, at, row) {
        char service [80];
        snprintf (service, sizeof (service), "storage.%s", s_text (row, "node"));
        if (strcmp (s_text (row, "state"), "alive") == 0)
            s_add_question (self, service, "STATUS");
    }
    fst_rc_t rc = self->asked_count? filestore_call_many (self->cli->store, self->asked, self->asked_count): FST_OK;
    (void) rc;                          //  Each says it too
}

const filestore_question_t *
cli_doctor_answer (const cli_doctor_t *self, const char *service, const char *command)
{
    for (size_t at = 0; at < self->asked_count; at++)
        if (strcmp (self->asked [at].service, service) == 0 && strcmp (self->asked [at].command, command) == 0)
            return &self->asked [at];
    return NULL;
}

//  ------------------------------------------------------------------------------------------------
//  Services: there, of one version, with one time

static void
s_check_clock (cli_doctor_t *self, const char *service, int64_t theirs_ms, int64_t asked_ms, int64_t answered_ms)
{
    //  They answered somewhere between
    int64_t off_ms = theirs_ms < asked_ms? theirs_ms - asked_ms: theirs_ms > answered_ms? theirs_ms - answered_ms: 0;
    if (llabs (off_ms) < CLOCK_WARN_MS)
        return;
    cli_found (self, llabs (off_ms) >= CLOCK_BAD_MS? CLI_PROBLEM: CLI_WARNING, "clock", service,
               "let both machines keep time (timedatectl set-ntp true, or chrony)",
               "its clock is %lld s %s this machine's%s", llabs (off_ms) / 1000, off_ms < 0? "behind": "ahead of",
               llabs (off_ms) >= CLOCK_BAD_MS? ": sessions and permissions end at the wrong time": "");
}

static void
s_check_service (cli_doctor_t *self, json_t *service)
{
    const char *name = s_text (service, "name");
    if (json_object_get (self->told, name))
        return;
    if (!s_is_there (service)) {
        cli_found (self, CLI_WARNING, "service", name, "start it, if it should be there",
                   "%" PRId64 " request%s waiting for it, and nobody offers it", s_number (service, "waiting"), s_plural (service, "waiting"));
        return;
    }
    const filestore_question_t *answer = cli_doctor_answer (self, name, "DESCRIBE");
    if (answer && cli_doctor_silent (answer->rc))
        cli_found (self, CLI_PROBLEM, "service", name, "look at its log; start it again if it hangs", "it is there and does not answer");
    if (!answer || answer->rc != FST_OK)
        return;                         //  Others may not know DESCRIBE
    json_t *reply = answer->reply;
    if (json_object_get (reply, "now_ms"))
        s_check_clock (self, name, s_number (reply, "now_ms"), answer->asked_ms, answer->answered_ms);
    bool ours = strcmp (name, "broker") == 0 || strcmp (name, "auth") == 0 || strcmp (name, "metadata") == 0
             || strcmp (name, "bridge") == 0 || strncmp (name, "storage.", 8) == 0;
    if (ours && strcmp (s_text (reply, "version"), FST_VERSION))
        cli_found (self, CLI_WARNING, "version", name, "upgrade all machines to one version: metadata first, then nodes, one at a time",
                   "it has version %s, this client has " FST_VERSION, s_text (reply, "version"));
}

void
cli_doctor_services (cli_doctor_t *self)
{
    size_t at;
    json_t *service;
    json_array_foreach (json_object_get (self->services, "services"), at, service)
        s_check_service (self, service);
}

//  ------------------------------------------------------------------------------------------------
//  Nodes and their disks

static void
s_check_disk (cli_doctor_t *self, json_t *node)
{
    const char *name = s_text (node, "node"), *health = s_text (node, "health");
    char left [32];
    int64_t capacity = s_number (node, "capacity"), free_bytes = s_number (node, "free");
    if (strcmp (health, "failing") == 0)
        cli_found (self, CLI_PROBLEM, "disk", name, "replace its disk once filestore admin drain says it is empty (docs/OPERATIONS.md)",
                   "its disk answers with errors; what it holds is being copied to other nodes");
    else
    if (strcmp (health, "read-only") == 0)
        cli_found (self, CLI_PROBLEM, "disk", name, "look at dmesg of its machine; check the file system, mount it for writing, start the node again",
                   "its disk can only be read");
    else
    if (strcmp (health, "full") == 0)
        cli_found (self, CLI_PROBLEM, "disk", name, "add a node or a larger disk, or empty the trash: filestore trash --empty",
                   "its disk is full: it takes nothing new");
    else
    if (capacity && free_bytes * 100 < capacity * FREE_LOW)
        cli_found (self, CLI_WARNING, "disk", name, "add a node or a larger disk soon", "%s are left, less than %d %%",
                   fst_size_text (free_bytes, left, sizeof (left)), FREE_LOW);
}

void
cli_doctor_nodes (cli_doctor_t *self)
{
    size_t at;
    json_t *node;
    json_array_foreach (self->nodes, at, node) {
        const char *name = s_text (node, "node"), *state = s_text (node, "state");
        int64_t silent_ms = s_number (node, "silent_ms"), holds = s_number (node, "holds");
        if (strcmp (state, "alive") == 0)
            s_check_disk (self, node);
        else
        if (!json_object_get (node, "silent_ms"))
            cli_found (self, CLI_PROBLEM, "node", name, "start it, or look at its log; if it is gone for good nothing has to be done",
                       "it was not heard of since metadata started; it held %" PRId64 " extent%s", holds, s_plural (node, "holds"));
        else
            cli_found (self, CLI_PROBLEM, "node", name, "start it, or look at its log; if it is gone for good nothing has to be done",
                       "it is silent for %" PRId64 " s (%s); it held %" PRId64 " extent%s", silent_ms / 1000, state, holds, s_plural (node, "holds"));
    }
}

//  What only a node itself knows.
void
cli_doctor_scrubs (cli_doctor_t *self)
{
    size_t at;
    json_t *node;
    json_array_foreach (self->nodes, at, node) {
        const char *name = s_text (node, "node");
        char service [80];
        snprintf (service, sizeof (service), "storage.%s", name);
        const filestore_question_t *answer = cli_doctor_answer (self, service, "STATUS");
        if (!answer || answer->rc != FST_OK)
            continue;
        json_t *scrub = json_object_get (answer->reply, "scrub");
        int64_t finished_ms = s_number (scrub, "finished_ms");
        if (s_number (scrub, "damaged"))
            cli_found (self, CLI_WARNING, "disk", name, "filestore admin scrub, and look at SMART of its disk; replace it if there are more",
                       "its disk damaged %" PRId64 " extent%s since the node started; what was lost is copied anew",
                       s_number (scrub, "damaged"), s_plural (scrub, "damaged"));
        if (finished_ms && self->now_ms - finished_ms > SCRUB_OLD_MS)
            cli_found (self, CLI_WARNING, "disk", name, "filestore admin scrub, or a smaller scrub-time",
                       "all it holds was read last %" PRId64 " days ago", (self->now_ms - finished_ms) / 86400000);
    }
}

//  ------------------------------------------------------------------------------------------------
//  Copies

void
cli_doctor_copies (cli_doctor_t *self)
{
    char size [32];
    json_t *repair = json_object_get (self->status, "repair"), *nodes = json_object_get (self->status, "nodes");
    int64_t alive = s_number (nodes, "alive"), replicas = self->health? s_number (self->health, "replicas"): 0;
    if (json_is_true (json_object_get (self->status, "recovery")))
        cli_found (self, CLI_PROBLEM, "recovery", "metadata", "filestore admin recovery shows what does not fit; decide, then add --end",
                   "its database is not the one that nodes know; nothing is deleted until that is decided");
    if (alive < replicas)
        cli_found (self, CLI_PROBLEM, "copies", "cluster", "start or add storage nodes",
                   "%" PRId64 " node%s alive, and each file should have %" PRId64 " copies: nothing new can be stored", alive, alive == 1? " is": "s are", replicas);
    if (s_number (repair, "lost"))
        cli_found (self, CLI_PROBLEM, "copies", "cluster", "bring back a node that has them; filestore admin recovery lists the files",
                   "%" PRId64 " extent%s cannot be read: no node that is alive has a good copy", s_number (repair, "lost"), s_plural (repair, "lost"));
    if (s_number (self->status, "bytes_at_one_copy"))
        cli_found (self, CLI_PROBLEM, "copies", "cluster", "switch nothing off until it is 0; if it stays, add a node or make room (filestore status says why)",
                   "%s are at one copy: the next failure can cost them", fst_size_text (s_number (self->status, "bytes_at_one_copy"), size, sizeof (size)));
    else
    if (s_number (repair, "extents"))
        cli_found (self, CLI_WARNING, "copies", "cluster", "wait; filestore status says how far it is",
                   "with fewer copies than wanted: %" PRId64 " extent%s", s_number (repair, "extents"), s_plural (repair, "extents"));
    if (s_number (repair, "stuck_total"))
        cli_found (self, CLI_WARNING, "copies", "cluster", "filestore status says why; most often: add a node, or make room",
                   "%" PRId64 " extent%s cannot be copied at the moment", s_number (repair, "stuck_total"), s_plural (repair, "stuck_total"));
}

//  ------------------------------------------------------------------------------------------------
//  Backups

void
cli_doctor_backups (cli_doctor_t *self)
{
    int64_t backup_ms = s_number (self->health, "backup_ms");
    int64_t interval_ms = s_number (self->health, "snapshot_interval_ms"), files = s_number (self->status, "files");
    static const char action [] = "filestore admin backup, each night by a timer, and copy the files to another machine";
    if (files && !json_object_get (self->health, "backup_ms"))
        cli_found (self, CLI_WARNING, "backup", "metadata", action, "its databases were never backed up");
    else
    if (files && self->now_ms - backup_ms > BACKUP_OLD_MS)
        cli_found (self, CLI_WARNING, "backup", "metadata", action, "the newest backup of its databases is %" PRId64 " days old",
                   (self->now_ms - backup_ms) / 86400000);
    if (files && interval_ms == 0)
        cli_found (self, CLI_WARNING, "snapshot", "metadata", "set snapshot-interval to 10 min",
                   "nodes keep no snapshot of the namespace: without metadata.db nobody can tell which file is what");
    else
    if (!json_is_true (json_object_get (self->status, "recovery"))         //  None is made before that is decided
    &&  s_number (self->health, "snapshot_behind_ms") > 3 * interval_ms + SNAPSHOT_SLACK_MS)
        cli_found (self, CLI_WARNING, "snapshot", "metadata", "look at its log: is there room beside metadata.db?",
                   "the snapshot of the namespace that nodes keep is older than it should be");
}
