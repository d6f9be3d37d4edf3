//  What an actor can do, told from its tables: DESCRIBE.

#include "fst_actor_self.h"
#include <assert.h>
#include "fst_clock.h"

static const char *
s_need_text (fst_need_t need)
{
    static const char *const names [] = {
        [FST_NEED_NOTHING] = "nothing", [FST_NEED_USER] = "user", [FST_NEED_SESSION] = "session",
        [FST_NEED_ADMIN] = "admin", [FST_NEED_ACTOR] = "actor",
        [FST_NEED_KNOWN] = "known", [FST_NEED_CAPABILITY] = "capability"
    };
    return names [need];
}

json_t *
fst_actor_describe (const fst_actor_t *self)
{
    json_t *commands = json_array (), *topics = json_array ();
    for (int row = 0; self->class.commands && self->class.commands [row].name; row++) {
        json_t *command = json_loads (self->schemas [row]->text, 0, NULL);
        assert (command);
        json_object_set_new (command, "needs", json_string (s_need_text (self->class.commands [row].need)));
        json_array_append_new (commands, command);
    }
    for (const fst_topic_t *row = self->class.topics; row && row->topic; row++)
        json_array_append_new (topics, json_string (row->topic));
    for (const fst_durable_t *row = self->class.events; row && row->topic; row++)
        json_array_append_new (topics, json_string (row->topic));
    return json_pack ("{s:I, s:s, s:s, s:o, s:o}", "now_ms", (json_int_t) fst_clock_wall_ms (), "title", self->class.title? self->class.title: self->options.service,
                      "version", self->class.version? self->class.version: FST_VERSION, "commands", commands,
                      "topics", topics);
}
