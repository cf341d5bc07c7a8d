#pragma once

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "norm.hpp"

namespace arfuse {

/** A prepared norm: `params.rows` is its most rows. */
class NormLaunch : public Launch {
 public:
  NormLaunch(int device, const NormParams& params, Dtype dtype)
      : Launch(device, params.rows), params_(params), dtype_(dtype), overlaps_(norm_overlaps(device)) {}

  void enqueue(int rows, cudaStream_t stream) override {
    params_.rows = rows;
    check(launch_norm(params_, dtype_, overlaps_, stream), "norm");
  }

 private:
  NormParams params_;
  Dtype dtype_;
  bool overlaps_;
};

}  // namespace arfuse
