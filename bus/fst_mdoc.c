//  Text for manual pages.

#include "fst_mdoc.h"
#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void
fst_mdoc_text (const char *text)
{
    assert (text);
    bool begin = true;
    for (; *text; text++) {
        if (begin && (*text == '.' || *text == '\''))
            printf ("\\&");
        if (*text == '\\')
            printf ("\\e");
        else
        if (*text == '-')
            printf ("\\-");
        else
            putchar (*text);
        begin = *text == '\n';
    }
}

void
fst_mdoc_prose (const char *text)
{
    assert (text);
    char line [2048];
    size_t used = 0;
    for (; *text && used < sizeof (line) - 1; text++) {
        bool end = used && *text == ' ' && strchr (".!?", line [used - 1]) && text [1] >= 'A' && text [1] <= 'Z';
        line [used++] = end? '\n': *text;
    }
    line [used] = 0;
    fst_mdoc_text (line);
}
