//  The table of all options, for every role. A configuration file names the ones it changes.

#include "fst_config.h"

#define KIB  ((int64_t) 1024)
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define SECOND ((int64_t) 1000)
#define HOUR (3600 * SECOND)
#define DAY  (24 * HOUR)

const fst_option_t fst_options [] = {
    //  Where the bus is
    { "broker",             FST_OPTION_TEXT,     "",        0, 0, "Endpoint of the broker (for clients: its client side; for actors: its actor side)",
      "Where the bus is", "broker auth metadata storage bridge client" },
    { "broker-clients",     FST_OPTION_TEXT,     "",        0, 0, "Endpoint that the broker binds for clients" },
    { "broker-actors",      FST_OPTION_TEXT,     "",        0, 0, "Endpoint that the broker binds for actors" },
    { "events-in",          FST_OPTION_TEXT,     "",        0, 0, "Endpoint where events are published" },
    { "events-out",         FST_OPTION_TEXT,     "",        0, 0, "Endpoint where events are subscribed to" },
    { "keys",               FST_OPTION_FILE,     "",        0, 0, "Key file of this actor or client" },
    { "enrolled",           FST_OPTION_FILE,     "",        0, 0, "File of enrolled actors, for the broker's gate" },

    //  Process
    { "log-level",          FST_OPTION_TEXT,     "info",    0, 0, "Least level that is logged: error, warning, info or debug",
      "The process", "broker auth metadata storage bridge" },
    { "log-format",         FST_OPTION_TEXT,     "text",    0, 0, "How lines of the log look: text, or json (an object a line with the same fields)" },

    { "metrics-interval",   FST_OPTION_DURATION, "10 s",    100, HOUR, "Time between two publications of what an actor did, for /metrics" },

    //  Actors of your own
    { "lanes",              FST_OPTION_NUMBER,   "4",       1, 64, "Requests that it has under way at once",
      "An actor of your own", "actor" },

    //  Auth
    { "auth-database",      FST_OPTION_FILE,     "auth.db", 0, 0, "Users and sessions",
      "People and sessions", "auth" },
    { "session-time",       FST_OPTION_DURATION, "1 h",     10 * SECOND, 30 * DAY, "How long a session lives without being used" },
    { "hash-threads",       FST_OPTION_NUMBER,   "2",       1, 64, "Passwords that are checked at the same time" },
    { "hash-memory",        FST_OPTION_SIZE,     "64 MiB",  8 * KIB, 4 * GIB, "Memory that one password check takes (Argon2id)" },
    { "hash-passes",        FST_OPTION_NUMBER,   "2",       1, 100, "Passes of one password check (Argon2id)" },
    { "login-attempts",     FST_OPTION_NUMBER,   "10",      1, 1000000, "Wrong passwords for one account until it has to wait" },
    { "login-wait",         FST_OPTION_DURATION, "1 min",   SECOND, DAY, "How long an account then has to wait" },
    { "password-min",       FST_OPTION_NUMBER,   "4",       1, 256, "Shortest password, in characters" },

    //  Metadata
    { "metadata-database",  FST_OPTION_FILE,     "metadata.db", 0, 0, "Namespace, versions, placement",
      "Files and their copies", "metadata" },
    { "replicas",           FST_OPTION_NUMBER,   "2",       1, 7, "Copies of each file, unless an upload asks for another number" },
    { "chunk-size",         FST_OPTION_SIZE,     "1 MiB",   64 * KIB, 8 * MIB, "Unit of transfer and encryption; a power of two" },
    { "extent-chunks",      FST_OPTION_NUMBER,   "64",      1, 1024, "Chunks in an extent, the unit of placement" },
    { "prune-after",        FST_OPTION_DURATION, "30 s",    100, DAY, "Silence after which a storage node is pruned" },
    { "repair-delay",       FST_OPTION_DURATION, "10 min",  0, 30 * DAY, "How long a pruned node is waited for while two or more copies live" },
    { "lease",              FST_OPTION_DURATION, "1 h",     SECOND, 30 * DAY, "How long an upload lives without being used" },
    { "capability-time",    FST_OPTION_DURATION, "1 h",     SECOND, 7 * DAY, "How long a capability or ticket is good" },
    { "versions",           FST_OPTION_NUMBER,   "10",      1, 10000, "Versions that are kept of a file" },
    { "version-time",       FST_OPTION_DURATION, "30 d",    SECOND, 36500 * DAY, "How long an older version is kept" },
    { "trash-time",         FST_OPTION_DURATION, "30 d",    SECOND, 36500 * DAY, "How long a deleted file is kept" },
    { "snapshot-interval",  FST_OPTION_DURATION, "10 min",  0, 365 * DAY, "Longest time between two encrypted snapshots of the namespace, kept by every storage node; 0 = none" },
    { "backup-folder",      FST_OPTION_FILE,     "",        0, 0, "Where admin backup puts copies of the databases (backups, beside each database)" },
    { "inventory-interval", FST_OPTION_DURATION, "1 d",     SECOND, 365 * DAY, "How often what a storage node holds is compared with what it should hold" },
    { "metadata-lanes",     FST_OPTION_NUMBER,   "16",      1, 64, "Requests that metadata has under way at once" },

    //  Storage
    { "node",               FST_OPTION_TEXT,     "",        0, 0, "Name of this storage node",
      "A storage node", "storage" },
    { "zone",               FST_OPTION_TEXT,     "",        0, 0, "Zone of this node: copies go to different zones where they are named" },
    { "storage-folder",     FST_OPTION_FILE,     "storage", 0, 0, "Folder with the node's data" },
    { "data-endpoint",      FST_OPTION_TEXT,     "",        0, 0, "Endpoint that the node binds for data" },
    { "data-advertise",     FST_OPTION_TEXT,     "",        0, 0, "Endpoint that clients use for it, where that is another; tcp://*:PORT: the address of this machine, as it is at each heartbeat" },
    { "heartbeat-interval", FST_OPTION_DURATION, "10 s",    10, HOUR, "Time between two heartbeats of a storage node" },
    { "window",             FST_OPTION_SIZE,     "8 MiB",   64 * KIB, GIB, "Octets that one client may have under way at a node" },
    { "data-memory",        FST_OPTION_SIZE,     "64 MiB",  MIB, 64 * GIB, "Octets that all clients together may have under way at a node" },
    { "reserve",            FST_OPTION_NUMBER,   "5",       0, 90, "Percent of the disk that stays free" },

    { "quarantine-time",    FST_OPTION_DURATION, "7 d",     SECOND, 36500 * DAY, "How long damaged or unknown data is put aside before it is deleted" },
    { "scrub-time",         FST_OPTION_DURATION, "14 d",    SECOND, 36500 * DAY, "Within this time a storage node reads all its data once, to find what the disk damaged" },

    //  Embedded cluster
    { "nodes",              FST_OPTION_NUMBER,   "3",       1, 64, "Storage nodes of the embedded cluster",
      "A whole cluster in one process", "filestored" },

    //  Bridge
    { "web",                FST_OPTION_TEXT,     "",        0, 0, "HOST:PORT of the web page and of HTTP",
      "The web page and HTTP", "bridge" },
    { "web-certificate",    FST_OPTION_FILE,     "",        0, 0, "PEM file with the certificate (and those between it and the root): the page is served over TLS" },
    { "web-key",            FST_OPTION_FILE,     "",        0, 0, "PEM file with the key of web-certificate" },
    { "web-proxy",          FST_OPTION_NUMBER,   "0",       0, 1, "1: a proxy is in front, and its X-Forwarded-For and X-Forwarded-Proto are believed" },
    { "web-metrics",        FST_OPTION_NUMBER,   "0",       0, 1, "1: /metrics is for everyone, not only for this machine and for who is signed in" },
    { "web-connections",    FST_OPTION_NUMBER,   "1000",    4, 60000, "Connections over HTTP that may be open at once" },
    { "web-connections-each", FST_OPTION_NUMBER, "250",     1, 60000, "Of these, from one address (behind a proxy it has to see to that)" },
    { "web-idle",           FST_OPTION_DURATION, "30 s",    100, HOUR, "A connection that sends no whole request for so long is closed" },
    { "web-slow",           FST_OPTION_DURATION, "60 s",    100, HOUR, "A client that moves less than 16 KiB of a body in that time is cut off" },

    //  Content through the bridge
    { "transfers",          FST_OPTION_NUMBER,   "32",      1, 64, "Downloads that the bridge has under way at once; some more wait",
      "Content through the bridge", "bridge" },
    { "uploads",            FST_OPTION_NUMBER,   "64",      1, 64, "Uploads that the bridge has open at once, those that pause among them" },
    { "user-transfers",     FST_OPTION_NUMBER,   "16",      1, 128, "Of both together, for one user" },
    { "transfer-memory",    FST_OPTION_SIZE,     "10 MiB",  2 * MIB, GIB, "client-memory of each of them" },
    { "upload-idle",        FST_OPTION_DURATION, "1 h",     SECOND, 7 * DAY, "How long an upload that can be resumed waits for its next octets; after a 60th of it, only while nobody needs its place" },
    { "history-interval",   FST_OPTION_DURATION, "10 s",    100, HOUR, "Time between two of the 1440 points that the page's plots show" },
    { "zip-files",          FST_OPTION_NUMBER,   "100000",  1, 10000000, "Files in one zip; the list of them is kept in memory until its end" },

    //  Clients
    { "connect-timeout",    FST_OPTION_DURATION, "4 s",     100, HOUR, "How long an unreachable broker is tried",
      "Clients", "client bridge" },
    { "reply-timeout",      FST_OPTION_DURATION, "60 s",    100, DAY, "How long the answer of a service is waited for" },
    { "crypt-threads",      FST_OPTION_NUMBER,   "2",       1, 64, "Threads that encrypt and decrypt" },
    { "cipher",             FST_OPTION_TEXT,     "auto",    0, 0, "What new content is encrypted with: aes-256-gcm, xchacha20-poly1305, or auto: AES where the processor has it" },
    { "client-memory",      FST_OPTION_SIZE,     "33 MiB",  2 * MIB, GIB, "Octets of content that a transfer holds at once: in buffers on the way up, in messages on the way down" },
    { NULL,                 FST_OPTION_TEXT,     NULL,      0, 0, NULL }
};
