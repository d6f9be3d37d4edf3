//  Majordomo 0.2 on the wire (ZeroMQ RFC 18) and 0.1 beside it (RFC 7): constants and timings only.

#ifndef FST_MDP_H_INCLUDED
#define FST_MDP_H_INCLUDED

#define FST_MDP_CLIENT_02   "MDPC02"
#define FST_MDP_WORKER_02   "MDPW02"
#define FST_MDP_CLIENT_01   "MDPC01"
#define FST_MDP_WORKER_01   "MDPW01"

#define FST_MDPC_REQUEST    1
#define FST_MDPC_PARTIAL    2
#define FST_MDPC_FINAL      3

#define FST_MDPW_READY      1
#define FST_MDPW_REQUEST    2
#define FST_MDPW_PARTIAL    3
#define FST_MDPW_FINAL      4
#define FST_MDPW_HEARTBEAT  5
#define FST_MDPW_DISCONNECT 6

#define FST_MDP_SERVICE_BYTES_MAX 128
#define FST_MDP_HEARTBEAT_MS      1000      //  Both ways
#define FST_MDP_HEARTBEAT_01_MS   2500      //  What is expected of workers of 0.1
#define FST_MDP_LIVENESS          4         //  Missed beats until a peer counts as gone

#endif
