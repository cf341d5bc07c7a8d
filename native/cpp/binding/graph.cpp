#include "graph.hpp"

namespace arfuse::binding {

Napi::Function GraphObject::define(Napi::Env env) {
  return DefineClass(env, "Graph", {InstanceMethod<&GraphObject::close>("close")});
}

GraphObject::GraphObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<GraphObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

const Graph& GraphObject::graph(Napi::Env env) const {
  if (!graph_) throw Napi::Error::New(env, "the graph is closed, or no capture made it.");
  return *graph_;
}

void GraphObject::close(const Napi::CallbackInfo&) { graph_.reset(); }

}  // namespace arfuse::binding
