//  Who may offer which service, and publish which topic.

#include "fst_roles.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

//  Topics of the store itself, and whose they are.
static const struct { const char *owner, *topic; } s_topics [] = {
    { "metadata", "file" },
    { "metadata", "node" },
    { "metadata", "metadata" },
    { "auth",     "revoked" },
    { "storage",  "heartbeat" },
};

static const char *
s_after (const char *text, const char *prefix)
{
    size_t bytes = strlen (prefix);
    return strncmp (text, prefix, bytes) == 0? text + bytes: NULL;
}

bool
fst_roles_may_offer (const char *user_id, const char *service)
{
    assert (user_id && service);
    if (!*user_id)
        return true;
    const char *name = s_after (user_id, "actor:");
    if (name)
        return *name && strcmp (name, service) == 0;

    //  "storage.node-1" is offered by "storage:node-1"
    size_t head = strcspn (service, ".");
    if (strlen (user_id) != strlen (service) || memcmp (user_id, service, head) != 0)
        return false;
    if (!service [head])
        return !strchr (service, ':');
    return user_id [head] == ':' && strcmp (user_id + head + 1, service + head + 1) == 0;
}

//  The part of a topic before its first dot is exactly name.
static bool
s_topic_is (const char *topic, size_t bytes, const char *name)
{
    const char *dot = memchr (topic, '.', bytes);
    size_t head = dot? (size_t) (dot - topic): bytes;
    return head == strlen (name) && memcmp (topic, name, head) == 0;
}

bool
fst_roles_may_publish (const char *user_id, const char *topic, size_t bytes)
{
    assert (user_id && topic);
    if (!*user_id)
        return true;
    //  Who offers a service tells what it did
    if (s_topic_is (topic, bytes, "metrics")) {
        char service [256];
        snprintf (service, sizeof (service), "%.*s", (int) bytes, topic);
        return service [strcspn (service, ".")] && fst_roles_may_offer (user_id, strchr (service, '.') + 1);
    }
    const char *node = s_after (user_id, "storage:");
    const char *actor = s_after (user_id, "actor:");
    for (size_t row = 0; row < sizeof (s_topics) / sizeof (s_topics [0]); row++) {
        if (!s_topic_is (topic, bytes, s_topics [row].topic))
            continue;
        if (strcmp (s_topics [row].owner, "storage") != 0)
            return strcmp (user_id, s_topics [row].owner) == 0;
        size_t head = strlen (s_topics [row].topic) + 1;
        return node && bytes == head + strlen (node) && memcmp (topic + head, node, bytes - head) == 0;
    }
    return actor && s_topic_is (topic, bytes, actor);
}
