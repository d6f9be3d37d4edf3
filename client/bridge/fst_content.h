//  The bridge's content: everything that moves octets of files. Puts together
//
//      fst_flow        threads that move content      fst_pipe        between them and the loop
//      fst_files       a file down and up             fst_range       conditions and ranges (pure)
//      fst_tus         uploads that can be resumed    fst_mime        types, harmless (pure)
//      fst_zip         many files as one

#ifndef FST_CONTENT_H_INCLUDED
#define FST_CONTENT_H_INCLUDED

#include "fst_actor.h"
#include "fst_config.h"
#include "fst_http.h"

typedef struct fst_content fst_content_t;

//  Adds its routes to http. Uses the options broker, keys, transfers, uploads, user-transfers, transfer-memory,
//  upload-idle and zip-files.
fst_content_t *
fst_content_new (const fst_config_t *config, fst_actor_t *actor, fst_http_t *http);

//  After http was destroyed. Unfinished uploads end; waits until the threads have stopped.
void
fst_content_destroy (fst_content_t **self_p);

//  Returns when it wants to be called next.
int64_t
fst_content_tick (fst_content_t *self, int64_t now_ms);

//  This token is no good any more (logout).
void
fst_content_forget (fst_content_t *self, const char *token);

#endif
