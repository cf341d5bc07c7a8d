#pragma once

#include <napi.h>

#include <memory>

#include "../device/graph.hpp"

namespace arfuse::binding {

/** What `Stream.endCapture()` returns: a sequence that `Stream.launch()` enqueues by one call, until `close()`. */
class GraphObject : public Napi::ObjectWrap<GraphObject> {
 public:
  static constexpr napi_type_tag kTag = {0x2b94e07d51fa4c38, 0x9d16b3f08c7e2a55};
  static constexpr const char* kName = "Graph";

  static Napi::Function define(Napi::Env env);

  explicit GraphObject(const Napi::CallbackInfo& info);

  void take(std::unique_ptr<Graph> graph) { graph_ = std::move(graph); }
  /** @throws Napi::Error when it was closed */
  const Graph& graph(Napi::Env env) const;

 private:
  void close(const Napi::CallbackInfo& info);

  std::unique_ptr<Graph> graph_;
};

}  // namespace arfuse::binding
