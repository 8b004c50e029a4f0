// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar::testing {

// Lets an allocation by operator new fail, once: the `number`-th (from 1) of the calling thread
// during the lifetime of the object. One object a thread at a time. Linking this file replaces the
// program's operator new, for the libraries that it loads as well.
class FailingAllocation {
 public:
  explicit FailingAllocation(int number);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  // Whether it has failed.
  bool came() const;
};

}  // namespace hepar::testing
