//  Who is on the bus.

#include "fst_broker_service.h"
#include <assert.h>
#include <string.h>
#include "fst_clock.h"

#define LANES 2

struct fst_broker_service {
    fst_router_t *router;           //  Borrowed, as tap and lock
    fst_tap_t *tap;
    pthread_mutex_t *lock;
    fst_actor_t *actor;
    int64_t started_ms;             //  Wall time
};

//  ---- LIST_SERVICES

typedef struct {
    json_t *rows;
    int64_t behind_ms;              //  What makes wall time of the router's
} s_list_t;

static void
s_add_service (void *arg, const fst_router_service_t *service)
{
    s_list_t *list = arg;
    json_array_append_new (list->rows, json_pack ("{s:s, s:I, s:I, s:I, s:I}", "name", service->name,
        "workers", (json_int_t) service->workers, "idle", (json_int_t) service->idle,
        "waiting", (json_int_t) service->waiting,
        "since_ms", (json_int_t) (service->workers? service->since_ms + list->behind_ms: 0)));
}

static int
s_compare (const void *one, const void *two)
{
    json_t *const *a = one, *const *b = two;
    return strcmp (json_string_value (json_object_get (*a, "name")), json_string_value (json_object_get (*b, "name")));
}

static json_t *
s_sorted (json_t *rows)
{
    size_t count = json_array_size (rows);
    json_t **places = calloc (count + 1, sizeof (*places));
    assert (places);
    for (size_t at = 0; at < count; at++)
        places [at] = json_array_get (rows, at);
    qsort (places, count, sizeof (*places), s_compare);
    json_t *sorted = json_array ();
    for (size_t at = 0; at < count; at++)
        json_array_append (sorted, places [at]);
    free (places);
    json_decref (rows);
    return sorted;
}

static void
s_list_services (void *arg, fst_request_t **request_p)
{
    fst_broker_service_t *self = arg;
    s_list_t list = { json_array (), fst_clock_wall_ms () - fst_clock_mono_ms () };
    pthread_mutex_lock (self->lock);
    fst_router_list (self->router, s_add_service, &list);
    pthread_mutex_unlock (self->lock);
    fst_request_reply (request_p, json_pack ("{s:o}", "services", s_sorted (list.rows)));
}

//  ---- COUNTS

static void
s_add_counts (void *arg, const fst_router_service_t *service, const fst_tally_row_t *row)
{
    static const char *const names [FST_TALLY_RESULTS] = {
        [FST_TALLY_REPLIED] = "replied", [FST_TALLY_LOST] = "lost", [FST_TALLY_TIMEOUT] = "timeout",
        [FST_TALLY_UNAVAILABLE] = "unavailable", [FST_TALLY_BUSY] = "busy", [FST_TALLY_TOO_LARGE] = "too_large"
    };
    json_t *results = json_object ();
    for (size_t at = 0; at < FST_TALLY_RESULTS; at++)
        json_object_set_new (results, names [at], json_integer ((json_int_t) row->results [at]));
    json_array_append_new (arg, json_pack ("{s:s, s:I, s:I, s:o, s:o, s:I, s:I}", "name", service->name,
        "workers", (json_int_t) service->workers, "waiting", (json_int_t) service->waiting, "results", results,
        "buckets", fst_histogram_json (&row->worked), "worked_us", (json_int_t) row->worked.total_us,
        "waited_us", (json_int_t) row->waited_us));
}

static void
s_counts (void *arg, fst_request_t **request_p)
{
    fst_broker_service_t *self = arg;
    json_t *rows = json_array ();
    pthread_mutex_lock (self->lock);
    fst_router_counted (self->router, s_add_counts, rows);
    pthread_mutex_unlock (self->lock);
    fst_request_reply (request_p, json_pack ("{s:o}", "services", s_sorted (rows)));
}

//  ---- STATUS

static fst_router_counts_t
s_totals (fst_broker_service_t *self)
{
    pthread_mutex_lock (self->lock);
    fst_router_counts_t counts = fst_router_counts (self->router);
    pthread_mutex_unlock (self->lock);
    return counts;
}

static void
s_status (void *arg, fst_request_t **request_p)
{
    fst_broker_service_t *self = arg;
    fst_router_counts_t counts = s_totals (self);
    fst_request_reply (request_p, json_pack ("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "version", FST_VERSION,
        "started_ms", (json_int_t) self->started_ms, "services", (json_int_t) counts.services,
        "workers", (json_int_t) counts.workers, "waiting", (json_int_t) counts.waiting,
        "waiting_bytes", (json_int_t) counts.waiting_bytes, "requests", (json_int_t) counts.requests,
        "replies", (json_int_t) counts.replies, "refused", (json_int_t) counts.refused));
}

//  ---- TAP

static void
s_tap (void *arg, fst_request_t **request_p)
{
    fst_broker_service_t *self = arg;
    json_t *payload = fst_request_payload (*request_p), *since = json_object_get (payload, "since");
    pthread_mutex_lock (self->lock);
    json_t *reply = fst_tap_look (self->tap, json_string_value (json_object_get (payload, "filter")),
                                  since? json_integer_value (since): -1);
    pthread_mutex_unlock (self->lock);
    fst_request_reply (request_p, reply);
}

//  ---- The actor

static const fst_command_t s_commands [] = {
    //  name             needs              handler
    { "LIST_SERVICES",   FST_NEED_KNOWN,    s_list_services },
    { "COUNTS",          FST_NEED_KNOWN,    s_counts },
    { "STATUS",          FST_NEED_KNOWN,    s_status },
    { "TAP",             FST_NEED_ADMIN,    s_tap },
    { NULL }
};

static void
s_metrics (void *arg, fst_figures_t *figures)
{
    fst_router_counts_t counts = s_totals (arg);
    fst_actor_figure (figures, "services", "Services that are offered or waited for", (int64_t) counts.services);
    fst_actor_figure (figures, "workers", "Requests that all services can have under way at once", (int64_t) counts.workers);
    fst_actor_figure (figures, "waiting", "Requests that no worker has taken yet", (int64_t) counts.waiting);
    fst_actor_figure (figures, "waiting_bytes", "Octets of those", (int64_t) counts.waiting_bytes);
    fst_actor_figure (figures, "requests_total", "Requests taken from callers", (int64_t) counts.requests);
    fst_actor_figure (figures, "replies_total", "Replies of services", (int64_t) counts.replies);
    fst_actor_figure (figures, "refused_total", "Requests that the broker had to answer itself", (int64_t) counts.refused);
}

fst_rc_t
fst_broker_service_new (fst_router_t *router, fst_tap_t *tap, pthread_mutex_t *lock, const fst_actor_options_t *bus,
                        fst_broker_service_t **self_p, char **problem_p)
{
    static const fst_actor_class_t class = {
        .title = "The bus: who is on it, and what passes", .commands = s_commands, .metrics = s_metrics
    };
    assert (router && tap && lock && bus);
    assert (self_p && problem_p);
    fst_broker_service_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->router = router;
    self->tap = tap;
    self->lock = lock;
    self->started_ms = fst_clock_wall_ms ();
    fst_actor_options_t options = *bus;
    options.service = "broker";
    options.lanes = LANES;
    fst_rc_t rc = fst_actor_new (&class, &options, self, &self->actor, problem_p);
    if (rc == FST_OK)
        *self_p = self;
    else
        fst_broker_service_destroy (&self);
    return rc;
}

void
fst_broker_service_destroy (fst_broker_service_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        fst_actor_destroy (&(*self_p)->actor);
        free (*self_p);
        *self_p = NULL;
    }
}
