//  Who may offer which service, and publish which topic, by the User-Id that the gate gave the peer.
//
//      "metadata"          offers metadata         publishes file.*, node.*, metadata.*
//      "auth"              offers auth             publishes revoked
//      "storage:node-1"    offers storage.node-1   publishes heartbeat.node-1
//      "bridge"            offers bridge, content
//      "actor:thumbnail"   offers thumbnail and thumbnail.*, publishes the same
//      "actor:thumbnail offers:pictures publishes:pictures.made"
//                          offers pictures and pictures.*, publishes pictures.made and pictures.made.*; other words
//                          say nothing here
//      who offers a service publishes metrics.SERVICE
//      ""                  anything: a peer on ipc://, whom the mode of the folder let in
//
//  Pure.

#ifndef FST_ROLES_H_INCLUDED
#define FST_ROLES_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>

bool
fst_roles_may_offer (const char *user_id, const char *service);

//  topic need not end with a NUL.
bool
fst_roles_may_publish (const char *user_id, const char *topic, size_t bytes);

#endif
