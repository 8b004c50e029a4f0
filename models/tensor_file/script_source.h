// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

namespace hepar {

// Checks on the source of TorchScript classes ("code/__torch__.py" in a container) before
// LibTorch's compiler reads it, which trusts what it finds and recurses as deep as a program is
// nested.

// Whether the classes declare attributes only, as those of a bundle without code do: no function,
// nothing that computes.
bool DeclaresOnly(std::string_view source);

// Throws Error(kDamaged), naming the line but no file, for nesting deeper than programs that are
// not made to do harm have, and for lines in the body of a class that are no declarations.
void CheckScriptSource(std::string_view source);

}  // namespace hepar
