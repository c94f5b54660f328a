// SPDX-License-Identifier: MIT
// selection.h — the options that say what is read, and where: area, place, fields, positions, sequences.
// Owner: nothing is kept. Threads: as options.h. Source: SPEC.md 1.
#pragma once

#include "given.h"
#include "options.h"

namespace mly
{
// False, after an error that names the option, when one is malformed or does not go with another. Reads the area's
// file.
bool ReadSelection(const Given &given, Settings &settings);
}  // namespace mly
