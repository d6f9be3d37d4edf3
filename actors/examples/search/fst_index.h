//  The index: names and words of text files, in SQLite with FTS5. All of it can be made anew from the store, so a damaged
//  one is thrown away.
//
//  One connection writes (the follower's thread), another one reads (the actor's): each belongs to one thread.

#ifndef FST_INDEX_H_INCLUDED
#define FST_INDEX_H_INCLUDED

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fst_error.h"

#define FST_INDEX_TEXT_BYTES_MAX (1024 * 1024)      //  Of one file; words behind are not found
#define FST_INDEX_WORDS_MAX      16                 //  Of one query
#define FST_INDEX_SNIPPET_BYTES  200

typedef struct fst_index fst_index_t;

typedef struct {
    int64_t id, version;            //  Of the entry; together they name this content for ever
    const char *path;
    int64_t size, modified_ms;
} fst_index_file_t;

//  Open or make. A writer begins a new index where the old one is damaged. bytes_max: what the file may grow to; from then
//  on only names are added. *problem_p: caller frees.
fst_rc_t FST_CHECKED
fst_index_open (const char *filename, bool writes, int64_t bytes_max, fst_index_t **self_p, char **problem_p);

void
fst_index_destroy (fst_index_t **self_p);

//  ---- Writing: between begin and commit. What is between them is done as a whole, together with the sequence.

fst_rc_t FST_CHECKED
fst_index_begin (fst_index_t *self);
fst_rc_t FST_CHECKED
fst_index_commit (fst_index_t *self);
void
fst_index_rollback (fst_index_t *self);

//  Up to which event of the journal all is in the index; -1 = it was never complete.
fst_rc_t FST_CHECKED
fst_index_sequence (fst_index_t *self, int64_t *sequence_p);
fst_rc_t FST_CHECKED
fst_index_set_sequence (fst_index_t *self, int64_t sequence);

//  Whether this version of the file is there already; then its path is set to the one given.
fst_rc_t FST_CHECKED
fst_index_keep (fst_index_t *self, const fst_index_file_t *file, bool *there_p);

//  Put a file in, in place of what was there. text (UTF-8) may be NULL: then only its name is found.
fst_rc_t FST_CHECKED
fst_index_put (fst_index_t *self, const fst_index_file_t *file, const char *text, size_t bytes);

//  What is at a path and below it.
fst_rc_t FST_CHECKED
fst_index_move (fst_index_t *self, const char *from, const char *to);
fst_rc_t FST_CHECKED
fst_index_remove (fst_index_t *self, const char *path);

//  Look at everything anew: what was neither kept nor put since the begin of the round goes at its end.
fst_rc_t FST_CHECKED
fst_index_round_begin (fst_index_t *self);
fst_rc_t FST_CHECKED
fst_index_round_end (fst_index_t *self);

//  ---- Reading

//  Files with all the words of query (each may be the begin of a word), in name or text, that lie at one of places (a JSON array of paths) or
//  below, newest entry first, from those whose id is less than before. Stops when each says false.
typedef bool (fst_index_each_fn) (void *arg, const fst_index_file_t *file, const char *snippet);
fst_rc_t FST_CHECKED
fst_index_find (fst_index_t *self, const char *query, const json_t *places, int64_t before, size_t limit,
                fst_index_each_fn *each, void *arg);

//  Files, octets, and whether it is full.
fst_rc_t FST_CHECKED
fst_index_count (fst_index_t *self, int64_t *files_p, int64_t *bytes_p);

#endif
