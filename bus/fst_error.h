//  The one list of errors: code, HTTP status, exit code and text.
//
//  Every function that can fail returns an fst_rc_t, and sets its outputs only on FST_OK. The same
//  list gives the "code" of a reply on the bus (lower case), the status of the bridge and the exit
//  code of the command line, so that no layer invents its own.

#ifndef FST_ERROR_H_INCLUDED
#define FST_ERROR_H_INCLUDED

//  X (NAME, HTTP status, exit code, text)
#define FST_ERRORS(X) \
    X (OK,              200,  0, "done") \
    X (MALFORMED,       400,  2, "the message or argument does not parse") \
    X (BAD_NAME,        400,  3, "that name or path is not allowed") \
    X (UNAUTHENTICATED, 401, 10, "nobody is logged in; log in first") \
    X (WRONG_PASSWORD,  401, 11, "the user name or the password is wrong") \
    X (EXPIRED,         401, 12, "the session has ended; log in again") \
    X (DENIED,          403, 13, "this is not allowed for you") \
    X (NOT_FOUND,       404, 20, "there is no such thing here") \
    X (EXISTS,          409, 21, "something of that name is already there") \
    X (NOT_A_FOLDER,    409, 22, "that is a file, not a folder") \
    X (IS_A_FOLDER,     409, 23, "that is a folder, not a file") \
    X (NOT_EMPTY,       409, 24, "the folder is not empty") \
    X (CHANGED,         412, 25, "it was changed by someone else meanwhile") \
    X (TOO_LARGE,       413, 30, "that is larger than the limit") \
    X (TOO_MANY,        429, 31, "too many attempts; wait a moment") \
    X (INTERRUPTED,     499, 32, "stopped before it was done") \
    X (INTERNAL,        500, 40, "a fault inside Filestore; the log says more") \
    X (CORRUPT,         500, 41, "stored bytes fail their checksum") \
    X (IO,              500, 42, "reading or writing a disk failed") \
    X (UNKNOWN_COMMAND, 501, 43, "nobody here knows that command") \
    X (BUSY,            503, 50, "too much to do at the moment; try again") \
    X (UNAVAILABLE,     503, 51, "the service is not running, or not reachable at the moment") \
    X (TOO_FEW_NODES,   503, 52, "fewer storage nodes are alive than copies asked for") \
    X (TIMEOUT,         504, 53, "no answer in time") \
    X (UNREACHABLE,     504, 54, "the broker cannot be reached") \
    X (NO_SPACE,        507, 60, "no space left")

#define FST_ERROR_ENUM(name, http, exit_code, text) FST_##name,
typedef enum { FST_ERRORS (FST_ERROR_ENUM) FST_ERRORS_COUNT } fst_rc_t;
#undef FST_ERROR_ENUM

//  Marks a function whose result must be looked at.
#define FST_CHECKED __attribute__ ((warn_unused_result))

//  "not_found": the code as it stands in replies and in --json. Static.
const char *
fst_error_code (fst_rc_t rc);

//  "there is no such thing here": the text for people. Static.
const char *
fst_error_text (fst_rc_t rc);

//  HTTP status, 200 to 599.
int
fst_error_http (fst_rc_t rc);

//  Exit code of a command, 0 to 60.
int
fst_error_exit (fst_rc_t rc);

//  The error with this code; FST_INTERNAL when the list does not have it (a newer peer).
fst_rc_t
fst_error_parse (const char *code);

#endif
