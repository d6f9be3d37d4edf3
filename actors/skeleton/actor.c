//  @NAME@: greets, and counts what happens to files. Begin here.

#include <fst_log.h>
#include <fst_main.h>

extern const fst_schema_set_t @ID@_schemas;

typedef struct {
    int64_t events;                 //  Handled since the start
} self_t;

//  HELLO {name} -> {greeting, events}
static void
s_hello (void *arg, fst_request_t **request_p)
{
    self_t *self = arg;
    const char *name = json_string_value (json_object_get (fst_request_payload (*request_p), "name"));
    fst_request_reply (request_p, json_pack ("{s:o, s:I}", "greeting", json_sprintf ("Hello, %s", name),
                                             "events", (json_int_t) self->events));
}

//  A file that this actor may read came, changed, moved or went. None is missed: what happens while it is down comes
//  at its next start, behind what it has handled (fst_actor.h).
static void
s_file (void *arg, fst_event_t **event_p)
{
    self_t *self = arg;
    self->events++;
    fst_log_debug ("handled topic=%s sequence=%lld", fst_event_topic (*event_p),
                   (long long) json_integer_value (json_object_get (fst_event_body (*event_p), "sequence")));
}

static const fst_command_t s_commands [] = {
    //  name        who may call        handler
    { "HELLO",      FST_NEED_KNOWN,     s_hello },
    { NULL }
};

static const fst_durable_t s_events [] = {
    { "file",       s_file },
    { NULL }
};

int
main (int argc, char **argv)
{
    static self_t self;
    static const fst_actor_class_t class = {
        .title = "Greets, and counts what happens to files", .version = "0.1.0",
        .schemas = &@ID@_schemas, .commands = s_commands, .events = s_events
    };
    return fst_actor_main (argc, argv, &class, &self);
}
