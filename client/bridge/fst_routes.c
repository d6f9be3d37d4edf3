//  Commands over HTTP.

#include "fst_routes.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_forward.h"
#include "fst_query.h"
#include "fst_schema_table.h"

#define NAME_BYTES_MAX 100

struct fst_routes {
    fst_actor_t *actor;
    fst_http_route_t *routes;               //  One for each schema with x-http
    const fst_schema_command_t **commands;  //  In the same order
    char **methods;
};

//  ---- From the schemas

static const fst_schema_command_t *
s_command (const fst_routes_t *self, const fst_http_request_t *request)
{
    return self->commands [fst_http_route (request) - self->routes];
}

static void
s_query (void *arg, fst_http_request_t *request)
{
    fst_routes_t *self = arg;
    const fst_schema_command_t *command = s_command (self, request);
    json_t *payload;
    char where [256];
    fst_rc_t rc = fst_query_payload (fst_http_query_fields (request), command->request, &payload, where, sizeof (where));
    if (rc == FST_OK)
        fst_forward (self->actor, request, command->service, command->command, payload);
    else
        fst_http_fail (request, rc, "%s", where);
}

static void
s_body (void *arg, fst_http_request_t *request)
{
    fst_routes_t *self = arg;
    const fst_schema_command_t *command = s_command (self, request);
    fst_forward (self->actor, request, command->service, command->command, json_incref (fst_http_json (request)));
}

static void
s_make_routes (fst_routes_t *self)
{
    self->routes = calloc (fst_schema_commands_count + 1, sizeof (*self->routes));
    self->commands = calloc (fst_schema_commands_count + 1, sizeof (*self->commands));
    self->methods = calloc (fst_schema_commands_count + 1, sizeof (*self->methods));
    assert (self->routes && self->commands && self->methods);
    size_t count = 0;
    for (size_t at = 0; at < fst_schema_commands_count; at++) {
        const fst_schema_command_t *command = &fst_schema_commands [at];
        if (!command->http)
            continue;
        const char *path = strchr (command->http, ' ');
        self->methods [count] = strndup (command->http, (size_t) (path - command->http));
        bool query = strcmp (self->methods [count], "GET") == 0 || strcmp (self->methods [count], "DELETE") == 0;
        self->routes [count] = (fst_http_route_t) { self->methods [count], path + 1, query? 0: FST_HTTP_JSON,
                                                    query? s_query: s_body };
        self->commands [count++] = command;
    }
}

//  ---- Any command

static const char s_service_letters [] = "abcdefghijklmnopqrstuvwxyz0123456789._-";

static bool
s_is_name (const char *text, size_t bytes, const char *letters)
{
    return bytes >= 1 && bytes < NAME_BYTES_MAX && strspn (text, letters) >= bytes;
}

//  Whether it needs a session is the service's to say.
static void
s_bus (void *arg, fst_http_request_t *request)
{
    fst_routes_t *self = arg;
    const char *tail = fst_http_tail (request), *slash = strchr (tail, '/');
    size_t bytes = slash? (size_t) (slash - tail): 0;
    if (!slash || !s_is_name (tail, bytes, s_service_letters) || strncmp (tail, "mmi.", 4) == 0
    || !s_is_name (slash + 1, strlen (slash + 1), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")) {
        fst_http_fail (request, FST_NOT_FOUND, "the address must be /bus/SERVICE/COMMAND");
        return;
    }
    char service [NAME_BYTES_MAX];
    snprintf (service, sizeof (service), "%.*s", (int) bytes, tail);
    fst_forward (self->actor, request, service, slash + 1, json_incref (fst_http_json (request)));
}

//  What one service can do, told by itself.
static void
s_service (void *arg, fst_http_request_t *request)
{
    fst_routes_t *self = arg;
    const char *name = fst_http_tail (request);
    if (s_is_name (name, strlen (name), s_service_letters) && strncmp (name, "mmi.", 4))
        fst_forward (self->actor, request, name, "DESCRIBE", NULL);
    else
        fst_http_fail (request, FST_NOT_FOUND, "the address must be /api/v1/services/NAME");
}

static const fst_http_route_t s_bus_routes [] = {
    { "GET", "/api/v1/services/", 0, s_service },
    { "POST", "/bus/", FST_HTTP_OPEN | FST_HTTP_JSON, s_bus },
    { NULL }
};

fst_routes_t *
fst_routes_new (fst_actor_t *actor, fst_http_t *http)
{
    assert (actor && http);
    fst_routes_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->actor = actor;
    s_make_routes (self);
    fst_http_add_routes (http, self->routes, self);
    fst_http_add_routes (http, s_bus_routes, self);
    return self;
}

void
fst_routes_destroy (fst_routes_t **self_p)
{
    assert (self_p);
    fst_routes_t *self = *self_p;
    if (!self)
        return;
    for (size_t at = 0; self->methods [at]; at++)
        free (self->methods [at]);
    free (self->methods);
    free (self->commands);
    free (self->routes);
    free (self);
    *self_p = NULL;
}
