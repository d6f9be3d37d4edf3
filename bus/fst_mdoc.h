//  Text for manual pages in the language of mdoc(7), written to stdout.

#ifndef FST_MDOC_H_INCLUDED
#define FST_MDOC_H_INCLUDED

//  Text as it is: what mdoc would take for something else is made harmless.
void
fst_mdoc_text (const char *text);

//  The same for prose, of at most 2 KiB: mdoc wants each sentence on its own line.
void
fst_mdoc_prose (const char *text);

#endif
