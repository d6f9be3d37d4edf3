//  Whose folder is this? The file "node" in it names the node and its cluster, so that a disk that was mounted in another's
//  place is not taken for its own. Written at the first start.
//
//      {"node": "node-1", "cluster": "0123456789abcdef"}
//
//  The cluster is known by the first octets of the public key with which its auth actor signs.

#ifndef FST_MARKER_H_INCLUDED
#define FST_MARKER_H_INCLUDED

#include <stdbool.h>
#include "fst_disk.h"
#include "fst_keys.h"

#define FST_MARKER_FILE "node"

//  See that the folder is this node's; make it so if it is nobody's, durably. *fresh_p is set if it was.
//      FST_EXISTS      it is another's; *problem_p is a sentence, caller frees
//      FST_NO_SPACE, FST_IO
fst_rc_t FST_CHECKED
fst_marker_check (fst_disk_t *disk, const char *node, const fst_keys_t *keys, bool *fresh_p, char **problem_p);

#endif
