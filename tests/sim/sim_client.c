//  What clients say to services: calls over the broker, names, figures.

#include "sim_world.h"
#include <assert.h>

//  ---- Calls over the broker

typedef struct {
    bool over;
    fst_rc_t rc;
    json_t *reply;
} s_result_t;

static void
s_finished (void *arg, fst_rc_t rc, json_t *reply, zmsg_t **frames_p)
{
    (void) frames_p;
    s_result_t *result = arg;
    result->rc = rc;
    result->reply = json_incref (reply);
    result->over = true;
}

fst_rc_t
sim_call (sim_t *self, int client, const char *service, const char *command, json_t *payload, json_t **reply_p)
{
    s_result_t result = { .over = false };
    sim_part_t *part = &self->parts [client];
    sim_net_call (part, service, command, part->token, payload? payload: json_object (), s_finished, &result);
    sim_wait (self, &result.over);
    if (reply_p && result.rc == FST_OK)
        *reply_p = result.reply;
    else
        json_decref (result.reply);
    return result.rc;
}

//  ---- Names

bool
sim_result_is_certain (fst_rc_t rc)
{
    return rc != FST_TIMEOUT && rc != FST_UNREACHABLE && rc != FST_UNAVAILABLE && rc != FST_INTERRUPTED
        && rc != FST_IO && rc != FST_BUSY;
}

static fst_rc_t
s_change (sim_t *self, int client, uint64_t change, const char *command, json_t *payload)
{
    fst_rc_t rc = sim_call (self, client, "metadata", command, payload, NULL);
    if (rc == FST_OK)
        sim_checker_done (self->checker, change);
    else
    if (sim_result_is_certain (rc))
        sim_checker_refused (self->checker, change);
    return rc;
}

fst_rc_t
sim_delete (sim_t *self, int client, const char *path)
{
    uint64_t change = sim_checker_begin (self->checker, client, path, -1);
    fst_rc_t rc = s_change (self, client, change, "DELETE_FILE", json_pack ("{s:s, s:b}", "path", path, "forever", 1));
    sim_say (self, "%s: delete %s %s", self->parts [client].name, path, fst_error_code (rc));
    return rc;
}

fst_rc_t
sim_move (sim_t *self, int client, const char *from, const char *to)
{
    uint64_t change = sim_checker_begin_move (self->checker, client, from, to);
    fst_rc_t rc = s_change (self, client, change, "MOVE", json_pack ("{s:s, s:s, s:b}", "from", from, "to", to,
                                                                     "replace", 1));
    sim_say (self, "%s: move %s %s %s", self->parts [client].name, from, to, fst_error_code (rc));
    return rc;
}

//  Over what is there, as a new version of it.
fst_rc_t
sim_copy (sim_t *self, int client, const char *from, const char *to)
{
    uint64_t change = sim_checker_begin_copy (self->checker, client, from, to);
    fst_rc_t rc = s_change (self, client, change, "COPY", json_pack ("{s:s, s:s, s:b}", "from", from, "to", to, "replace", 1));
    sim_say (self, "%s: copy %s %s %s", self->parts [client].name, from, to, fst_error_code (rc));
    return rc;
}

fst_rc_t
sim_delete_and_restore (sim_t *self, int client, const char *path)
{
    uint64_t back = sim_checker_begin_copy (self->checker, client, path, path);
    uint64_t change = sim_checker_begin (self->checker, client, path, -1);
    json_t *reply = NULL;
    fst_rc_t rc = sim_call (self, client, "metadata", "DELETE_FILE", json_pack ("{s:s}", "path", path), &reply);
    if (rc == FST_OK)
        sim_checker_done (self->checker, change);
    else
    if (sim_result_is_certain (rc))
        sim_checker_refused (self->checker, change);
    if (rc == FST_OK)
        rc = s_change (self, client, back, "RESTORE", json_pack ("{s:O, s:s}", "trash", json_object_get (reply, "trash"),
                                                                 "to", path));
    else
        sim_checker_refused (self->checker, back);
    json_decref (reply);
    sim_say (self, "%s: delete and restore %s %s", self->parts [client].name, path, fst_error_code (rc));
    return rc;
}

//  ---- Figures

json_t *
sim_status (sim_t *self)
{
    json_t *reply = NULL;
    return sim_call (self, SIM_CLIENT (1), "metadata", "STATUS", NULL, &reply) == FST_OK? reply: NULL;
}

int64_t
sim_figure (sim_t *self, const char *name)
{
    json_t *status = sim_status (self), *at = status;
    char part [64];
    while (at && *name) {
        size_t bytes = strcspn (name, ".");
        snprintf (part, sizeof (part), "%.*s", (int) bytes, name);
        at = json_is_array (at)? json_array_get (at, (size_t) atoi (part)): json_object_get (at, part);
        name += bytes + (name [bytes] == '.');
    }
    int64_t value = json_is_integer (at)? json_integer_value (at): -1;
    json_decref (status);
    return value;
}
