//  Users as JSON rows, and those of an import while they come in, page by page. In memory only: what was gathered is
//  lost with the process, and nothing has happened then.

#ifndef FST_ROSTER_H_INCLUDED
#define FST_ROSTER_H_INCLUDED

#include <jansson.h>
#include "fst_users.h"

#define FST_ROSTER_MAX  100000      //  Users of one import
#define FST_ROSTER_PAGE 512

typedef struct fst_roster fst_roster_t;

fst_roster_t *
fst_roster_new (void);

void
fst_roster_destroy (fst_roster_t **self_p);

//  {name, role, hash, created_ms, changed_ms}
json_t *
fst_roster_row (const fst_user_row_t *row);

//  Gather a page of the import name; page 0 begins anew, and the last one may come again.
//      FST_CHANGED     that is not the next page of the import under way
//      FST_TOO_MANY
fst_rc_t FST_CHECKED
fst_roster_take (fst_roster_t *self, const char *name, int64_t page, json_t *users);

//  What was gathered, and whether somebody among them is an admin.
const fst_user_row_t *
fst_roster_rows (const fst_roster_t *self, size_t *count_p);
bool
fst_roster_has_admin (const fst_roster_t *self);

#endif
