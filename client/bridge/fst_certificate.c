//  Certificates by port. The callback gets no argument of ours, but the session knows its connection, and that its port.

#include "fst_certificate.h"
#include <czmq.h>
#include <netinet/in.h>
#include <pthread.h>

#define PORTS_MAX   64
#define CHAIN_MAX   16

typedef struct s_chain {
    struct s_chain *next;           //  What was used before
    gnutls_pcert_st certificates [CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
} s_chain_t;

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { unsigned port; s_chain_t *chain; } s_ports [PORTS_MAX];

static void
s_chain_destroy (s_chain_t **self_p)
{
    s_chain_t *self = *self_p;
    for (unsigned at = 0; at < self->count; at++)
        gnutls_pcert_deinit (&self->certificates [at]);
    if (self->key)
        gnutls_privkey_deinit (self->key);
    free (self);
    *self_p = NULL;
}

//  Whether the key is that of the first certificate.
static bool
s_is_pair (const s_chain_t *self)
{
    gnutls_pubkey_t of_key;
    uint8_t mine [64], theirs [64];
    size_t mine_size = sizeof (mine), theirs_size = sizeof (theirs);
    if (gnutls_pubkey_init (&of_key) < 0)
        return false;
    bool pair = gnutls_pubkey_import_privkey (of_key, self->key, 0, 0) >= 0
             && gnutls_pubkey_get_key_id (of_key, GNUTLS_KEYID_USE_SHA256, mine, &mine_size) >= 0
             && gnutls_pubkey_get_key_id (self->certificates [0].pubkey, GNUTLS_KEYID_USE_SHA256, theirs, &theirs_size) >= 0
             && mine_size == theirs_size && memcmp (mine, theirs, mine_size) == 0;
    gnutls_pubkey_deinit (of_key);
    return pair;
}

static fst_rc_t
s_load (s_chain_t *self, const char *certificate, const char *key, char **problem_p)
{
    gnutls_datum_t text = { NULL, 0 };
    unsigned count = CHAIN_MAX;
    if (gnutls_load_file (certificate, &text) < 0) {
        *problem_p = zsys_sprintf ("web-certificate: cannot read %s: %s", certificate, strerror (errno));
        return FST_IO;
    }
    int code = gnutls_pcert_list_import_x509_raw (self->certificates, &count, &text, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free (text.data);
    if (code < 0) {
        *problem_p = zsys_sprintf ("web-certificate: %s is no PEM file with a certificate: %s", certificate, gnutls_strerror (code));
        return FST_MALFORMED;
    }
    self->count = count;
    text.data = NULL;
    if (gnutls_load_file (key, &text) < 0) {
        *problem_p = zsys_sprintf ("web-key: cannot read %s: %s", key, strerror (errno));
        return FST_IO;
    }
    code = gnutls_privkey_init (&self->key);
    if (code >= 0)
        code = gnutls_privkey_import_x509_raw (self->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset (text.data, 0, text.size);
    gnutls_free (text.data);
    if (code < 0) {
        *problem_p = zsys_sprintf ("web-key: %s is no PEM file with a key: %s", key, gnutls_strerror (code));
        return FST_MALFORMED;
    }
    if (!s_is_pair (self)) {
        *problem_p = zsys_sprintf ("web-key: %s is not the key of %s", key, certificate);
        return FST_MALFORMED;
    }
    return FST_OK;
}

fst_rc_t
fst_certificate_use (unsigned port, const char *certificate, const char *key, char **problem_p)
{
    assert (port);
    assert (certificate && key);
    assert (problem_p);
    s_chain_t *chain = calloc (1, sizeof (*chain));
    assert (chain);
    fst_rc_t rc = s_load (chain, certificate, key, problem_p);
    if (rc != FST_OK) {
        s_chain_destroy (&chain);
        return rc;
    }
    pthread_mutex_lock (&s_lock);
    size_t at = 0;
    while (at < PORTS_MAX - 1 && s_ports [at].chain && s_ports [at].port != port)
        at++;
    s_ports [at].port = port;
    chain->next = s_ports [at].chain;
    s_ports [at].chain = chain;
    pthread_mutex_unlock (&s_lock);
    return FST_OK;
}

static unsigned
s_port (gnutls_session_t session)
{
    struct sockaddr_storage name = { 0 };
    socklen_t size = sizeof (name);
    if (getsockname (gnutls_transport_get_int (session), (struct sockaddr *) &name, &size))
        return 0;
    return ntohs (name.ss_family == AF_INET6? ((struct sockaddr_in6 *) &name)->sin6_port
                                            : ((struct sockaddr_in *) &name)->sin_port);
}

int
fst_certificate_retrieve (gnutls_session_t session, const gnutls_datum_t *issuers, int issuers_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithms_count,
                          gnutls_pcert_st **certificates_p, unsigned *count_p, gnutls_privkey_t *key_p)
{
    (void) issuers;
    (void) issuers_count;
    (void) algorithms;
    (void) algorithms_count;
    unsigned port = s_port (session);
    int code = -1;
    pthread_mutex_lock (&s_lock);
    for (size_t at = 0; code && at < PORTS_MAX && s_ports [at].chain; at++)
        if (s_ports [at].port == port) {
            *certificates_p = s_ports [at].chain->certificates;
            *count_p = s_ports [at].chain->count;
            *key_p = s_ports [at].chain->key;
            code = 0;
        }
    pthread_mutex_unlock (&s_lock);
    return code;
}
