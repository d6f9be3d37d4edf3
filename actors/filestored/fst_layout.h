//  Where everything of a cluster lies: one folder, DIR, and the endpoints of its roles.
//
//      DIR/keys/             key files (0700)
//      DIR/run/              sockets (0700), or a link to a private folder elsewhere: see below
//      DIR/auth.db  DIR/metadata.db  DIR/storage/node-1/ ...
//      DIR/client.zpl        settings for clients; written by `filestored` and by `filestored init`
//      DIR/broker.zpl ...    settings of the roles; written by `filestored init`
//
//  The path of a ZeroMQ ipc socket may have 107 octets only. When DIR/run is too long for that, sockets lie in
//  a folder of this user below $XDG_RUNTIME_DIR or /tmp, named by a hash of DIR, and DIR/run is a link to it.

#ifndef FST_LAYOUT_H_INCLUDED
#define FST_LAYOUT_H_INCLUDED

#include <stdbool.h>
#include "fst_config.h"
#include "fst_error.h"

#define FST_LAYOUT_PORT_FIRST 8510      //  Of `init --tcp`; the ephemeral range begins at 32768
#define FST_LAYOUT_PORT_LAST  32767
#define FST_LAYOUT_NODES_MAX  64

//  What a process, or a part of one, can be. The order is that of starting.
typedef enum {
    FST_PART_BROKER, FST_PART_AUTH, FST_PART_METADATA, FST_PART_STORAGE, FST_PART_BRIDGE, FST_PART_CLIENT,
    FST_PARTS_COUNT
} fst_part_t;

typedef struct fst_layout fst_layout_t;

//  "broker", "storage": the name on the command line. Static.
const char *
fst_part_name (fst_part_t part);

//  Take dir, make it if it is not there (0700), and choose a folder for sockets. *problem_p: caller frees.
//      FST_IO, FST_NO_SPACE, FST_BAD_NAME (a name that cannot stand in a configuration file)
fst_rc_t FST_CHECKED
fst_layout_new (const char *dir, fst_layout_t **self_p, char **problem_p);

void
fst_layout_destroy (fst_layout_t **self_p);

//  From now on endpoints are TCP ports from first_port on, at host: a name or an IPv4 address.
//      FST_MALFORMED   host is not known here, or the ports do not fit
fst_rc_t FST_CHECKED
fst_layout_use_tcp (fst_layout_t *self, const char *host, int first_port, int nodes, char **problem_p);

//  Make the folder for sockets, if there are any.
fst_rc_t FST_CHECKED
fst_layout_make_run (fst_layout_t *self, char **problem_p);

//  DIR, absolute. Borrowed.
const char *
fst_layout_folder (const fst_layout_t *self);

//  Nodes that have data here already: the highest N of DIR/storage/node-N; 0 if there is none.
int
fst_layout_nodes_found (const fst_layout_t *self);

//  Whether an option says where or who a part is, which a layout knows by itself.
bool
fst_layout_decides (const char *option);

//  Put the settings of one part on top of config. node counts from 1 and matters for storage only.
void
fst_layout_apply (const fst_layout_t *self, fst_part_t part, int node, fst_config_t *config);

//  Write them to the part's file. replace: also if there is one. *written_p tells.
fst_rc_t FST_CHECKED
fst_layout_write (const fst_layout_t *self, fst_part_t part, int node, bool replace, bool *written_p, char **problem_p);

//  Write client.zpl, unless the one that is there leads to this broker.
fst_rc_t FST_CHECKED
fst_layout_write_client (const fst_layout_t *self, char **problem_p);

//  A folder that only this user may enter, and that is no link: made if it is not there.
//      FST_DENIED   it is somebody else's, or open to others
fst_rc_t FST_CHECKED
fst_private_folder (const char *folder, char **problem_p);

#endif
