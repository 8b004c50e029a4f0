// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include "tests/elements/element_test.h"

namespace hepar::testing {

// Memory that counts how often it is mapped. For one source file of a program.
struct CountingMemory {
  GstMemory memory;
  int maps;
  guint8* data;
};

using CountingAllocator = GstAllocator;
using CountingAllocatorClass = GstAllocatorClass;
G_DEFINE_TYPE(CountingAllocator, counting_allocator, GST_TYPE_ALLOCATOR)

static GstMemory* AllocateCounting(GstAllocator* allocator, gsize size, GstAllocationParams*) {
  auto* memory = g_new0(CountingMemory, 1);
  memory->data = static_cast<guint8*>(g_malloc0(size));
  gst_memory_init(&memory->memory, GST_MEMORY_FLAG_NO_SHARE, allocator, nullptr, size, 0, 0, size);
  return &memory->memory;
}

static void FreeCounting(GstAllocator*, GstMemory* memory) {
  g_free(reinterpret_cast<CountingMemory*>(memory)->data);
  g_free(memory);
}

static gpointer MapCounting(GstMemory* memory, gsize, GstMapFlags) {
  auto* counting = reinterpret_cast<CountingMemory*>(memory);
  ++counting->maps;
  return counting->data;
}

static void UnmapCounting(GstMemory*) {}

static void counting_allocator_class_init(CountingAllocatorClass* klass) {
  klass->alloc = AllocateCounting;
  klass->free = FreeCounting;
}

static void counting_allocator_init(CountingAllocator* allocator) {
  allocator->mem_type = "Counting";
  allocator->mem_map = MapCounting;
  allocator->mem_unmap = UnmapCounting;
}

// A buffer of `size` zero bytes in such memory.
inline BufferPtr CountingBuffer(gsize size) {
  auto* allocator = GST_ALLOCATOR(g_object_new(counting_allocator_get_type(), nullptr));
  gst_object_ref_sink(allocator);
  BufferPtr buffer(gst_buffer_new());
  gst_buffer_append_memory(buffer.get(), gst_allocator_alloc(allocator, size, nullptr));
  gst_object_unref(allocator);
  return buffer;
}

inline int MapsOf(GstBuffer* buffer) {
  return reinterpret_cast<CountingMemory*>(gst_buffer_peek_memory(buffer, 0))->maps;
}

}  // namespace hepar::testing
