//  Rules of durable events in the actor loop, with the real broker and metadata.

#include <criterion/criterion.h>
#include <pthread.h>
#include <sodium.h>
#include "fst_actor.h"
#include "fst_clock.h"
#include "fst_pool.h"
#include "fst_token.h"
#include "metadata_world.h"

static world_t w;

//  ---- An actor that writes down what it was told

typedef struct {
    fst_actor_t *actor;
    fst_pool_t *pool;               //  Events are done by its thread
    fst_event_t *event;             //  That it has
    int fail;                       //  So many tries
    int64_t since;                  //  -1: the cursor
    const char *path;               //  NULL: everywhere
    pthread_mutex_t lock;           //  For the rest
    char told [64 * 1024];          //  Last parts of paths, "!" for a gap, "?" for a try that failed
    int out;                        //  Events that it has
} s_listener_t;

static s_listener_t s_listener;
static fst_keys_t s_keys;

static void
s_tell (s_listener_t *self, const char *name)
{
    pthread_mutex_lock (&self->lock);
    strcat (strcat (self->told, name), " ");
    pthread_mutex_unlock (&self->lock);
}

static void
s_work (void *arg)
{
    s_listener_t *self = arg;
    zclock_sleep (1);            //  As if it were work
    cr_expect_eq (__atomic_sub_fetch (&self->out, 1, __ATOMIC_SEQ_CST), 0, "one at a time");
}

static void
s_worked (void *arg)
{
    s_listener_t *self = arg;
    const char *path = json_string_value (json_object_get (fst_event_body (self->event), "path"));
    s_tell (self, strcmp (fst_event_topic (self->event), "gap") == 0? "!": strrchr (path, '/') + 1);
    fst_event_done (&self->event);
}

static void
s_event (void *arg, fst_event_t **event_p)
{
    s_listener_t *self = arg;
    if (self->fail && self->fail--) {
        s_tell (self, "?");
        fst_event_fail (event_p, "it shall be so");
        return;
    }
    self->event = *event_p;
    *event_p = NULL;                //  Later
    __atomic_add_fetch (&self->out, 1, __ATOMIC_SEQ_CST);
    fst_rc_t rc = fst_pool_submit (self->pool, s_work, s_worked, self);
    cr_assert_eq (rc, FST_OK);
}

static void
s_done_at_once (void *arg, fst_event_t **event_p)
{
    s_tell (arg, strrchr (json_string_value (json_object_get (fst_event_body (*event_p), "path")), '/') + 1);
}

static void
s_question (void *arg, json_t *question)
{
    s_listener_t *self = arg;
    if (self->path)
        json_object_set_new (question, "path", json_string (self->path));
    if (self->since >= 0) {
        json_object_del (question, "cursor");
        json_object_set_new (question, "since", json_integer (self->since));
    }
}

static void
s_collect (void *arg)
{
    fst_pool_collect (((s_listener_t *) arg)->pool);
}

static fst_rc_t
s_start (void *arg, fst_actor_t *actor, char **problem_p)
{
    (void) problem_p;
    s_listener_t *self = arg;
    self->actor = actor;
    self->pool = fst_pool_new ("events", 1, 4);
    fst_actor_add_fd (actor, fst_pool_fd (self->pool), s_collect, self);
    return FST_OK;
}

static void
s_stop (void *arg)
{
    fst_pool_destroy (&((s_listener_t *) arg)->pool);       //  The event that is out is done
}

static const fst_durable_t s_events [] = { { "file.folder", s_done_at_once }, { "file", s_event }, { NULL } };

static const fst_actor_class_t s_class = {
    .events = s_events, .gap = s_event, .question = s_question, .start = s_start, .stop = s_stop
};

static void
s_begin (void)
{
    char *problem = NULL;
    fst_actor_options_t options = world_bus (&w, &s_keys);
    options.service = "listener";
    s_listener.told [0] = 0;
    fst_rc_t rc = fst_actor_new (&s_class, &options, &s_listener, &s_listener.actor, &problem);
    cr_assert_eq (rc, FST_OK, "%s", problem);
}

static void
s_end (void)
{
    fst_actor_destroy (&s_listener.actor);
}

static bool
s_was_told (const char *expected)
{
    pthread_mutex_lock (&s_listener.lock);
    bool same = strcmp (s_listener.told, expected) == 0;
    pthread_mutex_unlock (&s_listener.lock);
    return same;
}

//  The ends of what is long
static const char *
s_ending (const char *text)
{
    return strlen (text) < 100? text: text + strlen (text) - 100;
}

#define EXPECT_TOLD(expected) cr_expect (WORLD_AWAIT (s_was_told (expected)), "not \"%s\" but \"%s\"", \
                                         s_ending (expected), s_ending (s_listener.told))

//  ---- What happens

static void
s_make (const char *name)
{
    cr_assert_eq (world_call (w.alice, "MAKE_FOLDER", json_pack ("{s:s}", "path", name), NULL), FST_OK);
}

static void
s_remove (const char *name)
{
    cr_assert_eq (world_call (w.alice, "DELETE_FILE", json_pack ("{s:s}", "path", name), NULL), FST_OK);
}

static void
s_setup (void)
{
    static fst_claims_t claims = { .name = "actor:listener", .role = FST_ROLE_ACTOR, .scoped = true };
    world_new (&w);
    world_start (&w);
    claims.expires_ms = fst_clock_wall_ms () + 3600000;
    world_check (fst_scopes_add (claims.scopes, false, "/users/alice"), "scope");
    s_keys = *w.metadata_keys;
    strcpy (s_keys.name, claims.name);
    s_keys.token = fst_token_sign (&claims, w.auth_keys->sign_secret);
    s_listener = (s_listener_t) { .since = -1, .lock = PTHREAD_MUTEX_INITIALIZER };
}

static void
s_teardown (void)
{
    s_end ();
    free (s_keys.token);
    world_destroy (&w);
}

TestSuite (actor_events, .init = s_setup, .fini = s_teardown, .timeout = 240);

Test (actor_events, come_in_order_each_once_page_after_page)
{
    static char expected [sizeof (s_listener.told)] = "alice ";
    char name [32];
    for (int at = 0; at < 800; at++) {
        snprintf (name, sizeof (name), "f%d", at);
        s_make (name);
        strcat (strcat (expected, name), " ");
        if (at == 600)
            s_begin ();
    }
    EXPECT_TOLD (expected);
    s_remove ("f1");
    s_make ("f1");
    strcat (expected, "f1 f1 ");
    EXPECT_TOLD (expected);
}

Test (actor_events, go_on_where_the_actor_was_ended)
{
    s_make ("a");
    s_begin ();
    EXPECT_TOLD ("alice a ");
    s_end ();
    s_make ("b");
    s_remove ("a");
    s_begin ();
    EXPECT_TOLD ("b a ");
    s_end ();
    world_restart (&w);
    s_begin ();
    s_make ("c");
    EXPECT_TOLD ("c ");
}

Test (actor_events, that_failed_are_tried_again_and_what_is_behind_waits)
{
    s_listener.fail = 2;
    s_begin ();
    s_make ("a");
    s_remove ("a");
    s_make ("b");
    EXPECT_TOLD ("alice a ? ? a b ");
    s_remove ("b");
    s_make ("c");
    EXPECT_TOLD ("alice a ? ? a b b c ");
}

Test (actor_events, wait_for_a_broker_that_went_away)
{
    s_begin ();
    s_make ("a");
    EXPECT_TOLD ("alice a ");
    bus_stop (&w.bus);
    zclock_sleep (100);
    bus_start (&w.bus);
    s_make ("b");
    EXPECT_TOLD ("alice a b ");
    bus_stop (&w.bus);
    s_end ();                       //  In the midst of that
    bus_start (&w.bus);
    s_make ("c");
    s_begin ();
    cr_expect (WORLD_AWAIT (strstr (s_listener.told, "c ")));
}

Test (actor_events, that_are_kept_no_more_are_a_gap)
{
    char filename [256], *problem = NULL;
    bool more = true;
    fst_catalog_t *catalog = NULL;
    s_begin ();
    EXPECT_TOLD ("");
    s_make ("a");
    EXPECT_TOLD ("alice a ");
    s_end ();
    s_make ("b");
    s_make ("c");
    fst_metadata_destroy (&w.metadata);
    snprintf (filename, sizeof (filename), "%s/metadata.db", w.bus.folder);
    world_check (fst_catalog_open (filename, &catalog, &problem), problem);
    while (more)
        world_check (fst_catalog_trim (catalog, 0, 0, 1, &more), "trim");
    fst_catalog_destroy (&catalog);
    world_start (&w);
    s_listener.fail = 1;
    s_begin ();
    EXPECT_TOLD ("? ! c ");
    s_end ();
    s_begin ();
    s_make ("d");
    EXPECT_TOLD ("d ");
}

Test (actor_events, are_asked_for_as_the_actor_says)
{
    s_listener.path = "/users/alice/here";
    s_listener.since = 0;
    s_make ("here");
    s_make ("there");
    s_make ("here/a");
    s_begin ();
    EXPECT_TOLD ("here a ");
    s_end ();
    s_begin ();
    EXPECT_TOLD ("here a ");
    s_end ();
    s_listener.since = 9007199254740991;        //  Nobody was there: a gap
    s_begin ();
    EXPECT_TOLD ("! ");
    s_make ("here/b");
    EXPECT_TOLD ("! b ");
}
