//  What the other end of a TCP connection has really received. Pure.

#ifndef FST_HTTP_PROGRESS_H_INCLUDED
#define FST_HTTP_PROGRESS_H_INCLUDED

#include <stdint.h>

//  Octets since it connected; 0 if that is not known.
uint64_t
fst_http_received (int fd);

#endif
