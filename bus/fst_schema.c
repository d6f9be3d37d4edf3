//  Walks a JSON value and a schema side by side.
//
//  Schemas never refer to themselves, so the depth is that of the schema, whatever a peer sends. The text
//  that says where a value is wrong is made only when one is; it never holds a value, which may be secret.

#include "fst_schema_table.h"
#include "fst_log.h"
#include "fst_text.h"
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//  Where we are: a step from the value above. Lives on the stack of the walk.
typedef struct s_step {
    const struct s_step *up;
    const char *name;           //  Of a property; NULL for an entry of an array
    size_t index;               //  Of the entry
} s_step_t;

typedef struct {
    char *text;                 //  For people; may be NULL
    size_t size;
} s_where_t;

//  ------------------------------------------------------------------------------------------------
//  Refusals

static void
s_append (s_where_t *where, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static void
s_append (s_where_t *where, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    int length = vsnprintf (where->text, where->size, format, args);
    va_end (args);
    if (length < 0)
        return;
    size_t used = (size_t) length < where->size? (size_t) length: where->size - 1;
    where->text += used;
    where->size -= used;
}

static void
s_append_steps (s_where_t *where, const s_step_t *at)
{
    if (at->up)
        s_append_steps (where, at->up);
    char quoted [FST_NAME_BYTES_MAX];
    if (at->name)
        s_append (where, "%s%s", at->up? ".": "", fst_log_quote (at->name, quoted, sizeof (quoted)));
    else
        s_append (where, "[%zu]", at->index);
}

static fst_rc_t
s_refuse (s_where_t *where, const s_step_t *at, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

static fst_rc_t
s_refuse (s_where_t *where, const s_step_t *at, const char *format, ...)
{
    if (where->text && where->size > 0) {
        char reason [256];
        va_list args;
        va_start (args, format);
        vsnprintf (reason, sizeof (reason), format, args);
        va_end (args);
        s_append_steps (where, at);
        s_append (where, ": %s", reason);
    }
    return FST_MALFORMED;
}

//  ------------------------------------------------------------------------------------------------
//  One type each

static fst_rc_t
s_check (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where);

static fst_rc_t
s_check_integer (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    json_int_t number = json_integer_value (value);
    if (number >= self->min && number <= self->max)
        return FST_OK;
    if (self->min == self->max)
        return s_refuse (where, at, "must be %" PRId64, self->min);
    if (number < self->min)
        return s_refuse (where, at, "must be at least %" PRId64, self->min);
    return s_refuse (where, at, "must be at most %" PRId64, self->max);
}

//  Characters of a string, entries of an array.
static fst_rc_t
s_check_count (const fst_schema_t *self, int64_t count, const char *one, const char *many, const s_step_t *at,
               s_where_t *where)
{
    if (count < self->min)
        return s_refuse (where, at, "must have at least %" PRId64 " %s", self->min, self->min == 1? one: many);
    if (count > self->max)
        return s_refuse (where, at, "must have at most %" PRId64 " %s", self->max, self->max == 1? one: many);
    return FST_OK;
}

static fst_rc_t
s_check_format (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    const char *text = json_string_value (value);
    bool whole = strlen (text) == json_string_length (value);
    switch (self->format) {
    case FST_FORMAT_NONE:
        return FST_OK;
    case FST_FORMAT_PATH:
        return whole && fst_path_acceptable (text)? FST_OK
             : s_refuse (where, at, "is no path (parts of 1 to %d octets, no \".\" or \"..\", %d octets and %d levels)",
                         FST_NAME_BYTES_MAX, FST_PATH_BYTES_MAX, FST_PATH_LEVELS_MAX);
    case FST_FORMAT_USER:
        return whole && fst_user_name_valid (text)? FST_OK
             : s_refuse (where, at, "is no user name (a-z 0-9 . _ -, first a letter or digit)");
    case FST_FORMAT_NODE:
        return whole && fst_node_name_valid (text)? FST_OK
             : s_refuse (where, at, "is no node name (a-z 0-9 . _ -, first a letter or digit)");
    case FST_FORMAT_HEX:
        return whole && fst_hex_valid (text)? FST_OK
             : s_refuse (where, at, "must be octets in lower-case hex digits");
    case FST_FORMAT_BASE64:
        return whole && fst_base64_valid (text)? FST_OK
             : s_refuse (where, at, "must be octets in base64, URL alphabet without padding");
    }
    assert (false);             //  A format that the generator knows and we do not
    return FST_INTERNAL;
}

static fst_rc_t
s_check_values (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    for (const char *const *allowed = self->values; *allowed; allowed++)
        if (strcmp (*allowed, json_string_value (value)) == 0 && strlen (*allowed) == json_string_length (value))
            return FST_OK;
    char list [200] = "";
    s_where_t rest = { list, sizeof (list) };
    for (const char *const *allowed = self->values; *allowed; allowed++)
        s_append (&rest, "%s%s", allowed == self->values? "": ", ", *allowed);
    return s_refuse (where, at, "must be one of: %s", list);
}

static fst_rc_t
s_check_string (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    if (self->values)
        return s_check_values (self, value, at, where);

    //  Characters are code points, as JSON Schema counts them
    const char *text = json_string_value (value);
    size_t bytes = json_string_length (value);
    int64_t characters = 0;
    for (size_t octet = 0; octet < bytes; octet++)
        characters += ((unsigned char) text [octet] & 0xc0) != 0x80;
    fst_rc_t rc = s_check_count (self, characters, "character", "characters", at, where);
    return rc == FST_OK? s_check_format (self, value, at, where): rc;
}

static fst_rc_t
s_check_array (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    size_t count = json_array_size (value);
    fst_rc_t rc = s_check_count (self, (int64_t) count, "entry", "entries", at, where);
    for (size_t index = 0; rc == FST_OK && index < count; index++) {
        s_step_t entry = { .up = at, .index = index };
        rc = s_check (self->items, json_array_get (value, index), &entry, where);
    }
    return rc;
}

static size_t
s_find_property (const fst_schema_t *self, const char *name)
{
    size_t low = 0, high = self->properties_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp (name, self->properties [middle].name);
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}

static fst_rc_t
s_check_object (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    if (!self->properties)
        return FST_OK;
    uint64_t seen = 0;
    json_t *object = (json_t *) value;      //  The iterator's type wants it; nothing is changed
    for (void *iter = json_object_iter (object); iter; iter = json_object_iter_next (object, iter)) {
        s_step_t step = { .up = at, .name = json_object_iter_key (iter) };
        size_t property = s_find_property (self, step.name);
        if (property == SIZE_MAX)
            return s_refuse (where, &step, "is not known here");
        seen |= UINT64_C (1) << property;
        fst_rc_t rc = s_check (self->properties [property].schema, json_object_iter_value (iter), &step, where);
        if (rc != FST_OK)
            return rc;
    }
    uint64_t missing = self->required & ~seen;
    if (missing) {
        s_step_t step = { .up = at, .name = self->properties [__builtin_ctzll (missing)].name };
        return s_refuse (where, &step, "is missing");
    }
    return FST_OK;
}

static fst_rc_t
s_check (const fst_schema_t *self, const json_t *value, const s_step_t *at, s_where_t *where)
{
    switch (self->type) {
    case FST_SCHEMA_OBJECT:
        return json_is_object (value)? s_check_object (self, value, at, where)
                                     : s_refuse (where, at, "must be an object");
    case FST_SCHEMA_ARRAY:
        return json_is_array (value)? s_check_array (self, value, at, where)
                                    : s_refuse (where, at, "must be an array");
    case FST_SCHEMA_STRING:
        return json_is_string (value)? s_check_string (self, value, at, where)
                                     : s_refuse (where, at, "must be a string");
    case FST_SCHEMA_INTEGER:
        return json_is_integer (value)? s_check_integer (self, value, at, where)
                                      : s_refuse (where, at, "must be an integer");
    case FST_SCHEMA_BOOLEAN:
        return json_is_boolean (value)? FST_OK: s_refuse (where, at, "must be true or false");
    }
    assert (false);             //  A type that the generator knows and we do not
    return FST_INTERNAL;
}

fst_rc_t
fst_schema_check (const fst_schema_t *self, const json_t *value, char *where, size_t size)
{
    assert (self);
    assert (value);
    s_where_t text = { where, size };
    s_step_t root = { .name = self->root? self->root: "value" };
    return s_check (self, value, &root, &text);
}

//  ------------------------------------------------------------------------------------------------
//  The tables

typedef struct {
    const char *service;        //  Up to the first dot
    size_t service_bytes;
    const char *command;
} s_key_t;

//  Compare octets with a string, as strcmp would if they were one.
static int
s_compare (const char *text, size_t bytes, const char *with)
{
    int order = strncmp (text, with, bytes);
    return order? order: with [bytes]? -1: 0;
}

static int
s_compare_command (const void *key, const void *row)
{
    const s_key_t *wanted = key;
    const fst_schema_command_t *command = row;
    int order = s_compare (wanted->service, wanted->service_bytes, command->service);
    return order? order: strcmp (wanted->command, command->command);
}

//  Sets that were added; a place is written before it counts.
static const fst_schema_set_t *s_sets [FST_SCHEMA_SETS_MAX];
static atomic_size_t s_sets_count;
static pthread_mutex_t s_sets_lock = PTHREAD_MUTEX_INITIALIZER;

void
fst_schema_add (const fst_schema_set_t *set)
{
    assert (set);
    pthread_mutex_lock (&s_sets_lock);
    size_t count = atomic_load (&s_sets_count), at = 0;
    while (at < count && s_sets [at] != set)
        at++;
    if (at == count) {
        assert (count < FST_SCHEMA_SETS_MAX);
        s_sets [count] = set;
        atomic_store (&s_sets_count, count + 1);
    }
    pthread_mutex_unlock (&s_sets_lock);
}

static const fst_schema_command_t *
s_search (const fst_schema_command_t *commands, size_t count, const s_key_t *key)
{
    return count? bsearch (key, commands, count, sizeof (fst_schema_command_t), s_compare_command): NULL;
}

const fst_schema_command_t *
fst_schema_find (const char *service, const char *command)
{
    assert (service && command);
    s_key_t key = { service, strcspn (service, "."), command }, every = { "every", strlen ("every"), command };
    const fst_schema_command_t *found = s_search (fst_schema_commands, fst_schema_commands_count, &key);
    size_t sets = atomic_load (&s_sets_count);
    for (size_t at = 0; !found && at < sets; at++)
        found = s_search (s_sets [at]->commands, s_sets [at]->commands_count, &key);
    return found? found: s_search (fst_schema_commands, fst_schema_commands_count, &every);
}

static const fst_schema_t *
s_find_body (const fst_schema_body_t *bodies, size_t count, const char *name)
{
    for (size_t at = 0; at < count; at++)
        if (s_compare (name, strcspn (name, "."), bodies [at].name) == 0)
            return bodies [at].schema;
    return NULL;
}

const fst_schema_t *
fst_schema_event (const char *topic)
{
    assert (topic);
    const fst_schema_t *found = s_find_body (fst_schema_events, fst_schema_events_count, topic);
    size_t sets = atomic_load (&s_sets_count);
    for (size_t at = 0; !found && at < sets; at++)
        found = s_find_body (s_sets [at]->events, s_sets [at]->events_count, topic);
    return found;
}

const fst_schema_t *
fst_schema_envelope_request (void)
{
    const fst_schema_t *schema = s_find_body (fst_schema_envelopes, fst_schema_envelopes_count, "REQUEST");
    assert (schema);
    return schema;
}

const fst_schema_t *
fst_schema_envelope_reply (void)
{
    const fst_schema_t *schema = s_find_body (fst_schema_envelopes, fst_schema_envelopes_count, "REPLY");
    assert (schema);
    return schema;
}
