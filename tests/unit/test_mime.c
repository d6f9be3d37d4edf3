//  Users' content is shown so that it can do no harm; metadata of tus uploads.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "fst_mime.h"
#include "fst_tus.h"

static void
s_type (const char *name, const char *type, bool show)
{
    fst_mime_t mime = fst_mime_of (name);
    cr_assert_str_eq (mime.type, type, "%s is %s", name, mime.type);
    cr_assert_eq (mime.show, show, "%s", name);
}

Test (mime, what_a_browser_would_run_is_text)
{
    static const char *const names [] = { "a.html", "a.HTM", "x.tar.xhtml", "a.svg", "A.SVGZ", "a.xml", "a.xsl", "a.js",
                                          "a.mjs", "a.shtml", "feed.rss", "a.mml" };
    for (size_t at = 0; at < sizeof (names) / sizeof (*names); at++)
        s_type (names [at], "text/plain; charset=utf-8", true);
}

Test (mime, what_can_be_shown_is_shown)
{
    s_type ("a.png", "image/png", true);
    s_type ("photo.JPeG", "image/jpeg", true);
    s_type ("a.b.mp4", "video/mp4", true);
    s_type ("a.pdf", "application/pdf", true);
    s_type ("notes.md", "text/plain; charset=utf-8", true);
    s_type ("Makefile", "text/plain; charset=utf-8", true);
}

Test (mime, what_is_not_known_is_saved)
{
    static const char *const names [] = { "a", "a.", ".", "", "a.exe", "a.zip", "a.png ", "a. png", "a.p", "a.png/x",
                                          "a.verylongendingthatnobodyknowsatall", "a.png.unknown", "html.bin" };
    for (size_t at = 0; at < sizeof (names) / sizeof (*names); at++)
        s_type (names [at], "application/octet-stream", false);
}

Test (mime, everything_has_a_policy_under_which_nothing_runs)
{
    static const char *const types [] = { "text/plain; charset=utf-8", "image/png", "application/pdf", "application/octet-stream" };
    for (size_t at = 0; at < sizeof (types) / sizeof (*types); at++) {
        cr_assert (strstr (fst_mime_policy (types [at]), "default-src 'none'"));
        cr_assert_not (strstr (fst_mime_policy (types [at]), "script"));
        cr_assert_eq (strstr (fst_mime_policy (types [at]), "sandbox") == NULL, at == 2);
    }
}

static void
s_disposition (const char *name, bool show, const char *expected)
{
    char *text = fst_mime_disposition (name, show);
    cr_assert_str_eq (text, expected);
    free (text);
}

Test (mime, names_are_told_to_old_and_new_browsers)
{
    s_disposition ("a b.txt", true, "inline; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt");
    s_disposition ("\xc3\xbc.txt", false, "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%BC.txt");
    s_disposition ("a\"\\%\r\n;.txt", false, "attachment; filename=\"a_____;.txt\"; filename*=UTF-8''a%22%5C%25%0D%0A%3B.txt");
}

static void
s_metadata (const char *header, const char *key, const char *expected)
{
    char *value = fst_tus_metadata (header, key);
    if (expected)
        cr_assert (value && strcmp (value, expected) == 0, "%s of %s is %s", key, header, value? value: "nothing");
    else
        cr_assert_null (value, "%s of %s", key, header);
    free (value);
}

Test (mime, metadata_of_an_upload_is_decoded)
{
    s_metadata ("path L2E=,replace dHJ1ZQ==", "path", "/a");
    s_metadata ("path L2E=,replace dHJ1ZQ==", "replace", "true");
    s_metadata ("path L2E=, replace dHJ1ZQ== ", "replace", "true");
    s_metadata ("path L2E", "path", "/a");
    s_metadata ("xpath L2I=,path L2E=", "path", "/a");
    s_metadata ("name w7zDn+KCrA==", "name", "\xc3\xbc\xc3\x9f\xe2\x82\xac");
    s_metadata ("empty,path L2E=", "empty", "");
    s_metadata ("path L2E=", "replace", NULL);
    s_metadata ("", "path", NULL);
    s_metadata ("path", "pat", NULL);
    s_metadata ("path *", "path", NULL);
    s_metadata ("path w7zDn-KCrA==", "path", NULL);
    s_metadata ("path AGE=", "path", NULL);         //  A NUL inside
}
