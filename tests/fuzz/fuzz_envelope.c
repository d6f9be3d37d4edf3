//  Octets from a peer as an envelope: refused with a reason, or whole, and the same after a round trip.

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fst_envelope.h"
#include "fst_schema.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes);

static void
s_request (const uint8_t *data, size_t bytes)
{
    char where [100] = "";
    fst_envelope_request_t request, again;
    if (fst_envelope_request_decode (data, bytes, &request, where, sizeof (where)) != FST_OK) {
        assert (where [0]);
        return;
    }
    zframe_t *frame = fst_envelope_request_encode (request.id, request.command, request.token, request.payload);
    assert (fst_envelope_request_decode (zframe_data (frame), zframe_size (frame), &again, NULL, 0) == FST_OK);
    assert (json_equal (request.root, again.root));
    fst_envelope_request_clear (&again);
    zframe_destroy (&frame);

    //  A payload that fits no command at all still has to be walked
    const fst_schema_command_t *command = fst_schema_find ("metadata", request.command);
    if (command && fst_schema_check (command->request, request.payload, where, sizeof (where)) != FST_OK)
        assert (where [0]);
    fst_envelope_request_clear (&request);
}

static void
s_reply (const uint8_t *data, size_t bytes)
{
    char where [100] = "";
    fst_envelope_reply_t reply, again;
    if (fst_envelope_reply_decode (data, bytes, &reply, where, sizeof (where)) != FST_OK) {
        assert (where [0]);
        return;
    }
    assert ((reply.rc == FST_OK) == (reply.payload != NULL));
    assert ((reply.rc == FST_OK) == (reply.message == NULL));
    zframe_t *frame = reply.rc == FST_OK? fst_envelope_reply_encode (reply.id, reply.payload)
                                        : fst_envelope_error_encode (reply.id, reply.rc, reply.message);
    assert (fst_envelope_reply_decode (zframe_data (frame), zframe_size (frame), &again, NULL, 0) == FST_OK);
    assert (reply.rc == again.rc && strcmp (reply.id, again.id) == 0);
    fst_envelope_reply_clear (&again);
    fst_envelope_reply_clear (&reply);
    zframe_destroy (&frame);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t bytes)
{
    s_request (data, bytes);
    s_reply (data, bytes);
    return 0;
}
