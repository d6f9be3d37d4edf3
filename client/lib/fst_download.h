//  Download of one file, or a range of it: a window of RETRIEVEs over the replicas -> decrypt in workers, in place in
//  the message that came -> write at offsets into a file (the workers do), or in order to a sink. A chunk that a
//  node refuses, has corrupt, or does not give in time is asked for at another one; what comes first counts.
//
//      while (!fst_download_pump (download))
//          rc = fst_client_turn (client, wait_ms);

#ifndef FST_DOWNLOAD_H_INCLUDED
#define FST_DOWNLOAD_H_INCLUDED

#include "fst_client.h"

typedef struct fst_download fst_download_t;

//  Borrowed until destroy.
typedef struct {
    const char *path;
    int64_t offset, length;             //  The range wanted; length -1 = to the end
    int fd;                             //  Where the content goes, at the same offsets; or -1
    const char *name;                   //  Of that file, for people
    const filestore_sink_t *sink;       //  Or in order to here
} fst_download_args_t;

//  Octets that a GET_FILE_INFO reply may ask extents of; one question of the size for all who ask.
#define FST_DOWNLOAD_PAGE 16

//  file: the file's part of a GET_FILE_INFO reply, code "ok", with extents from 0 on; nodes: that of the reply.
//      FST_INTERNAL    they make no sense; *problem_p is a sentence; caller frees
fst_rc_t FST_CHECKED
fst_download_new (filestore_t *client, const fst_download_args_t *args, json_t *file, json_t *nodes,
                  fst_download_t **self_p, char **problem_p);

//  Stops what is under way.
void
fst_download_destroy (fst_download_t **self_p);

//  Do what can be done now. True when it is over.
bool
fst_download_pump (fst_download_t *self);

//  The result, when it is over. On failure *problem_p is a sentence; caller frees.
fst_rc_t FST_CHECKED
fst_download_result (fst_download_t *self, char **problem_p);

//  Octets that were delivered, and those wanted in all.
int64_t
fst_download_bytes (const fst_download_t *self);
int64_t
fst_download_total (const fst_download_t *self);

#endif
