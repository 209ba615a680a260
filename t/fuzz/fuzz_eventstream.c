
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


/* A frame is read also where its checksums are wrong, and so its headers, its
   base64 and what is in that are all within reach. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  types[] = {
    "application/vnd.amazon.eventstream", "",
    "application/vnd.amazon.eventstream", "application/json"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_answer(types, data, size);
}
