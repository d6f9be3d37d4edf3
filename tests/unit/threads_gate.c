//  The gate and the disks under the thread sanitizer: nodes added and actors enrolled from several threads
//  while peers knock.

#include <assert.h>
#include <czmq.h>
#include "fake_disk.h"
#include "fst_clock.h"
#include "fst_gate.h"
#include "fst_keys.h"
#include "fst_log.h"

#define ROUNDS 50

static fst_gate_t *s_gate;
static fake_disk_t *s_fake;
static char s_enrolled [512];

static void *
s_change (void *arg)
{
    int first = *(int *) arg;
    for (int round = 0; round < ROUNDS; round++) {
        char name [32];
        uint8_t key [FST_KEY_BYTES] = { (uint8_t) first };
        snprintf (name, sizeof (name), "node-%d-%d", first, round % 5);
        fst_gate_add_node (s_gate, name, key);
        char *problem = NULL;
        fst_rc_t rc = fst_gate_enrol (s_gate, s_enrolled, &problem);
        assert (rc == FST_OK);

        fst_disk_t *disk = fake_disk_port (s_fake);
        fst_disk_file_t *file = NULL;
        rc = disk->open (disk->self, name, true, &file);
        assert (rc == FST_OK);
        rc = disk->write (disk->self, file, round, name, 5);
        assert (rc == FST_OK);
        rc = disk->sync (disk->self, file);
        assert (rc == FST_OK);
        disk->close (disk->self, &file);
    }
    return NULL;
}

//  Ask as libzmq would. The answer is refused or OK, as the node is known yet or not.
static void *
s_knock (void *arg)
{
    (void) arg;
    zsock_t *asker = zsock_new_dealer (">inproc://zeromq.zap.01");
    assert (asker);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t key [FST_KEY_BYTES] = { 1 };
        char ticket [FST_PROOF_TEXT_MAX];
        fst_ticket_make (key, "alice", fst_clock_wall_ms () + 60000, ticket);
        zstr_sendx (asker, "", "1.0", "id", "data:node-1-1", "127.0.0.1", "", "PLAIN", "alice", ticket, NULL);
        zmsg_t *reply = zmsg_recv (asker);
        assert (zmsg_size (reply) == 7);
        zmsg_destroy (&reply);
    }
    zsock_destroy (&asker);
    return NULL;
}

int
main (void)
{
    char folder [256], *problem = NULL;
    snprintf (folder, sizeof (folder), "%s/threads-gate-XXXXXX", getenv ("TMPDIR")? getenv ("TMPDIR"): "/tmp");
    char *made = mkdtemp (folder);
    assert (made);
    fst_rc_t rc = fst_keys_create (folder, 2, &problem);
    assert (rc == FST_OK);
    snprintf (s_enrolled, sizeof (s_enrolled), "%s/enrolled.zpl", folder);
    fst_log_set_level (FST_LOG_ERROR);
    s_gate = fst_gate_new ();
    s_fake = fake_disk_new (1);

    pthread_t threads [4];
    int numbers [2] = { 1, 2 };
    for (int index = 0; index < 4; index++) {
        int failed = index < 2? pthread_create (&threads [index], NULL, s_change, &numbers [index]):
                                pthread_create (&threads [index], NULL, s_knock, NULL);
        assert (!failed);
    }
    for (int index = 0; index < 4; index++)
        pthread_join (threads [index], NULL);

    fst_gate_destroy (&s_gate);
    fake_disk_destroy (&s_fake);
    zdir_t *dir = zdir_new (folder, NULL);
    zdir_remove (dir, true);
    zdir_destroy (&dir);
    return 0;
}
