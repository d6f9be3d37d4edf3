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

//  A name is that of the group, or one in it: "thumbnail", "thumbnail.small".
static bool
s_is_in (const char *name, size_t bytes, const char *group, size_t group_bytes)
{
    return bytes >= group_bytes && memcmp (name, group, group_bytes) == 0 && (bytes == group_bytes || name [group_bytes] == '.');
}

//  An actor of one's own: what the words with this prefix in its User-Id say, or its own name if there are none.
static bool
s_actor_may (const char *actor, const char *prefix, const char *name, size_t bytes)
{
    bool said = false;
    const char *word = actor + strcspn (actor, " ");
    size_t actor_bytes = (size_t) (word - actor);
    while (*word) {
        const char *group = s_after (++word, prefix);
        word += strcspn (word, " ");
        if (group && s_is_in (name, bytes, group, (size_t) (word - group)))
            return true;
        said |= group != NULL;
    }
    return !said && actor_bytes && s_is_in (name, bytes, actor, actor_bytes);
}

bool
fst_roles_may_offer (const char *user_id, const char *service)
{
    assert (user_id && service);
    if (!*user_id)
        return true;
    const char *actor = s_after (user_id, "actor:");
    if (actor)
        return s_actor_may (actor, "offers:", service, strlen (service));
    if (strcmp (user_id, "bridge") == 0 && strcmp (service, "content") == 0)
        return true;

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
    return s_is_in (topic, bytes, name, strlen (name));
}

//  "metrics.SERVICE" is published by whoever may offer SERVICE.
static bool
s_may_publish_metrics (const char *user_id, const char *topic, size_t bytes)
{
    char service [256];
    size_t head = strlen ("metrics.");
    if (bytes <= head || bytes - head >= sizeof (service))
        return false;
    memcpy (service, topic + head, bytes - head);
    service [bytes - head] = 0;
    return fst_roles_may_offer (user_id, service);
}

bool
fst_roles_may_publish (const char *user_id, const char *topic, size_t bytes)
{
    assert (user_id && topic);
    if (!*user_id)
        return true;
    if (s_topic_is (topic, bytes, "metrics"))
        return s_may_publish_metrics (user_id, topic, bytes);
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
    return actor && s_actor_may (actor, "publishes:", topic, bytes);
}
