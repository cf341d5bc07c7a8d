#pragma once

#include <cuda_runtime_api.h>

namespace arfuse {

/** A kernel with its buffers and parameters, checked once and ready to be enqueued for any number of rows up to its most. */
class Launch {
 public:
  Launch(int device, int max_rows) : device_(device), max_rows_(max_rows) {}
  virtual ~Launch() = default;
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  int device() const noexcept { return device_; }
  int max_rows() const noexcept { return max_rows_; }

  /**
   * Enqueues the kernel on a stream of its device, which is current. Allocates nothing and waits for nothing.
   * @param rows 1 … max_rows()
   * @throws CudaError or another std::exception with a sentence
   */
  virtual void enqueue(int rows, cudaStream_t stream) = 0;

 private:
  int device_;
  int max_rows_;
};

}  // namespace arfuse
