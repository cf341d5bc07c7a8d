#pragma once

#include <array>
#include <stdexcept>
#include <string>

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "fusion.hpp"

namespace arfuse {

/** Most clusters of a launch, by the size of its clusters. */
using FusionLimits = std::array<int, kMaxFusionCluster + 1>;

/** A prepared launch of a FlashInfer kernel. Its ranks enqueue it for the same numbers of rows in the same order. */
class FusionLaunch : public Launch {
 public:
  /** @param work - of the largest launch */
  FusionLaunch(int device, const void* code, const FusionKernel& kernel, const FusionParams& params, const FusionWork& work,
               const FusionHardware& hardware, const FusionLimits& limits)
      : Launch(device, work.rows), code_(code), kernel_(kernel), params_(params), work_(work), hardware_(hardware), limits_(limits) {}

  void enqueue(int rows, cudaStream_t stream) override {
    if (kernel_.shot == Shot::two && rows <= kernel_.ranks)
      throw std::invalid_argument("rows: a two-shot launch of " + std::to_string(kernel_.ranks) + " ranks needs more rows than ranks.");
    work_.rows = rows;
    FusionGeometry geometry = fusion_geometry(work_, hardware_);
    geometry.clusters = std::min(geometry.clusters, limits_[static_cast<std::size_t>(geometry.cluster)]);
    check(launch_fusion(code_, kernel_, params_, geometry, rows, stream), "FlashInfer");
  }

 private:
  const void* code_;
  FusionKernel kernel_;
  FusionParams params_;
  FusionWork work_;
  FusionHardware hardware_;
  FusionLimits limits_;
};

}  // namespace arfuse
