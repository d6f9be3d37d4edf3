//  The frames in front of a Majordomo message.
//
//      0.2 client  MDPC02 command service body+        0.1 client  MDPC01 service body+
//      0.2 worker  MDPW02 command ...                  0.1 worker  MDPW01 command ...
//
//  0.1 has one REPLY where 0.2 has PARTIAL and FINAL, so that HEARTBEAT and DISCONNECT are one less there.

#include "fst_mdp_head.h"
#include <string.h>

static bool
s_frame_is (zframe_t *frame, const char *text)
{
    return zframe_size (frame) == strlen (text) && memcmp (zframe_data (frame), text, strlen (text)) == 0;
}

static bool
s_take_protocol (zmsg_t *message, fst_mdp_head_t *head)
{
    zframe_t *frame = zmsg_pop (message);
    if (frame && zframe_size (frame) == 0) {
        head->delimiter = true;
        zframe_destroy (&frame);
        frame = zmsg_pop (message);
    }
    if (!frame)
        return false;
    head->worker = s_frame_is (frame, FST_MDP_WORKER_02) || s_frame_is (frame, FST_MDP_WORKER_01);
    head->old = s_frame_is (frame, FST_MDP_CLIENT_01) || s_frame_is (frame, FST_MDP_WORKER_01);
    bool known = head->worker || head->old || s_frame_is (frame, FST_MDP_CLIENT_02);
    zframe_destroy (&frame);
    return known;
}

static bool
s_take_command (zmsg_t *message, fst_mdp_head_t *head)
{
    zframe_t *frame = zmsg_pop (message);
    bool one = frame && zframe_size (frame) == 1;
    head->command = one? zframe_data (frame) [0]: 0;
    zframe_destroy (&frame);
    if (head->old && head->command >= FST_MDPW_PARTIAL)
        head->command++;
    int last = head->worker? FST_MDPW_DISCONNECT: FST_MDPC_FINAL;
    return head->command >= 1 && head->command <= last;
}

bool
fst_mdp_head_take (zmsg_t *message, fst_mdp_head_t *head)
{
    *head = (fst_mdp_head_t) { .identity = zmsg_pop (message) };
    if (!head->identity || !s_take_protocol (message, head))
        return false;
    if (head->old && !head->worker) {
        head->command = FST_MDPC_REQUEST;
        return true;
    }
    return s_take_command (message, head);
}

void
fst_mdp_head_put (zmsg_t *message, const fst_mdp_head_t *head)
{
    if (head->worker || !head->old) {
        bool shifted = head->old && head->command > FST_MDPW_PARTIAL;
        uint8_t command = (uint8_t) (shifted? head->command - 1: head->command);
        zmsg_pushmem (message, &command, 1);
    }
    if (head->worker)
        zmsg_pushstr (message, head->old? FST_MDP_WORKER_01: FST_MDP_WORKER_02);
    else
        zmsg_pushstr (message, head->old? FST_MDP_CLIENT_01: FST_MDP_CLIENT_02);
    if (head->delimiter)
        zmsg_pushmem (message, NULL, 0);
    zmsg_pushmem (message, zframe_data (head->identity), zframe_size (head->identity));
}

void
fst_mdp_head_clear (fst_mdp_head_t *head)
{
    zframe_destroy (&head->identity);
}
