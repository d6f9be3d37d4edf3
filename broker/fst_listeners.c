//  Connections of subscribers.

#include "fst_listeners.h"
#include <assert.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "fst_log.h"

#define FD_PROPERTY "__fd"          //  What ZMQ_SRCFD reads

//  The connection is libzmq's, which closes it when it likes: the inode says whether the descriptor still means the same.
typedef struct {
    int fd;
    ino_t inode;
    char *user_id;
} s_listener_t;

struct fst_listeners {
    zhashx_t *rows;                 //  Descriptor as text -> s_listener_t
};

static void
s_listener_destroy (void **listener_p)
{
    s_listener_t *listener = *listener_p;
    free (listener->user_id);
    free (listener);
    *listener_p = NULL;
}

fst_listeners_t *
fst_listeners_new (void)
{
    fst_listeners_t *self = calloc (1, sizeof (*self));
    assert (self);
    self->rows = zhashx_new ();
    zhashx_set_destructor (self->rows, s_listener_destroy);
    return self;
}

void
fst_listeners_destroy (fst_listeners_t **self_p)
{
    assert (self_p);
    if (*self_p) {
        zhashx_destroy (&(*self_p)->rows);
        free (*self_p);
        *self_p = NULL;
    }
}

void
fst_listeners_heard (fst_listeners_t *self, const char *user_id, zframe_t *frame)
{
    assert (self && user_id && frame);
    const char *fd = zframe_meta (frame, FD_PROPERTY);
    struct stat info;
    if (!fd || fstat (atoi (fd), &info) != 0 || !S_ISSOCK (info.st_mode))
        return;
    s_listener_t *listener = calloc (1, sizeof (*listener));
    assert (listener);
    *listener = (s_listener_t) { atoi (fd), info.st_ino, strdup (user_id) };
    assert (listener->user_id);
    zhashx_update (self->rows, fd, listener);
}

//  It ended by itself, or it does now.
static bool
s_is_over (const s_listener_t *listener, bool (*is_out) (void *arg, const char *user_id), void *arg)
{
    struct stat info;
    if (fstat (listener->fd, &info) != 0 || info.st_ino != listener->inode)
        return true;
    if (!is_out (arg, listener->user_id))
        return false;
    shutdown (listener->fd, SHUT_RDWR);
    fst_log_info ("listener cut off role=%s", listener->user_id);
    return true;
}

void
fst_listeners_cut (fst_listeners_t *self, bool (*is_out) (void *arg, const char *user_id), void *arg)
{
    assert (self && is_out);
    zlistx_t *fds = zhashx_keys (self->rows);
    for (const char *fd = zlistx_first (fds); fd; fd = zlistx_next (fds))
        if (s_is_over (zhashx_lookup (self->rows, fd), is_out, arg))
            zhashx_delete (self->rows, fd);
    zlistx_destroy (&fds);
}
