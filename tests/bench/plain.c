//  The floor to compare with: the same octets over plain TCP to receivers that write and fsync, with no
//  checksum, no encryption, no metadata and no recovery. What a store takes longer is the price of these.
//
//      plain put FILE COPY...      send FILE to one receiver for each COPY; done when all have fsynced
//      plain get COPY FILE         send COPY over one connection with sendfile; written to FILE, not fsynced
//
//  Receivers are processes of their own, on loopback. Prints nothing; exit code 0 means done.

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK (1024 * 1024)

static int
s_listen (int *port)
{
    int handle = socket (AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t length = sizeof (address);
    if (handle < 0 || bind (handle, (struct sockaddr *) &address, length) || listen (handle, 1)
    ||  getsockname (handle, (struct sockaddr *) &address, &length))
        err (1, "listen");
    *port = ntohs (address.sin_port);
    return handle;
}

static int
s_connect (int port)
{
    int handle = socket (AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                   .sin_port = htons ((uint16_t) port) };
    if (handle < 0 || connect (handle, (struct sockaddr *) &address, sizeof (address)))
        err (1, "connect");
    return handle;
}

static void
s_write_all (int handle, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write (handle, data, bytes);
        if (done < 0)
            err (1, "write");
        data += done;
        bytes -= (size_t) done;
    }
}

//  Copy a connection to a file until its end.
static void
s_receive (int from, const char *filename, int sync)
{
    char *buffer = malloc (BLOCK);
    int to = open (filename, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (!buffer || to < 0)
        err (1, "%s", filename);
    ssize_t got;
    while ((got = read (from, buffer, BLOCK)) > 0)
        s_write_all (to, buffer, (size_t) got);
    if (got < 0 || (sync && fsync (to)) || close (to))
        err (1, "%s", filename);
    free (buffer);
}

static int
s_put (const char *filename, char **copies, int count)
{
    int handles [8];
    if (count > 8)
        errx (2, "at most 8 copies");
    for (int index = 0; index < count; index++) {
        int port;
        int listener = s_listen (&port);
        if (fork () == 0) {
            int peer = accept (listener, NULL, NULL);
            s_receive (peer, copies [index], 1);
            s_write_all (peer, "k", 1);         //  On stable storage
            _exit (0);
        }
        handles [index] = s_connect (port);
        close (listener);
    }
    int from = open (filename, O_RDONLY);
    char *buffer = malloc (BLOCK);
    if (from < 0 || !buffer)
        err (1, "%s", filename);
    ssize_t got;
    while ((got = read (from, buffer, BLOCK)) > 0)
        for (int index = 0; index < count; index++)
            s_write_all (handles [index], buffer, (size_t) got);
    if (got < 0)
        err (1, "%s", filename);
    for (int index = 0; index < count; index++)
        shutdown (handles [index], SHUT_WR);
    for (int index = 0; index < count; index++) {
        char answer;
        if (read (handles [index], &answer, 1) != 1)
            errx (1, "a receiver failed");
    }
    free (buffer);
    return 0;
}

static int
s_get (const char *copy, const char *filename)
{
    int port;
    int listener = s_listen (&port);
    if (fork () == 0) {
        int peer = accept (listener, NULL, NULL);
        int from = open (copy, O_RDONLY);
        struct stat status;
        if (from < 0 || fstat (from, &status))
            err (1, "%s", copy);
        for (off_t at = 0; at < status.st_size; )
            if (sendfile (peer, from, &at, BLOCK) <= 0)
                err (1, "sendfile");
        _exit (0);
    }
    int handle = s_connect (port);
    close (listener);
    s_receive (handle, filename, 0);
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc >= 4 && strcmp (argv [1], "put") == 0)
        s_put (argv [2], argv + 3, argc - 3);
    else
    if (argc == 4 && strcmp (argv [1], "get") == 0)
        s_get (argv [2], argv [3]);
    else
        errx (2, "usage: plain put FILE COPY... | plain get COPY FILE");
    int status;
    while (wait (&status) > 0)
        if (status)
            return 1;
    return 0;
}
