// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Meson precompiles a header for a library with at least one source.
