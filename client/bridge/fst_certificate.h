//  The certificate of the web server, which can be changed while it runs: handshakes that begin afterwards get the new one.
//  libmicrohttpd keeps what it was started with, so it asks us instead, at each handshake.

#ifndef FST_CERTIFICATE_H_INCLUDED
#define FST_CERTIFICATE_H_INCLUDED

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include "fst_error.h"

//  Use these PEM files for the server whose port this is; in place of those before, if there are any. What handshakes
//  under way use stays until the process ends.
//      FST_IO, FST_MALFORMED (no PEM file, or they do not belong together); *problem_p: caller frees
fst_rc_t FST_CHECKED
fst_certificate_use (unsigned port, const char *certificate, const char *key, char **problem_p);

//  For MHD_OPTION_HTTPS_CERT_CALLBACK.
gnutls_certificate_retrieve_function2 fst_certificate_retrieve;

#endif
