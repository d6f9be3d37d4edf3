//  What is believed of a request's head.

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fst_http_check.h"

//  ---- Heads

#define HEADS_MAX 8

//  "Name: value" lines as the parser gives them; the sentence, or NULL.
static const char *
s_check (const char *method, const char *version, const char *const *lines, fst_http_head_t *head, int *status_p)
{
    fst_http_field_t fields [HEADS_MAX];
    size_t count = 0;
    for (; lines [count]; count++) {
        cr_assert_lt (count, HEADS_MAX);
        const char *colon = strstr (lines [count], ": ");
        fields [count] = (fst_http_field_t) { lines [count], colon + 2, (size_t) (colon - lines [count]), strlen (colon + 2) };
    }
    return fst_http_check_head (method, version, fields, count, head, status_p);
}

#define CHECK(method, version, ...) \
    s_check (method, version, (const char *const []) { __VA_ARGS__, NULL }, &s_head, &s_status)
#define REFUSED(...) cr_expect_not_null (CHECK ("POST", "HTTP/1.1", __VA_ARGS__), "%s", #__VA_ARGS__)
#define TAKEN(...)   cr_expect_null (CHECK ("POST", "HTTP/1.1", __VA_ARGS__), "%s", #__VA_ARGS__)

static fst_http_head_t s_head;
static int s_status;

Test (head, end_of_a_request_is_said_once_and_plainly)
{
    TAKEN ("Host: a", "Content-Length: 5");
    cr_expect_eq (s_head.body_bytes, 5);
    TAKEN ("Host: a", "Transfer-Encoding: chunked");
    cr_expect_eq (s_head.body_bytes, -1);
    TAKEN ("Host: a");
    cr_expect_eq (s_head.body_bytes, 0);
    REFUSED ("Host: a", "Content-Length: 5", "Transfer-Encoding: chunked");
    REFUSED ("Host: a", "content-length: 5", "TRANSFER-ENCODING: chunked");
    REFUSED ("Host: a", "Content-Length: 5", "Content-Length: 5");
    REFUSED ("Host: a", "Content-Length: 5", "Content-Length: 6");
    REFUSED ("Host: a", "Content-Length: 5, 5");
    REFUSED ("Host: a", "Content-Length: +5");
    REFUSED ("Host: a", "Content-Length: -5");
    REFUSED ("Host: a", "Content-Length: 0x5");
    REFUSED ("Host: a", "Content-Length: ");
    REFUSED ("Host: a", "Content-Length: 5 ");
    REFUSED ("Host: a", "Content-Length: 99999999999999999999");
    REFUSED ("Host: a", "Transfer-Encoding: gzip, chunked");
    REFUSED ("Host: a", "Transfer-Encoding: identity");
    REFUSED ("Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked");
    REFUSED ("Host: a", "Transfer-Encoding: \tchunked");
    cr_expect_eq (s_status, 400);
}

Test (head, names_and_values_have_no_odd_octets)
{
    REFUSED ("Host: a", "Content-Length : 5");
    REFUSED ("Host: a", " X: 5");
    REFUSED ("Host: a", "X\x01: 5");
    REFUSED ("Host: a", "X\xc3\xa4: 5");
    REFUSED ("Host: a", "X(a): 5");
    REFUSED ("Host: a", "X: a\x01" "b");
    REFUSED ("Host: a", "X: a\nY");
    REFUSED ("Host: a", "X: a\rY");
    TAKEN ("Host: a", "X: a\tb");
    TAKEN ("Host: a", "X-Filestore: \xc3\xa4");
}

Test (head, host_is_there_once)
{
    REFUSED ("X: 1");
    REFUSED ("Host: a", "Host: a");
    REFUSED ("Host: a b");
    REFUSED ("Host: a@b");
    REFUSED ("Host: a/b");
    REFUSED ("Host: ");
    TAKEN ("Host: [::1]:8501");
    cr_expect_null (CHECK ("GET", "HTTP/1.0", "X: 1"));
}

Test (head, other_versions_and_methods_are_refused)
{
    cr_expect_not_null (CHECK ("GET", "HTTP/2.0", "Host: a"));
    cr_expect_eq (s_status, 505);
    cr_expect_not_null (CHECK ("GET", "HTTP/1.2", "Host: a"));
    cr_expect_not_null (CHECK ("G(T", "HTTP/1.1", "Host: a"));
    cr_expect_not_null (CHECK ("", "HTTP/1.1", "Host: a"));
    cr_expect_not_null (CHECK ("POST", "HTTP/1.0", "Transfer-Encoding: chunked"));
}

Test (head, too_many_or_too_large_headers_are_431)
{
    static char large [FST_HTTP_HEAD_BYTES_MAX + 10];
    memset (large, 'a', sizeof (large) - 1);
    memcpy (large, "X: ", 3);
    REFUSED ("Host: a", large);
    cr_expect_eq (s_status, 431);
    fst_http_field_t fields [FST_HTTP_FIELDS_MAX + 1];
    for (size_t at = 0; at <= FST_HTTP_FIELDS_MAX; at++)
        fields [at] = (fst_http_field_t) { at? "X": "Host", "a", at? 1: 4, 1 };
    cr_expect_null (fst_http_check_head ("GET", "HTTP/1.1", fields, FST_HTTP_FIELDS_MAX, &s_head, &s_status));
    cr_expect_not_null (fst_http_check_head ("GET", "HTTP/1.1", fields, FST_HTTP_FIELDS_MAX + 1, &s_head, &s_status));
    cr_expect_eq (s_status, 431);
}

//  ---- Targets

static void
s_expect_path (const char *target, const char *expected)
{
    char *path = NULL;
    fst_http_query_t query;
    const char *problem = fst_http_check_target (target, &path, &query);
    if (!expected)
        cr_expect_not_null (problem, "%s", target);
    else {
        cr_expect_null (problem, "%s: %s", target, problem);
        if (!problem)
            cr_expect_str_eq (path, expected, "%s", target);
    }
    free (path);
    fst_http_query_clear (&query);
}

Test (target, paths_are_decoded_once)
{
    s_expect_path ("/", "/");
    s_expect_path ("/a/b", "/a/b");
    s_expect_path ("/a/", "/a/");
    s_expect_path ("/a%20b/%C3%A4", "/a b/\xc3\xa4");
    s_expect_path ("/a+b", "/a+b");
    s_expect_path ("/%2520", "/%20");
    s_expect_path ("/a%5Cb", "/a\\b");
    s_expect_path ("/...", "/...");
    s_expect_path ("/a?b=/../c", "/a");
    s_expect_path ("http://host:1/a", "/a");
    s_expect_path ("https://host", "/");
    s_expect_path ("/a:b;c,d=e@f!$&'()*~", "/a:b;c,d=e@f!$&'()*~");
}

Test (target, tricks_with_paths_are_refused)
{
    static const char *const tricks [] = {
        "", "a", "*", "/..", "/a/../b", "/a/.", "/%2e%2e/a", "/%2E.", "/a/%2e", "//a", "/a//b", "/a%2fb", "/a%2Fb", "/a%00b", "/%00",
        "/a%0ab", "/a%7f", "/a\nb", "/a b", "/a\\b", "/..\\b", "/a%", "/a%4", "/a%zz", "/%ff", "/%c0%ae%c0%ae/", "/a#b", "/\xc3\xa4",
        "/<script>", "ftp://host/a", "http:/a", "/%ed%a0%80"
    };
    for (size_t at = 0; at < sizeof (tricks) / sizeof (tricks [0]); at++)
        s_expect_path (tricks [at], NULL);
    s_expect_path (NULL, NULL);
    char *longest = malloc (FST_HTTP_URI_BYTES_MAX + 2);
    memset (longest, 'a', FST_HTTP_URI_BYTES_MAX + 1);
    longest [0] = '/';
    longest [FST_HTTP_URI_BYTES_MAX + 1] = 0;
    s_expect_path (longest, NULL);
    longest [FST_HTTP_URI_BYTES_MAX] = 0;
    s_expect_path (longest, longest);
    free (longest);
}

Test (target, queries_are_decoded_in_their_order)
{
    char *path = NULL;
    fst_http_query_t query;
    cr_assert_null (fst_http_check_target ("/x?a=1&b=%20x%26y+z&&c&a=&=d&%C3%A4=%C3%B6", &path, &query));
    static const char *const expected [] [2] = {
        { "a", "1" }, { "b", " x&y z" }, { "c", "" }, { "a", "" }, { "", "d" }, { "\xc3\xa4", "\xc3\xb6" }
    };
    cr_assert_eq (query.count, sizeof (expected) / sizeof (expected [0]));
    for (size_t at = 0; at < query.count; at++) {
        cr_expect_str_eq (query.names [at], expected [at] [0]);
        cr_expect_str_eq (query.values [at], expected [at] [1]);
    }
    free (path);
    fst_http_query_clear (&query);
    fst_http_query_clear (&query);          //  Safe to call twice
}

Test (target, queries_that_lie_are_refused)
{
    s_expect_path ("/x?a=%00", NULL);
    s_expect_path ("/x?a=%f", NULL);
    s_expect_path ("/x?%zz=a", NULL);
    s_expect_path ("/x?a=%ff", NULL);
    char many [FST_HTTP_QUERY_MAX * 2 + 10] = "/x?";
    for (size_t at = 0; at < FST_HTTP_QUERY_MAX; at++)
        strcat (many, "a&");
    s_expect_path (many, "/x");
    strcat (many, "a");
    s_expect_path (many, NULL);
}

//  ---- Values

static void
s_expect_cookie (const char *header, const char *expected)
{
    size_t bytes = 0;
    const char *found = fst_http_cookie (header, "filestore", &bytes);
    cr_expect_eq (found != NULL, expected != NULL, "%s", header);
    if (found && expected) {
        cr_expect_eq (bytes, strlen (expected));
        cr_expect_arr_eq (found, expected, strlen (expected));
    }
}

Test (values, cookie_is_found_among_others_if_it_is_there_once)
{
    s_expect_cookie ("filestore=abc", "abc");
    s_expect_cookie ("a=b; filestore=abc; c=d", "abc");
    s_expect_cookie ("a=b;filestore=abc ;c=d", "abc");
    s_expect_cookie ("filestore=a=b", "a=b");
    s_expect_cookie ("filestore=", "");
    s_expect_cookie ("xfilestore=abc", NULL);
    s_expect_cookie ("filestorex=abc", NULL);
    s_expect_cookie ("a=filestore=abc", NULL);
    s_expect_cookie ("filestore", NULL);
    s_expect_cookie ("filestore=abc; filestore=def", NULL);
    s_expect_cookie ("", NULL);
    s_expect_cookie (NULL, NULL);
}

Test (values, media_types_may_have_parameters)
{
    cr_expect (fst_http_is_type ("application/json", "application/json"));
    cr_expect (fst_http_is_type ("Application/JSON ; charset=utf-8", "application/json"));
    cr_expect_not (fst_http_is_type ("application/jsonp", "application/json"));
    cr_expect_not (fst_http_is_type ("text/plain", "application/json"));
    cr_expect_not (fst_http_is_type (NULL, "application/json"));
}

Test (values, hosts_that_no_stranger_can_have_named)
{
    static const char *const sure [] = { "localhost", "localhost:8501", "LOCALHOST.:1", "a.localhost:1", "127.0.0.1:8501",
                                         "10.1.2.3", "[::1]:8501", "mymachine:1" };
    static const char *const unsure [] = { "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example",
                                           "evillocalhost.example", "evil.example.", "1.2.3", "a.xlocalhost" };
    for (size_t at = 0; at < sizeof (sure) / sizeof (sure [0]); at++)
        cr_expect (fst_http_is_sure_host (sure [at]), "%s", sure [at]);
    for (size_t at = 0; at < sizeof (unsure) / sizeof (unsure [0]); at++)
        cr_expect_not (fst_http_is_sure_host (unsure [at]), "%s", unsure [at]);
}

Test (values, origin_is_our_own_only_if_scheme_host_and_port_are)
{
    cr_expect (fst_http_is_own_origin ("http://a:1", "a:1", false));
    cr_expect (fst_http_is_own_origin ("https://A", "a", true));
    cr_expect_not (fst_http_is_own_origin ("https://a:1", "a:1", false));
    cr_expect_not (fst_http_is_own_origin ("http://a:2", "a:1", false));
    cr_expect_not (fst_http_is_own_origin ("http://a:1.evil", "a:1", false));
    cr_expect_not (fst_http_is_own_origin ("http://evil", "a", false));
    cr_expect_not (fst_http_is_own_origin ("null", "a", false));
    cr_expect_not (fst_http_is_own_origin (NULL, "a", false));
    cr_expect_not (fst_http_is_own_origin ("http://a", NULL, false));
}
