//  Rules of traces: ids of calls belong to the request that is worked on, and are never the same twice.

#include <criterion/criterion.h>
#include <string.h>
#include "fst_trace.h"

Test (trace, ids_of_calls_begin_with_that_of_the_request)
{
    char one [FST_TRACE_ID_BYTES], two [FST_TRACE_ID_BYTES];
    fst_trace_begin ("abc123");
    fst_trace_id (one);
    fst_trace_id (two);
    cr_expect_eq (strncmp (one, "abc123.", 7), 0, "%s", one);
    cr_expect_str_neq (one, two);
    fst_trace_begin (one);                  //  As whoever is called does
    cr_expect_str_eq (fst_trace_now (), "abc123");
    fst_trace_begin (NULL);
    cr_expect_str_eq (fst_trace_now (), "");
    fst_trace_id (one);
    cr_expect_null (strchr (one, '.'));
}

Test (trace, an_id_that_a_peer_chose_is_bounded_and_harms_no_log)
{
    char id [FST_TRACE_ID_BYTES];
    fst_trace_begin ("x y\n\"\xff");
    cr_expect_str_eq (fst_trace_now (), "x?y???");
    fst_trace_begin ("0123456789012345678901234567890123456789012345678901234567890123");
    cr_expect_eq (strlen (fst_trace_now ()), FST_TRACE_BYTES_MAX);
    fst_trace_id (id);
    cr_expect (strlen (id) < FST_TRACE_ID_BYTES - 1, "%s", id);
    fst_trace_begin (NULL);
}
