// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/error.h"

namespace hepar {

// Expects `function` to throw an Error of one line that has all of `parts`.
template <typename Function>
void ExpectError(ErrorKind kind, const std::vector<std::string>& parts, const Function& function) {
  try {
    function();
    ADD_FAILURE() << "no error, expected one with '" << parts.front() << "'";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    for (const auto& part : parts) EXPECT_THAT(error.what(), ::testing::HasSubstr(part));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

}  // namespace hepar
