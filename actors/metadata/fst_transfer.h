//  EXPORT and IMPORT: one of each at a time, page by page, given up when nobody asks for a minute. Not for others than
//  the metadata actor.

#ifndef FST_TRANSFER_H_INCLUDED
#define FST_TRANSFER_H_INCLUDED

#include "fst_metadata_self.h"

//  Handle a request; takes it.
void
fst_transfer_export (fst_metadata_t *self, fst_request_t **request_p);
void
fst_transfer_import (fst_metadata_t *self, fst_request_t **request_p);

//  Give up what was not used for a minute.
void
fst_transfer_elapse (fst_metadata_t *self);

//  Give up everything.
void
fst_transfer_stop (fst_metadata_t *self);

#endif
