#pragma once

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "add.hpp"

namespace arfuse {

/** A prepared `out = round(a + b)`. */
class AddLaunch : public Launch {
 public:
  /** @param row_vectors - 16-byte vectors of a row */
  AddLaunch(int device, int max_rows, std::int64_t row_vectors, Dtype dtype, const void* a, const void* b, void* out)
      : Launch(device, max_rows), row_vectors_(row_vectors), dtype_(dtype), a_(a), b_(b), out_(out) {}

  void enqueue(int rows, cudaStream_t stream) override {
    check(launch_add(a_, b_, out_, rows * row_vectors_, dtype_, stream), "add");
  }

 private:
  std::int64_t row_vectors_;
  Dtype dtype_;
  const void* a_;
  const void* b_;
  void* out_;
};

}  // namespace arfuse
