//  What was received. A file of its own, for the kernel's header has what is needed and does not go together with the
//  C library's.

#include "fst_http_progress.h"
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint64_t
fst_http_received (int fd)
{
    struct tcp_info info = { 0 };
    socklen_t bytes = sizeof (info);
    return getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) == 0? info.tcpi_bytes_acked: 0;
}
