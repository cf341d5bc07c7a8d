#pragma once

#include <cuda_runtime_api.h>

#include "../kernels/norm_params.hpp"
#include "../launch/exchange_geometry.hpp"
#include "exchange_params.hpp"

namespace arfuse {

/** Launches an exchange asynchronously. It spins until every peer has launched the same one. */
cudaError_t launch_exchange(const ExchangeParams& params, Shot shot, Dtype dtype, int ranks, int blocks, cudaStream_t stream);

/** Loads one variant of the kernels onto the current device; fails where the addon has no code for it. */
cudaError_t load_exchange_kernel(Shot shot, Dtype dtype, int ranks, bool delays);

/** Loads every variant: a first launch would block behind a spinning kernel. */
cudaError_t load_exchange_kernels();

}  // namespace arfuse
