//  sd_notify in a few lines: libsystemd would be one more library for a datagram.

#include "fst_notify.h"
#include <czmq.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "fst_clock.h"
#include "fst_log.h"
#include "fst_watch.h"

void
fst_notify (const char *text)
{
    assert (text);
    const char *name = getenv ("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!name || (*name != '/' && *name != '@') || strlen (name) >= sizeof (address.sun_path))
        return;
    memcpy (address.sun_path, name, strlen (name));
    if (*name == '@')
        address.sun_path [0] = 0;       //  An abstract one
    int handle = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (name));
    if (handle < 0 || sendto (handle, text, strlen (text), MSG_NOSIGNAL, (struct sockaddr *) &address, length) < 0)
        fst_log_warning ("systemd was not told: text=%.16s error=\"%s\"", text, strerror (errno));
    if (handle >= 0)
        close (handle);
}

//  How often systemd wants to hear of us; 0: it does not.
static int64_t
s_interval_ms (void)
{
    const char *usec = getenv ("WATCHDOG_USEC"), *pid = getenv ("WATCHDOG_PID");
    if (!usec || (pid && atol (pid) != (long) getpid ()))
        return 0;
    return atoll (usec) / 1000;
}

void
fst_notify_alive (void)
{
    static int64_t interval_ms = -1, next_ms;
    static bool told;
    if (interval_ms < 0)
        interval_ms = s_interval_ms ();
    int64_t now_ms = fst_clock_mono_ms ();
    if (interval_ms == 0 || now_ms < next_ms)
        return;
    char name [64];
    bool stuck = fst_watch_stuck (interval_ms / 2, name, sizeof (name));
    if (!stuck)
        fst_notify ("WATCHDOG=1");
    else
    if (!told)
        fst_log_error ("a part does not answer any more; systemd will start this process again: part=%s", name);
    told = stuck;
    next_ms = now_ms + interval_ms / 4;
}
