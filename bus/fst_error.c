//  The one list of errors, as tables.

#include "fst_error.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

#define FST_ERROR_ROW(name, http, exit_code, text) { #name, http, exit_code, text },
static const struct { const char *name; int http, exit_code; const char *text; } s_errors [] = {
    FST_ERRORS (FST_ERROR_ROW)
};

//  Names of the list in lower case, made once by the loader so that they are static and shared.
static char s_codes [FST_ERRORS_COUNT] [24];

static void __attribute__ ((constructor))
s_lower_codes (void)
{
    for (int rc = 0; rc < FST_ERRORS_COUNT; rc++) {
        size_t length = strlen (s_errors [rc].name);
        assert (length < sizeof (s_codes [rc]));
        for (size_t at = 0; at <= length; at++)
            s_codes [rc] [at] = (char) tolower ((unsigned char) s_errors [rc].name [at]);
    }
}

const char *
fst_error_code (fst_rc_t rc)
{
    assert (rc < FST_ERRORS_COUNT);
    return s_codes [rc];
}

const char *
fst_error_text (fst_rc_t rc)
{
    assert (rc < FST_ERRORS_COUNT);
    return s_errors [rc].text;
}

int
fst_error_http (fst_rc_t rc)
{
    assert (rc < FST_ERRORS_COUNT);
    return s_errors [rc].http;
}

int
fst_error_exit (fst_rc_t rc)
{
    assert (rc < FST_ERRORS_COUNT);
    return s_errors [rc].exit_code;
}

fst_rc_t
fst_error_parse (const char *code)
{
    assert (code);
    for (int rc = 0; rc < FST_ERRORS_COUNT; rc++)
        if (strcmp (s_codes [rc], code) == 0)
            return (fst_rc_t) rc;
    return FST_INTERNAL;
}
