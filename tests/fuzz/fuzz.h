/* SPDX-License-Identifier: MIT */
/* fuzz.h — what every target is: a function of bytes that whoever runs it chose. It asserts what must hold whatever
 * they are; the sanitizers assert the rest. Owner: the bytes are the caller's. Threads: one. */
#ifndef MLY_TEST_FUZZ_H
#define MLY_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libFuzzer's name for it. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's own: called once, before all inputs. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#ifdef __cplusplus
}
#endif

#endif
