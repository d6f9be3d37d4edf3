//  Events on the simulated network: they may be lost, come twice, late, and in another order.

#include "sim_world.h"
#include <assert.h>

#define LATE_MS 15000

typedef struct {
    int from, to;
    unsigned life;
    char topic [256];
    json_t *body;
} s_published_t;

static void
s_event_free (s_published_t *event)
{
    json_decref (event->body);
    free (event);
}

static void
s_event_came (sim_t *sim, void *arg)
{
    s_published_t *event = arg;
    sim_part_t *part = &sim->parts [event->to];
    if (part->up && part->subscribed_ms <= sim->now_ms && !sim_is_cut (SIM_BROKER, event->to)) {
        sim_note (sim, event->topic, (uint64_t) event->to, 0);
        sim_actor_event (part, event->topic, event->body);
    }
    s_event_free (event);
}

static void
s_forward (sim_t *sim, const s_published_t *event, int to)
{
    s_published_t *copy = malloc (sizeof (*copy));
    assert (copy);
    *copy = *event;
    copy->to = to;
    json_incref (copy->body);
    int64_t late_ms = (int) sim_luck (sim, 100) < sim->options.late_percent? (int64_t) sim_luck (sim, LATE_MS): 0;
    sim_at (sim, sim->now_ms + sim_delay () + late_ms, s_event_came, copy);
}

static void
s_event_at_broker (sim_t *sim, void *arg)
{
    s_published_t *event = arg;
    const sim_part_t *from = &sim->parts [event->from];
    bool arrives = sim->parts [SIM_BROKER].up && !sim_is_cut (event->from, SIM_BROKER) && from->life == event->life;
    for (int index = SIM_METADATA; arrives && index < SIM_CLIENT (1); index++) {
        if (!sim->parts [index].actor || (int) sim_luck (sim, 100) < sim->options.lost_percent)
            continue;
        s_forward (sim, event, index);
        if ((int) sim_luck (sim, 100) < sim->options.again_percent)
            s_forward (sim, event, index);
    }
    s_event_free (event);
}

//  Journal events are told in the trace: "metadata: node silent node=node-2".
static void
s_trace_event (sim_t *sim, const sim_part_t *from, const char *topic, json_t *body)
{
    static const char *const fields [] = { "node", "path", "to", "detail" };
    char line [800];
    const char *dot = strchr (topic, '.');
    if (from->index != SIM_METADATA || !dot || strncmp (topic, "metadata", 8) == 0)
        return;
    size_t used = (size_t) snprintf (line, sizeof (line), "%.*s %s", (int) (dot - topic), topic, dot + 1);
    for (size_t at = 0; at < sizeof (fields) / sizeof (fields [0]); at++) {
        const char *value = json_string_value (json_object_get (body, fields [at]));
        if (value && used < sizeof (line))
            used += (size_t) snprintf (line + used, sizeof (line) - used, " %s=%s", fields [at], value);
    }
    sim_say (sim, "%s: %s", from->name, line);
}

void
sim_net_publish (sim_part_t *from, const char *topic, json_t *body)
{
    s_trace_event (sim_world, from, topic, body);
    zhashx_update (sim_world->last_events, topic, json_incref (body));
    s_published_t *event = calloc (1, sizeof (*event));
    assert (event && strlen (topic) < sizeof (event->topic));
    event->from = from->index;
    event->life = from->life;
    strcpy (event->topic, topic);
    event->body = body;
    if (from->subscribed_ms <= sim_world->now_ms || sim_is_cut (SIM_BROKER, from->index))
        sim_at (sim_world, sim_world->now_ms + sim_delay (), s_event_at_broker, event);
    else
        s_event_free (event);           //  It has no connection yet
}

void
sim_publish (sim_t *self, int part, const char *topic, json_t *body)
{
    sim_net_publish (&self->parts [part], topic, body);
}

json_t *
sim_last_event (sim_t *self, const char *topic)
{
    return zhashx_lookup (self->last_events, topic);
}

void
sim_set_events (sim_t *self, int lost_percent, int again_percent, int late_percent)
{
    self->options.lost_percent = lost_percent;
    self->options.again_percent = again_percent;
    self->options.late_percent = late_percent;
}
