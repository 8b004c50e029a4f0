// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

namespace hepar {

// 1 - entropy / ln K of K probabilities with sum 1, in [0,1]: 1 when one class has all, 0 when
// every class is as likely. Less than two classes have nothing to doubt: 1.
double TrustOf(const std::vector<float>& probabilities);

}  // namespace hepar
