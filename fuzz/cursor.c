/* Event ids and cursors: any text is unknown or a position that is not negative. */
#include "fuzz.h"

#include "realtime/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str copy = fuzz_copy(str_from((const char *)data, size));
    struct replay_cursor c = cursor_read(copy);
    must(c.kind == REPLAY_UNKNOWN || (c.position >= 0 && c.marks >= 0));
    fuzz_free(&copy);
    return 0;
}
