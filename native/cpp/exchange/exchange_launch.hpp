#pragma once

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "exchange.hpp"

namespace arfuse {

/** What all ranks of a prepared exchange share. */
struct ExchangeShape {
  Shot shot;
  Dtype dtype;
  int ranks;
  std::size_t row_bytes;
  int most_blocks;
};

/** A prepared exchange. Its ranks enqueue it for the same numbers of rows in the same order. */
class ExchangeLaunch : public Launch {
 public:
  ExchangeLaunch(int device, int max_rows, const ExchangeShape& shape, const ExchangeParams& params)
      : Launch(device, max_rows), shape_(shape), params_(params) {}

  void enqueue(int rows, cudaStream_t stream) override {
    const std::size_t bytes = static_cast<std::size_t>(rows) * shape_.row_bytes;
    const ExchangeGeometry geometry = exchange_geometry(shape_.shot, bytes, shape_.ranks, shape_.most_blocks);
    params_.vectors = geometry.vectors;
    params_.shared = geometry.shared;
    check(launch_exchange(params_, shape_.shot, shape_.dtype, shape_.ranks, geometry.blocks, stream), "exchange");
  }

 private:
  ExchangeShape shape_;
  ExchangeParams params_;
};

}  // namespace arfuse
