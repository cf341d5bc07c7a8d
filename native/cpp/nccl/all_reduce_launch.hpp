#pragma once

#include <memory>

#include "../device/cuda_error.hpp"
#include "../launch/launch.hpp"
#include "communicator.hpp"

namespace arfuse::nccl {

/** A prepared `ncclAllReduce`: from one buffer to another, or over the communicator's window, with a copy in and out. */
class AllReduceLaunch : public Launch {
 public:
  struct Buffers {
    const void* input;
    void* output;
  };

  AllReduceLaunch(std::shared_ptr<Communicator> communicator, int max_rows, std::size_t hidden, DataType type,
                  const Buffers& buffers, bool windowed)
      : Launch(communicator->device(), max_rows),
        communicator_(std::move(communicator)),
        hidden_(hidden),
        type_(type),
        buffers_(buffers),
        windowed_(windowed) {}

  void enqueue(int rows, cudaStream_t stream) override {
    const std::size_t count = static_cast<std::size_t>(rows) * hidden_;
    RawCommunicator* communicator = communicator_->get();
    if (!windowed_) return reduce(buffers_.input, buffers_.output, count, communicator, stream);
    const std::size_t bytes = count * (type_ == DataType::float32 ? 4 : 2);
    void* window = communicator_->window(bytes);
    check(cudaMemcpyAsync(window, buffers_.input, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
    reduce(window, window, count, communicator, stream);
    check(cudaMemcpyAsync(buffers_.output, window, bytes, cudaMemcpyDeviceToDevice, stream), "cudaMemcpyAsync");
  }

 private:
  void reduce(const void* input, void* output, std::size_t count, RawCommunicator* communicator, cudaStream_t stream) {
    const Library& library = communicator_->library();
    library.check(library.api().all_reduce(input, output, count, type_, kSum, communicator, stream), "ncclAllReduce");
  }

  std::shared_ptr<Communicator> communicator_;
  std::size_t hidden_;
  DataType type_;
  Buffers buffers_;
  bool windowed_;
};

}  // namespace arfuse::nccl
