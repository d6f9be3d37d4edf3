//  The frames in front of a Majordomo message, taken off and put on; both versions, and with or without a
//  leading empty frame. Pure.

#ifndef FST_MDP_HEAD_H_INCLUDED
#define FST_MDP_HEAD_H_INCLUDED

#include <czmq.h>
#include <stdbool.h>
#include "fst_mdp.h"

typedef struct {
    zframe_t *identity;     //  Of the peer at its ROUTER; owned
    bool delimiter;         //  It sends, and wants, a leading empty frame
    bool worker;            //  MDP/Worker, else MDP/Client
    bool old;               //  Version 0.1
    int command;            //  In the numbering of 0.2
} fst_mdp_head_t;

//  Take the head off a message as a ROUTER gave it. False if it is no Majordomo; then head holds at most the
//  identity. What is left in message is what follows the command.
bool
fst_mdp_head_take (zmsg_t *message, fst_mdp_head_t *head);

//  Put a head on for this peer. head is borrowed.
void
fst_mdp_head_put (zmsg_t *message, const fst_mdp_head_t *head);

void
fst_mdp_head_clear (fst_mdp_head_t *head);

#endif
