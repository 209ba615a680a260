
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


/* Read byte by byte, no event of a stream is there whole, and so none is
   passed over as one that repeats another. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  types[] = {
    "application/json", "text/event-stream", "application/x-ndjson", ""
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_answer(types, data, size);
}
