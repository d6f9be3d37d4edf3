//  The session of a client: its token, whose it is, and its renewal; and behind it the calls of filestore.h that have to
//  do with accounts. The token is not checked here, that is for the services; it is only looked into.

#ifndef FST_CLIENT_SESSION_H_INCLUDED
#define FST_CLIENT_SESSION_H_INCLUDED

#include "filestore.h"

typedef struct fst_client_session fst_client_session_t;

//  Nobody is logged in at first. life_ms: how long a fresh session is good, for tokens of which only the end is known.
fst_client_session_t *
fst_client_session_new (filestore_t *client, int64_t life_ms);

void
fst_client_session_destroy (fst_client_session_t **self_p);

//  Ask for a fresh token if it is due; the answer comes with the others.
void
fst_client_session_keep (fst_client_session_t *self);

//  Ask for a fresh token if half the life of this one is over. True until the answer is there.
bool
fst_client_session_renewing (fst_client_session_t *self);

#endif
