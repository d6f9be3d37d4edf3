//  One line an event to stderr: subject first, then key=value.
//
//      2026-11-22T10:15:00.123Z info metadata: node lost node=node-2 silent_ms=30012
//
//  Values with spaces or control octets are quoted and escaped by the caller's use of fst_log_quote
//  only where a peer chose them. Or, with fst_log_set_json, an object a line with the same fields:
//
//      {"time":"2026-11-22T10:15:00.123Z","level":"info","subject":"metadata","event":"node lost","node":"node-2","silent_ms":30012}
//
//  Never log a password, token, key or file body.
//  A line about the request that the thread works on ends with its id (fst_trace.h), unless it names one itself.
//  Safe from any thread; a line is one write(2).

#ifndef FST_LOG_H_INCLUDED
#define FST_LOG_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { FST_LOG_ERROR, FST_LOG_WARNING, FST_LOG_INFO, FST_LOG_DEBUG } fst_log_level_t;

//  Lines above this level are dropped; FST_LOG_INFO at the start.
void
fst_log_set_level (fst_log_level_t level);

//  Lines are JSON from now on, or text (the start).
void
fst_log_set_json (bool json);

//  Why a program ends: a sentence for who started it, or a line as all others if they are JSON.
void
fst_log_last_words (const char *program, const char *problem, const char *code);

//  Write such a line, without its end, into line; at least 256 octets. Returns its length, less than size.
size_t
fst_log_json (char *line, size_t size, const char *when, const char *level, const char *subject, const char *text);

//  Prefix of the calling thread's lines ("metadata"); borrowed, at most 63 octets are kept.
void
fst_log_set_subject (const char *subject);

void
fst_log (fst_log_level_t level, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

#define fst_log_error(...)   fst_log (FST_LOG_ERROR, __VA_ARGS__)
#define fst_log_warning(...) fst_log (FST_LOG_WARNING, __VA_ARGS__)
#define fst_log_info(...)    fst_log (FST_LOG_INFO, __VA_ARGS__)
#define fst_log_debug(...)   fst_log (FST_LOG_DEBUG, __VA_ARGS__)

//  Lines that a peer can cause as often as it likes: may one more be written now? 20 a second may; what was left out is told
//  when it is over. Begins as zeros; for one thread.
typedef struct {
    int64_t until_ms;
    unsigned asked;                 //  Before that
} fst_log_sparing_t;

bool
fst_log_sparing (fst_log_sparing_t *self);

//  Make a peer's text safe for one log field: control octets and quotes become '?', cut at size - 1.
//  Returns buffer.
const char *
fst_log_quote (const char *text, char *buffer, unsigned size);

#endif
