// SPDX-License-Identifier: MIT
// given.h — what the user said of each option, checked against the option's row in the table of options.cpp.
// Owner: values own their texts. Threads: values; reading the configuration is as safe as GDAL's.
// Each Get…() but the first is false, after an error that names the option, when the value is none of the option's.
#pragma once

#include <map>
#include <string>

#include <cpl_port.h>

namespace mly
{
// Where a value came from decides where a token may go.
enum class Source
{
    kDefault,
    kConfiguration,
    kOpenOption
};

struct Value
{
    Source source = Source::kDefault;
    std::string text;
    bool isSet = false;
};

// Open options and those in the dataset's name, by the table's spelling of the name.
using Given = std::map<std::string, std::string>;

// Open option (or in the name), then configuration, then the default. `name` is one of the table.
Value Get(const char *name, const Given &given);

bool GetInt(const char *name, const Given &given, GIntBig &out);
bool GetNumber(const char *name, const Given &given, double &out);
bool GetBool(const char *name, const Given &given, bool &out);

// The place of the value in the option's list.
bool GetChoice(const char *name, const Given &given, int &out);

// A key is repeated in a message only if it looks like one: anything else may be a secret in the wrong place.
bool LooksLikeKey(const std::string &key);
}  // namespace mly
