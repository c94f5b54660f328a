/* SPDX-License-Identifier: MIT */
/* What a target needs under libFuzzer only. */
#include <stdlib.h>

#include "fuzz.h"

/* cmocka's assertions end a test; without one they must end the process in a way that libFuzzer takes for a finding. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}
