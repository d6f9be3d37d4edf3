//  Buffers under the thread sanitizer: taken by one thread, filled by workers, read through messages by another
//  thread, which closes these and so gives the buffers back; the pool goes while some are still out.
//  (Not over sockets: libzmq is not instrumented, and each hand-over through it would look like a race.)

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "fst_buffers.h"
#include "fst_pool.h"

#define BUFFER_BYTES 4096
#define BUFFERS      8
#define JOBS         5000

typedef struct {
    fst_buffer_t *buffer;
    uint8_t value;
} job_t;

//  Messages on their way to the reader.
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t s_came = PTHREAD_COND_INITIALIZER;
static zmq_msg_t s_messages [2 * BUFFERS];
static size_t s_count;

static size_t s_done;

static void
s_fill (void *arg)
{
    job_t *job = arg;
    memset (fst_buffer_data (job->buffer), job->value, BUFFER_BYTES);
}

//  Two messages over one buffer, as for a pack of files.
static void
s_send (void *arg)
{
    job_t *job = arg;
    pthread_mutex_lock (&s_lock);
    for (int half = 0; half < 2; half++) {
        assert (s_count < 2 * BUFFERS);
        fst_buffer_message (job->buffer, (size_t) half * BUFFER_BYTES / 2, BUFFER_BYTES / 2, &s_messages [s_count++]);
    }
    pthread_cond_signal (&s_came);
    pthread_mutex_unlock (&s_lock);
    fst_buffer_drop (&job->buffer);
    free (job);
    s_done++;
}

static void *
s_reader (void *arg)
{
    (void) arg;
    for (int count = 0; count < 2 * JOBS; count++) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        pthread_mutex_lock (&s_lock);
        while (s_count == 0)
            pthread_cond_wait (&s_came, &s_lock);
        zmq_msg_move (&message, &s_messages [--s_count]);
        zmq_msg_close (&s_messages [s_count]);
        pthread_mutex_unlock (&s_lock);
        const uint8_t *data = zmq_msg_data (&message);
        assert (data [0] == data [BUFFER_BYTES / 2 - 1]);
        zmq_msg_close (&message);
    }
    return NULL;
}

int
main (void)
{
    fst_buffers_t *buffers = fst_buffers_new (BUFFERS * BUFFER_BYTES);
    fst_pool_t *pool = fst_pool_new ("fill", 2, BUFFERS);
    pthread_t reader;
    int rc = pthread_create (&reader, NULL, s_reader, NULL);
    assert (rc == 0);
    size_t begun = 0;
    bool starved = false;
    while (s_done < JOBS) {
        fst_buffer_t *buffer = begun < JOBS? fst_buffers_take (buffers, BUFFER_BYTES): NULL;
        if (buffer) {
            job_t *job = malloc (sizeof (*job));
            assert (job);
            *job = (job_t) { .buffer = buffer, .value = (uint8_t) begun++ };
            fst_rc_t submitted = fst_pool_submit (pool, s_fill, s_send, job);
            assert (submitted == FST_OK);
            continue;
        }
        starved = starved || begun < JOBS;
        struct pollfd fds [2] = { { .fd = fst_buffers_fd (buffers), .events = POLLIN },
                                  { .fd = fst_pool_fd (pool), .events = POLLIN } };
        int ready = poll (fds, 2, 10000);
        assert (ready > 0);             //  Who waits for a buffer is told
        fst_buffers_heard (buffers);
        fst_pool_collect (pool);
    }
    assert (starved);
    fst_buffers_destroy (&buffers);     //  The reader may still have some
    pthread_join (reader, NULL);
    fst_pool_destroy (&pool);
    return 0;
}
