#pragma once

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "producer.hpp"

namespace arfuse {

/** A producer; its tensors say how many rows each has. */
class ProducerLaunch : public Launch {
 public:
  ProducerLaunch(int device, const ProducerParams& params)
      : Launch(device, 1), params_(params), overlaps_(producers_overlap(device)) {}

  void enqueue(int, cudaStream_t stream) override { check(launch_producer(params_, overlaps_, stream), "producer"); }

 private:
  ProducerParams params_;
  bool overlaps_;
};

/** A copy that does not wait for the kernel before it. */
class HastyCopyLaunch : public Launch {
 public:
  HastyCopyLaunch(int device, const HastyCopyParams& params)
      : Launch(device, 1), params_(params), overlaps_(producers_overlap(device)) {}

  void enqueue(int, cudaStream_t stream) override { check(launch_hasty_copy(params_, overlaps_, stream), "hasty copy"); }

 private:
  HastyCopyParams params_;
  bool overlaps_;
};

}  // namespace arfuse
